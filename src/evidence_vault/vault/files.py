"""Writing what leaves a vault: never over an existing file, never half."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from evidence_vault import osfiles
from evidence_vault.errors import StoreError, UsageError


def demand_absent(path: Path) -> None:
    """Raises UsageError when something is already there, or its folder is not; or for ``-``."""
    if os.fspath(path) == "-":
        raise UsageError(
            "-o - is not standard output here: what leaves a vault is written whole, or not at all",
            code="E-NO-STDOUT",
            hint="name a new file",
        )
    if os.path.lexists(path):
        raise UsageError(
            f"{path} exists already", code="E-EXISTS", hint="choose another name with -o"
        )
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder of {path} does not exist", code="E-NO-FOLDER")


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name only when it is complete and durable."""
    demand_absent(path)
    temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.partial")
    try:
        with open(temporary, "xb") as stream:
            yield stream
            osfiles.sync_file(stream)
        name_exclusively(temporary, path)
        osfiles.sync_folder(path.absolute().parent)
    except OSError as error:
        raise StoreError(
            f"{path} can't be written: {error.strerror}",
            code="E-NOT-WRITABLE",
            hint="check free space and who owns the folder",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def name_exclusively(temporary: Path, path: Path) -> None:
    """Give a finished file its name; what appeared there meanwhile is not replaced."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise UsageError(
            f"{path} appeared meanwhile", code="E-EXISTS", hint="choose another name with -o"
        ) from None
    except OSError:  # a file system without links (vfat): look, then rename
        demand_absent(path)
        os.rename(temporary, path)


def write_new(path: Path, data: bytes) -> None:
    """Write a small file whole."""
    with new_file(path) as stream:
        stream.write(data)
