"""What a move of a vault has copied so far, on disk: so that it goes on after any death.

A small SQLite file beside ``vault.toml``. What stands in it was written to the new place, flushed
and read back there. It holds digests and keys, and nothing of what they hold.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from evidence_vault.core.placement import Placed
from evidence_vault.errors import StoreError

_TABLES = (
    "CREATE TABLE IF NOT EXISTS object (sha256 TEXT PRIMARY KEY, size INTEGER, placed TEXT)",
    "CREATE TABLE IF NOT EXISTS file (root TEXT, key TEXT, sha256 TEXT, PRIMARY KEY (root, key))",
    "CREATE TABLE IF NOT EXISTS missing (name TEXT PRIMARY KEY, why TEXT)",
)
_MANY = 500


class MoveJournal:
    """The journal at ``path``, made when it is missing. One process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _translated(path):
            self._base = sqlite3.connect(path, timeout=5, check_same_thread=False)
            self._base.execute("PRAGMA synchronous=FULL")
            with self._base:
                for statement in _TABLES:
                    self._base.execute(statement)

    def close(self) -> None:
        self._base.close()

    def remove(self) -> None:
        """The move has ended."""
        self.close()
        for end in ("", "-journal"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)

    # -- payloads ------------------------------------------------------------------------------

    def add_objects(self, placed: Sequence[Placed]) -> None:
        rows = [(p.digest, p.size, json.dumps(p.to_json())) for p in placed]
        with _translated(self.path), self._base:
            self._base.executemany("INSERT OR REPLACE INTO object VALUES (?, ?, ?)", rows)

    def without_known(self, digests: Iterable[str]) -> list[str]:
        """Those that were not copied yet, each once, in order."""
        asked = list(dict.fromkeys(digests))
        known: set[str] = set()
        with _translated(self.path):
            for start in range(0, len(asked), _MANY):
                part = asked[start : start + _MANY]
                marks = ",".join("?" * len(part))
                query = f"SELECT sha256 FROM object WHERE sha256 IN ({marks})"
                known.update(row[0] for row in self._base.execute(query, part))
        return [digest for digest in asked if digest not in known]

    def objects(self) -> Iterator[list[Placed]]:
        """What the new place answered, in order of digest, some at a time."""
        last = ""
        while True:
            with _translated(self.path):
                rows = self._base.execute(
                    "SELECT placed FROM object WHERE sha256 > ? ORDER BY sha256 LIMIT ?",
                    (last, _MANY),
                ).fetchall()
            if not rows:
                return
            found = [Placed.from_json(json.loads(row[0])) for row in rows]
            last = found[-1].digest
            yield found

    def forget_object(self, digest: str) -> None:
        with _translated(self.path), self._base:
            self._base.execute("DELETE FROM object WHERE sha256 = ?", (digest,))

    # -- everything else -----------------------------------------------------------------------

    def add_files(self, root: str, files: Sequence[tuple[str, str]]) -> None:
        """``files``: (key, SHA-256 in hex of the bytes copied)."""
        with _translated(self.path), self._base:
            self._base.executemany(
                "INSERT OR REPLACE INTO file VALUES (?, ?, ?)", [(root, *each) for each in files]
            )

    def files(self, root: str) -> dict[str, str]:
        """SHA-256 by key of everything copied."""
        with _translated(self.path):
            rows = self._base.execute("SELECT key, sha256 FROM file WHERE root = ?", (root,))
            return dict(rows.fetchall())

    def forget_file(self, root: str, key: str) -> None:
        with _translated(self.path), self._base:
            self._base.execute("DELETE FROM file WHERE root = ? AND key = ?", (root, key))

    # -- what could not be copied --------------------------------------------------------------

    def set_missing(self, name: str, why: str | None) -> None:
        """``why``: None when it was found after all."""
        with _translated(self.path), self._base:
            if why is None:
                self._base.execute("DELETE FROM missing WHERE name = ?", (name,))
            else:
                self._base.execute("INSERT OR REPLACE INTO missing VALUES (?, ?)", (name, why))

    def missing(self) -> list[tuple[str, str]]:
        """(name, why) of what the old place lacks or holds damaged."""
        with _translated(self.path):
            return self._base.execute("SELECT name, why FROM missing ORDER BY name").fetchall()

    def counts(self) -> tuple[int, int, int]:
        """(payload objects, their bytes, other files)."""
        with _translated(self.path):
            objects, size = self._base.execute(
                "SELECT count(*), coalesce(sum(size), 0) FROM object"
            ).fetchone()
            files = self._base.execute("SELECT count(*) FROM file").fetchone()[0]
        return int(objects), int(size), int(files)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(
            f"the record of the move can't be kept ({path.name}): {error}",
            code="E-MOVE-RECORD",
            hint="check free space; a damaged record may be removed: everything is compared again",
        ) from error
