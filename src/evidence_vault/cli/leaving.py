"""get, receipt, export: what leaves a vault."""

from __future__ import annotations

from pathlib import Path

import click

from evidence_vault.cli import render_leaving as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import command
from evidence_vault.cli.options import disclose_option, field_names, out_option, purpose_option
from evidence_vault.cli.session import Session, read_passphrase
from evidence_vault.errors import PolicyRefused, UsageError


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


@command("export")
@click.argument("items", nargs=-1, metavar="ITEM…")
@click.option("--all", "everything", is_flag=True, help="Every item.")
@click.option("--case", metavar="CODE", help="The items of a case.")
@click.option("--query", metavar="TEXT", help="The items that `search TEXT` finds.")
@click.option(
    "--for",
    "profile",
    type=click.Choice(["partner", "court", "archive", "public"]),
    default="partner",
    help="For whom the bundle is laid out.",
)
@click.option(
    "--originals",
    is_flag=True,
    help="Originals leave, too; of an item with a share copy only if ITEM is named. Without it: "
    "share copies, and receipts of the rest.",
)
@disclose_option
@click.option(
    "--to",
    "recipients",
    multiple=True,
    metavar="RECIPIENT",
    help="Encrypt to this age recipient (age1… or age1pq1…). May stand several times.",
)
@click.option(
    "--export-passphrase-file",
    metavar="FILE",
    help="Encrypt with the passphrase in this file instead; never the vault's own.",
)
@click.option("--clear", is_flag=True, help="Do not encrypt the bundle.")
@click.option("--folder", is_flag=True, help="A folder instead of one .zip (needs --clear).")
@click.option(
    "--trust-documents",
    "documents",
    is_flag=True,
    help="The network's trust documents go along; they name its organisations.",
)
@click.option("--recipient-name", metavar="TEXT", help="Who gets it; stands in the record.")
@purpose_option
@out_option("The new file or folder.")
def export(
    session: Session,
    items: tuple[str, ...],
    everything: bool,
    case: str | None,
    query: str | None,
    profile: str,
    originals: bool,
    disclose: tuple[str, ...],
    recipients: tuple[str, ...],
    export_passphrase_file: str | None,
    clear: bool,
    folder: bool,
    documents: bool,
    recipient_name: str | None,
    purpose: str | None,
    out: Path,
) -> Answer:
    """Write a bundle: chosen items, their custody record, and the proofs of both.

    A stranger verifies it offline. It is recorded before anything readable leaves. Say how it
    leaves: --to, --export-passphrase-file or --clear.
    """
    from evidence_vault.vault.exporting import ExportRequest
    from evidence_vault.vault.exporting import export as export_items

    if everything and (items or case or query):
        raise UsageError("--all stands alone: it means every item")
    if not (everything or items or case or query):
        raise UsageError("say what leaves: --all, ITEM…, --case or --query")
    if sum((bool(recipients), export_passphrase_file is not None, clear)) != 1:
        raise UsageError(
            "say how it leaves: one of --to, --export-passphrase-file and --clear",
            code="E-EXPORT-SEAL",
            hint="--to takes an age recipient (age1… or age1pq1…) and may stand several times",
        )
    file = export_passphrase_file
    request = ExportRequest(
        items=list(items) if items else None,
        case=case,
        query=query,
        profile=profile,
        originals=originals,
        disclose=field_names(disclose),
        recipients=list(recipients),
        passphrase=None if file is None else read_passphrase(file),
        clear=clear,
        folder=folder,
        documents=documents,
        out=out,
        by=session.actor(),
        recipient_name=recipient_name,
        purpose=purpose,
    )
    with session.open() as vault, session.progress("exporting") as progress:
        result = export_items(vault, request, progress.counted, lambda f: _announce(session, f))
    return answer(result, render.export if session.quiet else render.export_announced)


def _announce(session: Session, found: list[dict[str, str]]) -> None:
    """Say what could point to people before anything leaves; on a terminal, ask."""
    told = render.sensitive(found)
    if not told:
        return
    session.say(told)
    if not session.confirm("Write the bundle with it?"):
        raise PolicyRefused(
            "nothing was written and nothing left the vault",
            code="E-NOT-CONFIRMED",
            hint="leave out --originals or fields of --disclose, or choose other items",
        )
