"""What powercut.c wrote down, and the disk as a power cut would leave it at any moment of it.

A change is durable once a sync that began after it has ended well: of the file (fsync, fdatasync)
for bytes, of the folder for names, of the whole file system (syncfs) for both. A rename counts by
the folder it goes to. After a sync that failed, the bytes before it are never durable, whatever a
later sync says (as Linux does it: the pages are marked clean). Of what is not durable any part may
be there after the cut; the ``Cut`` says which.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MARK, CREATE, WRITE, TRUNCATE, SYNC_BEGIN, SYNC_END, SYNC_FAILED = range(1, 8)
ALL_BEGIN, ALL_END, LINK, RENAME, UNLINK, MKDIR, RMDIR = range(8, 15)
_BYTES = (WRITE, TRUNCATE)
_NAMES = (CREATE, LINK, RENAME, UNLINK, MKDIR, RMDIR)


@dataclass(frozen=True)
class Change:
    """One record. ``at``: offset of a write, length after a truncation."""

    kind: int
    process: int
    inode: int
    at: int
    path: str
    other: str
    data: bytes

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders whose sync makes a name durable."""
        name = self.other if self.kind in (LINK, RENAME) else self.path
        return (os.path.dirname(name),)


def read_journal(path: Path) -> list[Change]:
    return list(_records(path.read_bytes()))


def _records(data: bytes) -> Iterator[Change]:
    at = 0
    while at + 4 <= len(data):
        (length,) = struct.unpack_from("<I", data, at)
        at += 4
        kind, process, inode, offset = struct.unpack_from("<BIQQ", data, at)
        place = at + 21
        names = []
        for _ in range(2):
            (size,) = struct.unpack_from("<H", data, place)
            names.append(os.fsdecode(data[place + 2 : place + 2 + size]))
            place += 2 + size
        yield Change(kind, process, inode, offset, names[0], names[1], data[place : at + length])
        at += length


@dataclass(frozen=True)
class Cut:
    """Which of the changes that are not durable survive.

    ``names(n, rng)``: for each of n changes of names in order, whether it is kept; ``bytes``
    likewise. ``torn``: the last kept write of a file may end in the middle of a sector.
    """

    title: str
    names: Callable[[int, random.Random], Sequence[bool]]
    bytes: Callable[[int, random.Random], Sequence[bool]]
    torn: bool = False


def _none(count: int, _: random.Random) -> list[bool]:
    return [False] * count


def _every(count: int, _: random.Random) -> list[bool]:
    return [True] * count


def _first(count: int, rng: random.Random) -> list[bool]:
    kept = rng.randint(0, count)
    return [n < kept for n in range(count)]


def _any(count: int, rng: random.Random) -> list[bool]:
    return [rng.random() < 0.5 for _ in range(count)]


CUTS = (
    Cut("nothing that was not synced survives", _none, _none),
    Cut("names survive, their bytes do not", _every, _none),
    Cut("names survive, bytes at random, torn", _every, _any, torn=True),
    Cut("names in order up to some point, bytes at random, torn", _first, _any, torn=True),
    Cut("names and bytes at random, torn", _any, _any, torn=True),
    Cut("bytes survive, names do not", _none, _every),
)


