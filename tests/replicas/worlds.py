"""A vault, its partner and its replicas on disk, driven through the public doors."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence_vault.core import age
from evidence_vault.ports import Clock
from evidence_vault.vault import replicas
from evidence_vault.vault.checking import log_audit
from evidence_vault.vault.cosignatures import witness_import, witness_request
from evidence_vault.vault.creation import create_vault
from evidence_vault.vault.grants import grant
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.opening import Vault, open_vault
from evidence_vault.vault.restoring import restore
from evidence_vault.vault.syncing import sync
from evidence_vault.vault.trusting import export_trust
from evidence_vault.vault.witness_setup import witness_add, witness_init
from evidence_vault.vault.witnessing import witness_cosign

PASSPHRASE = "correct horse battery"
CONTENTS = {"a.txt": b"What was seen.\n", "b.bin": bytes(range(256)) * 300, "c.txt": b"third\n"}


def secret() -> str:
    return PASSPHRASE


def opened(folder: Path, clock: Clock | None = None) -> Vault:
    return open_vault(folder, secret, clock)


@dataclass(frozen=True)
class World:
    """``base`` holds ``vault``, ``partner``, ``source`` and the pins outside both vaults."""

    base: Path

    @property
    def vault(self) -> Path:
        return self.base / "vault"

    @property
    def partner(self) -> Path:
        return self.base / "partner"

    @property
    def recovery(self) -> Path:
        return self.base / "recovery.txt"

    def place(self, name: str) -> Path:
        return self.base / f"disk-{name}"

    def open(self, clock: Clock | None = None) -> Vault:
        return opened(self.vault, clock)

    def copy_to(self, target: Path) -> World:
        for name in ("vault", "partner", "state", "source"):
            shutil.copytree(self.base / name, target / name)
        shutil.copy(self.recovery, target / "recovery.txt")
        return World(target)

    def take_in(self, *names: str, many: int = 0, folder: Path | None = None) -> dict[str, Any]:
        """More items, each with content of its own."""
        into = self.base / "source" / (names[0] if names else "many")
        into.mkdir()
        for number in range(many):
            (into / f"{number:04d}.txt").write_text(f"{into.name} {number}\n")
        for name in names:
            (into / name).write_bytes(os.urandom(200))
        with opened(folder or self.vault) as vault:
            return ingest(vault, IngestRequest([os.fsencode(into)], workers=1))

    def add(self, name: str = "usb-1", part: str = "both", place: Path | None = None) -> Path:
        where = place or self.place(name)
        with self.open() as vault:
            replicas.add(vault, name, str(where), part, "a second copy", "c-1")
        return where

    def sync(self, *names: str, **options: Any) -> dict[str, Any]:
        with self.open() as vault:
            return sync(vault, list(names), **options)

    def synced(self, *names: str, **options: Any) -> dict[str, Any]:
        """The row of the one replica, after a sync without any finding."""
        result = self.sync(*names, **options)
        assert result["exit"] == 0, result
        row: dict[str, Any] = result["replicas"][0]
        return row

    def status(self, name: str = "usb-1") -> dict[str, Any]:
        with self.open() as vault:
            rows = replicas.status(vault)["replicas"]
        return next(row for row in rows if row["name"] == name)

    def items(self, folder: Path | None = None) -> list[str]:
        with opened(folder or self.vault) as vault:
            return vault.catalogue.item_ids()

    def restore(
        self, place: Path | str, folder: Path | None = None, **options: Any
    ) -> dict[str, Any]:
        target = folder or self.base / "again"
        options.setdefault("recovery", self.recovery)
        return restore(str(place), target, secret, **options)

    def countersign(self) -> None:
        """The partner countersigns the newest checkpoint, and keeps it."""
        request, answer = self.base / "request.txt", self.base / "answer.txt"
        for path in (request, answer):
            path.unlink(missing_ok=True)
        with self.open() as vault:
            witness_request(vault, request, None, None)
        with opened(self.partner) as vault:
            assert witness_cosign(vault, request, answer)["exit"] == 0
        with self.open() as vault:
            witness_import(vault, [answer])

    def assert_sound(self, folder: Path | None = None) -> None:
        with opened(folder or self.vault) as vault:
            found = log_audit(vault)["findings"]
            assert found == [], found


def make_world(base: Path) -> World:
    world = World(base)
    create_vault(
        world.vault, org="House V", passphrase=PASSPHRASE, recovery=world.recovery, prefix="VAUL"
    )
    create_vault(world.partner, org="House P", passphrase=PASSPHRASE, prefix="PART")
    trusts = {name: base / f"{name}.json" for name in ("vault", "partner")}
    with opened(world.partner) as vault:
        witness_init(vault, secret, None)
        export_trust(vault, trusts["partner"])
    with opened(world.vault) as vault:
        export_trust(vault, trusts["vault"])
        witness_add(vault, secret, trusts["partner"])
    with opened(world.partner) as vault:
        witness_add(vault, secret, trusts["vault"])
        reader = str(age.PQIdentity.from_seed(vault.keyring.seeds["read"]).to_recipient())
    with opened(world.vault) as vault:
        grant(vault, reader, "partner", secret)  # so that items can be handed over
    source = base / "source"
    source.mkdir()
    for name, data in CONTENTS.items():
        (source / name).write_bytes(data)
    with opened(world.vault) as vault:
        paths = [os.fsencode(source / name) for name in CONTENTS]
        ingest(vault, IngestRequest(paths, {"place": "MMR001"}, workers=1, by="c-1"))
    world.countersign()
    return world


def files(root: Path, but: Iterable[str] = ()) -> dict[str, bytes]:
    """Every file below a folder by its relative path, temporary ones left out."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".staging" not in path.parts and path.name not in but
    }
