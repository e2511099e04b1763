"""Column types as they were in every layout so far."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op


def text() -> sa.types.TypeEngine[str]:
    return sa.String().with_variant(sa.String(collation="C"), "postgresql")


def number() -> sa.types.TypeEngine[int]:
    return sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def key(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def column(name: str, kind: sa.types.TypeEngine[Any], nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def has_table(name: str) -> bool:
    """A field vault lacks the searchable tables; some early catalogues lack others."""
    return bool(sa.inspect(op.get_bind()).has_table(name))
