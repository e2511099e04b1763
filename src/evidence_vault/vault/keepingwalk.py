"""The log as a keeper reads it, from its first entry on."""

from __future__ import annotations

from dataclasses import dataclass, field

from evidence_vault.core.commit import Commit
from evidence_vault.core.entry0 import EntryZero, parse_entry0
from evidence_vault.core.event import Entry, parse_entry, peek
from evidence_vault.core.keystate import KEY_EVENTS
from evidence_vault.core.merkle import Frontier, leaf_hash
from evidence_vault.errors import FormatError


@dataclass
class Walk:
    """The entries of the log from its beginning, and what has to be known of them."""

    wanted: set[int]
    sizes: set[int]
    frontier: Frontier = field(default_factory=Frontier)
    entries: dict[int, bytes] = field(default_factory=dict)
    roots: dict[int, bytes] = field(default_factory=dict)
    keys: list[tuple[int, Entry]] = field(default_factory=list)
    zero: EntryZero | None = None

    def take(self, commit: Commit) -> None:
        """Raises FormatError unless the commit goes on from here and leads to the root it names."""
        if commit.start != self.frontier.size or commit.is_stub:
            raise FormatError("a commit is not the next one", code="E-UPDATE")
        for index, each in enumerate(commit.entries, commit.start):
            if index == 0:
                self.zero = parse_entry0(each.entry)
            elif _kind(each.entry) in KEY_EVENTS:
                self.keys.append((index, parse_entry(each.entry)))
            self.frontier.append(leaf_hash(each.entry))
            if index in self.wanted:
                self.entries[index] = each.entry
            if index + 1 in self.sizes:
                self.roots[index + 1] = self.frontier.root()
        if self.frontier.root() != commit.root:
            raise FormatError(
                f"the entries of commit {commit.start} lead to another root", code="E-UPDATE"
            )


def _kind(entry: bytes) -> str:
    try:
        return str(peek(entry).get("type"))
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError("an entry can't be read", code="E-UPDATE") from error
