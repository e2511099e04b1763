"""Field vaults for these tests, what is planted in them, and where it must not be found."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.vault.test_quiet import forms, picture
from tests.vault.vaults import PASSPHRASE, Made, start

from evidence_vault.vault.creation import create_vault
from evidence_vault.vault.stations import create_station, read_card, write_card

NAME = "Daw-Planted-Name-ဒေါ်မြ.txt"
FOLDER = "planted-folder-77"
CONTENT = b"PLANTED content: the grandmother hid in the well. " * 400
DEVICE = b"PlantedCam-SN-0042-1138"
PLACE = "Planted Village ရွာသစ်"
GIVER = "PLANTED-GIVER-5"
ACTOR = "PLANTED-CLERK-1"
SHEET_TITLE = "Planted title of a row"
SHARED_MEMORY = Path("/dev/shm")
_OTHERS = ("faults-", "PostgreSQL.")  # what other tests of the same run keep there


@dataclass
class Field:
    """A desk, its field vault, and the folder that holds both, ``home`` and what is taken in."""

    base: Path
    desk: Made
    station: Made
    card: Path

    @property
    def source(self) -> Path:
        return self.base / "source" / FOLDER

    def places(self) -> list[Path]:
        """Every folder of the field machine that this program may write to."""
        return [self.station.folder, self.base / "home", self.base / "tmp", SHARED_MEMORY]

    def take_in(self, *paths: Path, **request: Any) -> dict[str, Any]:
        return self.station.ingest(*(paths or (self.source,)), **request)

    def take_in_sheet(self, sheet: Path) -> dict[str, Any]:
        return self.station.ingest(sheet=sheet)

    def kill_at(self, step: str, *paths: Path, group: int = 4) -> int:
        """Take in, in a process that dies at a step; its exit status."""
        process = start(
            "ingest",
            self.station.folder,
            *(paths or (self.source,)),
            environment={"EVIDENCE_VAULT_FAULT": step, "EVIDENCE_TEST_GROUP": str(group)},
        )
        process.communicate(timeout=120)
        wait_for_cleaners()
        return process.returncode

    def items(self) -> list[str]:
        with self.station.open() as vault:
            return vault.catalogue.item_ids()

    def open_accessions(self) -> list[Path]:
        folder = self.station.folder / "resuming"
        return sorted(folder.iterdir()) if folder.is_dir() else []


def wait_for_cleaners() -> None:
    """A killed process's private folder is removed by another one, moments later."""
    for _ in range(100):
        if not any(SHARED_MEMORY.glob("metadata-*")):
            return
        time.sleep(0.02)


def make_field(base: Path) -> Field:
    """The fingerprint of the card is compared, as everywhere."""
    made = create_vault(base / "desk", org="Test House", passphrase=PASSPHRASE)
    state = base / "home" / "state"
    desk = Made(base / "desk", Path(made["recovery_file"]), state)
    with desk.open() as vault:
        told = write_card(vault, base / "card.json")
    card = read_card(base / "card.json")
    made = create_station(
        base / "field",
        card=card,
        fingerprint=" ".join(told["fingerprint_words"]),
        passphrase=PASSPHRASE,
    )
    station = Made(base / "field", Path(made["recovery_file"]), state)
    return Field(base, desk, station, base / "card.json")


def plant(field: Field, more: int = 0) -> None:
    """Files whose names, contents, EXIF values and digests must stay unknown."""
    field.source.mkdir(parents=True)
    (field.source / NAME).write_bytes(CONTENT)
    (field.source / "Planted-Picture.jpg").write_bytes(picture())
    for number in range(more):
        (field.source / f"Planted-More-{number:03d}.txt").write_bytes(content_of(number))


def content_of(number: int) -> bytes:
    return CONTENT + b"planted number %d" % number


def planted(field: Field, more: int = 0) -> dict[str, bytes]:
    """What must not be found, by what to call it."""
    found = {
        "name": NAME.encode(),
        "name of a picture": b"Planted-Picture",
        "names of more": b"Planted-More-",
        "name of its folder": FOLDER.encode(),
        "content": CONTENT[:50],
        "content, later": CONTENT[8:40],
        "serial number": DEVICE,
        "place": PLACE.encode(),
        "giver": GIVER.encode(),
        "actor": ACTOR.encode(),
        "title in a sheet": SHEET_TITLE.encode(),
        "organisation": b"Test House",
    }
    files = {"text": CONTENT, "picture": picture()}
    files |= {f"file {number}": content_of(number) for number in range(more)}
    for label, data in files.items():
        for kind in (hashlib.sha256, hashlib.sha512, hashlib.sha1, hashlib.md5):
            found[f"{kind().name} of the {label}"] = kind(data).digest()
    for path in (field.source, field.source / NAME, field.source / "Planted-Picture.jpg"):
        for spelling in (os.fsencode(path), os.fsencode(path.name)):
            found[f"SHA-256 of the path {path.name}"] = hashlib.sha256(spelling).digest()
    return found


def everything(places: list[Path]) -> Iterator[tuple[str, bytes]]:
    """Names, contents and link targets of all that lies in these folders."""
    for place in places:
        for folder, folders, files in os.walk(place.resolve()):
            folders[:] = [name for name in folders if not name.startswith(_OTHERS)]
            files = [name for name in files if not name.startswith(_OTHERS)]
            for name in (*folders, *files):
                path = Path(folder, name)
                where = str(path)
                yield f"name {where}", os.fsencode(name)
                if path.is_symlink():
                    yield f"link {where}", os.fsencode(os.readlink(path))
                elif path.is_file():
                    try:
                        yield where, path.read_bytes()
                    except OSError:  # another user's, or gone
                        continue


def assert_nothing_found(field: Field, more: int = 0, places: list[Path] | None = None) -> None:
    wanted = [
        (name, spelling)
        for name, secret in planted(field, more).items()
        for spelling in {f for f in forms(secret) if len(f) >= 8}
    ]
    looked = 0
    for where, data in everything(places or field.places()):
        looked += 1
        for name, spelling in wanted:
            assert spelling not in data, f"the {name} stands in {where}"
    assert looked > 20


def recipe(field: Field) -> dict[str, Any]:
    """Fields with something planted in each."""
    from evidence_vault.core.fields import parse_fields

    return parse_fields({"place": PLACE, "received_from": GIVER, "title": SHEET_TITLE})
