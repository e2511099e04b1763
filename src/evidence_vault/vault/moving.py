"""Moving a vault: between folder and S3, SQLite and PostgreSQL, in every direction.

1. the new place is tried and must be empty; ``moving.json`` says from where to where
2. payloads and files are copied while others may go on writing (movingcopy.py)
3. under the writer lock: what came meanwhile is copied, the logs are compared, the catalogue is
   copied row by row
4. the old place is left: ``moving.json`` says so, and its record of what was signed is put ahead of
   its log, so that no machine signs there any more
5. ``vault.toml`` names the new place
6. ``stored`` (what the new store answered) and ``migrated`` committed there, a checkpoint signed
7. the old place's record is put ahead of its log for good; the record of the move is removed

A crash in 1 to 3 leaves the vault as it was, and a place half filled; in 4 to 7 a vault that nobody
writes into. The same command goes on from there. The old place is never deleted.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from evidence_vault import osfiles
from evidence_vault.config import FILE, format_config, is_url
from evidence_vault.core.merkle import Frontier
from evidence_vault.core.placement import Placed
from evidence_vault.errors import LogInconsistent
from evidence_vault.log.catalogue import Catalogue
from evidence_vault.log.copying import copy_catalogue, count_rows
from evidence_vault.log.journal import MoveJournal
from evidence_vault.log.sequencer import Sequencer
from evidence_vault.log.writerlock import server_lock
from evidence_vault.vault.digesting import digest_committed
from evidence_vault.vault.faults import step
from evidence_vault.vault.movingcopy import Copier, Progress, compare_logs, count
from evidence_vault.vault.movingplan import (
    MoveRequest,
    demand_movable,
    demand_not_kept,
    plan_move,
    try_target,
)
from evidence_vault.vault.movingstate import (
    JOURNAL,
    Moving,
    read_moving,
    remove_moving,
    write_moving,
)
from evidence_vault.vault.newplaces import (
    place_notices,
    place_of,
)
from evidence_vault.vault.opening import Vault, open_vault
from evidence_vault.vault.pins import MOVED, Pin, outside_path, read_pins, write_inside
from evidence_vault.vault.standing import demand_may_sign, root_at
from evidence_vault.vault.writer import Writer

_NAMED = 20
_STORED = 1000  # payloads told in one ``stored`` event


def migrate(
    folder: Path,
    passphrase: Callable[[], str],
    request: MoveRequest,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Move the vault in ``folder``; called again after any death, it goes on where it was.

    Raises UsageError for a place that is not empty, LogInconsistent for a vault that may not sign.
    What the old place lacks is named, with exit 10; everything else is moved.
    """
    with open_vault(folder, passphrase) as here:
        begun = read_moving(here.folder)
        moving = plan_move(here, request, begun)
        with here.at(moving.source) as old, here.at(moving.target) as new:
            demand_movable(old, moving)
            if not moving.left:
                demand_not_kept(old, moving)
            if begun is None:
                try_target(old, moving, request.dry_run)
            if request.dry_run:
                return _dry(old, moving)
            write_moving(old.folder, moving)
            step("moving-begun")
            move = _Move(old, new, moving, request, progress)
            try:
                return move.run(resumed=begun is not None)
            finally:
                move.close()


