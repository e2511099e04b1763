"""The published age test kit: C2SP/CCTV ``age/testdata``, 91 cases.

Each case states the outcome of opening one file. Ours must be the stated one, by kind of error:
malformed header, changed header, no matching key, or changed payload.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from evidence_vault.core.age import (
    Identity,
    PayloadReader,
    ScryptIdentity,
    parse_identity,
    read_header,
    unwrap_file_key,
)
from evidence_vault.errors import EvidenceError, FormatError, KeyProblem

from .helpers import CHUNK, Pipe

ARMORED = 18
VERDICTS = {
    "success": 11,
    "header failure": 40,
    "HMAC failure": 1,
    "no match": 10,
    "payload failure": 11,
}
"""How many of the binary cases state each outcome."""

# These have a "last" chunk that is not at the end. We read one chunk ahead, see that, and hand out
# nothing of it; the kit allows that chunk to be handed out before the error.
HANDS_OUT_LESS = {
    "stream_two_final_chunks",
    "stream_two_final_chunks_full",
    "stream_two_final_chunks_second",
}


@dataclass(frozen=True)
class Case:
    name: str
    fields: dict[str, str]
    identities: list[Identity]
    data: bytes


@dataclass(frozen=True)
class Outcome:
    verdict: str
    file_key: bytes = b""
    plaintext: bytes = b""


@pytest.fixture(scope="session")
def cases(shared: Path) -> list[Case]:
    with tarfile.open(shared / "conformance" / "age" / "testkit.tar.xz") as archive:
        found = []
        for member in archive:
            if member.isfile():
                file = archive.extractfile(member)
                assert file is not None
                found.append(parse_case(Path(member.name).name, file.read()))
    assert len(found) == 91
    return found


@pytest.fixture(scope="session")
def binary_cases(cases: list[Case]) -> list[Case]:
    return [case for case in cases if "armored" not in case.fields]


def parse_case(name: str, raw: bytes) -> Case:
    head, _, data = raw.partition(b"\n\n")
    fields: dict[str, str] = {}
    identities: list[Identity] = []
    for line in head.decode("utf-8").split("\n"):
        key, _, value = line.partition(": ")
        if key == "identity":
            identities.append(parse_identity(value))
        elif key == "passphrase":
            identities.append(ScryptIdentity(value))
        fields[key] = value
    if fields.get("compressed") == "zlib":
        data = zlib.decompress(data)
    return Case(name, fields, identities, data)


def open_case(case: Case, source: Pipe | io.BytesIO) -> Outcome:
    try:
        file_key = unwrap_file_key(read_header(source), case.identities)
    except FormatError:
        return Outcome("header failure")
    except EvidenceError:
        return Outcome("HMAC failure")
    except KeyProblem:
        return Outcome("no match")
    plaintext = b""
    try:
        reader = PayloadReader(file_key, source)
        while piece := reader.read(CHUNK):
            plaintext += piece
    except FormatError:
        return Outcome("header failure")
    except EvidenceError:
        return Outcome("payload failure", file_key, plaintext)
    return Outcome("success", file_key, plaintext)


def test_the_kit_is_whole(cases: list[Case], binary_cases: list[Case]) -> None:
    assert len(cases) - len(binary_cases) == ARMORED
    assert Counter(case.fields["expect"] for case in binary_cases) == VERDICTS


@pytest.mark.parametrize("verdict", sorted(VERDICTS))
@pytest.mark.parametrize("source", [Pipe, io.BytesIO], ids=["forward-only", "seekable"])
def test_binary_cases_end_as_the_kit_says(
    binary_cases: list[Case], verdict: str, source: type[Pipe] | type[io.BytesIO]
) -> None:
    chosen = [case for case in binary_cases if case.fields["expect"] == verdict]
    assert len(chosen) == VERDICTS[verdict]
    found = {case.name: open_case(case, source(case.data)).verdict for case in chosen}
    assert found == dict.fromkeys(found, verdict)


def test_good_cases_give_the_stated_key_and_plaintext(binary_cases: list[Case]) -> None:
    checked = 0
    for case in binary_cases:
        if case.fields["expect"] == "success":
            outcome = open_case(case, io.BytesIO(case.data))
            assert outcome.file_key.hex() == case.fields["file key"], case.name
            assert sha256(outcome.plaintext) == case.fields["payload"], case.name
            checked += 1
    assert checked == VERDICTS["success"]


def test_bad_payloads_hand_out_no_more_than_the_kit_allows(binary_cases: list[Case]) -> None:
    stated = {case.fields.get("payload") for case in binary_cases}
    less = set()
    for case in binary_cases:
        if case.fields["expect"] == "payload failure":
            handed_out = sha256(open_case(case, Pipe(case.data)).plaintext)
            assert handed_out in stated, case.name
            if handed_out != case.fields["payload"]:
                less.add(case.name)
    assert less == HANDS_OUT_LESS


def test_armored_cases_are_left_out_because_armor_is_not_read(cases: list[Case]) -> None:
    armored = [case for case in cases if "armored" in case.fields]
    assert len(armored) == ARMORED
    for case in armored:
        assert case.name.startswith("armor_"), case.name
        with pytest.raises(FormatError) as refused:
            read_header(io.BytesIO(case.data))
        if case.data.startswith(b"-----BEGIN AGE ENCRYPTED FILE-----\n"):
            assert "ASCII armor, which is not read here" in refused.value.message


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
