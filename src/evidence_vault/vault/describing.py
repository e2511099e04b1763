"""Adding and superseding descriptive fields; nothing is edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evidence_vault.core.event import FIELDS
from evidence_vault.errors import UsageError
from evidence_vault.vault.checking import publish_and_sign
from evidence_vault.vault.digesting import index_event
from evidence_vault.vault.opening import Vault, refuse_reading
from evidence_vault.vault.places import uncoded
from evidence_vault.vault.writer import Writer, writing


def describe(
    vault: Vault,
    targets: Sequence[str],
    fields: Mapping[str, Any],
    by: str | None = None,
    sheet: Path | None = None,
) -> dict[str, Any]:
    """Commit one ``described`` event per item.

    ``targets`` are items or accessions (all items of it); ``fields`` parsed values, None for one
    that is now unknown; ``sheet`` a spreadsheet whose column ``file`` holds item identifiers (its
    empty cells say nothing). Raises UsageError for an unknown target, or when nothing is given
    to say.
    """
    wanted: list[tuple[str, Mapping[str, Any]]] = []
    refused: list[dict[str, str]] = []
    for target in targets:
        wanted += [(item, fields) for item in items_of(vault, target)]
    if sheet is not None:
        wanted += _rows(vault, sheet, refused)
    elif not fields:
        raise UsageError("say what to describe, for example --place or --description")
    described: list[tuple[str, int]] = []
    if wanted:
        with writing(vault) as writer:
            writer.know_heads([item for item, _ in wanted])
            for item, values in wanted:
                _prepare(vault, writer, item, values, by)
            start = writer.commit()
            described = [(item, start + i) for i, (item, _) in enumerate(wanted)]
        publish_and_sign(vault)
    return {
        "described": [{"event": index, "id": item} for item, index in described],
        "exit": 3 if refused else 0,
        "notices": uncoded(values.get("place") for _, values in wanted),
        "refused": refused,
    }


def items_of(vault: Vault, target: str) -> list[str]:
    """The items a target names: itself, or those of an accession."""
    if vault.catalogue.home(target) is not None:
        return [target]
    if not vault.catalogue.has_index():
        raise refuse_reading("tell which items belong to an accession")
    found = [row["id"] for row in vault.catalogue.search(accession=target)]
    if not found:
        raise UsageError(
            f"there is no item or accession {target} in this vault",
            code="E-NO-ITEM",
            hint="`evidence-vault list` shows the items",
        )
    return found


def _prepare(
    vault: Vault, writer: Writer, item: str, values: Mapping[str, Any], by: str | None
) -> None:
    allowed = {k: v for k, v in values.items() if k in FIELDS["described"]}
    actor = {} if by is None else {"actor": by}
    home = vault.catalogue.home(item)
    writer.item_event("described", item, {**allowed, **actor}, home=home and home[0])
    index_event("described", item, writer.recorded_at, allowed, writer.index)


def _rows(
    vault: Vault, sheet: Path, refused: list[dict[str, str]]
) -> list[tuple[str, Mapping[str, Any]]]:
    from evidence_vault.capture.sheet import read_sheet

    found: list[tuple[str, Mapping[str, Any]]] = []
    for row in read_sheet(sheet):
        name = f"{sheet.name} row {row.number}"
        item = (row.path or b"").rsplit(b"/", 1)[-1].decode("utf-8", "replace")
        if row.problems:
            refused.append({"code": "E-SHEET-ROW", "name": name, "reason": "; ".join(row.problems)})
        elif vault.catalogue.home(item) is None:
            refused.append({"code": "E-NO-ITEM", "name": name, "reason": "names no item here"})
        elif not row.fields:
            refused.append({"code": "E-SHEET-ROW", "name": name, "reason": "describes nothing"})
        else:
            found.append((item, row.fields))
    return found
