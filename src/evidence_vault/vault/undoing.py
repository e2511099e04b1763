"""What a failed ``init`` has made is taken away again; buckets it made stay, and are named."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from evidence_vault.config import Places, is_url
from evidence_vault.errors import VaultError
from evidence_vault.log.places import drop_catalogue
from evidence_vault.log.postgres import is_server
from evidence_vault.store.opening import open_store
from evidence_vault.vault.pins import outside_path


class Undo:
    """Made before the first thing is; ``run`` removes what came since, as far as it can."""

    def __init__(self, folder: Path, places: Places, origin: str, recovery: Path | None) -> None:
        self._folder = folder
        self._was_there = folder.exists()
        self._places = places
        self._origin = origin
        self._recovery = recovery

    def run(self) -> None:
        """Never raises: what went wrong before is what has to be told."""
        # Nobody was told of the log: its first entry, the one thing that makes it one, may go.
        # What an archive has locked meanwhile stays, and says nothing to anybody without control/.
        if is_url(self._places.control):
            with contextlib.suppress(Exception):
                control = open_store(self._places.control, self._folder, "control")
                for key in list(control.keys("")):
                    control.delete(key)
        if is_server(self._places.catalogue):
            with contextlib.suppress(Exception):
                drop_catalogue(self._places.catalogue)
        outside = outside_path(self._origin)
        for path in (self._recovery, outside):
            if path is not None:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        if not self._was_there:
            shutil.rmtree(self._folder, ignore_errors=True)
            return
        for path in self._folder.iterdir():  # it was empty
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    path.unlink()


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
