"""trust export and trust show."""

from __future__ import annotations

from pathlib import Path

import click

from evidence_vault.cli import render_trusting as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import VaultGroup, with_session
from evidence_vault.cli.options import PATH, out_option
from evidence_vault.cli.session import Session


@click.group("trust", cls=VaultGroup)
def trust() -> None:
    """Trust files: whose keys count, as of which state of the log."""


@trust.command("export")
@out_option("The new trust file.")
@with_session
def export(session: Session, out: Path) -> Answer:
    """Write what a partner needs to know who signed; send it by another channel than bundles."""
    from evidence_vault.vault.trusting import export_trust

    with session.open() as vault:
        result = export_trust(vault, out)
    return answer(result, render.exported)


@trust.command("show")
@click.argument("file", type=PATH)
@with_session
def show(session: Session, file: Path) -> Answer:
    """Show what a trust file says, with fingerprints to read aloud. Needs no vault."""
    from evidence_vault.vault.trusting import show_trust

    return answer(show_trust(file), render.trust)
