"""Opening a vault: its folder, stores, catalogue, keyring, and the one writer lock."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO

from evidence_vault import osfiles
from evidence_vault.config import Places, VaultConfig, is_url, read_config
from evidence_vault.core import age
from evidence_vault.core.checkpoint import OpenedCheckpoint, open_checkpoint
from evidence_vault.core.entry0 import EntryZero, parse_entry0
from evidence_vault.core.keystate import KeyState
from evidence_vault.core.note import parse_vkey
from evidence_vault.core.tile_reader import TileReader
from evidence_vault.errors import (
    EvidenceError,
    FormatError,
    KeyProblem,
    PolicyRefused,
    StoreError,
    UsageError,
    VaultBusy,
)
from evidence_vault.log.catalogue import Catalogue
from evidence_vault.log.database import Place
from evidence_vault.log.logstore import LogStore
from evidence_vault.log.places import demand_there
from evidence_vault.log.postgres import is_server
from evidence_vault.log.writerlock import HeldLock, server_lock
from evidence_vault.ports import Clock
from evidence_vault.seal.keyring import Keyring, open_keyring
from evidence_vault.store.naming import object_key
from evidence_vault.store.opening import Store, as_locking, open_store

KEYRING = "keyring.age"
LOCK = "lock"
_WAIT_SECONDS = 60.0

_KEYRING_LOST = (
    "put keyring.age back from a copy of the vault, or use the recovery file: "
    "`evidence-vault rebuild --recovery FILE`"
)

Passphrase = Callable[[], str]


class SystemClock:
    """The wall clock (ports.Clock)."""

    def now(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Vault:
    """An open vault. Reading needs no lock; writing goes through ``vault.writer``.

    The passphrase is asked for only when a key is needed.
    """

    def __init__(
        self,
        folder: Path,
        passphrase: Passphrase | None,
        clock: Clock,
        config: VaultConfig | None = None,
    ) -> None:
        self.folder = folder
        self.clock = clock
        self.config: VaultConfig = config or read_config(folder)
        self._passphrase = passphrase
        self._keyring: Keyring | None = None
        self._identities: tuple[Keyring, Sequence[age.Identity]] | None = None
        self.keyring_digest: str | None = None  # of the file that was opened
        self.archive: Store = open_store(self.config.archive, folder, "archive")
        self.control: Store = open_store(self.config.control, folder, "control")
        self.log = self.log_number(self.config.log)
        self._catalogue: Catalogue | None = None
        self._held: HeldLock | None = None
        self._cleared = False
        self.key_states: dict[int, tuple[int, KeyState]] = {}  # by log: size, keys (vault.keys)
        self.stood: object = None  # how things stood when this process last wrote (standing.Stood)

    # -- parts ---------------------------------------------------------------------------------

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue; raises StoreError (E-CATALOGUE) when it is missing or damaged.

        Raises StoreError (E-CATALOGUE-OLD) or KeyProblem (E-NEWER) for another version's.
        """
        if self._catalogue is None:
            demand_there(self.place)
            catalogue = Catalogue(self.place, self.config.log)
            try:
                catalogue.demand_layout()
            except BaseException:  # Ctrl-C, too: nobody else closes it
                catalogue.close()
                raise
            self._catalogue = catalogue
        return self._catalogue

    @property
    def place(self) -> Place:
        """Where the catalogue is."""
        named = self.config.catalogue
        return named if is_server(named) else self.folder / named

    def own_folders(self) -> list[Path]:
        """Where its store lies, if in folders: inside the vault's own, or on another disk."""
        roots = (self.config.archive, self.config.control)
        return [self.folder / root for root in roots if not is_url(root)]

    @property
    def disk(self) -> Path:
        """A folder on the disk that what is taken in needs room on."""
        return self.own_folders()[0] if self.own_folders() else self.folder

    @property
    def shared(self) -> bool:
        """Whether the catalogue is on a server: then several machines may write into this vault."""
        return is_server(self.config.catalogue)

    def use(self, catalogue: Catalogue | None, log: int) -> None:
        """Work on another catalogue and log of this vault (rebuild); None opens the own one."""
        self._catalogue = catalogue
        self.log = self.log_number(log)

    @property
    def identities(self) -> Sequence[age.Identity]:
        """Everything that can open what this vault sealed; its keys are reckoned once."""
        if self._identities is None or self._identities[0] is not self.keyring:
            self._identities = self.keyring, self.keyring.identities()
        return self._identities[1]

    @property
    def keyring(self) -> Keyring:
        """The open keyring; raises KeyProblem without a passphrase or with a wrong one."""
        if self._keyring is None:
            if self._passphrase is None:
                raise KeyProblem(
                    "this needs the vault's passphrase",
                    code="E-PASSPHRASE-NEEDED",
                    hint="give --passphrase-file, or run it on a terminal",
                )
            data = self.keyring_bytes()
            try:
                opened = open_keyring(data, self._passphrase())
            except (EvidenceError, FormatError) as error:
                error.hint = error.hint or _KEYRING_LOST
                raise
            demand_settings(self.config, opened)
            self._keyring = opened
            self.keyring_digest = hashlib.sha256(data).hexdigest()
        return self._keyring

    def adopt_keyring(self, keyring: Keyring) -> None:
        """Use a keyring that was just made or opened elsewhere."""
        self._keyring = keyring

    def keyring_bytes(self) -> bytes:
        try:
            return (self.folder / KEYRING).read_bytes()
        except FileNotFoundError:
            raise KeyProblem(
                "the keyring is missing",
                code="E-KEYRING-MISSING",
                hint=_KEYRING_LOST,
            ) from None
        except OSError as error:
            raise StoreError(
                f"the keyring can't be read: {error.strerror}", hint=_KEYRING_LOST
            ) from error

    def open_object(self, digest: str) -> BinaryIO:
        """A reader of a payload object; where versions are kept, of the one that was recorded.

        What somebody laid over it later is not read. Raises NotFound, also for a lost version.
        """
        key = object_key(digest)
        if self.archive.locks:
            placed = self.catalogue.placed([digest]).get(digest)
            if placed is not None and placed.version is not None:
                return as_locking(self.archive).open_version(key, placed.version)
        return self.archive.open(key)

    def at(self, places: Places) -> Vault:
        """This vault with its parts at other places (a move); the open keyring goes along."""
        other = Vault(self.folder, self._passphrase, self.clock, places.put_into(self.config))
        other._keyring, other.keyring_digest = self.keyring, self.keyring_digest
        return other

    def log_number(self, number: int) -> LogStore:
        """One of this vault's logs: 0 is the first, ``config.log`` the current one."""
        return LogStore(self.archive, self.control, number, self.config.plaintext)

    # -- the log as published ------------------------------------------------------------------

    def entry_zero(self, log: LogStore | None = None) -> EntryZero:
        """Entry 0 of a log: keys and prefix, from the store."""
        chosen = log or self.log
        return parse_entry0(chosen.contents(chosen.commit(0))[0].entry)

    def checkpoint(self, log: LogStore | None = None) -> OpenedCheckpoint | None:
        """The stored checkpoint, its log signatures checked against entry 0; None before one."""
        chosen = log or self.log
        note = chosen.checkpoint()
        return None if note is None else self.opened(note, chosen)

    def opened(self, note: bytes, log: LogStore | None = None) -> OpenedCheckpoint:
        """A signed checkpoint of a log, its log signatures checked against entry 0."""
        keys = [parse_vkey(text) for text in self.entry_zero(log or self.log).log_vkeys()]
        return open_checkpoint(note, keys)

    def tiles(self, opened: OpenedCheckpoint, log: LogStore | None = None) -> TileReader:
        """Authenticated hashes and entries of the log at a checkpoint."""
        chosen = log or self.log
        return TileReader(opened.checkpoint.size, opened.checkpoint.root, chosen.tile)

    # -- locking -------------------------------------------------------------------------------

    @contextmanager
    def locked(self, wait_seconds: float = _WAIT_SECONDS) -> Iterator[None]:
        """Hold the writer lock; raises VaultBusy naming who held it through ``wait_seconds``."""
        path = self.folder / LOCK
        try:
            # Closed by the with below.
            stream: IO[bytes] = open(path, "r+b" if path.exists() else "x+b")  # noqa: SIM115
        except FileExistsError:
            stream = open(path, "r+b")  # noqa: SIM115 - another process made it just now
        except OSError as error:
            raise StoreError(
                f"the vault's folder can't be written: {error.strerror}",
                code="E-NOT-WRITABLE",
                hint="check who owns the folder and whether the disk is read-only",
            ) from error
        with stream:
            _wait_for(stream, path, wait_seconds)
            told = f"process {os.getpid()} since {self.clock.now()}"
            stream.seek(0)
            stream.truncate()
            stream.write(f"{told}\n".encode())
            stream.flush()
            if not self.shared:
                yield
                return
            # Other machines wait for a lock of the database.
            with server_lock(self.config.catalogue, told, wait_seconds) as self._held:
                try:
                    yield
                finally:
                    self._held = None

    def demand_held(self) -> None:
        """Raises StoreError (E-LOCK-LOST) when the database no longer holds the writer lock."""
        if self._held is not None:
            self._held.demand_held()

    def clear_leftovers(self) -> None:
        """Remove temporary bytes of processes that are gone; on servers once for each opening."""
        if not self._cleared:
            self.archive.clear_leftovers()
            self.control.clear_leftovers()
            self._cleared = is_url(self.config.archive)

    def set_signed(self, origin: str, data: bytes) -> None:
        """What a shared vault signs; by the session that holds the lock, if this process does."""
        (self._held or self.catalogue).set_signed(origin, data)

    @contextmanager
    def held_by(self, lock: HeldLock | None) -> Iterator[None]:
        """Work under a lock that this process took otherwise (a move holds those of two places)."""
        before, self._held = self._held, lock
        try:
            yield
        finally:
            self._held = before

    @property
    def held(self) -> HeldLock | None:
        """The database's lock, while this vault holds one."""
        return self._held

    def close(self) -> None:
        if self._catalogue is not None:
            self._catalogue.close()
        self.archive.end_session()
        self.control.end_session()

    def __enter__(self) -> Vault:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def demand_settings(config: VaultConfig, keyring: Keyring) -> None:
    """Raises UsageError (E-CONFIG-CHANGED) where vault.toml is not that of this keyring.

    Of a field vault nothing but the number of its log may differ from what ``init`` wrote: a
    laptop that was taken and given back with one setting changed goes no further.
    """
    expected = replace(config, station=keyring.is_station)
    if keyring.is_station:
        expected = VaultConfig(config.log, plaintext=False, station=True)
    changed = [f.name for f in fields(config) if _differ(config, expected, f.name)]
    if changed:
        raise UsageError(
            f"vault.toml is not the one this keyring belongs to: {', '.join(changed)} was changed",
            code="E-CONFIG-CHANGED",
            hint="somebody may have changed it: treat this machine as one that others had in hand",
        )


