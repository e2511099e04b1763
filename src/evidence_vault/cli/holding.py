"""hold: place, release, list. retention: set, list."""

from __future__ import annotations

from collections.abc import Callable

import click

from evidence_vault.cli import render_holding as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import VaultGroup, with_session
from evidence_vault.cli.options import Decorated
from evidence_vault.cli.session import Session


def _reason(help: str) -> Callable[[Decorated], Decorated]:
    return click.option("--reason", required=True, metavar="TEXT", help=help)


_WHY = "Why; stands in the record."
_CASE = "For which case; without items, those of the case. May stand several times."


@click.group("hold", cls=VaultGroup)
def hold() -> None:
    """Keep items from being destroyed until somebody releases them."""


@hold.command("place")
@click.argument("items", nargs=-1, metavar="[ITEM]...")
@click.option("--case", multiple=True, metavar="CODE", help=_CASE)
@click.option("--query", metavar="TEXT", help="The items that `search TEXT` finds.")
@_reason(_WHY)
@with_session
def place(
    session: Session, items: tuple[str, ...], case: tuple[str, ...], query: str | None, reason: str
) -> Answer:
    """Put items under a legal hold, with copies of what opens them.

    In an archive with Object Lock every stored object gets a legal hold that the store keeps.
    """
    from evidence_vault.vault.holding import HoldRequest, place

    request = HoldRequest(reason, items, case, query, session.actor())
    with session.open() as vault, session.progress("holding") as progress:
        result = place(vault, request, progress.counted)
    return answer(result, render.placed, findings=_findings(result))


@hold.command("release")
@click.argument("name", metavar="HOLD|ITEM")
@_reason(_WHY)
@with_session
def release(session: Session, name: str, reason: str) -> Answer:
    """End a hold, or end it for one item. Other holds stay.

    HOLD is its identifier or the first 8 digits of it, or more.
    """
    from evidence_vault.vault.holding import release

    by = session.actor()
    with session.open() as vault:
        result = release(vault, name, reason, by)
    gone = "the version that was held is not in the store"
    lost = [{"code": "E-NOT-FOUND", "message": gone, "where": d} for d in result["missing"]]
    return answer(result, render.released, findings=lost)


@hold.command("list")
@click.argument("item", required=False, metavar="[ITEM]")
@click.option("--all", "every", is_flag=True, help="Those that ended, too.")
@with_session
def list_(session: Session, item: str | None, every: bool) -> Answer:
    """The holds that are on: who placed them, when, why, for which case."""
    from evidence_vault.vault.holds import list_holds

    with session.open() as vault:
        return answer(list_holds(vault, item, every), render.listed)


@click.group("retention", cls=VaultGroup)
def retention() -> None:
    """Keep items until a date."""


@retention.command("set")
@click.argument("items", nargs=-1, metavar="[ITEM]...")
@click.option("--case", multiple=True, metavar="CODE", help=_CASE)
@click.option("--all", "everything", is_flag=True, help="Every item.")
@click.option("--until", required=True, metavar="DATE", help="The last day, or a time in UTC.")
@click.option(
    "--mode",
    type=click.Choice(["compliance", "governance"]),
    help="How the store locks; else as it does already, or compliance.",
)
@_reason(_WHY)
@with_session
def set_(
    session: Session,
    items: tuple[str, ...],
    case: tuple[str, ...],
    everything: bool,
    until: str,
    mode: str | None,
    reason: str,
) -> Answer:
    """Keep items at least until a date. It is only ever made later.

    Run again it goes on with what is not recorded yet.
    """
    from evidence_vault.vault.retention import RetentionRequest, set_retention

    wanted = None if mode is None else mode.upper()
    request = RetentionRequest(until, reason, items, case, everything, wanted, session.actor())
    with session.open() as vault, session.progress("locking") as progress:
        result = set_retention(vault, request, progress.counted)
    return answer(result, render.retained, findings=_findings(result))


@retention.command("list")
@click.option(
    "--ending", type=click.IntRange(0, 36500), metavar="DAYS", help="Within so many days."
)
@with_session
def list_retention(session: Session, ending: int | None) -> Answer:
    """Until when items are kept, and until when the store locks them."""
    from evidence_vault.vault.retention import list_retention

    with session.open() as vault:
        return answer(list_retention(vault, ending), render.retention)


def _findings(result: dict[str, object]) -> list[dict[str, str]]:
    """Items that were left out, as findings."""
    refused = result["refused"]
    assert isinstance(refused, list)
    return [
        {"code": each["code"], "message": each["reason"], "where": each["id"]} for each in refused
    ]
