"""Trust documents and their chain: thirteen organisations, threshold nine, each way to break it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence_vault.core.canonical import b64, canonical
from evidence_vault.core.keys import keyid
from evidence_vault.core.note import KeyType, VerifierKey, format_vkey
from evidence_vault.core.policy import format_policy, network_policy, parse_policy
from evidence_vault.core.trustchain import (
    changes,
    check_chain,
    check_first,
    check_next,
    follow,
    signers,
)
from evidence_vault.core.trustdoc import Retired, TimeAuthority, format_document, parse_document
from evidence_vault.core.trustsigned import (
    Signed,
    format_chain,
    format_signed,
    parse_chain,
    parse_signed,
)
from evidence_vault.errors import (
    Exit,
    FormatError,
    SignatureInvalid,
    VaultError,
)

from .holders import (
    HOLDERS,
    QUORUM,
    THRESHOLD,
    Holder,
    after,
    agreed,
    document,
    signature,
    signed,
)

FIRST = signed(document())
NINE = HOLDERS[:THRESHOLD]
EIGHT = HOLDERS[: THRESHOLD - 1]


def refused(work: Callable[[], Any], code: str, status: Exit = Exit.EVIDENCE) -> VaultError:
    """The error; it must have that code and exit status."""
    with pytest.raises(VaultError) as caught:
        work()
    assert (caught.value.code, caught.value.exit_status) == (code, status), caught.value.message
    return caught.value


# -- form -------------------------------------------------------------------------------------


def test_what_is_written_reads_back_and_the_other_way_round() -> None:
    data = format_signed(FIRST)
    assert parse_signed(data) == FIRST
    assert format_signed(parse_signed(data)) == data
    assert format_document(FIRST.document) == FIRST.payload
    chain = (FIRST, signed(after(FIRST)))
    assert parse_chain(format_chain(chain)) == chain


def test_the_policy_of_each_log_leaves_its_own_organisation_out() -> None:
    for holder in HOLDERS:
        found = FIRST.document.holder(holder.origin().origin)
        assert found is not None
        policy = parse_policy(found[1].policy)
        assert policy.counted() == (
            QUORUM,
            tuple(other.origin().origin for other in HOLDERS if other != holder),
        )
        own = set(holder.organisation().cosigners())
        assert not own & set(policy.witness_keys)
        assert len(policy.witness_keys) == 24


def bent(member: str, value: Any) -> bytes:
    """The payload of version 1 with one member exchanged."""
    return canonical({**json.loads(FIRST.payload), member: value})


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("kind", "evidence-vault/trust"),
        ("v", 2),
        ("v", True),
        ("version", 0),
        ("version", True),
        ("version", 2),
        ("made_at", "2026-11-23 10:00"),
        ("previous", "00" * 32),
        ("threshold", 0),
        ("threshold", 14),
        ("quorum", 13),
        ("quorum", -1),
        ("organisations", []),
        ("organisations", {}),
        ("retired", None),
        ("revoked_roots", [{"public": b64(HOLDERS[0].public(5)), "version": 1}]),
        ("time_authorities", [{"name": "A b", "roots": []}]),
        ("time_authorities", [{"name": "ab", "roots": []}]),
        ("time_authorities", [{"name": "ab", "roots": ["-----BEGIN CERTIFICATE-----\n"]}]),
        ("extra", 1),
    ],
)
def test_another_member_or_value_is_refused(member: str, value: Any) -> None:
    with pytest.raises(FormatError):
        parse_document(bent(member, value))


FREE = (
    *("version", "size", "org", "name", "origin", "retired", "revoked_roots"),
    *("time_authorities", "countersigners"),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in a JSON value."""
    found = [path] if path else []
    if isinstance(value, dict):
        for name in value:
            found += places(value[name], (*path, name))
    elif isinstance(value, list):
        for index in range(len(value)):
            found += places(value[index], (*path, index))
    return found


