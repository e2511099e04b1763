"""ingest and describe."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from evidence_vault.cli import render_intake as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import RAW_PATH, command
from evidence_vault.cli.options import PATH, field_options, given_fields
from evidence_vault.cli.session import Session
from evidence_vault.errors import UsageError


@command("ingest")
@click.argument("paths", nargs=-1, type=RAW_PATH, metavar="PATH…")
@click.option("--sheet", type=PATH, metavar="FILE", help="CSV or XLSX: one row a file.")
@click.option(
    "--sheet-template", type=PATH, metavar="FILE", help="Write an empty sheet and do nothing else."
)
@click.option(
    "--metadata",
    type=click.Choice(["retain", "strip", "strip-only"]),
    default="retain",
    help="retain: the original as it is. strip: a clean copy to share is made, too. strip-only: "
    "nothing but the clean copy is kept; a file that has none is refused.",
)
@click.option(
    "--terms",
    metavar="TEXT",
    help="On what terms this delivery is deposited; stands in the accession, not in its items.",
)
@click.option("--dry-run", is_flag=True, help="Say what would happen; take nothing in.")
@click.option(
    "--trust",
    type=PATH,
    metavar="FILE",
    help="Of a bundle: the trust file of the archive that made it, received another way.",
)
@click.option("--as-files", is_flag=True, help="Take a bundle in as the files that it is.")
@field_options
def ingest(
    session: Session,
    paths: tuple[bytes, ...],
    sheet: Path | None,
    sheet_template: Path | None,
    metadata: str,
    terms: str | None,
    dry_run: bool,
    trust: Path | None,
    as_files: bool,
    **options: Any,
) -> Answer:
    """Take in files and folders, with all that is below them.

    What is in already is skipped: run the same command again after an interruption. A file that
    can't be taken in is named with its reason, and the others go on. The descriptive options
    hold for every file; put what differs into a sheet. Empty text means unknown.

    A bundle of another vault, given alone, is verified first. Its files become items here, with
    the other archive's custody record kept beneath them; nothing is taken in if it does not match.
    """
    from evidence_vault.core.fields import parse_terms
    from evidence_vault.vault import ingest as room
    from evidence_vault.vault.bundlein import ingest_bundle
    from evidence_vault.verify import load_trust
    from evidence_vault.verify.bundlekind import is_bundle

    if sheet_template is not None:
        if paths or sheet is not None:
            raise UsageError("--sheet-template writes an empty sheet: give no PATH and no --sheet")
        return answer(room.write_sheet_template(sheet_template), render.template)
    if bool(paths) == (sheet is not None):
        raise UsageError(
            "give either PATH… or --sheet FILE",
            hint="a sheet names its files itself; --sheet-template FILE writes an empty one",
        )
    fields = given_fields(options)
    bundles = [] if as_files else [path for path in paths if is_bundle(path)]
    if bundles and len(paths) > 1:
        raise UsageError(
            "a bundle is taken in by itself: give it alone",
            code="E-BUNDLE-ALONE",
            hint="--as-files takes bundles in as the files that they are",
        )
    if trust is not None and not bundles:
        raise UsageError("--trust goes with a bundle of another vault, and there is none")
    pinned = None if trust is None else load_trust(trust)
    by = None if dry_run else session.actor()
    request = room.IngestRequest(
        paths=list(paths),
        fields=fields,
        sheet=sheet,
        metadata=metadata,
        dry_run=dry_run,
        by=by,
        terms=parse_terms(terms),
    )
    doing = "looking through" if dry_run else "taking in"
    with session.open() as vault, session.progress(doing) as progress:
        if bundles:
            path = Path(os.fsdecode(bundles[0]))
            result = ingest_bundle(vault, path, request, pinned, progress.with_totals)
        else:
            result = room.ingest(vault, request, progress.with_totals)
    return answer(result, render.ingest, _hint(result), _refusals(result) + _copies(result))


@command("describe")
@click.argument("targets", nargs=-1, metavar="ITEM|ACCESSION…")
@click.option(
    "--sheet", type=PATH, metavar="FILE", help="CSV or XLSX whose column 'file' names items."
)
@field_options
def describe(
    session: Session, targets: tuple[str, ...], sheet: Path | None, **options: Any
) -> Answer:
    """Say more about items, or supersede what was said.

    An accession stands for all of its items. Earlier values stay in the history. Empty text
    means unknown.
    """
    from evidence_vault.vault.describing import describe as describe_items

    fields = given_fields(options)
    if bool(targets) == (sheet is not None):
        raise UsageError("give either ITEM|ACCESSION… with fields, or --sheet FILE")
    if targets and not fields:
        raise UsageError("say what to describe, for example --place or --description")
    by = session.actor()
    with session.open() as vault:
        result = describe_items(vault, list(targets), fields, by, sheet)
    return answer(result, render.describe, _hint(result), _refusals(result))


def _hint(result: dict[str, Any]) -> str:
    if result.get("interrupted"):
        return "run the same command again: what is in is skipped"
    if result["refused"] and result.get("station"):
        return (
            "correct what was refused and give those files alone: the others would be stored twice"
        )
    if result["refused"]:
        return "correct what was refused and run the same command again"
    return "what has no share copy leaves only by name" if result.get("without_copy") else ""


def _copies(result: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "code": "E-NOT-CLEAN" if each["outcome"] == "not-clean" else "E-NOT-CHECKED",
            "message": each["reason"],
            "where": each["id"],
        }
        for each in result["without_copy"]
    ]


def _refusals(result: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"code": each["code"], "message": each["reason"], "where": each["name"]}
        for each in result["refused"]
    ]