class _Move:
    """One run of it."""

    def __init__(
        self,
        old: Vault,
        new: Vault,
        moving: Moving,
        request: MoveRequest,
        progress: Progress | None,
    ) -> None:
        self._old, self._new = old, new
        self._moving = moving
        self._request = request
        self._progress = progress
        self._journal = MoveJournal(old.folder / JOURNAL)
        self._stores = moving.source.archive != moving.target.archive
        self._notices: list[str] = []

    def close(self) -> None:
        self._journal.close()

    def run(self, resumed: bool) -> dict[str, Any]:
        copier = Copier(self._old, self._new, self._journal, self._progress)
        if self._stores and not self._moving.left:
            copier.objects()  # 2.
            copier.files()
        with _both_locked(self._old, self._new):
            if not self._moving.left:
                self._complete(copier)  # 3.
            self._demand_ours()
            self._leave()  # 4.
            _switch(self._new)  # 5.
            step("moving-switched")
            event = self._record()  # 6.
            self._end()  # 7.
        return self._result(event, resumed)

    # -- 3. what came meanwhile ----------------------------------------------------------------

    def _complete(self, copier: Copier) -> None:
        old, new = self._old, self._new
        frontier = _caught_up(old)
        demand_may_sign(old, frontier)
        demand_not_kept(old, self._moving)  # placed meanwhile
        if self._stores:
            copier.objects()
            copier.files()
            self._notices += [
                f"the new place holds on to what was handed over meanwhile: {each}"
                for each in copier.forget_removed()
            ]
            for name in copier.missing_files():
                self._journal.set_missing(name, "it is not in the old place")
        step("moving-copied")
        compare_logs(old, new)
        if self._moving.source.catalogue != self._moving.target.catalogue:
            fresh = Catalogue.fresh(new.place)
            copy_catalogue(old.catalogue, fresh)
            fresh.take_place(new.place)
            step("moving-catalogue")
        old.demand_held()
        self._moving = replace(
            self._moving, left=True, size=frontier.size, root=frontier.root().hex()
        )
        write_moving(old.folder, self._moving)
        step("moving-left")

    # -- 4. leaving ----------------------------------------------------------------------------

    def _reserved(self) -> Pin:
        """What the old place is told was signed: a state after its last, which it can't have."""
        digest = hashlib.sha256(self._old.keyring_bytes()).hexdigest()
        return Pin(self._old.keyring.origin, self._moving.size + 1, MOVED, digest)

    def _demand_ours(self) -> None:
        """Raises LogInconsistent where the record of the move is not of this very vault.

        Somebody could have written it beside an old copy. All that was signed must be in the log
        of the new place, or be what the move itself has left.
        """
        frontier = _caught_up(self._new)
        size, root = self._moving.size, bytes.fromhex(self._moving.root)
        reserved = self._reserved()
        inside, outside = read_pins(self._old, self._old.keyring)
        fresh, _ = read_pins(self._new, self._new.keyring)
        known = [pin for pin in (inside, outside, fresh) if pin not in (None, reserved)]
        absent = inside is None or (
            outside is None and outside_path(self._old.keyring.origin) is not None
        )
        good = not absent and frontier.size >= size
        good = good and root_at(self._new, size, frontier) == root
        for pin in known:
            assert pin is not None
            if pin.root == MOVED:  # of a move that has ended: all that was signed there is here
                good = good and pin.size <= frontier.size + 1
                continue
            named = (pin.keyring, pin.next_keyring)
            good = good and reserved.keyring in named and pin.size <= frontier.size
            good = good and root_at(self._new, pin.size, frontier) == pin.root
        if not good:
            raise LogInconsistent(
                "the record of the move does not belong to what this vault has signed",
                code="E-ROLLED-BACK",
                hint="this may be an old copy: put the newest copy of the vault's folder back",
            )

    def _leave(self) -> None:
        """Unless the new place has signed: its record may lie where the old one's does."""
        fresh, _ = read_pins(self._new, self._new.keyring)
        if fresh is not None and fresh.size > self._moving.size and fresh.root != MOVED:
            return
        write_inside(self._old, self._reserved(), self._old.keyring)
        step("moving-reserved")

    # -- 6. and 7. in the new place ------------------------------------------------------------

    def _record(self) -> int:
        """Commit what the new store answered and that the vault was moved; sign."""
        new = self._new
        sequencer = Sequencer(new.log, new.catalogue, step)
        sequencer.catch_up(lambda *a: digest_committed(new, *a))
        writer = Writer(new, sequencer)
        for part in self._unrecorded():
            writer.placed(part)
            writer.commit()
            step("moving-stored")
        told = [i for i in new.catalogue.indexes_of(["migrated"]) if i >= self._moving.size]
        event = told[-1] if told else None
        if event is None:
            writer.vault_event("migrated", self._values())
            event = writer.commit()
            step("moving-recorded")
        writer.checkpoint()
        step("moving-signed")
        return event

    def _unrecorded(self) -> Iterator[list[Placed]]:
        """Payloads whose version the catalogue does not know, a batch of one event at a time."""
        batch: list[Placed] = []
        for part in self._journal.objects():
            known = self._new.catalogue.placed([each.digest for each in part])
            for each in part:
                there = known.get(each.digest)
                if each.version is not None and (there is None or there.version != each.version):
                    batch.append(each)
            while len(batch) >= _STORED:
                yield batch[:_STORED]
                batch = batch[_STORED:]
        if batch:
            yield batch

    def _values(self) -> dict[str, Any]:
        objects, size, files = self._journal.counts()
        return {
            "actor": self._request.by,
            "counts": {
                "bytes": str(size),
                "entries": str(self._moving.size),
                "files": str(files),
                "missing": str(len(self._journal.missing())),
                "objects": str(objects),
            },
            "moved_from": self._moving.source.told(),
            "moved_to": self._moving.target.told(),
            "purpose": self._request.purpose,
        }

    def _end(self) -> None:
        """The old place learns that more was signed than it holds; the move is over.

        Between two files of one folder there is one record, and that is the new place's now.
        """
        if self._old.place != self._new.place and (self._old.shared or self._new.shared):
            signed, _ = read_pins(self._new, self._new.keyring)
            if signed is not None:  # a state after the last again: it stays silent for good
                mark = replace(signed, size=signed.size + 1, root=MOVED)
                write_inside(self._old, mark, self._old.keyring)
        step("moving-old-told")
        self._counts = self._journal.counts()
        self._missing = self._journal.missing()
        self._journal.remove()
        remove_moving(self._old.folder)

    def _result(self, event: int, resumed: bool) -> dict[str, Any]:
        objects, size, files = self._counts
        return {
            **_told(self._moving),
            "bytes": size,
            "dry_run": False,
            "entries": self._moving.size,
            "event": event,
            "exit": 10 if self._missing else 0,
            "files": files,
            "missing": [{"name": name, "why": why} for name, why in self._missing],
            "notices": [
                *self._notices,
                *_left_behind(self._old, self._moving),
                *place_notices(self._moving.target),
            ],
            "objects": objects,
            "resumed": resumed,
        }


