"""trust export, show and update; trust network is in networking."""

from __future__ import annotations

from pathlib import Path

import click

from evidence_vault.cli import render_trusting as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import VaultGroup, with_session
from evidence_vault.cli.networking import network
from evidence_vault.cli.options import PATH, out_option
from evidence_vault.cli.session import Session


@click.group("trust", cls=VaultGroup)
def trust() -> None:
    """Trust files: whose keys count, as of which state of the log."""


@trust.command("export")
@out_option("The new trust file.")
@click.option(
    "--verifier",
    type=PATH,
    metavar="FOLDER",
    help="Also write verify.html and verify.sh, which need none of our programs, and "
    "allowed_signers.",
)
@click.option(
    "--print",
    "contact",
    type=PATH,
    metavar="FILE",
    help="Also write a page to print (PDF), with the fingerprints to read aloud.",
)
@with_session
def export(session: Session, out: Path, verifier: Path | None, contact: Path | None) -> Answer:
    """Write what a partner needs to know who signed; send it by another channel than bundles."""
    from evidence_vault.vault.trusting import export_trust

    with session.open() as vault:
        result = export_trust(vault, out, verifier, contact)
    return answer(result, render.exported)


@trust.command("show")
@click.argument("file", type=PATH)
@with_session
def show(session: Session, file: Path) -> Answer:
    """Show what a trust file says, with fingerprints to read aloud. Needs no vault."""
    from evidence_vault.vault.trusting import show_trust

    return answer(show_trust(file), render.trust)


@trust.command("update")
@click.argument("old", type=PATH)
@click.argument("new", type=PATH)
@click.option(
    "--fingerprint",
    metavar="WORDS",
    help="The words, or the hex, of NEW's fingerprint as its sender read them to you.",
)
@out_option("The updated trust file.")
@with_session
def update(session: Session, old: Path, new: Path, fingerprint: str | None, out: Path) -> Answer:
    """Bring the pinned trust file OLD up to date from NEW. Needs no vault.

    NEW is a trust file, a file of trust documents, or a bundle that carries some. Documents count
    along the signed chain from OLD; newer states and keys of a log only with --fingerprint.
    """
    from evidence_vault.vault.trustupdate import update_trust

    result = update_trust(old, new, out, fingerprint)
    findings = [
        {"code": "E-TRUST-UNVOUCHED", "message": each, "where": str(new)} for each in result["left"]
    ]
    hint = "--fingerprint takes the words that NEW's sender reads to you" if findings else ""
    return answer(result, render.updated, hint, findings)


trust.add_command(network)
