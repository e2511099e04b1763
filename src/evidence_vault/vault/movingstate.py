"""A move that is under way: what is kept of it beside ``vault.toml``, so that it can go on.

``moving.json`` says from where to where, and whether the old place has been left: from then on
nothing is written into this vault before the move has ended. ``moving.db`` says what was copied.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evidence_vault import osfiles
from evidence_vault.config import Places
from evidence_vault.errors import StoreError, UsageError

STATE = "moving.json"
JOURNAL = "moving.db"


@dataclass(frozen=True)
class Moving:
    """``left``: everything is copied, and the old place may not be written to any more; the log had
    ``size`` entries and ``root`` (hex) then.
    """

    source: Places
    target: Places
    left: bool = False
    size: int = 0
    root: str = ""


def read_moving(folder: Path) -> Moving | None:
    """The move that was begun and has not ended, or None. Raises UsageError for a damaged file."""
    try:
        value: Any = json.loads((folder / STATE).read_text(encoding="utf-8"))
        source, target = Places(**value.pop("source")), Places(**value.pop("target"))
        return Moving(source, target, **value)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{STATE} can't be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(
            f"{STATE} in the vault's folder is damaged",
            code="E-MOVE-RECORD",
            hint="put it back from a copy, or ask for help: it says which place counts",
        ) from error


def write_moving(folder: Path, moving: Moving) -> None:
    """Durable on return."""
    data = json.dumps(asdict(moving), ensure_ascii=False, sort_keys=True, indent=1)
    try:
        osfiles.replace_file(folder / STATE, data.encode() + b"\n")
    except OSError as error:
        raise StoreError(
            f"the record of the move can't be written: {error.strerror}", code="E-NOT-WRITABLE"
        ) from error


def remove_moving(folder: Path) -> None:
    (folder / STATE).unlink(missing_ok=True)
    osfiles.sync_folder(folder)


def demand_not_left(folder: Path) -> None:
    """Raises StoreError (E-MOVING) where a move was ended after it had left the old place.

    Cost: one look for a file.
    """
    if not (folder / STATE).exists():
        return
    moving = read_moving(folder)
    if moving is not None and moving.left:
        raise StoreError(
            "this vault is being moved, and the move has not ended",
            code="E-MOVING",
            hint="run the same `evidence-vault migrate …` again: it goes on where it was",
        )
