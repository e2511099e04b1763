"""How one item belongs to another: stated with ``linked``, taken back with ``unlinked``.

A relation is what somebody said, and is never checked against the content (docs/format-entry.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

LINKED, UNLINKED = "linked", "unlinked"

ATTACHMENT, TRANSLATION, TRANSCRIPT = "attachment-of", "translation-of", "transcript-of"
EXCERPT, REDACTED = "excerpt-of", "redacted-version-of"

#: In the order in which people are shown them: the item is … the other one.
RELATIONS = (
    ATTACHMENT,
    TRANSLATION,
    TRANSCRIPT,
    EXCERPT,
    REDACTED,
    "part-of",
    "duplicate-of",
    "related-to",
)

#: What is revealed of these events where both items leave together.
NAMING = frozenset(("other", "relation"))


@dataclass(frozen=True, slots=True)
class Relation:
    """``relation`` as in :data:`RELATIONS`; ``home`` and ``id`` name the other item."""

    relation: str
    home: str
    id: str

    def to_json(self) -> dict[str, str]:
        return {"home": self.home, "id": self.id, "relation": self.relation}


def other_of(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """(home, id) of the other item; None where it isn't told."""
    other = values.get("other")
    if not isinstance(other, Mapping) or set(other) != {"home", "id"}:
        return None
    return str(other["home"]), str(other["id"])


def standing(told: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Relation]:
    """The relations of one item that stand, oldest first.

    ``told``: (event type, values) of its events in order, other types are passed over. One whose
    relation or other item is withheld says nothing.
    """
    found: dict[Relation, None] = {}
    for kind, values in told:
        other, relation = other_of(values), values.get("relation")
        if kind not in (LINKED, UNLINKED) or other is None or not isinstance(relation, str):
            continue
        each = Relation(relation, *other)
        if kind == LINKED:
            found[each] = None
        else:
            found.pop(each, None)
    return list(found)
