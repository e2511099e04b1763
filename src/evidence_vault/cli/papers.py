"""report and certificate: what leaves a vault to be read on paper."""

from __future__ import annotations

from pathlib import Path

import click

from evidence_vault.cli import render_papers as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import command
from evidence_vault.cli.options import disclose_option, field_names, out_option, purpose_option
from evidence_vault.cli.session import Session


@command("report")
@click.argument("items", nargs=-1, required=True, metavar="ITEM…")
@out_option("The new PDF file.")
@disclose_option
@purpose_option
def report(
    session: Session,
    items: tuple[str, ...],
    out: Path,
    disclose: tuple[str, ...],
    purpose: str | None,
) -> Answer:
    """Write a custody report about items: PDF/A to read, print and file.

    It says what the records show, what was checked and what could not be; --lang my writes it in
    Burmese. Two signatures lie beside it. This is recorded before anything leaves.
    """
    from evidence_vault.vault.papers import write_report

    by = session.actor()
    with session.open() as vault:
        result = write_report(
            vault, list(items), out, session.lang, field_names(disclose), by, purpose
        )
    return answer(result, render.report)


@command("certificate")
@click.argument("item")
@out_option("The new PDF file.")
@click.option(
    "--original",
    is_flag=True,
    help="Of the original, also where there is a share copy; its digests leave.",
)
@click.option("--name-org", is_flag=True, help="Print the organisation's name.")
@purpose_option
def certificate(
    session: Session, item: str, out: Path, original: bool, name_org: bool, purpose: str | None
) -> Answer:
    """Write the certificate of one item: process, digests and custody on one page.

    The stored file is read again and compared first. The last part is to be filled in and signed
    by hand on a print. Two signatures of the archive lie beside it.
    """
    from evidence_vault.vault.papers import write_certificate

    by = session.actor()
    with session.open() as vault:
        result = write_certificate(vault, item, out, session.lang, original, name_org, by, purpose)
    return answer(result, render.certificate)
