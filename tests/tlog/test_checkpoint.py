"""Checkpoints: their three lines, the three kinds of signature, and what a log must have signed."""

from __future__ import annotations

import json
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence_vault.core.checkpoint import (
    Checkpoint,
    CheckpointVerifier,
    VerifiedSignature,
    cosignature_message,
    format_checkpoint,
    mldsa_message,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
    sign_line,
)
from evidence_vault.core.merkle import EMPTY_ROOT, leaf_hash, root_from_hashes
from evidence_vault.core.note import (
    KeyType,
    Note,
    NoteSignature,
    add_signatures,
    decode_base64,
    format_note,
    parse_note,
    parse_vkey,
)
from evidence_vault.errors import FormatError, KeyProblem, SignatureInvalid, UsageError

from . import oracle
from .logs import ORIGIN, TIME, WITNESS, LocalSigner, log_signer, pq_signer, signer, witness_signer

CHECKPOINT = Checkpoint(ORIGIN, 7, oracle.mth(0, 7))
PQ_WITNESS = signer(WITNESS, KeyType.MLDSA44, "test pq witness key")


def signed(*signers: LocalSigner, timestamp: int = TIME) -> bytes:
    return sign_checkpoint(CHECKPOINT, signers, timestamp=timestamp)


def test_a_published_tree_head_is_read(shared: Path) -> None:
    path = shared / "conformance" / "tlog" / "notes.json"
    heads: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["tree_head"]
    assert len(heads) == 1
    checkpoint = parse_checkpoint(heads[0]["text"])
    assert checkpoint.size == heads[0]["size"]
    assert checkpoint.root == leaf_hash(heads[0]["record"].encode())
    assert format_checkpoint(checkpoint) == heads[0]["text"]


def test_every_checkpoint_of_a_published_log_opens(shared: Path) -> None:
    folder = shared / "conformance" / "tlog"
    log: dict[str, Any] = json.loads((folder / "tessera-log.json").read_text("utf-8"))
    key = parse_vkey(log["verifier_key"])
    hashes = [leaf_hash(text.encode()) for text in log["leaves_in_order"]]
    with tarfile.open(folder / "tessera-log.tar.xz") as archive:
        notes = {
            # Every member is a file.
            member.name: archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive
            if member.name.startswith("checkpoint")
        }
    assert len(notes) == 17
    for size in range(16):
        opened = open_checkpoint(notes[f"checkpoint.{size}"], [key])
        expected = Checkpoint(log["origin"], size, root_from_hashes(hashes[:size]))
        assert opened.checkpoint == expected
    assert open_checkpoint(notes["checkpoint"], [key]).checkpoint.size == log["size"] == 15


ROOT = "kTlgHMHKirKnoMLBNMBIRfKxulSag9bIRc/NpDnMWF0="


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{ORIGIN}\n7\n{ROOT}",
        f"{ORIGIN}\n7\n{ROOT}\n\n",
        f"{ORIGIN}\n7\n{ROOT}\nextension\n",
        f"{ORIGIN}\n7\n{ROOT}\nextension\nand another\n",
        f"\n7\n{ROOT}\n",
        f"{ORIGIN}\r\n7\n{ROOT}\n",
        f"{ORIGIN}\n07\n{ROOT}\n",
        f"{ORIGIN}\n+7\n{ROOT}\n",
        f"{ORIGIN}\n-1\n{ROOT}\n",
        f"{ORIGIN}\n7 \n{ROOT}\n",
        f"{ORIGIN}\n\u0667\n{ROOT}\n",
        f"{ORIGIN}\n{2**63}\n{ROOT}\n",
        f"{ORIGIN}\n7\n{ROOT[:-1]}\n",
        f"{ORIGIN}\n7\n{ROOT[:-4]}\n",
        f"{ORIGIN}\n7\n{ROOT.replace('F0=', 'F1=')}\n",
        f"{ORIGIN}\n7\n{ROOT[:40]}\n",
        f"{ORIGIN}\n0\n{ROOT}\n",
        f"{'x' * 256}\n7\n{ROOT}\n",
    ],
)
def test_a_checkpoint_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        parse_checkpoint(text)


@given(st.text("lo7\n=+ \r\u0667", max_size=12), st.integers(0, 70), st.integers(0, 3))
def test_whatever_parses_formats_back_to_the_same_text(patch: str, at: int, width: int) -> None:
    text = format_checkpoint(CHECKPOINT)
    damaged = text[:at] + patch + text[at + width :]
    try:
        checkpoint = parse_checkpoint(damaged)
    except FormatError:
        return
    assert format_checkpoint(checkpoint) == damaged


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 1, bytes(32)),
        ("a\nb", 1, bytes(32)),
        ("x", -1, bytes(32)),
        ("x", 2**63, bytes(32)),
        ("x", 1, bytes(31)),
        ("x", 0, bytes(32)),
        ("\ud800", 1, bytes(32)),
    ],
)
def test_a_checkpoint_that_nothing_could_state_is_refused(
    origin: str, size: int, root: bytes
) -> None:
    with pytest.raises(FormatError):
        Checkpoint(origin, size, root)


