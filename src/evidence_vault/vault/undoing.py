"""What a failed ``init`` has made is taken away again; buckets it made stay, and are named.

Only what this very run has made: another ``init`` may be making a vault at the same places, and
whoever comes second must not take anything away from the first.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from evidence_vault.config import Places, is_url
from evidence_vault.core.entry0 import parse_entry0
from evidence_vault.errors import StoreError, UsageError, VaultError
from evidence_vault.log.logstore import LogStore
from evidence_vault.log.places import drop_catalogue
from evidence_vault.log.postgres import is_server
from evidence_vault.store.opening import open_store
from evidence_vault.vault.opening import LOCK
from evidence_vault.vault.pins import outside_path


class Undo:
    """Made before the first thing is; ``run`` removes what came since, as far as it can.

    Whoever makes something says so: ``recovery``, the file; ``schema``, the number of the schema
    of the catalogue on a server.
    """

    def __init__(self, folder: Path, places: Places, origin: str, root: bytes) -> None:
        """``root``: the public root key, by which the log of this run is known."""
        self._folder = folder
        self._places = places
        self._root = root
        self._made = self._claimed = False
        outside = outside_path(origin)
        self._outside = None if outside is None or outside.exists() else outside
        self.recovery: Path | None = None
        self.schema: int | None = None

    def claim_folder(self) -> None:
        """Make the folder, or take the empty one that is there, before anybody else does.

        Raises UsageError (E-EXISTS) where another was faster, StoreError where it can't be made.
        """
        lock = self._folder / LOCK
        try:
            with contextlib.suppress(FileExistsError):
                self._folder.mkdir(mode=0o700)
                self._made = True
            with open(lock, "xb"):
                pass
            self._claimed = not any(path != lock for path in self._folder.iterdir())
            if not self._claimed:
                lock.unlink()
                raise FileExistsError
        except FileExistsError:
            raise UsageError(
                f"{self._folder} is not empty: another process is making a vault there",
                code="E-EXISTS",
                hint="name a folder that does not exist yet",
            ) from None
        except OSError as error:
            raise StoreError(
                f"{self._folder} can't be made: {error.strerror}",
                code="E-NOT-WRITABLE",
                hint="check free space and who owns the folder",
            ) from error

    def run(self) -> None:
        """Never raises: what went wrong before is what has to be told."""
        if is_url(self._places.control):
            with contextlib.suppress(VaultError):
                self._drop_beginning()
        if is_server(self._places.catalogue) and self.schema is not None:
            with contextlib.suppress(VaultError):
                drop_catalogue(self._places.catalogue, self.schema)
        if not self._claimed:
            return
        for path in (self.recovery, self._outside):
            if path is not None:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        if self._made:
            shutil.rmtree(self._folder, ignore_errors=True)
            return
        for path in self._folder.iterdir():  # it was empty
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _drop_beginning(self) -> None:
        """Delete the commit of entry 0, all that ``init`` writes into control/, if it is ours.

        Nobody was told of the log: the one thing that makes it one may go. What an archive has
        locked meanwhile stays, and says nothing to anybody without control/.
        """
        control = open_store(self._places.control, self._folder, "control")
        archive = open_store(self._places.archive, self._folder, "archive")
        log = LogStore(archive, control)
        first = parse_entry0(log.contents(log.commit(0))[0].entry)
        if self._root in first.with_role("root").values():
            control.delete(log.commit_key(0))


def told_with_buckets(error: VaultError, buckets: list[str]) -> VaultError:
    """The error, saying also which buckets were made before it."""
    if buckets:
        said = (
            f"the bucket {buckets[0]} was"
            if len(buckets) == 1
            else (f"the buckets {' and '.join(buckets)} were")
        )
        error.hint = f"{error.hint}; {said} made and left".removeprefix("; ")
    return error
