"""Derivatives of items: made, recorded, found again, recomputed.

What was asked for and can't be kept is recorded, too, with the reason: nobody has to guess why
an item has no share copy.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from evidence_vault.bundle.custody import is_void
from evidence_vault.capture.privatefolder import PrivateFolder
from evidence_vault.capture.strip.maker import CopyMaker
from evidence_vault.core.derivation import (
    DERIVED,
    MAX_STATEMENT,
    REFUSED,
    SHARE_COPY,
    Parent,
    format_statement,
    parse_statement,
)
from evidence_vault.core.event import Event, Unit
from evidence_vault.errors import EvidenceError, Unchecked, UsageError
from evidence_vault.osfiles import free_bytes
from evidence_vault.seal.units import UnitKey, UnitMaker, open_bytes
from evidence_vault.vault.checking import publish_and_sign
from evidence_vault.vault.copying import SealedCopy, make_copy
from evidence_vault.vault.foreign import foreign_arrival
from evidence_vault.vault.job import Desk, Handle, stage_sealed
from evidence_vault.vault.keys import key_state
from evidence_vault.vault.opening import Vault, demand_desk
from evidence_vault.vault.records import (
    ItemEvent,
    file_key_of,
    ingested_event,
    item_history,
    open_content,
    open_objects,
    unit_of,
)
from evidence_vault.vault.writer import Writer, writing

_BLOCK = 1024 * 1024
Progress = Callable[[int, int], None]


# -- recording ---------------------------------------------------------------------------------


def record(
    writer: Writer,
    parent: Parent,
    kind: str,
    report: Mapping[str, Any],
    sealed: SealedCopy | None,
    by: str | None,
    purpose: str | None = None,
) -> None:
    """Prepare the event about a derivative, with its statement."""
    statement = format_statement(report, parent)
    outcome = str(report["outcome"])
    record_statement(writer, parent, kind, outcome, statement, sealed, by, purpose)


def record_statement(
    writer: Writer,
    parent: Parent,
    kind: str,
    outcome: str,
    statement: bytes,
    sealed: SealedCopy | None,
    by: str | None,
    purpose: str | None,
) -> None:
    """As :func:`record`, for a statement that is written already."""
    vault = writer.vault
    key, unit, parts = seal_statement(vault, statement)
    writer.adopt(parts)
    values: dict[str, Any] = {
        "actor": by,
        "kind": kind,
        "parent": {"commitment": parent.sha256, "field": "content_sha256", "seq": parent.seq},
        "purpose": purpose,
        "statement": {"outcome": outcome, "sha256": _sha256(statement)},
    }
    units: list[tuple[UnitKey, Unit]] = [(key, unit)]
    if sealed is not None:
        writer.adopt(sealed.staged)
        units.insert(0, (sealed.content, sealed.content.unit("content", sealed.objects)))
        values.update(
            content_sha256=sealed.sha256,
            content_sha512=sealed.sha512,
            content_size=str(sealed.size),
            format=sealed.format,
        )
    event = REFUSED if sealed is None else DERIVED
    writer.item_event(event, parent.item, values, units, home=parent.home)


def seal_statement(vault: Vault, data: bytes) -> tuple[UnitKey, Unit, Handle]:
    """A statement as a unit of its own, with its staged parts, which are still to be adopted."""
    keyring = vault.keyring
    key = UnitMaker(keyring.recipients, keyring.plaintext).new()
    objects, parts = stage_sealed(vault.archive.spool, key, "metadata", data)
    return key, key.unit("statement", objects), parts


def parent_of(arrival: Event) -> Parent:
    """What a derivative of an item's original is made from: ``arrival`` took it into a log."""
    subject, commitments = arrival.subject, arrival.commitments
    assert arrival.item_seq is not None
    return Parent(
        subject["home"],
        subject["id"],
        arrival.item_seq,
        str(commitments["content_sha256"]),
        str(commitments["content_sha512"]),
    )


# -- finding -----------------------------------------------------------------------------------


def newest(events: Sequence[ItemEvent], kind: str = SHARE_COPY) -> ItemEvent | None:
    """The newest derivative of a kind in an item's history, or None."""
    made = [e for e in events if e.event.type == DERIVED and e.values.get("kind") == kind]
    return made[-1] if made else None


