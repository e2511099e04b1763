"""Receipts, trust files, statements and manifests: one spelling, limits, and self-consistency."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.core.bagtext import (
    fold_key,
    is_os_junk,
    manifest_text,
    parse_manifest,
    unsafe_path_reason,
)
from evidence_vault.core.canonical import b64, canonical
from evidence_vault.core.entry0 import NamedKey, format_clear, parse_clear, parse_entry0
from evidence_vault.core.keys import keyid
from evidence_vault.core.receipt import format_receipt, parse_receipt
from evidence_vault.core.statement import format_statement, parse_statement
from evidence_vault.core.trust import (
    TrustKey,
    fingerprint_of,
    format_trust,
    parse_trust,
    trust_fingerprint,
)
from evidence_vault.errors import FormatError, SignatureInvalid, UsageError, VaultError
from evidence_vault.verify import load_trust, read_receipt

from .conftest import World
from .forge import Maker

Json = dict[str, Any]


def test_receipt_round_trip(world: World) -> None:
    data = format_receipt(world.receipt)
    assert parse_receipt(data) == world.receipt
    assert format_receipt(parse_receipt(data)) == data


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"event 1\n", b"event 01\n"),
        (b"event 1\n", b"event +1\n"),
        (b"event 1\n", b"event 1 \n"),
        (b"event 1\n", b"event 9223372036854775808\n"),
        (b"receipt/v1\n", b"receipt/v2\n"),
        (b"receipt/v1\n", b"receipt/v1\r\n"),
        (b"made 2026-11-23T", b"made 2026-13-23T"),
        (b"item copper", b"item  copper"),
        (b"item copper", b"thing copper"),
        (b"QVRM-0000001\n", b"qvrm-0000001\n"),
        (b"\npath ", b"\npath  "),
        (b"= ", b"=  "),
        (b"\ncheckpoint\n", b"\n\ncheckpoint\n"),
        (b"\nreveal [", b"\nreveal  ["),
        (b"\nmember {", b"\nmember { "),
        (b"origin copper", b"origin copper+"),
    ],
)
def test_other_spelling_of_a_receipt(world: World, old: bytes, new: bytes) -> None:
    good = format_receipt(world.receipt)
    assert old in good
    with pytest.raises(FormatError):
        parse_receipt(good.replace(old, new, 1))


def test_receipt_limits(world: World) -> None:
    event = world.receipt.events[0]
    for bad in (
        replace(world.receipt, events=()),
        replace(world.receipt, events=(replace(event, leaf=b"x" * 65_536),)),
        replace(world.receipt, events=(replace(event, leaf=b"a\nb"),)),
        replace(world.receipt, events=(replace(event, path=(b"\0" * 32,) * 64),)),
        replace(world.receipt, events=(replace(event, path=(b"\0" * 31,)),)),
        replace(world.receipt, note=b""),
        replace(world.receipt, note=b"x" * 1_000_001),
        replace(world.receipt, subject=("item", "a b", "QVRM-0000001")),
        replace(world.receipt, made="yesterday"),
    ):
        with pytest.raises(FormatError):
            format_receipt(bad)
    reveals = world.receipt.events[1].reveals[::-1]
    with pytest.raises(FormatError):
        format_receipt(replace(world.receipt, events=(replace(event, reveals=reveals),)))


def test_trust_round_trip_and_fingerprint(world: World) -> None:
    data = format_trust(world.trust)
    assert parse_trust(data) == world.trust
    assert format_trust(parse_trust(data)) == data
    assert fingerprint_of(world.trust) == trust_fingerprint(data)


def first(value: Json) -> Json:
    origin: Json = value["origins"][0]
    return origin


def set_key(member: str, new: Any) -> Callable[[Json], None]:
    return lambda v: first(v)["keys"][0].update({member: new})


def stranger_origin() -> Json:
    value: Json = json.loads(format_trust(Maker(seed="stranger").trust()))
    return first(value)


def small_order(v: Json) -> None:
    raw = b"\1" + b"\0" * 31
    first(v)["keys"][0].update(public=b64(raw), keyid="0" * 64)


def other_checkpoint(v: Json) -> None:
    first(v)["checkpoint"] = stranger_origin()["checkpoint"]


def one_signature(v: Json) -> None:
    lines = first(v)["checkpoint"].splitlines(keepends=True)
    first(v)["checkpoint"] = "".join(lines[:-1])


TAMPER: dict[str, Callable[[Json], None]] = {
    "extra member": lambda v: v.update(x=1),
    "missing member": lambda v: v.pop("network"),
    "network document": lambda v: v.update(network={}),
    "another version": lambda v: v.update(v=2),
    "boolean version": lambda v: v.update(v=True),
    "no origins": lambda v: v.update(origins=[]),
    "origin twice": lambda v: v.update(origins=v["origins"] * 2),
    "another fingerprint": lambda v: first(v).update(fingerprint="0" * 64),
    "entry 0 of a stranger": lambda v: first(v).update(entry0=stranger_origin()["entry0"]),
    "log keys of a stranger": lambda v: first(v).update(log_keys=stranger_origin()["log_keys"]),
    "log keys in another order": lambda v: first(v)["log_keys"].reverse(),
    "one log key": lambda v: first(v)["log_keys"].pop(),
    "checkpoint of a stranger": other_checkpoint,
    "checkpoint with one signature": one_signature,
    "another size": lambda v: first(v)["as_of"].update(size=1),
    "another root": lambda v: first(v)["as_of"].update(root="0" * 64),
    "another prefix": lambda v: first(v).update(prefix="ABCD"),
    "another origin": lambda v: first(v).update(origin="another-log"),
    "quorum of nobody": lambda v: first(v).update(policy="quorum none\n"),
    "root key of a stranger": lambda v: first(v)["keys"].__setitem__(
        1, stranger_origin()["keys"][1]
    ),
    "no root key": lambda v: first(v)["keys"].pop(1),
    "keys in another order": lambda v: first(v)["keys"].reverse(),
    "key in two roles": lambda v: first(v)["keys"][2].update(
        {k: first(v)["keys"][0][k] for k in ("keyid", "public")}
    ),
    "small-order key": small_order,
    "wrong keyid": set_key("keyid", "0" * 64),
    "unknown role": set_key("role", "admin"),
    "empty interval": set_key("until", 1),
    "negative start": set_key("from", -1),
    "boolean start": set_key("from", True),
}


@pytest.mark.parametrize("tamper", sorted(TAMPER))
def test_tampered_trust_file(tamper: str, world: World) -> None:
    value = json.loads(format_trust(world.trust))
    TAMPER[tamper](value)
    with pytest.raises(VaultError):
        parse_trust(canonical(value) + b"\n")


def test_every_byte_of_a_trust_file_counts(world: World) -> None:
    """A flip that still parses must change the fingerprint that people compare."""
    good = format_trust(world.trust)
    refused = 0
    for offset in range(0, len(good), 13):
        bad = bytearray(good)
        bad[offset] ^= 1 << (offset % 8)
        try:
            trust = parse_trust(bytes(bad))
        except VaultError:
            refused += 1
        else:
            assert fingerprint_of(trust) != fingerprint_of(world.trust)
    assert refused > 600
    for data in (good[:-1], good + b"\n", b" " + good, good.replace(b":", b": ", 1)):
        with pytest.raises(FormatError):
            parse_trust(data)


def test_trust_file_of_two_logs(world: World) -> None:
    other = Maker(seed="two", origin="amber-valley-2", prefix="ABCD").trust_origin()
    trust = replace(world.trust, origins=(other, *world.trust.origins))
    assert parse_trust(format_trust(trust)) == trust
    with pytest.raises(FormatError):
        format_trust(replace(trust, origins=trust.origins[::-1]))


def test_load_trust_and_read_receipt_from_disk(tmp_path: Path, world: World) -> None:
    path = tmp_path / "trust.json"
    path.write_bytes(format_trust(world.trust))
    assert load_trust(path) == world.trust
    (tmp_path / "r.txt").write_bytes(format_receipt(world.receipt))
    assert parse_receipt(read_receipt(tmp_path / "r.txt")) == world.receipt
    with pytest.raises(FormatError, match="not a trust file"):
        load_trust(tmp_path / "r.txt")
    for bad in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UsageError):
            load_trust(bad)
        with pytest.raises(UsageError):
            read_receipt(bad)


def test_key_interval() -> None:
    key = TrustKey("events", "", b"", 2, 5)
    assert [i for i in range(8) if key.covers(i)] == [2, 3, 4]
    assert [i for i in range(4) if replace(key, until=None).covers(i)] == [2, 3]


def test_statement_round_trip(world: World) -> None:
    data = world.files["statement.json"]
    statement = parse_statement(data)
    assert format_statement(statement) == data


@pytest.mark.parametrize(
    "change",
    [
        lambda s: replace(s, files=s.files[::-1]),
        lambda s: replace(s, files=(*s.files, s.files[-1])),
        lambda s: replace(s, items=s.items[::-1]),
        lambda s: replace(s, files=(replace(s.files[0], path="../x"), *s.files[1:])),
        lambda s: replace(s, files=(replace(s.files[0], path=".DS_Store"), *s.files[1:])),
        lambda s: replace(s, files=(replace(s.files[-1], path="statement.sig"),)),
        lambda s: replace(s, files=(replace(s.files[0], size=-1), *s.files[1:])),
        lambda s: replace(s, files=(replace(s.files[0], sha256="A" * 64), *s.files[1:])),
        lambda s: replace(s, bundle_id="x"),
        lambda s: replace(s, counts={**s.counts, "more": 1}),
        lambda s: replace(s, proofs={**s.proofs, "inclusion": "sure"}),
        lambda s: replace(s, proofs={**s.proofs, "inclusion": "pending"}),
        lambda s: replace(s, proofs={**s.proofs, "states": [{"size": 1}]}),
        lambda s: replace(s, made_at="2026-11-23"),
        lambda s: replace(s, key="x"),
    ],
)
def test_malformed_statement(change: Callable[[Any], Any], world: World) -> None:
    with pytest.raises(FormatError):
        format_statement(change(parse_statement(world.files["statement.json"])))


def test_entry_zero_states_the_fingerprint_and_is_signed_by_its_root(world: World) -> None:
    zero = parse_entry0(world.maker.leaves[0])
    assert zero.fingerprint == world.trust.origins[0].fingerprint
    assert list(zero.with_role("events")) == [world.maker.keyid("events")]
    with pytest.raises(FormatError):
        parse_entry0(world.maker.leaves[1])
    event, _ = world.maker.event("vault-created", {"kind": "vault"}, {}, {}, role="events")
    clear = json.loads(json.dumps(world_clear(world)))
    with pytest.raises(FormatError, match="root key"):
        parse_entry0(world.maker.sign(replace(event, clear=clear), "events"))


def world_clear(world: World) -> Json:
    zero = parse_entry0(world.maker.leaves[0])
    return format_clear(zero.keys, zero.prefix)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["keys"].pop(),
        lambda c: c["keys"].append(c["keys"][0]),
        lambda c: c["keys"][0].update(role="admin"),
        lambda c: c["keys"][0].update(alg="rsa"),
        lambda c: c["keys"][0].update(role="log-pq"),
        lambda c: c["keys"][0].update(public=b64(b"\1" + b"\0" * 31)),
        lambda c: c["keys"][0].update(public=b64(b"\xff" * 32)),
        lambda c: c["keys"][0].update(public=c["keys"][1]["public"]),
        lambda c: c.update(prefix="lower"),
        lambda c: c.update(succeeds={}),
        lambda c: c.update(more=1),
    ],
)
def test_entry_zero_with_keys_nobody_should_accept(
    change: Callable[[Json], Any], world: World
) -> None:
    clear = world_clear(world)
    change(clear)
    with pytest.raises((FormatError, SignatureInvalid)):
        parse_clear(clear)


def test_named_key_has_the_keyid_of_its_public_key(world: World) -> None:
    assert NamedKey("root", world.maker.public("root")).keyid == keyid(world.maker.public("root"))


@pytest.mark.parametrize(
    "path",
    [
        *("", "/a", "../a", "a/../b", "a//b", "a/", "./a", "a\\b", "C:a", "a:b", "a\tb", "a\x7f"),
        *("a\u202eb", "a\u200bb", "con", "a/NUL.txt", "com1", "lpt9.x", "a.", "a ", "a?b", "a%b"),
        *("a*", "x" * 256, "a/" * 600 + "b", "a\ud800b", "a\u2028b", "COM\u00b9.txt"),
    ],
)
def test_unsafe_paths(path: str) -> None:
    assert unsafe_path_reason(path) is not None
    with pytest.raises(FormatError):
        manifest_text([(path, "0" * 64)])


@pytest.mark.parametrize(
    "path", ["a", "a/b.txt", "data/\u1019\u103c\u1014\u103a.jpg", "..a", "console", "a b"]
)
def test_safe_paths(path: str) -> None:
    assert unsafe_path_reason(path) is None
    text = manifest_text([(path, "0" * 64)])
    assert parse_manifest(text, "sha256") == {path: "0" * 64}


@pytest.mark.parametrize(
    "data",
    [
        *(b"0" * 64 + b" a\n", b"0" * 64 + b"  a", b"0" * 63 + b"  a\n", b"G" * 64 + b"  a\n"),
        *(b"A" * 64 + b"  a\n", (b"0" * 64 + b"  a\n") * 2, b"\n", b"\xff\n"),
        *(b"0" * 64 + b"  b\n" + b"0" * 64 + b"  a\n", b"0" * 64 + b"  a\r\n"),
        b"0" * 64 + b" *a\n",
    ],
)
def test_malformed_manifest(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_manifest(data, "sha256")


def test_names_that_some_file_system_takes_for_one() -> None:
    assert fold_key("Stra\u00dfe") == fold_key("STRASSE")
    assert fold_key("e\u0301") == fold_key("\u00e9") == fold_key("\u00c9")
    assert fold_key("a") != fold_key("b")


def test_os_junk_is_a_closed_list() -> None:
    junk = [".DS_Store", "data/._a", "Thumbs.db", "a/desktop.ini", "__MACOSX/a/b", ".Trashes/501"]
    junk += ["ehthumbs.db", ".directory", ".Spotlight-V100/x", ".fseventsd/x", "__MACOSX/"]
    assert all(is_os_junk(p) for p in junk)
    assert not any(is_os_junk(p) for p in ("a", "DS_Store", ".hidden", "_.a", "thumbs", "a/b.db"))
    folders_of_file_names = [".DS_Store/", "Thumbs.db/x", "data/._dir/", "data/._dir/x"]
    files_of_folder_names = ["__MACOSX", "data/.Trashes"]
    assert not any(is_os_junk(p) for p in folders_of_file_names + files_of_folder_names)
