"""Copying a vault's two roots to another place, object by object, each compared.

Nothing depends on listing: payloads are those that entries name, found by walking the log, and the
files of the log follow from its sizes. What a listing shows besides (trust documents, countersigned
and stamped states, other logs) is copied, too. Payloads are compared with the digests in the
entries, everything else byte for byte; both are read back from the new place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from evidence_vault.core.event import peek
from evidence_vault.core.placement import Placed
from evidence_vault.core.tiles import TILE_WIDTH, new_tiles
from evidence_vault.errors import AlreadyExists, LogInconsistent, NotFound, StoreError
from evidence_vault.log.journal import MoveJournal
from evidence_vault.log.logstore import LogStore
from evidence_vault.ports import ObjectStore
from evidence_vault.store.naming import object_key
from evidence_vault.store.opening import Store, as_locking
from evidence_vault.vault.faults import step
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.removing import removed_entries

Progress = Callable[[int, int], None]
ROOTS = ("archive", "control")

_BATCH_OBJECTS = 256
_BATCH_BYTES = 256 * 1024 * 1024
_BATCH_FILES = 64
_BLOCK = 1024 * 1024
_THREADS = 8


class Copier:
    """From ``old`` to ``new``, two views of one vault; what is done stands in the journal."""

    def __init__(
        self, old: Vault, new: Vault, journal: MoveJournal, progress: Progress | None = None
    ) -> None:
        self._old = old
        self._new = new
        self._journal = journal
        self._progress = progress
        self._walked: dict[int, int] = {}  # log → start of the first commit not walked yet

    def objects(self) -> None:
        """Payloads of all entries committed since the last call. Raises StoreError."""
        batch: list[str] = []
        for digests in self._named():
            batch += self._journal.without_known(digests)
            while len(batch) >= _BATCH_OBJECTS:
                self._copy_objects(batch[:_BATCH_OBJECTS])
                batch = self._journal.without_known(batch[_BATCH_OBJECTS:])
        if batch:
            self._copy_objects(self._journal.without_known(batch))

    def files(self) -> None:
        """Everything but payloads, as it is now; what changed since it was copied comes again."""
        for root in ROOTS:
            known = self._journal.files(root)
            batch: list[str] = []
            for key in _in_order(self._keys(root, known)):
                batch.append(key)
                if len(batch) >= _BATCH_FILES:
                    self._copy_files(root, batch, known)
                    batch = []
            self._copy_files(root, batch, known)

    def forget_removed(self) -> list[str]:
        """Take away again what the old place gave up since it was copied (hand-overs).

        Returns what the new place holds on to.
        """
        kept: list[str] = []
        for number in range(self._old.config.log + 1):
            for digest in self._removed(number):
                if _is_there(self._old.archive, object_key(digest)):
                    continue
                with suppress(NotFound):
                    try:
                        self._new.archive.delete(object_key(digest))
                    except StoreError as error:
                        if isinstance(error, NotFound):
                            raise
                        kept.append(f"{digest} ({error.message})")
                self._journal.forget_object(digest)
                self._journal.set_missing(digest, None)
        return kept

    # -- what there is -------------------------------------------------------------------------

    def _named(self) -> Iterator[list[str]]:
        """Digests of payloads, commit by commit, from where the last walk ended."""
        for number in range(self._old.config.log + 1):
            log = self._old.log_number(number)
            removed = removed_entries(self._old, number)
            for commit in log.commits(self._walked.get(number, 0)):
                yield [
                    digest
                    for index, committed in enumerate(log.contents(commit), commit.start)
                    if index not in removed
                    for digest in _payloads(committed.entry)
                ]
                self._walked[number] = commit.end

    def _removed(self, number: int) -> Iterator[str]:
        log = self._old.log_number(number)
        for index in sorted(removed_entries(self._old, number)):
            start = self._old.catalogue.entry(index, number).commit_start
            entry = log.contents(log.commit(start))[index - start].entry
            yield from _payloads(entry)

    def _keys(self, root: str, known: dict[str, str]) -> Iterator[str]:
        """What must be there, what is listed, what was copied before: each once."""
        seen: set[str] = set()
        # Copies of headers under the lock of a whole archive could not be destroyed with the hold.
        own = ("objects/", "holds/") if self._new.archive.locks else ("objects/",)
        for number in range(self._old.config.log + 1):
            for key in _required(self._old, number, root):
                if key not in seen:
                    seen.add(key)
                    yield key
        for key in [*_store(self._old, root).keys(""), *known]:
            if key not in seen and not key.startswith(own):
                seen.add(key)
                yield key

    # -- payloads ------------------------------------------------------------------------------

    def _copy_objects(self, digests: list[str]) -> None:
        """Some payloads, in pieces of a bounded size on the local disk."""
        parts: list[tuple[str, str]] = []
        size = 0
        for digest in digests:
            staged = self._stage(digest)
            if staged is None:
                continue
            parts.append(staged[0])
            size += staged[1]
            if size >= _BATCH_BYTES:
                self._adopt(parts)
                parts, size = [], 0
        self._adopt(parts)

    def _stage(self, digest: str) -> tuple[tuple[str, str], int] | None:
        """Read one payload into the new place's spool; None, and named, where it is not right."""
        staged = self._new.archive.stage()
        size = 0
        try:
            with staged, self._old.open_object(digest) as stream:
                while piece := stream.read(_BLOCK):
                    size += staged.write(piece)
        except NotFound:
            self._journal.set_missing(digest, "it is not in the old place")
            return None
        if staged.close() != (digest,):
            staged.discard()
            self._journal.set_missing(digest, "its bytes have changed in the old place")
            return None
        self._journal.set_missing(digest, None)
        return staged.handle()[0], size

    def _adopt(self, parts: list[tuple[str, str]]) -> None:
        if not parts:
            return
        placed = self._new.archive.adopt(parts)
        self._new.archive.flush()
        step("moving-adopted")
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(self._demand_same, placed))
        self._journal.add_objects(placed)
        step("moving-objects")
        if self._progress is not None:
            objects, size, _ = self._journal.counts()
            self._progress(objects, size)

    def _demand_same(self, placed: Placed) -> None:
        """Raises StoreError (E-READ-BACK) unless the new place gives back these very bytes."""
        archive, key = self._new.archive, object_key(placed.digest)
        found = hashlib.sha256()
        stream = (
            as_locking(archive).open_version(key, placed.version)
            if placed.version is not None
            else archive.open(key)
        )
        with stream:
            while piece := stream.read(_BLOCK):
                found.update(piece)
        if found.hexdigest() != placed.digest:
            raise StoreError(f"{key} was not stored as written", code="E-READ-BACK")

    # -- files ---------------------------------------------------------------------------------

    def _copy_files(self, root: str, keys: list[str], known: dict[str, str]) -> None:
        _store(self._new, root).spool.session_folder()  # made once, not by each thread
        with ThreadPoolExecutor(_THREADS) as pool:
            done = list(pool.map(lambda key: self._copy_file(root, key, known.get(key)), keys))
        _store(self._new, root).flush()
        copied = [(key, digest) for key, digest in zip(keys, done, strict=True) if digest]
        self._journal.add_files(root, [(k, d) for k, d in copied if known.get(k) != d])
        if copied:
            step("moving-files")

    def _copy_file(self, root: str, key: str, known: str | None) -> str | None:
        """SHA-256 of what lies in both places now; None where the old place has nothing."""
        if known is not None and not _may_change(root, key):
            return known
        old, new = _store(self._old, root), _store(self._new, root)
        try:
            data = _read(old, key)
        except NotFound:
            self._gone(root, key, known)
            return None
        digest = hashlib.sha256(data).hexdigest()
        if known == digest:
            return digest
        try:
            new.create(key, data, durable=False)
        except AlreadyExists:
            if _read(new, key) == data:
                return digest
            if not _may_change(root, key):
                raise LogInconsistent(
                    f"{key} lies in the new place with other bytes",
                    code="E-TARGET-DIFFERS",
                    hint="another vault uses that place: choose another one",
                ) from None
            new.replace(key, data)
        if _read(new, key) != data:
            raise StoreError(f"{key} was not stored as written", code="E-READ-BACK")
        return digest

    def _gone(self, root: str, key: str, known: str | None) -> None:
        """What the old place has not, or has no more: then the new one must not have it either."""
        if known is None:
            return
        with suppress(NotFound):
            _store(self._new, root).delete(key)
        self._journal.forget_file(root, key)

    def missing_files(self) -> list[str]:
        """Files that the log needs and the old place lacks."""
        lacking = []
        for root in ROOTS:
            there = self._journal.files(root)
            for number in range(self._old.config.log + 1):
                needed = _required(self._old, number, root)
                lacking += [f"{root}/{key}" for key in needed if key not in there]
        return lacking


