"""What a person in the files gave away is nowhere in what stands outside encryption.

Looked for in every file of archive/ and control/, vault.toml, the pins, the lock and every
``log_*`` table, as raw bytes, UTF-16, hex, and base64 in its three alignments. The ``index_*``
tables, which exist only where the content can be read, are left out (DESIGN §4).
"""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence_vault.core.fields import parse_fields
from evidence_vault.vault.describing import describe
from evidence_vault.vault.exits import get_item, write_receipts
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.vault.fixity import fixity

from .conftest import MakeVault
from .vaults import Made

NAME = "Daw-Planted-Name-ဒေါ်မြ.txt"
FOLDER = "planted-folder-77"
CONTENT = b"PLANTED content: the grandmother hid in the well. " * 400
DEVICE = b"PlantedCam-SN-0042-1138"
FIELDS: dict[str, str | list[str]] = {
    "place": "Planted Village ရွာသစ်",
    "source_code": "PLANTED-SRC-9",
    "collector_code": "PLANTED-COL-3",
    "title": "Planted title",
    "description": "Planted description ဖော်ပြချက်",
    "received_from": "PLANTED-GIVER-5",
    "received_via": "planted courier",
    "occurred_at": "2021-03-27",
    "case": ["PLANTED-CASE-8"],
    "custody_before": ["PLANTED-GIVER-5 kept it in a planted tin"],
}
ACTOR = "PLANTED-CLERK-1"


def planted() -> dict[str, bytes]:
    """What must not be found, by what to call it."""
    found = {
        "name": NAME.encode(),
        "name of its folder": FOLDER.encode(),
        "content": CONTENT[:50],
        "content, later": CONTENT[8:40],
        "serial number": DEVICE,
        "actor": ACTOR.encode(),
        "organisation": b"Test House",
    }
    for name, value in FIELDS.items():
        found[name] = (value if isinstance(value, str) else value[0]).encode()
    for label, data in (("file", CONTENT), ("picture", picture())):
        for kind in (hashlib.sha256, hashlib.sha512, hashlib.md5, hashlib.sha1):
            found[f"{kind().name} of the {label}"] = kind(data).digest()
    return found


def forms(secret: bytes) -> Iterator[bytes]:
    """The spellings in which a secret could stand in a file."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for shift in range(3):
        # Of each alignment what does not depend on the neighbours.
        coded = base64.b64encode(bytes(shift) + secret)
        inner = coded[4 if shift else 0 : -4]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return
    yield text.encode("utf-16-le")
    yield text.encode("utf-16-be")
    yield text.encode("unicode_escape")
    yield text.encode("utf-8").hex().encode()


def picture() -> bytes:
    """A JPEG whose EXIF names a device (ExifTool reads it)."""
    comment = b"Serial " + DEVICE
    return (
        b"\xff\xd8\xff\xfe"
        + (len(comment) + 2).to_bytes(2, "big")
        + comment
        + b"\xff\xdb\x00\x43\x00"
        + bytes(range(1, 65))
        + b"\xff\xd9"
    )


def outside(vault: Made) -> Iterator[tuple[str, bytes]]:
    """Everything that somebody without a key can read."""
    for path in sorted(vault.folder.rglob("*")):
        inside = path.relative_to(vault.folder)
        yield f"name of {inside}", str(inside).encode()
        if path.is_file() and not path.name.startswith("catalogue.db"):
            yield str(inside), path.read_bytes()
    for path in vault.state.iterdir():
        yield f"outside pin {path.name}", path.name.encode() + path.read_bytes()
    with sqlite3.connect(vault.folder / "catalogue.db") as database:
        tables = [
            row[0]
            for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if row[0].startswith("log_")
        ]
        assert len(tables) >= 4
        for table in tables:
            for row in database.execute(f"SELECT * FROM {table}"):
                for value in row:
                    yield (
                        f"table {table}",
                        value if isinstance(value, bytes) else str(value).encode(),
                    )


def use_it(vault: Made, tmp_path: Path) -> None:
    """Take in, describe, show, give out: every event type that this version writes."""
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / NAME).write_bytes(CONTENT)
    (folder / "picture.jpg").write_bytes(picture())
    (tmp_path / "elsewhere").mkdir()
    fields = parse_fields(FIELDS)
    assert vault.ingest(folder, fields=fields, by=ACTOR)["metadata"] == {"read": 2}
    (tmp_path / "elsewhere" / NAME).write_bytes(CONTENT)
    again = vault.ingest(tmp_path / "elsewhere", fields=fields, by=ACTOR)
    assert len(again["received_again"]) == 1
    vault.ingest(tmp_path / f"missing-{NAME}", by=ACTOR)
    with vault.open() as opened:
        ids = opened.catalogue.item_ids()
        describe(opened, ids, fields, by=ACTOR)
        get_item(opened, ids[0], tmp_path / "out", by=ACTOR, purpose="PLANTED-GIVER-5")
        fixity(opened, all=True, by=ACTOR)
        write_receipts(opened, ids, tmp_path / "receipts", ["all"], by=ACTOR)
        export(
            opened,
            ExportRequest(
                None,
                tmp_path / "bundle.zip",
                originals=True,
                disclose=["all"],
                clear=True,
                by=ACTOR,
                recipient_name="PLANTED-GIVER-5",
            ),
        )


def assert_quiet(vault: Made) -> None:
    wanted = {name: {f for f in forms(s) if len(f) >= 8} for name, s in planted().items()}
    looked = 0
    for where, data in outside(vault):
        looked += 1
        for name, spellings in wanted.items():
            for spelling in spellings:
                assert spelling not in data, f"the {name} stands in {where}"
    assert looked > 50


def test_nothing_planted_is_found_outside_encryption(
    vault: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVIDENCE_VAULT_EXIFTOOL")
    use_it(vault, tmp_path)
    vault.assert_sound()
    assert_quiet(vault)


def test_the_search_finds_what_is_there(
    make_vault: MakeVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same search over a vault that is not encrypted fails, so it can fail."""
    monkeypatch.delenv("EVIDENCE_VAULT_EXIFTOOL")
    vault = make_vault("plain", plaintext=True)
    use_it(vault, tmp_path)
    with pytest.raises(AssertionError, match=r"stands in (name of )?(archive|control)/"):
        assert_quiet(vault)


def test_the_size_of_a_file_is_not_to_be_read_off_its_object(vault: Made, tmp_path: Path) -> None:
    """Padding: files of nearly the same size have objects of the same size."""
    sizes = [100_401, 100_777, 101_000, 102_300]
    for size in sizes:
        (tmp_path / f"{size}").write_bytes(bytes([size % 251]) * size)
    vault.ingest(*(tmp_path / f"{size}" for size in sizes))
    objects = {
        p.stat().st_size for p in (vault.folder / "archive" / "objects").rglob("*") if p.is_file()
    }
    assert len(objects) == 1
