"""witness: countersign the logs of others, and have one's own countersigned."""

from __future__ import annotations

from pathlib import Path

import click

from evidence_vault.cli import render_witness as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import VaultGroup, with_session
from evidence_vault.cli.options import PATH, out_option
from evidence_vault.cli.session import Session
from evidence_vault.core.text import escape_for_display


@click.group("witness", cls=VaultGroup)
def witness() -> None:
    """Countersign the logs of others, and have this one countersigned."""


@witness.command("init")
@click.option("--name", metavar="N", help="Name as a countersigner; else random neutral words.")
@with_session
def init(session: Session, name: str | None) -> Answer:
    """Make this vault a countersigner, with keys of its own in the keyring.

    One whose state was lost or is old gets a new name and new keys; the old ones never sign again.
    """
    from evidence_vault.vault.witness_setup import witness_init

    with session.open() as vault:
        return answer(witness_init(vault, session.passphrase, name), render.init)


@witness.command("add")
@click.argument("trustfile", type=PATH, metavar="TRUSTFILE")
@click.option("--url", metavar="U", help="Where its countersigner listens (http:// or https://).")
@click.option(
    "--quorum",
    type=click.IntRange(min=1),
    metavar="K",
    help="How many must countersign this log; else more than half of those pinned.",
)
@with_session
def add(session: Session, trustfile: Path, url: str | None, quorum: int | None) -> Answer:
    """Pin another organisation by its trust file: its log, and its keys as our countersigner."""
    from evidence_vault.vault.witness_setup import witness_add

    with session.open() as vault:
        result = witness_add(vault, session.passphrase, trustfile, url, quorum)
    return answer(result, render.added)


@witness.command("request")
@click.option(
    "--for", "name", metavar="NAME", help="The countersigner: its log, organisation or name."
)
@click.option(
    "--old",
    type=click.IntRange(min=0),
    metavar="N",
    help="Size it says it countersigned last; else what is known here.",
)
@out_option("The new request.")
@with_session
def request(session: Session, name: str | None, old: int | None, out: Path) -> Answer:
    """Write the request to countersign the newest checkpoint, for USB stick or mail."""
    from evidence_vault.vault.cosignatures import witness_request

    with session.open() as vault:
        return answer(witness_request(vault, out, name, old), render.request)


@witness.command("cosign")
@click.argument("request", type=PATH, metavar="REQUEST")
@out_option("The new answer.")
@with_session
def cosign(session: Session, request: Path, out: Path) -> Answer:
    """Check another log's request and countersign it if it only grew.

    Exit status: 3 it names another size than the one countersigned last (the answer says which),
    10 signature or proof do not match, 11 the log was set back or showed two histories; what
    proves it is kept.
    """
    from evidence_vault.vault.witnessing import witness_cosign

    with session.open() as vault:
        result = witness_cosign(vault, request, out)
    return answer(result, render.cosigned, render.cosign_hint(result), result["findings"])


@witness.command("import")
@click.argument("answers", nargs=-1, required=True, type=PATH, metavar="ANSWER…")
@with_session
def import_answers(session: Session, answers: tuple[Path, ...]) -> Answer:
    """Check the answers of countersigners and keep their signatures."""
    from evidence_vault.vault.cosignatures import witness_import

    with session.open() as vault:
        result = witness_import(vault, answers)
    return answer(result, render.imported, "", result["findings"])


@witness.command("ask")
@click.option("--for", "name", metavar="NAME", help="Only this countersigner.")
@with_session
def ask(session: Session, name: str | None) -> Answer:
    """Ask every countersigner with an address to sign the newest checkpoint.

    Whoever can't be reached is named, and asked again the next time: nothing is lost.
    """
    from evidence_vault.vault.roundtrip import witness_ask

    with session.open() as vault:
        result = witness_ask(vault, name)
    return answer(result, render.asked, render.ASK_HINT, result["findings"])


@witness.command("serve")
@click.option(
    "--host", default="127.0.0.1", metavar="H", help="Address to listen on; 127.0.0.1 if left out."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8467,
    metavar="P",
    help="Port; 8467 if left out, 0 for any free one.",
)
@with_session
def serve(session: Session, host: str, port: int) -> Answer:
    """Countersign over HTTP until interrupted. Put TLS or an onion service in front of it."""
    from evidence_vault.vault.serving import serve as listen

    def say(text: str) -> None:
        session.say(escape_for_display(text))

    with session.open() as vault:
        listen(vault, host, port, say, lambda at: say(f"listening on {host}, port {at}"))
    return answer({}, lambda _: "")


@witness.command("status")
@with_session
def status(session: Session) -> Answer:
    """Say who countersigned what, since when not, what was asked here, and who misbehaved."""
    from evidence_vault.vault.witnessing import witness_status

    with session.open() as vault:
        result = witness_status(vault)
    return answer(result, render.status, render.STATUS_HINT, result["findings"])
