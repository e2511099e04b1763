"""From outcomes to events: decides new, again or already in; steps 2 to 6 of the write order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from evidence_vault.core.derivation import SHARE_COPY, Parent
from evidence_vault.vault.derivatives import record
from evidence_vault.vault.digesting import index_event
from evidence_vault.vault.faults import step
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.presence import Presence
from evidence_vault.vault.workers import Outcome
from evidence_vault.vault.writer import Writer, writing

_ACCESSION_FIELDS = ("received_at", "received_from", "received_via")


class Batch:
    """Collects outcomes; ``commit`` writes them under the lock in one go."""

    def __init__(
        self,
        vault: Vault,
        by: str | None,
        fields: dict[str, Any],
        presence: Presence,
        terms: str | None = None,
    ) -> None:
        self._vault = vault
        self._presence = presence
        self._by = by
        self._fields = fields
        self._deposit = terms
        self._waiting: list[_Waiting] = []
        self.accession: str | None = None
        self.taken_in: list[dict[str, Any]] = []
        self.again: list[dict[str, Any]] = []
        self.already_in = 0
        self.untold = 0  # of these, how many came with fields, which are not recorded again
        self.new_bytes = 0
        self.metadata: dict[str, int] = {}
        self.copies: dict[str, int] = {}
        self.without_copy: list[dict[str, str]] = []
        self.wrote = False

    def resume(self, path_keys: list[str], dry: bool) -> None:
        """Go on with the accession that a run which was ended left open (a field vault only)."""
        self.accession = self._presence.resume(path_keys, self._terms(), dry)

    def add(self, outcome: Outcome, fields: dict[str, Any], name: dict[str, str]) -> None:
        """Take note of a source that was read; nothing is written or looked up yet."""
        self._waiting.append((outcome, fields, name))

    def commit(self) -> None:
        """Steps 2 to 6 for everything added since the last time."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        # Most of what a re-run reads is in already: that needs no lock, and neither do payloads.
        known = _Known.of(self._vault, self._presence, waiting)
        waiting = self._without_known(waiting, known)
        if not waiting:
            return
        # 2. Payloads durable. A crash here leaves objects that no entry names.
        placed = self._vault.archive.adopt(self._parts(waiting, known))
        step("2-adopted")
        self._vault.archive.flush()
        step("2-durable")
        news: list[_News] = []
        opened = self.accession
        try:
            with writing(self._vault) as writer:
                writer.placed(placed)
                # Another process may have been faster.
                known = _Known.of(self._vault, self._presence, waiting)
                for outcome, fields, name in self._without_known(waiting, known):
                    self._prepare(writer, outcome, fields, name, known, news)
                self._presence.keep()
                if writer.pending:
                    writer.commit()
                    self.wrote = True
        except BaseException:  # Ctrl-C, too
            self.accession = opened  # one whose opening was not committed is never closed
            raise
        # 6. Acknowledged: only now does the result name them.
        for fresh, item, outcome, name in news:
            self._acknowledge(fresh, item, outcome, name)

    def note_dry(self) -> None:
        """What ``commit`` would do, in a dry run: nothing is written."""
        waiting, self._waiting = self._waiting, []
        known = _Known.of(self._vault, self._presence, waiting)
        for outcome, _, name in self._without_known(waiting, known):
            assert outcome.taken is not None
            digest = outcome.taken.sha256
            item = known.items.get(digest)
            if item is not None and self._presence.links:
                self.again.append({"id": item, "name": name["display"]})
                continue
            known.items[digest] = ""
            self.new_bytes += outcome.taken.size
            self.taken_in.append(_row("", outcome, name))

    def close_accession(self, outcome: str, refused: list[dict[str, Any]]) -> None:
        """Say how the accession ended: what came in, what did not and why."""
        if self.accession is None or self._presence.stays_open(outcome):
            return
        with writing(self._vault) as writer:
            writer.plain_event(
                "accession-closed",
                {"id": self.accession, "kind": "accession"},
                {
                    "actor": self._by,
                    "outcome": outcome,
                    "refused": [{"code": r["code"], "name": r["name"]} for r in refused],
                    "taken_in": {
                        "already_in": self.already_in,
                        "new": len(self.taken_in),
                        "received_again": len(self.again),
                    },
                },
            )
            writer.commit()
            self.wrote = True
        self._presence.closed()

    # -- inside --------------------------------------------------------------------------------

    def _prepare(
        self,
        writer: Writer,
        outcome: Outcome,
        fields: dict[str, Any],
        name: dict[str, str],
        known: _Known,
        news: list[_News],
    ) -> None:
        taken = outcome.taken
        assert taken is not None
        self._open_accession(writer)
        values = {
            **fields,
            "accession": self.accession,
            "actor": self._by,
            "source_path": name,
            "source_times": outcome.source.times(),
        }
        there = known.items.get(taken.sha256)
        record_key = taken.record if taken.objects else None  # none was made where none is kept
        if there is not None and self._presence.links:
            outcome.discard()
            home = self._vault.catalogue.home(there)
            writer.item_event(
                "received-again", there, values, record=record_key, home=home and home[0]
            )
            index_event("received-again", there, writer.recorded_at, values, writer.index)
            self._record_foreign(writer, there, outcome, home and home[0])
            self._arrival(writer, outcome, there)
            news.append((False, there, outcome, name))
            return
        item = writer.new_item()
        values.update(
            content_sha256=taken.sha256,
            content_sha512=taken.sha512,
            content_size=str(taken.size),
            format=taken.format,
            metadata=outcome.metadata,
        )
        units = []
        if taken.objects:
            outcome.adopt_late(writer.adopt)
            units.append((taken.content, taken.content.unit("content", taken.objects)))
        sealed = outcome.sealed_metadata
        if sealed is not None:
            outcome.adopt_late(writer.adopt)
            units.append((sealed.unit, sealed.unit.unit("metadata", sealed.objects)))
        leaf = writer.item_event("ingested", item, values, units, record_key)
        self._presence.note(outcome.path_keys, taken.sha256, item, leaf)
        self._derive(writer, item, outcome)
        self._record_foreign(writer, item, outcome, None)
        index_event("ingested", item, writer.recorded_at, values, writer.index, outcome.summary)
        self._arrival(writer, outcome, item)
        known.items[taken.sha256] = item
        news.append((True, item, outcome, name))

    def _parts(self, waiting: list[_Waiting], known: _Known) -> list[tuple[str, str]]:
        """What is to be stored: not the bytes of what is in, nor those of a second such file."""
        there = set(known.items) if self._presence.links else set()
        parts: list[tuple[str, str]] = []
        for outcome, _, _ in waiting:
            assert outcome.taken is not None
            if outcome.taken.sha256 in there:
                continue
            if self._presence.links:
                there.add(outcome.taken.sha256)
            outcome.adopt_late(parts.extend)
        return parts

    def _derive(self, writer: Writer, item: str, outcome: Outcome) -> None:
        """The share copy that was asked for, or why there is none, right behind the arrival."""
        if outcome.copy is None:
            return
        commitments = writer.commitments
        digests = str(commitments["content_sha256"]), str(commitments["content_sha512"])
        parent = Parent(self._vault.keyring.origin, item, 0, *digests)
        record(writer, parent, SHARE_COPY, outcome.copy.report, outcome.copy.sealed, self._by)

    def _record_foreign(
        self, writer: Writer, item: str, outcome: Outcome, home: str | None
    ) -> None:
        """What another log told of it, behind the arrival: in the same commit or not at all."""
        if outcome.foreign is not None:
            values = {**outcome.foreign, "actor": self._by}
            writer.item_event("foreign-custody-recorded", item, values, home=home)

    def _open_accession(self, writer: Writer) -> None:
        if self.accession is not None:
            return
        number = self._vault.catalogue.count_type("accession-opened") + 1
        self.accession = f"{self._vault.keyring.prefix}-A{number:05d}"
        self._presence.opened(self.accession, self._terms())
        values = {name: self._fields.get(name) for name in _ACCESSION_FIELDS}
        writer.plain_event(
            "accession-opened",
            {"id": self.accession, "kind": "accession"},
            {**values, "actor": self._by, "terms": self._deposit},
        )

    def _terms(self) -> list[Any]:
        """By whom, from whom, when and how: what makes one accession of several runs."""
        deposit = [] if self._deposit is None else [self._deposit]
        return [self._by, *(self._fields.get(name) for name in _ACCESSION_FIELDS), *deposit]

    def _without_known(self, waiting: list[_Waiting], known: _Known) -> list[_Waiting]:
        """Those that did not come by their very path with their very bytes before."""
        rest: list[_Waiting] = []
        for outcome, fields, name in waiting:
            assert outcome.taken is not None
            keys, digest = outcome.path_keys, outcome.taken.sha256
            item = self._presence.came_by(known.arrivals, keys, digest)
            if item is not None:
                self.already_in += 1
                self.untold += self._presence.differs(item, fields)
                outcome.discard()
            else:
                rest.append((outcome, fields, name))
        return rest

    def _arrival(self, writer: Writer, outcome: Outcome, item: str) -> None:
        assert outcome.taken is not None
        writer.index.arrivals.append(
            {"path_key": outcome.path_keys[0], "sha256": outcome.taken.sha256, "id": item}
        )

    def _acknowledge(self, fresh: bool, item: str, outcome: Outcome, name: dict[str, str]) -> None:
        assert outcome.taken is not None
        if not fresh:
            self.again.append({"id": item, "name": name["display"]})
            return
        self.new_bytes += outcome.taken.size
        status = outcome.metadata.get("status", "no-reader")
        self.metadata[status] = self.metadata.get(status, 0) + 1
        self.taken_in.append(_row(item, outcome, name))
        if outcome.copy is not None:
            came = str(outcome.copy.report["outcome"])
            self.copies[came] = self.copies.get(came, 0) + 1
            if outcome.copy.sealed is None:
                row = {"id": item, "name": name["display"], "outcome": came}
                self.without_copy.append({**row, "reason": outcome.copy.why})


