"""Layout 2: proofs and peers (some catalogues of layout 1 have them), and texts by how they read.

The new columns are filled from the texts that are there.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from evidence_vault.core.searchkey import stored_keys
from evidence_vault.log.migrations.kinds import column, has_table, key, number, text

revision = "2"
down_revision = "1"

_READ = ("name", "place", "title", "description")
_AT_ONCE = 1000


def upgrade() -> None:
    if not has_table("log_proof"):
        op.create_table(
            "log_proof",
            key("log", number()),
            key("size", number()),
            key("kind", text()),
            key("name", text()),
            column("at", number()),
            column("sha256", text()),
            column("anchored", sa.Boolean()),
        )
    if not has_table("log_peer"):
        op.create_table(
            "log_peer",
            key("origin", text()),
            column("size", number()),
            column("root", text()),
            column("sha256", text()),
            column("learned_at", text()),
            column("anchored", sa.Boolean()),
        )
    op.drop_index("log_entry_type", "log_entry")
    op.create_index("log_entry_type", "log_entry", ["type", "log", "idx"])
    if has_table("index_case"):
        op.create_index("index_case_id", "index_case", ["id"], if_not_exists=True)
    if has_table("index_item"):
        for name in _READ:
            op.add_column("index_item", column(f"key_{name}", text(), True))
        _fill()
    op.execute("UPDATE log_state SET schema_version = 2")


def _fill() -> None:
    """``key_…`` of every item, in pieces along the identifiers."""
    connection = op.get_bind()
    names = ["id", *_READ, *(f"key_{name}" for name in _READ)]
    table = sa.table("index_item", *(sa.column(name, text()) for name in names))
    read = [table.c[name] for name in _READ]
    update = table.update().where(table.c.id == sa.bindparam("item"))
    update = update.values({f"key_{name}": sa.bindparam(f"new_{name}") for name in _READ})
    last = ""
    while True:
        query = sa.select(table.c.id, *read).where(table.c.id > last)
        rows = connection.execute(query.order_by(table.c.id).limit(_AT_ONCE)).all()
        if not rows:
            return
        changed = []
        for item, *texts in rows:
            keys = dict(zip(_READ, map(stored_keys, texts), strict=True))
            if any(keys.values()):
                changed.append({"item": item, **{f"new_{name}": k for name, k in keys.items()}})
        if changed:
            connection.execute(update, changed)
        last = rows[-1][0]
