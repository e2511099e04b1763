"""Somebody looks while others write: that is no old copy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.vault import looking as looking_at
from evidence_vault.vault import pins, standing
from evidence_vault.vault.opening import Vault

from .vaults import Made, write_files


def writing_after(
    made: Made, sources: Path, function: Callable[..., Any], times: int
) -> Callable[..., Any]:
    """``function``; the first times somebody takes in a file just after it."""
    done: list[str] = []
    writing = False

    def both(*arguments: Any) -> Any:
        nonlocal writing
        found = function(*arguments)
        if not writing and len(done) < times:
            writing = True
            done.append(f"late-{len(done)}")
            made.ingest(write_files(sources / done[-1], 1)[0].parent)
            writing = False
        return found

    return both


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("reading", ["committed", "pins", "checkpoint"])
def test_an_ingest_between_two_readings_is_no_rollback(
    vault: Made, sources: Path, monkeypatch: pytest.MonkeyPatch, times: int, reading: str
) -> None:
    with vault.open() as looking:
        _ = looking.keyring
        if reading == "committed":
            both = writing_after(vault, sources, standing.committed, times)
            state = looking_at.look(looking, both)[1].state
        else:
            place, name = (pins, "_read") if reading == "pins" else (Vault, "checkpoint")
            both = writing_after(vault, sources, getattr(place, name), times)
            with monkeypatch.context() as patch:
                patch.setattr(place, name, both)
                state = looking_at.look(looking)[1].state
    assert state == "ok"
    vault.assert_sound()
