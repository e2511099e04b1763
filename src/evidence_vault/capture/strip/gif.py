"""GIF (89a): screens, palettes, pictures and their timing; comments and application data go."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.giflook import look
from evidence_vault.capture.strip.model import NotChecked, Scan, Secret, Work
from evidence_vault.capture.strip.pictures import Decoder, PictureFormat, counted, own_tool, read

_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_MAX_BLOCKS = 1_000_000
_TEXT, _CONTROL, _COMMENT, _APPLICATION = 0x01, 0xF9, 0xFE, 0xFF
_NAMES = {
    _TEXT: "text drawn as an overlay (plain text extension)",
    _COMMENT: "comment",
    _APPLICATION: "application data",
}


@dataclass
class _Reader:
    """A position in the file; every read is checked."""

    data: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        part = self.data[self.at : self.at + count]
        if len(part) != count:
            raise NotChecked("the picture has no end")
        self.at += count
        return part

    def blocks(self) -> list[bytes]:
        """Sub-blocks up to the empty one."""
        found = []
        while size := self.take(1)[0]:
            found.append(self.take(size))
            if len(found) > _MAX_BLOCKS:
                raise NotChecked("the picture has too many blocks")
        return found


@dataclass
class _Copy:
    out: bytearray = field(default_factory=bytearray)
    gone: list[str] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)
    loops: bool = False

    def drop(self, name: str, blocks: list[bytes]) -> None:
        self.gone.append(name)
        self.secrets += [Secret(f"GIF:{name}", block) for block in (b"".join(blocks), *blocks[:50])]


def stripped(data: bytes) -> _Copy:
    """The copy and what is not in it; raises NotChecked for a broken file."""
    reader, copy = _Reader(data), _Copy()
    screen = reader.take(13)
    copy.out += screen[:12] + b"\0" if screen[12] == 49 else screen
    if screen[10] & 0x80:
        copy.out += reader.take(3 << (screen[10] & 7) + 1)
    pending = b""
    while True:
        kind = reader.take(1)[0]
        if kind == 0x3B:
            break
        if kind == 0x2C:
            copy.out += pending + b"\x2c" + _picture(reader, copy)
            pending = b""
        elif kind == 0x21:
            label = reader.take(1)[0]
            blocks = reader.blocks()
            if label == _CONTROL and blocks and len(blocks[0]) == 4:
                if pending:
                    copy.gone.append("control block without a picture")
                pending = b"\x21\xf9\x04" + bytes([blocks[0][0] & 0x1F]) + blocks[0][1:4] + b"\0"
                if len(blocks) > 1:
                    copy.drop("data behind a control block", blocks[1:])
            else:
                if label == _TEXT:
                    pending = b""
                _extension(label, blocks, copy)
        else:
            raise NotChecked("a block of no known kind")
    copy.out += b"\x3b"
    if trailer := data[reader.at :]:
        copy.drop(f"data behind the picture, {len(trailer)} bytes", [trailer])
    return copy


def _extension(label: int, blocks: list[bytes], copy: _Copy) -> None:
    head = blocks[0] if blocks else b""
    loop = blocks[1] if len(blocks) > 1 else b""
    if label == _APPLICATION and head in _LOOPS and len(loop) >= 3 and loop[0] & 7 == 1:
        if not copy.loops:
            copy.out += b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + loop[1:3] + b"\0"
            copy.loops = True
        if loop[3:] or blocks[2:]:
            copy.drop("data behind the animation's loops", [loop[3:], *blocks[2:]])
        return
    copy.drop(_NAMES.get(label, "extension that decoding does not need"), blocks)


def _picture(reader: _Reader, copy: _Copy) -> bytes:
    """Descriptor, palette and coded data up to the end code."""
    head = reader.take(9)
    if head[8] & 0x80:
        head += reader.take(3 << (head[8] & 7) + 1)
    width = reader.take(1)[0]
    blocks = reader.blocks()
    coded = b"".join(blocks)
    end = lzw_end(coded, width)
    if end < len(coded):
        copy.drop("data behind the coded picture", [coded[end:]])
        blocks = [coded[i : min(i + 255, end)] for i in range(0, end, 255)]
    return head + bytes([width]) + b"".join(bytes([len(b)]) + b for b in blocks) + b"\0"


def lzw_end(data: bytes, width: int) -> int:
    """How many bytes the coded picture takes up to its end code (GIF89a, appendix F).

    All of them if there is no end code.
    """
    if not 1 <= width <= 11:
        raise NotChecked("a picture is coded in a way that is not understood")
    clear, stop = 1 << width, (1 << width) + 1
    size, following = width + 1, stop + 1
    value = bits = 0
    first = True
    for at, byte in enumerate(data):
        value |= byte << bits
        bits += 8
        while bits >= size:
            code = value & ((1 << size) - 1)
            value >>= size
            bits -= size
            if code == stop:
                return at + 1
            if code == clear:
                size, following, first = width + 1, stop + 1, True
                continue
            if not first and following < 4096:
                following += 1
                if following == 1 << size and size < 12:
                    size += 1
            first = False
    return len(data)


def tiff_lzw_end(data: bytes) -> int:
    """The same for TIFF (TIFF 6.0, section 13): high bits first, widths one code early."""
    size, following = 9, 258
    value = bits = 0
    first = True
    for at, byte in enumerate(data):
        value = (value << 8 | byte) & 0xFFFFFF
        bits += 8
        while bits >= size:
            bits -= size
            code = value >> bits & ((1 << size) - 1)
            if code == 257:
                return at + 1
            if code == 256:
                size, following, first = 9, 258, True
                continue
            if not first and following < 4096:
                following += 1
                if following + 1 == 1 << size and size < 12:
                    size += 1
            first = False
    return len(data)


class Gif(PictureFormat):
    """GIF, still or moving."""

    name = "GIF"
    decoder = Decoder("GIF")
    tags = frozenset(
        f"GIF:{name}"
        for name in [
            "GIFVersion",
            "ImageWidth",
            "ImageHeight",
            "HasColorMap",
            "ColorResolutionDepth",
            "BitsPerPixel",
            "BackgroundColor",
            "AnimationIterations",
            "FrameCount",
            "Duration",
            "TransparentColor",
            "PixelAspectRatio",
        ]
    )

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        copy = stripped(read(source))
        target.write_bytes(copy.out)
        return Work(structures=counted(copy.gone), secrets=tuple(copy.secrets), tools=(own_tool(),))

    def scan(self, target: Path, bench: Bench) -> Scan:
        return look(target, self.decoder)
