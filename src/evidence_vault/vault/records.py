"""Reading back: entries, their disclosures, and the content of items."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from evidence_vault.core.canonical import parse_canonical
from evidence_vault.core.commit import Committed
from evidence_vault.core.disclosure import Disclosure, check_disclosures, parse_set
from evidence_vault.core.event import Event, Unit, parse_entry
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.core.tiles import TILE_WIDTH
from evidence_vault.errors import (
    EvidenceError,
    FormatError,
    LogInconsistent,
    NotFound,
    UsageError,
)
from evidence_vault.log.logstore import LogStore
from evidence_vault.seal.units import open_bytes, open_payload, unwrap
from evidence_vault.vault.opening import Vault, demand_desk

MAX_METADATA = 256 * 1024 * 1024
_READ_AHEAD = 256 * 1024
_UNITS = {"content": "its original", "metadata": "its metadata"}


@dataclass(frozen=True)
class ItemEvent:
    """One event of an item with everything this vault can read of it."""

    log: int
    index: int
    seq: int
    entry: bytes
    event: Event
    disclosures: dict[str, Disclosure]
    committed: Committed

    @property
    def values(self) -> dict[str, Any]:
        """Field values by name."""
        return {name: d.value for name, d in self.disclosures.items()}


def committed_at(vault: Vault, index: int, log: int | None = None) -> Committed:
    """The entry at ``index`` with its record and headers, compared with the catalogue's leaf."""
    number = vault.config.log if log is None else log
    store: LogStore = vault.log if number == vault.config.log else vault.log_number(number)
    row = vault.catalogue.entry(index, number)
    try:
        commit = store.commit(row.commit_start)
        if commit.is_stub:
            found = store.group(index // TILE_WIDTH)[index % TILE_WIDTH]
        else:
            found = commit.entries[index - commit.start]
    except NotFound as error:
        raise EvidenceError(
            f"entry {index} is missing from the store: {error.message}",
            code="E-ENTRY-MISSING",
            hint="run `evidence-vault log audit`; a replica or backup may still have it",
        ) from error
    if leaf_hash(found.entry) != row.leaf:
        raise LogInconsistent(
            f"entry {index} in the store is not the one in the catalogue",
            code="E-ENTRY-CHANGED",
            hint="run `evidence-vault log audit`",
        )
    return found


def open_record(vault: Vault, committed: Committed, event: Event) -> dict[str, Disclosure]:
    """The disclosures of an entry, each checked against its commitment.

    Raises KeyProblem without a key that opens them, EvidenceError for changed bytes.
    """
    return disclosed(committed, event, lambda unit: file_key_of(vault, committed, unit))


def disclosed(
    committed: Committed, event: Event, file_key_for: Callable[[Unit], bytes | None]
) -> dict[str, Disclosure]:
    """As :func:`open_record`, with a way to the file key of the record's unit."""
    unit = next((u for u in event.units if u.kind == "record"), None)
    if unit is None:
        return {}
    found = hashlib.sha256(committed.record).hexdigest()
    if found != unit.objects[0]:
        raise EvidenceError(
            f"the record of an entry was changed: expected {unit.objects[0]}, found {found}",
            code="E-RECORD-CHANGED",
        )
    file_key = file_key_for(unit)
    try:
        disclosures = parse_set(open_bytes(file_key, "disclosures", committed.record))
    except FormatError as error:
        raise EvidenceError(f"a record can't be read: {error.message}") from error
    check_disclosures(event.commitments, disclosures.values())
    return disclosures


def file_key_of(vault: Vault, committed: Committed, unit: Unit) -> bytes | None:
    """The file key of a unit; None when it was stored in plaintext.

    Raises EvidenceError (E-HEADER-MISSING) when the header is gone: the unit was erased, or
    ``control/`` is damaged.
    """
    if unit.header is None:
        return None
    demand_desk(vault, "open it")
    return unwrap(header_of(committed, unit), unit, vault.identities)


def header_of(committed: Committed, unit: Unit) -> bytes:
    """The age header of a unit. Raises EvidenceError (E-HEADER-MISSING) when it is gone."""
    header = committed.headers.get(unit.id)
    if header is None:
        raise EvidenceError(
            f"the header of unit {unit.id} is missing: its content can't be opened",
            code="E-HEADER-MISSING",
            hint="it was erased, or removed after a hand-over (`evidence-vault transfer list`), or "
            "control/ is incomplete: run `evidence-vault fixity`",
        )
    return header


Read = tuple[Committed, Event, dict[str, Disclosure]]


def item_history(
    vault: Vault, item: str, log: int | None = None, sets: dict[tuple[int, int], Read] | None = None
) -> Iterator[ItemEvent]:
    """Events of an item, oldest first, with their disclosures (needs the keyring).

    Without ``log``: of every log of this vault, in order. On a field vault, which reads nothing,
    without disclosures. ``sets`` keeps what was read of events about sets of items, by (log,
    index): one such event names all of its items, so whoever reads the histories of many hands
    in the same one, and each is opened and held once.
    """
    sets = {} if sets is None else sets
    logs = range(vault.config.log + 1) if log is None else [log]
    if vault.catalogue.home(item) is None:
        raise UsageError(
            f"there is no item {item} in this vault",
            code="E-NO-ITEM",
            hint="`evidence-vault list` shows the items",
        )
    for number in logs:
        for seq, index in enumerate(vault.catalogue.history(item, number)):
            read = sets.get((number, index)) or _read(vault, number, index)
            committed, event, disclosures = read
            if event.subject["kind"] == "set":
                sets[number, index] = read
            yield ItemEvent(number, index, seq, committed.entry, event, disclosures, committed)


def _read(vault: Vault, log: int, index: int) -> Read:
    committed = committed_at(vault, index, log)
    event = parse_entry(committed.entry).event
    station = vault.keyring.is_station
    return committed, event, {} if station else open_record(vault, committed, event)


def ingested_event(vault: Vault, item: str) -> ItemEvent:
    """The event that took an item in."""
    return next(item_history(vault, item))


def unit_of(event: Event, kind: str) -> Unit | None:
    """The event's unit of a kind, or None."""
    return next((u for u in event.units if u.kind == kind), None)


def open_content(vault: Vault, ingested: ItemEvent) -> BinaryIO:
    """A seekable reader of an item's original bytes."""
    unit = unit_of(ingested.event, "content")
    if unit is None:
        raise EvidenceError("the entry names no content", code="E-NO-CONTENT")
    return open_unit(vault, ingested, unit)


def open_unit(vault: Vault, ingested: ItemEvent, unit: Unit) -> BinaryIO:
    """A seekable reader of one large unit's true bytes."""
    file_key = file_key_of(vault, ingested.committed, unit)
    name = str(ingested.event.subject.get("id", f"entry {ingested.index}"))
    with _told_of(name, unit.kind):
        opened = open_payload(file_key, open_objects(vault, unit.objects))
    return io.BufferedReader(_OfItem(opened, name, unit.kind), _READ_AHEAD)


def read_metadata(vault: Vault, ingested: ItemEvent) -> dict[str, Any] | None:
    """The extracted metadata of an item, or None when there is none."""
    unit = unit_of(ingested.event, "metadata")
    if unit is None:
        return None
    file_key = file_key_of(vault, ingested.committed, unit)
    with _told_of(str(ingested.event.subject.get("id", "")), unit.kind):
        with open_objects(vault, unit.objects) as stream:
            payload = stream.read(MAX_METADATA)
        data = open_bytes(file_key, "metadata", payload)
    value = parse_canonical(data, "extracted metadata")
    return value if isinstance(value, dict) else None


@contextmanager
def _told_of(item: str, kind: str) -> Iterator[None]:
    """Damage of stored objects as an EvidenceError that names the item."""
    what = _UNITS.get(kind, kind)
    hint = f"run `evidence-vault fixity {item}`; keep the disk, a copy may still have the bytes"
    try:
        yield
    except NotFound as error:
        message = f"{item}: a stored object of {what} is missing: {error.message}"
        raise EvidenceError(message, code="E-OBJECT-MISSING", hint=hint) from error
    except (EvidenceError, FormatError) as error:
        message = f"{item}: a stored object of {what} was changed: {error.message}"
        raise EvidenceError(message, code="E-OBJECT-CHANGED", hint=hint) from error


class _OfItem(io.RawIOBase):
    """The true bytes of a unit; damage met while reading names the item."""

    def __init__(self, stream: BinaryIO, item: str, kind: str) -> None:
        super().__init__()
        self._stream, self._item, self._kind = stream, item, kind

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with _told_of(self._item, self._kind):
            return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readinto(self, buffer: Any) -> int:
        with _told_of(self._item, self._kind):
            data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def open_objects(vault: Vault, digests: Sequence[str]) -> BinaryIO:
    """One reader over the stored parts of a payload."""
    return joined([vault.open_object(d) for d in digests])


def joined(parts: list[BinaryIO]) -> BinaryIO:
    """Several open files as one seekable file; closing it closes them."""
    return parts[0] if len(parts) == 1 else io.BufferedReader(_Joined(parts))


class _Joined(io.RawIOBase):
    """Several open files as one seekable file."""

    def __init__(self, parts: list[BinaryIO]) -> None:
        super().__init__()
        self._parts = parts
        self._sizes = [part.seek(0, io.SEEK_END) for part in parts]
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: sum(self._sizes)}
        self._position = base[whence] + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        offset = self._position
        for part, size in zip(self._parts, self._sizes, strict=True):
            if offset < size:
                part.seek(offset)
                data = part.read(min(len(buffer), size - offset))
                buffer[: len(data)] = data
                self._position += len(data)
                return len(data)
            offset -= size
        return 0

    def close(self) -> None:
        for part in self._parts:
            part.close()
        super().close()
