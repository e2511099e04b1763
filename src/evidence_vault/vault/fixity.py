"""Fixity: what is stored, hashed again and compared with what the entries say."""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from evidence_vault import osfiles
from evidence_vault.core.commit import Committed
from evidence_vault.core.event import Unit, peek
from evidence_vault.errors import UsageError, VaultError
from evidence_vault.log.logstore import LogStore
from evidence_vault.prove.objects import ObjectCheck, ObjectFound, check_object
from evidence_vault.store.filesystem import object_key
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.writer import writing

Progress = Callable[[int, int], None]

_CHUNK = 64
_IN_FLIGHT = 8
_METHOD = "SHA-256 of stored objects, records and headers against the entries"

Checked = list[tuple[ObjectCheck, ObjectFound]]


def fixity(
    vault: Vault,
    *,
    all: bool = False,
    sample: int | None = None,
    items: list[str] | None = None,
    by: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Hash stored objects, records and headers again and compare them with the entries.

    Goes through the log in order, on all cores, with flat memory. One event ``fixity-checked``
    about all items looked at is committed afterwards. Exit 10 when anything is damaged.
    """
    chosen = _choose(vault, all, sample, items)
    round_ = _Round(vault, None if all else frozenset(chosen))
    with ThreadPoolExecutor(osfiles.usable_cores()) as pool:
        for checked in round_.results(pool):
            round_.count(checked)
            if progress is not None:
                progress(round_.objects, round_.bytes)
    homes = vault.catalogue.homes()
    event = None
    if chosen:
        with writing(vault) as writer:
            values = {
                "actor": by,
                "counts": {
                    "bytes": str(round_.bytes),
                    "damaged": len(round_.damaged),
                    "items": len(chosen),
                    "objects": str(round_.objects),
                },
                "findings": round_.damaged,
                "method": _METHOD,
            }
            writer.set_event("fixity-checked", [(item, homes[item]) for item in chosen], values)
            event = writer.commit()
            writer.checkpoint()
    return {
        "bytes": round_.bytes,
        "checked": len(chosen),
        "damaged": round_.damaged,
        "event": event,
        "exit": 10 if round_.damaged else 0,
        "objects": round_.objects,
    }


def _choose(vault: Vault, all_: bool, sample: int | None, items: list[str] | None) -> list[str]:
    known = vault.catalogue.item_ids()
    if items:
        missing = sorted(set(items) - set(known))
        if missing:
            raise UsageError(f"there is no item {missing[0]} in this vault", code="E-NO-ITEM")
        return sorted(set(items))
    if sample is not None:
        return sorted(random.SystemRandom().sample(known, min(sample, len(known))))
    if not all_:
        raise UsageError("say what to check: --all, --sample N or items")
    return known


@dataclass
class _Round:
    """One round over every log; ``items`` None means all."""

    vault: Vault
    items: frozenset[str] | None
    damaged: list[dict[str, str]] = field(default_factory=list)
    objects: int = 0
    bytes: int = 0

    def results(self, pool: ThreadPoolExecutor) -> Iterator[Checked]:
        """Objects checked in chunks, a bounded number of them in flight."""
        waiting: deque[Future[Checked]] = deque()
        for chunk in self._chunks():
            waiting.append(pool.submit(self._check, chunk))
            if len(waiting) >= _IN_FLIGHT:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def count(self, checked: Checked) -> None:
        for target, found in checked:
            self.objects += 1
            self.bytes += found.size
            if found.finding:
                self._damage(found.finding, target.item, target.digest)

    def _check(self, chunk: list[ObjectCheck]) -> Checked:
        return [(target, check_object(self.vault.archive, target)) for target in chunk]

    def _chunks(self) -> Iterator[list[ObjectCheck]]:
        chunk: list[ObjectCheck] = []
        for number in range(self.vault.config.log + 1):
            for target in self._targets(number):
                chunk.append(target)
                if len(chunk) == _CHUNK:
                    yield chunk
                    chunk = []
        if chunk:
            yield chunk

    def _targets(self, number: int) -> Iterator[ObjectCheck]:
        log = self.vault.log_number(number)
        for start, end in self.vault.catalogue.commit_starts(number):
            for offset, committed in enumerate(self._contents(log, start, end)):
                event = peek(committed.entry)
                item = str(event["subject"].get("id", f"entry {start + offset}"))
                if self.items is None or item in self.items:
                    yield from self._of_entry(item, event["units"], committed)

    def _contents(self, log: LogStore, start: int, end: int) -> list[Committed]:
        """The entries of a commit; when they can't be read, that is a finding and none follow."""
        try:
            return log.contents(log.commit(start))
        except VaultError as error:
            self._damage(error.message, f"entries {start} to {end - 1}", log.commit_key(start))
            return []

    def _of_entry(
        self, item: str, units: list[dict[str, Any]], committed: Committed
    ) -> Iterator[ObjectCheck]:
        for unit in map(Unit.from_json, units):
            header = committed.headers.get(unit.id)
            if unit.header is not None and header is None:
                self._damage("header missing", item, unit.id)
            elif header is not None and hashlib.sha256(header).hexdigest() != unit.header:
                self._damage("header changed", item, unit.id)
            if unit.kind == "record":
                if hashlib.sha256(committed.record).hexdigest() != unit.objects[0]:
                    self._damage("record changed", item, unit.id)
                continue
            for digest in unit.objects:
                yield ObjectCheck(item, digest, object_key(digest))

    def _damage(self, finding: str, item: str, what: str) -> None:
        self.damaged.append({"finding": finding, "id": item, "object": what})
