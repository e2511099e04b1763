"""The catalogue made anew from the two roots; a vault reopened with its recovery file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from evidence_vault.core.commit import Committed
from evidence_vault.core.event import parse_entry
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.errors import EvidenceError, FormatError, KeyProblem, UsageError, VaultError
from evidence_vault.log.catalogue import Catalogue, EntryRow, IndexRows
from evidence_vault.log.places import owners
from evidence_vault.log.publisher import publish_again
from evidence_vault.log.sequencer import Sequencer
from evidence_vault.seal.keyring import Ed25519Signer, Keyring
from evidence_vault.seal.recovery import read_recovery
from evidence_vault.vault.cosignatures import relearn_cosignatures
from evidence_vault.vault.countersigning import relearn_peers
from evidence_vault.vault.creation import replace_keyring
from evidence_vault.vault.digesting import digest_committed, members_of
from evidence_vault.vault.opening import Vault, open_vault
from evidence_vault.vault.stamping import collect_stamps
from evidence_vault.vault.standing import NO_KEY, OK, confirm, standing

Progress = Callable[[int, int], None]
_NAMED = 20


def rebuild(
    folder: Path,
    passphrase: Callable[[], str],
    *,
    recovery: Path | None = None,
    expect: Path | None = None,
    no_index: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Recreate the catalogue from ``archive/`` and ``control/`` alone.

    ``recovery``: a recovery file, when the keyring or its passphrase is lost; a new keyring is
    made under ``passphrase``, which reads everything and signs nothing until ``log succeed``.
    ``no_index``: leave out the searchable tables. The old catalogue is kept until the new one is
    complete. A store that ends early is replayed as far as it goes; ``state`` says so. Entries
    whose records can't be opened (headers lost) are kept without searchable values and named in
    ``notices``, with exit 10. Tiles that are lost and follow from the commits are published again.
    Raises LogInconsistent when the store contradicts itself.
    """
    told = _Told()
    with open_vault(folder, passphrase) as vault:
        if recovery is not None:
            recover(vault, recovery, passphrase)
        _ = vault.keyring
        with vault.locked():
            entries, items = _replay(vault, not no_index, progress, told)
    with open_vault(folder, passphrase) as vault, vault.locked():
        frontier = vault.catalogue.frontier()
        if expect is not None:
            confirm(vault, frontier, expect)
        found = standing(vault, frontier)
        relearn_peers(vault)
        relearn_cosignatures(vault)
    return {
        "entries": entries,
        "exit": 11 if found.state not in (OK, NO_KEY) else 10 if told.unread else 0,
        "items": items,
        "notices": [*told.notices(), *found.reasons],
        "state": found.state,
    }


class _Told:
    """What a rebuild could not read, or made anew."""

    def __init__(self) -> None:
        self.unread: list[str] = []
        self.why = ""
        self.published: list[str] = []

    def unreadable(self, name: str, error: VaultError) -> None:
        self.unread.append(name)
        self.why = self.why or error.message

    def notices(self) -> list[str]:
        said = list(self.published)
        if self.unread:
            more = f" and {len(self.unread) - _NAMED} more" if len(self.unread) > _NAMED else ""
            said.append(
                f"{len(self.unread)} entries could not be opened and are kept without searchable "
                f"values: {', '.join(self.unread[:_NAMED])}{more} ({self.why}); put the lost part "
                "of control/ back from a copy and run rebuild again"
            )
        return said


def _replay(
    vault: Vault, with_index: bool, progress: Progress | None, told: _Told
) -> tuple[int, int]:
    _demand_own(vault)
    current = vault.config.log
    catalogue = Catalogue.fresh(vault.place, index=not vault.keyring.is_station)
    entries = 0
    if not with_index:
        catalogue.mark_unindexed()
    try:
        for number in range(current + 1):
            if number:
                catalogue.add_log(number)
            vault.use(catalogue, number)
            sequencer = Sequencer(vault.log, catalogue)
            entries += _replay_log(vault, sequencer, with_index, progress, told)
            _publish_again(vault, sequencer.frontier.size, told)
            collect_stamps(vault)
            if number < current:
                relearn_cosignatures(vault)
        items = catalogue.count_items()
    finally:
        catalogue.close()
        vault.use(None, current)
    vault.demand_held()
    catalogue.take_place(vault.place)
    return entries, items


def _demand_own(vault: Vault) -> None:
    """Raises UsageError (E-EXISTS) where the database holds the catalogue of another vault."""
    known = owners(vault.place)
    if known and vault.keyring.origin not in known:
        ours = {vault.entry_zero(vault.log_number(n)).origin for n in range(vault.config.log + 1)}
        if not known & ours:
            raise UsageError(
                "the database holds the catalogue of another vault",
                code="E-EXISTS",
                hint="vault.toml names the wrong database",
            )


def _replay_log(
    vault: Vault, sequencer: Sequencer, with_index: bool, progress: Progress | None, told: _Told
) -> int:
    def digest(at: int, start: int, committed: Committed, rows: IndexRows) -> EntryRow:
        try:
            return digest_committed(vault, at, start, committed, rows, with_index)
        except (EvidenceError, FormatError) as error:
            event = parse_entry(committed.entry).event
            subject = event.subject
            told.unreadable(f"entry {at} ({subject.get('id', subject['kind'])})", error)
            if subject["kind"] == "set":
                vault.catalogue.mark_unread(vault.log.number)
            leaf, members = leaf_hash(committed.entry), members_of(event, {})
            return EntryRow(at, leaf, start, event.type, event.recorded_at, members)

    return sequencer.catch_up(digest, progress)


def _publish_again(vault: Vault, entries: int, told: _Told) -> None:
    """What is lost of the published log and follows from its commits."""
    try:
        stored = vault.checkpoint()
        if stored is None or stored.checkpoint.size > entries:
            return
        made = publish_again(vault.log, stored.checkpoint.size, stored.checkpoint.root)
    except VaultError as error:
        told.published.append(f"the published log could not be completed: {error.message}")
        return
    if made:
        told.published.append(f"published again what was missing: {', '.join(made[:_NAMED])}")


def recover(vault: Vault, recovery: Path, passphrase: Callable[[], str]) -> None:
    """Make a keyring from a recovery file: it reads what was sealed to the recovery recipient."""
    try:
        rescue = read_recovery(recovery.read_bytes(), passphrase)
    except OSError as error:
        raise UsageError(f"{recovery} can't be read: {error.strerror}") from error
    zero = vault.entry_zero()
    root = Ed25519Signer(rescue.root_seed)
    if root.keyid not in zero.with_role("root"):
        raise KeyProblem(
            "this recovery file belongs to another vault",
            code="E-RECOVERY-FOREIGN",
            hint="look for the file that names the log " + zero.origin,
        )
    if rescue.identity is None:
        raise KeyProblem(
            "this is the recovery file of a field vault: it holds no key that reads",
            code="E-STATION",
            hint="what the field vault holds is read at its desk: carry archive/ and control/ "
            "there, and set up a new field vault with `evidence-vault init DIR --station CARD`",
        )
    keyring = Keyring.recovered(
        zero.origin,
        zero.prefix,
        vault.config.plaintext,
        str(rescue.identity),
        str(rescue.identity.to_recipient()),
    )
    replace_keyring(vault, keyring, passphrase())
    vault.adopt_keyring(keyring)