# ---- pieces --------------------------------------------------------------------------------------


def _dry(old: Vault, moving: Moving) -> dict[str, Any]:
    objects, files = count(old) if moving.source.archive != moving.target.archive else (0, 0)
    rows = count_rows(old.catalogue) if moving.source.catalogue != moving.target.catalogue else 0
    return {
        **_told(moving),
        "bytes": None,
        "dry_run": True,
        "entries": old.catalogue.frontier().size,
        "event": None,
        "exit": 0,
        "files": files,
        "missing": [],
        "notices": [f"{rows} rows of the catalogue would be copied"] if rows else [],
        "objects": objects,
        "resumed": False,
    }


@contextmanager
def _both_locked(old: Vault, new: Vault) -> Iterator[None]:
    """The writer lock as whoever knows the old place takes it, and as whoever knows the new one."""
    with old.locked():
        if not new.shared or new.place == old.place:
            with new.held_by(old.held if new.shared else None):
                yield
            return
        told = f"process {os.getpid()} moving a vault"
        with server_lock(str(new.place), told, 60.0) as held, new.held_by(held):
            yield


def _caught_up(vault: Vault) -> Frontier:
    sequencer = Sequencer(vault.log, vault.catalogue, step)
    sequencer.catch_up(lambda *a: digest_committed(vault, *a))
    return sequencer.state()


def _switch(new: Vault) -> None:
    osfiles.replace_file(new.folder / FILE, format_config(new.config).encode())


def _told(moving: Moving) -> dict[str, Any]:
    return {"from": moving.source.told(), "to": moving.target.told()}


def _left_behind(old: Vault, moving: Moving) -> list[str]:
    source, target = moving.source, moving.target
    left = [
        place if is_url(place) else str(place_of(old.folder, place))
        for name, place in source.told().items()
        if target.told()[name] != place
    ]
    said = [
        "the old place was left as it is and does not sign any more: " + ", ".join(left) + "; when "
        "`evidence-vault fixity --all` and `evidence-vault log audit` find everything right here, "
        "it may be deleted (what Object Lock holds, after its date)"
    ]
    if source.catalogue != target.catalogue and not is_url(source.catalogue):
        said.append(
            f"{place_of(old.folder, source.catalogue)} holds searchable descriptions that are not "
            "encrypted: delete it when nothing is missing"
        )
    if is_url(source.catalogue):
        said.append(
            "every other machine that writes into this vault needs the new vault.toml; with the "
            "old one it refuses to sign"
        )
    return said
