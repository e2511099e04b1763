"""A vault with a few items, driven through the public doors; in a folder or on S3."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence_vault.vault.checking import log_audit, publish_and_sign
from evidence_vault.vault.creation import create_vault
from evidence_vault.vault.derivatives import derive
from evidence_vault.vault.describing import describe
from evidence_vault.vault.doctor import doctor
from evidence_vault.vault.holding import HoldRequest, place, release
from evidence_vault.vault.holds import list_holds
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.opening import Vault, open_vault
from evidence_vault.vault.queries import show_item
from evidence_vault.vault.retention import RetentionRequest, set_retention

PASSPHRASE = "correct horse battery"
CONTENTS = {"a.txt": b"What was seen.\n", "b.bin": bytes(range(256)) * 300, "c.txt": b"third\n"}
WHY = "asked for by the court"


def opened(folder: Path) -> Vault:
    return open_vault(folder, lambda: PASSPHRASE)


@dataclass(frozen=True)
class World:
    """``base`` holds ``vault``, ``source`` and the pins outside the vault."""

    base: Path

    @property
    def vault(self) -> Path:
        return self.base / "vault"

    def copy_to(self, target: Path) -> World:
        for name in ("vault", "state", "source"):
            shutil.copytree(self.base / name, target / name)
        return World(target)

    def items(self) -> list[str]:
        with opened(self.vault) as vault:
            return vault.catalogue.item_ids()

    def take_in(self, *names: str, **fields: Any) -> list[str]:
        paths = [os.fsencode(self.base / "source" / name) for name in names]
        with opened(self.vault) as vault:
            result = ingest(vault, IngestRequest(paths, fields, workers=1, by="d-1"))
        return [str(row["id"]) for row in result["taken_in"]]

    def place(self, *items: str, case: tuple[str, ...] = ("C-1",), **more: Any) -> dict[str, Any]:
        with opened(self.vault) as vault:
            return place(vault, HoldRequest(WHY, items, case, by="d-1", **more))

    def release(self, name: str) -> dict[str, Any]:
        with opened(self.vault) as vault:
            return release(vault, name, "the case ended", "d-1")

    def retain(self, until: str, *items: str, **more: Any) -> dict[str, Any]:
        with opened(self.vault) as vault:
            return set_retention(vault, RetentionRequest(until, WHY, items, by="d-1", **more))

    def describe(self, item: str) -> None:
        with opened(self.vault) as vault:
            describe(vault, [item], {"title": "Later"}, by="d-1")

    def derive(self, item: str) -> None:
        """A share copy, or a statement on why there is none: a new object either way."""
        with opened(self.vault) as vault:
            derive(vault, [item], by="d-1")

    def holds(self, item: str | None = None) -> list[dict[str, Any]]:
        with opened(self.vault) as vault:
            found: list[dict[str, Any]] = list_holds(vault, item)["holds"]
            return found

    def show(self, item: str) -> dict[str, Any]:
        with opened(self.vault) as vault:
            return show_item(vault, item)

    def write_nothing(self) -> None:
        """A command that writes: what was left is finished."""
        with opened(self.vault) as vault:
            publish_and_sign(vault)

    def doctor(self, name: str) -> list[dict[str, str]]:
        found = doctor(self.vault, lambda: PASSPHRASE)["checks"]
        return [check for check in found if check["name"] == name]

    def copies(self) -> list[str]:
        with opened(self.vault) as vault:
            return sorted(vault.archive.keys("holds/"))

    def unfinished(self) -> bool:
        from evidence_vault.vault.holdpage import read_page

        with opened(self.vault) as vault:
            return not read_page(vault).empty

    def assert_sound(self) -> None:
        with opened(self.vault) as vault:
            found = log_audit(vault)["findings"]
            assert found == [], found


def write_sources(base: Path) -> None:
    (base / "source").mkdir()
    for name, data in CONTENTS.items():
        (base / "source" / name).write_bytes(data)


def make_world(base: Path) -> World:
    world = World(base)
    create_vault(world.vault, org="House H", passphrase=PASSPHRASE, prefix="HOLD")
    write_sources(base)
    world.take_in("a.txt", "b.bin", case=["C-1"])
    world.take_in("c.txt")
    return world
