"""Removed values in every form in which a format may still hold them, searched for in bytes.

Texts: UTF-8, Latin-1, UTF-16 of both orders, hex, base64 at each of its three alignments, percent
and XML escapes. Binary values: slices of them, raw, hex and base64. Positions: decimal degrees,
degrees and minutes, NMEA, EXIF rationals as they stand in the original, floats, and the pairs of
32-bit numbers that telemetry holds.
"""

from __future__ import annotations

import base64
import re
import struct
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import ceil, floor

import ahocorasick

from evidence_vault.capture.strip.model import Secret, View

FORMS = (
    "bytes",
    "utf-8",
    "latin-1",
    "utf-16",
    "hex",
    "base64",
    "percent",
    "xml",
    "decimal degrees",
    "degrees and minutes",
    "rational",
    "float",
    "integer pair",
)

_SHORTEST_TEXT = 5  # characters; shorter ones come up by chance in any picture
_DIGITS = 6  # significant digits of a number worth searching for
_SHORTEST = 5  # bytes of a pattern
_SHORTEST_BASE64 = 6  # characters: even the shortest text has as many at each alignment
_SLICE = 32
_JPEG, _SCAN = b"\xff\xd8\xff", b"\xff\xda"
_NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?\Z")
_COORDINATE = re.compile(r"(latitude|longitude)", re.IGNORECASE)
_POSITION = re.compile(r"(position|coordinates|location)", re.IGNORECASE)
_DECIMALS = re.compile(r"[+-]?[0-9]{1,3}\.[0-9]{4,}")


@dataclass(frozen=True, slots=True)
class Needle:
    """``pattern`` (bytes) is a form of the value of ``name``."""

    name: str
    form: str
    pattern: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """A needle that was found, and in which part of the file."""

    name: str
    form: str
    view: str


@dataclass(frozen=True, slots=True)
class Search:
    """How much was searched for and in how many bytes, and what was found."""

    values: int
    patterns: int
    size: int
    found: tuple[Found, ...]


def is_telling(value: str | bytes) -> bool:
    """Whether a value is long enough that finding it can't be chance."""
    if isinstance(value, bytes):
        return len(value) >= _SHORTEST and len(set(value)) > 2
    text = value.strip()
    if _NUMBER.match(text):
        return len(text.lstrip("+-").replace(".", "").strip("0")) >= _DIGITS
    return len(text) >= _SHORTEST_TEXT and len(set(text)) > 2


def needles(secrets: Iterable[Secret], source: bytes = b"") -> list[Needle]:
    """Every form of every telling value. ``source``: the original, for its own rationals."""
    found: list[Needle] = []
    latitudes: set[float] = set()
    longitudes: set[float] = set()
    for secret in secrets:
        for coordinate, is_latitude in _coordinates(secret):
            (latitudes if is_latitude else longitudes).add(coordinate)
            found += _of_degrees(secret.name, coordinate, source)
        if is_telling(secret.value):
            value = secret.value
            forms = _of_bytes(value) if isinstance(value, bytes) else _of_text(value.strip())
            found += [Needle(secret.name, form, pattern) for form, pattern in forms]
    for latitude in latitudes:
        for longitude in longitudes:
            found += _of_pair(latitude, longitude)
    return [needle for needle in found if len(needle.pattern) >= _SHORTEST]


def search(views: Iterable[View], wanted: Iterable[Needle]) -> Search:
    """Look for all needles in one pass over each view."""
    automaton = ahocorasick.Automaton()
    names = set()
    by_pattern: dict[bytes, Needle] = {}
    for needle in wanted:
        names.add(needle.name)
        by_pattern.setdefault(needle.pattern, needle)
    for pattern, needle in by_pattern.items():
        automaton.add_word(pattern.decode("latin-1"), needle)
    found: dict[Found, None] = {}
    size = 0
    if by_pattern:
        automaton.make_automaton()
    for view in views:
        size += len(view.data)
        if not by_pattern:
            continue
        for _, needle in automaton.iter(view.data.decode("latin-1")):
            found[Found(needle.name, needle.form, view.name)] = None
    return Search(len(names), len(by_pattern), size, tuple(found))


# -- forms -------------------------------------------------------------------------------------


def _of_text(text: str) -> Iterator[tuple[str, bytes]]:
    plain = text.encode("utf-8", "surrogatepass")
    yield "utf-8", plain
    for name in ("latin-1", "cp1252"):
        try:
            yield "latin-1", text.encode(name)
        except UnicodeEncodeError:
            continue
    for name in ("utf-16-le", "utf-16-be"):
        wide = text.encode(name, "surrogatepass")
        yield "utf-16", wide
        yield from _wrapped(wide)
    yield from _wrapped(plain)
    yield "percent", urllib.parse.quote(plain).encode()
    yield "xml", escape(text).encode("utf-8", "surrogatepass")