def test_all_kinds_of_signature_are_checked_and_told_apart() -> None:
    note = signed(log_signer(), pq_signer(), witness_signer(), PQ_WITNESS)
    opened = open_checkpoint(
        note, [log_signer().key, pq_signer().key], [witness_signer().key, PQ_WITNESS.key]
    )
    assert opened.checkpoint == CHECKPOINT
    assert opened.log_signatures == (
        VerifiedSignature(log_signer().key, None),
        VerifiedSignature(pq_signer().key, TIME),
    )
    assert opened.cosignatures == (
        VerifiedSignature(witness_signer().key, TIME),
        VerifiedSignature(PQ_WITNESS.key, TIME),
    )
    assert (ORIGIN, "a6f616eb") in opened.key_ids
    assert (ORIGIN, "d7565f59") in opened.key_ids
    assert len(opened.key_ids) == 4
    assert format_note(opened.note) == note


def test_the_log_may_sign_with_time_zero_and_a_witness_may_not() -> None:
    opened = open_checkpoint(signed(pq_signer(), timestamp=0), [pq_signer().key])
    assert opened.log_signatures[0].timestamp == 0
    for witness in (witness_signer(), PQ_WITNESS):
        with pytest.raises(UsageError):
            signed(witness, timestamp=0)


def test_a_cosignature_without_a_time_is_refused() -> None:
    text = format_checkpoint(CHECKPOINT)
    messages = {
        witness_signer(): cosignature_message(0, text),
        PQ_WITNESS: mldsa_message(WITNESS, 0, ORIGIN, 0, 7, CHECKPOINT.root),
    }
    for witness, message in messages.items():
        with pytest.raises(SignatureInvalid) as caught:
            CheckpointVerifier(witness.key).verify(text, bytes(8) + witness.sign(message))
        assert caught.value.code == "E-COSIGNATURE-TIME"


@pytest.mark.parametrize("kept", [log_signer(), pq_signer()])
def test_a_checkpoint_stripped_of_one_log_signature_is_a_downgrade(kept: LocalSigner) -> None:
    both = [log_signer().key, pq_signer().key]
    with pytest.raises(SignatureInvalid) as caught:
        open_checkpoint(signed(kept, witness_signer()), both, [witness_signer().key])
    assert caught.value.code == "E-CHECKPOINT-DOWNGRADE"
    opened = open_checkpoint(signed(kept), both, allow_missing_types=True)
    assert [item.key for item in opened.log_signatures] == [kept.key]


def test_a_downgrade_by_a_forged_second_signature_is_refused() -> None:
    note = parse_note(signed(log_signer()))
    forged = NoteSignature(ORIGIN, pq_signer().key.key_id, (TIME).to_bytes(8, "big") + bytes(2420))
    data = format_note(add_signatures(note, [forged]))
    for lenient in (False, True):
        with pytest.raises(SignatureInvalid):
            open_checkpoint(data, [log_signer().key, pq_signer().key], allow_missing_types=lenient)


def test_witnesses_alone_make_no_checkpoint() -> None:
    for log_keys in ([], [log_signer().key]):
        with pytest.raises(SignatureInvalid) as caught:
            open_checkpoint(signed(witness_signer()), log_keys, [witness_signer().key])
        assert caught.value.code == "E-CHECKPOINT-UNSIGNED"


def test_the_checkpoint_of_another_log_is_refused() -> None:
    other = signer("log.example/other", KeyType.ED25519, "other")
    note = sign_checkpoint(
        Checkpoint("log.example/other", 7, CHECKPOINT.root), [other], timestamp=TIME
    )
    with pytest.raises(SignatureInvalid) as caught:
        open_checkpoint(note, [log_signer().key])
    assert caught.value.code == "E-CHECKPOINT-ORIGIN"


def test_a_signature_over_another_state_is_refused() -> None:
    for by in (log_signer(), pq_signer(), witness_signer(), PQ_WITNESS):
        line = sign_line(CHECKPOINT, by, timestamp=TIME)
        verifier = CheckpointVerifier(by.key)
        verifier.verify(format_checkpoint(CHECKPOINT), line.signature)
        for other in (
            Checkpoint(ORIGIN, 8, CHECKPOINT.root),
            Checkpoint(ORIGIN, 7, oracle.mth(0, 8)),
            Checkpoint(ORIGIN + "2", 7, CHECKPOINT.root),
        ):
            with pytest.raises(SignatureInvalid):
                verifier.verify(format_checkpoint(other), line.signature)


def test_a_cosignature_moved_to_another_time_is_refused() -> None:
    for by in (pq_signer(), witness_signer(), PQ_WITNESS):
        line = sign_line(CHECKPOINT, by, timestamp=TIME)
        assert int.from_bytes(line.signature[:8], "big") == TIME
        for time in (TIME + 1, 1, 2**63, 2**64 - 1):
            with pytest.raises(SignatureInvalid):
                CheckpointVerifier(by.key).verify(
                    format_checkpoint(CHECKPOINT), time.to_bytes(8, "big") + line.signature[8:]
                )
        with pytest.raises(SignatureInvalid):
            CheckpointVerifier(by.key).verify(format_checkpoint(CHECKPOINT), line.signature[:8])


