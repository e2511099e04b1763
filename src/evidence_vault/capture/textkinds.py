"""Kinds of text: markup, mail, tables, JSON, plain; in UTF-8, UTF-16 or an older encoding."""

from __future__ import annotations

import re

from evidence_vault.capture.signatures import Format, Kind

_LOOK = 4096

_BOMS: tuple[tuple[bytes, str, str], ...] = (
    (b"\xef\xbb\xbf", "utf-8", "UTF-8 with mark"),
    (b"\xff\xfe", "utf-16-le", "UTF-16"),
    (b"\xfe\xff", "utf-16-be", "UTF-16"),
)
_CONTROLS = bytes(set(range(32)) - {9, 10, 12, 13, 27})
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,40}:[ \t\r\n]")
_MAIL = re.compile(
    r"^(From|To|Subject|Date|Received|Return-Path|Message-ID|MIME-Version|X-[\w-]+):",
    re.IGNORECASE | re.MULTILINE,
)

_MARKUP: tuple[tuple[re.Pattern[str], Kind], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (r"<svg[\s>:]|<!DOCTYPE svg", ("image/svg+xml", "svg", "SVG")),
        (r"<x:xmpmeta|<\?xpacket|<rdf:RDF", ("application/rdf+xml", "xmp", "XMP")),
        (r"<!DOCTYPE html|<html[\s>]", ("text/html", "html", "HTML")),
        (r"<kml[\s>]", ("application/vnd.google-earth.kml+xml", "kml", "KML")),
        (r"<gpx[\s>]", ("application/gpx+xml", "gpx", "GPX")),
    )
)
_XML: Kind = ("application/xml", "xml", "XML")
_HTML_PARTS = re.compile(r"<(head|title|body|meta|script|table|div|p|h1|font)[\s>]", re.IGNORECASE)


def identify_text(head: bytes) -> Format | None:
    """What kind of text ``head`` is, or ``None`` if it isn't text."""
    text, encoding = _decode(head[:_LOOK])
    if not text:
        return None
    kind = _markup(text) or _structured(text) or ("text/plain", "txt", f"text, {encoding}")
    return Format(*kind, "text")


def _decode(data: bytes) -> tuple[str, str]:
    """The text of ``data`` and its encoding's name; two empty strings if it isn't text."""
    for mark, codec, name in _BOMS:
        if data.startswith(mark):
            text = data[len(mark) :].decode(codec, "ignore")
            return ("", "") if _CONTROL.search(text) else (text or " ", name)
    if data.translate(None, _CONTROLS) != data:
        return "", ""
    try:
        return data.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError as error:
        if error.start >= len(data) - 3 and len(data) == _LOOK:  # cut within a character
            return data[: error.start].decode("utf-8"), "UTF-8"
    printable = len(data) - sum(map(data.count, range(0x80, 0xA0)))
    if printable * 10 >= len(data) * 9:
        return data.decode("latin-1"), "8-bit encoding"
    return "", ""


def _markup(text: str) -> Kind | None:
    start = text.lstrip()[:16].lower()
    if not start.startswith("<"):
        return None
    for pattern, kind in _MARKUP:
        if pattern.search(text):
            return kind
    if start.startswith("<?xml"):
        return _XML
    if _HTML_PARTS.search(text):
        return ("text/html", "html", "HTML")
    return _XML if re.match(r"<[A-Za-z!?][^<>]*>", text.lstrip()) else None


def _structured(text: str) -> Kind | None:
    start = text.lstrip()[:1]
    if start and start in "{[" and re.match(r'\s*(\{\s*("|\})|\[\s*["\[{\d\]])', text):
        return ("application/json", "json", "JSON")
    if _HEADER.match(text) and len(_MAIL.findall(text)) >= 2:
        return ("message/rfc822", "eml", "mail message")
    return _table(text)


def _table(text: str) -> Kind | None:
    """CSV: every whole line has the same number of separators, at least one, over three lines."""
    lines = [line for line in text.split("\n")[:12] if line.strip()]
    if len(text) >= _LOOK - 16:
        lines = lines[:-1] or lines
    if len(lines) < 3:
        return None
    for separator, name in ((",", "CSV"), (";", "CSV with semicolons"), ("\t", "tab-separated")):
        counts = {_outside_quotes(line).count(separator) for line in lines}
        if len(counts) == 1 and counts.pop() >= 1:
            return ("text/csv", "csv", name)
    return None


def _outside_quotes(line: str) -> str:
    return re.sub(r'"[^"]*"', "", line)
