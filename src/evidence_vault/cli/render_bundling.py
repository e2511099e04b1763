"""Texts of what was done with bundles."""

from __future__ import annotations

from typing import Any

from evidence_vault.core.text import escape_for_display


def picked(result: dict[str, Any]) -> str:
    """What was copied out of a bundle, and how to check it."""
    lines = [
        f"{len(result['items'])} items of bundle {result['bundle_id']} are in "
        f"{escape_for_display(result['folder'])}."
    ]
    for item in result["items"]:
        files = " ".join(escape_for_display(each) for each in item["files"])
        lines.append(f"  {escape_for_display(item['id'])}  {files}")
    if result["unchecked"]:
        lines.append("Of the bundle could not be checked: " + ", ".join(result["unchecked"]))
    lines.append(
        "Verify each by itself: evidence-vault verify --trust TRUST receipts/ITEM.txt data/ITEM.…"
    )
    return "\n".join(lines)
