"""Worlds whose items have share copies."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

from evidence_vault.core import age
from evidence_vault.vault.grants import grant
from evidence_vault.vault.ingest import IngestRequest, ingest

from .worlds import PASSPHRASE, World, make_desk, make_field, opened, pin

ARTIST = "Daw Planted Name"
BROKEN = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01"


def picture(path: Path, shade: int) -> Path:
    """A small JPEG that names a person and a place."""
    exif = Image.Exif()
    exif[0x013B] = ARTIST
    exif[0x8825] = {1: "N", 2: (16.0, 51.0, 58.64), 3: "E", 4: (96.0, 7.0, 12.5)}
    Image.new("RGB", (64, 48), (shade, 120, 30)).save(path, exif=exif)
    return path


def take_in(world: World, path: Path, metadata: str, folder: Path | None = None) -> str:
    """A file of ``source``, taken in on the field vault unless another folder is given."""
    with opened(folder or world.field) as vault:
        request = IngestRequest([os.fsencode(path)], metadata=metadata, workers=1)
        return str(ingest(vault, request)["taken_in"][0]["id"])


def fill(world: World) -> None:
    """FLD-0000001 with its original and a copy, 2 with the copy alone, 3 with none (refused)."""
    source = world.base / "source"
    source.mkdir(exist_ok=True)
    take_in(world, picture(source / "one.jpg", 90), "strip")
    take_in(world, picture(source / "two.jpg", 30), "strip-only")
    (source / "broken.jpg").write_bytes(BROKEN)
    take_in(world, source / "broken.jpg", "strip")


def make_field_with_copies(base: Path) -> World:
    """A desk, and a field vault with the three items of ``fill``."""
    world = World(base)
    make_desk(world.desk, "DESK")
    make_field(world.field, world.desk, "FLD")
    pin(world.desk, world.field, base / "field-trust.json")
    fill(world)
    return world


def make_two_desks(base: Path) -> World:
    """The same, but the sender is a desk, too: it can derive later. The receiver reads with it."""
    world = World(base)
    for folder, prefix in ((world.desk, "DESK"), (world.field, "FLD")):
        make_desk(folder, prefix)
    join(base, world.field, world.desk)
    fill(world)
    return world


def join(base: Path, sender: Path, receiver: Path) -> None:
    """Each pins the other, and the receiver reads what comes in at the sender."""
    pin(receiver, sender, base / f"{sender.name}-trust.json")
    pin(sender, receiver, base / f"{receiver.name}-trust.json")
    let_read(sender, receiver, "partner-1")


def let_read(sender: Path, reader: Path, name: str) -> None:
    """What comes in at the sender from now on is encrypted to the reader's desk, too."""
    with opened(reader) as vault:
        key = str(age.PQIdentity.from_seed(vault.keyring.seeds["read"]).to_recipient())
    with opened(sender) as vault:
        grant(vault, key, name, lambda: PASSPHRASE)
