"""init, rebuild, doctor, demo."""

from __future__ import annotations

from pathlib import Path

import click

from evidence_vault.cli import render_setup as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import command
from evidence_vault.cli.options import PATH
from evidence_vault.cli.session import Session
from evidence_vault.errors import UsageError


@command("init")
@click.argument("folder", type=PATH, metavar="DIR")
@click.option("--org", required=True, metavar="NAME", help="Name of the organisation.")
@click.option("--prefix", metavar="P", help="Start of item identifiers; else a random one.")
@click.option("--origin", metavar="O", help="Name of the log; else random neutral words.")
@click.option("--recovery", type=PATH, metavar="FILE", help="Write the recovery file here.")
@click.option("--no-recovery", is_flag=True, help="Make no recovery file.")
@click.option("--plaintext", is_flag=True, help="Do not encrypt anything.")
def init(
    session: Session,
    folder: Path,
    org: str,
    prefix: str | None,
    origin: str | None,
    recovery: Path | None,
    no_recovery: bool,
    plaintext: bool,
) -> Answer:
    """Make a new vault in DIR, which must not exist yet or be empty.

    The passphrase is asked for twice, or read from --passphrase-file.
    """
    from evidence_vault.vault.creation import create_vault

    if recovery is not None and no_recovery:
        raise UsageError("--recovery and --no-recovery contradict each other")
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
    )
    return answer(made, render.init)


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
