"""The tables ``index_posting`` and the blocks: which items have a token, block by block.

Written with the searchable values, in the same transaction; read in order of identifiers, so that a
page of a search costs what the page costs. Rows are plain rows: what is taken out is gone from
the file as much as any other (``secure_delete``), which a full-text engine does not promise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import Table, bindparam, delete, insert, select, text, update
from sqlmodel import Session, SQLModel

from evidence_vault.log.blockset import (
    bits_of,
    block_of,
    changed,
    count,
    group_of,
    item_in,
    positions,
    unpack,
)
from evidence_vault.log.tokens import READ, Clause, Tokens

_TABLES = SQLModel.metadata.tables
_MANY = 500  # values in one IN (…)
_FIRST = 3  # tokens of a set that are read in every block, the rarest ones
_THEN = 9  # tokens of a set that are read at all
_CROWD = 4  # items left in a block that make it worth while to read the other tokens

Described = Mapping[str, tuple[Mapping[str, Any], Sequence[str]]]
"""By item: its row of index_item (columns READ) and its cases."""


# -- writing ---------------------------------------------------------------------------------------


class _Change:
    """By token, the items of a block that gain or lose it."""

    def __init__(self) -> None:
        self.add: dict[int, list[int]] = defaultdict(list)
        self.drop: dict[int, list[int]] = defaultdict(list)


def described(session: Session, items: Iterable[str]) -> Described:
    """What is known now of those of these items that are known."""
    table, cases = _TABLES["index_item"], _TABLES["index_case"]
    found: dict[str, tuple[Mapping[str, Any], list[str]]] = {}
    for chunk in _chunks(sorted(set(items))):
        columns = [table.c[name] for name in READ]
        for row in session.execute(select(*columns).where(table.c.id.in_(chunk))).mappings():
            found[row["id"]] = (dict(row), [])
        for case, item in session.execute(
            select(cases.c.case, cases.c.id).where(cases.c.id.in_(chunk))
        ):
            if item in found:
                found[item][1].append(case)
    return found


@contextmanager
def reposted(session: Session, items: Iterable[str]) -> Iterator[None]:
    """Whoever changes rows of ``index_item`` or ``index_case`` of these items does it in here.

    The postings follow at the end, in the same transaction. Erasing an item: its rows deleted in
    here.
    """
    ids = list(items)
    before = described(session, known_of(session, ids))
    yield
    session.flush()
    repost(session, before, described(session, ids))


def repost(session: Session, before: Described, after: Described) -> None:
    """Make the postings of these items those of ``after``; an item that is absent has none."""
    changes: dict[str, _Change] = {}
    gone: dict[str, set[int]] = {}
    new: dict[str, set[int]] = {}
    tokens = Tokens()
    for item in sorted({*before, *after}):
        block, digits = block_of(item)
        change = changes.setdefault(block, _Change())
        old = tokens.of(*before[item]) if item in before else set()
        now = tokens.of(*after[item]) if item in after else set()
        for token in now - old if old else now:
            change.add[token].append(digits)
        for token in old - now:
            change.drop[token].append(digits)
        if item not in before:
            new.setdefault(block, set()).add(digits)
        if item not in after:
            gone.setdefault(block, set()).add(digits)
    _post(session, changes)
    enter(session, "index_block", new, gone)


def enter(
    session: Session,
    table: str,
    new: Mapping[str, set[int]],
    gone: Mapping[str, set[int]] | None = None,
) -> None:
    """Note in ``log_block`` or ``index_block`` which items there are; again does no harm."""
    changes: dict[str, _Change] = defaultdict(_Change)
    for block, numbers in new.items():
        changes[block].add[0] += numbers
    for block, numbers in (gone or {}).items():
        changes[block].drop[0] += numbers
    _post(session, changes, table)


def reindex(session: Session, indexed: bool) -> None:
    """Blocks and postings, which are empty, made from ``log_item`` and ``index_item``.

    ``indexed``: there are searchable tables. Cost: about half a millisecond for each item.
    """
    for ids in _pages(session, "log_item"):
        enter(session, "log_block", by_block(ids))
    if indexed:
        for ids in _pages(session, "index_item"):
            repost(session, {}, described(session, ids))


def by_block(items: Iterable[str]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for item in items:
        block, digits = block_of(item)
        found.setdefault(block, set()).add(digits)
    return found


def _pages(session: Session, table: str) -> Iterator[list[str]]:
    column, last = _TABLES[table].c.id, ""
    while True:
        query = select(column).where(column > last).distinct().order_by(column).limit(2000)
        ids = [row[0] for row in session.execute(query)]
        if not ids:
            return
        yield ids
        last = ids[-1]


def _post(session: Session, changes: Mapping[str, _Change], table: str = "index_posting") -> None:
    target = _TABLES[table]
    written: list[dict[str, Any]] = []
    known: set[tuple[str, int]] = set()
    for block, change in sorted(changes.items()):
        tokens = sorted({*change.add, *change.drop})
        stored = dict(_stored(session, target, block, tokens))
        known.update((block, token) for token in stored)
        for token in tokens:
            data = stored.get(token)
            ids = changed(data, change.add.get(token, ()), change.drop.get(token, ()))
            if ids != data:
                written.append({"block": block, "token": token, "ids": ids})
    _write(session, target, written, known)


def _stored(
    session: Session, table: Table, block: str, tokens: Sequence[int]
) -> Iterator[tuple[int, bytes]]:
    if "token" not in table.c:
        for row in session.execute(select(table.c.ids).where(table.c.block == block)):
            yield 0, row[0]
        return
    for chunk in _chunks(tokens):
        rows = session.execute(
            select(table.c.token, table.c.ids).where(
                table.c.block == block, table.c.token.in_(chunk)
            )
        )
        yield from ((row[0], row[1]) for row in rows)


def _write(
    session: Session,
    table: Table,
    rows: Sequence[dict[str, Any]],
    known: set[tuple[str, int]],
) -> None:
    names = [column.name for column in table.primary_key.columns]
    empty, new, moved = [], [], []
    for row in rows:
        is_known = (row["block"], row["token"]) in known
        key = {f"at_{name}": row[name] for name in names}
        if len(row["ids"]) == 1:  # nobody is left
            if is_known:
                empty.append(key)
        elif is_known:
            moved.append({**key, "at_ids": row["ids"]})
        else:
            new.append({name: row[name] for name in (*names, "ids")})
    where = [table.c[name] == bindparam(f"at_{name}") for name in names]
    connection = session.connection()
    on_server = connection.dialect.name == "postgresql"
    if empty:
        connection.execute(delete(table).where(*where), empty)
    if moved and on_server:
        _at_once(session, _UPDATE, table, names, moved)
    elif moved:
        connection.execute(update(table).where(*where).values(ids=bindparam("at_ids")), moved)
    if new and on_server:
        _at_once(session, _INSERT, table, names, new)
    elif new:
        connection.execute(insert(table), new)


_INSERT = "INSERT INTO {table} ({names}, ids) SELECT * FROM unnest({arrays})"
_UPDATE = (
    "UPDATE {table} SET ids = given.ids FROM unnest({arrays}) AS given ({names}, ids) WHERE {same}"
)


def _at_once(
    session: Session, how: str, table: Table, names: Sequence[str], rows: Sequence[dict[str, Any]]
) -> None:
    """Many rows of PostgreSQL in one statement: one for each would cost a journey each."""
    kinds = {"block": "text", "token": "bigint", "ids": "bytea"}
    columns = [*names, "ids"]
    statement = how.format(
        arrays=", ".join(f"CAST(:{name} AS {kinds[name]}[])" for name in columns),
        names=", ".join(names),
        same=" AND ".join(f"{table.name}.{name} = given.{name}" for name in names),
        table=table.name,
    )
    prefix = "" if how == _INSERT else "at_"
    session.execute(text(statement), {n: [row[f"{prefix}{n}"] for row in rows] for n in columns})


# -- reading ---------------------------------------------------------------------------------------


def blocks(session: Session, table: str, after: str | None = None) -> list[tuple[str, bytes]]:
    """(block, its items) in order of identifiers, without groups that lie before ``after``."""
    target = _TABLES[table]
    rows = [(row[0], row[1]) for row in session.execute(select(target.c.block, target.c.ids))]
    if after is not None:
        rows = [row for row in rows if group_of(row[0]) >= after[: len(group_of(row[0]))]]
    return sorted(rows, key=lambda row: (group_of(row[0]), row[0]))


def page(
    known: Sequence[tuple[str, bytes]], after: str | None, limit: int | None, offset: int
) -> list[str]:
    """Items behind ``after`` without the first ``offset``, at most ``limit``."""
    ids = _behind(known, after, offset)
    return list(ids if limit is None else islice(ids, limit))


def _behind(known: Sequence[tuple[str, bytes]], after: str | None, offset: int) -> Iterator[str]:
    for group in _groups(known):
        held = sum(count(data) for _, data in group)
        if offset >= held and (after is None or group_of(group[0][0]) > after):
            offset -= held
            continue
        for item in _in_order([(block, unpack(data)) for block, data in group], after):
            if offset:
                offset -= 1
            else:
                yield item


def _in_order(group: Sequence[tuple[str, Iterator[int]]], after: str | None) -> Iterator[str]:
    """Items of one group behind ``after``, in order of identifiers."""
    ids: Iterator[str]
    if len(group) == 1:
        block, numbers = group[0]
        if after is not None and block_of(after)[0] == block:
            least = block_of(after)[1]
            numbers = (n for n in numbers if n > least)
            after = None
        ids = map(partial(item_in, block), numbers)
    else:
        ids = iter(sorted(item_in(block, n) for block, numbers in group for n in numbers))
    return ids if after is None else (item for item in ids if item > after)


def skipped(known: Sequence[tuple[str, bytes]], after: str | None, offset: int) -> str | None:
    """The item at ``offset`` behind ``after``, or None where there are not so many."""
    return next(iter(page(known, after, 1, offset)), None)


def known_of(session: Session, items: Iterable[str]) -> list[str]:
    """Those of these items that are described, told by their blocks."""
    wanted, table = by_block(items), _TABLES["index_block"]
    found: list[str] = []
    for chunk in _chunks(sorted(wanted)):
        query = select(table.c.block, table.c.ids).where(table.c.block.in_(chunk))
        for block, data in session.execute(query):
            held = bits_of(data)
            found += [item_in(block, n) for n in wanted[block] if held >> n & 1]
    return found


class Looked:
    """Items that may meet all of some clauses, in order of identifiers, read as they are asked."""

    def __init__(
        self, session: Session, clauses: Sequence[Clause], after: str | None = None
    ) -> None:
        self._session = session
        self._clauses = clauses
        self._after = after

    def __iter__(self) -> Iterator[str]:
        known = blocks(self._session, "index_block", self._after)
        groups = list(_groups(known))
        rare = self._rare([block for block, _ in known])
        at, size = 0, 1
        while at < len(groups):
            some = [each for group in groups[at : at + size] for each in group]
            if self._clauses:
                left = self._left([block for block, _ in some], rare)
            else:
                left = {block: bits_of(data) for block, data in some}
            for group in _groups(some):
                yield from _in_order(
                    [(block, positions(left.get(block, 0))) for block, _ in group], self._after
                )
            at, size = at + size, min(size * 2, 256)

    def _rare(self, known: Sequence[str]) -> list[list[tuple[list[int], list[int]]]]:
        """Each set of each clause as (its rarest tokens, the others), by a look at three blocks."""
        tokens = {token for clause in self._clauses for each in clause for token in each}
        weight = dict.fromkeys(tokens, 0)
        if max((len(each) for clause in self._clauses for each in clause), default=0) > _FIRST:
            some = {known[0], known[len(known) // 2], known[-1]} if known else set()
            for _, token, data in self._read(sorted(some), tokens):
                weight[token] += len(data)
        found = []
        for clause in self._clauses:
            sets = [sorted(each, key=lambda token: (weight[token], token)) for each in clause]
            found.append([(each[:_FIRST], each[_FIRST:_THEN]) for each in sets])
        return found

    def _left(
        self, chosen: Sequence[str], rare: list[list[tuple[list[int], list[int]]]]
    ) -> dict[str, int]:
        """By block the items with the rarest tokens; with all of them where many are left."""
        first = {token for clause in rare for few, _ in clause for token in few}
        held: dict[tuple[str, int], int] = {}
        for block, token, data in self._read(chosen, first):
            held[block, token] = bits_of(data)
        left = {block: _met(block, held, [[f for f, _ in c] for c in rare]) for block in chosen}
        crowded = [block for block in chosen if left[block].bit_count() > _CROWD]
        others = {
            token
            for clause in rare
            for few, more in clause
            if any(_met(block, held, [[few]]) for block in crowded)
            for token in more
        }
        if crowded and others:
            for block, token, data in self._read(crowded, others):
                held[block, token] = bits_of(data)
            whole = [[f + more for f, more in clause] for clause in rare]
            left |= {block: _met(block, held, whole) for block in crowded}
        return left

    def _read(
        self, chosen: Sequence[str], tokens: Iterable[int]
    ) -> Iterator[tuple[str, int, bytes]]:
        table = _TABLES["index_posting"]
        for some in _chunks(sorted(tokens)):
            query = select(table.c.block, table.c.token, table.c.ids).where(
                table.c.block.in_(list(chosen)), table.c.token.in_(some)
            )
            yield from (tuple(row) for row in self._session.execute(query))


def _met(block: str, held: Mapping[tuple[str, int], int], clauses: list[list[list[int]]]) -> int:
    left = -1
    for clause in clauses:
        any_of = 0
        for tokens in clause:
            each = -1
            for token in tokens:
                each &= held.get((block, token), 0)
                if not each:
                    break
            any_of |= each
        left &= any_of
        if not left:
            return 0
    return left


def _groups(known: Sequence[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    group: list[tuple[str, bytes]] = []
    for each in known:
        if group and group_of(group[0][0]) != group_of(each[0]):
            yield group
            group = []
        group.append(each)
    if group:
        yield group


def _chunks(values: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), _MANY):
        yield list(values[start : start + _MANY])
