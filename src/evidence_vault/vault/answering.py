"""The acknowledgement of a hand-over: a receipt about the archive (docs/format-receipt.md).

Its events are entry 0, those about keys, and the ``transfer-accepted`` entries it proves, of which
``foreign`` and ``transfer_id`` are revealed and nothing about the evidence; then the entries about
the derivatives that came along, of which nothing is revealed: the units they name are the proof.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evidence_vault.core.disclosure import Disclosure
from evidence_vault.core.event import parse_entry
from evidence_vault.core.keystate import KEY_EVENTS
from evidence_vault.core.merkle import prove_inclusion
from evidence_vault.core.receipt import (
    MAX_EVENTS,
    VAULT_SUBJECT,
    Receipt,
    ReceiptEvent,
    format_receipt,
)
from evidence_vault.errors import InternalError, UsageError
from evidence_vault.vault.files import write_new
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.records import committed_at, open_record

SHOWN = ("foreign", "transfer_id")


def write_acknowledgement(vault: Vault, indexes: Sequence[int], out: Path) -> dict[str, Any]:
    """Write the receipt of these entries of items taken over; a checkpoint must cover them.

    ``indexes``: ascending, of ``transfer-accepted`` and of the derivatives that came along.
    """
    opened, note = vault.checkpoint(), vault.log.checkpoint()
    if opened is None or note is None or opened.checkpoint.size <= indexes[-1]:
        raise InternalError("no checkpoint covers what is acknowledged")
    size, tiles = opened.checkpoint.size, vault.tiles(opened)
    # Whose keys counted up to the last of them; an entry about keys after it proves nothing here.
    about_keys = [i for i in vault.catalogue.indexes_of(KEY_EVENTS) if i < indexes[-1]]
    if len(indexes) + len(about_keys) + 1 > MAX_EVENTS:
        raise UsageError(
            f"one acknowledgement holds {MAX_EVENTS} entries",
            hint="have the items offered in several files",
        )
    told = []
    made = ""
    for index in sorted({0, *about_keys, *indexes}):
        committed = committed_at(vault, index)
        event = parse_entry(committed.entry).event
        made = event.recorded_at
        reveals: tuple[Disclosure, ...] = ()
        if event.type == "transfer-accepted":
            record = open_record(vault, committed, event)
            reveals = tuple(record[name] for name in SHOWN)
        path = tuple(prove_inclusion(index, size, tiles))
        told.append(ReceiptEvent(index, committed.entry, path, None, reveals))
    data = format_receipt(Receipt(vault.keyring.origin, VAULT_SUBJECT, made, tuple(told), note))
    write_new(out, data)
    return {"file": str(out), "sha256": hashlib.sha256(data).hexdigest()}
