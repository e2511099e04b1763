"""transfer: pin, offer, accept, acknowledge, remove, list."""

from __future__ import annotations

from pathlib import Path

import click

from evidence_vault.cli import render_transfer as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import VaultGroup, with_session
from evidence_vault.cli.options import PATH, out_option, purpose_option
from evidence_vault.cli.session import Session


@click.group("transfer", cls=VaultGroup)
def transfer() -> None:
    """Hand items over to another vault, with two signatures."""


@transfer.command("pin")
@click.argument("file", type=PATH)
@with_session
def pin(session: Session, file: Path) -> Answer:
    """Pin another vault's log from its trust file, so that its signatures count here.

    The trust file comes another way than the evidence; compare its words by telephone.
    """
    from evidence_vault.vault.witness_setup import witness_add

    with session.open() as vault:
        result = witness_add(vault, session.passphrase, file)
    return answer({"added": result["added"], "notices": result["notices"][:1]}, render.pinned)


@transfer.command("offer")
@click.argument("items", nargs=-1, metavar="[ITEM]...")
@click.option("--all", "all_", is_flag=True, help="All that no other vault has acknowledged.")
@click.option("--to", metavar="ORIGIN", help="The log of the receiver, where several are pinned.")
@out_option("The file for the receiver, which must not exist yet.")
@purpose_option
@with_session
def offer(
    session: Session,
    items: tuple[str, ...],
    all_: bool,
    to: str | None,
    out: Path,
    purpose: str | None,
) -> Answer:
    """Offer items: an event, and one file that nobody can read without the receiver's key."""
    from evidence_vault.errors import UsageError
    from evidence_vault.vault.offering import OfferRequest, offer

    if bool(items) == all_:
        raise UsageError("say what to offer: items, or --all")
    request = OfferRequest(out, None if all_ else list(items), to, purpose, session.actor())
    with session.open() as vault, session.progress("writing") as progress:
        result = offer(vault, request, progress.counted)
    return answer(result, render.offered, findings=_findings(result))


@transfer.command("accept")
@click.argument("file", type=PATH)
@click.option("-o", "--out", type=PATH, metavar="FILE", help="The acknowledgement, for the sender.")
@with_session
def accept(session: Session, file: Path, out: Path | None) -> Answer:
    """Check what another vault offers, take it over, and write the acknowledgement."""
    from evidence_vault.vault.accepting import AcceptRequest, accept

    request = AcceptRequest(file, out, session.actor())
    with session.open() as vault, session.progress("checking") as progress:
        result = accept(vault, request, lambda done, _: progress.counted(done, 0))
    return answer(result, render.accepted, findings=_findings(result))


@transfer.command("acknowledge")
@click.argument("file", type=PATH)
@with_session
def acknowledge(session: Session, file: Path) -> Answer:
    """Check the receiver's acknowledgement, and record what it proves."""
    from evidence_vault.vault.acknowledging import acknowledge

    with session.open() as vault:
        result = acknowledge(vault, file, session.actor())
    return answer(result, render.acknowledged, findings=_findings(result))


@transfer.command("remove")
@click.argument("items", nargs=-1, metavar="[ITEM]...")
@click.option("--all-acknowledged", is_flag=True, help="All that another vault acknowledged.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@purpose_option
@with_session
def remove(
    session: Session,
    items: tuple[str, ...],
    all_acknowledged: bool,
    yes: bool,
    purpose: str | None,
) -> Answer:
    """Remove the stored bytes of items that another vault acknowledged. The log stays."""
    from evidence_vault.errors import UsageError
    from evidence_vault.vault.wiping import removable, remove

    if bool(items) == all_acknowledged:
        raise UsageError("say what to remove: items, or --all-acknowledged")
    wanted = None if all_acknowledged else list(items)
    with session.open() as vault:
        count = len(removable(vault, wanted)[0])
        if count:
            session.decide(f"Remove the stored bytes of {count} items from this vault?", yes)
        result = remove(vault, wanted, session.actor(), purpose)
    return answer(result, render.removed, findings=_findings(result))


@transfer.command("list")
@with_session
def list_(session: Session) -> Answer:
    """What was offered, acknowledged, removed, taken over; open gaps in custody with their age."""
    from evidence_vault.vault.handovers import list_handovers

    with session.open() as vault:
        return answer(list_handovers(vault), render.listed)


def _findings(result: dict[str, object]) -> list[dict[str, str]]:
    """Items left out, as findings."""
    refused = result["refused"]
    assert isinstance(refused, list)
    return [
        {"code": each["code"], "message": each["reason"], "where": each["id"]} for each in refused
    ]