def compare_logs(old: Vault, new: Vault) -> None:
    """Raises LogInconsistent unless every log is the same in both places: commits, checkpoint."""
    for number in range(old.config.log + 1):
        one, other = old.log_number(number), new.log_number(number)
        size, root = _end(one)
        if (size, root) != _end(other):
            raise LogInconsistent(
                f"the new place ends log {number} at other entries than the old one",
                code="E-TARGET-DIFFERS",
            )
        if one.checkpoint() != other.checkpoint():
            raise LogInconsistent(
                "the new place has another checkpoint than the old one", code="E-TARGET-DIFFERS"
            )
        stored = new.checkpoint(other)
        if stored is not None and new.tiles(stored, other).frontier().root() != (
            stored.checkpoint.root
        ):
            raise LogInconsistent("the new place's tiles lead elsewhere", code="E-TILE")


def count(vault: Vault) -> tuple[int, int]:
    """(payload objects that entries name, other files) of a vault, without reading payloads."""
    seen: set[str] = set()
    files = 0
    for number in range(vault.config.log + 1):
        log = vault.log_number(number)
        removed = removed_entries(vault, number)
        for commit in log.commits(0):
            for index, committed in enumerate(log.contents(commit), commit.start):
                if index not in removed:
                    seen.update(_payloads(committed.entry))
    for root in ROOTS:
        files += sum(1 for k in _store(vault, root).keys("") if not k.startswith("objects/"))
    return len(seen), files


