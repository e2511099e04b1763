"""The three pages for users are followed literally: every block, in order, in one folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "seeds" / "demo" / "photos"
PAGES = ("for-documentation-teams", "for-legal-partners", "for-archivists")
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the reader of the pages has: a card, two secrets, the program on the path."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "card").mkdir()
    for name in ("DSC_0042.jpg", "IMG_0007.jpg"):
        shutil.copy(SAMPLES / name, folder / "card")
    (folder / "passphrase").write_text("orange lantern pelican seven harbour\n")
    (folder / "told-by-telephone.txt").write_text("copper meadow whistle seven garden\n")
    (folder / "bin").mkdir()
    command = folder / "bin" / "evidence-vault"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m evidence_vault "$@"\n')
    command.chmod(0o755)
    yield folder


def blocks(page: str) -> list[str]:
    return BLOCK.findall((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES)
def test_the_page_can_be_followed(place: Path, page: str) -> None:
    found = blocks(page)
    assert len(found) > 3
    script = "\n".join(["set -e", *found])
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith("EVIDENCE_VAULT")},
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "HOME": str(place),
        "EVIDENCE_VAULT_STATE": str(place / "state"),
        "EVIDENCE_VAULT_PASSPHRASE_FILE": str(place / "passphrase"),
    }
    if page != PAGES[0]:
        env |= {"EVIDENCE_VAULT": "vault", "EVIDENCE_VAULT_BY": "archivist-1"}
    done = subprocess.run(
        ["bash", "-x"],
        input=script,
        cwd=place,
        env=env,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
