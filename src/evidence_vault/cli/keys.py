"""key: card, passphrase, list, enrol, rotate, revoke, backup, restore, grant, withdraw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from evidence_vault.cli import render_keys as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import VaultGroup, with_session
from evidence_vault.cli.options import PATH, out_option, purpose_option
from evidence_vault.cli.session import Session, read_passphrase

if TYPE_CHECKING:
    from evidence_vault.vault.keychanges import Ceremony

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_ROLE = click.option(
    "--role", required=True, metavar="ROLE", help="What the key signs: events or statements."
)


def _recovery_options(function: Decorated) -> Decorated:
    """``--recovery`` and the passphrase it may have of its own."""
    function = click.option(
        "--recovery-passphrase-file",
        metavar="FILE",
        help="File with the recovery file's passphrase, when it is not that of the vault.",
    )(function)
    return click.option(
        "--recovery",
        type=PATH,
        required=True,
        metavar="FILE",
        help="The recovery file: it holds the root key.",
    )(function)


def _recovery_passphrase(session: Session, file: str | None) -> Callable[[], str]:
    return session.passphrase if file is None else lambda: read_passphrase(file)


def _ceremony(session: Session, recovery: Path, file: str | None, purpose: str | None) -> Ceremony:
    from evidence_vault.vault.keychanges import Ceremony

    return Ceremony(
        recovery=recovery,
        passphrase=session.passphrase,
        recovery_passphrase=_recovery_passphrase(session, file),
        by=session.actor(),
        purpose=purpose,
    )


@click.group("key", cls=VaultGroup)
def key() -> None:
    """Keys of this vault: who signs, who can read, and how they are kept."""


@key.command("passphrase")
@click.option(
    "--new-passphrase-file",
    metavar="FILE",
    help="File with the new passphrase; else it is asked for twice.",
)
@with_session
def passphrase(session: Session, new_passphrase_file: str | None) -> Answer:
    """Change the passphrase. The previous keyring file is kept beside the new one."""
    from evidence_vault.vault.creation import change_passphrase

    def new() -> str:
        return session.new_passphrase(new_passphrase_file)

    return answer(change_passphrase(session.folder(), session.passphrase, new), render.passphrase)


@key.command("card")
@out_option("The card, a new file.")
@with_session
def card(session: Session, out: Path) -> Answer:
    """Write the card from which field vaults of this desk are made. It holds no secret.

    Read its fingerprint to whoever sets a field vault up: who exchanges the card reads what that
    field vault takes in.
    """
    from evidence_vault.vault.stations import write_card

    with session.open() as vault:
        return answer(write_card(vault, out), render.card)


@key.command("list")
@with_session
def list_(session: Session) -> Answer:
    """List every key with the part of the log where it counts, and every reader. No secrets."""
    from evidence_vault.vault.keychanges import list_keys

    with session.open() as vault:
        return answer(list_keys(vault), render.keys)


@key.command("enrol")
@click.argument("public", type=PATH, metavar="PUBLIC.pem")
@_ROLE
@_recovery_options
@purpose_option
@with_session
def enrol(
    session: Session,
    public: Path,
    role: str,
    recovery: Path,
    recovery_passphrase_file: str | None,
    purpose: str | None,
) -> Answer:
    """Enrol the public key of another machine: it counts from the next entry of the log on."""
    from evidence_vault.vault import keychanges

    ceremony = _ceremony(session, recovery, recovery_passphrase_file, purpose)
    with session.open() as vault:
        return answer(keychanges.enrol(vault, public, role, ceremony), render.enrolled)


@key.command("rotate")
@_ROLE
@_recovery_options
@purpose_option
@with_session
def rotate(
    session: Session,
    role: str,
    recovery: Path,
    recovery_passphrase_file: str | None,
    purpose: str | None,
) -> Answer:
    """Put a new key in the place of this vault's own; what the old one signed stays good."""
    from evidence_vault.vault import keychanges

    keychanges.demand_changing(role)
    ceremony = _ceremony(session, recovery, recovery_passphrase_file, purpose)
    with session.open() as vault:
        return answer(keychanges.rotate(vault, role, ceremony), render.rotated)


