"""A second opinion on log folders: the verifier of the Go checksum database, from Debian packages.

Needs the packages golang-go and golang-golang-x-mod-dev; without them a test that asks is skipped
and says so. The program (``sumdb/main.go``) is built once and kept under its source's digest.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path
from shutil import which

import pytest

SOURCE = Path(__file__).parent / "sumdb" / "main.go"
GOPATH = Path("/usr/share/gocode")


def verify_folder(folder: Path, vkey: str) -> None:
    """Check a folder with ``checkpoint`` and ``tile/…`` under the log's Ed25519 verifier key.

    Every entry's record proof and a set of tree proofs are rebuilt from the tiles. Raises
    ``AssertionError`` with the verifier's words on any mismatch.
    """
    result = subprocess.run(
        [build(), str(folder), vkey], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr.strip()
    assert result.stdout.startswith("ok records=")


def build(source: Path = SOURCE) -> str:
    """The path of the built program; skips the test when Go or its library is absent."""
    go = which("go")
    if go is None:
        pytest.skip("the Go compiler is absent (Debian: golang-go)")
    if not (GOPATH / "src" / "golang.org" / "x" / "mod" / "sumdb").is_dir():
        pytest.skip("Go's sumdb library is absent (Debian: golang-golang-x-mod-dev)")
    cache = (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "evidence-vault-tests"
    )
    program = cache / f"{source.parent.name}-{sha256(source.read_bytes()).hexdigest()[:16]}"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            built = Path(folder) / "built"
            environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(GOPATH), "GOFLAGS": ""}
            subprocess.run(
                [go, "build", "-o", str(built), str(source)], check=True, env=environment
            )
            built.replace(program)  # several test processes may build at once
    return str(program)
