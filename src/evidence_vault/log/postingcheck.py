"""Blocks and postings compared with the rows they are made from, in both directions.

A posting too few hides an item from a search. One block is looked at after the other: memory is
that of ten thousand items.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select, type_coerce
from sqlalchemy.types import NullType
from sqlmodel import SQLModel

from evidence_vault.core.event import is_item_id
from evidence_vault.log.blockset import BLOCK_DIGITS, block_of, item_in, pack, positions
from evidence_vault.log.tokens import READ, Tokens

_TABLES = SQLModel.metadata.tables
_PIECES = {"yield_per": 5_000}


def wrong_blocks(connection: Connection, kind: str, limit: int) -> list[str]:
    """Of ``log_block`` or ``index_block`` (``kind``): blocks that are not those of the rows."""
    table = _TABLES[f"{kind}_block"]
    query = select(_raw(table.c.block), _raw(table.c.ids)).order_by(table.c.block)
    stored = {row[0]: row[1] for row in connection.execute(query)}
    given = {block: pack(positions(_number(held))) for block, held in _held(connection, kind)}
    found = [
        f"{_shown(block)}: {'lacks items' if block not in stored else 'not as the rows give'}"
        for block in sorted(map(str, {*stored, *given}))
        if stored.get(block) != given.get(block)
    ]
    return found[:limit]


def wrong_postings(connection: Connection, limit: int) -> list[str]:
    """Blocks of ``index_posting`` that are not those of ``index_item`` and ``index_case``."""
    table = _TABLES["index_posting"]
    blocks = {block for block, _ in _held(connection, "index")}
    kept = select(_raw(table.c.block)).distinct()
    blocks |= {row[0] for row in connection.execute(kept)}
    found: list[str] = []
    for block in sorted(map(str, blocks)):
        try:
            given = _postings(connection, block)
        except (AttributeError, TypeError, ValueError):  # a text that is none any more
            found.append(f"{_shown(block)}: could not be checked, a row can't be read")
            continue
        query = select(_raw(table.c.token), _raw(table.c.ids)).where(table.c.block == block)
        extra = 0
        for token, ids in connection.execute(query, execution_options=_PIECES):
            extra += given.pop(token, None) != ids
        if extra or given:
            found.append(
                f"{_shown(block)}: {extra} not as the rows give, {len(given)} lacking: a search "
                "may miss items"
            )
        if len(found) == limit:
            break
    return found


def _raw(column: Any) -> Any:
    return type_coerce(column, NullType())


def _number(held: bytearray) -> int:
    return int.from_bytes(held, "little")


def _held(connection: Connection, kind: str) -> Iterator[tuple[str, bytearray]]:
    """(block, a bit for each item) of all rows of ``log_item`` or ``index_item``."""
    column = _TABLES[f"{kind}_item"].c.id
    found: dict[str, bytearray] = defaultdict(lambda: bytearray(10**BLOCK_DIGITS // 8))
    query = select(_raw(column))
    for (item,) in connection.execute(query, execution_options=_PIECES):
        block, number = block_of(str(item))
        found[block][number >> 3] |= 1 << (number & 7)
    yield from found.items()


def _postings(connection: Connection, block: str) -> dict[int, bytes]:
    """What belongs into one block, by token."""
    items, cases = _TABLES["index_item"], _TABLES["index_case"]
    least, most = item_in(block, 0), item_in(block, 10**BLOCK_DIGITS - 1)
    named: dict[str, list[str]] = defaultdict(list)
    of_cases = select(cases.c.case, cases.c.id).where(cases.c.id >= least, cases.c.id <= most)
    for case, item in connection.execute(of_cases):
        named[item].append(case)
    columns = [items.c[name] for name in READ]
    query = select(*columns).where(items.c.id >= least, items.c.id <= most).order_by(items.c.id)
    numbers: dict[int, list[int]] = defaultdict(list)
    tokens = Tokens()
    rows = connection.execute(query, execution_options=_PIECES)
    for row in rows.mappings():
        there, number = block_of(row["id"])
        if there == block:  # identifiers of more digits lie between
            for token in tokens.of(dict(row), named.get(row["id"], ())):
                numbers[token].append(number)
    return {token: pack(held) for token, held in numbers.items()}


def _shown(block: str) -> str:
    """A block as it is shown; nothing that can be read."""
    return f"items {block}…" if is_item_id(item_in(block, 1)) else "what is no identifier"
