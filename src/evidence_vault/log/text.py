"""Columns that mean the same on SQLite and PostgreSQL.

Text is ordered by its bytes in UTF-8 (collation "C"). PostgreSQL takes neither NUL nor half a
surrogate pair, so both are kept escaped on both: U+FDD0, a code point that is no character, and
four hex digits; U+FDD0 itself likewise. Numbers have 64 bits.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import BigInteger, Integer, MetaData, String
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_MARK = "\ufdd0"
_ODD = re.compile("[\x00\ud800-\udfff\ufdd0]")
_ESCAPED = re.compile("\ufdd0([0-9a-f]{4})")

Number = Integer().with_variant(BigInteger(), "postgresql")


class Text(TypeDecorator[str]):
    """Any Python string; see above."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        postgres = dialect.name == "postgresql"
        return dialect.type_descriptor(String(collation="C") if postgres else String())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return _ODD.sub(lambda found: f"{_MARK}{ord(found.group()):04x}", value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        # A damaged file gives numbers and bytes, too: whoever looks at them names them.
        if not isinstance(value, str) or _MARK not in value:
            return value
        return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), value)


def neutral(metadata: MetaData) -> None:
    """Give every column of these tables its type of this module."""
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, Integer):
                column.type = Number
                column.autoincrement = False
            elif _is_text(column.type):
                column.type = Text()


def _is_text(kind: Any) -> bool:
    return isinstance(kind, String) or isinstance(getattr(kind, "impl", None), String)
