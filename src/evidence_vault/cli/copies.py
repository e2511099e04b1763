"""replica: copies of the vault in other places, and the vault made again from one."""

from __future__ import annotations

from pathlib import Path

import click

from evidence_vault.cli import render_copies as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import VaultGroup, with_session
from evidence_vault.cli.options import PATH
from evidence_vault.cli.session import Session
from evidence_vault.errors import UsageError


@click.group("replica", cls=VaultGroup)
def replica() -> None:
    """Copies of the vault on other disks, in other buckets, in other hands."""


_reason = click.option(
    "--reason", required=True, metavar="TEXT", help="Why; stands in the record, encrypted."
)


@replica.command("add")
@click.argument("name", metavar="NAME")
@click.argument("place", metavar="PLACE")
@click.option(
    "--part",
    type=click.Choice(["archive", "control", "both"]),
    default="both",
    metavar="PART",
    help="archive, control or both (the default).",
)
@_reason
@with_session
def add(session: Session, name: str, place: str, part: str, reason: str) -> Answer:
    """Enrol a folder, a disk or a bucket as a replica.

    PLACE is a folder, or s3://BUCKET[/PREFIX]?endpoint=URL. It must be empty. Nothing that lies
    there can be read without the vault's keys, and nothing names the organisation.
    """
    from evidence_vault.vault.replicas import add as add_replica

    with session.open() as vault:
        result = add_replica(vault, name, place, part, reason, session.actor())
    return answer(result, render.added)


@replica.command("sync")
@click.argument("names", nargs=-1, metavar="[NAME]…")
@click.option(
    "--whole", is_flag=True, help="Compare and mend all that is there, not only what is new."
)
@click.option("--adopt", is_flag=True, help="Take over the longer log of the one replica named.")
@with_session
def sync(session: Session, names: tuple[str, ...], whole: bool, adopt: bool) -> Answer:
    """Copy what is new to the replicas named, or to all.

    What the log says was given up is destroyed there. A replica that knows more than this vault,
    or shows another history, is left alone (exit 11). --adopt is for a vault that was put back
    from an old copy: it does not sign afterwards until a partner's checkpoint shows that it is new.
    """
    from evidence_vault.vault.syncing import adopt as adopt_log
    from evidence_vault.vault.syncing import sync as sync_replicas

    by = session.actor()
    with session.open() as vault, session.progress("copying") as progress:
        if adopt:
            if len(names) != 1 or whole:
                raise UsageError("--adopt takes the name of one replica, and no other option")
            return answer(adopt_log(vault, names[0], progress.counted), render.adopted)
        result = sync_replicas(vault, list(names), whole=whole, by=by, progress=progress.counted)
    return answer(result, render.synced, render.hint_of(result), render.findings_of(result))


@replica.command("status")
@with_session
def status(session: Session) -> Answer:
    """Show each replica: reachable, how old, what it covers, what it still has to destroy."""
    from evidence_vault.vault.replicas import status as replica_status

    with session.open() as vault:
        result = replica_status(vault)
    return answer(result, render.status)


@replica.command("verify")
@click.argument("name", metavar="NAME")
@click.option("--all", "all_", is_flag=True, help="Everything it holds (the default).")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="N items, chosen by chance.")
@with_session
def verify(session: Session, name: str, all_: bool, sample: int | None) -> Answer:
    """Hash a replica's own bytes and compare them with the log."""
    from evidence_vault.vault.verifying_copies import verify as verify_replica

    if all_ and sample is not None:
        raise UsageError("give --all or --sample, not both")
    by = session.actor()
    with session.open() as vault, session.progress("checking") as progress:
        result = verify_replica(vault, name, sample=sample, by=by, progress=progress.counted)
    return answer(result, render.verified, "; ".join(result["notices"]))


@replica.command("retire")
@click.argument("name", metavar="NAME")
@_reason
@with_session
def retire(session: Session, name: str, reason: str) -> Answer:
    """Strike a replica off: it is not synced any more, and its bytes stay where they are."""
    from evidence_vault.vault.replicas import retire as retire_replica

    by = session.actor()
    with session.open() as vault:
        result = retire_replica(vault, name, reason, by)
    return answer(result, render.retired)


@replica.command("restore")
@click.argument("place", metavar="PLACE")
@click.argument("folder", type=PATH, metavar="DIR")
@click.option("--recovery", type=PATH, metavar="FILE", help="The recovery file.")
@click.option("--keyring", type=PATH, metavar="FILE", help="A kept keyring.age, in its place.")
@click.option("--control", metavar="PLACE", help="Another replica, which holds control/.")
@click.option("--expect", type=PATH, metavar="FILE", help="A partner's newest checkpoint.")
@with_session
def restore(
    session: Session,
    place: str,
    folder: Path,
    recovery: Path | None,
    keyring: Path | None,
    control: str | None,
    expect: Path | None,
) -> Answer:
    """Make the vault again in DIR from one replica and the recovery file alone.

    What the log gave up is not copied. The vault does not sign until a partner's checkpoint shows
    that the replica was not old.
    """
    from evidence_vault.vault.restoring import restore as restore_vault

    with session.progress("copying") as progress:
        result = restore_vault(
            place,
            folder,
            session.passphrase if recovery is None else session.passphrase_to_set,
            control=control,
            recovery=recovery,
            keyring=keyring,
            expect=expect,
            progress=progress.counted,
        )
    return answer(result, render.restored)


@replica.command("update")
@click.argument("name", metavar="NAME")
@click.option("-o", "out", type=PATH, required=True, metavar="FILE", help="File to write.")
@click.option("--whole", is_flag=True, help="Everything once more, not only what is new.")
@with_session
def update(session: Session, name: str, out: Path, whole: bool) -> Answer:
    """Write what is new in control/ for the one who keeps the copy NAME in other hands.

    The file holds headers that nobody can use without the vault's keys, and what proves each
    destruction: the ids of removed items, and the other vault's word that it has them.
    """
    from evidence_vault.vault.keepers import update as write_update

    with session.open() as vault:
        result = write_update(vault, name, out, whole)
    return answer(result, render.updated)


@replica.command("keep")
@click.argument("folder", type=PATH, metavar="DIR")
@click.argument("update", type=PATH, required=False, metavar="UPDATE")
@click.option(
    "--trust",
    "trusts",
    type=PATH,
    required=True,
    multiple=True,
    metavar="FILE",
    help="Trust file, got by another channel: of this log, and of those that take items over.",
)
@click.option("-o", "out", type=PATH, metavar="ANSWER", help="Signed answer for the vault.")
@with_session
def keep(
    session: Session, folder: Path, update: Path | None, trusts: tuple[Path, ...], out: Path | None
) -> Answer:
    """Keep another organisation's control/ in DIR. Needs no vault and none of its keys.

    Without UPDATE: the key to be enrolled, and what is kept. A header is destroyed only when the
    signed log, and the signature of the vault that took the item over, say so. An older log, or
    another history, ends in exit 11 and changes nothing.
    """
    from evidence_vault.vault.keeping import keep as keep_update

    result = keep_update(folder, trusts, update, out)
    return answer(result, render.kept, "", render.kept_findings(result))


@replica.command("acknowledge")
@click.argument("file", type=PATH, metavar="ANSWER")
@with_session
def acknowledge(session: Session, file: Path) -> Answer:
    """Record what a keeper says it holds and has destroyed, signed by the enrolled key."""
    from evidence_vault.vault.keepers import acknowledge as acknowledge_answer

    by = session.actor()
    with session.open() as vault:
        result = acknowledge_answer(vault, file, by)
    return answer(result, render.acknowledged, "; ".join(result["notices"]))
