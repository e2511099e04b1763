"""Entries, disclosures, sets, commits and packs: round trips, and every other spelling refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from tests.core import samples

from evidence_vault.core.canonical import canonical, canonical_plain, parse_canonical
from evidence_vault.core.commit import parse_commit
from evidence_vault.core.disclosure import (
    check_disclosures,
    make_disclosure,
    parse_disclosure,
    parse_set,
)
from evidence_vault.core.event import FIELDS, PREMIS, encode_event, parse_entry, parse_event
from evidence_vault.core.members import (
    check_opening,
    format_opening,
    members_value,
    open_members,
    parse_members,
    parse_opening,
    set_root,
)
from evidence_vault.core.packs import (
    format_header_pack,
    format_sealed_pack,
    parse_header_pack,
    parse_sealed_pack,
)
from evidence_vault.errors import EvidenceError, FormatError, ProofInvalid, VaultError

WITH_FLOATS = ["structures.json"]  # published cases that hold a float
TEXT = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


@given(JSON)
def test_canonical_json_is_that_of_rfc_8785(value: Any) -> None:
    data = canonical(value)
    assert data == rfc8785.dumps(value)
    assert parse_canonical(data, "a value") == value


@given(
    st.recursive(
        TEXT | st.none(),
        lambda i: st.lists(i) | st.dictionaries(st.text(st.characters(max_codepoint=126)), i),
        max_leaves=10,
    )
)
def test_the_fast_path_is_that_of_rfc_8785_too(value: Any) -> None:
    assert canonical_plain(value) == rfc8785.dumps(value)


def test_published_vectors_of_canonical_json(shared: Path) -> None:
    """Floats are no values of ours: the cases that hold some are refused by name."""
    folder = shared / "conformance" / "jcs"
    names = sorted(path.name for path in (folder / "input").iterdir())
    assert names == ["arrays.json", "french.json", "structures.json", "unicode.json"]
    refused = []
    for name in names:
        value = json.loads((folder / "input" / name).read_text(encoding="utf-8"))
        expected = (folder / "output" / name).read_bytes().rstrip(b"\n")
        try:
            assert canonical(value) == expected
        except FormatError:
            refused.append(name)
    assert refused == WITH_FLOATS
    assert (
        len((folder / "es6-numbers.csv").read_text().splitlines()) == 8
    )  # seven cases below a heading


@pytest.mark.parametrize("value", [1.5, math.nan, math.inf, [2.0], {"a": 0.1}, 2**53, -(2**53)])
def test_floats_and_large_integers_are_no_evidence_values(value: Any) -> None:
    with pytest.raises(FormatError):
        canonical(value)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1.0}',
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1}\n',
        b'"\\u0041"',
        b'{"a":NaN}',
        b"9007199254740992",
        b"+1",
        b"01",
        b'"\xff"',
        b'"\\ud800"',
        b"",
    ],
)
def test_other_spellings_of_json_are_refused(text: bytes) -> None:
    with pytest.raises(FormatError):
        parse_canonical(text, "a value")


def test_an_entry_parses_back_to_its_event() -> None:
    opened = parse_entry(samples.entry())
    assert opened.event == samples.event()
    assert encode_event(opened.event) == opened.payload


def test_any_changed_bit_of_an_entry_is_refused_or_shows() -> None:
    entry = samples.entry()
    for position in range(0, len(entry), 11):
        for bit in range(8):
            changed = bytearray(entry)
            changed[position] ^= 1 << bit
            try:
                opened = parse_entry(bytes(changed))
            except FormatError:
                continue
            assert (opened.payload, opened.signature) != (
                parse_entry(entry).payload,
                parse_entry(entry).signature,
            )


Edit = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    "edit",
    [
        lambda e: e.update(v=2),
        lambda e: e.update(v=True),
        lambda e: e.pop("clear"),
        lambda e: e.update(extra=1),
        lambda e: e.update(type="Ingested"),
        lambda e: e["sd"].pop("actor"),
        lambda e: e["sd"].update(decoy=None),
        lambda e: e["sd"].update(actor="AB" * 32),
        lambda e: e.update(item_seq=-1),
        lambda e: e.update(item_seq=True),
        lambda e: e.update(item_seq=1),
        lambda e: e.update(prev="00" * 32),
        lambda e: e.update(recorded_at="2026-11-23T10:00:00+00:00"),
        lambda e: e.update(recorded_at="2026-11-23T10:00:00Z\n"),
        lambda e: e["subject"].update(id="../../etc"),
        lambda e: e["subject"].update(kind="set"),
        lambda e: e.update(subject={"kind": "vault"}),
        lambda e: e["seen"].append({"origin": "x", "size": 1}),
        lambda e: e["units"].append({}),
        lambda e: e["units"][0].update(objects=[]),
        lambda e: e["units"][0].update(id="zz"),
        lambda e: e.update(signer="short"),
    ],
)
def test_malformed_events_are_refused(edit: Edit) -> None:
    value = samples.event().to_json()
    edit(value)
    with pytest.raises(FormatError):
        parse_event(canonical(value))


def test_unknown_event_types_are_readable() -> None:
    value = samples.event().to_json()
    value.update(type="lent-to-museum", sd={"where": None})
    assert parse_event(canonical(value)).type == "lent-to-museum"


def test_every_event_type_has_a_premis_type() -> None:
    assert set(FIELDS) == set(PREMIS)


def test_disclosures_parse_back_and_are_checked_by_name() -> None:
    made = samples.disclosures()
    commitments = samples.event().commitments
    assert check_disclosures(commitments, made)["content_size"] == "8"
    for disclosure in made:
        assert parse_disclosure(disclosure.raw) == disclosure
    other = make_disclosure(samples.salt("other"), "actor", "desk-2")
    with pytest.raises(EvidenceError, match="not the one committed to"):
        check_disclosures(commitments, [other])
    with pytest.raises(EvidenceError, match="two values"):
        check_disclosures(commitments, [made[0], made[0]])
    with pytest.raises(EvidenceError, match="no value"):
        check_disclosures(commitments, [make_disclosure(bytes(32), "place", "x")])


def test_a_set_of_disclosures_with_two_values_for_a_field_is_refused() -> None:
    line = samples.disclosures()[0].raw + b"\n"
    with pytest.raises(FormatError):
        parse_set(line + line)
    with pytest.raises(FormatError):
        parse_set(line[:-1])


def test_members_open_one_by_one_and_nothing_else_does() -> None:
    root = set_root(samples.SEED, samples.MEMBERS)
    openings = open_members(samples.SEED, samples.MEMBERS, [0, 1, 2])
    for opening in openings:
        check_opening(opening, root)
        assert parse_opening(format_opening(opening)) == opening
    stranger = open_members(bytes(32), samples.MEMBERS, [0])[0]
    with pytest.raises(ProofInvalid):
        check_opening(stranger, root)
    assert parse_members(members_value(samples.SEED, samples.MEMBERS)) == (
        samples.SEED,
        samples.MEMBERS,
    )
    with pytest.raises(FormatError):
        set_root(samples.SEED, samples.MEMBERS[::-1])


def test_commits_and_packs_parse_back() -> None:
    commit = parse_commit(samples.commit())
    assert (commit.start, commit.end, len(commit.entries)) == (16, 18, 2)
    assert commit.entries[0].headers == samples.HEADERS
    payloads = [bytes([i]) * (i % 5) for i in range(256)]
    assert parse_sealed_pack(format_sealed_pack(3, payloads), 3) == payloads
    pack = format_header_pack(3, samples.HEADERS)
    assert parse_header_pack(pack, 3) == samples.HEADERS


def test_torn_and_changed_commits_are_refused() -> None:
    data = samples.commit()
    for cut in range(0, len(data), 13):
        with pytest.raises(VaultError):
            parse_commit(data[:cut])
    for position in range(0, len(data), 7):
        changed = bytearray(data)
        changed[position] ^= 1
        with pytest.raises(VaultError):
            parse_commit(bytes(changed))


def test_packs_of_another_group_or_cut_are_refused() -> None:
    sealed = format_sealed_pack(3, [b"x"] * 256)
    pack = format_header_pack(3, samples.HEADERS)
    for bad in (sealed[:-1], sealed + b"x", sealed[:50]):
        with pytest.raises(FormatError):
            parse_sealed_pack(bad, 3)
    for bad in (pack[:-1], pack + b"x"):
        with pytest.raises(FormatError):
            parse_header_pack(bad, 3)
    with pytest.raises(FormatError):
        parse_sealed_pack(sealed, 4)
    with pytest.raises(FormatError):
        parse_header_pack(pack, 4)
