"""A bundle that was split: OUT.001, OUT.002 …, read as the one file they are pieces of.

``find_volumes`` tells by the names; what stands beside them in ``OUT.sha256`` is nobody's signed
word, and is used for one thing only: to name the volume that is wrong when something is.
"""

from __future__ import annotations

import bisect
import hashlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from evidence_vault.core.canonical import is_hex
from evidence_vault.core.findings import Finding, Outcome
from evidence_vault.errors import UsageError
from evidence_vault.verify.kinds import AGE_KIND, ZIP_KIND, kind_of_path

CLAUSE = "docs/format-bundle.md, volumes"
_NAME = re.compile(r"(?P<base>.+)\.(?P<number>[0-9]{3,6})\Z", re.DOTALL)
_MAX_LIST = 4 * 1024 * 1024  # bytes
_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Volumes:
    """The pieces of one file by number. ``out``: the path they are pieces of."""

    out: Path
    parts: dict[int, Path]

    @property
    def name(self) -> str:
        return self.out.name

    @property
    def first(self) -> Path:
        return self.parts[min(self.parts)]

    def problems(self) -> list[Finding]:
        """Volumes that are missing or too short, by name; what can be seen without reading."""
        listed = {name for name in self.listed() if self._number(name)}
        last = max([*self.parts, *(self._number(name) or 0 for name in listed)])
        gone = [n for n in range(1, last + 1) if n not in self.parts]
        found = [_differs("C-VOLUME-MISSING", self._named(n)) for n in gone]
        sizes = {n: path.stat().st_size for n, path in self.parts.items()}
        full = max(sizes.values())
        for number, size in sorted(sizes.items()):
            if size < full and number != last:
                found.append(_differs("C-VOLUME-SIZE", self._named(number), size, full))
        return found

    def changed(self) -> list[Finding]:
        """Volumes that are not those of ``OUT.sha256``. Reads all of them; empty without it."""
        found = []
        for name, expected in self.listed().items():
            path = self.parts.get(self._number(name) or 0)
            if path is not None and (actual := _digest(path)) != expected:
                found.append(_differs("C-VOLUME-CHANGED", name, actual, expected))
        return found

    def listed(self) -> dict[str, str]:
        """SHA-256 by name of a volume, from ``OUT.sha256`` beside them; empty when it says none."""
        path = self.out.with_name(self.name + ".sha256")
        try:
            with path.open("rb") as stream:
                text = stream.read(_MAX_LIST).decode("utf-8")
        except (OSError, UnicodeDecodeError):
            return {}
        rows = (line.partition("  ") for line in text.splitlines())
        return {n: d for d, _, n in rows if is_hex(d, 64) and self._number(n)}

    def open(self) -> BinaryIO:
        """All of them as one file that can jump."""
        raw = JoinedFile([self.parts[n] for n in sorted(self.parts)])
        return cast("BinaryIO", io.BufferedReader(raw, _BLOCK))

    def _named(self, number: int) -> str:
        return f"{self.name}.{number:03d}"

    def _number(self, name: str) -> int | None:
        match = _NAME.match(name)
        if match is None or match["base"] != self.name or int(match["number"]) == 0:
            return None
        return int(match["number"])


class JoinedFile(io.RawIOBase):
    """Several files one after the other; one of them is open at a time."""

    def __init__(self, paths: list[Path]) -> None:
        super().__init__()
        self._paths = paths
        sizes = [path.stat().st_size for path in paths]
        self._starts = [sum(sizes[:n]) for n in range(len(sizes))]
        self._size = sum(sizes)
        self._at = 0
        self._open: tuple[int, BinaryIO] | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(22, "before the start of the first volume")
        self._at = base + offset
        return self._at

    # What typeshed calls a buffer is narrower here.
    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Up to the end of the volume that holds the position; 0 at the end of the last."""
        if self._at >= self._size:
            return 0
        number = bisect.bisect_right(self._starts, self._at) - 1
        stream = self._stream(number)
        stream.seek(self._at - self._starts[number])
        got = cast("io.RawIOBase", stream).readinto(buffer) or 0
        self._at += got
        return got

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None
        super().close()

    def _stream(self, number: int) -> BinaryIO:
        if self._open is None or self._open[0] != number:
            if self._open is not None:
                self._open[1].close()
            self._open = number, self._paths[number].open("rb", buffering=0)
        return self._open[1]


def find_volumes(path: Path) -> Volumes | None:
    """The volumes that a path names, or None when it names something else.

    It may be any one of them, the name they share, a pattern such as ``OUT.*``, or a folder that
    holds them and no bundle. Raises UsageError when a folder or pattern holds several sets.
    """
    folder = path if path.is_dir() else path.absolute().parent
    match = _NAME.match(path.name)
    if path.is_dir():
        if (path / "statement.json").exists() or (path / "bagit.txt").exists():
            return None
        sets = _sets(path)
    elif path.exists():
        if match is None:
            return None
        sets = {base: parts for base, parts in _sets(folder).items() if base == match["base"]}
    elif any(c in path.name for c in "*?"):
        named = _sets(folder).items()
        sets = {b: p for b, p in named if any(q.match(path.name) for q in p.values())}
    else:
        sets = {base: parts for base, parts in _sets(folder).items() if base == path.name}
    found = [Volumes(folder / base, parts) for base, parts in sets.items() if _is_bundle(parts)]
    if len(found) > 1:
        names = " and ".join(sorted(each.first.name for each in found))
        raise UsageError(
            f"{path} holds the volumes of several files",
            code="E-VOLUMES",
            hint=f"name the first volume of one: {names}",
        )
    return found[0] if found else None


def _sets(folder: Path) -> dict[str, dict[int, Path]]:
    """Files of a folder that are named like volumes, by the name they share and by number."""
    sets: dict[str, dict[int, Path]] = {}
    try:
        names = os.listdir(folder)
    except OSError:
        return {}
    for name in names:
        match = _NAME.match(name)
        if match is not None and int(match["number"]) and (folder / name).is_file():
            sets.setdefault(match["base"], {})[int(match["number"])] = folder / name
    return sets


def _is_bundle(parts: dict[int, Path]) -> bool:
    """The first begins like a bundle; without the first, none begins like anything known."""
    if 1 in parts:
        return kind_of_path(parts[1]) in (AGE_KIND, ZIP_KIND)
    return all(kind_of_path(path) is None for path in parts.values())


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for block in _blocks(path):
        digest.update(block)
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block


def _differs(
    code: str, name: str, found: int | str | None = None, expected: int | str | None = None
) -> Finding:
    details: dict[str, int | str] = {}
    if found is not None and expected is not None:
        details = {"expected": expected, "found": found}
    return Finding(code, Outcome.DIFFERS, name, details, CLAUSE)
