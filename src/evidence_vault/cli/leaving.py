"""get, receipt: single files that leave a vault (bundles: exporting.py)."""

from __future__ import annotations

from pathlib import Path

import click

from evidence_vault.cli import render_leaving as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import command
from evidence_vault.cli.options import disclose_option, field_names, out_option, purpose_option
from evidence_vault.cli.session import Session


@command("get")
@click.argument("item")
@out_option("The new file to write.")
@click.option("--share-copy", is_flag=True, help="The copy without metadata, not the original.")
@purpose_option
def get(session: Session, item: str, out: Path, share_copy: bool, purpose: str | None) -> Answer:
    """Copy the original of one item out. This is recorded before the first byte leaves."""
    from evidence_vault.vault.exits import get_item

    by = session.actor()
    with session.open() as vault:
        result = get_item(vault, item, out, by, purpose, share_copy)
    return answer(result, render.get)


@command("receipt")
@click.argument("items", nargs=-1, required=True, metavar="ITEM…")
@out_option("The new file; for several items, a new folder.")
@disclose_option
@purpose_option
def receipt(
    session: Session,
    items: tuple[str, ...],
    out: Path,
    disclose: tuple[str, ...],
    purpose: str | None,
) -> Answer:
    """Write a receipt: one file that proves the custody record of an item, offline."""
    from evidence_vault.vault.exits import write_receipts

    by = session.actor()
    with session.open() as vault:
        result = write_receipts(vault, list(items), out, field_names(disclose), by, purpose)
    return answer(result, render.receipt)
