"""One log in its two roots: where its commits, tiles, bundles, packs and checkpoint lie.

Log 0 of a vault lives under ``archive/log/`` and ``control/``; a log that succeeds it (``log
succeed``) under ``archive/log-1/`` and ``control/log-1/``, and so on. Nothing here is cached in a
database: this reader works on the two roots alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from evidence_vault.core.commit import Commit, Committed, commit_key, parse_commit
from evidence_vault.core.packs import headers_key, parse_header_pack, parse_sealed_pack, sealed_key
from evidence_vault.core.tiles import TILE_WIDTH, entries_path, parse_entry_bundle
from evidence_vault.errors import FormatError, LogInconsistent, NotFound
from evidence_vault.ports import ObjectStore


class LogStore:
    """Reads and names the objects of one log."""

    def __init__(
        self, archive: ObjectStore, control: ObjectStore, number: int = 0, plaintext: bool = False
    ) -> None:
        self.archive = archive
        self.control = control
        self.number = number
        self.plaintext = plaintext
        self.archive_prefix = "log/" if number == 0 else f"log-{number}/"
        self.control_prefix = "" if number == 0 else f"log-{number}/"
        self._group: tuple[int, list[Committed]] | None = None
        self._commit: Commit | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process it has read nothing yet."""
        return type(self), (self.archive, self.control, self.number, self.plaintext)

    def forget(self) -> None:
        """Read anew what was read before: headers were destroyed meanwhile."""
        self._group, self._commit = None, None

    # -- keys ----------------------------------------------------------------------------------

    def checkpoint_key(self) -> str:
        return self.archive_prefix + "checkpoint"

    def tile_key(self, path: str) -> str:
        """``path`` as in tlog-tiles: ``tile/0/000`` or ``tile/entries/000.p/7``."""
        return self.archive_prefix + path

    def evidence_key(self, size: int, name: str) -> str:
        """Where the proofs of one checkpoint are kept."""
        folder = "evidence" if self.number == 0 else f"evidence-{self.number}"
        return f"{folder}/{size}/{name}"

    def commit_key(self, start: int) -> str:
        return self.control_prefix + commit_key(start)

    def headers_key(self, group: int) -> str:
        return self.control_prefix + headers_key(group)

    def records(self, group: int) -> tuple[ObjectStore, str]:
        """Store and key of a pack of records: a plaintext vault keeps them deletable."""
        if self.plaintext:
            return self.control, f"{self.control_prefix}disclosures/{group}"
        return self.archive, self.archive_prefix + sealed_key(group)

    # -- reading -------------------------------------------------------------------------------

    def checkpoint(self) -> bytes | None:
        """The newest stored checkpoint (a signed note), or None before the first."""
        try:
            return self.read(self.archive, self.checkpoint_key())
        except NotFound:
            return None

    def read(self, store: ObjectStore, key: str) -> bytes:
        with store.open(key) as stream:
            return stream.read()

    def tile(self, path: str) -> bytes:
        return self.read(self.archive, self.tile_key(path))

    def commit(self, start: int) -> Commit:
        """Raises NotFound beyond the end, FormatError for a torn or changed commit."""
        if self._commit is not None and self._commit.start == start:
            return self._commit
        key = self.commit_key(start)
        with _damaged(key):
            commit = parse_commit(self.read(self.control, key))
        if commit.start != start:
            raise LogInconsistent(f"commit {start} says that it is commit {commit.start}")
        if not commit.is_stub:
            self._commit = commit
        return commit

    def commits(self, start: int) -> Iterator[Commit]:
        """Commits from ``start`` on, probing forward until there is none."""
        while True:
            try:
                commit = self.commit(start)
            except NotFound:
                return
            yield commit
            start = commit.end

    def contents(self, commit: Commit) -> list[Committed]:
        """The entries of a commit, from itself or, for a stub, from what was published."""
        if not commit.is_stub:
            return list(commit.entries)
        found: list[Committed] = []
        index = commit.start
        while index < commit.end:
            group, offset = divmod(index, TILE_WIDTH)
            take = min(TILE_WIDTH - offset, commit.end - index)
            found += self.group(group)[offset : offset + take]
            index += take
        return found

    def group(self, group: int) -> list[Committed]:
        """The 256 published entries of a complete group with records and headers.

        Each comes with the headers of the whole group; those that were erased are absent, and all
        of them where their pack is lost: whoever needs one says so, and the rest stays readable.
        """
        if self._group is not None and self._group[0] == group:
            return self._group[1]
        entries = parse_entry_bundle(self.tile(entries_path(group)), TILE_WIDTH)
        store, key = self.records(group)
        records = parse_sealed_pack(self.read(store, key), group)
        headers: dict[str, bytes] = {}
        if not self.plaintext:
            with suppress(NotFound):
                headers = parse_header_pack(self.read(self.control, self.headers_key(group)), group)
        found = [
            Committed(entry, record, headers)
            for entry, record in zip(entries, records, strict=True)
        ]
        self._group = (group, found)
        return found


@contextmanager
def _damaged(key: str) -> Iterator[None]:
    """Say what helps when a stored object is not what it should be."""
    try:
        yield
    except FormatError as error:
        error.hint = error.hint or (
            f"put {key} back from a copy of the vault, then run `evidence-vault doctor` again"
        )
        raise