class Disk:
    """The disk before the first change, and every change after it."""

    def __init__(self, root: Path, changes: Sequence[Change]) -> None:
        """``root`` holds the files as they were when the journal began, under their own inodes."""
        self.root = root
        self.changes = changes
        self._folders: set[str] = {str(root)}
        self._names: dict[str, tuple[int, int]] = {}
        self._content: dict[tuple[int, int], bytes] = {}
        for folder, names, files in os.walk(root):
            self._folders |= {os.path.join(folder, name) for name in names}
            for name in files:
                path = os.path.join(folder, name)
                node = (os.stat(path).st_ino, 0)
                self._names[path] = node
                self._content[node] = Path(path).read_bytes()

    def cut(self, moment: int, how: Cut, rng: random.Random, target: Path) -> None:
        """Lay out under ``target`` what is there when the power goes after ``moment`` changes."""
        done, nodes = self.changes[:moment], self._nodes(moment)
        durable = self._durable(done, nodes)
        kept = set(durable)
        for kinds, choose in ((_NAMES, how.names), (_BYTES, how.bytes)):
            open_ = [n for n, c in enumerate(done) if c.kind in kinds and n not in durable]
            flags = choose(len(open_), rng)
            kept |= {n for n, keep in zip(open_, flags, strict=True) if keep}
        self._lay_out(done, nodes, kept, durable, how, rng, target)

    def _nodes(self, moment: int) -> list[tuple[int, int]]:
        """The file each change is about: inode numbers are used again, so each making counts."""
        made: dict[int, int] = {}
        nodes = []
        for change in self.changes[:moment]:
            if change.kind == CREATE:
                made[change.inode] = made.get(change.inode, 0) + 1
            nodes.append((change.inode, made.get(change.inode, 0)))
        return nodes

    @staticmethod
    def _durable(done: Sequence[Change], nodes: Sequence[tuple[int, int]]) -> set[int]:
        durable: set[int] = set()
        waiting: list[int] = []  # changes that no sync has covered
        begun: dict[tuple[int, int], int] = {}  # (process, kind of sync): where it began

        def covered(number: int, end: Change, node: tuple[int, int], whole: bool) -> bool:
            change = done[number]
            if change.kind in _BYTES:
                return whole or nodes[number] == node
            return whole or end.path in change.folders

        for number, change in enumerate(done):
            if change.kind in _BYTES + _NAMES:
                waiting.append(number)
            elif change.kind in (SYNC_BEGIN, ALL_BEGIN):
                begun[change.process, change.kind] = number
            elif change.kind in (SYNC_END, ALL_END):
                whole = change.kind == ALL_END
                since = begun[change.process, ALL_BEGIN if whole else SYNC_BEGIN]
                done_now = {
                    n for n in waiting if n < since and covered(n, change, nodes[number], whole)
                }
                durable |= done_now
                waiting = [n for n in waiting if n not in done_now]
            elif change.kind == SYNC_FAILED:
                whole = change.inode == 0
                waiting = [n for n in waiting if not covered(n, change, nodes[number], whole)]
        return durable

    def _lay_out(
        self,
        done: Sequence[Change],
        nodes: Sequence[tuple[int, int]],
        kept: set[int],
        durable: set[int],
        how: Cut,
        rng: random.Random,
        target: Path,
    ) -> None:
        folders, names = set(self._folders), dict(self._names)
        content = {node: bytearray(data) for node, data in self._content.items()}
        last = {nodes[n]: n for n in sorted(kept - durable) if done[n].kind == WRITE}
        for number in sorted(kept):
            change, node = done[number], nodes[number]
            if change.kind == WRITE:
                data = change.data
                if how.torn and last.get(node) == number:
                    data = data[: rng.randint(0, len(data))]
                _write(content.setdefault(node, bytearray()), change.at, data)
            elif change.kind == TRUNCATE:
                _resize(content.setdefault(node, bytearray()), change.at)
            elif change.kind == CREATE:
                names[change.path] = node
            elif change.kind == LINK:
                names[change.other] = node
            elif change.kind == RENAME:
                if change.path in folders:
                    raise NotImplementedError("a folder was renamed")
                if names.get(change.path) == node:
                    del names[change.path]
                names[change.other] = node
            elif change.kind == UNLINK:
                if names.get(change.path) == node:
                    del names[change.path]
            elif change.kind == MKDIR:
                folders.add(change.path)
            elif change.kind == RMDIR:
                folders.discard(change.path)
        self._write_out(folders, names, content, target)

    def _write_out(
        self,
        folders: set[str],
        names: dict[str, tuple[int, int]],
        content: dict[tuple[int, int], bytearray],
        target: Path,
    ) -> None:
        """What hangs on a folder that did not survive is gone with it."""
        root = str(self.root)

        def reached(folder: str) -> bool:
            while folder in folders:
                if folder == root:
                    return True
                folder = os.path.dirname(folder)
            return False

        for folder in sorted(f for f in folders if reached(f)):
            (target / os.path.relpath(folder, root)).mkdir(parents=True, exist_ok=True)
        for path, node in names.items():
            if path.endswith("-shm"):  # SQLite shares it as memory; nothing of it counts afterwards
                continue
            if reached(os.path.dirname(path)):
                (target / os.path.relpath(path, root)).write_bytes(content.get(node, b""))


def _write(content: bytearray, at: int, data: bytes) -> None:
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    content[at : at + len(data)] = data


def _resize(content: bytearray, size: int) -> None:
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))