_Waiting = tuple[Outcome, dict[str, Any], dict[str, str]]
_News = tuple[bool, str, Outcome, dict[str, str]]


@dataclass
class _Known:
    """What the catalogue knows of a group of sources, asked for in one go.

    ``arrivals``: item by (path key, SHA-256); ``items``: item by SHA-256, added to as a batch
    grows; only items whose original is there.
    """

    arrivals: dict[tuple[str, str], str]
    items: dict[str, str]

    @staticmethod
    def of(vault: Vault, presence: Presence, waiting: list[_Waiting]) -> _Known:
        outcomes = [outcome for outcome, _, _ in waiting]
        keys = [key for outcome in outcomes for key in outcome.path_keys]
        digests = [outcome.taken.sha256 for outcome in outcomes if outcome.taken is not None]
        items = {}
        for digest, candidates in presence.by_digests(digests).items():
            there = next((item for item in candidates if presence.holds(item, digest)), None)
            if there is not None:
                items[digest] = there
        return _Known(dict(presence.arrivals(keys)), items)


def _row(item: str, outcome: Outcome, name: dict[str, str]) -> dict[str, Any]:
    assert outcome.taken is not None
    return {
        "format": outcome.taken.format["mime"],
        "id": item,
        "name": name["display"],
        "sha256": outcome.taken.sha256,
        "size": outcome.taken.size,
    }