def test_another_kind_of_value_anywhere_is_refused_and_never_crashes() -> None:
    root = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    first = signed(document(HOLDERS[:3], threshold=2, quorum=1))
    whole = after(
        first, HOLDERS[:2], threshold=2, time_authorities=(TimeAuthority("tsa-one", (root,)),)
    )
    payload = format_document(whole)
    tried = accepted = 0
    for path in places(json.loads(payload)):
        for other in (None, True, 2**53 - 1, "\u1019", [], [None], {"x": 1}):
            value = inner = json.loads(payload)
            for step in path[:-1]:
                inner = inner[step]
            if type(inner[path[-1]]) is type(other) and inner[path[-1]] == other:
                continue
            inner[path[-1]] = other
            tried += 1
            try:
                parse_document(canonical(value))
            except (FormatError, SignatureInvalid):
                continue
            accepted += 1
            # Other numbers, names and shorter lists are documents, too; the signatures tell.
            assert path[-1] in FREE, (path, other)
    assert tried > 300
    assert accepted < 10


@pytest.mark.parametrize("spoil", [b" ", b"\n", b"\x00"])
def test_another_spelling_is_refused(spoil: bytes) -> None:
    with pytest.raises(FormatError):
        parse_signed(format_signed(FIRST) + spoil)
    with pytest.raises(FormatError):
        parse_document(FIRST.payload + spoil)


def test_organisations_out_of_order_are_refused() -> None:
    turned = tuple(reversed(FIRST.document.organisations))
    with pytest.raises(FormatError):
        format_document(replace(FIRST.document, organisations=turned))


def test_signatures_out_of_order_are_refused() -> None:
    value = json.loads(format_signed(FIRST))
    value["signatures"].reverse()
    with pytest.raises(FormatError):
        parse_signed(canonical(value))


def test_small_order_root_is_refused() -> None:
    value = json.loads(FIRST.payload)
    value["organisations"][3]["root"]["public"] = b64(bytes(32))
    with pytest.raises(SignatureInvalid) as caught:
        parse_document(canonical(value))
    assert caught.value.code == "E-KEY-UNACCEPTABLE"


def test_non_canonical_root_is_refused() -> None:
    value = json.loads(FIRST.payload)
    value["organisations"][3]["root"]["public"] = b64(b"\xee" + b"\xff" * 30 + b"\x7f")
    with pytest.raises(SignatureInvalid):
        parse_document(canonical(value))


def test_small_order_countersigner_is_refused() -> None:
    text = format_vkey(VerifierKey("lamp-01", KeyType.COSIGNATURE_ED25519, HOLDERS[0].public()))
    name, _, _ = text.split("+")
    raw = bytes([4]) + bytes([1]) + bytes(31)
    key_id = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex()
    value = json.loads(FIRST.payload)
    value["organisations"][0]["countersigners"] = [f"{name}+{key_id}+{b64(raw)}"]
    with pytest.raises(SignatureInvalid):
        parse_document(canonical(value))


def organisations(**bend: Any) -> tuple[Any, ...]:
    """The thirteen with the second one bent."""
    each = [holder.organisation() for holder in HOLDERS]
    each[1] = replace(each[1], **bend)
    return agreed(each, QUORUM)


@pytest.mark.parametrize(
    "bend",
    [
        {"root": HOLDERS[0].public()},
        {"commitment": hashlib.sha256(HOLDERS[0].public(1)).digest()},
        {"commitment": hashlib.sha256(HOLDERS[1].public()).digest()},
        {"commitment": hashlib.sha256(HOLDERS[0].public()).digest()},
        {"origins": (replace(HOLDERS[1].origin(), prefix="AB01"),)},
        {"origins": (replace(HOLDERS[1].origin(), fingerprint=HOLDERS[0].origin().fingerprint),)},
        {"origins": (HOLDERS[0].origin(),)},
    ],
    ids=["root", "next", "own root as next", "other's root as next", "prefix", "print", "log"],
)
def test_one_organisations_key_used_twice_is_refused(bend: dict[str, Any]) -> None:
    refused(lambda: format_document(document(organisations=organisations(**bend))), "E-TRUST-TWICE")


def test_countersigner_key_of_another_organisation_is_refused() -> None:
    own = HOLDERS[1].organisation().cosigners()
    stolen = format_vkey(
        VerifierKey(
            own[0].name, own[0].key_type, HOLDERS[0].organisation().cosigners()[0].public_key
        )
    )
    bend = [holder.organisation() for holder in HOLDERS]
    bend[1] = replace(bend[1], countersigners=(stolen,))
    with pytest.raises(FormatError):
        format_document(document(organisations=agreed(bend, 0), quorum=0))


