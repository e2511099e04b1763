"""The page under test, and one real Chromium for all tests."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .build import NODE_MODULES, build_page
from .reader import Reader

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The packages that build the page; `make page-tools` installs them."""
    if shutil.which("node") is None or not (NODE_MODULES / "esbuild").is_dir():
        pytest.skip("the page can't be built here: run `make page-tools` (needs npm)")
    return NODE_MODULES


@pytest.fixture(scope="session")
def fake_page(node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with a core that replays reports (fakecore.js)."""
    return build_page(tmp_path_factory.mktemp("page") / "verify.html", HERE / "fakecore.js")


@pytest.fixture
def reader(browser: Any, fake_page: Path) -> Iterator[Reader]:
    """Somebody who opens the page with the fake core; any error in the page fails the test."""
    with Reader.of(browser, fake_page) as opened:
        yield opened


class Evidence:
    """Writes what the fake core replays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def receipt(self, report: Any, name: str = "receipt.txt", item: str = "", **told: Any) -> Path:
        head = "evidence-vault/receipt/v1" + (f"\nitem a-log {item}" if item else "")
        return self._write(name, head, {"report": report, **told}, flat=bool(item))

    def zip(self, report: Any, name: str = "bundle.zip", **told: Any) -> Path:
        return self._write(name, "PK", {"report": report, **told})

    def file(self, name: str, data: bytes = b"content") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def trust(self, name: str = "trust.json") -> Path:
        return self.file(name, b'{"kind":"evidence-vault/trust"}')

    def _write(self, name: str, head: str, told: dict[str, Any], flat: bool = False) -> Path:
        # The fake core reads from the first line feed on, so an item line goes after the JSON.
        if flat:
            first, item = head.split("\n")
            return self.file(name, f"{first}\n{json.dumps(told)}\n{item}\n".encode())
        return self.file(name, f"{head}\n{json.dumps(told)}".encode())


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return Evidence(tmp_path)


Report = Callable[..., dict[str, Any]]


def finding(code: str, outcome: str, subject: str = "", **details: Any) -> dict[str, Any]:
    return {
        "clause": "",
        "code": code,
        "details": details,
        "outcome": outcome,
        "subject": subject,
    }


def report(*findings: dict[str, Any], status: int = 0, **members: Any) -> dict[str, Any]:
    """A report of one required step and what it found."""
    step = {
        "code": "S-SIGNATURES",
        "findings": list(findings),
        "number": 1,
        "required": True,
    }
    return {
        "events": [],
        "exit_status": status,
        "facts": {},
        "kind": "receipt",
        "notes": [{"code": "N-TRUTH"}],
        "steps": [step],
        **members,
    }


GOOD = finding("R-SIGNATURES-OK", "matches", "a-log", count=1)