def _of_bytes(value: bytes) -> Iterator[tuple[str, bytes]]:
    for part in _slices(value):
        yield "bytes", part
        yield from _wrapped(part)


def _slices(value: bytes) -> list[bytes]:
    """At most three slices that only this value can hold: no headers, tables or flat areas."""
    if value.startswith(_JPEG):
        value = value[max(0, value.rfind(_SCAN)) :]
    if len(value) <= _SLICE:
        return [value] if len(set(value)) > len(value) // 2 else []
    step = max(1, len(value) // 24)
    parts = (value[at : at + _SLICE] for at in range(step // 2, len(value) - _SLICE + 1, step))
    telling = [part for part in parts if _is_unlike_a_table(part)]
    middle = len(telling) // 2
    return list(dict.fromkeys([*telling[:1], *telling[middle : middle + 1], *telling[-1:]]))


def _is_unlike_a_table(part: bytes) -> bool:
    """Many different bytes, and not in rising order as in the tables of coded pictures."""
    rising = sum(one < two for one, two in pairwise(part))
    return len(set(part)) >= len(part) * 3 // 4 and rising <= len(part) * 2 // 3


def _wrapped(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Hex of both cases, and what base64 shows of the data whatever stands before it."""
    yield "hex", data.hex().encode()
    yield "hex", data.hex().upper().encode()
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + data)
        first = (0, 2, 3)[shift]
        last = (shift + len(data)) * 8 // 6  # characters that nothing behind the data changes
        if last - first >= _SHORTEST_BASE64:
            yield "base64", coded[first:last]


def _coordinates(secret: Secret) -> Iterator[tuple[float, bool]]:
    """(degrees, is it a latitude) of a secret that is a position in decimal degrees."""
    if not isinstance(secret.value, str):
        return
    name = secret.name.rpartition(":")[2]
    values = [float(each) for each in _DECIMALS.findall(secret.value)]
    if _COORDINATE.search(name):
        values = values[:1]
        latitude = "latitude" in name.lower()
        yield from ((value, latitude) for value in values if 0 < abs(value) <= 180)
    elif _POSITION.search(name) and len(values) >= 2:
        yield values[0], True
        yield values[1], False


def _of_degrees(name: str, value: float, source: bytes) -> Iterator[Needle]:
    size = abs(value)
    degrees = floor(size)
    minutes = (size - degrees) * 60
    decimal = f"{floor(size * 10_000) / 10_000:.4f}"
    for text in (decimal, f"{degrees}{decimal[decimal.index('.') :]}"):
        for _, pattern in _of_text(text):
            yield Needle(name, "decimal degrees", pattern)
    texts = [f"{degrees} deg {floor(minutes)}'", f"{degrees}°{floor(minutes)}'"]
    texts += [f"{degrees},{minutes:.4f}"[:8], f"{degrees:02d}{minutes:07.4f}"[:8]]
    for text in texts:
        for _, pattern in _of_text(text):
            yield Needle(name, "degrees and minutes", pattern)
    for pattern in _rationals(size, source):
        yield Needle(name, "rational", pattern)
        for _, wrapped in _wrapped(pattern):
            yield Needle(name, "rational", wrapped)
    for signed in (value, -value):
        yield Needle(name, "float", struct.pack(">d", signed)[:6])
        yield Needle(name, "float", struct.pack("<d", signed)[2:])


def _rationals(size: float, source: bytes) -> Iterator[bytes]:
    """Three rationals that make ``size`` degrees, exactly as the original writes them."""
    degrees = floor(size)
    for order in "<>":
        for denominator in (1, 10, 100, 1000, 10_000, 1_000_000):
            start = struct.pack(f"{order}II", degrees * denominator, denominator)
            at = source.find(start)
            while at >= 0:
                part = source[at : at + 24]
                if len(part) == 24 and _makes(struct.unpack(f"{order}6I", part), size):
                    yield part
                at = source.find(start, at + 1)


def _makes(numbers: tuple[int, ...], size: float) -> bool:
    if 0 in numbers[1::2]:
        return False
    d, m, s = (numbers[i] / numbers[i + 1] for i in (0, 2, 4))
    return abs(d + m / 60 + s / 3600 - size) < 0.001


def _of_pair(latitude: float, longitude: float) -> Iterator[Needle]:
    for scale in (1e6, 1e7):
        for rounding in (floor, ceil, round):
            pair = (rounding(latitude * scale), rounding(longitude * scale))
            for order in "<>":
                for one, two in (pair, pair[::-1]):
                    yield Needle("position", "integer pair", struct.pack(f"{order}ii", one, two))
    for order in "<>":
        for first, second in ((latitude, longitude), (longitude, latitude)):
            yield Needle("position", "float", struct.pack(f"{order}ff", first, second))