def test_policy_naming_its_own_organisation_is_refused() -> None:
    target = HOLDERS[0].organisation()
    everybody = {h.name.split()[-1]: h.organisation().cosigners() for h in HOLDERS}
    log_keys = parse_policy(FIRST.document.organisations[0].origins[0].policy).logs
    policy = format_policy(network_policy([log.key for log in log_keys], everybody, QUORUM))
    log = replace(target.origins[0], policy=policy)
    bent_ones = (replace(target, origins=(log,)), *FIRST.document.organisations[1:])
    error = refused(lambda: format_document(document(organisations=bent_ones)), "E-TRUST-POLICY")
    assert "its own organisation" in error.message


def test_policy_with_a_lower_quorum_is_refused() -> None:
    lower = agreed((holder.organisation() for holder in HOLDERS), QUORUM - 1)
    refused(lambda: format_document(document(organisations=lower)), "E-TRUST-POLICY")


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_one_changed_byte_of_the_envelope_never_counts(place: int, flip: int) -> None:
    data = bytearray(format_signed(FIRST))
    data[place % len(data)] ^= flip
    try:
        found = parse_signed(bytes(data))
    except VaultError:
        return
    # Only a byte of a signature or of its keyid can change without breaking the form or all of it.
    assert found.payload == FIRST.payload or not signers(found, found.document.roots())


# -- signatures -------------------------------------------------------------------------------


def test_nine_of_thirteen_are_enough_and_eight_are_not() -> None:
    check_first(signed(document(), NINE))
    check_first(signed(document(), HOLDERS[4:]))
    refused(lambda: check_first(signed(document(), EIGHT)), "E-TRUST-THRESHOLD")
    refused(lambda: check_first(signed(document(), ())), "E-TRUST-THRESHOLD")


def test_duplicated_signatures_count_once() -> None:
    eight = signed(document(), EIGHT)
    doubled = replace(eight, signatures=tuple(sorted((*eight.signatures, *eight.signatures))))
    assert parse_signed(format_signed(doubled)) == doubled
    refused(lambda: check_first(doubled), "E-TRUST-THRESHOLD")


def test_signature_by_an_unknown_key_is_ignored() -> None:
    stranger = Holder(99)
    eight = signed(document(), (*EIGHT, stranger))
    refused(lambda: check_first(eight), "E-TRUST-THRESHOLD")
    check_first(signed(document(), (*NINE, stranger)))


def test_signature_over_other_bytes_does_not_count() -> None:
    other = signature(HOLDERS[8], b"something else")
    eight = signed(document(), EIGHT)
    spoilt = replace(eight, signatures=tuple(sorted((*eight.signatures, other))))
    refused(lambda: check_first(spoilt), "E-TRUST-THRESHOLD")


def test_signature_as_a_custody_event_does_not_count() -> None:
    from evidence_vault.core.event import pae

    payload = FIRST.payload
    lines = [(keyid(h.public()), h.root().sign(pae(payload))) for h in HOLDERS]
    refused(
        lambda: check_first(Signed(FIRST.document, payload, tuple(sorted(lines)))),
        "E-TRUST-THRESHOLD",
    )


def test_edited_payload_loses_every_signature() -> None:
    edited = document(quorum=1)
    kept = Signed(edited, format_document(edited), FIRST.signatures)
    assert signers(kept, edited.roots()) == frozenset()
    refused(lambda: check_first(kept), "E-TRUST-THRESHOLD")


def test_first_document_must_be_the_pinned_one() -> None:
    check_first(FIRST, FIRST.digest)
    other = signed(document(quorum=7))
    refused(lambda: check_first(other, FIRST.digest), "E-TRUST-PIN")


# -- from version to version --------------------------------------------------------------------


def test_unchanged_and_changed_next_versions_follow() -> None:
    second = signed(after(FIRST, quorum=7))
    third = signed(after(second, HOLDERS[:12]))
    check_chain((FIRST, second, third))
    assert follow((third, second, FIRST), (FIRST,)).newest == third
    assert changes(FIRST.document, second.document) == ["quorum: 8 to 7"]
    assert changes(second.document, third.document) == [
        "removed: Organisation 13",
        "log over: river-stone-13, good up to 100 entries",
    ]


