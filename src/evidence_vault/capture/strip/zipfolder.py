"""Share copies of ZIP archives: every file in it goes through the same strip."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from pathlib import Path

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.model import (
    Comparison,
    Kept,
    NotChecked,
    Scan,
    ToolUse,
    View,
    Work,
)
from evidence_vault.capture.strip.nested import Nest
from evidence_vault.capture.strip.zipparts import (
    Member,
    container_residues,
    read_members,
    write_members,
    zip_may_stay,
    zip_views,
)

_MOST = 500


class ZipFolder:
    """An archive is clean if every file in it is; names of files stay, they are its content."""

    name = "ZIP"

    def __init__(self) -> None:
        self._nest = Nest()

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        """Clean each file and write the archive anew."""
        members = read_members(source)
        if not members or len(members) > _MOST:
            raise NotChecked(f"it holds no file or more than {_MOST}")
        cleaned = [
            Member(each.name, self._nest.clean("file", each.data, bench)) for each in members
        ]
        write_members(target, cleaned)
        return Work(
            structures=("dates, comments and attributes of files in the ZIP",),
            kept=(Kept("names of files", "they are content of the archive and stay"),),
            tools=(ToolUse("Python zipfile", platform.python_version(), ("dates of 1980",)),),
            nested=tuple(self._nest.reports),
        )

    def compare(self, source: Path, target: Path, bench: Bench) -> Comparison:
        """Names and order; each file was compared by its own kind."""
        before = [each.name for each in read_members(source)]
        after = [each.name for each in read_members(target)]
        same = [report["decoded"]["identical"] for _, report in self._nest.reports]
        what = f"{len(before)} files, {same.count('yes')} of them by themselves"
        good = before == after and "no" not in same
        return Comparison("yes" if good else "no", "names of files; each by its own kind", what)

    def scan(self, target: Path, bench: Bench) -> Scan:
        """The container, read by its own structures."""
        tool = ToolUse("Python zipfile", platform.python_version(), ("offsets of every file",))
        return Scan(tool, tuple(container_residues(target)))

    def views(self, path: Path, bench: Bench) -> Iterator[View]:
        """Every file in it, and files in those."""
        return zip_views(path.read_bytes())

    def visible_text(self, source: Path, bench: Bench) -> str:
        """Names of the files."""
        return "\n".join(each.name for each in read_members(source))

    def may_stay(self, tag: str) -> str | None:
        return zip_may_stay(tag) or self._nest.may_stay(tag)
