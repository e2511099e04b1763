"""export, exports: bundles that leave a vault, and the ledger of all that left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evidence_vault.cli import render_exporting as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import command
from evidence_vault.cli.options import PATH, disclose_option, field_names, purpose_option
from evidence_vault.cli.session import Session, read_passphrase
from evidence_vault.cli.words import shown
from evidence_vault.errors import PolicyRefused, UsageError

if TYPE_CHECKING:
    from evidence_vault.vault.exportrequest import ExportRequest

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_BINARY = {"ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40}
_SIZE = re.compile(r"([0-9]{1,15})\s*([kmgt]i?)?b?\Z")


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
    help="For whom the bundle is laid out; public: share copies only.",
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
    "--volume-size",
    metavar="SIZE",
    help="Split into OUT.001, OUT.002 … of at most SIZE: 650M, 4G (fits a FAT32 stick), 2GiB.",
)
@click.option("--no-thumbnails", is_flag=True, help="No small pictures in the bundle's pages.")
@click.option("--contact", metavar="TEXT", help="Whom to call; stands on the first page.")
@click.option(
    "--trust-documents",
    "documents",
    is_flag=True,
    help="The network's trust documents go along; they name its organisations.",
)
@click.option("--recipient-name", metavar="TEXT", help="Who gets it; stands in the record.")
@click.option(
    "--agreement",
    metavar="REF",
    help="Reference of the agreement under which it is given. Recorded and, with the recipient's "
    "name and keys, revealed in the bundle.",
)
@click.option(
    "--condition",
    "conditions",
    multiple=True,
    metavar="CODE",
    help="no-death-penalty, fair-trial, lead-only, no-onward-sharing, or a code of your own. As "
    "--agreement. May stand several times.",
)
@purpose_option
@click.option("-o", "--out", "out", type=PATH, metavar="OUT", help="The new file or folder.")
@click.option(
    "--dry-run", is_flag=True, help="Show what would leave, and do nothing. OUT is not needed."
)
@click.option("--resume", type=PATH, metavar="OUT", help="Go on with an export that was cut off.")
@click.option(
    "--abandon", type=PATH, metavar="OUT", help="Give up an export that was cut off instead."
)
def export(session: Session, /, **given: Any) -> Answer:
    """Write a bundle: chosen items, their custody record, and the proofs of both.

    A stranger verifies it offline. It is recorded before anything readable leaves. Say how it
    leaves: --to, --export-passphrase-file or --clear. --disclose profile reveals the fields of
    the profile. An export that was cut off is gone on with by --resume OUT alone.
    """
    if given["resume"] is not None or given["abandon"] is not None:
        return _go_on(session, given)
    request = _request(session, given)
    if given["dry_run"]:
        from evidence_vault.vault.exportpreview import preview

        with session.open() as vault:
            return answer(preview(vault, request), render.dry_run)
    from evidence_vault.vault.exporting import export as export_items

    with (
        session.open() as vault,
        _told(session, request.out),
        session.progress("exporting") as progress,
    ):
        result = export_items(
            vault, request, progress.about, lambda found: _announce(session, found)
        )
    return answer(result, render.export if session.quiet else render.export_announced)


@command("exports")
@click.option("--item", metavar="ITEM", help="Only what this item left in: who already has it.")
@click.option("--items", "with_items", is_flag=True, help="With the items of each.")
@click.option("--csv", "as_csv", is_flag=True, help="As a table for a spreadsheet.")
def exports(session: Session, item: str | None, with_items: bool, as_csv: bool) -> Answer:
    """Show the ledger of exits: bundles, receipts, single files and hand-overs, with their terms.

    It is read from the custody log: there is no other list.
    """
    from evidence_vault.vault.ledger import ledger

    if as_csv and session.json:
        raise UsageError("--csv and --json are two forms of one result: choose one")
    with session.open() as vault:
        result = ledger(vault, item, with_items)
    return answer(result, render.ledger_csv if as_csv else render.ledger)


def _request(session: Session, given: dict[str, Any]) -> ExportRequest:
    from evidence_vault.vault.exportrequest import ExportRequest

    chosen = (given["items"], given["case"], given["query"])
    if given["everything"] and any(chosen):
        raise UsageError("--all stands alone: it means every item")
    if not given["everything"] and not any(chosen):
        raise UsageError("say what leaves: --all, ITEM…, --case or --query")
    file, dry = given["export_passphrase_file"], given["dry_run"]
    ways = sum((bool(given["recipients"]), file is not None, given["clear"]))
    if ways > 1 or (ways == 0 and not dry):
        raise UsageError(
            "say how it leaves: one of --to, --export-passphrase-file and --clear",
            code="E-EXPORT-SEAL",
            hint="--to takes an age recipient (age1… or age1pq1…) and may stand several times",
        )
    if given["out"] is None and not dry:
        raise UsageError("name the new file: -o OUT", code="E-NO-OUT")
    size = given["volume_size"]
    return ExportRequest(
        items=list(given["items"]) or None,
        case=given["case"],
        query=given["query"],
        profile=given["profile"],
        originals=given["originals"],
        disclose=field_names(given["disclose"]),
        recipients=list(given["recipients"]),
        passphrase=None if file is None else read_passphrase(file),
        clear=given["clear"],
        folder=given["folder"],
        documents=given["documents"],
        out=given["out"] or Path("OUT"),
        by=None if dry else session.actor(),
        recipient_name=given["recipient_name"],
        purpose=given["purpose"],
        agreement=given["agreement"],
        conditions=list(given["conditions"]),
        contact=given["contact"],
        thumbnails=not given["no_thumbnails"],
        volume_size=None if size is None else parse_size(size),
    )


def parse_size(text: str) -> int:
    """``650M`` or ``4GB`` in decimal units, ``2GiB`` in binary ones, as bytes. UsageError."""
    match = _SIZE.match(text.strip().lower())
    if match is None:
        raise UsageError(
            f"{text!r} is no size", code="E-SIZE", hint="for example 650M, 4G, 2GiB or 4000000000"
        )
    unit = match[2] or ""
    return int(match[1]) * (_BINARY[unit] if unit in _BINARY else _UNITS[unit])


def _go_on(session: Session, given: dict[str, Any]) -> Answer:
    from evidence_vault.vault.exporting import abandon, resume

    out = given["resume"] or given["abandon"]
    others = {name for name, value in given.items() if value and name not in ("resume", "abandon")}
    if others - {"profile"} or (given["resume"] and given["abandon"]):
        raise UsageError(
            "--resume OUT and --abandon OUT stand alone: what was asked for is known already"
        )
    with session.open() as vault:
        if given["resume"] is None:
            return answer(abandon(vault, out), render.abandoned)
        with _told(session, out), session.progress("exporting") as progress:
            result = resume(vault, out, progress.about, lambda found: _announce(session, found))
    return answer(result, render.export if session.quiet else render.export_announced)


@contextmanager
def _told(session: Session, out: Path) -> Iterator[None]:
    """Ctrl-C keeps what was written: say how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        session.complain(
            f"stopped; if writing had begun, go on with: evidence-vault export --resume "
            f"{shown(str(out))}"
        )
        raise


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
