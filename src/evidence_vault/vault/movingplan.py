"""Where a vault is to be moved to, and what stands against it (step 1 of moving.py)."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from evidence_vault.config import Places, is_url
from evidence_vault.core.placement import COMPLIANCE, LAST_DATE
from evidence_vault.errors import PolicyRefused, StoreError, UsageError
from evidence_vault.store.s3place import parse_place
from evidence_vault.vault.holdpage import read_page
from evidence_vault.vault.locks import later
from evidence_vault.vault.movingstate import Moving
from evidence_vault.vault.newplaces import demand_empty_database, prepare, split_store
from evidence_vault.vault.opening import Vault, refuse_reading

_NAMED = 10


@dataclass(frozen=True)
class MoveRequest:
    """Where to: at most one of ``store`` (an S3 URL) and ``folder`` (it will hold archive/ and
    control/), at most one of ``database`` and ``sqlite``; what is not named stays where it is."""

    store: str | None = None
    folder: Path | None = None
    database: str | None = None
    sqlite: bool = False
    by: str | None = None
    purpose: str | None = None
    dry_run: bool = False


def plan_move(vault: Vault, request: MoveRequest, begun: Moving | None) -> Moving:
    """Raises UsageError for a request that moves nothing, or goes elsewhere than what was begun."""
    source = begun.source if begun is not None else Places.of(vault.config)
    target = source
    if request.store is not None:
        archive, control = split_store(request.store)
        target = replace(target, archive=archive, control=control)
    if request.folder is not None:
        archive, control = _in_folder(vault.folder, request.folder)
        target = replace(target, archive=archive, control=control)
    if request.database is not None:
        target = replace(target, catalogue=request.database)
    if request.sqlite and begun is not None and not is_url(begun.target.catalogue):
        target = replace(target, catalogue=begun.target.catalogue)
    elif request.sqlite:
        target = replace(target, catalogue=_free_catalogue(vault.folder))
    if begun is not None and target != begun.target:
        raise UsageError(
            "another move of this vault was begun and has not ended: to "
            + ", ".join(begun.target.told().values()),
            code="E-MOVE-OTHER",
            hint="end it with the options it was begun with; one that has not left the old place "
            "yet is given up by removing moving.json and moving.db from the vault's folder",
        )
    if target == source:
        raise UsageError("nothing is to be moved: these are its places", code="E-MOVE-NOTHING")
    return begun or Moving(source, target)


def _in_folder(vault: Path, folder: Path) -> tuple[str, str]:
    """Paths for vault.toml: relative ones where the folder is the vault's own."""
    if folder.absolute() == vault:
        return "archive", "control"
    return str(folder.absolute() / "archive"), str(folder.absolute() / "control")


def _free_catalogue(folder: Path) -> str:
    """A name that no earlier catalogue has: those are left where they are."""
    number, name = 1, "catalogue.db"
    while os.path.lexists(folder / name):
        number += 1
        name = f"catalogue-{number}.db"
    return name


def demand_movable(old: Vault, moving: Moving) -> None:
    if old.keyring.is_station:
        raise refuse_reading("be moved to other places")
    if moving.target.catalogue != moving.source.catalogue and not moving.left:
        _ = old.catalogue  # of this version's layout, and there
    locked = is_url(moving.target.archive) and "lock=" in moving.target.archive
    if old.config.plaintext and locked:
        raise PolicyRefused(
            "what is not encrypted and locked at once could never be erased",
            hint="leave out lock= and days=",
        )


def demand_not_kept(old: Vault, moving: Moving) -> None:
    """Raises PolicyRefused (E-MOVE-HELD, E-MOVE-RETAINED) where the new archive locks, and
    something is held or kept longer than it locks by itself.

    The new place would give what it takes in no legal hold, and the copies of headers that holds
    keep its lock of years: they could not be destroyed when the hold ends.
    """
    target = moving.target.archive
    if moving.source.archive == target or not is_url(target) or "lock=" not in target:
        return
    held = sorted({row.hold[:8] for row in old.catalogue.hold_rows() if row.released is None})
    if held:
        raise PolicyRefused(
            f"this vault has {len(held)} legal holds that the new archive would not keep: "
            + ", ".join(held[:_NAMED]),
            code="E-MOVE-HELD",
            hint="move it when they have been released, or to a folder or a bucket without lock=, "
            "where this program alone keeps them",
        )
    if not read_page(old).empty:
        raise PolicyRefused(
            "something of a legal hold is not finished in the old place",
            code="E-MOVE-HELD",
            hint="run `evidence-vault log checkpoint` until `evidence-vault doctor` finds nothing "
            "unfinished, then this again",
        )
    place = parse_place(target)
    now = old.clock.now()
    locked = later(now, days=place.days)
    kept = [
        row
        for row in old.catalogue.retentions_ending(LAST_DATE + "~", after=now)
        if row.until > locked or (row.mode == COMPLIANCE and place.mode != COMPLIANCE)
    ]
    if kept:
        raise PolicyRefused(
            f"the new archive locks until {locked} ({place.mode}), and {len(kept)} items are to be "
            f"kept longer or more strictly: {kept[-1].id} until {kept[-1].until} ({kept[-1].mode})",
            code="E-MOVE-RETAINED",
            hint="name a place whose lock= and days= are at least that",
        )


def try_target(old: Vault, moving: Moving, dry_run: bool) -> None:
    """Raises what stands against the new place; makes buckets and folders unless ``dry_run``."""
    source, target = moving.source, moving.target
    if target.catalogue != source.catalogue and is_url(target.catalogue):
        demand_empty_database(target.catalogue)
    if target.archive == source.archive:
        return
    if is_url(target.archive):
        if not dry_run:
            prepare(target)
        return
    for place in (target.archive, target.control):
        path = old.folder / place
        if path.exists() and any(path.iterdir()):
            raise UsageError(f"{path} is not empty", code="E-EXISTS", hint="name another folder")
        if not path.parent.parent.is_dir():
            raise UsageError(f"the folder {path.parent.parent} does not exist", code="E-NO-FOLDER")
        if dry_run:
            continue
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{path} can't be made: {error.strerror}", code="E-NOT-WRITABLE"
            ) from error
