"""What lies on disk opens with other people's age programs, and only with the right key."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import pytest
from tests.age.test_interchange import Node, node, run_with_passphrase

from evidence_vault.core.age import ScryptRecipient, encrypt_stream
from evidence_vault.core.age.padding import unpad
from evidence_vault.core.canonical import canonical, parse_canonical
from evidence_vault.core.commit import Committed, format_commit
from evidence_vault.core.disclosure import parse_set
from evidence_vault.core.event import parse_entry
from evidence_vault.errors import EvidenceError, Exit, KeyProblem, UsageError, VaultError
from evidence_vault.seal.recovery import read_recovery
from evidence_vault.vault.checking import log_status
from evidence_vault.vault.creation import change_passphrase
from evidence_vault.vault.exits import get_item
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.ingest import IngestRequest, ingest

from .vaults import PASSPHRASE, Made, write_files

__all__ = ["node"]  # a fixture


def units_of_one_item(vault: Made) -> dict[str, bytes]:
    """header || payload by kind, as somebody with both roots puts them together."""
    found: dict[str, bytes] = {}
    with vault.open() as opened:
        for commit in opened.log.commits(0):
            for committed in commit.entries:
                event = parse_entry(committed.entry).event
                if event.type != "ingested":
                    continue
                for unit in event.units:
                    payload = committed.record
                    if unit.kind != "record":
                        parts = [
                            vault.folder / "archive" / "objects" / name[:2] / name
                            for name in unit.objects
                        ]
                        payload = b"".join(part.read_bytes() for part in parts)
                    found[unit.kind] = committed.headers[unit.id] + payload
    return found


def test_units_open_with_the_age_of_npm_under_the_recovery_key(
    vault: Made, tmp_path: Path, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVIDENCE_VAULT_EXIFTOOL")
    path = tmp_path / "testimony.txt"
    path.write_bytes(b"what happened in the village\n" * 5000)
    vault.ingest(path)
    key = str(read_recovery(vault.recovery.read_bytes(), lambda: PASSPHRASE).identity)
    units = units_of_one_item(vault)
    assert set(units) == {"content", "metadata", "record"}
    opened = {kind: node("decrypt", key, data) for kind, data in units.items()}
    assert unpad(opened["content"], "media") == path.read_bytes()
    tags = parse_canonical(unpad(opened["metadata"], "metadata"), "metadata")["tags"]
    assert any(name.endswith("MIMEType") for name in tags)
    shown = parse_set(unpad(opened["record"], "disclosures"))
    assert shown["source_path"].value["display"] == "testimony.txt"


def test_keyring_and_recovery_file_open_with_the_age_program(vault: Made, tmp_path: Path) -> None:
    age = shutil.which("age")
    if age is None:
        pytest.skip("the program age is absent (Debian package: age)")
    for path, holds in ((vault.folder / "keyring.age", b'"seeds"'), (vault.recovery, b"AGE-SECR")):
        out = tmp_path / f"{path.name}.plain"
        run_with_passphrase([age, "-d", "-o", str(out), str(path)], PASSPHRASE)
        assert holds in out.read_bytes()


def test_key_passphrase(vault: Made, tmp_path: Path) -> None:
    write_files(tmp_path / "in", 1)
    vault.ingest(tmp_path / "in")
    before = (vault.folder / "keyring.age").read_bytes()
    done = change_passphrase(vault.folder, lambda: PASSPHRASE, lambda: "second passphrase")
    assert Path(done["previous"]).read_bytes() == before
    with vault.open() as opened, pytest.raises(KeyProblem) as caught:
        log_status(opened)
    assert (caught.value.code, caught.value.exit_status) == ("E-PASSPHRASE", Exit.KEY)
    with vault.open("second passphrase") as opened:
        assert log_status(opened)["may_sign"]
        get_item(opened, opened.catalogue.item_ids()[0], tmp_path / "out")
    again = change_passphrase(vault.folder, lambda: "second passphrase", lambda: PASSPHRASE)
    assert again["previous"] != done["previous"]
    assert vault.assert_sound() == 1


@pytest.mark.parametrize("new", ["short", ""])
def test_a_passphrase_that_is_too_short_changes_nothing(vault: Made, new: str) -> None:
    before = {p.name: p.read_bytes() for p in vault.folder.glob("keyring*")}
    with pytest.raises(UsageError):
        change_passphrase(vault.folder, lambda: PASSPHRASE, lambda: new)
    with pytest.raises(KeyProblem):
        change_passphrase(vault.folder, lambda: "not the passphrase", lambda: "long enough now")
    assert {p.name: p.read_bytes() for p in vault.folder.glob("keyring*")} == before


def test_every_bit_of_a_damaged_keyring_is_said_and_nothing_is_written(
    vault: Made, tmp_path: Path
) -> None:
    write_files(tmp_path / "in", 1)
    path = vault.folder / "keyring.age"
    data = path.read_bytes()
    commits = sorted((vault.folder / "control").rglob("*"))
    for position in [*range(0, len(data), 41), len(data) - 1]:
        path.write_bytes(data[:position] + bytes([data[position] ^ 4]) + data[position + 1 :])
        with pytest.raises(VaultError) as caught:
            vault.ingest(tmp_path / "in")
        assert caught.value.exit_status in (Exit.KEY, Exit.EVIDENCE)
    for length in (0, 1, 100, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(VaultError):
            vault.ingest(tmp_path / "in")
    assert sorted((vault.folder / "control").rglob("*")) == commits
    path.write_bytes(data)
    assert vault.ingest(tmp_path / "in")["exit"] == 0


@pytest.mark.parametrize("damage", ["missing", "cut", "changed", "another object"])
def test_a_damaged_object_is_named_and_never_given_out(
    vault: Made, tmp_path: Path, damage: str
) -> None:
    write_files(tmp_path / "in", 2, 300_000)
    vault.ingest(tmp_path / "in")
    with vault.open() as opened:
        item, other = opened.catalogue.item_ids()
    names = [e.units[0].objects[0] for e in vault.entries() if e.type == "ingested"]
    paths = [vault.folder / "archive" / "objects" / name[:2] / name for name in names]
    data = paths[0].read_bytes()
    if damage == "missing":
        paths[0].unlink()
    else:
        paths[0].write_bytes(
            {
                "cut": data[:-1],
                "changed": data[:150_000] + bytes([data[150_000] ^ 1]) + data[150_001:],
                "another object": paths[1].read_bytes(),
            }[damage]
        )
    with vault.open() as opened:
        report = fixity(opened, all=True)
        assert report["exit"] == 10
        assert {d["id"] for d in report["damaged"]} == {item}
        assert names[0] in report["damaged"][0]["object"]
        with pytest.raises(VaultError) as caught:
            get_item(opened, item, tmp_path / "out")
        assert caught.value.exit_status in (Exit.EVIDENCE, Exit.UNREACHABLE)
        assert list(tmp_path.glob("*out*")) == list(tmp_path.glob(".*partial")) == []
        get_item(opened, other, tmp_path / "good")
    assert (tmp_path / "good").read_bytes() == (tmp_path / "in" / "file-0001.bin").read_bytes()


def test_a_header_swapped_with_another_items_is_noticed(vault: Made, tmp_path: Path) -> None:
    """Both headers are genuine and open; only the entry says which belongs where."""
    write_files(tmp_path / "in", 2)
    vault.ingest(tmp_path / "in")
    with vault.open() as opened:
        item = opened.catalogue.item_ids()[0]
        commit = next(c for c in opened.log.commits(1) if len(c.entries) > 2)
        first, second = (
            next(u for u in parse_entry(commit.entries[i].entry).event.units if u.kind == "content")
            for i in (1, 2)
        )
        entries = list(commit.entries)
        mine = {**entries[1].headers, first.id: entries[2].headers[second.id]}
        entries[1] = Committed(entries[1].entry, entries[1].record, mine)
        path = vault.folder / "control" / "commits" / str(commit.start)
        path.write_bytes(format_commit(commit.start, commit.root, entries))
    with vault.open() as opened:
        with pytest.raises(EvidenceError) as caught:
            get_item(opened, item, tmp_path / "out")
        assert caught.value.code == "E-HEADER-CHANGED"
        assert {d["id"] for d in fixity(opened, all=True)["damaged"]} == {item}
    assert "E-HEADER-CHANGED" in {f["code"] for f in vault.audit()["findings"]}


def test_a_clock_set_back_is_said_and_the_log_keeps_its_order(vault: Made, tmp_path: Path) -> None:
    class SetBack:
        def now(self) -> str:
            return "2001-01-01T00:00:00Z"

    write_files(tmp_path / "in", 2)
    with vault.open(clock=SetBack()) as opened:
        result = ingest(opened, IngestRequest([os.fsencode(tmp_path / "in")]))
    assert any("clock" in notice for notice in result["notices"])
    assert result["exit"] == 0
    assert vault.assert_sound() == 2
    assert [e.recorded_at[:4] for e in vault.entries()][-1] == "2001"


def test_a_missing_commit_is_named_and_nothing_is_signed_over_it(
    vault: Made, tmp_path: Path
) -> None:
    for number in range(3):
        vault.ingest(write_files(tmp_path / f"in-{number}", 2)[0].parent)
    with vault.open() as opened:
        item = opened.catalogue.item_ids()[0]
        start = opened.catalogue.entry(opened.catalogue.history(item)[0]).commit_start
    lost = vault.folder / "control" / "commits" / str(start)
    kept = lost.rename(tmp_path / "kept")
    with vault.open() as opened, pytest.raises(EvidenceError) as caught:
        get_item(opened, item, tmp_path / "out")
    assert caught.value.code == "E-ENTRY-MISSING"
    report = vault.audit()
    assert report["exit"] == 11
    assert "E-CHECKPOINT-AHEAD" in {f["code"] for f in report["findings"]}
    kept.rename(lost)
    assert vault.assert_sound() == 6


def test_a_keyring_of_a_newer_version_is_said_to_be_one(vault: Made, tmp_path: Path) -> None:
    with vault.open() as opened:
        newer = {**opened.keyring.to_json(), "v": 2, "something": "new"}
    with open(vault.folder / "keyring.age", "wb") as sink:
        encrypt_stream([ScryptRecipient(PASSPHRASE, 10)], io.BytesIO(canonical(newer)), sink)
    with pytest.raises(KeyProblem) as caught:
        vault.ingest(tmp_path)
    assert caught.value.code == "E-NEWER"
