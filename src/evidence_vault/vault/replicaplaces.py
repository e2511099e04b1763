"""Where a replica lies: its two roots, and the marker that says whose copy it is.

    PLACE/archive/…  PLACE/control/…     as in a vault, each with its ``replica.json``

A place is a folder, or a URL of a bucket. What counts is the event that enrolled it; the marker is
how a wrong disk, another vault's copy or an empty mount point is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evidence_vault.config import is_url
from evidence_vault.core.replicas import (
    ARCHIVE,
    BOTH,
    CONTROL,
    MARKER,
    MAX_MARKER,
    Mac,
    Marker,
    Position,
    format_marker,
    parse_marker,
)
from evidence_vault.errors import EvidenceError, FormatError, NotFound, StoreError, UsageError
from evidence_vault.log.logstore import LogStore
from evidence_vault.store.opening import Store, open_store
from evidence_vault.vault.mirrorparts import Target
from evidence_vault.vault.opening import Vault

_LOCKING = ("lock", "days")


@dataclass(frozen=True)
class Replica:
    """One enrolled replica. ``log``, ``index``: the event that enrolled it."""

    id: str
    name: str
    place: str
    part: str
    log: int
    index: int

    @property
    def parts(self) -> tuple[str, ...]:
        return parts_of(self.part)


def parts_of(part: str) -> tuple[str, ...]:
    return (ARCHIVE, CONTROL) if part == BOTH else (part,)


def whole_place(place: str) -> str:
    """A place as it is recorded: a URL, or an absolute path."""
    return place if is_url(place) else str(Path(place).absolute())


def part_of_place(place: str, part: str) -> str:
    """The root of one part: a folder below the place, for a bucket below its prefix."""
    if not is_url(place):
        return str(Path(place) / part)
    base, question, query = place.partition("?")
    asked = query.split("&") if question else []
    if part == CONTROL:  # what may have to be destroyed is never locked
        asked = [each for each in asked if each.partition("=")[0] not in _LOCKING]
    return f"{base.rstrip('/')}/{part}" + ("?" + "&".join(asked) if asked else "")


def open_part(place: str, part: str, folder: Path) -> Store:
    """One root of a replica. ``folder``: for bytes on their way into a bucket."""
    return open_store(part_of_place(place, part), folder, f"replica-{part}")


def open_target(place: str, part: str, folder: Path) -> Target:
    """The roots that a replica holds."""
    parts = parts_of(part)
    return Target(
        open_part(place, ARCHIVE, folder) if ARCHIVE in parts else None,
        open_part(place, CONTROL, folder) if CONTROL in parts else None,
    )


def stores_of(target: Target) -> dict[str, Store]:
    """By part, those that are there."""
    both = {ARCHIVE: target.archive, CONTROL: target.control}
    return {part: store for part, store in both.items() if store is not None}


def read_marker(store: Store, mac: Mac | None) -> tuple[Marker, bool]:
    """(marker, whether this vault wrote it). Raises NotFound, FormatError."""
    with store.open(MARKER) as stream:
        return parse_marker(stream.read(MAX_MARKER), mac)


def marker_mac(vault: Vault) -> Mac:
    return lambda message: vault.keyring.mac("replica", message)


def first_origin(vault: Vault) -> str:
    """The origin of the vault's first log: it stays when a log is succeeded."""
    return vault.entry_zero(vault.log_number(0)).origin


def write_markers(vault: Vault, replica: Replica, target: Target, position: Position) -> None:
    """Durable in each root on return."""
    for part, store in stores_of(target).items():
        marker = Marker(first_origin(vault), replica.id, part, vault.config.plaintext, position)
        store.replace(MARKER, format_marker(marker, marker_mac(vault)))


