"""A search for the secrets of an original in all bytes of its copy, packed and unpacked.

Unpacked are members of ZIP packages, to any depth, streams that zlib undoes wherever one starts,
what base64 lines hold, and the plain form of PDF that qpdf writes. A secret that anybody reads in
the visible text, too, is listed apart.
"""

from __future__ import annotations

import base64
import binascii
import html
import io
import re
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pypdf
from tests.strip.hunt.secrets import Secrets, forms, of_text

_MOST = 64 << 20
_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{40,}\r?\n?)+={0,2}")
_FONTS = re.compile(rb" typeface=\"([^\"]*)\"")  # anybody sees which font a text is set in
_TAGS = re.compile(rb"<[^>]*>")


def hunt(found: Secrets, copy: Path, mime: str) -> tuple[list[str], list[str]]:
    """(leaks, what also stands in visible text), each as ``where it was told: form, part``."""
    text = " ".join(visible(copy, mime).split())
    seen = {
        pattern
        for value in found.texts
        if " ".join(value.split()) in text
        for _, pattern in of_text(value)
    }
    patterns: dict[bytes, str] = {}
    for where, form, pattern in forms(found):
        if len(pattern) >= 6:
            patterns.setdefault(pattern, f"{where}: {form}")
    leaks: set[str] = set()
    listed: set[str] = set()
    for part, data in parts(copy, mime):
        for pattern, what in patterns.items():
            if pattern in data:
                (listed if pattern in seen else leaks).add(f"{what}, in {part}")
    return sorted(leaks), sorted(listed)


def parts(copy: Path, mime: str) -> Iterator[tuple[str, bytes]]:
    """The file as it is, and everything unpacked from it."""
    data = copy.read_bytes()
    yield "the bytes", data
    yield from _unpacked(data, 0)
    if mime == "application/pdf":
        yield "qpdf --qdf", plain_pdf(copy)


def _unpacked(data: bytes, depth: int) -> Iterator[tuple[str, bytes]]:
    if depth > 4:
        return
    inner: list[tuple[str, bytes]] = []
    if data[:2] == b"PK":
        inner += [(f"member {name}", part) for name, part in members(data)]
    else:
        inner += [("zlib", part) for part in _inflated(data)]
        inner += [("base64", part) for part in _decoded(data)]
    for name, part in inner:
        yield name, part
        yield from _unpacked(part, depth + 1)


def members(data: bytes) -> list[tuple[str, bytes]]:
    """Name and content of each member of a ZIP package."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            return [(each, package.read(each)) for each in package.namelist()]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error):
        return []


def _inflated(data: bytes) -> Iterator[bytes]:
    at = 0
    while found := _ZLIB.search(data, at):
        at = found.start() + 1
        engine = zlib.decompressobj()
        try:
            part = engine.decompress(data[found.start() :], _MOST)
        except zlib.error:
            continue
        if len(part) > 16:
            yield part
            at = max(at, len(data) - len(engine.unused_data) if engine.eof else at)


def _decoded(data: bytes) -> Iterator[bytes]:
    for found in _BASE64.finditer(data):
        try:
            yield base64.b64decode(re.sub(rb"\s", b"", found.group()))
        except binascii.Error:
            continue


def plain_pdf(path: Path) -> bytes:
    """Every stream and string of a PDF, as qpdf writes it for reading."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "plain")
        run = ["qpdf", "--qdf", "--object-streams=disable", "--decode-level=all"]
        subprocess.run([*run, str(path), str(target)], capture_output=True, check=False)
        return target.read_bytes() if target.exists() else b""


def visible(copy: Path, mime: str) -> str:
    """What anybody reads in the content of a copy."""
    data = copy.read_bytes()
    if mime.startswith(("text/", "message/")) or mime == "application/json":
        return data.decode("utf-8", "replace") + data.decode("latin-1")
    if mime == "application/pdf":
        return _text_of_pdf(copy)
    if mime == "application/zip":
        return "\n".join(name for name, _ in members(data))
    if mime == "image/svg+xml":
        return _between_tags(data)
    if mime.startswith("application/vnd."):
        return "\n".join(_between_tags(part) for name, part in members(data) if _is_text(name))
    return ""


def _is_text(name: str) -> bool:
    return name.endswith(".xml") and not name.startswith(("docProps/", "meta", "META-INF/"))


def _between_tags(data: bytes) -> str:
    fonts = "\n".join(each.decode("utf-8", "replace") for each in _FONTS.findall(data))
    joined = html.unescape(_TAGS.sub(b"", data).decode("utf-8", "replace"))
    return (
        fonts
        + "\n"
        + joined
        + "\n"
        + html.unescape(_TAGS.sub(b" ", data).decode("utf-8", "replace"))
    )


def _text_of_pdf(path: Path) -> str:
    done = subprocess.run(["pdftotext", str(path), "-"], capture_output=True, check=False)
    told = [done.stdout.decode("utf-8", "replace")]
    try:
        reader = pypdf.PdfReader(path)
        told += [page.extract_text() for page in reader.pages]
        told += [str(each.title) for each in _flat(reader.outline)]
    except Exception:  # a part that can't be read holds nothing to search
        told.append("")
    return "\n".join(told)


def _flat(outline: Sequence[object]) -> Iterator[pypdf.generic.Destination]:
    for each in outline:
        if isinstance(each, list):
            yield from _flat(each)
        elif isinstance(each, pypdf.generic.Destination):
            yield each
