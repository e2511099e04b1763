"""Committed entries put into the catalogue, in one transaction a batch, in bulk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import bindparam, delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, SQLModel, col

from evidence_vault.core.fields import stricter
from evidence_vault.core.merkle import Frontier
from evidence_vault.core.placement import Placed
from evidence_vault.errors import VaultBusy
from evidence_vault.log.holdindex import HoldChange, apply_holds
from evidence_vault.log.postgres import is_passing
from evidence_vault.log.postings import by_block, enter, reposted
from evidence_vault.log.replicaindex import ReplicaChange, apply_replicas
from evidence_vault.log.tables import IndexCase, IndexItem, LogState

# Bulk work goes past the object mapper, straight to the tables.
_TABLES = SQLModel.metadata.tables
_TRIES = 3
_MOST = 600  # characters
_LOOKED_UP = frozenset(["accession", "name", "occurred_at", "source_code"])

_PATCHABLE = [
    "occurred_at",
    "place",
    "source_code",
    "collector_code",
    "language",
    "title",
    "description",
    "classification",
    "key_place",
    "key_title",
    "key_description",
]


@dataclass
class EntryRow:
    """What the catalogue learns from one entry.

    ``members``: (item id, home, item_seq) of each item the entry is about.
    """

    idx: int
    leaf: bytes
    commit_start: int
    type: str
    recorded_at: str
    members: Sequence[tuple[str, str, int]] = ()


@dataclass
class IndexRows:
    """Searchable values that a batch adds or changes.

    ``again``: (item, values, cases) of bytes that came again: they add, the stricter
    classification wins, and nothing that is known is replaced. ``objects``: what the object
    store answered; the newest answer counts. ``replicas``: what became of copies of the vault.
    ``relations``: (whether it stands, other item, relation, item), in order.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    cases: list[tuple[str, str]] = field(default_factory=list)
    arrivals: list[dict[str, str]] = field(default_factory=list)
    patches: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    again: list[tuple[str, dict[str, Any], list[str]]] = field(default_factory=list)
    objects: list[Placed] = field(default_factory=list)
    holds: list[HoldChange] = field(default_factory=list)
    replicas: list[ReplicaChange] = field(default_factory=list)
    relations: list[tuple[bool, str, str, str]] = field(default_factory=list)


class _HasSession(Protocol):
    log: int
    bare: bool

    def _session(self) -> AbstractContextManager[Session]: ...


class Applying:
    """The part of the catalogue that takes in what was committed.

    ``bare``: blocks and postings are left out, so that nothing can be searched.
    """

    log: int
    bare: bool = False

    def apply(
        self: _HasSession, rows: Sequence[EntryRow], frontier: Frontier, index: IndexRows
    ) -> None:
        """Record committed entries in one transaction; ``frontier`` is the state after them.

        What a server undid only because somebody else was quicker is done again.
        """
        for left in reversed(range(_TRIES)):
            try:
                with self._session() as session:
                    _apply_rows(session, self.log, rows, self.bare)
                    _apply_objects(session, index.objects)
                    apply_holds(session, self.log, index.holds)
                    apply_replicas(session, self.log, index.replicas)
                    touched = () if self.bare else _touched(index)
                    with reposted(session, touched):
                        _apply_index(session, index)
                    session.execute(
                        update(LogState)
                        .where(col(LogState.log) == self.log)
                        .values(size=frontier.size, frontier=b"".join(frontier.hashes))
                    )
                    session.commit()
                return
            except VaultBusy as error:
                cause = error.__cause__
                if not left or not isinstance(cause, DBAPIError) or not is_passing(cause):
                    raise


def put(session: Session, name: str, rows: Sequence[Mapping[str, Any]], keep: bool = False) -> None:
    """Insert rows into a table. Of two with one key the later counts, whole; with ``keep`` the
    earlier."""
    if not rows:
        return
    table = _TABLES[name]
    on_server = session.get_bind().dialect.name == "postgresql"
    statement = (postgresql if on_server else sqlite).insert(table)
    key = list(table.primary_key.columns)
    others = {c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key}
    if keep or not others:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    else:
        statement = statement.on_conflict_do_update(index_elements=key, set_=others)
    session.execute(statement, [dict(row) for row in rows])


def _apply_rows(session: Session, log: int, rows: Sequence[EntryRow], bare: bool) -> None:
    histories: list[dict[str, Any]] = []
    heads: dict[str, dict[str, Any]] = {}
    for row in rows:
        for item, home, seq in row.members:
            histories.append({"id": item, "log": log, "seq": seq, "idx": row.idx})
            first = heads.get(item, {}).get("first", (seq, row.idx))
            heads[item] = {"home": home, "seq": seq, "idx": row.idx, "first": first}
    session.execute(
        insert(_TABLES["log_entry"]),
        [
            {
                "log": log,
                "idx": r.idx,
                "leaf": r.leaf,
                "commit_start": r.commit_start,
                "type": r.type,
                "recorded_at": r.recorded_at,
            }
            for r in rows
        ],
    )
    # A log that contradicts itself must still be readable: the audit names it.
    put(session, "log_history", histories)
    new = _apply_heads(session, log, heads)
    if not bare:
        enter(session, "log_block", by_block(new))