def test_below_the_threshold_of_the_old_version() -> None:
    # Five new holders with the four that fell: nine sign, but only four that version 1 knows.
    new = [Holder(number) for number in range(20, 25)]
    nine = (*HOLDERS[:4], *new)
    took_over = signed(after(FIRST, nine, quorum=5), nine)
    error = refused(lambda: check_next(FIRST, took_over), "E-TRUST-THRESHOLD")
    assert "4 of the root keys of version 1" in error.message


def test_below_the_threshold_of_the_new_version() -> None:
    # Version 1's nine sign; of the new holders only these nine, and version 2 asks for ten.
    second = signed(after(FIRST, threshold=10), NINE)
    error = refused(lambda: check_next(FIRST, second), "E-TRUST-THRESHOLD")
    assert "version 2: 9 of the root keys of version 2 signed it, 10 are needed" in error.message


def test_lower_threshold_needs_the_higher_one_once_more() -> None:
    second = after(FIRST, threshold=2)
    refused(lambda: check_next(FIRST, signed(second, HOLDERS[:2])), "E-TRUST-THRESHOLD")
    check_next(FIRST, signed(second, NINE))


def test_version_skipped() -> None:
    second = signed(after(FIRST))
    third = signed(after(second))
    refused(lambda: check_next(FIRST, third), "E-TRUST-SKIPPED")
    refused(lambda: follow((third,), (FIRST,)), "E-TRUST-CHAIN")
    fourth = signed(after(third))
    refused(lambda: follow((second, fourth), (FIRST,)), "E-TRUST-SKIPPED")


def test_version_rolled_back() -> None:
    second = signed(after(FIRST))
    refused(lambda: check_next(second, FIRST), "E-TRUST-ROLLBACK", Exit.LOG)
    assert follow((FIRST,), (FIRST, second)).newest == second
    assert follow((FIRST,), (second,)).added == ()


def test_other_document_of_the_same_version_is_a_fork() -> None:
    other = signed(document(quorum=7))
    refused(lambda: check_next(FIRST, other), "E-TRUST-FORK", Exit.LOG)
    refused(lambda: follow((other,), (FIRST,)), "E-TRUST-FORK", Exit.LOG)
    second = signed(after(FIRST))
    refused(lambda: follow((other,), (FIRST, second)), "E-TRUST-FORK", Exit.LOG)
    refused(lambda: follow((other,), (second,)), "E-TRUST-FORK", Exit.LOG)


def test_other_document_of_the_same_version_that_few_signed_is_no_fork() -> None:
    other = signed(document(quorum=7), EIGHT)
    refused(lambda: follow((other,), (FIRST,)), "E-TRUST-THRESHOLD")


def test_same_document_with_other_signatures_is_no_fork() -> None:
    fewer = signed(document(), NINE)
    assert fewer.digest == FIRST.digest
    assert follow((fewer,), (FIRST,)).added == ()


def test_wrong_previous() -> None:
    other = signed(document(quorum=7))
    refused(lambda: check_next(FIRST, signed(after(other))), "E-TRUST-FORK", Exit.LOG)
    refused(lambda: check_next(FIRST, signed(after(other), EIGHT)), "E-TRUST-THRESHOLD")


def test_root_replaced_by_the_key_committed_to() -> None:
    turned = (HOLDERS[0].turned(), *HOLDERS[1:])
    second = signed(after(FIRST, turned))
    check_next(FIRST, second)
    assert changes(FIRST.document, second.document) == ["root key replaced: Organisation 01"]
    # The old key signs for nobody any more, the new one does.
    third = signed(after(second, turned), (HOLDERS[0], *HOLDERS[1:9]))
    refused(lambda: check_next(second, third), "E-TRUST-THRESHOLD")
    check_next(second, signed(after(second, turned), turned[:9]))


def test_root_replaced_without_matching_commitment() -> None:
    taken = (replace(HOLDERS[0], turn=2), *HOLDERS[1:])
    second = signed(after(FIRST, taken))
    refused(lambda: check_next(FIRST, second), "E-TRUST-ROOT")


def test_root_replaced_and_nothing_new_committed_to_is_refused_as_a_key_used_twice() -> None:
    spent = replace(
        HOLDERS[0].turned().organisation(), commitment=FIRST.document.organisations[0].commitment
    )
    rest = [each.organisation() for each in HOLDERS[1:]]
    made = after(FIRST, (HOLDERS[0].turned(), *HOLDERS[1:]))
    bad = replace(made, organisations=agreed([spent, *rest], QUORUM))
    refused(lambda: format_document(bad), "E-TRUST-TWICE")


