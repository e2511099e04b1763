"""list, search, show, history."""

from __future__ import annotations

import shlex

import click

from evidence_vault.cli import render_reading as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import command
from evidence_vault.cli.session import Session
from evidence_vault.errors import UsageError

_LIMIT = click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="At most N items; else all."
)
_OFFSET = click.option(
    "--offset", type=click.IntRange(min=0), default=0, metavar="N", help="Pass over the first N."
)
_AFTER = click.option(
    "--after", metavar="ITEM", help="Only items behind this one: the next page, at once."
)


@command("list")
@click.option("--held", is_flag=True, help="Only those under a legal hold.")
@_LIMIT
@_OFFSET
@_AFTER
def list_items(
    session: Session, held: bool, limit: int | None, offset: int, after: str | None
) -> Answer:
    """List the items, in order of their identifiers."""
    from evidence_vault.vault import queries

    with session.open() as vault:
        result = queries.list_items(vault, limit=limit, offset=offset, after=after, held=held)
    return answer(result, render.listing)


@command("search")
@click.argument("words", nargs=-1, metavar="[TEXT]")
@click.option("--digest", metavar="HEX", help="SHA-256 or SHA-512 of a file.")
@click.option("--name", metavar="TEXT", help="Part of the original name.")
@click.option("--date", metavar="DATE", help="When it happened: 2026, 2026-03 or 2026-03-05.")
@click.option("--place", metavar="PLACE", help="Where: a P-code, or a name in any known spelling.")
@click.option("--source-code", metavar="CODE", help="Code of the source.")
@click.option("--case", metavar="CODE", help="Case code.")
@click.option("--accession", metavar="ID", help="Accession.")
@_LIMIT
@_OFFSET
@_AFTER
def search(
    session: Session,
    words: tuple[str, ...],
    digest: str | None,
    name: str | None,
    date: str | None,
    place: str | None,
    source_code: str | None,
    case: str | None,
    accession: str | None,
    limit: int | None,
    offset: int,
    after: str | None,
) -> Answer:
    """Find items that meet every condition; TEXT is looked for in what people wrote."""
    from evidence_vault.vault.queries import search_items

    if len(words) > 1:
        raise UsageError(
            f"one TEXT is looked for, and {len(words)} were given",
            hint=f"put several words in quotes: search {shlex.quote(' '.join(words))}",
        )
    text = words[0] if words else None
    if not any((text, digest, name, date, place, source_code, case, accession)):
        raise UsageError("say what to search for, for example TEXT, --case or --digest")
    with session.open() as vault:
        result = search_items(
            vault,
            digest=digest,
            name=name,
            text=text,
            date=date,
            place=place,
            source_code=source_code,
            case=case,
            accession=accession,
            limit=limit,
            offset=offset,
            after=after,
        )
    return answer(result, render.found)


@command("show")
@click.argument("item")
def show(session: Session, item: str) -> Answer:
    """Show everything known of one item; with -v the metadata of camera or document, too."""
    from evidence_vault.vault.queries import show_item

    with session.open() as vault:
        result = show_item(vault, item)
    return answer(result, render.item_in_full if session.verbose else render.item)


@command("history")
@click.argument("item")
def history(session: Session, item: str) -> Answer:
    """Show the custody record of one item: who did what, when, signed with which key."""
    from evidence_vault.vault import queries

    with session.open() as vault:
        result = queries.history(vault, item)
    return answer(result, render.history)
