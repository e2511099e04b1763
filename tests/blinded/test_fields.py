"""Each field is shown or withheld alone, and what is withheld is counted exactly, by both
verifiers."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tamper.table import VERIFIER
from tests.verify.forge import Maker

from evidence_vault.core.disclosure import check_disclosures
from evidence_vault.core.event import FIELDS, parse_entry
from evidence_vault.core.receipt import format_receipt
from evidence_vault.errors import EvidenceError
from evidence_vault.verify.receipt import verify_receipt

EVERY = [(kind, name) for kind, names in sorted(FIELDS.items()) for name in names]
ITEM_TYPES = ("described", "received-again", "derived", "derivation-refused", "transfer-accepted")
SET_TYPES = ("accessed", "exported", "fixity-checked", "transfer-offered", "removed", "granted")


def values_of(kind: str) -> dict[str, str]:
    return {name: f"value of {name}" for name in FIELDS[kind]}


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_each_field_of_each_type_is_shown_alone_and_withheld_alone(kind: str, name: str) -> None:
    maker = Maker()
    event, shown = maker.event(kind, {"kind": "vault"}, values_of(kind))
    assert check_disclosures(event.commitments, [shown[name]]) == {name: f"value of {name}"}
    rest = [d for d in shown.values() if d.name != name]
    assert name not in check_disclosures(event.commitments, rest)
    hidden = shown[name].raw
    assert not any(hidden in d.raw for d in rest), "what is shown holds nothing of it"
    for other in rest:
        with pytest.raises(EvidenceError):  # nor does one value open another's commitment
            check_disclosures({**event.commitments, other.name: shown[name].digest}, [other])


@given(data=st.data(), kind=st.sampled_from(ITEM_TYPES))
@settings(max_examples=60)
def test_any_choice_of_fields_is_counted_exactly(data: st.DataObject, kind: str) -> None:
    known = data.draw(st.sets(st.sampled_from(FIELDS[kind])), "known")
    revealed = data.draw(st.sets(st.sampled_from(FIELDS[kind])), "revealed")
    maker = Maker()
    item = maker.ingest(b"x")
    index = maker.about(item, kind, {n: f"value of {n}" for n in known})
    report = verify_receipt(format_receipt(maker.receipt(item, sorted(revealed))), None, None)
    (told,) = [e for e in report.events if e["index"] == index]
    assert set(told["revealed"]) == known & revealed
    assert told["withheld"] == len(known - revealed)


@pytest.mark.parametrize("kind", [*ITEM_TYPES, *SET_TYPES])
def test_both_verifiers_count_what_is_withheld(kind: str, tmp_path: Path) -> None:
    """One field shown, then all but one: the numbers of the program and of verify.sh are the
    same."""
    maker = Maker()
    item = maker.ingest(b"x", title="t")
    values = {
        **values_of(kind),
        **({"content_size": "1"} if "content_size" in FIELDS[kind] else {}),
    }
    if kind == "transfer-accepted":  # the first event of an item in the log that accepts it
        item = f"{maker.prefix}-0000009"
    if kind in SET_TYPES:
        maker.about_set([item], kind, values)
    else:
        maker.about(item, kind, values)
    entries = [parse_entry(event.leaf).event for event in maker.receipt(item, []).events]
    held = sum(c is not None for event in entries for c in event.commitments.values())
    one = sorted(values)[-1]
    for reveal in ([one], sorted(set(values) - {one}), []):
        receipt = maker.receipt(item, reveal)
        shown = sum(len(event.reveals) for event in receipt.events)
        path = tmp_path / f"{len(reveal)}.receipt"
        path.write_bytes(format_receipt(receipt))
        report = verify_receipt(path.read_bytes(), None, None)
        events = report.events
        assert sum(len(e["revealed"]) for e in events) == shown
        assert sum(e["withheld"] for e in events) == held - shown
        done = subprocess.run(
            ["sh", VERIFIER, str(path)], capture_output=True, text=True, timeout=120, check=False
        )
        found = re.search(r"(\d+) revealed fields are right; (\d+) are withheld", done.stdout)
        assert found is not None, done.stdout
        assert (int(found[1]), int(found[2])) == (shown, held - shown)


def test_the_intended_recipient_wins() -> None:
    """With the disclosures the file is recognised; with another file it is not; without,
    neither."""
    maker = Maker()
    item = maker.ingest(b"the file")
    names = ["content_sha256", "content_sha512", "content_size"]
    trust = maker.trust()
    opened = format_receipt(maker.receipt(item, names))
    assert verify_receipt(opened, io.BytesIO(b"the file"), trust).exit_status() == 0
    assert verify_receipt(opened, io.BytesIO(b"the life"), trust).exit_status() == 10
    blind = format_receipt(maker.receipt(item, []))
    answers = [
        verify_receipt(blind, io.BytesIO(data), trust).exit_status()
        for data in (b"the file", b"the life")
    ]
    assert answers == [3, 3], "could not be checked, whichever file is shown"
