"""Asks the core of the verifier page, the third verifier, in one Node process for many cases."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

DRIVER = Path(__file__).with_name("driver.mjs")
CORE = DRIVER.parents[2] / "src" / "evidence_vault" / "verify" / "page"

_running: dict[int, Asking] = {}


class Asking:
    """A Node process that answers one question a line; it ends with the process that asks."""

    def __init__(self) -> None:
        self._node = subprocess.Popen(
            ["node", str(DRIVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, question: dict[str, Any]) -> Any:
        """The answer; RuntimeError for what is a mistake of the verifier, whatever it was given."""
        assert self._node.stdin is not None and self._node.stdout is not None
        self._node.stdin.write(json.dumps(question) + "\n")
        self._node.stdin.flush()
        told = json.loads(self._node.stdout.readline() or '{"error": "it ended"}')
        if "error" in told:
            raise RuntimeError(f"{question}: {told['error']}")
        return told["answer"]


def absent() -> str:
    """Why the core can't be asked here, "" when it can."""
    if shutil.which("node") is None:
        return "the verifier page is not tried: there is no node"
    if not (CORE / "node_modules" / "@noble").is_dir():
        return "the verifier page is not tried: its packages are absent (npm ci, make page-tools)"
    return ""


def asking() -> Asking:
    """The process of this process; skips the test that asks where there can be none."""
    if reason := absent():
        pytest.skip(reason)
    if os.getpid() not in _running:
        _running[os.getpid()] = Asking()
    return _running[os.getpid()]


def ask_receipt(receipt: Path, file: Path | None = None, trust: Path | None = None) -> Any:
    """The report on a receipt."""
    named = {"receipt": receipt, "file": file, "trust": trust}
    return asking().ask({name: path and str(path) for name, path in named.items()})


def ask_bundle(bundle: Path, trust: Path | None = None, expect: str | None = None) -> Any:
    """The report on a bundle, folder or ZIP."""
    named = {"bundle": str(bundle), "trust": trust and str(trust), "expect": expect}
    return asking().ask(named)


def call(name: str, *arguments: object) -> Any:
    """What one function of the core says; bytes go as base64."""
    return asking().ask({"call": name, "args": [_plain(each) for each in arguments]})


def wrong(report: Any) -> set[str]:
    """The codes of what does not match."""
    return {code for code, outcome in _outcomes(report) if outcome == "does not match"}


def _outcomes(report: Any) -> list[tuple[str, str]]:
    return [(f["code"], f["outcome"]) for step in report["steps"] for f in step["findings"]]


def _plain(value: object) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return [_plain(each) for each in value] if isinstance(value, list) else value
