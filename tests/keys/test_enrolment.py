"""Keys of other machines; keys that nobody should accept, refused by name."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.keys import acts
from tests.vault.vaults import Made

from evidence_vault.core.entry0 import ED25519
from evidence_vault.core.keys import parse_public_pem, public_pem
from evidence_vault.core.keystate import ENROLLED
from evidence_vault.errors import FormatError, KeyProblem, SignatureInvalid, UsageError
from evidence_vault.seal.keyring import Ed25519Signer
from evidence_vault.vault import keychanges
from evidence_vault.vault.keys import key_state
from evidence_vault.vault.writer import writing

P = 2**255 - 19
SMALL_ORDER = [
    *(n.to_bytes(32, "little") for n in (0, 1, P - 1)),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
]
NON_CANONICAL = [(P + n).to_bytes(32, "little") for n in (0, 1, 18)]
UNACCEPTABLE = [
    raw[:31] + bytes([raw[31] | sign]) for raw in SMALL_ORDER + NON_CANONICAL for sign in (0, 0x80)
]


def pem(raw: bytes) -> bytes:
    """PEM of any 32 bytes, as a careless program would write it."""
    body = b64encode(bytes.fromhex("302a300506032b6570032100") + raw).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n".encode()


def test_another_machine_signs_from_the_next_entry_on(
    vault: Made, sources: Path, tmp_path: Path
) -> None:
    other = Ed25519Signer(b"\5" * 32)
    (tmp_path / "other.pem").write_text(public_pem(other.public))
    with vault.open() as opened:
        done = keychanges.enrol(opened, tmp_path / "other.pem", "events", acts.ceremony(vault))
        assert done["keyid"] == other.keyid
        rows = {k["keyid"]: k for k in keychanges.list_keys(opened)["keys"]}
        assert rows[other.keyid]["where"] == "elsewhere"
        with writing(opened) as writer:
            writer.vault_event("accession-closed", {"actor": "station-2"}, signer=other)
            assert writer.commit() == done["from"]
            writer.checkpoint()
    vault.ingest(sources / "one")
    assert vault.assert_sound() == 3
    trusted = acts.trust(vault, tmp_path / "t")
    assert other.keyid in {k.keyid for k in trusted.origins[0].keys}


@pytest.mark.parametrize("raw", UNACCEPTABLE, ids=bytes.hex)
def test_small_order_and_non_canonical_keys_are_refused_at_enrolment(
    vault: Made, tmp_path: Path, raw: bytes
) -> None:
    (tmp_path / "bad.pem").write_bytes(pem(raw))
    size = acts.size_of(vault)
    with vault.open() as opened, pytest.raises(KeyProblem) as caught:
        keychanges.enrol(opened, tmp_path / "bad.pem", "events", acts.ceremony(vault))
    assert caught.value.code == "E-KEY-UNACCEPTABLE"
    assert acts.size_of(vault) == size


@pytest.mark.parametrize("raw", [SMALL_ORDER[1], NON_CANONICAL[0]], ids=bytes.hex)
def test_small_order_key_enrolled_by_a_careless_program_counts_for_nobody(
    vault: Made, sources: Path, tmp_path: Path, raw: bytes
) -> None:
    """Even signed by the root key: vault, audit and verifier refuse the enrolment."""
    vault.ingest(sources / "one")
    clear = {"alg": ED25519, "public": b64encode(raw).decode(), "role": "events"}
    with vault.open() as opened, writing(opened) as writer:
        writer.vault_event(ENROLLED, {}, clear, acts.root_of(vault))
        writer.commit()
        writer.checkpoint()
    with vault.open() as opened:
        assert raw not in {k.public for k in key_state(opened).intervals()}
    assert {f["code"] for f in vault.audit()["findings"]} == {"E-KEY-UNACCEPTABLE"}
    item = acts.items_of(vault)[0]
    report = acts.check_receipt(acts.receipt(vault, item, tmp_path / "r"), None)
    assert acts.wrong(report) == {"R-KEY-EVENT"}


def test_wycheproof_keys_pass_through_pem_unchanged(shared: Path) -> None:
    path = shared / "conformance" / "wycheproof" / "ed25519_test.json"
    groups = json.loads(path.read_text())["testGroups"]
    keys = {bytes.fromhex(group["publicKey"]["pk"]) for group in groups}
    assert len(groups) == 78
    assert len(keys) > 50
    for raw in keys:
        assert parse_public_pem(public_pem(raw).encode()) == raw


def test_pem_as_openssl_and_cryptography_write_it(tmp_path: Path) -> None:
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-out", tmp_path / "k"],
        check=True,
        capture_output=True,
    )
    subprocess.run(
        ["openssl", "pkey", "-in", tmp_path / "k", "-pubout", "-out", tmp_path / "p"],
        check=True,
        capture_output=True,
    )
    data = (tmp_path / "p").read_bytes()
    assert public_pem(parse_public_pem(data)).encode() == data
    assert parse_public_pem(data.replace(b"\n", b"\r\n")) == parse_public_pem(data)
    public = Ed25519PrivateKey.generate().public_key()
    ours = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert parse_public_pem(ours) == public.public_bytes_raw()
    with pytest.raises(FormatError):  # a private key must never be taken, nor read further
        parse_public_pem((tmp_path / "k").read_bytes())


def test_other_spellings_of_a_key_are_refused() -> None:
    good = public_pem(Ed25519Signer(b"\1" * 32).public).encode()
    lines = good.splitlines()
    for bad in (
        b"",
        b"x" + good,
        good + good,
        good.replace(b"PUBLIC", b"PRIVATE"),
        b"\n".join([lines[0], lines[1][:30], lines[1][30:], lines[2]]),
        good.replace(lines[1], lines[1][:-4]),
        good.replace(lines[1], lines[1] + b"AAAA"),
    ):
        with pytest.raises((FormatError, SignatureInvalid)):
            parse_public_pem(bad)


def test_a_key_is_enrolled_once_for_one_purpose(vault: Made, tmp_path: Path) -> None:
    with vault.open() as opened:
        keyring = opened.keyring
        for raw in (
            keyring.events_signer().public,
            keyring.log_signers()[0].public,
            acts.root_of(vault).public,
        ):
            (tmp_path / "known.pem").write_text(public_pem(raw))
            with pytest.raises(UsageError) as caught:
                keychanges.enrol(opened, tmp_path / "known.pem", "statements", acts.ceremony(vault))
            assert caught.value.code == "E-KEY-KNOWN"
