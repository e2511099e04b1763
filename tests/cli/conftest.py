"""A vault with a few files in it, made once through the command line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from evidence_vault.seal import keyring

from .runner import PASSPHRASE, Result, call

ESCAPE_NAME = b"red\x1b[31m.txt"
BAD_UTF8_NAME = b"\xff\xfe.txt"


@dataclass(frozen=True)
class Desk:
    """A vault, its passphrase file, what lies beside it, and its first item."""

    base: Path

    @property
    def vault(self) -> Path:
        return self.base / "vault"

    @property
    def passphrase_file(self) -> Path:
        return self.base / "passphrase"

    @property
    def source(self) -> Path:
        return self.base / "source"

    def call(self, *arguments: object) -> Result:
        """A command on this vault."""
        head = ("--vault", self.vault, "--passphrase-file", self.passphrase_file)
        return call(*head, *arguments)

    def items(self) -> list[str]:
        """Identifiers of all items."""
        return [each["id"] for each in self.call("list", "--json").json()["items"]]


def make_desk(base: Path) -> Desk:
    """A vault that holds every file of ``source``."""
    desk = Desk(base)
    desk.passphrase_file.write_text(PASSPHRASE + "\n")
    desk.source.mkdir()
    (desk.source / "note.txt").write_text("What was seen.\n")
    (desk.source / "ဓာတ်ပုံ.txt").write_text("မှတ်တမ်း\n", encoding="utf-8")
    (desk.source / "=1+1.csv").write_text("a,b\n1,2\n")
    for name in (ESCAPE_NAME, BAD_UTF8_NAME):
        with open(bytes(desk.source) + b"/" + name, "wb") as stream:
            stream.write(name)
    made = desk.call("init", desk.vault, "--org", "Test House", "--by", "desk-1")
    assert made.status == 0, made.err
    taken = desk.call("ingest", desk.source, "--case", "C-1", "--by", "desk-1")
    assert taken.status == 0, taken.err
    return desk


@pytest.fixture(autouse=True, scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cheap passphrase, no ExifTool, and pins that are kept away from the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring, "LOG_N", 10)
        patch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path_factory.mktemp("state")))
        patch.setenv("EVIDENCE_VAULT_EXIFTOOL", "off")
        for name in ("EVIDENCE_VAULT", "EVIDENCE_VAULT_BY", "EVIDENCE_VAULT_PASSPHRASE_FILE"):
            patch.delenv(name, raising=False)
        patch.setenv("COLUMNS", "100")
        yield


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A filled vault that tests may read and add to, never break."""
    return make_desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def own_desk(tmp_path: Path) -> Desk:
    """A filled vault for one test alone."""
    base = tmp_path / "own"
    base.mkdir()
    return make_desk(base)


@pytest.fixture
def handed_over(desk: Desk, tmp_path: Path) -> Path:
    """What a partner gets: receipt.txt with its file note, bundle.zip and trust.json."""
    item = item_named(desk, "note.txt")
    results = [
        desk.call("receipt", item, "-o", tmp_path / "receipt.txt", "--by", "d"),
        desk.call("export", "--all", "--originals", "--clear", "-o", tmp_path / "bundle.zip"),
        desk.call("trust", "export", "-o", tmp_path / "trust.json"),
    ]
    assert [each.status for each in results] == [0, 0, 0], [each.err for each in results]
    shutil.copyfile(desk.source / "note.txt", tmp_path / "note")
    return tmp_path


def item_named(desk: Desk, name: str) -> str:
    """Identifier of the item with that original name."""
    found = desk.call("search", "--name", name, "--json").json()["items"]
    assert found, name
    return str(found[0]["id"])