def demand_marker(
    vault: Vault, replica: Replica, target: Target, lenient: bool = False
) -> Position:
    """How far the replica is, by the marker of the root that is furthest behind.

    A marker that this keyring did not write says nothing of how far: then all is compared again.
    ``lenient``: the same for one that can't be read. Raises StoreError (E-REPLICA-ABSENT) where
    nothing is there, EvidenceError (E-REPLICA-FOREIGN) for another vault's or another replica's
    copy, (E-REPLICA-MARKER) for one that is damaged.
    """
    found = []
    for part, store in stores_of(target).items():
        try:
            marker, ours = read_marker(store, marker_mac(vault))
        except NotFound:
            raise StoreError(
                f"the replica {replica.name} is not there: its place holds no {part}/{MARKER}",
                code="E-REPLICA-ABSENT",
                hint="is the disk attached? if it is lost: `evidence-vault replica retire`",
            ) from None
        except FormatError as error:
            if not lenient:
                raise EvidenceError(
                    f"the marker of replica {replica.name} is damaged: {error.message}",
                    code="E-REPLICA-MARKER",
                    hint=f"compare all of it: `evidence-vault replica sync --whole {replica.name}`",
                ) from error
            found.append(Position())
            continue
        if (marker.origin, marker.part) != (first_origin(vault), part):
            raise foreign(replica.name, "another vault")
        if marker.replica != replica.id:
            raise foreign(replica.name, "another replica of this vault")
        found.append(marker.position if ours else Position())
    return min(found, key=lambda at: (at.log, at.size))


def foreign(name: str, whose: str) -> EvidenceError:
    """The error for a place that holds another copy than the one enrolled."""
    return EvidenceError(
        f"at the place of replica {name} lies a copy of {whose}; it was not touched",
        code="E-REPLICA-FOREIGN",
        hint="attach the right medium, or retire this replica and add the place under a new name",
    )


def demand_place(vault: Vault, place: str, part: str) -> Target:
    """A place that may become a replica; nothing is written.

    Empty, or a copy of this very vault. Raises UsageError (E-REPLICA-INSIDE) for one in or around
    the vault's folder, (E-REPLICA-TAKEN) for one that holds something else, (E-S3-VERSIONED) for a
    bucket that keeps versions of what must be destroyed.
    """
    if is_url(place):
        from evidence_vault.store.s3buckets import demand_unversioned
        from evidence_vault.store.s3place import parse_place
    else:
        _demand_apart(vault, Path(place))
    target = open_target(place, part, vault.folder)
    for name, store in stores_of(target).items():
        if is_url(place) and not store.locks:
            demand_unversioned(parse_place(part_of_place(place, name)))
        try:
            marker, _ = read_marker(store, None)
        except NotFound:
            if next(iter(store.keys("")), None) is not None:
                raise _taken(place, f"{name}/ holds something already") from None
            continue
        if (marker.origin, marker.part) != (first_origin(vault), name):
            raise _taken(place, "it holds a copy of another vault")
        if marker.plaintext != vault.config.plaintext:
            raise _taken(place, "it holds a copy of another vault")
    return target


def _demand_apart(vault: Vault, place: Path) -> None:
    real, folder = place.resolve(), vault.folder.resolve()
    roots = [folder]
    for each in (vault.config.archive, vault.config.control):
        if not is_url(each):
            roots.append((folder / each).resolve())
    for root in roots:
        if real == root or real.is_relative_to(root) or root.is_relative_to(real):
            raise UsageError(
                "a replica can't lie in the vault, nor the vault in it: one accident takes both",
                code="E-REPLICA-INSIDE",
                hint="name a folder on another disk",
            )
    if not real.parent.is_dir():
        raise UsageError(f"the folder {place.parent} does not exist", code="E-NO-FOLDER")
    if real.exists() and not real.is_dir():
        raise _taken(str(place), "it is no folder")


def _taken(place: str, why: str) -> UsageError:
    return UsageError(
        f"{place} can't become a replica: {why}",
        code="E-REPLICA-TAKEN",
        hint="name an empty folder or prefix",
    )


def log_of(vault: Vault, target: Target, number: int) -> LogStore:
    """A log as the replica holds it; the part it does not hold is read from the vault."""
    archive, control = target.archive or vault.archive, target.control or vault.control
    return LogStore(archive, control, number, vault.config.plaintext)
