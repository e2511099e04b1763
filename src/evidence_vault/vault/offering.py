"""``transfer offer``: the first signature of a hand-over, and the file that carries it.

1 choose       items of this log that nobody has acknowledged; what can't go is named
2 offered      one event about all of them, committed and covered by a checkpoint
3 the file     log, sealed records, headers and objects, streamed; it gets its name last

A crash after 2 leaves an open gap in custody without a file, which is what the log then says:
offering again makes the next file.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence_vault.core.derivation import DERIVATIONS
from evidence_vault.core.event import ARRIVALS, Event, Unit, parse_entry
from evidence_vault.core.handover import (
    CHECKPOINT,
    MANIFEST,
    HandOver,
    bundle_name,
    format_manifest,
)
from evidence_vault.core.packs import format_header_pack
from evidence_vault.core.tiles import TILE_WIDTH, format_entry_bundle
from evidence_vault.errors import InternalError, NotFound, UsageError, VaultError
from evidence_vault.seal.keyring import Keyring, Peer
from evidence_vault.vault.faults import step
from evidence_vault.vault.files import demand_absent, new_file
from evidence_vault.vault.handovers import OFFERED, OPEN, REMOVED, Standing, not_answered, standings
from evidence_vault.vault.offerfile import OfferWriter
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.records import committed_at
from evidence_vault.vault.resuming import close_all_left_open
from evidence_vault.vault.writer import writing

Progress = Callable[[int, int], None]
CARRIED = ("content", "metadata", "statement")
_WITH_UNITS = (*ARRIVALS, *DERIVATIONS)
_LEFT_BEHIND = "E-TRANSFER-NOT-OFFERED"


@dataclass(frozen=True)
class OfferRequest:
    """``items``: None means all that is not acknowledged yet. ``to``: origin of the receiver."""

    out: Path
    items: Sequence[str] | None = None
    to: str | None = None
    purpose: str | None = None
    by: str | None = None


def offer(vault: Vault, request: OfferRequest, progress: Progress | None = None) -> dict[str, Any]:
    """Offer items to another vault and write the file for it.

    Nothing in the file can be read without a key that the sender's units were sealed to. Exit 3
    when items had to be left out; they are named. Raises UsageError for a request that can't be,
    or when nothing is left to offer (E-NOTHING-TO-OFFER).
    """
    demand_absent(request.out)
    demand_sealed(vault)
    receiver = receiver_of(vault.keyring, request.to)
    close_all_left_open(vault, request.by)  # what tells of their files must not outlive this
    chosen, refused = _choose(vault, request.items, receiver)
    if not chosen:
        raise UsageError(
            "there is nothing to offer" + (f": {refused[0]['reason']}" if refused else ""),
            code="E-NOTHING-TO-OFFER",
            hint="`evidence-vault transfer list` shows what is acknowledged already",
        )
    transfer = secrets.token_hex(16)
    homes = vault.catalogue.homes()
    with writing(vault) as writer:
        values = {
            "actor": request.by,
            "purpose": request.purpose,
            "receiver": {"name": receiver.org, "origin": receiver.origin},
            "transfer_id": transfer,
        }
        writer.set_event(OFFERED, [(item, homes[item]) for item in chosen], values)
        index = writer.commit()
        step("transfer-offered")
        note = writer.checkpoint()
    step("transfer-offer-signed")
    told = HandOver(vault.keyring.origin, receiver.origin, index)
    with new_file(request.out) as stream:
        file = OfferWriter(stream)
        count = _write(vault, file, told, note, chosen, progress)
    return {
        "bytes": file.bytes,
        "event": index,
        "exit": 3 if refused else 0,
        "file": str(request.out),
        "items": chosen,
        "notices": [
            "until the other vault's acknowledgement is in (`evidence-vault transfer acknowledge`) "
            "these items are an open gap in custody"
        ],
        "objects": count,
        "receiver": {"name": receiver.org, "origin": receiver.origin},
        "refused": refused,
        "transfer_id": transfer,
    }


def demand_sealed(vault: Vault) -> None:
    """Raises UsageError in a vault without encryption: its units are readable as they lie."""
    if vault.config.plaintext:
        raise UsageError(
            "this vault is not encrypted: a hand-over would carry readable evidence",
            code="E-TRANSFER-PLAINTEXT",
            hint="hand the evidence out with `evidence-vault export`, which encrypts it",
        )


def receiver_of(keyring: Keyring, origin: str | None) -> Peer:
    """The vault that is to take over: a field vault's desk, else a peer pinned by hand."""
    known = keyring.peers if keyring.desk is None else (keyring.desk,)
    if origin is not None:
        known = tuple(peer for peer in known if peer.origin == origin)
    if len(known) == 1:
        return known[0]
    if not known:
        raise UsageError(
            f"the vault {origin} is not pinned here" if origin else "no other vault is pinned here",
            code="E-TRANSFER-RECEIVER",
            hint="pin it first: `evidence-vault transfer pin TRUST-FILE`",
        )
    raise UsageError(
        "several other vaults are pinned: say which one takes over",
        code="E-TRANSFER-RECEIVER",
        hint="--to " + " or --to ".join(peer.origin for peer in known),
    )


