"""A desk with things that belong together: a film and a part of it, its words, a letter."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from tests.cli.runner import PASSPHRASE, Result, call

from evidence_vault.seal import keyring

FILES = {
    "film": b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41" + b"film" * 50,
    "part": b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41" + b"part" * 9,
    "words": "အသံဖိုင်မှ စာသား\n".encode(),
    "letter": b"Date: today\n\nA letter.\n",
}


@dataclass(frozen=True)
class House:
    """A vault and the identifier of each of its items by what it is."""

    base: Path
    ids: dict[str, str]

    def call(self, *arguments: object) -> Result:
        head = ("--vault", self.base / "vault", "--passphrase-file", self.base / "passphrase")
        return call(*head, *arguments)

    def export(self, profile: str, *arguments: object, out: Path) -> Result:
        """A clear bundle as a folder; the result as JSON."""
        names = [self.ids.get(str(a), str(a)) for a in arguments]
        options = ("--for", profile, "--clear", "--folder", "-o", out, "--by", "d", "--json")
        return self.call("export", *names, *options)

    def trust(self, out: Path) -> Path:
        result = self.call("trust", "export", "-o", out)
        assert result.status == 0, result.err
        return out


def make_house(base: Path) -> House:
    (base / "passphrase").write_text(PASSPHRASE + "\n")
    house = House(base, {})
    made = house.call("init", base / "vault", "--org", "Test House", "--by", "d", "--no-recovery")
    assert made.status == 0, made.err
    source = base / "source"
    source.mkdir()
    for name, content in FILES.items():
        (source / f"{name}.mp4" if b"ftyp" in content else source / f"{name}.txt").write_bytes(
            content
        )
    for name, shade in (("picture", 10), ("secret", 60)):
        Image.new("RGB", (32, 24), (shade, 90, 30)).save(source / f"{name}.jpg")
    for names, options in (
        (("film.mp4", "part.mp4", "words.txt", "letter.txt"), ()),
        (("picture.jpg", "secret.jpg"), ("--metadata", "strip")),
    ):
        paths = [source / name for name in names]
        taken = house.call("ingest", *paths, *options, "--source-code", "S-1", "--by", "d")
        assert taken.status == 0, taken.out + taken.err
    for each in house.call("list", "--json").json()["items"]:
        house.ids[each["name"].partition(".")[0]] = each["id"]
    return house


@pytest.fixture(autouse=True, scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cheap passphrase, and pins that are kept away from the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring, "LOG_N", 10)
        patch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path_factory.mktemp("state")))
        for name in ("EVIDENCE_VAULT", "EVIDENCE_VAULT_BY", "EVIDENCE_VAULT_PASSPHRASE_FILE"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A vault that is only copied."""
    return make_house(tmp_path_factory.mktemp("house"))


@pytest.fixture
def house(filled: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A copy of the filled vault for one test alone, with the pins that go with it."""
    base = tmp_path / "house"
    shutil.copytree(filled.base, base)
    shutil.copytree(os.environ["EVIDENCE_VAULT_STATE"], tmp_path / "state")
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path / "state"))
    return House(base, dict(filled.ids))
