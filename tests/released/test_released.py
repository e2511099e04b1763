"""What earlier versions gave out verifies for ever, with the same answer."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest
from tests.cli.runner import call

HERE = Path(__file__).parent
FOLDERS = sorted(path.name for path in HERE.iterdir() if (path / "trust.json").is_file())
VERIFIER = HERE.parents[1] / "src" / "evidence_vault" / "verify" / "verify.sh"
PASSPHRASE = "orange lantern pelican seven"


def status(*arguments: object) -> int:
    return call("verify", *arguments).status


def test_there_is_one_of_each_format() -> None:
    assert "bundle-1a" in FOLDERS


@pytest.mark.parametrize("name", FOLDERS)
def test_the_bundle_verifies_with_both_verifiers(name: str, tmp_path: Path) -> None:
    folder = HERE / name
    trust = folder / "trust.json"
    assert status("--trust", trust, folder / "bundle.zip") == 0
    assert status(folder / "bundle.zip") == 3
    with zipfile.ZipFile(folder / "bundle.zip") as packed:
        packed.extractall(tmp_path)
    (unpacked,) = tmp_path.iterdir()
    command = ["sh", str(VERIFIER), "-c", "-t", str(trust), str(unpacked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    next((unpacked / "data").iterdir()).write_bytes(b"another")
    assert status("--trust", trust, unpacked) == 10


@pytest.mark.parametrize("name", FOLDERS)
def test_the_receipt_and_the_encrypted_bundle_do(name: str, tmp_path: Path) -> None:
    folder = HERE / name
    trust = folder / "trust.json"
    # Its newest entries were not countersigned yet, and the digests of the original are withheld.
    assert status("--trust", trust, folder / "receipt.txt", folder / "original.jpg") == 3
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE)
    opened = tmp_path / "opened.zip"
    sealed = folder / "encrypted.zip.age"
    assert call("open", sealed, "-o", opened, "--passphrase-file", secret).status == 0
    assert status("--trust", trust, opened) == 3
