"""The bench of one strip: a private folder, the programs on it, and ExifTool's view of a file."""

from __future__ import annotations

import base64
import binascii
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from evidence_vault.capture.formats import HEAD_SIZE, TAIL_SIZE, identify
from evidence_vault.capture.strip.model import NotChecked, ToolUse

MAX_DEPTH = 5
"""How deep embedded files are followed; deeper ones can't be checked."""

OUTPUT_LIMIT = 256 * 1024 * 1024
EXIFTOOL_SWITCHES = ("-json", "-a", "-ee3", "-u", "-b", "-G0:1:4", "-api", "LargeFileSupport=1")

_COPY = re.compile(r":Copy[0-9]+(?=:)")
_ABOUT_THE_RUN = ("SourceFile", "ExifTool:", "File:System:")
_VERSION = re.compile(rb"[0-9]+(?:\.[0-9]+)+")


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag as ExifTool names it, ``Group0:Group1:Name``, and its value: text or bytes."""

    key: str
    value: str | bytes


Nested = Callable[[Path, Path, "Bench"], dict[str, Any]]


class Bench:
    """Tools and scratch space of one strip; ``depth`` counts embedded files within files."""

    def __init__(
        self, folder: Path, nested: Nested, depth: int = 0, names: Path | None = None
    ) -> None:
        """``names``: what ``exiftool -list`` printed, which takes longer than looking at a file."""
        self.folder = folder
        self._names = names
        self.depth = depth
        self._nested = nested
        self._scratches = 0

    def scratch(self, suffix: str = "") -> Path:
        """A new path in the private folder; nothing is there yet."""
        self._scratches += 1
        return self.folder / f"{self.depth}-{self._scratches}{suffix}"

    def clean_embedded(self, source: Path, target: Path) -> dict[str, Any]:
        """Strip an embedded file by the same rules; its report, with ``outcome`` and the rest.

        ``target`` exists afterwards only if the outcome is ``clean``.
        """
        if self.depth + 1 > MAX_DEPTH:
            raise NotChecked(f"files are embedded more than {MAX_DEPTH} deep")
        folder = self.scratch("-embedded")
        folder.mkdir()
        inner = Bench(folder, self._nested, self.depth + 1, self._names)
        return self._nested(source, target, inner)

    def tool(self, name: str) -> str:
        """The full path of a program; raises NotChecked when it is not installed."""
        found = shutil.which(name)
        if found is None:
            raise NotChecked(f"{name} is not installed")
        return found

    def version(self, name: str, switch: str = "-version") -> str:
        """The version that a program states of itself."""
        found = _VERSION.search(self.run([name, switch]))
        return found.group().decode() if found else "unknown"

    def run(self, argv: Sequence[str], allowed: Sequence[int] = (0,)) -> bytes:
        """Standard output of a program; raises NotChecked when it fails or prints too much.

        The limits of the whole strip hold for it, too.
        """
        program = self.tool(argv[0])
        done = subprocess.run(
            [program, *argv[1:]], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        if len(done.stdout) > OUTPUT_LIMIT:
            raise NotChecked(f"{argv[0]} printed too much")
        if done.returncode not in allowed:
            raise NotChecked(f"{argv[0]} failed with status {done.returncode}")
        return done.stdout

    # -- ExifTool ------------------------------------------------------------------------------

    @cached_property
    def exiftool(self) -> ToolUse:
        """ExifTool as the bench uses it to look."""
        version = self.run(["exiftool", "-ver"]).strip().decode("ascii", "replace")
        return ToolUse("ExifTool", version, (*EXIFTOOL_SWITCHES, "COPY"))

    @cached_property
    def known_names(self) -> frozenset[str]:
        """Every tag name that ExifTool itself defines; any other was read from the file."""
        listed = b"" if self._names is None else self._names.read_bytes()
        listed = listed or self.run(["exiftool", "-list"])
        return frozenset(listed.decode("utf-8", "replace").split())

    def tags(self, path: Path, numeric: bool = False) -> list[Tag]:
        """All that ExifTool finds in a file, embedded streams and unknown tags, too.

        Raises NotChecked if ExifTool can't read it.
        """
        switches = ["-n"] if numeric else []
        printed = self.run(["exiftool", *EXIFTOOL_SWITCHES, *switches, str(path)], allowed=(0, 1))
        try:
            (found,) = json.loads(printed.decode("utf-8", "replace"), parse_float=str)
        except ValueError as error:
            raise NotChecked("ExifTool gave no answer") from error
        if any(key.split(":")[-1] == "Error" for key in found):
            raise NotChecked("ExifTool can't read it")
        tags: list[Tag] = []
        for key, value in found.items():
            if not key.startswith(_ABOUT_THE_RUN):
                tags += _tags(_COPY.sub("", key), value)
        return tags

    # -- formats -------------------------------------------------------------------------------

    def mime(self, path: Path) -> str:
        """What a file is by its content."""
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(HEAD_SIZE)
            stream.seek(max(0, size - TAIL_SIZE))
            tail = stream.read(TAIL_SIZE)
        return identify(head, tail, size).mime


def _tags(key: str, value: Any) -> list[Tag]:
    """One tag for each plain value; what structures hold gets the structure's name."""
    if isinstance(value, dict):
        return [tag for name, inner in value.items() for tag in _tags(f"{key}{name}", inner)]
    if isinstance(value, list):
        return [tag for inner in value for tag in _tags(key, inner)]
    if isinstance(value, str) and value.startswith("base64:"):
        try:
            return [Tag(key, base64.b64decode(value[7:], validate=True))]
        except (binascii.Error, ValueError):
            pass
    return [Tag(key, value if isinstance(value, str) else json.dumps(value))]
