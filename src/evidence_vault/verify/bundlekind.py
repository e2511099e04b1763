"""What looks like a bundle of a vault, told without believing anything in it."""

from __future__ import annotations

import io
import os
import zipfile
from typing import BinaryIO

from evidence_vault.core.bagtext import STATEMENT
from evidence_vault.verify.kinds import ZIP

_MAX_DIRECTORY = 512 * 1024 * 1024


def is_bundle(path: bytes) -> bool:
    """True for what looks like a bundle of a vault, folder or ZIP; a damaged one looks so, too."""
    try:
        if os.path.isdir(path):
            return os.path.isfile(path + b"/" + STATEMENT.encode()) and os.path.isdir(
                path + b"/receipts"
            )
        with open(path, "rb") as stream:
            if not stream.read(4).startswith(ZIP) or _directory_size(stream) > _MAX_DIRECTORY:
                return False
            names = [name.partition("/")[2] for name in zipfile.ZipFile(stream).namelist()]
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False
    return STATEMENT in names and any(name.startswith("receipts/") for name in names)


def _directory_size(stream: BinaryIO) -> int:
    """Bytes of a ZIP's list of members, as its end states them; -1 without an end.

    Looked at before a reader takes that many into memory.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - 0x10000 - 22))
    tail = stream.read()
    end = tail.rfind(b"PK\5\6")
    stated = int.from_bytes(tail[end + 12 : end + 16], "little") if end >= 0 else -1
    wide = tail.rfind(b"PK\6\6", 0, max(end, 0))
    if stated == 0xFFFFFFFF and wide >= 0:
        stated = int.from_bytes(tail[wide + 40 : wide + 48], "little")
    return stated
