"""The folder of a keeper: ``control/`` of somebody else's vault, and what was pinned of its log.

    DIR/keeper.key                     the keeper's own Ed25519 key (PKCS #8, PEM); signs answers
    DIR/kept.json                      whose log, its keys, size and root; which orders are done
    DIR/orders/<index>                 what a checked order gives up; written before one header goes
    DIR/control/commits/<start>        every commit, whole
    DIR/control/headers/<group>        the headers of each complete group of 256 entries
    DIR/control/replica.json           so that `replica restore --control DIR` takes it

Everything is replaced atomically; ``kept.json`` last, so that it names only what is there.
"""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from evidence_vault import osfiles
from evidence_vault.core.canonical import canonical, is_hex, parse_canonical
from evidence_vault.core.commit import Commit, format_commit, parse_commit
from evidence_vault.core.packs import format_header_pack
from evidence_vault.core.replicas import CONTROL, MARKER, Marker, format_marker
from evidence_vault.core.shapes import is_count, is_origin
from evidence_vault.core.tiles import TILE_WIDTH
from evidence_vault.errors import EvidenceError, FormatError, StoreError, UsageError, VaultBusy
from evidence_vault.vault.faults import step

_KIND = "evidence-vault/kept"
_KEY = "keeper.key"
_STATE = "kept.json"
_MEMBERS = {
    *("done", "due", "fingerprint", "kind", "log_keys", "origin"),
    *("refused", "root", "size", "v"),
}


@dataclass(frozen=True)
class KeptState:
    """What is pinned. ``root``: hex, of the log at ``size``. ``due``, ``done``, ``refused``:
    indexes of ``removed`` events whose orders were checked, carried out, refused at least in part.
    """

    origin: str
    fingerprint: str
    log_keys: tuple[str, ...]
    size: int = 0
    root: str = ""
    due: tuple[int, ...] = ()
    done: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()


@dataclass(frozen=True)
class Page:
    """A checked order: ids of units whose headers go, and the entries out of which they go. The
    same unit named by another entry stays there."""

    units: frozenset[str]
    entries: tuple[int, ...]


