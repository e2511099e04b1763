"""Plain text, tables and JSON: the bytes are the content, so the copy is the same file.

Nothing of the text itself is examined; hidden marks are counted and told.
"""

from __future__ import annotations

import codecs
import re
import shutil
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

_OTHER = re.compile(
    rb"^%!?PDF|%%EOF|\{\\rtf|<\?xml|<x:xmpmeta|<svg|<html|^MIME-Version:|^BEGIN:V|^Received:|"
    rb"data:[a-z]+/[a-z0-9.+-]+;base64|^From \S+@|Content-Transfer-Encoding:|^-----BEGIN ",
    re.MULTILINE | re.IGNORECASE,
)
_INVISIBLE = re.compile("[\u200b-\u200f\u2060-\u2064\ufeff\U000e0000-\U000e007f]")
_MOST_BYTES = 256 * 1024 * 1024
_STAYS = frozenset(
    "MIMEEncoding Newlines LineCount WordCount ByteOrderMark RowCount ColumnCount Delimiter "
    "Quoting".split()
)


class PlainText:
    """Text in any encoding; what has marks of another format in it is refused."""

    name = "text"

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        """The same bytes."""
        if source.stat().st_size > _MOST_BYTES:
            raise NotChecked("it is too large")
        data = source.read_bytes()
        if _OTHER.search(data):
            raise NotChecked("the text holds a file of another format, which is not understood")
        shutil.copyfile(source, target)
        kept = [Kept("the text itself", "it was not examined: names and places in it stay")]
        marks = len(_INVISIBLE.findall(_text(data)))
        if marks:
            why = f"{marks} characters that are not seen; they may belong to the script or mark it"
            kept.append(Kept("invisible characters", why))
        return Work(kept=tuple(kept), tools=(ToolUse("copy of the bytes", "1"),))

    def compare(self, source: Path, target: Path, bench: Bench) -> Comparison:
        """Byte for byte."""
        same = source.read_bytes() == target.read_bytes()
        size = source.stat().st_size
        return Comparison("yes" if same else "no", "byte for byte", f"{size} bytes of text")

    def scan(self, target: Path, bench: Bench) -> Scan:
        """Bytes that are no text."""
        text = _text(target.read_bytes())
        controls = re.search("[\x00-\x08\x0e-\x1a\x1c-\x1f]", text)
        found = ("control characters",) if controls else ()
        return Scan(ToolUse("Python codecs", "1", ("control characters",)), found)

    def views(self, path: Path, bench: Bench) -> Iterator[View]:
        return iter(())

    def visible_text(self, source: Path, bench: Bench) -> str:
        """All of it."""
        return _text(source.read_bytes())

    def may_stay(self, tag: str) -> str | None:
        """What ExifTool counts in a text; tags of JSON are its content."""
        group, _, name = tag.rpartition(":")
        if group.split(":")[0] == "JSON":
            return "content of the file, which was not examined"
        return "what the text is" if name in _STAYS else None


def _text(data: bytes) -> str:
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(name, "replace")
    for guess in ("utf-8", "utf-16-le", "utf-16-be"):
        if guess != "utf-8" and b"\0" not in data[:64]:
            continue
        try:
            return data.decode(guess)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")
