"""link and unlink: which items belong together."""

from __future__ import annotations

import click

from evidence_vault.cli import render_intake as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import command
from evidence_vault.cli.options import purpose_option
from evidence_vault.cli.session import Session
from evidence_vault.core.relations import RELATIONS

_RELATION = click.Choice(RELATIONS)


@command("link")
@click.argument("item")
@click.argument("relation", type=_RELATION, metavar="RELATION")
@click.argument("other")
@purpose_option
def link(session: Session, item: str, relation: str, other: str, purpose: str | None) -> Answer:
    """Say that ITEM belongs to OTHER, for example: link A transcript-of B.

    RELATION: attachment-of, translation-of, transcript-of, excerpt-of, redacted-version-of,
    part-of, duplicate-of or related-to. It is recorded with ITEM; nothing of either is changed.
    """
    from evidence_vault.vault.linking import link as link_items

    by = session.actor()
    with session.open() as vault:
        result = link_items(vault, item, relation, other, by, purpose)
    return answer(result, render.linked)


@command("unlink")
@click.argument("item")
@click.argument("relation", type=_RELATION, metavar="RELATION")
@click.argument("other")
@purpose_option
def unlink(session: Session, item: str, relation: str, other: str, purpose: str | None) -> Answer:
    """Take back that ITEM belongs to OTHER; what was said stays in the history."""
    from evidence_vault.vault.linking import unlink as unlink_items

    by = session.actor()
    with session.open() as vault:
        result = unlink_items(vault, item, relation, other, by, purpose)
    return answer(result, render.unlinked)