# -- 1. what goes ----------------------------------------------------------------------------------


def _choose(
    vault: Vault, items: Sequence[str] | None, receiver: Peer
) -> tuple[list[str], list[dict[str, str]]]:
    known, state = vault.catalogue.homes(), standings(vault)
    refused: list[dict[str, str]] = []
    chosen = []
    for item in sorted(set(known if items is None else items)):
        if item not in known:
            raise UsageError(f"there is no item {item} in this vault", code="E-NO-ITEM")
        stands = state[item].state if item in state else OPEN
        if items is None and (_is_done(vault, state.get(item)) or known[item] == receiver.origin):
            continue
        reason = _reason(vault, item, stands, known[item] == receiver.origin)
        if reason:
            refused.append({"code": _LEFT_BEHIND, "id": item, "reason": reason})
        else:
            chosen.append(item)
    return chosen, refused


def _reason(vault: Vault, item: str, stands: str, theirs: bool) -> str:
    """Why an item can't be offered; empty when it can."""
    if stands == REMOVED:
        return "its stored bytes were removed here after an earlier hand-over"
    if theirs:
        return "it came from that vault"
    places = vault.catalogue.history(item)
    if not places:
        return "its history is in an earlier log of this vault"
    try:
        entries = [committed_at(vault, index) for index in places]
        events = [parse_entry(committed.entry).event for committed in entries]
        if events[0].type not in ARRIVALS:
            return "its history begins in an earlier log of this vault"
        if not any(unit.kind == "content" for event in events for unit in carried(event)):
            return "neither its original nor a share copy was ever stored here"
        for event, committed in zip(events, entries, strict=True):
            for unit in carried(event):
                if unit.id not in committed.headers:
                    return f"the header of its {unit.kind} (event {event.item_seq}) is missing"
                for digest in unit.objects:
                    vault.open_object(digest).close()
    except VaultError as error:
        return error.message
    return ""


def _is_done(vault: Vault, stands: Standing | None) -> bool:
    """True when nothing of an item is left to offer."""
    if stands is None or stands.state == OPEN:
        return False
    return stands.state == REMOVED or not not_answered(vault, stands)


def carried(event: Event) -> tuple[Unit, ...]:
    """The units whose stored objects travel with an entry: those of originals, of their metadata,
    of derivatives and of the statements on them."""
    if event.type not in _WITH_UNITS:
        return ()
    return tuple(unit for unit in event.units if unit.kind in CARRIED)


# -- 3. the file -----------------------------------------------------------------------------------


def _write(
    vault: Vault,
    file: OfferWriter,
    told: HandOver,
    note: bytes,
    chosen: Sequence[str],
    progress: Progress | None,
) -> int:
    opened = vault.checkpoint()
    if opened is None or opened.checkpoint.size <= told.offer:
        raise InternalError("no checkpoint covers the offer")
    size = opened.checkpoint.size
    file.add(MANIFEST, format_manifest(told))
    file.add(CHECKPOINT, note)
    tiles = vault.tiles(opened)
    for number in range(-(-size // TILE_WIDTH)):
        entries = tiles.entries(number)
        file.add(bundle_name(number, len(entries)), format_entry_bundle(entries))
    objects: set[str] = set()
    for index in vault.catalogue.places(chosen, vault.config.log):
        if index >= size:
            continue
        committed = committed_at(vault, index)
        event = parse_entry(committed.entry).event
        own = {u.id: committed.headers[u.id] for u in event.units if u.id in committed.headers}
        file.add(f"records/{index}", committed.record)
        file.add(f"headers/{index}", format_header_pack(index, own))
        objects.update(digest for unit in carried(event) for digest in unit.objects)
    for count, digest in enumerate(sorted(objects), 1):
        _add_object(vault, file, digest)
        if progress is not None:
            progress(count, file.bytes)
    file.end()
    return len(objects)


def _add_object(vault: Vault, file: OfferWriter, digest: str) -> None:
    """What is gone since it was chosen is left out: the receiver names the item it lacks."""
    try:
        stream = vault.open_object(digest)
    except NotFound:
        return
    with stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        file.add_stream(f"objects/{digest}", stream, size)
