"""Holds with the catalogue in PostgreSQL: the same answers, and a rebuild gives them back."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from evidence_vault.errors import PolicyRefused
from evidence_vault.vault.creation import create_vault
from evidence_vault.vault.holds import demand_not_held
from evidence_vault.vault.rebuilding import rebuild

from . import worlds
from .worlds import PASSPHRASE, World, make_world, opened


def test_holds_and_retention_on_postgresql(
    tmp_path: Path, pg_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = functools.partial(create_vault, database=pg_database)
    monkeypatch.setattr(worlds, "create_vault", make)
    world: World = make_world(tmp_path)
    first, second, third = world.items()
    hold = world.place(first, second)["hold"]
    world.describe(first)
    world.release(second)
    world.retain("2040-01-01", third)
    world.retain("2050-01-01", third)
    rows = _rows(world, hold)
    assert rebuild(world.vault, lambda: PASSPHRASE)["exit"] == 0
    assert _rows(world, hold) == rows
    with opened(world.vault) as vault:
        with pytest.raises(PolicyRefused):
            demand_not_held(vault, [first])
        with pytest.raises(PolicyRefused):
            demand_not_held(vault, [third])
        demand_not_held(vault, [second])
        assert vault.catalogue.held_ids() == [first]
        assert vault.catalogue.retentions([third])[third].until == "2050-01-01T23:59:59Z"
    assert world.doctor("holds")[0]["outcome"] == "ok"
    world.assert_sound()


def _rows(world: World, hold: str) -> list[dict[str, object]]:
    with opened(world.vault) as vault:
        found = vault.catalogue.hold_rows()
        copies = vault.catalogue.held_copies(hold, [row.id for row in found])
        return [row.model_dump() for row in [*found, *copies]]
