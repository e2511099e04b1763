"""Entries and their records read by worker processes, some commits at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from evidence_vault.core import age
from evidence_vault.core.commit import Committed
from evidence_vault.core.event import Event, Unit, parse_entry
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.errors import EvidenceError, FormatError
from evidence_vault.log.logstore import LogStore
from evidence_vault.seal.units import unwrap
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.records import disclosed, header_of
from evidence_vault.vault.spreading import spread

_SPAN = 1024  # entries of a task, about; a few kilobytes each

Span = tuple[int, int]


@dataclass
class Entry:
    """One entry. ``values``: of its record; None where that can't be opened."""

    leaf: bytes
    event: Event
    values: dict[str, Any] | None


@dataclass
class Read:
    """One commit."""

    start: int
    root: bytes
    entries: list[Entry] = field(default_factory=list)


def read_commits(vault: Vault, log: LogStore, ends: Iterable[int]) -> Iterator[Read]:
    """Every commit that ends at one of ``ends`` (all ends of the log from its first on), in order.

    Raises what reading the store raises; an entry whose record is gone or damaged is given without
    values.
    """
    # Text, since keys once reckoned can't be sent; it passes through pipes to our own processes.
    secrets = tuple(map(str, vault.identities))
    read = functools.partial(read_span, log, secrets)
    for commits in spread(read, _spans(ends), (__name__,)):
        yield from commits


def _spans(ends: Iterable[int]) -> Iterator[Span]:
    start = end = 0
    for end in ends:
        if end - start >= _SPAN:
            yield start, end
            start = end
    if end > start:
        yield start, end


def read_span(log: LogStore, secrets: tuple[str, ...], span: Span) -> list[Read]:
    """The commits from the first to the last entry of ``span``."""
    found = []
    for commit in log.commits(span[0]):
        if commit.start >= span[1]:
            break
        entries = [_entry(committed, secrets) for committed in log.contents(commit)]
        found.append(Read(commit.start, commit.root, entries))
    return found


def _entry(committed: Committed, secrets: tuple[str, ...]) -> Entry:
    event = parse_entry(committed.entry).event
    values: dict[str, Any] | None
    try:
        told = disclosed(committed, event, _file_keys(committed, secrets))
        values = {name: each.value for name, each in told.items()}
    except (EvidenceError, FormatError):
        values = None
    return Entry(leaf_hash(committed.entry), event, values)


def _file_keys(committed: Committed, secrets: tuple[str, ...]) -> Callable[[Unit], bytes | None]:
    def find(unit: Unit) -> bytes | None:
        if unit.header is None:
            return None
        return unwrap(header_of(committed, unit), unit, _identities(secrets))

    return find


@functools.lru_cache(maxsize=1)
def _identities(secrets: tuple[str, ...]) -> Sequence[age.Identity]:
    return [age.parse_identity(text) for text in secrets]
