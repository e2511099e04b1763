"""Share copies of PDF documents: written anew from their pages, compared by what they look like.

The maker is pikepdf (qpdf); both are drawn by PDFium for the comparison; pypdf, which shares no
code with either, looks through the copy.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pikepdf
import pypdf
import pypdfium2
from pikepdf import Stream

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
from evidence_vault.capture.strip.nested import Nest
from evidence_vault.capture.strip.pdfbuild import Builder
from evidence_vault.capture.strip.pdfpages import rebuild, shown_by_annotations
from evidence_vault.capture.strip.pdfscan import residues
from evidence_vault.capture.strip.pdfsecrets import ORDINARY, secrets, strings

DPI = 100
_MOST_PIXELS = 6_000_000  # of one page
_MOST_SIZE = 1024 * 1024 * 1024
_STAYS = {
    "PDFVersion": "which version of the format it needs",
    "Linearized": "how it is laid out",
    "PageCount": "how many pages it has",
    "PageLayout": "how pages are shown",
    "PageMode": "how pages are shown",
    "JFIFVersion": "how an embedded picture is coded",
    "ResolutionUnit": "how an embedded picture is coded",
    "XResolution": "how an embedded picture is coded",
    "YResolution": "how an embedded picture is coded",
    "DCTEncodeVersion": "how an embedded picture is coded",
    "APP14Flags0": "how an embedded picture is coded",
    "APP14Flags1": "how an embedded picture is coded",
    "ColorTransform": "how an embedded picture is coded",
}
_CONTENT_STAYS = Kept(
    "page content",
    "all that is drawn stays, also under other marks or outside the page: this is no redaction",
)


class Pdf:
    """ISO 32000-2; encrypted documents only where no password is needed."""

    name = "PDF"

    def __init__(self) -> None:
        self._nest = Nest()

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        """Write the pages into a new document; raises NotChecked where they can't be read."""
        with _opened(source) as original:
            _refuse_undrawn_forms(original)
            new, builder = rebuild(original, bench)
            self._nest = builder.streams.nest
            version = original.pdf_version
            new.save(
                target,
                min_version=version if version in ("1.4", "1.5", "1.6", "1.7", "2.0") else "1.4",
                deterministic_id=True,
                object_stream_mode=pikepdf.ObjectStreamMode.disable,
                stream_decode_level=pikepdf.StreamDecodeLevel.none,
                compress_streams=False,
            )
            data = source.read_bytes()
            with _opened(target) as copy:
                found, earlier = secrets(original, copy, data)
            structures = _structures(original, builder, data, earlier)
            encrypted = original.is_encrypted
        if encrypted:
            structures.append("encryption that needs no password")
        return Work(
            structures=tuple(structures),
            secrets=tuple(found),
            kept=_kept(builder),
            tools=(ToolUse("pikepdf", pikepdf.__version__, ("deterministic_id", "new document")),),
            nested=tuple(builder.streams.nest.reports),
            ordinary=ORDINARY,
        )

    def compare(self, source: Path, target: Path, bench: Bench) -> Comparison:
        """Draw every page of both and compare the pixels and the text."""
        method = f"drawn by PDFium {pypdfium2.version.PDFIUM_INFO} at {DPI} dpi, with annotations"
        with _drawn(source) as one, _drawn(target) as two:
            count = len(one)
            if count != len(two):
                return Comparison("no", method, f"{count} and {len(two)} pages")
            if count == 0:
                return Comparison("not-comparable", method, "no page")
            texts = 0
            is_form = one.get_formtype() != pypdfium2.raw.FORMTYPE_NONE
            method += " and fields of forms" if is_form else ""
            for number in range(count):
                before, after = _page(one, number, is_form), _page(two, number, is_form)
                if before[:-1] != after[:-1]:
                    return Comparison("no", method, f"page {number + 1} of {count} differs")
                texts += before[-1] == after[-1]
        what = f"pixels of {count} pages, text of {texts}"
        if texts < count:
            what += "; elsewhere a text to copy had been put behind what is drawn"
        return Comparison("yes", method, what)

    def scan(self, target: Path, bench: Bench) -> Scan:
        """Every object of the copy, read by pypdf."""
        tool = ToolUse("pypdf", pypdf.__version__, ("every object and stream",))
        return Scan(tool, tuple(residues(target)))

    def views(self, path: Path, bench: Bench) -> Iterator[View]:
        """Every stream decoded, and all strings as text."""
        with _opened(path) as pdf:
            for each in pdf.objects:
                if isinstance(each, Stream):
                    yield View("a stream", _content(each))
            yield View("the objects", _all_strings(pdf))

    def visible_text(self, source: Path, bench: Bench) -> str:
        """The text of all pages, titles of bookmarks and addresses of links."""
        parts = []
        with _drawn(source) as document:
            for number in range(len(document)):
                try:
                    parts.append(_text(document[number]))
                except pypdfium2.PdfiumError as error:
                    raise NotChecked(f"PDFium can't read page {number + 1}") from error
            for item in document.get_toc(max_depth=40):
                parts.append(item.get_title())
        with _opened(source) as pdf:
            parts += shown_by_annotations(pdf)
        return "\n".join(parts)

    def may_stay(self, tag: str) -> str | None:
        """What ExifTool tells of any PDF, and of pictures in it."""
        group, _, name = tag.rpartition(":")
        if group.startswith("ICC_Profile"):
            return "colours; the profile was written anew, or is a public one as it was"
        if group.split(":")[0] in ("PDF", "JFIF", "APP14", "File"):
            if name.startswith("EmbeddedImage"):
                return "an embedded picture"
            if name in _STAYS:
                return _STAYS[name]
        return self._nest.may_stay(tag)


