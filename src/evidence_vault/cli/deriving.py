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
    "--check", is_flag=True, help="Make it again from the original, keep nothing, and compare."
)
@purpose_option
def derive(
    session: Session, items: tuple[str, ...], share_copy: bool, check: bool, purpose: str | None
) -> Answer:
    """Make copies to share, each with a signed statement of what was taken out.

    A copy is kept only when it is proved clean and shows or sounds the same as the original.
    What could not be checked is named with its reason, and nothing is offered. With --check,
    whoever may open the original makes the copy again and compares.
    """
    from evidence_vault.vault import derivatives as room

    if share_copy == check:
        raise UsageError("say what to do: --share-copy makes the copy, --check compares it")
    by = session.actor()
    with session.open() as vault, session.progress("deriving") as progress:
        if check:
            result = room.check(vault, items, by)
            return answer(result, render.checked, _CHECK_HINT, _unequal(result))
        result = room.derive(vault, items, by, purpose, progress.counted)
    return answer(result, render.derived, _HINT, _not_made(result))


_HINT = "what is named was left out; the original stays, and a person may redact it"
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
