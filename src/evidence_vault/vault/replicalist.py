"""Which replicas there are: read from the log, and chosen by name or by place."""

from __future__ import annotations

from dataclasses import dataclass

from evidence_vault.core.event import parse_entry
from evidence_vault.core.keeping import is_keeper
from evidence_vault.core.replicas import ARCHIVE, CONTROL
from evidence_vault.errors import EvidenceError, UsageError, VaultError
from evidence_vault.log.tables import LogReplica
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.records import committed_at
from evidence_vault.vault.replicaplaces import (
    Replica,
    marker_mac,
    open_part,
    read_marker,
    whole_place,
)
from evidence_vault.vault.setnotes import entry_values

UPDATE_WAY = "evidence-vault replica update"


@dataclass(frozen=True)
class Enrolled:
    """A replica, and what the log says became of it."""

    replica: Replica
    row: LogReplica

    def holds(self, log: int, size: int) -> bool:
        """Whether it was synced up to entry ``size`` of ``log``, with nothing found damaged."""
        return (self.row.synced_log, self.row.synced_size) >= (log, size) and not self.row.damaged


def enrolled(vault: Vault, retired: bool = False) -> list[Enrolled]:
    """Every replica in order of enrolment; needs the keyring. None on a field vault.

    One whose enrolment can't be read any more (its header is lost) is called by its id, and its
    place is not known: it may be given by its place.
    """
    if vault.keyring.is_station:
        return []
    found = []
    for row in vault.catalogue.replicas(retired):
        try:
            committed = committed_at(vault, row.idx, row.log)
            told = entry_values(vault, committed, parse_entry(committed.entry).event)["replica"]
        except EvidenceError:
            told = {"name": row.id[:8], "place": ""}
        replica = Replica(row.id, told["name"], told["place"], row.part, row.log, row.idx)
        found.append(Enrolled(replica, row))
    return found


def _by_place(vault: Vault, place: str) -> Enrolled | None:
    """The replica that lies at a place, by the id in its marker."""
    rows = {row.id: row for row in vault.catalogue.replicas()}
    for part in (ARCHIVE, CONTROL):
        try:
            marker, ours = read_marker(open_part(place, part, vault.folder), marker_mac(vault))
        except VaultError:
            continue
        row = rows.get(marker.replica)
        if ours and row is not None:
            where = whole_place(place)
            return Enrolled(Replica(row.id, place, where, row.part, row.log, row.idx), row)
    return None


def chosen(vault: Vault, names: list[str], kept: bool = False) -> list[Enrolled]:
    """Those named, or all; raises UsageError for a name that is none.

    ``kept``: those in other hands, too. Without it, all means all that can be reached, and naming
    one that somebody else keeps is a UsageError (E-IN-OTHER-HANDS).
    """
    known = {each.replica.name: each for each in enrolled(vault)}
    if not kept:
        for name in names:
            if name in known and is_keeper(known[name].replica.place):
                raise UsageError(
                    f"{name} is in other hands: this vault can't reach it",
                    code="E-IN-OTHER-HANDS",
                    hint=f"send what is new: `{UPDATE_WAY} {name} -o FILE`",
                )
        known = {n: each for n, each in known.items() if not is_keeper(each.replica.place)}
    for name in names:
        if name not in known and not is_keeper(name):
            there = _by_place(vault, name)
            known |= {} if there is None else {name: there}
        if name not in known:
            raise UsageError(
                f"there is no replica {name}",
                code="E-NO-REPLICA",
                hint="`evidence-vault replica status` shows them",
            )
    if not known:
        raise UsageError(
            "this vault has no replica that it can reach",
            code="E-NO-REPLICA",
            hint="add one: `evidence-vault replica add NAME PLACE --reason TEXT`",
        )
    return [known[name] for name in names] if names else list(known.values())
