"""One entry: its disclosures sealed, the event built and signed (step 3 of the write order)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from evidence_vault import __version__
from evidence_vault.core.commit import Committed
from evidence_vault.core.disclosure import Disclosure, format_set
from evidence_vault.core.event import Event, Unit, encode_event, format_entry, pae
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.log.sequencer import Prepared
from evidence_vault.ports import Signer
from evidence_vault.seal.units import UnitKey, seal_bytes

TOOL = f"evidence-vault {__version__}"


def build_entry(
    *,
    kind: str,
    origin: str,
    subject: Mapping[str, Any],
    seq: int | None,
    prev: str | None,
    seen: tuple[Mapping[str, Any], ...],
    recorded_at: str,
    signer: Signer,
    names: Sequence[str],
    disclosures: Sequence[Disclosure],
    units: Sequence[tuple[UnitKey, Unit]],
    record: UnitKey,
    members: Sequence[tuple[str, str, int]],
    clear: Mapping[str, Any] | None = None,
) -> Prepared:
    """Seal the disclosures, build the event, sign it: an entry ready to be committed."""
    payload = seal_bytes(record, "disclosures", format_set(disclosures))
    record_unit = record.unit("record", [hashlib.sha256(payload).hexdigest()])
    commitments: dict[str, str | None] = dict.fromkeys(names)
    commitments.update((d.name, d.digest) for d in disclosures)
    event = Event(
        type=kind,
        origin=origin,
        subject=subject,
        item_seq=seq,
        prev=prev,
        seen=seen,
        recorded_at=recorded_at,
        signer=signer.keyid,
        tool=TOOL,
        units=(*(unit for _, unit in units), record_unit),
        commitments=commitments,
        clear=clear or {},
    )
    encoded = encode_event(event)
    entry = format_entry(encoded, signer.keyid, signer.sign(pae(encoded)))
    headers = record.headers()
    for key, _ in units:
        headers.update(key.headers())
    return Prepared(
        Committed(entry, payload, headers), leaf_hash(entry), kind, recorded_at, members
    )
