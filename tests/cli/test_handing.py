"""``trust export --verifier``: what is handed over checks what a real vault gives out."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from evidence_vault.verify import page_verifier, shell_verifier

from .conftest import Desk
from .runner import check_schema


@pytest.fixture(scope="module")
def handed(desk: Desk) -> Path:
    """A bundle with revealed fields, a receipt, and what goes with the trust file."""
    base = desk.base / "handed"
    base.mkdir()
    item = desk.items()[0]
    bundle = ("export", "--all", "--originals", "--disclose", "all", "--clear", "--folder")
    assert desk.call(*bundle, "-o", base / "bundle").status == 0
    assert desk.call("receipt", item, "-o", base / "receipt.txt").status == 0
    assert desk.call("get", item, "-o", base / "file").status == 0
    made = desk.call(
        "trust", "export", "-o", base / "trust.json", "--verifier", base / "to", "--json"
    )
    assert made.status == 0, made.err
    check_schema("trust-export", made.json())
    for each in made.json()["verifier"]:
        assert hashlib.sha256(Path(each["file"]).read_bytes()).hexdigest() == each["sha256"]
    return base


def test_the_verifier_of_record_checks_bundle_and_receipt(handed: Path) -> None:
    assert (handed / "to" / "verify.html").read_bytes() == page_verifier()
    assert (handed / "to" / "verify.sh").read_bytes() == shell_verifier()
    assert (handed / "bundle" / "verify.sh").read_bytes() == shell_verifier()
    head: list[str | Path] = ["sh", handed / "to" / "verify.sh", "-c", "-t", handed / "trust.json"]
    for what in (["bundle"], ["receipt.txt", "file"]):
        command = [*head, *(handed / name for name in what)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "R-FILE-OK" in done.stdout


def test_the_signers_let_ssh_keygen_check_the_statement(handed: Path, desk: Desk) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is absent")
    origin = desk.call("trust", "show", handed / "trust.json", "--json").json()["origins"][0]
    done = subprocess.run(
        ["ssh-keygen", "-Y", "verify", "-f", handed / "to" / "allowed_signers", "-I",
         origin["origin"], "-n", "evidence-vault-statement@v1", "-s",
         handed / "bundle" / "statement.sshsig"],
        input=(handed / "bundle" / "statement.json").read_bytes(),
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_nothing_is_written_over(handed: Path, desk: Desk) -> None:
    again = ("trust", "export", "-o", handed / "again.json", "--verifier", handed / "to")
    assert desk.call(*again).status == 2
    assert not (handed / "again.json").exists()
