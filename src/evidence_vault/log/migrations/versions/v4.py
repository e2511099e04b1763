"""Layout 4: what is searched stands as postings in blocks of identifiers; few indexes. Replicas.

The new tables are filled from the rows that are there.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel import Session

from evidence_vault.log.migrations.kinds import column, has_table, key, number, text
from evidence_vault.log.postings import reindex

revision = "4"
down_revision = "3"

_NO_LONGER = "sha512 accession name recorded_at occurred_at source_code"


def upgrade() -> None:
    _replicas()
    _blocks("log_block")
    indexed = has_table("index_item")
    if indexed:
        for name in _NO_LONGER.split():
            op.drop_index(f"ix_index_item_{name}", "index_item")
        _blocks("index_block")
        op.create_table(
            "index_posting",
            key("block", text()),
            key("token", number()),
            column("ids", sa.LargeBinary()),
            sqlite_with_rowid=False,
        )
        _arrivals()
    with Session(op.get_bind()) as session:
        reindex(session, indexed)
        session.flush()
    op.execute("UPDATE log_state SET schema_version = 4")


def _replicas() -> None:
    op.create_table(
        "log_replica",
        key("id", text()),
        column("log", number()),
        column("idx", number()),
        column("part", text()),
        column("enrolled_at", text()),
        column("retired_at", text(), True),
        column("synced_at", text(), True),
        column("synced_log", number()),
        column("synced_size", number()),
        column("verified_at", text(), True),
        column("verified_log", number()),
        column("verified_size", number()),
        column("damaged", number()),
        column("pending", number()),
    )


def _blocks(name: str) -> None:
    op.create_table(
        name, key("block", text()), column("ids", sa.LargeBinary()), sqlite_with_rowid=False
    )


def _arrivals() -> None:
    """In the order of their keys, so that each is written once."""
    op.rename_table("index_arrival", "index_arrival_old")
    op.create_table(
        "index_arrival",
        key("path_key", text()),
        key("sha256", text()),
        column("id", text()),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO index_arrival SELECT path_key, sha256, id FROM index_arrival_old")
    op.drop_table("index_arrival_old")
