"""Bundles for the archive: plans over a small log, and one made through the command line."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.bundle.conftest import CONTENTS, NASTY, make_plan
from tests.cli.runner import PASSPHRASE, Result, call

from evidence_vault.bundle.archival.files import ArchiveFiles
from evidence_vault.bundle.model import BundlePlan
from evidence_vault.seal import keyring

Plans = Callable[..., BundlePlan]
DESCRIBED = ("actor", "case", "description", "occurred_at", "place", "source_path", "title")
CONTENT = ("content_sha256", "content_sha512", "content_size", "format")
ALL = (*CONTENT, *DESCRIBED)
SCHEMAS = Path(__file__).parent / "schemas"

__all__ = ["CONTENTS", "NASTY"]


def archive_plan(**changes: Any) -> BundlePlan:
    """``make_plan`` of the bundle tests with the archive's files."""
    return replace(make_plan(**changes), extras=[ArchiveFiles()])


def files_of(plan: BundlePlan) -> dict[str, bytes]:
    """The archive's files by path, made as the writer makes them."""
    return {path: b"".join(pieces) for path, pieces in ArchiveFiles().files(plan)}


@pytest.fixture(scope="session")
def told() -> BundlePlan:
    """A plan that reveals every field, hostile ones among them."""
    return archive_plan(reveal=ALL)


@pytest.fixture(scope="session")
def bare() -> BundlePlan:
    """A plan that reveals what is always revealed."""
    return archive_plan(reveal=CONTENT)


@dataclass(frozen=True)
class House:
    """A vault with two accessions, a hold and a fixity check."""

    base: Path
    items: tuple[str, ...]

    def call(self, *arguments: object) -> Result:
        head = ("--vault", self.base / "vault", "--passphrase-file", self.base / "passphrase")
        return call(*head, *arguments)

    def export(self, out: Path, *arguments: object, profile: str = "archive") -> Path:
        """A bundle as a folder; it verifies."""
        what = ("--clear", "--folder", "-o", out, "--by", "desk-1")
        done = self.call("export", "--for", profile, *arguments, *what)
        assert done.status == 0, done.err
        checked = self.verify(out)
        assert checked.status == 0, checked.out
        return out

    def verify(self, path: Path) -> Result:
        """With a trust file of now, which knows every entry."""
        trust = self.base / f"trust-{secrets.token_hex(4)}.json"
        assert self.call("trust", "export", "-o", trust).status == 0
        return call("verify", "--trust", trust, path)


TERMS = "Deposited for 30 years; <copies> & names only with consent."
SECRET_NAME = "named-after-a-person.txt"


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    base = tmp_path_factory.mktemp("house")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring, "LOG_N", 10)
        patch.setenv("EVIDENCE_VAULT_STATE", str(base / "state"))
        patch.setenv("EVIDENCE_VAULT_EXIFTOOL", "off")
        yield _fill(base)


def _fill(base: Path) -> House:
    (base / "passphrase").write_text(PASSPHRASE + "\n")
    for folder, name, text in (
        ("first", "note.txt", "What was seen.\n"),
        ("first", "=1+1.csv", "a,b\n1,2\n"),
        ("second", "later.txt", "What was heard.\n"),
    ):
        (base / folder).mkdir(exist_ok=True)
        (base / folder / name).write_text(text)
    (base / "first" / SECRET_NAME).symlink_to(base / "nowhere")
    house = House(base, ())
    by = ("--by", "desk-1")
    described: tuple[object, ...] = (
        *("--title", 'A <title> & "more"', "--description", "line 1\nline 2 ကျေးရွာ"),
        *("--occurred-at", "2021-03", "--place", "MMR010", "--collector-code", "K|1"),
        *("--received-from", "S-9", "--received-at", "2021-04-01", "--classification"),
        *("confidential", "--caveats", "lead_only", "--case", "C-1", "--terms", TERMS),
    )
    for arguments, good in (
        (("init", base / "vault", "--org", "House of Names", "--no-recovery"), (0,)),
        (("ingest", base / "first", *described), (0, 3)),
        (("ingest", base / "second", "--terms", "other terms"), (0,)),
    ):
        done = house.call(*arguments, *by)
        assert done.status in good, done.err
    items = [each["id"] for each in house.call("list", "--json").json()["items"]]
    for arguments in (
        ("hold", "place", items[0], "--reason", "asked for by a court"),
        ("link", items[1], "translation-of", items[0]),
        ("fixity", "--all"),
    ):
        done = house.call(*arguments, *by)
        assert done.status in (0, 3), done.err
    return House(base, tuple(items))


@pytest.fixture(scope="session")
def full(house: House, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of all items in which everything is revealed."""
    out = tmp_path_factory.mktemp("full") / "bundle"
    return house.export(out, *house.items, "--originals", "--disclose", "all")


@pytest.fixture(scope="session")
def silent(house: House, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of all items in which nothing is revealed beyond what always is."""
    return house.export(tmp_path_factory.mktemp("silent") / "bundle", *house.items)


@pytest.fixture(scope="session")
def copies(house: House, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(bundle whose picture leaves as a share copy, the original picture)."""
    base = tmp_path_factory.mktemp("copies")
    picture = base / "picture.jpg"
    exif = Image.Exif()
    exif[0x013B] = "Daw Planted Name"
    Image.new("RGB", (64, 48), (90, 120, 30)).save(picture, exif=exif)
    taken = house.call("ingest", picture, "--metadata", "strip", "--by", "desk-1", "--json")
    if "E-NOT-CHECKED" in taken.out:
        pytest.fail(taken.out)  # the parsers did not run: that is no missing copy
    assert taken.status == 0, taken.err
    item = taken.json()["taken_in"][0]["id"]
    bundle = house.export(base / "bundle", item, "--disclose", "accession,title")
    return bundle, picture


def judges() -> Path:
    """The programs of the environment for judges; without it a test says so and is skipped."""
    named = os.environ.get("EVIDENCE_VAULT_JUDGES")
    found = Path(named) if named else Path(__file__).parents[2] / ".venv-judges" / "bin"
    if not (found / "case_validate").exists():
        pytest.skip(f"no judges in {found}: run `make judges` (or set EVIDENCE_VAULT_JUDGES)")
    return found


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def copied(bundle: Path, to: Path) -> Path:
    shutil.copytree(bundle, to)
    return to


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
