"""The streams of a PDF that are no pages: pictures, fonts, profiles, maps; each written anew."""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name

from evidence_vault.capture.strip.barejpeg import is_bare
from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.fonts import clean_font
from evidence_vault.capture.strip.icc import neutral_profile
from evidence_vault.capture.strip.model import NotChecked
from evidence_vault.capture.strip.nested import Nest

MOST_BYTES = 512 * 1024 * 1024
"""How much all streams of one document may hold when decoded."""

#: Profiles of makers, the same in millions of files, that readers know by their very bytes.
WELL_KNOWN = {
    "2b3aa1645779a9e634744faf9b01e9102b0c9b88fd6deced7934df86b949af7e": "sRGB IEC61966-2.1",
}

_COMMENT = re.compile(rb"%[^\r\n]*")
_SHORT = {
    "/A85": "/ASCII85Decode",
    "/AHx": "/ASCIIHexDecode",
    "/CCF": "/CCITTFaxDecode",
    "/DCT": "/DCTDecode",
    "/Fl": "/FlateDecode",
    "/LZW": "/LZWDecode",
    "/RL": "/RunLengthDecode",
}
_PICTURES = ("/DCTDecode", "/JPXDecode")


@dataclass
class Streams:
    """Decodes and recodes; counts what it met."""

    target: pikepdf.Pdf
    bench: Bench
    size: int = 0
    fonts: int = 0
    profiles: int = 0
    trimmed: int = 0
    nest: Nest = field(default_factory=Nest)

    def fill(self, stream: Any, data: bytes) -> None:
        """Give a stream of the copy its data, deflated by ourselves."""
        stream.write(zlib.compress(data, 9), filter=Name.FlateDecode)

    def decoded(self, stream: Any) -> bytes:
        """All filters undone; raises NotChecked if one can't be, or for a bomb."""
        try:
            data = bytes(stream.read_bytes(pikepdf.StreamDecodeLevel.specialized))
        except (pikepdf.PdfError, ValueError) as error:
            raise NotChecked("a stream can't be decoded") from error
        self.size += len(data)
        if self.size > MOST_BYTES:
            raise NotChecked("its streams hold too much")
        return data

    def font(self, stream: Any, new: Any) -> None:
        data = self.decoded(stream)
        cleaned = clean_font(data)
        self.fonts += cleaned != data
        length = stream.get("/Length1")
        if isinstance(length, int) and data[:2] == b"%!":
            new["/Length1"] = length
            new["/Length2"] = int(stream.get("/Length2", 0))
            new["/Length3"] = int(stream.get("/Length3", 0))
        else:
            new["/Length1"] = len(cleaned)
        if isinstance(stream.get("/Subtype"), Name):
            new["/Subtype"] = Name(str(stream["/Subtype"]))
        self.fill(new, cleaned)

    def profile(self, stream: Any, new: Any) -> None:
        data = self.decoded(stream)
        cleaned: bytes | None = data
        if hashlib.sha256(data).hexdigest() not in WELL_KNOWN:
            cleaned = neutral_profile(data)
        if cleaned is None:
            raise NotChecked("an embedded colour profile can't be read")
        self.profiles += cleaned != data
        self.fill(new, cleaned)

    def program(self, stream: Any, new: Any) -> None:
        """A map of characters or a function in PostScript, without comments."""
        self.fill(new, without_comments(self.decoded(stream)))

    def data(self, stream: Any, new: Any) -> None:
        self.fill(new, self.decoded(stream))

    def image(self, stream: Any, new: Any, components: int | None) -> None:
        """A picture: samples recoded, coded pictures passed on if they hold nothing else."""
        filters = _filters(stream)
        last = filters[-1] if filters else ""
        if last in _PICTURES:
            self._picture(stream, new, filters)
        elif last in ("/CCITTFaxDecode", "/JBIG2Decode"):
            self._bilevel(stream, new, filters)
        else:
            data = self.decoded(stream)
            expected = _expected(stream, components)
            if expected is not None and len(data) > expected:
                self.trimmed += 1
                data = data[:expected]
            self.fill(new, data)

    def _picture(self, stream: Any, new: Any, filters: list[str]) -> None:
        coded = self._coded(stream, filters)
        if not is_bare(coded):
            coded = self.nest.clean("picture", coded, self.bench)
        parms = _last_parms(stream)
        new.write(coded, filter=Name(filters[-1]))
        if filters[-1] == "/DCTDecode" and isinstance(parms.get("/ColorTransform"), int):
            new["/DecodeParms"] = Dictionary(ColorTransform=parms["/ColorTransform"])

    def _bilevel(self, stream: Any, new: Any, filters: list[str]) -> None:
        """Fax and JBIG2 pictures: passed on as coded; JBIG2 comments are refused."""
        coded = self._coded(stream, filters)
        parms = _last_parms(stream)
        kept = Dictionary()
        for key in ("/K", "/EndOfLine", "/EncodedByteAlign", "/Columns", "/Rows", "/EndOfBlock"):
            if isinstance(parms.get(key), bool | int):
                kept[key] = parms[key]
        if isinstance(parms.get("/BlackIs1"), bool):
            kept["/BlackIs1"] = parms["/BlackIs1"]
        if filters[-1] == "/JBIG2Decode":
            check_jbig2(coded)
            shared = parms.get("/JBIG2Globals")
            if isinstance(shared, pikepdf.Stream):
                data = self.decoded(shared)
                check_jbig2(data)
                kept["/JBIG2Globals"] = self.target.make_indirect(
                    self.target.make_stream(zlib.compress(data, 9), Filter=Name.FlateDecode)
                )
        new.write(coded, filter=Name(filters[-1]), decode_parms=kept)

    def _coded(self, stream: Any, filters: list[str]) -> bytes:
        """The data with every filter undone but the last."""
        raw = bytes(stream.read_raw_bytes())
        if len(filters) == 1:
            return raw
        outer = pikepdf.new()
        parms = stream.get("/DecodeParms", stream.get("/DP"))
        inner = outer.make_stream(raw, Filter=Array([Name(each) for each in filters[:-1]]))
        if isinstance(parms, Array):
            kept = [_plain_parms(each) for each in list(parms)[: len(filters) - 1]]
            inner["/DecodeParms"] = Array(kept)
        return self.decoded(inner)