def _apply_heads(session: Session, log: int, heads: dict[str, dict[str, Any]]) -> list[str]:
    """Returns the items that are new to the log."""
    new: list[dict[str, Any]] = []
    moved: list[dict[str, Any]] = []
    for item, head in heads.items():
        seq, idx = head["first"]
        if seq == 0:
            new.append(
                {
                    "id": item,
                    "log": log,
                    "home": head["home"],
                    "last_seq": head["seq"],
                    "last_idx": head["idx"],
                    "first_log": log,
                    "first_idx": idx,
                }
            )
        else:
            moved.append({"item": item, "seq": head["seq"], "idx": head["idx"]})
    put(session, "log_item", new)
    if moved:
        table = _TABLES["log_item"]
        session.connection().execute(
            update(table)
            .where(table.c.id == bindparam("item"), table.c.log == log)
            .values(last_seq=bindparam("seq"), last_idx=bindparam("idx")),
            moved,
        )
    return [row["id"] for row in new]


def _apply_objects(session: Session, objects: Sequence[Placed]) -> None:
    newest = {each.digest: each for each in objects if each.version is not None}
    put(
        session,
        "log_object",
        [
            {
                "sha256": each.digest,
                "version": each.version,
                "size": each.size,
                "mode": each.mode,
                "until": each.until,
                "etag": each.etag,
            }
            for each in newest.values()
        ],
    )


def _apply_index(session: Session, index: IndexRows) -> None:
    put(session, "index_item", [_cut(row) for row in index.items])
    put(session, "index_arrival", index.arrivals)
    _put_cases(session, index.cases)
    _apply_patches(session, index.patches)
    for item, values, cases in index.again:
        _apply_again(session, item, values, cases)
    _apply_relations(session, index.relations)


def _apply_relations(session: Session, relations: Sequence[tuple[bool, str, str, str]]) -> None:
    """Of several words on the same two items the last counts."""
    last = {(other, relation, item): on for on, other, relation, item in relations}
    table = _TABLES["index_relation"]
    for (other, relation, item), on in last.items():
        row = {"other": other[:_MOST], "relation": relation[:_MOST], "id": item}
        if on:
            put(session, "index_relation", [row], keep=True)
        else:
            session.execute(
                delete(table).where(*(table.c[name] == value for name, value in row.items()))
            )


def _touched(index: IndexRows) -> set[str]:
    """Every item whose searchable values may change."""
    return {
        *(row["id"] for row in index.items),
        *(item for _, item in index.cases),
        *(item for item, _ in index.patches),
        *(item for item, _, _ in index.again),
    }


def _cut(values: Mapping[str, Any]) -> dict[str, Any]:
    """As much as an index of PostgreSQL holds of what is looked up whole: 2.7 kB.

    What the vault takes in itself is shorter; what other vaults hand over may say anything.
    """
    return {
        name: value[:_MOST] if name in _LOOKED_UP and value is not None else value
        for name, value in values.items()
    }


def _apply_again(session: Session, item: str, values: dict[str, Any], cases: list[str]) -> None:
    row = session.get(IndexItem, item)
    if row is None:  # the searchable tables were dropped
        return
    values = _cut(values)
    for name in _PATCHABLE:
        if getattr(row, name) is None:
            setattr(row, name, values.get(name))
    row.classification = stricter(row.classification, values.get("classification"))
    session.flush()
    _put_cases(session, [(case, item) for case in cases])


def _put_cases(session: Session, cases: Sequence[tuple[str, str]]) -> None:
    rows = [{"case": case[:_MOST], "id": item} for case, item in cases]
    put(session, "index_case", rows, keep=True)


def _apply_patches(session: Session, patches: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Of several values for one column of one item the last counts."""
    merged: dict[str, dict[str, Any]] = {}
    for item, values in patches:
        merged.setdefault(item, {}).update(values)
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for item, values in merged.items():
        columns = {k: v for k, v in sorted(_cut(values).items()) if k in _PATCHABLE}
        if columns:
            alike.setdefault(tuple(columns), []).append({**columns, "item": item})
    table = _TABLES["index_item"]
    for names, rows in alike.items():
        session.connection().execute(
            update(table)
            .where(table.c.id == bindparam("item"))
            .values({name: bindparam(name) for name in names}),
            rows,
        )
    cases = {item: values["case"] for item, values in merged.items() if "case" in values}
    for item, named in cases.items():
        session.execute(delete(IndexCase).where(col(IndexCase.id) == item))
        _put_cases(session, [(case, item) for case in named or ()])
