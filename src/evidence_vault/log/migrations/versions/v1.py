"""Layout 1: the first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from evidence_vault.log.migrations.kinds import column, key, number, text

revision = "1"
down_revision = None

_OPTIONAL = "occurred_at place source_code collector_code language title description classification"


def upgrade() -> None:
    """Only for tests: a vault of this layout was made by the program of its time."""
    op.create_table(
        "log_state",
        key("log", number()),
        column("schema_version", number()),
        column("size", number()),
        column("frontier", sa.LargeBinary()),
    )
    op.create_table(
        "log_entry",
        key("log", number()),
        key("idx", number()),
        column("leaf", sa.LargeBinary()),
        column("commit_start", number()),
        column("type", text()),
        column("recorded_at", text()),
    )
    op.create_index("log_entry_type", "log_entry", ["type"])
    op.create_table(
        "log_item",
        key("id", text()),
        key("log", number()),
        column("home", text()),
        column("last_seq", number()),
        column("last_idx", number()),
        column("first_log", number()),
        column("first_idx", number()),
    )
    op.create_table(
        "log_history",
        key("id", text()),
        key("log", number()),
        key("seq", number()),
        column("idx", number()),
    )
    _searchable()


def _searchable() -> None:
    op.create_table(
        "index_item",
        key("id", text()),
        column("sha256", text()),
        column("sha512", text()),
        column("size", number()),
        *(column(name, text()) for name in "format extension accession name path".split()),
        column("recorded_at", text()),
        column("device_time", text(), True),
        column("has_location", sa.Boolean(), True),
        *(column(name, text(), True) for name in _OPTIONAL.split()),
    )
    for name in "sha256 sha512 accession name recorded_at occurred_at source_code".split():
        op.create_index(f"ix_index_item_{name}", "index_item", [name])
    op.create_table("index_case", key("case", text()), key("id", text()))
    op.create_table(
        "index_arrival", key("path_key", text()), key("sha256", text()), column("id", text())
    )
