"""Is it really in? Asked before bytes are passed over because the index knows them.

The index is a cache that anybody with the disk can edit, and objects can be lost. So what it says
is compared with the signed entry, and the stored original must be there with its header: only
then "in already" and "received again" are true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evidence_vault.core.commit import Committed
from evidence_vault.core.event import Unit, parse_entry
from evidence_vault.core.text import escape_for_display
from evidence_vault.errors import NotFound, VaultError
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.records import committed_at, open_record, unit_of


class Presence:
    """Answers for one run of ``ingest``; each item is looked at once.

    ``links``: whether bytes that are in are recognised, wherever they come from. What a field
    vault, which can't read, does in its place stands in resuming.py; both have the same methods.
    """

    links = True

    def __init__(self, vault: Vault, copies_suffice: bool = False) -> None:
        """``copies_suffice``: an item whose original was not kept is in if its copy is."""
        self._vault = vault
        self._copies_suffice = copies_suffice
        self._known: dict[tuple[str, str], bool] = {}
        self.notices: list[str] = []

    def holds(self, item: str, sha256: str) -> bool:
        """True when ``item`` was taken in with this SHA-256 (hex) and its original is there."""
        place = (item, sha256)
        if place not in self._known:
            problem = self._problem(item, sha256)
            self._known[place] = not problem
            if problem:
                self.notices.append(
                    f"{escape_for_display(item)} {problem}: the same bytes are taken in as a new "
                    "item; run `evidence-vault fixity` and `evidence-vault rebuild`"
                )
        return self._known[place]

    def came_by(
        self, arrivals: Mapping[tuple[str, str], str], path_keys: Iterable[str], sha256: str
    ) -> str | None:
        """The item for which these bytes came by one of these paths, if they are in.

        ``arrivals``: item by (path key, SHA-256), as the catalogue gives them.
        """
        items = {arrivals[key, sha256] for key in path_keys if (key, sha256) in arrivals}
        return next((item for item in sorted(items) if self.holds(item, sha256)), None)

    def arrivals(self, path_keys: Sequence[str]) -> Mapping[tuple[str, str], str]:
        """Item by (path key, SHA-256) of every known arrival by one of these paths."""
        return self._vault.catalogue.arrivals(path_keys)

    def by_digests(self, digests: Sequence[str]) -> Mapping[str, list[str]]:
        """Items by the SHA-256 (hex) of their originals, newest first, of those known."""
        return self._vault.catalogue.by_digests(digests)

    def resume(self, path_keys: Sequence[str], terms: Sequence[Any], dry: bool) -> str | None:
        """The accession that a run which was ended left open and this one goes on with."""
        return None

    def opened(self, accession: str, terms: Sequence[Any]) -> None:
        """An accession is about to be opened."""

    def note(self, path_keys: Sequence[str], sha256: str, item: str, leaf: bytes) -> None:
        """An entry that takes a source in is about to be committed."""

    def keep(self) -> None:
        """Make what was noted durable: the commit comes next."""

    def closed(self) -> None:
        """The accession was closed."""

    def end(self) -> None:
        """This run is over, whatever ended it."""

    def stays_open(self, outcome: str) -> bool:
        """Whether the accession is left open, for the next run to go on with."""
        return False

    def differs(self, item: str, fields: Mapping[str, Any]) -> bool:
        """True when fields given now say something that is not recorded for the item."""
        known = self._vault.catalogue.describe(item) or {}
        for name, value in fields.items():
            if name not in known or value is None:
                continue
            if name == "case":
                if not set(value) <= set(known[name]):
                    return True
            elif (value["value"] if isinstance(value, dict) else value) != known[name]:
                return True
        return False

    def _problem(self, item: str, sha256: str) -> str:
        """Why the item can't stand for these bytes; empty when it can."""
        found = self._vault.catalogue.home(item)
        if found is None:
            return "is in the index and not in the log"
        _, log, index = found
        try:
            committed = committed_at(self._vault, index, log)
            event = parse_entry(committed.entry).event
            values = open_record(self._vault, committed, event)
        except VaultError as error:
            return f"can't be read ({error.message})"
        stated = values.get("content_sha256")
        if event.subject.get("id") != item or stated is None or stated.value != sha256:
            return "was taken in with other bytes than the index says"
        unit = unit_of(event, "content")
        if unit is None and self._copies_suffice:
            committed, unit = self._copy_of(item, log)
        if unit is None or (unit.header is not None and unit.id not in committed.headers):
            return "can't be opened any more"
        if not all(self._is_stored(digest) for digest in unit.objects):
            return "has lost its stored original"
        return ""

    def _copy_of(self, item: str, log: int) -> tuple[Committed, Unit | None]:
        """The share copy that was made when the item was taken in: its second event."""
        indexes = self._vault.catalogue.history(item, log)
        committed = committed_at(self._vault, indexes[min(1, len(indexes) - 1)], log)
        event = parse_entry(committed.entry).event
        return committed, unit_of(event, "content") if event.type == "derived" else None

    def _is_stored(self, digest: str) -> bool:
        try:
            self._vault.open_object(digest).close()
        except NotFound:
            return False
        return True
