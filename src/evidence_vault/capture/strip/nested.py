"""Embedded files on their way through the same strip, and what of them may stay."""

from __future__ import annotations

from typing import Any

from evidence_vault.capture.strip.bench import Bench


class Nest:
    """Cleans embedded files and remembers their reports, in order."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, dict[str, Any]]] = []
        self._kept: dict[str, str] = {}

    def clean(self, kind: str, data: bytes, bench: Bench) -> bytes:
        """The share copy of an embedded file; where there is none, the file as it is.

        The copy of the whole can't be clean then, because the report is among ``reports``.
        ``kind``: what to call it, a word of the format.
        """
        source, target = bench.scratch(), bench.scratch()
        source.write_bytes(data)
        report = bench.clean_embedded(source, target)
        self.reports.append((f"{kind} {len(self.reports) + 1}", report))
        if report["outcome"] != "clean":
            return data
        for each in report["kept"]:
            self._kept[each["name"]] = each["why"]
        cleaned = target.read_bytes()
        source.unlink()
        target.unlink()
        return cleaned

    def may_stay(self, tag: str) -> str | None:
        """Why a tag may stay that an embedded file keeps."""
        first, _, rest = tag.partition(":")
        name = f"XMP:{rest.rpartition(':')[2]}" if first.startswith("XMP") else tag
        return self._kept.get(name)
