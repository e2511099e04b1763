"""Layout 5: which items are something to another one. No earlier entry could say so: no rows."""

from __future__ import annotations

from alembic import op

from evidence_vault.log.migrations.kinds import has_table, key, text

revision = "5"
down_revision = "4"


def upgrade() -> None:
    if has_table("index_item"):
        op.create_table(
            "index_relation",
            key("other", text()),
            key("relation", text()),
            key("id", text()),
            sqlite_with_rowid=False,
        )
    op.execute("UPDATE log_state SET schema_version = 5")