def without_comments(data: bytes) -> bytes:
    """PostScript without comments; percent signs in strings stay."""
    out, at = [], 0
    for found in re.finditer(rb"\((?:\\.|[^\\()])*\)", data, re.DOTALL):
        out += [_COMMENT.sub(b"", data[at : found.start()]), found.group()]
        at = found.end()
    return b"".join([*out, _COMMENT.sub(b"", data[at:])])


def check_jbig2(data: bytes) -> None:
    """Raise NotChecked if a JBIG2 stream (ITU-T T.88, 7.2) has a comment or can't be read."""
    at = 0
    while at < len(data):
        if at + 6 > len(data):
            raise NotChecked("a JBIG2 picture can't be read")
        number = int.from_bytes(data[at : at + 4], "big")
        flags, refers = data[at + 4], data[at + 5]
        count, step = refers >> 5, 1
        if count == 7:
            count = int.from_bytes(data[at + 5 : at + 9], "big") & 0x1FFFFFFF
            step = 4 + (count + 8) // 8
        each = 1 if number <= 256 else 2 if number <= 65536 else 4
        at += 5 + step + count * each + (4 if flags & 0x40 else 1)
        length = int.from_bytes(data[at : at + 4], "big")
        if flags & 0x3F == 62 or length == 0xFFFFFFFF or at + 4 + length > len(data):
            raise NotChecked("a JBIG2 picture holds a comment or can't be read")
        at += 4 + length


def _filters(stream: Any) -> list[str]:
    named = stream.get("/Filter", stream.get("/F"))
    if named is None:
        return []
    names = [str(each) for each in named] if isinstance(named, Array) else [str(named)]
    return [_SHORT.get(each, each) for each in names]


def _last_parms(stream: Any) -> Any:
    parms = stream.get("/DecodeParms", stream.get("/DP"))
    if isinstance(parms, Array):
        parms = parms[-1] if len(parms) else None
    return parms if isinstance(parms, Dictionary) else Dictionary()


def _plain_parms(parms: Any) -> Any:
    if not isinstance(parms, Dictionary):
        return None
    return Dictionary({key: parms[key] for key in parms.keys() if isinstance(parms[key], int)})


def _expected(stream: Any, components: int | None) -> int | None:
    """How many bytes the samples of a picture take (8.9.5.2), if that can be told."""
    width, height = stream.get("/Width"), stream.get("/Height")
    bits = 1 if stream.get("/ImageMask") is True else stream.get("/BitsPerComponent")
    if not all(isinstance(each, int) for each in (width, height, bits)) or components is None:
        return None
    return int(ceil(width * components * bits / 8) * height)
