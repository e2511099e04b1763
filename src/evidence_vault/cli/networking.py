"""trust network: the organisations' common trust document, from entries to acceptance."""

from __future__ import annotations

from pathlib import Path

import click

from evidence_vault.cli import render_networking as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import VaultGroup, with_session
from evidence_vault.cli.options import PATH, out_option, purpose_option
from evidence_vault.cli.session import Session
from evidence_vault.errors import UsageError


@click.group("network", cls=VaultGroup)
def network() -> None:
    """The network's trust document: made together, signed by root keys, accepted by each vault."""


@network.command("entry")
@click.option("--next", "next_root", type=PATH, metavar="FILE", help="New: the next root key.")
@click.option("--root", type=PATH, metavar="FILE", help="The root key in use, if it was replaced.")
@out_option("The entry, for whoever writes the draft.")
@with_session
def entry(session: Session, next_root: Path | None, root: Path | None, out: Path) -> Answer:
    """Write this vault's entry for a trust document, and a next root key to keep apart."""
    from evidence_vault.vault.ceremony import make_entry

    with session.open() as vault:
        made = make_entry(vault, out, next_root, root, session.passphrase_source())
    return answer(made, render.entry)


@network.command("new")
@click.argument("entries", nargs=-1, required=True, type=PATH, metavar="ENTRY…")
@click.option("--threshold", type=click.IntRange(1), required=True, metavar="K", help="Roots.")
@click.option("--quorum", type=click.IntRange(0), required=True, metavar="Q", help="Of others.")
@click.option("--authority", multiple=True, metavar="NAME=FILE", help="Root of a time authority.")
@out_option("The draft.")
@with_session
def new(
    session: Session,
    entries: tuple[Path, ...],
    threshold: int,
    quorum: int,
    authority: tuple[str, ...],
    out: Path,
) -> Answer:
    """Write the draft of a first trust document from the organisations' entries.

    K root holders must sign it and each later version. Q organisations other than a log's own
    must countersign a checkpoint. Needs no vault.
    """
    from evidence_vault.vault.ceremony import new_draft

    made = new_draft(entries, threshold, quorum, _files(authority), out)
    return answer(made, render.draft)


@network.command("sign")
@click.argument("draft", type=PATH)
@click.option("--recovery", type=PATH, required=True, metavar="FILE", help="Holds the root key.")
@click.option("--previous", type=PATH, metavar="DOC", help="The version before.")
@out_option("The draft with your signature.")
@with_session
def sign(session: Session, draft: Path, recovery: Path, previous: Path | None, out: Path) -> Answer:
    """Sign a draft with the root key in a recovery file or root key file.

    Look at it with `trust network show` and compare its words first. Needs no vault.
    """
    from evidence_vault.vault.ceremony import sign_draft

    return answer(sign_draft(draft, recovery, session.passphrase, out, previous), render.signed)


@network.command("merge")
@click.argument("signed", nargs=-1, required=True, type=PATH, metavar="SIGNED…")
@click.option("--previous", type=PATH, metavar="DOC", help="The version before, to count for it.")
@out_option("The document with all signatures.")
@with_session
def merge(session: Session, signed: tuple[Path, ...], previous: Path | None, out: Path) -> Answer:
    """Put the signatures of several copies of one draft together. Needs no vault."""
    from evidence_vault.vault.ceremony import merge_signed

    return answer(merge_signed(signed, out, previous), render.signed)


@network.command("next")
@click.argument("document", type=PATH)
@click.option("--add", multiple=True, type=PATH, metavar="ENTRY", help="Add an organisation.")
@click.option("--replace", multiple=True, type=PATH, metavar="ENTRY", help="Its newer entry.")
@click.option("--remove", multiple=True, metavar="NAME", help="Remove an organisation.")
@click.option("--retire", multiple=True, metavar="ORIGIN=SIZE", help="Last good size of a log.")
@click.option("--threshold", type=click.IntRange(1), metavar="K", help="Another threshold.")
@click.option("--quorum", type=click.IntRange(0), metavar="Q", help="Another quorum.")
@click.option("--authority", multiple=True, metavar="NAME=FILE", help="Add a time authority.")
@click.option("--drop-authority", multiple=True, metavar="NAME", help="Remove one.")
@out_option("The draft.")
@with_session
def next_version(
    session: Session,
    document: Path,
    add: tuple[Path, ...],
    replace: tuple[Path, ...],
    remove: tuple[str, ...],
    retire: tuple[str, ...],
    threshold: int | None,
    quorum: int | None,
    authority: tuple[str, ...],
    drop_authority: tuple[str, ...],
    out: Path,
) -> Answer:
    """Write the draft of the next version of a trust document. Needs no vault."""
    from evidence_vault.vault.ceremony import Changes, next_draft

    wanted = Changes(
        add=add,
        replace=replace,
        remove=remove,
        retire={name: _size(text) for name, text in map(_pair, retire)},
        threshold=threshold,
        quorum=quorum,
        authorities=_files(authority),
        drop_authorities=drop_authority,
    )
    return answer(next_draft(document, wanted, out), render.draft)


@network.command("accept")
@click.argument("document", type=PATH)
@click.option("--fingerprint", metavar="WORDS", help="Its words or hex, as another holder says.")
@purpose_option
@with_session
def accept(
    session: Session, document: Path, fingerprint: str | None, purpose: str | None
) -> Answer:
    """Check a trust document, record it in the log, and follow it from now on.

    The first one counts only by its fingerprint; each later one along the signed chain.
    """
    from evidence_vault.vault.network import accept as accept_document
    from evidence_vault.vault.network import examine

    by = session.actor()
    with session.open() as vault:
        proposal = examine(vault, document)
        agreed = False
        if proposal.first and fingerprint is None:
            agreed = session.compare(render.document(proposal.shown()), "Are these the same words?")
        result = accept_document(
            vault,
            proposal,
            session.passphrase,
            fingerprint=fingerprint,
            agreed=agreed,
            by=by,
            purpose=purpose,
        )
    return answer(result, render.accepted)


@network.command("show")
@click.argument("document", type=PATH)
@with_session
def show(session: Session, document: Path) -> Answer:
    """Show what a trust document or a draft says, and who has signed it. Needs no vault."""
    from evidence_vault.vault.ceremony import show_document

    return answer(show_document(document), render.shown_document)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise UsageError(f"{text!r} must be NAME=VALUE")
    return name, value


def _files(pairs: tuple[str, ...]) -> dict[str, Path]:
    return {name: Path(value) for name, value in map(_pair, pairs)}


def _size(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"{text!r} must be a number of entries")
    return int(text)
