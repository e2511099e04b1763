"""init, rebuild, doctor, demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from evidence_vault.cli import render_setup as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import command
from evidence_vault.cli.options import PATH
from evidence_vault.cli.session import Session
from evidence_vault.errors import UsageError


@command("init")
@click.argument("folder", type=PATH, metavar="DIR")
@click.option("--org", metavar="NAME", help="Name of the organisation.")
@click.option(
    "--station",
    type=PATH,
    metavar="CARD",
    help="Make a field vault that can't read, from the card of its desk (key card).",
)
@click.option(
    "--fingerprint",
    metavar="WORDS",
    help="The card's fingerprint as the desk said it: 16 words or 64 hex digits.",
)
@click.option("--prefix", metavar="P", help="Start of item identifiers; else a random one.")
@click.option("--origin", metavar="O", help="Name of the log; else random neutral words.")
@click.option("--recovery", type=PATH, metavar="FILE", help="Write the recovery file here.")
@click.option("--no-recovery", is_flag=True, help="Make no recovery file.")
@click.option("--plaintext", is_flag=True, help="Do not encrypt anything.")
@click.option(
    "--store", metavar="URL", help="Object storage: s3://BUCKET?endpoint=…&lock=…&days=…&control=…."
)
@click.option("--database", metavar="URL", help="Catalogue: postgresql://USER@HOST/DB.")
def init(
    session: Session,
    folder: Path,
    org: str | None,
    station: Path | None,
    fingerprint: str | None,
    prefix: str | None,
    origin: str | None,
    recovery: Path | None,
    no_recovery: bool,
    plaintext: bool,
    store: str | None,
    database: str | None,
) -> Answer:
    """Make a new vault in DIR, which must not exist yet or be empty.

    The passphrase is asked for twice, or read from --passphrase-file. --station makes a field
    vault: it takes in, encrypts to its desk, and reads nothing. Its recovery file continues its
    log and reads nothing either. --store and --database put the store and the catalogue on
    servers (docs/servers.md); DIR then holds settings and keyring.
    """

    if recovery is not None and no_recovery:
        raise UsageError("--recovery and --no-recovery contradict each other")
    if station is not None:
        if org is not None or plaintext:
            raise UsageError(
                "--station takes organisation and readers from the card: no --org, no --plaintext"
            )
        if store is not None or database is not None:
            raise UsageError(
                "a field vault lies in one folder, so that it works without a network: no --store, "
                "no --database"
            )
        options = {
            "prefix": prefix,
            "origin": origin,
            "recovery": recovery,
            "no_recovery": no_recovery,
        }
        return answer(_station(session, folder, station, fingerprint, options), render.station)
    if org is None or fingerprint is not None:
        raise UsageError("--org NAME is needed; --fingerprint goes with --station")
    from evidence_vault.vault.creation import create_vault

    made = create_vault(
        folder,
        org=org,
        passphrase=session.passphrase_to_set(),
        prefix=prefix,
        origin=origin,
        recovery=recovery,
        no_recovery=no_recovery,
        plaintext=plaintext,
        by=session.actor(),
        store=store,
        database=database,
    )
    return answer(made, render.init)


def _station(
    session: Session, folder: Path, file: Path, fingerprint: str | None, options: dict[str, Any]
) -> dict[str, Any]:
    """Compare the card, then make the field vault; nothing is made before somebody compared."""
    from evidence_vault.vault import stations

    card = stations.read_card(file)
    if fingerprint is None:
        told = stations.describe_card(card)
        if not session.compare(render.card_to_compare(told), "Does the desk say the same words?"):
            raise UsageError(
                "nobody compared the card's fingerprint with the desk",
                code="E-FINGERPRINT-NEEDED",
                hint="ask the desk to read it to you, and give it with --fingerprint 'WORDS'",
            )
        fingerprint = told["fingerprint"]
    return stations.create_station(
        folder,
        card=card,
        fingerprint=fingerprint,
        passphrase=session.passphrase_to_set(),
        by=session.actor(),
        **options,
    )


@command("rebuild")
@click.option("--recovery", type=PATH, metavar="FILE", help="Recovery file, without a keyring.")
@click.option("--expect", type=PATH, metavar="FILE", help="A partner's newer checkpoint.")
@click.option("--no-index", is_flag=True, help="Leave out the searchable descriptions.")
def rebuild(session: Session, recovery: Path | None, expect: Path | None, no_index: bool) -> Answer:
    """Make the catalogue anew from archive/ and control/ alone."""
    from evidence_vault.vault.rebuilding import rebuild as rebuild_vault

    if expect is not None:
        session.warn_of_own(expect)
    with session.progress("rebuilding") as progress:
        result = rebuild_vault(
            session.folder(),
            session.passphrase if recovery is None else session.passphrase_to_set,
            recovery=recovery,
            expect=expect,
            no_index=no_index,
            progress=progress.counted,
        )
    return answer(result, render.rebuild)


@command("doctor")
def doctor(session: Session) -> Answer:
    """Check tools, folders, keys and log, and say what to do about each problem."""
    from evidence_vault.vault.doctor import doctor as examine

    result = examine(session.folder(), session.passphrase_source())
    findings = [
        {"code": "E-DOCTOR", "message": check["detail"], "where": check["name"]}
        for check in result["checks"]
        if check["outcome"] != "ok"
    ]
    return answer(result, render.doctor, findings=findings)


@command("demo")
@click.argument("folder", type=PATH, metavar="[DIR]", required=False)
def demo(session: Session, folder: Path | None) -> Answer:
    """Run the whole path on sample material, in DIR or a new folder.

    It makes a vault, takes files in, exports a bundle, verifies it, and shows one changed byte
    and a forged bundle being refused. Nothing of yours is touched.
    """
    from evidence_vault.cli.words import typed_program
    from evidence_vault.vault.demonstration import run_demo

    return answer(run_demo(folder, session.say, typed_program()), render.demo)
