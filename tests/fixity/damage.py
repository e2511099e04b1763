"""Damage done to a vault in a folder, and what fixity said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.vault.vaults import Made

from evidence_vault.core.commit import Committed, format_commit
from evidence_vault.core.event import parse_entry
from evidence_vault.vault.fixity import fixity


def look(vault: Made, **how: Any) -> dict[str, Any]:
    """``fixity --all`` unless told otherwise."""
    with vault.open() as opened:
        return fixity(opened, all="items" not in how, **how)


def codes(result: dict[str, Any]) -> set[str]:
    return {each["code"] for each in (*result["damaged"], *result["unchecked"])}


def flip(path: Path, place: int | None = None) -> None:
    """One bit, in the middle unless told otherwise."""
    data = bytearray(path.read_bytes())
    path.chmod(0o600)
    data[len(data) // 2 if place is None else place] ^= 1
    path.write_bytes(data)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of the two roots, but temporary ones and those that were set aside."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for root in ("archive", "control")
        for path in sorted((folder / root).rglob("*"))
        if path.is_file() and not {".staging", ".damaged"} & set(path.parts)
    }


def objects(vault: Made) -> list[Path]:
    return sorted(p for p in (vault.folder / "archive/objects").rglob("*") if p.is_file())


def full_commit(vault: Made) -> Path:
    """The commit that holds most entries of those that are not emptied."""
    return max((vault.folder / "control/commits").iterdir(), key=lambda p: p.stat().st_size)


def swap_headers(vault: Made) -> str:
    """Two genuine headers change places; returns an item that is concerned."""
    with vault.open() as opened:
        commit = opened.log.commit(int(full_commit(vault).name))
        named = [
            (i, parse_entry(c.entry).event)
            for i, c in enumerate(commit.entries)
            if parse_entry(c.entry).event.type == "ingested"
        ][:2]
        (a, one), (b, two) = named
        first, second = one.units[0].id, two.units[0].id
        entries = list(commit.entries)
        mine, theirs = entries[a].headers[first], entries[b].headers[second]
        for at, unit, header in ((a, first, theirs), (b, second, mine)):
            headers = {**entries[at].headers, unit: header}
            entries[at] = Committed(entries[at].entry, entries[at].record, headers)
        full_commit(vault).write_bytes(format_commit(commit.start, commit.root, entries))
        return str(one.subject["id"])
