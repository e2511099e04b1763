"""What a PDF holds beside its pages: every string and text, of all its revisions."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Stream

from evidence_vault.capture.strip.model import Secret

_MOST_SECRETS = 20_000
_MOST_REVISIONS = 20
_LONGEST = 2000
_DEEPEST = 40
_NOBODYS = frozenset(["/CharSet", "/DA", "/DS", "/FontFamily", "/Lang"])  # words of fonts
_XML_TEXT = re.compile(r">([^<>]{5,2000})<|=\s*\"([^\"<>]{5,2000})\"|=\s*'([^'<>]{5,2000})'")
_ADDRESS_OF_FORMAT = re.compile(r"(http://|https://ns\.adobe\.com|https?://purl\.org)")
_END = re.compile(rb"%%EOF[\r\n]*")
#: Words that stand in every document of the format: finding one says nothing.
ORDINARY: frozenset[str | bytes] = frozenset(
    """Annot Annots Circle Contents Encoding False Filter FlateDecode Font Form FreeText Highlight
    Identity Image Length Line Link MediaBox Page Pages Parent Polygon PolyLine Resource Resources
    Root Rotate Size Square Squiggly Stamp StrikeOut Text Title True Type Underline Widget XObject
    Adobe Color ColorSpace Courier DeviceRGB Helvetica Normal Times-Roman Catalog Count Width Height
    application/pdf false true""".split()
)


def revisions(data: bytes) -> Iterator[bytes]:
    """Earlier states of a document that was saved by appending (7.5.6), newest first."""
    ends = [found.end() for found in _END.finditer(data)]
    for end in ends[:-1][-_MOST_REVISIONS:][::-1]:
        yield data[:end]


def secrets(source: pikepdf.Pdf, copy: pikepdf.Pdf, data: bytes) -> tuple[list[Secret], int]:
    """(strings, texts and streams of the original that the copy does not hold, revisions read)."""
    staying = {value for _, value in _strings(copy)}
    found = dict.fromkeys(_telling(source))
    earlier = 0
    for old in revisions(data):
        try:
            with pikepdf.open(io.BytesIO(old), suppress_warnings=True) as revision:
                found.update(dict.fromkeys(_telling(revision)))
                earlier += 1
        except pikepdf.PdfError:
            continue
    names = {"string": "string beside the pages", "xmp": "text in XMP", "stream": "removed stream"}
    kept = [Secret(names[kind], value) for kind, value in found if value not in staying]
    return kept[:_MOST_SECRETS], earlier


def _telling(pdf: pikepdf.Pdf) -> Iterator[tuple[str, str | bytes]]:
    for kind, value in _strings(pdf):
        yield kind, value[:_LONGEST]
    for each in _objects(pdf):
        if isinstance(each, Stream):
            yield from _of_stream(each)


def _of_stream(stream: Any) -> Iterator[tuple[str, str | bytes]]:
    kind = stream.get("/Type")
    if kind not in ("/Metadata", "/EmbeddedFile"):
        return
    try:
        data = bytes(stream.read_bytes())
    except pikepdf.PdfError:
        return
    if kind == "/EmbeddedFile":
        yield "stream", data[len(data) // 2 :][:24]
        return
    for found in _XML_TEXT.finditer(data.decode("utf-8", "replace")):
        text = next(each for each in found.groups() if each is not None).strip()
        if not _ADDRESS_OF_FORMAT.match(text):
            yield "xmp", text


def strings(pdf: pikepdf.Pdf) -> Iterator[str | bytes]:
    """Every string of every object: text, or bytes where it is none."""
    return (value for _, value in _strings(pdf))


def _strings(pdf: pikepdf.Pdf) -> Iterator[tuple[str, str | bytes]]:
    for each in [pdf.trailer, *_objects(pdf)]:
        yield from _inside(each, 0)


def _objects(pdf: pikepdf.Pdf) -> Iterator[Any]:
    for each in pdf.objects:
        if each is not None:
            yield each


def _inside(value: Any, depth: int) -> Iterator[tuple[str, str | bytes]]:
    """Strings of an object and what stands directly in it."""
    if isinstance(value, pikepdf.String):
        yield "string", _decoded(bytes(value), str(value))
    elif depth < _DEEPEST and isinstance(value, Dictionary | Stream):
        for key in value.keys():
            inner = value[key]
            if key not in _NOBODYS and not getattr(inner, "is_indirect", False):
                yield from _inside(inner, depth + 1)
    elif depth < _DEEPEST and isinstance(value, Array):
        for inner in value:
            if not getattr(inner, "is_indirect", False):
                yield from _inside(inner, depth + 1)


def _decoded(raw: bytes, text: str) -> str | bytes:
    printable = text.isprintable() or all(each.isprintable() or each in "\r\n\t" for each in text)
    return text if printable else raw
