"""``bundle pick``: some items of a bundle as loose files, each verifying by its own receipt.

For a lawyer who files 12 of 300 items. What is copied out are receipts, what leaves of the items,
statements on copies, and the instructions; never the statement of contents, which would name
all others.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evidence_vault.core.bagtext import STATEMENT
from evidence_vault.core.findings import Outcome, Report
from evidence_vault.core.statement import MAX_STATEMENT, ItemRow, Statement, parse_statement
from evidence_vault.core.text import escape_for_display
from evidence_vault.core.trust import TrustFile
from evidence_vault.errors import (
    EvidenceError,
    Exit,
    LogInconsistent,
    StoreError,
    Unchecked,
    UsageError,
)
from evidence_vault.verify.bundle import verify_bundle
from evidence_vault.verify.container import Container, open_container
from evidence_vault.verify.copies import FOLDER as COPIES
from evidence_vault.verify.hashing import CHUNK
from evidence_vault.verify.reading import read_file

NOTE = "PICKED.txt"
_HELP = ("HOW-TO-VERIFY.txt", "HOW-TO-VERIFY-my.txt", "verify.sh")
_TEXT = """{count} ITEMS OUT OF A BUNDLE

These files were copied out of the bundle {bundle_id}, which log
{origin} made at {made_at}.

What this is: for each item its receipt (receipts/), and what left of it (data/) with the statement
on how a copy was made (copies/). Each item verifies by itself, offline:

    evidence-vault verify --trust TRUST receipts/ITEM.txt data/FILE
    sh verify.sh -t TRUST receipts/ITEM.txt data/FILE

TRUST is the archive's trust file, which comes to you another way than these files.

What this is not: a bundle. The signed list of the bundle's contents is not here, so nothing here
shows which other items there are or were left out, and a check of this folder as a whole does not
succeed. Ask whoever holds the whole bundle, and compare its identifier above.

The commands in HOW-TO-VERIFY.txt that are about the statement and the lists of files are for the
whole bundle.
"""


def pick_items(
    source: Path, items: Sequence[str], out: Path, trust: TrustFile | None
) -> dict[str, Any]:
    """Copy items of a bundle into the new folder ``out``. Nothing stays behind when it fails.

    Raises EvidenceError for a bundle that does not match, Unchecked for what is no bundle here,
    UsageError for an item that is not in it or a folder that exists, StoreError when ``out``
    can't be written.
    """
    if os.path.lexists(out):
        raise UsageError(f"{out} exists", hint="name a folder that does not exist yet")
    report = demand_sound(source, trust)
    container = open_container(source)
    partial = out.with_name(out.name + ".partial")
    try:
        statement = parse_statement(read_file(container, STATEMENT, MAX_STATEMENT))
        rows = _chosen(statement, items)
        partial.mkdir()
        told = [_copy_item(container, statement, row, partial) for row in rows]
        for name in _HELP:
            if name in container.listing.files:
                _copy(container, statement, name, partial)
        note = _TEXT.format(
            count=len(rows),
            bundle_id=statement.bundle_id,
            origin=statement.origin,
            made_at=statement.made_at,
        )
        (partial / NOTE).write_text(note, encoding="utf-8")
        partial.rename(out)
    except FileExistsError as error:
        raise UsageError(f"{partial} exists", hint="delete it, it was left behind") from error
    except BaseException as error:  # Ctrl-C, too: no half folder stays
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError):
            raise StoreError(f"{out} can't be written: {error.strerror or error}") from error
        raise
    finally:
        container.close()
    left = sorted({f.code for f in report.findings if f.outcome is Outcome.UNCHECKED})
    return {
        "bundle_id": statement.bundle_id,
        "exit": int(report.exit_status()),
        "folder": str(out),
        "items": told,
        "unchecked": left,
    }


def demand_sound(path: Path, trust: TrustFile | None) -> Report:
    """Verify a bundle; the report of one that has nothing against it.

    Raises EvidenceError, LogInconsistent for a fork, or Unchecked for what is no bundle here.
    """
    report = verify_bundle(path, trust)
    bad = sorted({f.code for f in report.findings if f.outcome is Outcome.DIFFERS})
    if bad:
        raised = LogInconsistent if report.exit_status() is Exit.LOG else EvidenceError
        raise raised(
            f"{escape_for_display(path.name)} does not match: {', '.join(bad)}",
            hint="evidence-vault verify says what is wrong with it",
        )
    if report.kind != "bundle" or "bundle_id" not in report.facts:
        codes = sorted({f.code for f in report.findings if f.outcome is Outcome.UNCHECKED})
        raise Unchecked(
            f"{escape_for_display(path.name)} is not a bundle that can be read: {', '.join(codes)}",
            code="E-NOT-A-BUNDLE",
            hint="an encrypted one is opened first: evidence-vault open",
        )
    return report


def _chosen(statement: Statement, items: Sequence[str]) -> list[ItemRow]:
    rows = {row.id: row for row in statement.items}
    missing = sorted(set(items) - rows.keys())
    if missing:
        raise UsageError(f"there is no item {missing[0]} in this bundle", code="E-NO-ITEM")
    return [rows[item] for item in sorted(set(items))]


def _copy_item(
    container: Container, statement: Statement, row: ItemRow, folder: Path
) -> dict[str, Any]:
    paths = [row.receipt]
    if row.payload is not None:
        paths.append(row.payload)
    if f"{COPIES}{row.id}.json" in container.listing.files:
        paths.append(f"{COPIES}{row.id}.json")
    for path in paths:
        _copy(container, statement, path, folder)
    return {"files": paths, "home": row.home, "id": row.id}


def _copy(container: Container, statement: Statement, path: str, folder: Path) -> None:
    """One listed file, compared once more with the statement as it is written."""
    expected = next((row.sha256 for row in statement.files if row.path == path), None)
    target = folder / path
    target.parent.mkdir(exist_ok=True)
    digest = hashlib.sha256()
    with container.open(path) as stream, target.open("xb") as out:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != expected:
        raise EvidenceError(f"{path} changed while it was read", code="E-CHANGED")
