"""Files of hand-overs taken apart and put together otherwise, as an attacker would."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

from evidence_vault.core.handover import END, format_header, padding

Members = list[tuple[str, bytes]]


def members(path: Path) -> Members:
    """Name and bytes of each member, by a reader that is not ours."""
    with tarfile.open(path) as archive:
        found = []
        for info in archive:
            stream = archive.extractfile(info)
            assert stream is not None
            found.append((info.name, stream.read()))
    return found


def pack(found: Members) -> bytes:
    parts = [format_header(n, len(d)) + d + bytes(padding(len(d))) for n, d in found]
    return b"".join(parts) + END


def rewrite(path: Path, edit: Callable[[Members], Members]) -> Path:
    """A file beside ``path`` with other members."""
    target = path.with_name("edited.tar")
    target.write_bytes(pack(edit(members(path))))
    return target


def replaced(found: Members, name: str, data: bytes) -> Members:
    return [(n, data if n == name else d) for n, d in found]
