"""migrate."""

from __future__ import annotations

from pathlib import Path

import click

from evidence_vault.cli import render_moving as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import command
from evidence_vault.cli.options import PATH
from evidence_vault.cli.session import Session
from evidence_vault.errors import UsageError


@command("migrate")
@click.option("--store", metavar="URL", help="Move the store to S3: s3://BUCKET?endpoint=….")
@click.option("--folder", type=PATH, metavar="DIR", help="Move the store into DIR.")
@click.option("--database", metavar="URL", help="Move the catalogue: postgresql://USER@HOST/DB.")
@click.option("--sqlite", is_flag=True, help="Move the catalogue into the vault's folder.")
@click.option("--schema", is_flag=True, help="Bring the catalogue's tables to this version.")
@click.option("--purpose", metavar="TEXT", help="Why, for the record.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")
def migrate(
    session: Session,
    store: str | None,
    folder: Path | None,
    database: str | None,
    sqlite: bool,
    schema: bool,
    purpose: str | None,
    dry_run: bool,
) -> Answer:
    """Move the vault to another store or database, or update the catalogue's tables.

    Every object is compared, the log stays the same, and the old place is left as it is. Ended
    in the middle, the same command goes on where it was.
    """
    if (store and folder) or (database and sqlite):
        raise UsageError("--store and --folder, --database and --sqlite exclude each other")
    moves = bool(store or folder or database or sqlite)
    if moves == schema:
        raise UsageError(
            "say where to: --store, --folder, --database, --sqlite; or --schema alone",
            code="E-MOVE-NOTHING",
        )
    if schema:
        from evidence_vault.vault.schemas import migrate_schema

        with session.open() as vault:
            return answer(migrate_schema(vault, dry_run), render.schema)
    from evidence_vault.vault.moving import migrate
    from evidence_vault.vault.movingplan import MoveRequest

    with session.progress("moving") as progress:
        result = migrate(
            session.folder(),
            session.passphrase,
            MoveRequest(store, folder, database, sqlite, session.actor(), purpose, dry_run),
            progress.counted,
        )
    return answer(result, render.moved)