class KeeperFolder:
    """Reads and writes one keeper's folder; :func:`keeper_folder` opens and locks it."""

    def __init__(self, path: Path, key: Ed25519PrivateKey) -> None:
        self.path = path
        self._key = key
        self._starts: list[int] | None = None

    @property
    def public(self) -> bytes:
        """The raw public key."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    # -- what is pinned ------------------------------------------------------------------------

    def state(self) -> KeptState | None:
        """None before the first update. Raises EvidenceError for one that is damaged."""
        try:
            data = (self.path / _STATE).read_bytes()
        except FileNotFoundError:
            if self._commits().is_dir() and any(self._commits().iterdir()):
                return None if not self._ever_pinned() else self._lost()
            return None
        return _parse_state(data)

    def save(self, state: KeptState) -> None:
        """Durable on return."""
        value = {
            "done": list(state.done),
            "due": list(state.due),
            "fingerprint": state.fingerprint,
            "kind": _KIND,
            "log_keys": list(state.log_keys),
            "origin": state.origin,
            "refused": list(state.refused),
            "root": state.root,
            "size": state.size,
            "v": 1,
        }
        osfiles.replace_file(self.path / _STATE, canonical(value) + b"\n")

    def _ever_pinned(self) -> bool:
        return (self.path / CONTROL / MARKER).exists()

    def _lost(self) -> KeptState:
        raise EvidenceError(
            f"{self.path / _STATE} is gone: what was seen of the log is not known any more",
            code="E-KEPT-DAMAGED",
            hint="put it back from a copy, or keep a new folder from `replica update --whole`; "
            "keep this one, too",
        )

    # -- commits and packs ---------------------------------------------------------------------

    def starts(self) -> list[int]:
        """Starts of the commits that are here, ascending."""
        if self._starts is None:
            names = os.listdir(self._commits()) if self._commits().is_dir() else []
            self._starts = sorted(int(name) for name in names if name.isdecimal())
        return self._starts

    def commit(self, start: int) -> Commit | None:
        """A commit as it lies here; None for none. Raises FormatError."""
        try:
            commit = parse_commit((self._commits() / str(start)).read_bytes())
        except FileNotFoundError:
            return None
        if commit.start != start or commit.is_stub:
            raise FormatError(f"commit {start} is another one", code="E-COMMIT")
        return commit

    def commits(self, size: int) -> Iterator[Commit]:
        """Those before ``size``, in order; raises EvidenceError where one is lost or damaged."""
        start = 0
        while start < size:
            try:
                commit = self.commit(start)
            except FormatError as error:
                raise damaged(error.message) from error
            if commit is None or commit.end > size:
                raise damaged(f"commit {start} is not here")
            yield commit
            start = commit.end

    def write_commit(self, commit: Commit) -> bool:
        """Durable on return; whether anything was changed."""
        path = self._commits() / str(commit.start)
        data = format_commit(commit.start, commit.root, commit.entries)
        if path.exists() and path.read_bytes() == data:
            return False
        osfiles.replace_file(path, data)
        self._starts = None
        return True

    def forget_beyond(self, size: int) -> None:
        """Commits of a run that was ended before it was pinned: they are given again."""
        for start in [start for start in self.starts() if start >= size]:
            (self._commits() / str(start)).unlink()
        self._starts = None

    def drop(self, units: Iterable[str], entries: Iterable[int]) -> None:
        """Destroy headers: out of the commits that hold them, then out of the packs."""
        doomed, named, known = frozenset(units), frozenset(entries), self.starts()
        touched = {known[bisect.bisect_right(known, index) - 1] for index in named if known}
        for start in sorted(touched):
            commit = self.commit(start)
            if commit is None:
                continue
            fresh = tuple(
                e
                if index not in named
                else replace(e, headers={u: h for u, h in e.headers.items() if u not in doomed})
                for index, e in enumerate(commit.entries, start)
            )
            self.write_commit(replace(commit, entries=fresh))
            step("keeper-header-gone")
        self.write_packs({index // TILE_WIDTH for index in named}, self.starts_end())

    def starts_end(self) -> int:
        """Where the last commit that is here ends."""
        known = self.starts()
        last = self.commit(known[-1]) if known else None
        return 0 if last is None else last.end

    def write_packs(self, groups: set[int], size: int) -> None:
        """The header packs of groups that are complete below ``size``, from the commits."""
        wanted = {group for group in groups if (group + 1) * TILE_WIDTH <= size}
        packs: dict[int, dict[str, bytes]] = {group: {} for group in wanted}
        for start in self.starts() if wanted else ():
            if start >= size or start >= (max(wanted) + 1) * TILE_WIDTH:
                break
            commit = self.commit(start)
            for index, entry in enumerate(() if commit is None else commit.entries, start):
                if index // TILE_WIDTH in packs:
                    packs[index // TILE_WIDTH].update(entry.headers)
        for group, headers in sorted(packs.items()):
            osfiles.replace_file(
                self.path / CONTROL / "headers" / str(group), format_header_pack(group, headers)
            )

    def write_marker(self, origin: str) -> None:
        """Says whose ``control/`` this is; nobody vouches for how far it goes."""
        path = self.path / CONTROL / MARKER
        if not path.exists():
            marker = Marker(origin, self.public.hex()[:32], CONTROL, False)
            osfiles.replace_file(path, format_marker(marker, lambda _: bytes(32)))

    def _commits(self) -> Path:
        return self.path / CONTROL / "commits"

    # -- orders --------------------------------------------------------------------------------

    def page(self, index: int) -> Page:
        """What the order of a ``removed`` event gives up; empty before it was checked."""
        try:
            data = (self.path / "orders" / str(index)).read_bytes()
        except FileNotFoundError:
            return Page(frozenset(), ())
        value = parse_canonical(data.removesuffix(b"\n"), "a checked order")
        return Page(frozenset(value["units"]), tuple(value["entries"]))

    def write_page(self, index: int, page: Page) -> None:
        """Durable on return."""
        value = {"entries": list(page.entries), "units": sorted(page.units)}
        osfiles.replace_file(self.path / "orders" / str(index), canonical(value) + b"\n")


@contextmanager
def keeper_folder(path: Path) -> Iterator[KeeperFolder]:
    """A keeper's folder under its lock, made with a key of its own at first.

    Raises UsageError (E-NOT-KEEPER) for a folder that holds something else, VaultBusy.
    """
    osfiles.private_umask()
    path = path.absolute()
    if not path.parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist", code="E-NO-FOLDER")
    if path.exists() and not (path / _KEY).is_file() and _holds_something(path):
        raise UsageError(
            f"{path} is no keeper's folder, and is not empty",
            code="E-NOT-KEEPER",
            hint="name a folder that does not exist yet",
        )
    try:
        for folder in (path, path / "orders", path / CONTROL):
            folder.mkdir(mode=0o700, exist_ok=True)
        for name in ("commits", "headers"):
            (path / CONTROL / name).mkdir(mode=0o700, exist_ok=True)
        with open(path / "lock", "a+b") as lock:
            if not osfiles.try_lock(lock):
                raise VaultBusy(f"{path} is being written by another run", code="E-BUSY")
            _clear_leftovers(path)
            yield KeeperFolder(path, _key(path))
    except OSError as error:
        raise StoreError(f"{path} can't be written: {error.strerror or error}") from error


def _holds_something(path: Path) -> bool:
    """Whether there is more than what a first run that was ended left."""
    if not path.is_dir():
        return True
    ours = {"lock", "orders", CONTROL}
    names = {entry.name for entry in path.iterdir()}
    return any(not name.startswith(_KEY) for name in names - ours)


def _clear_leftovers(path: Path) -> None:
    """Temporary files of a run that was ended; a final name never has a dot and eight digits."""
    for folder in (path, path / "orders", path / CONTROL / "commits", path / CONTROL / "headers"):
        for each in folder.iterdir():
            stem, _, tail = each.name.rpartition(".")
            if stem and is_hex(tail, 8) and each.is_file():
                with suppress(FileNotFoundError):
                    each.unlink()


def _key(path: Path) -> Ed25519PrivateKey:
    file = path / _KEY
    if not file.exists():
        fresh = Ed25519PrivateKey.generate()
        data = fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        osfiles.replace_file(file, data)
    try:
        key = load_pem_private_key(file.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise EvidenceError(f"{file} can't be read as a key", code="E-KEPT-DAMAGED") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise EvidenceError(f"{file} is another kind of key", code="E-KEPT-DAMAGED")
    return key


def _parse_state(data: bytes) -> KeptState:
    try:
        value: Any = parse_canonical(data.removesuffix(b"\n"), _STATE)
        good = (
            isinstance(value, dict)
            and set(value) == _MEMBERS
            and value["kind"] == _KIND
            and value["v"] == 1
            and is_origin(value["origin"])
            and is_hex(value["fingerprint"], 64)
            and is_hex(value["root"], 64)
            and is_count(value["size"])
            and all(isinstance(each, str) for each in value["log_keys"])
            and all(is_count(i) for name in ("done", "due", "refused") for i in value[name])
        )
    except (FormatError, TypeError, KeyError):
        good = False
    if not good:
        raise damaged(f"{_STATE} can't be read")
    return KeptState(
        value["origin"],
        value["fingerprint"],
        tuple(value["log_keys"]),
        value["size"],
        value["root"],
        tuple(value["due"]),
        tuple(value["done"]),
        tuple(value["refused"]),
    )


def damaged(why: str) -> EvidenceError:
    """The error for a keeper's own folder that lost something."""
    return EvidenceError(
        f"this keeper's folder is damaged: {why}",
        code="E-KEPT-DAMAGED",
        hint="ask for everything once more: `evidence-vault replica update NAME --whole`",
    )