def _opened(path: Path) -> pikepdf.Pdf:
    if path.stat().st_size > _MOST_SIZE:
        raise NotChecked("it is too large")
    try:
        return pikepdf.open(path, suppress_warnings=True)
    except pikepdf.PasswordError as error:
        raise NotChecked("it is encrypted") from error
    except pikepdf.PdfError as error:
        raise NotChecked("its structure can't be read") from error


def _refuse_undrawn_forms(pdf: pikepdf.Pdf) -> None:
    """Values that each reader draws in its own way (12.7.3, NeedAppearances) can't be compared."""
    form: Any = pdf.Root.get("/AcroForm")
    needed: Any = form.get("/NeedAppearances") if isinstance(form, pikepdf.Dictionary) else None
    if needed is True:
        raise NotChecked("it leaves to readers how the values of its form look")


def _drawn(path: Path) -> Any:
    try:
        document = pypdfium2.PdfDocument(path.read_bytes())
    except pypdfium2.PdfiumError as error:
        raise NotChecked("PDFium can't open it, so its pages can't be compared") from error
    return closing(document)


def _page(document: Any, number: int, with_fields: bool) -> tuple[Any, ...]:
    """(size, digest of the pixels, text) of a page.

    Fields of forms are no annotations to PDFium; ``with_fields``: both are made content first.
    """
    try:
        page = document[number]
        if with_fields:
            if pypdfium2.raw.FPDFPage_Flatten(page, 0) == pypdfium2.raw.FLATTEN_FAIL:
                raise NotChecked(f"PDFium can't draw the form on page {number + 1}")
            page.close()
            page = document[number]
        width, height = page.get_size()
        scale = min(DPI / 72, (_MOST_PIXELS / max(1.0, width * height)) ** 0.5)
        bitmap = page.render(scale=scale, may_draw_forms=False, rev_byteorder=True)
        pixels = hashlib.sha256(bytes(bitmap.buffer)).digest()
        return (bitmap.width, bitmap.height, bitmap.format, pixels, _text(page))
    except (pypdfium2.PdfiumError, ValueError) as error:
        raise NotChecked(f"PDFium can't draw page {number + 1}") from error


def _text(page: Any) -> str:
    try:
        return str(page.get_textpage().get_text_bounded())
    except pypdfium2.PdfiumError:
        return ""


def _content(stream: Any) -> bytes:
    try:
        return bytes(stream.read_bytes())
    except (pikepdf.PdfError, ValueError):
        return bytes(stream.read_raw_bytes())


def _all_strings(pdf: pikepdf.Pdf) -> bytes:
    parts = io.BytesIO()
    for value in strings(pdf):
        parts.write(value if isinstance(value, bytes) else value.encode("utf-8", "replace"))
        parts.write(b"\n")
    return parts.getvalue()


def _kept(builder: Builder) -> tuple[Kept, ...]:
    kept = [_CONTENT_STAYS]
    if builder.counts["invisible text"]:
        kept.append(Kept("invisible text", "the text of a scanned page, for search"))
    return tuple(kept)


def _structures(original: pikepdf.Pdf, builder: Builder, data: bytes, earlier: int) -> list[str]:
    counts = builder.counts
    told = [f"{name}: {counts[name]}" for name in sorted(counts) if counts[name]]
    told = [each for each in told if not each.startswith("invisible text")]
    if original.docinfo:
        told.append("information dictionary")
    attached = len(original.attachments)
    if attached:
        told.append(f"attached files: {attached}")
    if builder.streams.fonts:
        told.append(f"notices and dates in fonts: {builder.streams.fonts}")
    if builder.streams.profiles:
        told.append(f"private data of colour profiles: {builder.streams.profiles}")
    if builder.streams.trimmed:
        told.append(f"bytes behind the samples of pictures: {builder.streams.trimmed}")
    if earlier:
        told.append(f"earlier revisions: {earlier}")
    start, end = data.find(b"%PDF-"), data.rfind(b"%%EOF")
    if start > 0:
        told.append(f"bytes before the header: {start}")
    if end >= 0 and data[end + 5 :].strip():
        told.append(f"bytes behind the end: {len(data) - end - 5}")
    return told
