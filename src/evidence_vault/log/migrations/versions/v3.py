"""Layout 3: what object stores answered, what the catalogue knows of itself, what was signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from evidence_vault.log.migrations.kinds import column, key, number, text

revision = "3"
down_revision = "2"


def upgrade() -> None:
    op.create_table(
        "log_object",
        key("sha256", text()),
        column("version", text()),
        column("size", number()),
        column("mode", text(), True),
        column("until", text(), True),
        column("etag", text(), True),
    )
    op.create_table(
        "log_hold",
        key("hold", text()),
        key("id", text()),
        column("placed_log", number()),
        column("placed", number()),
        column("covered_log", number()),
        column("covered", number()),
        column("released_log", number(), True),
        column("released", number(), True),
    )
    op.create_index("ix_log_hold_id", "log_hold", ["id"])
    op.create_index("ix_log_hold_released", "log_hold", ["released"])
    op.create_table(
        "log_held_copy",
        key("hold", text()),
        key("id", text()),
        key("number", number()),
        column("sha256", text()),
        column("version", text(), True),
    )
    op.create_table(
        "log_retention",
        key("id", text()),
        column("mode", text()),
        column("until", text()),
        column("log", number()),
        column("idx", number()),
    )
    op.create_index("ix_log_retention_until", "log_retention", ["until"])
    op.create_table("log_meta", key("name", text()), column("value", text()))
    op.create_table("log_signed", key("origin", text()), column("data", sa.LargeBinary()))
    _unread()
    op.execute("UPDATE log_state SET schema_version = 3")


def _unread() -> None:
    """A log some of whose sets could not be read: SQLite's user_version had its number plus 1."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    number_ = connection.exec_driver_sql("PRAGMA user_version").scalar()
    if number_:
        insert = sa.text("INSERT INTO log_meta VALUES ('unread_log', :log)")
        connection.execute(insert, {"log": str(int(number_) - 1)})