def newest_valid(vault: Vault, events: Sequence[ItemEvent]) -> ItemEvent | None:
    """The newest share copy whose event was signed by a key that counted then."""
    return newest([e for e in events if not is_void(key_state(vault, e.log), e.event, e.index)])


def read_statement(vault: Vault, derived: ItemEvent) -> bytes:
    """The bytes of the statement that an event names, compared with its digest.

    Raises EvidenceError when they are not those.
    """
    unit = unit_of(derived.event, "statement")
    if unit is None:
        raise EvidenceError("the entry names no statement", code="E-NO-CONTENT")
    file_key = file_key_of(vault, derived.committed, unit)
    with open_objects(vault, unit.objects) as stream:
        data = open_bytes(file_key, "metadata", stream.read(2 * MAX_STATEMENT))
    if _sha256(data) != derived.values["statement"]["sha256"]:
        raise EvidenceError("the statement is not the one logged", code="E-OBJECT-CHANGED")
    return data


def listed(vault: Vault, events: Sequence[ItemEvent]) -> list[dict[str, Any]]:
    """Every derivative and every refused one, for people."""
    found = []
    for e in events:
        if e.event.type not in (DERIVED, REFUSED):
            continue
        values = e.values
        kept = e.event.type == DERIVED
        report = _report_of(vault, e)
        found.append(
            {
                "identical": report["decoded"]["identical"],
                "index": e.index,
                "kind": values.get("kind"),
                "outcome": values["statement"]["outcome"],
                "reasons": report["reasons"],
                "recorded_at": e.event.recorded_at,
                "removed": sum(row["count"] for row in report["removed"]),
                "seq": e.seq,
                "sha256": values.get("content_sha256") if kept else None,
                "size": int(values["content_size"]) if kept else None,
            }
        )
    return found


_NO_REPORT = {"decoded": {"identical": None}, "reasons": [], "removed": []}


def _report_of(vault: Vault, derived: ItemEvent) -> dict[str, Any]:
    """How a share copy was made; of another derivative nothing that ``listed`` could say."""
    if derived.values.get("kind") != SHARE_COPY:
        return _NO_REPORT
    return parse_statement(read_statement(vault, derived))[0]


# -- the commands ------------------------------------------------------------------------------