def _required(vault: Vault, number: int, root: str) -> Iterator[str]:
    """Keys that follow from the log itself: its commits, tiles, bundles and packs."""
    log = vault.log_number(number)
    stored = vault.checkpoint(log) if log.checkpoint() is not None else None
    size = 0 if stored is None else stored.checkpoint.size
    for group in range(size // TILE_WIDTH):
        store, key = log.records(group)
        if store is _store(vault, root):
            yield key
        if root == "control" and not log.plaintext:
            yield log.headers_key(group)
    if root == "control":
        for commit in log.commits(0):
            yield log.commit_key(commit.start)
    elif stored is not None:
        for tile in new_tiles(0, size):
            yield log.tile_key(tile.path)
        yield log.evidence_key(size, "checkpoint")
        yield log.checkpoint_key()


def _end(log: LogStore) -> tuple[int, bytes]:
    size, root = 0, b""
    for commit in log.commits(0):
        size, root = commit.end, commit.root
    return size, root


def _payloads(entry: bytes) -> list[str]:
    return [
        str(digest)
        for unit in peek(entry)["units"]
        if unit["kind"] != "record"
        for digest in unit["objects"]
    ]


def _in_order(keys: Iterable[str]) -> list[str]:
    """A checkpoint after what it covers, as it was written."""
    return sorted(keys, key=lambda key: (key.endswith("/checkpoint"), key))


def _may_change(root: str, key: str) -> bool:
    """What is replaced in a living vault: control/ as a whole, and each log's newest checkpoint."""
    return root == "control" or (key.startswith("log") and key.endswith("/checkpoint"))


def _store(vault: Vault, root: str) -> Store:
    return vault.archive if root == "archive" else vault.control


def _read(store: ObjectStore, key: str) -> bytes:
    with store.open(key) as stream:
        return stream.read()


def _is_there(store: ObjectStore, key: str) -> bool:
    try:
        store.open(key).close()
    except NotFound:
        return False
    return True