@key.command("revoke")
@click.argument("keyid", metavar="KEYID")
@click.option(
    "--last-good",
    type=click.IntRange(min=0),
    required=True,
    metavar="N",
    help="Number of the last entry of the log that stays good.",
)
@click.option(
    "--reason",
    type=click.Choice(["lost", "compromised", "retired"]),
    required=True,
    help="Why; stands in the log.",
)
@_recovery_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@purpose_option
@with_session
def revoke(
    session: Session,
    keyid: str,
    last_good: int,
    reason: str,
    recovery: Path,
    recovery_passphrase_file: str | None,
    yes: bool,
    purpose: str | None,
) -> Answer:
    """Revoke a key: what it signed after entry N is void, what it signed before stays good.

    The order of the log decides, not the times that entries claim. First it is said what would
    become void.
    """
    from evidence_vault.vault import keychanges

    with session.open() as vault:
        plan = keychanges.plan_revocation(vault, keyid, last_good)
        session.complain(render.revocation(plan))
        session.decide("Revoke this key? It can't be taken back.", yes)
        ceremony = _ceremony(session, recovery, recovery_passphrase_file, purpose)
        done = keychanges.revoke(vault, keyid, last_good, reason, ceremony)
    return answer(done, render.revoked)


@key.command("backup")
@_recovery_options
@click.option(
    "--shares", type=click.IntRange(2, 16), required=True, metavar="N", help="How many shares."
)
@click.option(
    "--threshold",
    type=click.IntRange(2, 16),
    required=True,
    metavar="K",
    help="How many of them put the recovery file together again.",
)
@out_option("The new folder of the shares.")
@with_session
def backup(
    session: Session,
    recovery: Path,
    recovery_passphrase_file: str | None,
    shares: int,
    threshold: int,
    out: Path,
) -> Answer:
    """Split the recovery file among N people, of whom any K put it together. Needs no vault.

    Do it on a machine that is not on a network.
    """
    from evidence_vault.vault.backup import backup as split

    source = _recovery_passphrase(session, recovery_passphrase_file)
    return answer(split(recovery, out, shares, threshold, source), render.split)


@key.command("restore")
@click.argument("shares", nargs=-1, required=True, type=PATH, metavar="SHARE…")
@out_option("The new recovery file.")
@with_session
def restore(session: Session, shares: tuple[Path, ...], out: Path) -> Answer:
    """Put a recovery file together from its shares. Needs no vault."""
    from evidence_vault.vault.backup import restore as join

    return answer(join(shares, out), render.joined)


@key.command("grant")
@click.argument("recipient", metavar="RECIPIENT")
@click.option("--name", required=True, metavar="CODE", help="Who it is, by code; never a name.")
@purpose_option
@with_session
def grant(session: Session, recipient: str, name: str, purpose: str | None) -> Answer:
    """Let another reader (age1pq1…) open what comes in from now on.

    What is in already is not opened by this: hand it over with export --to RECIPIENT.
    """
    from evidence_vault.vault.grants import grant as let_read

    by = session.actor()
    with session.open() as vault:
        done = let_read(vault, recipient, name, session.passphrase, by, purpose)
    return answer(done, render.granted)


@key.command("withdraw")
@click.argument("name", metavar="CODE")
@purpose_option
@with_session
def withdraw(session: Session, name: str, purpose: str | None) -> Answer:
    """No longer encrypt to a reader. What was readable before stays readable."""
    from evidence_vault.vault.grants import withdraw as end

    by = session.actor()
    with session.open() as vault:
        done = end(vault, name, session.passphrase, by, purpose)
    return answer(done, render.withdrawn)