def _differ(one: VaultConfig, other: VaultConfig, name: str) -> bool:
    return bool(getattr(one, name) != getattr(other, name))


def open_vault(
    folder: Path, passphrase: Passphrase | None = None, clock: Clock | None = None
) -> Vault:
    """Open the vault in ``folder``; raises UsageError when there is none."""
    if not folder.is_dir():
        raise UsageError(
            f"there is no vault in {folder}",
            code="E-NO-VAULT",
            hint="make one with `evidence-vault init DIR --org NAME`",
        )
    osfiles.private_umask()
    osfiles.no_core_dumps()
    return Vault(folder.absolute(), passphrase, clock or SystemClock())


def refuse_reading(doing: str) -> PolicyRefused:
    """The error for what only a vault that reads can do. ``doing``: such as ``search``."""
    return PolicyRefused(
        f"this is a field vault: it holds no key that reads what it took in, so it can't {doing}",
        code="E-STATION",
        hint="do it at the desk, after the field vault has handed over",
    )


def demand_desk(vault: Vault, doing: str) -> None:
    """Raises PolicyRefused (E-STATION) on a field vault."""
    if vault.keyring.is_station:
        raise refuse_reading(doing)


def _wait_for(stream: IO[bytes], path: Path, wait_seconds: float) -> None:
    """Wait for the lock of a folder, for as long as its holders take turns."""
    holder = _holder(path)
    deadline = time.monotonic() + wait_seconds
    while not osfiles.try_lock(stream):
        if time.monotonic() > deadline:
            raise VaultBusy(
                f"another process is writing into this vault ({holder})",
                hint="wait until it has finished, or end it, and run this again",
            )
        time.sleep(0.05)
        now = _holder(path)
        if now not in (holder, "unknown"):
            holder, deadline = now, time.monotonic() + wait_seconds


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip() or "unknown"
    except (OSError, UnicodeDecodeError):
        return "unknown"
