"""A look through every object of a PDF by pypdf, for what a share copy must not hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdf
from pypdf.generic import (
    ArrayObject,
    ByteStringObject,
    DictionaryObject,
    IndirectObject,
    StreamObject,
    TextStringObject,
)

from evidence_vault.capture.strip.model import NotChecked

_MUST_NOT = frozenset(
    "/AA /AF /Alt /ActualText /Author /Collection /CreationDate /Creator /DSS /E /EF "
    "/EmbeddedFiles /FS /ID /JS /JavaScript /Keywords /LastModified /Legal /Metadata /ModDate "
    "/NM /OCProperties /OpenAction /Perms /PieceInfo /Producer /RC /RichMediaContent /SpiderInfo "
    "/StructTreeRoot /Subj /TM /TU /Thumb /Trapped /UserProperties /VP /XFA /AcroForm /Names "
    "/Threads /OutputIntents".split()
)
_ROOT = frozenset("/Type /Pages /Outlines /PageLayout /PageMode".split())
_TRAILER = frozenset("/ID /Root /Size".split())
_PACKET = re.compile(rb"<x:xmpmeta|<\?xpacket|<rdf:RDF|http://ns\.adobe\.com/xap")
_MAY_BE_TEXT = frozenset("/Title /Contents /URI /DA /Registry /Ordering".split())
_DEEPEST = 60


def residues(path: Path) -> Iterator[str]:
    """Names of what is there and must not be; raises NotChecked if pypdf can't read it."""
    data = path.read_bytes()
    if not data.startswith(b"%PDF-") or not data.rstrip().endswith(b"%%EOF"):
        yield "bytes around the document"
    if data.count(b"%%EOF") != 1 or data.count(b"startxref") != 1:
        yield "earlier revisions"
    try:
        reader = pypdf.PdfReader(path)
        trailer: dict[str, Any] = dict(reader.trailer)
        root: Any = reader.trailer["/Root"].get_object()
        yield from (f"trailer {key}" for key in trailer if key not in _TRAILER)
        yield from (f"catalogue {key}" for key in root if key not in _ROOT)
        if reader.metadata:
            yield "information dictionary"
        if reader.xmp_metadata is not None:
            yield "XMP of the document"
        if reader.attachments:
            yield "attached files"
        for number in range(1, int(trailer["/Size"])):
            value = IndirectObject(number, 0, reader).get_object()
            yield from _inside(value, "", 0)
    except (pypdf.errors.PyPdfError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise NotChecked("pypdf can't read the copy") from error


def _inside(value: Any, key: str, depth: int) -> Iterator[str]:
    if isinstance(value, IndirectObject) or depth > _DEEPEST:
        return
    if isinstance(value, StreamObject):
        yield from _stream(value)
    if isinstance(value, DictionaryObject):
        for name in value:
            if name in _MUST_NOT and not _is_resource(key):
                yield f"dictionary {name}"
            yield from _inside(value.raw_get(name), name, depth + 1)
    elif isinstance(value, ArrayObject):
        for each in value:
            yield from _inside(each, key, depth + 1)
    elif (
        isinstance(value, TextStringObject | ByteStringObject)
        and key not in _MAY_BE_TEXT
        and key != "/ColorSpace"
    ):
        yield "a string where none belongs"


def _is_resource(key: str) -> bool:
    """Below these, names are chosen by the document's own content."""
    return key in (
        "/XObject", "/Font", "/ColorSpace", "/ExtGState", "/Pattern", "/Shading", "/CharProcs",
    )  # fmt: skip


def _stream(stream: Any) -> Iterator[str]:
    if str(stream.get("/Filter")) in ("/DCTDecode", "/JPXDecode"):
        data = stream._data
    else:
        data = stream.get_data() if stream.get("/Filter") == "/FlateDecode" else stream._data
    if isinstance(data, str):
        data = data.encode("latin-1", "replace")
    if _PACKET.search(data):
        yield "XMP in a stream"
    if stream.get("/Type") in ("/Metadata", "/EmbeddedFile", "/ObjStm"):
        yield f"stream of type {stream['/Type']}"
