"""derive: copies that are made from originals, and their proof."""

from __future__ import annotations

from typing import Any

import click

from evidence_vault.cli import render_deriving as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import command
from evidence_vault.cli.options import purpose_option
from evidence_vault.cli.session import Session
from evidence_vault.errors import UsageError


@command("derive")
@click.argument("items", nargs=-1, required=True, metavar="ITEM…")
@click.option("--share-copy", is_flag=True, help="A copy without metadata, proved clean.")
@click.option(
    "--search-copy", is_flag=True, help="A text in Unicode to search in, of a text in Zawgyi."
)
@click.option(
    "--check", is_flag=True, help="Make it again from the original, keep nothing, and compare."
)
@purpose_option
def derive(
    session: Session,
    items: tuple[str, ...],
    share_copy: bool,
    search_copy: bool,
    check: bool,
    purpose: str | None,
) -> Answer:
    """Make copies to share or to search in, each with a signed statement on how.

    A copy is kept only when it is proved clean and shows or sounds the same as the original.
    What could not be checked is named with its reason, and nothing is offered. With --check,
    whoever may open the original makes the copy again and compares.
    """
    from evidence_vault.vault import derivatives as room

    if (share_copy and (search_copy or check)) or not (share_copy or search_copy or check):
        raise UsageError(
            "say what to do: --share-copy or --search-copy makes the copy, --check compares it",
            hint="--check --search-copy compares search copies",
        )
    by = session.actor()
    with session.open() as vault, session.progress("deriving") as progress:
        if search_copy:
            from evidence_vault.vault.searchcopies import check_search, derive_search

            if check:
                result = check_search(vault, items, by)
                return answer(result, render.checked, _CHECK_HINT, _unequal(result))
            result = derive_search(vault, items, by, purpose)
            return answer(result, render.searchable, _NO_TEXT_HINT, _no_text(result))
        if check:
            result = room.check(vault, items, by)
            return answer(result, render.checked, _CHECK_HINT, _unequal(result))
        result = room.derive(vault, items, by, purpose, progress.counted)
    return answer(result, render.derived, _HINT, _not_made(result))


_HINT = "what is named was left out; the original stays, and a person may redact it"
_NO_TEXT_HINT = "only text files in UTF-8 or UTF-16 have search copies"
_CHECK_HINT = "a copy that does not match was changed, or its statement is wrong: keep both"


def _not_made(result: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "code": "E-NOT-CLEAN" if row["outcome"] == "not-clean" else "E-NOT-CHECKED",
            "message": "; ".join(row["reasons"]),
            "where": row["id"],
        }
        for row in result["derived"]
        if row["outcome"] != "clean"
    ]


def _no_text(result: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"code": "E-NO-TEXT", "message": row["reason"], "where": row["id"]}
        for row in result["derived"]
        if row["outcome"] != "made"
    ]


def _unequal(result: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "code": "E-COPY-DIFFERS" if row["outcome"] == "differs" else "E-NOT-CHECKED",
            "message": row["reason"],
            "where": row["id"],
        }
        for row in result["checked"]
        if row["outcome"] != "matches"
    ]