def derive(
    vault: Vault,
    items: Sequence[str],
    by: str | None = None,
    purpose: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make share copies of items that are in; each outcome is recorded.

    Exit status 3 when at least one has no clean copy. The opening of an original is part of the
    event: its parent is named.
    """
    demand_desk(vault, "make a copy of what is in (ingest --metadata strip makes one)")
    rows: list[dict[str, Any]] = []
    with CopyMaker() as maker:
        for done, item in enumerate(sorted(set(items)), 1):
            rows.append(_derive_one(vault, maker, item, by, purpose))
            if progress is not None:
                progress(done, len(items))
    if any(row["event"] is not None for row in rows):
        publish_and_sign(vault)
    clean = all(row["outcome"] == "clean" for row in rows)
    return {"derived": rows, "exit": 0 if clean else 3, "kind": SHARE_COPY}


def _derive_one(
    vault: Vault, maker: CopyMaker, item: str, by: str | None, purpose: str | None
) -> dict[str, Any]:
    arrival = _with_original(vault, item)
    keyring = vault.keyring
    desk = Desk(vault.archive.spool, keyring.recipients, keyring.plaintext)
    try:
        with plain_original(vault, arrival) as path:
            made = make_copy(desk, maker, path, arrival.values["content_sha256"])
        if made.changed:
            raise EvidenceError(f"{item}: the original changed while it was read")
        with writing(vault) as writer:
            record(
                writer, parent_of(arrival.event), SHARE_COPY, made.report, made.sealed, by, purpose
            )
            event = writer.commit()
    finally:
        desk.spool.end_session()
    return {**_told(item, made.report), "event": event}


def check(vault: Vault, items: Sequence[str], by: str | None = None) -> dict[str, Any]:
    """Recompute the newest share copy of each item from its original and compare.

    Exit status 10 when one does not match, 3 when one could not be checked. Opening an original
    is recorded (``accessed``).
    """
    demand_desk(vault, "make a copy again from the original")
    rows = []
    with CopyMaker() as maker:
        for item in sorted(set(items)):
            rows.append(_check_one(vault, maker, item, by))
    outcomes = {row["outcome"] for row in rows}
    status = 10 if "differs" in outcomes else 3 if "unchecked" in outcomes else 0
    return {"checked": rows, "exit": status}


def _check_one(vault: Vault, maker: CopyMaker, item: str, by: str | None) -> dict[str, Any]:
    events = list(item_history(vault, item))
    derived = newest_valid(vault, events)
    if derived is None:
        return {"id": item, "outcome": "unchecked", "reason": "it has no share copy", "tools": []}
    report, parent = parse_statement(read_statement(vault, derived))
    arrival = events[0]
    outcome, reason = about_original(vault, arrival, parent)
    if outcome:
        return {"id": item, "outcome": outcome, "reason": reason, "tools": []}
    if unit_of(arrival.event, "content") is None:
        reason = "the original was not kept (strip-only)"
        return {"id": item, "outcome": "unchecked", "reason": reason, "tools": report["tools"]}
    with writing(vault) as writer:
        values = {"actor": by, "purpose": "share copy recomputed"}
        writer.item_event("accessed", item, values, home=parent.home)
        writer.commit()
    with plain_original(vault, arrival) as path:
        copy = maker.make(path)
    maker.forget(copy)
    outcome, reason = _compare(report, copy.report)
    return {"id": item, "outcome": outcome, "reason": reason, "tools": copy.report["tools"]}


def about_original(vault: Vault, arrival: ItemEvent, parent: Parent) -> tuple[str, str]:
    """Why a statement can't count for an item's original; two empty texts when it is about it.

    One that came with the item names the commitments of the log that it came from.
    """
    if parent == parent_of(arrival.event):
        return "", ""
    if arrival.event.type == "transfer-accepted":
        before = foreign_arrival(vault, parent.item, arrival.values)
        if before is None:
            return "unchecked", "the log that the item was taken over from can't be read here"
        if parent == parent_of(before):
            return "", ""
        if before.type == "transfer-accepted" and parent.item == before.subject["id"]:
            return "unchecked", "the statement names a log that is not here"
    return "differs", "the statement is about another original"


def _compare(stated: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[str, str]:
    """The three outcomes of a recomputation."""
    if stated == found:
        return "matches", "the same bytes, and the same was removed, kept and found"
    if _versions(stated) != _versions(found):
        same = stated["copy"] == found["copy"]
        told = "the bytes are the same, the look at them is not" if same else "other bytes"
        return "unchecked", f"made with other versions of the tools: {told}"
    if found["outcome"] == "not-checked":
        return "unchecked", "; ".join(found["reasons"])
    names = sorted(n for n in stated if stated[n] != found[n])
    return "differs", f"not what the statement says: {', '.join(names)}"


def _versions(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    looks = (
        [report["residual"][look]["tool"] for look in ("exiftool", "second")]
        if report["residual"]
        else []
    )
    return sorted((tool["name"], tool["version"]) for tool in (*report["tools"], *looks))


def _told(item: str, report: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "also_in_content": report["also_in_content"],
        "id": item,
        "identical": report["decoded"]["identical"],
        "kept": [row["name"] for row in report["kept"]],
        "outcome": report["outcome"],
        "reasons": report["reasons"],
        "removed": report["removed"],
        "sha256": None if report["copy"] is None else report["copy"]["sha256"],
        "structures": report["structures"],
    }


def _with_original(vault: Vault, item: str) -> ItemEvent:
    arrival = ingested_event(vault, item)
    if unit_of(arrival.event, "content") is None:
        raise UsageError(
            f"the original of {item} was not kept (strip-only): there is nothing to derive from",
            code="E-NO-ORIGINAL",
        )
    return arrival


@contextmanager
def plain_original(vault: Vault, arrival: ItemEvent) -> Iterator[Path]:
    """The original in plain in a private folder in memory, as long as the block lasts.

    Raises Unchecked where it does not fit there.
    """
    private = PrivateFolder()
    try:
        folder = Path(private.path)
        size = int(arrival.values["content_size"])
        if size * 3 > free_bytes(folder):
            raise Unchecked(
                f"{size} bytes can't be held in memory three times, and originals are never "
                "written to disk in plain",
                hint="use a machine with more memory",
            )
        path = folder / "original"
        with open_content(vault, arrival) as source, path.open("xb") as target:
            _copy(source, target)
        yield path
    finally:
        private.remove()


def _copy(source: BinaryIO | io.BufferedReader, target: BinaryIO | io.BufferedWriter) -> None:
    while block := source.read(_BLOCK):
        target.write(block)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
