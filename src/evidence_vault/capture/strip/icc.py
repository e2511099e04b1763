"""Colour profiles (ICC.1:2022): the numbers that change colours stay, whatever tells a person goes.

A profile is written anew: a header without dates, makers, models, creator and identifier; the
tags that colour transforms read, each as long as its type says; a description and a copyright
that are the same in every copy.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

from PIL import Image, ImageCms

MAX_PROFILE = 16 * 1024 * 1024

#: Tags that a transform reads (ICC.1:2022, 9.2).
COLOUR_TAGS = frozenset(
    b"rXYZ gXYZ bXYZ rTRC gTRC bTRC kTRC wtpt bkpt chad lumi cicp gamt "
    b"A2B0 A2B1 A2B2 B2A0 B2A1 B2A2 D2B0 D2B1 D2B2 D2B3 B2D0 B2D1 B2D2 B2D3".split()
)
_NEUTRAL = "Profile"


def neutral_profile(data: bytes) -> bytes | None:
    """The profile without what points to people; None if it is no profile anything could use.

    A neutral profile comes out as it went in.
    """
    try:
        found = dict(_tags(data))
    except (struct.error, ValueError):
        return None
    version = data[8]
    tags = {name: _trimmed(value) for name, value in found.items() if name in COLOUR_TAGS}
    if not tags:
        return None
    tags[b"desc"], tags[b"cprt"] = neutral_texts(version)
    return _assembled(neutral_header(data[:128]), tags)


def profile_texts(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of the tags that :func:`neutral_profile` leaves out or replaces."""
    try:
        found = list(_tags(data))
    except (struct.error, ValueError):
        found = []
        yield "colour profile", data
    for name, value in found:
        if name not in COLOUR_TAGS and value not in neutral_texts(data[8]):
            yield "colour profile text or private tag", value[12:]


def neutral_header(header: bytes) -> bytes:
    """A header (128 bytes) with only class, spaces, flags, attributes, intent and white point."""
    fresh = bytearray(128)
    for start, end in ((8, 10), (12, 24), (36, 40), (44, 48), (56, 80)):
        fresh[start:end] = header[start:end]
    fresh[44:48] = bytes(3) + bytes([header[47] & 3])
    fresh[56:64] = bytes(7) + bytes([header[63] & 15])
    fresh[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    fresh[64:68] = bytes(3) + bytes([header[67] & 3])
    return bytes(fresh)


def neutral_texts(version: int) -> tuple[bytes, bytes]:
    """(description, copyright) as every copy has them, by the profile's major version."""
    plain = _NEUTRAL.encode()
    if version >= 4:
        wide = _NEUTRAL.encode("utf-16-be")
        text = b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, len(wide), 28) + wide
        return text, text
    described = b"desc" + struct.pack(">II", 0, len(plain) + 1) + plain + b"\0" + bytes(78)
    return described, b"text" + bytes(4) + plain + b"\0"


def same_colours(before: bytes, after: bytes) -> bool:
    """Whether both profiles turn colours into the same ones; true if neither is of any use."""
    if before == after:
        return True
    return _colours(before) == _colours(after)


def _colours(data: bytes) -> list[bytes] | None:
    """What a profile makes of a range of colours, by each intent; None if nothing can use it."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        space = profile.profile.xcolor_space.strip()
        mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}.get(space, "RGB")
        out = ImageCms.createProfile("sRGB")
        samples = _samples(mode)
        done = []
        for intent in ImageCms.Intent:
            transform = ImageCms.buildTransform(profile, out, mode, "RGB", intent)
            changed = ImageCms.applyTransform(samples, transform)
            done.append(changed.tobytes() if changed is not None else b"")
        return done
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _samples(mode: str) -> Image.Image:
    """A picture of 4096 colours spread over the whole space."""
    bands = len(mode) if mode != "L" else 1
    steps = [0, 17, 34, 51, 68, 85, 102, 119, 136, 153, 170, 187, 204, 221, 238, 255]
    if bands == 1:
        return Image.frombytes("L", (256, 1), bytes(range(256)))
    colours = ((r, g, b, (r + g + b) % 256) for r in steps for g in steps for b in steps)
    data = b"".join(bytes(colour[:bands]) for colour in colours)
    return Image.frombytes(mode, (64, 64), data)


def _tags(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(signature, bytes with the type in front) of each tag; raises ValueError for nonsense."""
    if len(data) < 132 or len(data) > MAX_PROFILE or data[36:40] != b"acsp":
        raise ValueError("no profile")
    (count,) = struct.unpack_from(">I", data, 128)
    if count > 200:
        raise ValueError("too many tags")
    for at in range(132, 132 + 12 * count, 12):
        name, offset, size = struct.unpack_from(">4sII", data, at)
        if offset < 128 or size < 8 or offset + size > len(data):
            raise ValueError("a tag lies outside")
        yield name, data[offset : offset + size]


def _trimmed(value: bytes) -> bytes:
    """A tag exactly as long as its type says, its reserved bytes zero."""
    kind = value[:4]
    size = len(value)
    if kind == b"curv":
        size = 12 + 2 * struct.unpack_from(">I", value, 8)[0]
    elif kind == b"para":
        size = 12 + 4 * {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}[struct.unpack_from(">H", value, 8)[0]]
    elif kind == b"XYZ ":
        size = 20
    elif kind == b"sf32":
        size = min(len(value), 8 + 36)
    elif kind == b"cicp":
        size = 12
    elif kind in (b"mft1", b"mft2"):
        size = _table_size(value)
    elif kind not in (b"mAB ", b"mBA ", b"mpet"):
        raise ValueError("a type that no colour needs")
    if size > len(value):
        raise ValueError("a tag is cut off")
    return kind + bytes(4) + value[8:size]


def _table_size(value: bytes) -> int:
    """ICC.1:2022, 10.10 and 10.11: 8 or 16-bit tables."""
    inputs, outputs, grid = value[8], value[9], value[10]
    if value[:4] == b"mft1":
        return int(48 + 256 * inputs + grid**inputs * outputs + 256 * outputs)
    first, last = struct.unpack_from(">HH", value, 48)
    return int(52 + 2 * (first * inputs + grid**inputs * outputs + last * outputs))


def _assembled(header: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A profile of these tags, equal ones stored once (as profiles share curves)."""
    table, body = b"", b""
    start = 132 + 12 * len(tags)
    places: dict[bytes, int] = {}
    for name in sorted(tags):
        value = tags[name]
        if value not in places:
            places[value] = start + len(body)
            body += value + bytes(-len(value) % 4)
        table += struct.pack(">4sII", name, places[value], len(value))
    size = struct.pack(">I", start + len(body))
    return size + header[4:] + struct.pack(">I", len(tags)) + table + body
