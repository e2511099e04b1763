"""Building the page as the Makefile does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERIFY = ROOT / "src" / "evidence_vault" / "verify"
PAGE = VERIFY / "page"
NODE_MODULES = PAGE / "node_modules"


def build_page(out: Path, core: Path | None = None) -> Path:
    """Build the page into ``out``, with another core when one is named."""
    messages = subprocess.run(
        [sys.executable, str(PAGE / "messages.py")], capture_output=True, check=True, timeout=60
    ).stdout
    extra = [] if core is None else ["--core", str(core)]
    done = subprocess.run(
        ["node", str(PAGE / "build.mjs"), str(out), *extra],
        input=messages,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    return out
