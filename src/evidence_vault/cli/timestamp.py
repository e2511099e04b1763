"""timestamp: authorities, stamps, renewals."""

from __future__ import annotations

from pathlib import Path

import click

from evidence_vault.cli import render_timestamp as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import VaultGroup, with_session
from evidence_vault.cli.options import PATH, out_option
from evidence_vault.cli.session import Session
from evidence_vault.errors import UsageError

_TIMEOUT = click.option(
    "--timeout",
    type=click.FloatRange(min=0.1, max=3600),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long an authority may take.",
)
_AUTHORITY = click.option("--authority", metavar="NAME", help="Which authority, if several.")


@click.group("timestamp", cls=VaultGroup)
def timestamp() -> None:
    """Time stamps (RFC 3161) on signed checkpoints: entries are not later than the stamped time."""


@timestamp.command("add")
@click.argument("name")
@click.argument("url")
@click.option(
    "--root",
    "roots",
    type=PATH,
    multiple=True,
    required=True,
    metavar="PEM",
    help="Root certificate of the authority. May stand several times.",
)
@click.option("--login-file", type=PATH, metavar="FILE", help="File with one line name:password.")
@with_session
def add(
    session: Session, name: str, url: str, roots: tuple[Path, ...], login_file: Path | None
) -> Answer:
    """Ask the authority at URL from now on and call it NAME (a-z, 0-9, -). Its roots are pinned."""
    from evidence_vault.vault.authorities import add_authority

    with session.open() as vault:
        result = add_authority(vault, name, url, roots, session.passphrase, login_file)
    return answer(result, render.added)


@timestamp.command("remove")
@click.argument("name")
@with_session
def remove(session: Session, name: str) -> Answer:
    """Do not ask NAME any more. What it stamped can still be checked."""
    from evidence_vault.vault.authorities import remove_authority

    with session.open() as vault:
        result = remove_authority(vault, name, session.passphrase)
    return answer(result, render.removed)


@timestamp.command("stamp")
@click.option(
    "--size",
    type=click.IntRange(min=1),
    metavar="N",
    help="The checkpoint of N entries, instead of the newest.",
)
@_TIMEOUT
@with_session
def stamp(session: Session, size: int | None, timeout: float) -> Answer:
    """Ask every authority for a stamp over the newest checkpoint. Run it again after a failure."""
    from evidence_vault.vault.asking import stamp as ask

    with session.open() as vault:
        result = ask(vault, size, timeout)
    return answer(result, render.stamped, render.STAMP_HINT, render.stamp_findings(result))


@timestamp.command("request")
@out_option("The new request file (.tsq).")
@click.option(
    "--size",
    type=click.IntRange(min=1),
    metavar="N",
    help="The checkpoint of N entries, instead of the newest.",
)
@_AUTHORITY
@click.option("--renew", "renewal", is_flag=True, help="Renew the stamps of --size N.")
@with_session
def request(
    session: Session, out: Path, size: int | None, authority: str | None, renewal: bool
) -> Answer:
    """Write a request to carry to where there is a network; the reply comes back by import."""
    from evidence_vault.vault.asking import write_request
    from evidence_vault.vault.renewing import write_renewal_request

    if renewal and size is None:
        raise UsageError("--renew needs --size N: which checkpoint's stamps")
    with session.open() as vault:
        if renewal and size is not None:
            result = write_renewal_request(vault, out, authority, size)
        else:
            result = write_request(vault, out, authority, size)
    return answer(result, render.requested)


@timestamp.command("import")
@click.argument("file", type=PATH)
@_AUTHORITY
@click.option(
    "--size",
    type=click.IntRange(min=1),
    metavar="N",
    help="The checkpoint that it is over; else it is looked for.",
)
@with_session
def import_(session: Session, file: Path, authority: str | None, size: int | None) -> Answer:
    """Take in a reply (.tsr) that was carried here; it is checked before it counts."""
    from evidence_vault.vault.asking import import_reply

    with session.open() as vault:
        result = import_reply(vault, file, authority, size)
    return answer(result, render.stamped, render.STAMP_HINT, render.stamp_findings(result))


@timestamp.command("status")
@with_session
def status(session: Session) -> Answer:
    """Say what is stamped, what waits, when each authority's chain ends, what is to be renewed."""
    from evidence_vault.vault.authorities import status as look

    with session.open() as vault:
        result = look(vault)
    return answer(result, render.status)


@timestamp.command("verify")
@with_session
def verify(session: Session) -> Answer:
    """Check every stored stamp and renewal again."""
    from evidence_vault.vault.authorities import verify as check

    with session.open() as vault:
        result = check(vault)
    return answer(result, render.verified, render.VERIFY_HINT, result["findings"])


@timestamp.command("renew")
@click.option(
    "--size",
    type=click.IntRange(min=1),
    metavar="N",
    help="The stamps of this checkpoint, due or not.",
)
@_TIMEOUT
@with_session
def renew(session: Session, size: int | None, timeout: float) -> Answer:
    """Have the stamps that are due stamped anew, with all that is needed to check them."""
    from evidence_vault.vault.renewing import renew as ask

    with session.open() as vault:
        result = ask(vault, size, timeout)
    findings = [*result["findings"], *render.stamp_findings(result)]
    return answer(result, render.renewed, render.STAMP_HINT, findings)