def test_next_root_exchanged_without_its_holder() -> None:
    other = replace(HOLDERS[0].organisation(), commitment=hashlib.sha256(b"other").digest())
    rest = [each.organisation() for each in HOLDERS[1:]]
    made = replace(after(FIRST), organisations=agreed([other, *rest], QUORUM))
    refused(lambda: check_next(FIRST, signed(made, HOLDERS[1:])), "E-TRUST-ROOT")
    check_next(FIRST, signed(made, HOLDERS))


def test_replaced_root_must_be_named_as_revoked_and_never_comes_back() -> None:
    turned = (HOLDERS[0].turned(), *HOLDERS[1:])
    silent = signed(after(FIRST, turned, revoked_roots=()))
    refused(lambda: check_next(FIRST, silent), "E-TRUST-DROPPED")
    second = signed(after(FIRST, turned))
    forgot = signed(after(second, turned, revoked_roots=()), turned)
    refused(lambda: check_next(second, forgot), "E-TRUST-DROPPED")
    refused(
        lambda: signed(after(second, (replace(HOLDERS[0], turn=0), *HOLDERS[1:]))),
        "E-TRUST-TWICE",
    )


def test_organisation_removed_and_its_log_not_named_retired() -> None:
    refused(
        lambda: check_next(FIRST, signed(after(FIRST, HOLDERS[:12], retired=()))),
        "E-TRUST-DROPPED",
    )


def test_retired_log_forgotten_or_given_another_size() -> None:
    second = signed(after(FIRST, HOLDERS[:12]))
    for retired in (
        (),
        tuple(replace(each, size=5000) for each in second.document.retired),
    ):
        third = signed(after(second, HOLDERS[:12], retired=retired), HOLDERS[:12])
        refused(partial(check_next, second, third), "E-TRUST-DROPPED")


def test_retired_log_does_not_come_back() -> None:
    over = Retired("river-stone-01", "Organisation 01", HOLDERS[0].origin().fingerprint, 5)
    refused(lambda: format_document(document(retired=(over,))), "E-TRUST-TWICE")


def test_log_with_another_fingerprint_under_its_name() -> None:
    org = HOLDERS[0].organisation()
    other = replace(org, origins=(replace(org.origins[0], fingerprint=bytes(32)),))
    made = after(FIRST)
    rest = [each.organisation() for each in HOLDERS[1:]]
    second = signed(replace(made, organisations=agreed([other, *rest], QUORUM)))
    refused(lambda: check_next(FIRST, second), "E-TRUST-DROPPED")


def test_holder_who_lost_both_keys_is_removed_and_added_again() -> None:
    second = signed(after(FIRST, HOLDERS[:12]))
    again = replace(HOLDERS[12], turn=7).organisation()
    new_log = replace(Holder(30).origin())
    back = replace(again, origins=(new_log,))
    base = after(second, HOLDERS[:12])
    third = signed(
        replace(
            base,
            organisations=agreed([*(h.organisation() for h in HOLDERS[:12]), back], QUORUM),
        ),
        HOLDERS[:12],
    )
    check_chain((FIRST, second, third))


def test_chain_that_does_not_connect() -> None:
    own = [Holder(number) for number in range(40, 53)]
    start = signed(document(own), own)
    chain = [start]
    for _ in range(3):
        chain.append(signed(after(chain[-1], own), own))
    check_chain(chain)
    refused(lambda: follow(chain[2:], (FIRST,)), "E-TRUST-CHAIN")
    refused(lambda: follow(chain[1:], (FIRST,)), "E-TRUST-THRESHOLD")
    refused(lambda: follow(chain, (FIRST,)), "E-TRUST-THRESHOLD")


def test_every_single_member_of_the_document_is_under_the_signatures() -> None:
    """Each string and number of the payload changed in turn: nobody's signature holds."""
    value = json.loads(FIRST.payload)
    tried = 0
    for member in sorted(value):
        changed = {**value, member: "x" if member != "version" else 1 + value[member]}
        payload = canonical(changed)
        bad = Signed(FIRST.document, payload, FIRST.signatures)
        assert signers(bad, FIRST.document.roots()) == frozenset()
        tried += 1
    assert tried == 11
