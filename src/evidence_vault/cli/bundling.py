"""bundle: compare two bundles, take some items out of one. Needs no vault and no network."""

from __future__ import annotations

from pathlib import Path

import click

from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import VaultGroup, with_session
from evidence_vault.cli.options import PATH
from evidence_vault.cli.render_bundling import picked
from evidence_vault.cli.session import Session
from evidence_vault.cli.verifying import report_answer, unreadable

_TRUST = click.option(
    "--trust",
    type=PATH,
    metavar="FILE",
    help="Trust file of the archive, received by another channel. Without it nobody can say who "
    "signed.",
)


@click.group("bundle", cls=VaultGroup)
def bundle() -> None:
    """Compare bundles, and take single items out of one."""


@bundle.command("diff")
@click.argument("first", type=PATH)
@click.argument("second", type=PATH)
@_TRUST
@with_session
def diff(session: Session, first: Path, second: Path, trust: Path | None) -> Answer:
    """What two bundles have in common, and where they differ. Each is verified first.

    That they differ is no fault. Exit status: 0 both verify and tell one history, 3 something
    could not be checked, 10 one does not verify, 11 the log is forked: both sides are shown.
    """
    from evidence_vault.verify import load_trust
    from evidence_vault.verify.comparing import compare_bundles

    with unreadable():
        report = compare_bundles(first, second, None if trust is None else load_trust(trust))
    return report_answer(session, report)


@bundle.command("pick")
@click.argument("source", type=PATH, metavar="BUNDLE")
@click.argument("items", nargs=-1, required=True, metavar="ITEM…")
@click.option(
    "-o",
    "--out",
    type=PATH,
    required=True,
    metavar="FOLDER",
    help="The new folder to write.",
)
@_TRUST
@with_session
def pick(
    session: Session, source: Path, items: tuple[str, ...], out: Path, trust: Path | None
) -> Answer:
    """Copy some items out of a bundle, each with the receipt that verifies it alone.

    The bundle is verified first, and nothing is written when it does not match. What is written
    is no bundle: its signed list of contents stays behind, so nothing shows what was left out.
    """
    from evidence_vault.verify import load_trust
    from evidence_vault.verify.picking import pick_items

    with unreadable():
        pinned = None if trust is None else load_trust(trust)
        result = pick_items(source, list(items), out, pinned)
    return answer(result, picked)
