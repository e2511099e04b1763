"""A desk and a field vault on disk, driven through the public doors."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence_vault.seal.keyring import Ed25519Signer, Keyring, Peer
from evidence_vault.vault.accepting import AcceptRequest, accept
from evidence_vault.vault.acknowledging import acknowledge
from evidence_vault.vault.checking import log_audit, publish_and_sign
from evidence_vault.vault.creation import begin_log, create_vault, make_folder
from evidence_vault.vault.handovers import list_handovers
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.offering import OfferRequest, offer
from evidence_vault.vault.opening import Vault, open_vault
from evidence_vault.vault.trusting import export_trust
from evidence_vault.vault.wiping import remove
from evidence_vault.vault.witness_setup import witness_add

PASSPHRASE = "correct horse battery"
CONTENTS = {"a.txt": b"What was seen.\n", "b.bin": bytes(range(256)) * 300, "c.txt": b"third\n"}


def opened(folder: Path) -> Vault:
    return open_vault(folder, lambda: PASSPHRASE)


@dataclass(frozen=True)
class World:
    """``base`` holds ``desk``, ``field``, ``source`` and the pins outside both vaults."""

    base: Path

    @property
    def desk(self) -> Path:
        return self.base / "desk"

    @property
    def field(self) -> Path:
        return self.base / "field"

    @property
    def file(self) -> Path:
        return self.base / "offer.tar"

    @property
    def answer(self) -> Path:
        return self.base / "answer.txt"

    def copy_to(self, target: Path) -> World:
        for name in ("desk", "field", "state", "source"):
            shutil.copytree(self.base / name, target / name)
        return World(target)

    def items(self) -> list[str]:
        with opened(self.field) as vault:
            return vault.catalogue.item_ids()

    def take_in(self, name: str, data: bytes, folder: Path | None = None) -> str:
        """One more item, on the field vault unless another folder is given."""
        path = self.base / "source" / name
        path.write_bytes(data)
        with opened(folder or self.field) as vault:
            result = ingest(vault, IngestRequest([os.fsencode(path)], workers=1))
        return str(result["taken_in"][0]["id"])

    def offer(self, *items: str, out: Path | None = None) -> dict[str, Any]:
        with opened(self.field) as vault:
            return offer(vault, OfferRequest(out or self.file, list(items) or None, by="f-1"))

    def accept(self, file: Path | None = None, out: Path | None = None) -> dict[str, Any]:
        with opened(self.desk) as vault:
            return accept(vault, AcceptRequest(file or self.file, out, by="d-1"))

    def acknowledge(self, file: Path | None = None) -> dict[str, Any]:
        with opened(self.field) as vault:
            return acknowledge(vault, file or self.answer, by="f-1")

    def remove(self, *items: str) -> dict[str, Any]:
        with opened(self.field) as vault:
            return remove(vault, list(items) or None, by="f-1")

    def list(self, folder: Path | None = None) -> dict[str, Any]:
        with opened(folder or self.field) as vault:
            return list_handovers(vault)

    def states(self) -> dict[str, str]:
        return {each["id"]: each["state"] for each in self.list()["items"]}

    def handed_over(self) -> World:
        """Offered, accepted, acknowledged."""
        self.offer()
        self.accept(out=self.answer)
        self.acknowledge()
        return self

    def assert_sound(self) -> None:
        for folder in (self.desk, self.field):
            with opened(folder) as vault:
                found = log_audit(vault)["findings"]
                assert found == [], found


def make_desk(folder: Path, prefix: str) -> None:
    create_vault(folder, org=f"House {prefix}", passphrase=PASSPHRASE, prefix=prefix)


def peer_of(folder: Path) -> Peer:
    with opened(folder) as vault:
        keyring = vault.keyring
        return Peer(keyring.org, keyring.origin, tuple(vault.entry_zero().log_vkeys()))


def make_field(folder: Path, desk: Path, prefix: str) -> None:
    """A vault that writes to the desk's recipients and can read nothing."""
    with opened(desk) as vault:
        recipients = vault.keyring.recipients
    origin = f"field-{prefix.lower()}-{folder.parent.name[-8:]}"
    keyring = Keyring.station(origin, "House F", prefix, recipients, peer_of(desk))
    make_folder(folder, keyring, PASSPHRASE)
    with opened(folder) as vault:
        begin_log(vault, Ed25519Signer(os.urandom(32)), "f-1", None)
        publish_and_sign(vault)


def pin(folder: Path, other: Path, trust: Path) -> None:
    """The other vault's log, pinned here from its trust file."""
    with opened(other) as vault:
        export_trust(vault, trust)
    with opened(folder) as vault:
        witness_add(vault, lambda: PASSPHRASE, trust)


def make_world(base: Path) -> World:
    world = World(base)
    make_desk(world.desk, "DESK")
    make_field(world.field, world.desk, "FLD")
    (base / "source").mkdir()
    for name, data in CONTENTS.items():
        (base / "source" / name).write_bytes(data)
    pin(world.desk, world.field, base / "field-trust.json")
    with opened(world.field) as vault:
        paths = [os.fsencode(base / "source" / name) for name in CONTENTS]
        ingest(vault, IngestRequest(paths, {"place": "MMR001"}, workers=1, by="f-1"))
    return world
