"""fixity and log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from evidence_vault.cli import render_checking as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import VaultGroup, command, with_session
from evidence_vault.cli.options import PATH
from evidence_vault.cli.session import Session
from evidence_vault.errors import UsageError


@command("fixity")
@click.argument("items", nargs=-1, metavar="ITEM…")
@click.option("--all", "everything", is_flag=True, help="Every item, and the published log.")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="N items at random.")
@click.option("--slice", "part", metavar="I/N", help="With --all: part I of N, by itself.")
@click.option(
    "--since",
    metavar="DATE",
    help="With --all: leave out what was checked on that day or later, and found right.",
)
@click.option("--locks", is_flag=True, help="Versions and locks alone; bytes are not read.")
@click.option("--repair", is_flag=True, help="Mend what can be mended from what is here.")
@click.option(
    "--repair-from",
    "source",
    metavar="REPLICA",
    help="Mend from a replica, or a folder with a copy of archive/ and control/.",
)
def fixity(
    session: Session,
    items: tuple[str, ...],
    everything: bool,
    sample: int | None,
    part: str | None,
    since: str | None,
    locks: bool,
    repair: bool,
    source: str | None,
) -> Answer:
    """Read what is stored again and compare it with the log; the result is recorded.

    A long run over everything is recorded in stretches: interrupted, it goes on with --since.
    """
    from evidence_vault.vault.fixity import fixity as check
    from evidence_vault.vault.goodcopies import good_copies

    if sum((bool(items), everything, sample is not None)) != 1:
        raise UsageError("say what to check: one of --all, --sample N and ITEM…")
    by = session.actor()
    with session.open() as vault, session.progress("checking") as progress:
        result = check(
            vault,
            all=everything,
            sample=sample,
            items=list(items) if items else None,
            by=by,
            progress=progress.counted,
            part=None if part is None else _part(part),
            since=None if since is None else _day(since),
            locks=locks,
            repair=repair,
            copies=None if source is None else good_copies(vault, source),
        )
    findings = [
        {
            "code": each["code"],
            "message": f"{each['object']}: {each['finding']}",
            "where": each["id"],
        }
        for each in (*result["damaged"], *result["unchecked"])
    ]
    return answer(result, render.fixity, render.DAMAGED_HINT, findings)


def _part(text: str) -> tuple[int, int]:
    """``I/N``."""
    number, slash, of = text.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise UsageError("--slice I/N: two numbers, I from 1 to N, such as 3/8")
    return int(number), int(of)


def _day(text: str) -> str:
    from datetime import date

    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise UsageError("--since is a day, such as 2026-11-24") from None


@click.group("log", cls=VaultGroup)
def log() -> None:
    """The custody log: sign it, look at it, prove it, check all of it."""


@log.command("checkpoint")
@click.option(
    "--expect", type=PATH, metavar="FILE", help="A partner's checkpoint: shows this copy is new."
)
@with_session
def checkpoint(session: Session, expect: Path | None) -> Answer:
    """Publish and sign what is committed. The signed checkpoint is the result: send it round."""
    from evidence_vault.vault.checking import log_checkpoint

    if expect is not None:
        session.warn_of_own(expect)
    with session.open() as vault:
        result = log_checkpoint(vault, expect)
    if not session.json:
        session.say(render.checkpoint_talk(result))
    return answer(result, render.checkpoint)


@log.command("status")
@with_session
def status(session: Session) -> Answer:
    """Say where the log stands and whether this vault may sign."""
    from evidence_vault.vault.checking import log_status

    with session.open() as vault:
        result = log_status(vault)
    return answer(result, render.status)


@log.command("anchor")
@click.option("--beacon", required=True, metavar="NAME", help="Which public beacon.")
@click.option("--round", "number", required=True, metavar="N", help="Its round or height.")
@click.option("--value", required=True, metavar="HEX", help="The value it published.")
@with_session
def anchor(session: Session, beacon: str, number: str, value: str) -> Answer:
    """Put a public random value into the log: what follows is shown to be later than it."""
    from evidence_vault.vault.checking import log_anchor

    by = session.actor()
    with session.open() as vault:
        result = log_anchor(vault, beacon, number, value, by)
    return answer(result, render.anchored)


@log.command("prove")
@click.argument("item", required=False)
@click.option("--index", type=click.IntRange(min=0), metavar="N", help="Entry N of the log.")
@click.option(
    "--old-size",
    type=click.IntRange(min=0),
    metavar="N",
    help="Prove that the log of N entries is the beginning of this one.",
)
@click.option("-o", "--out", type=PATH, metavar="OUT", help="The new file; else it is printed.")
@with_session
def prove(
    session: Session, item: str | None, index: int | None, old_size: int | None, out: Path | None
) -> Answer:
    """Prove that an entry is in the log: the newest of ITEM, or that of --index."""
    from evidence_vault.vault.checking import log_prove

    if sum(each is not None for each in (item, index, old_size)) != 1:
        raise UsageError("say what to prove: one of ITEM, --index N and --old-size N")
    with session.open() as vault:
        result = log_prove(vault, index, item, old_size, out)
    return answer(result, render.proof)


@log.command("compare")
@click.argument("a", type=PATH, metavar="A")
@click.argument("b", type=PATH, metavar="B")
@click.option("--trust", type=PATH, metavar="FILE", help="Trust file that names the log's keys.")
@with_session
def compare(session: Session, a: Path, b: Path, trust: Path | None) -> Answer:
    """Say whether two hands were shown one history.

    A and B are checkpoints, receipts, trust files or requests to countersign. Needs no vault; one
    that holds the log, or countersigns it, knows its keys and can prove more. Exit status: 0 the
    same or consistent, 3 could not be checked, 11 the log showed two histories.
    """
    from evidence_vault.vault.comparing import log_compare

    if session.vault is None:
        result = log_compare(a, b, trust)
    else:
        with session.open() as vault:
            result = log_compare(a, b, trust, vault)
    return answer(result, render.compared, render.FORK_HINT, result["findings"])


@log.command("audit")
@with_session
def audit(session: Session) -> Answer:
    """Compute everything again from archive/ and control/ alone, and compare."""
    from evidence_vault.vault.checking import log_audit

    with session.open() as vault, session.progress("auditing") as progress:
        result: dict[str, Any] = log_audit(vault, progress.counted)
    return answer(result, render.audit, render.audit_hint(result), result["findings"])


@log.command("succeed")
@click.option(
    "--recovery",
    type=PATH,
    required=True,
    metavar="FILE",
    help="The recovery file: it holds the root key.",
)
@click.option("--reason", required=True, metavar="TEXT", help="Why; stands in the new log.")
@click.option(
    "--org", metavar="NAME", help="Name of the organisation; needed after rebuild --recovery."
)
@with_session
def succeed(session: Session, recovery: Path, reason: str, org: str | None) -> Answer:
    """Begin a new log that names this one, its size and root, when this one can't go on."""
    from evidence_vault.vault.succession import succeed as begin

    done = begin(session.folder(), session.passphrase, recovery, reason, org)
    return answer(done, render.succeeded)
