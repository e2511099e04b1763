"""What is the same in every test of a vault that must not sign."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.errors import (
    Exit,
    LogInconsistent,
)
from evidence_vault.vault.checking import log_checkpoint, log_status
from evidence_vault.vault.describing import describe
from evidence_vault.vault.doctor import doctor
from evidence_vault.vault.exits import get_item

from .vaults import PASSPHRASE, Made, write_files


def secret() -> str:
    return PASSPHRASE


def assert_refuses_to_sign(vault: Made, sources: Path, code: str, names: str) -> None:
    """Every door that would sign refuses with exit status 11 and says what is wrong."""
    write_files(sources / "three", 1)
    before = tree(vault.folder / "control")

    def describing() -> None:
        with vault.open() as opened:
            describe(opened, [opened.catalogue.item_ids()[0]], {"title": "a title"})

    def getting() -> None:
        with vault.open() as opened:
            get_item(opened, opened.catalogue.item_ids()[0], sources / "out")

    def signing() -> None:
        with vault.open() as opened:
            log_checkpoint(opened)

    doors: list[Callable[[], Any]] = [
        lambda: vault.ingest(sources / "three"),
        describing,
        getting,
        signing,
    ]
    for door in doors:
        with pytest.raises(LogInconsistent) as caught:
            door()
        assert caught.value.code == code
        assert caught.value.exit_status == Exit.LOG
        assert names in caught.value.message
        assert caught.value.hint
    assert not (sources / "out").exists()
    assert tree(vault.folder / "control") == before
    with vault.open() as opened:
        status = log_status(opened)
    assert (status["may_sign"], status["state"]) == (False, code.removeprefix("E-").lower())
    assert any(names in notice for notice in status["notices"])
    assert vault.audit()["exit"] == 11
    told = doctor(vault.folder, secret)
    assert told["exit"] == 11
    assert any(names in c["detail"] for c in told["checks"] if c["outcome"] == "problem")


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and ".staging" not in p.parts
    }


def partner_note(opened: Any, path: Path) -> Path:
    """The newest checkpoint as a partner keeps it."""
    path.write_text(log_checkpoint(opened)["checkpoint"])
    return path