def test_an_mldsa_cosignature_under_another_name_is_refused() -> None:
    line = sign_line(CHECKPOINT, PQ_WITNESS, timestamp=TIME)
    renamed = signer("witness.example/two", KeyType.MLDSA44, "test pq witness key")
    assert renamed.key.public_key == PQ_WITNESS.key.public_key
    with pytest.raises(SignatureInvalid):
        CheckpointVerifier(renamed.key).verify(format_checkpoint(CHECKPOINT), line.signature)


def test_one_public_key_cannot_count_as_two_witnesses() -> None:
    twin = signer("witness.example/two", KeyType.COSIGNATURE_ED25519, "test witness key")
    note = signed(log_signer(), witness_signer(), twin)
    with pytest.raises(FormatError) as caught:
        open_checkpoint(note, [log_signer().key], [witness_signer().key, twin.key])
    assert caught.value.code == "E-VKEY-DUPLICATE"


def test_a_log_key_cannot_count_as_a_witness_of_its_own_log() -> None:
    with pytest.raises(FormatError) as caught:
        open_checkpoint(signed(log_signer()), [log_signer().key], [log_signer().key])
    assert caught.value.code == "E-VKEY-DUPLICATE"


def test_a_signed_note_with_extension_lines_is_refused() -> None:
    text = format_checkpoint(CHECKPOINT) + "extension\n"
    line = NoteSignature(ORIGIN, log_signer().key.key_id, log_signer().sign(text.encode()))
    with pytest.raises(FormatError):
        open_checkpoint(format_note(Note(text, (line,))), [log_signer().key])


class MixedUp(LocalSigner):
    """Signs with another key than its verifier key says."""

    def __init__(self, secret: LocalSigner, shown: LocalSigner) -> None:
        self.name = shown.name
        self.key = shown.key
        self._sign = secret.sign


def test_a_keyring_that_mixed_up_its_keys_cannot_publish() -> None:
    other = signer(ORIGIN, KeyType.ED25519, "other")
    with pytest.raises(KeyProblem) as caught:
        signed(MixedUp(secret=other, shown=log_signer()))
    assert caught.value.code == "E-KEY-MISMATCH"
    renamed = log_signer()
    renamed.name = "another.example"
    with pytest.raises(KeyProblem):
        signed(renamed)


def test_a_plain_ed25519_key_signs_for_its_own_log_only() -> None:
    with pytest.raises(UsageError):
        signed(signer(WITNESS, KeyType.ED25519, "test witness key"))


def test_an_empty_log_can_be_signed() -> None:
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    note = sign_checkpoint(empty, [log_signer(), pq_signer()], timestamp=TIME)
    assert open_checkpoint(note, [log_signer().key, pq_signer().key]).checkpoint == empty


def test_the_published_mldsa_message() -> None:
    assert mldsa_message(ORIGIN, TIME, ORIGIN, 0, 7, CHECKPOINT.root) == bytes.fromhex(
        "737562747265652f76310a00116c6f672e6578616d706c652f7661756c74000000006b49d200116c6f672e"
        "6578616d706c652f7661756c74000000000000000000000000000000079139601cc1ca8ab2a7a0c2c134c0"
        "4845f2b1ba549a83d6c845cfcda439cc585d"
    )


@pytest.mark.parametrize(
    ("name", "time", "origin", "start", "end"),
    [
        ("", 1, "o", 0, 1),
        ("n" * 256, 1, "o", 0, 1),
        ("n", 1, "", 0, 1),
        ("n", 1, "o", 2, 1),
        ("n", -1, "o", 0, 1),
        ("n", 2**63, "o", 0, 1),
        ("n", 1, "o", -1, 1),
    ],
)
def test_an_mldsa_message_out_of_range_is_refused(
    name: str, time: int, origin: str, start: int, end: int
) -> None:
    with pytest.raises(FormatError):
        mldsa_message(name, time, origin, start, end, bytes(32))


def test_published_keys() -> None:
    assert (
        log_signer().vkey
        == "log.example/vault+a6f616eb+AT8D+vTUws/7W1gOqSGbdDXrrmt3jPAqTrHAstWiE4z5"
    )
    assert (
        witness_signer().vkey
        == "witness.example/one+f24ebe35+BBQzA22TUGQjImRLTPJOCPRp+BAYPvXYTpf05YEMg813"
    )
    pq = pq_signer().key
    assert sha256(pq.public_key).hexdigest() == (
        "a6a42fccae0a5cd07e3c174d52c7abe95baed5c9a97444d4e37c0984fd88af75"
    )
    assert pq.key_id.hex() == "d7565f59"
    assert decode_base64(ROOT, "root") == CHECKPOINT.root
