"""PDF: a secret in every hiding place, and pages that look the same afterwards."""

from __future__ import annotations

import io
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
from pikepdf import Array, Dictionary, Name, String
from PIL import Image
from tests.strip.planted import strip

SECRET = "Ko Planted Witness"


def opened_up(data: bytes, tmp_path: Path) -> bytes:
    """The copy with every stream decompressed, by qpdf."""
    path, plain = tmp_path / "packed.pdf", tmp_path / "plain.pdf"
    path.write_bytes(data)
    subprocess.run(["qpdf", "--qdf", "--object-streams=disable", path, plain], check=True)
    return plain.read_bytes()


def forms_of(text: str) -> list[bytes]:
    return [
        text.encode(),
        text.encode("utf-16-be"),
        text.encode("utf-16-le"),
        text.encode().hex().encode(),
    ]


def page_pdf(content: bytes = b"0 0 1 rg 10 10 50 50 re f") -> pikepdf.Pdf:
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=(100, 100))
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    page.obj["/Resources"] = Dictionary(Font=Dictionary(F1=font))
    page.obj["/Contents"] = pdf.make_stream(content)
    return pdf


def info(pdf: pikepdf.Pdf) -> None:
    pdf.docinfo["/Author"] = SECRET


def xmp(pdf: pikepdf.Pdf) -> None:
    with pdf.open_metadata() as meta:
        meta["dc:creator"] = [SECRET]


def xmp_of_page(pdf: pikepdf.Pdf) -> None:
    packet = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{SECRET}</x:xmpmeta>".encode()
    pdf.pages[0].obj["/Metadata"] = pdf.make_stream(packet, Type=Name.Metadata)


def piece_info(pdf: pikepdf.Pdf) -> None:
    pdf.pages[0].obj["/PieceInfo"] = Dictionary(Tool=Dictionary(Private=String(SECRET)))


def attachment(pdf: pikepdf.Pdf) -> None:
    pdf.attachments["list.txt"] = (SECRET * 3).encode()


def script(pdf: pikepdf.Pdf) -> None:
    pdf.Root["/OpenAction"] = Dictionary(S=Name.JavaScript, JS=String(f"app.alert('{SECRET}')"))


def annotation(pdf: pikepdf.Pdf) -> None:
    note = Dictionary(
        Type=Name.Annot,
        Subtype=Name.Text,
        Rect=Array([10, 10, 30, 30]),
        T=String(SECRET),
        Contents=String(f"seen by {SECRET}"),
        M=String("D:20210203040506Z"),
    )
    pdf.pages[0].obj["/Annots"] = Array([pdf.make_indirect(note)])


def orphan(pdf: pikepdf.Pdf) -> None:
    held = pdf.make_indirect(Dictionary(Lost=String(SECRET)))
    pdf.Root["/Threads"] = Array([held])


def comment_in_content(pdf: pikepdf.Pdf) -> None:
    pdf.pages[0].obj["/Contents"] = pdf.make_stream(
        b"% " + SECRET.encode() + b"\n0 0 1 rg (" + SECRET.encode() + b") pop 10 10 50 50 re f"
    )


def actual_text(pdf: pikepdf.Pdf) -> None:
    pdf.pages[0].obj["/Contents"] = pdf.make_stream(
        b"/Span <</ActualText (" + SECRET.encode() + b")>> BDC 0 0 1 rg 9 9 9 9 re f EMC"
    )


def unused_resource(pdf: pikepdf.Pdf) -> None:
    form = pdf.make_stream(
        b"BT /F1 9 Tf (" + SECRET.encode() + b") Tj ET",
        Type=Name.XObject,
        Subtype=Name.Form,
        BBox=Array([0, 0, 9, 9]),
    )
    pdf.pages[0].obj["/Resources"]["/XObject"] = Dictionary(Fm0=form)


def hidden_layer(pdf: pikepdf.Pdf) -> None:
    layer = pdf.make_indirect(Dictionary(Type=Name.OCG, Name=String("layer")))
    pdf.Root["/OCProperties"] = Dictionary(OCGs=Array([layer]), D=Dictionary(OFF=Array([layer])))
    pdf.pages[0].obj["/Resources"]["/Properties"] = Dictionary(L0=layer)
    text = b"/OC /L0 BDC q BT /F1 9 Tf 9 9 Td (" + SECRET.encode() + b") Tj ET Q EMC 1 1 9 9 re f"
    pdf.pages[0].obj["/Contents"] = pdf.make_stream(text)


def behind_samples(pdf: pikepdf.Pdf) -> None:
    image = pdf.make_stream(
        zlib.compress(bytes(range(12)) + SECRET.encode()),
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=2,
        Height=2,
        BitsPerComponent=8,
        ColorSpace=Name.DeviceRGB,
        Filter=Name.FlateDecode,
    )
    pdf.pages[0].obj["/Resources"]["/XObject"] = Dictionary(Im0=image)
    pdf.pages[0].obj["/Contents"] = pdf.make_stream(b"q 50 0 0 50 5 5 cm /Im0 Do Q")


def exif_in_jpeg(pdf: pikepdf.Pdf) -> None:
    exif = Image.Exif()
    exif[0x013B] = SECRET
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), (9, 120, 30)).save(stream, "JPEG", exif=exif)
    image = pdf.make_stream(
        stream.getvalue(),
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=16,
        Height=16,
        BitsPerComponent=8,
        ColorSpace=Name.DeviceRGB,
        Filter=Name.DCTDecode,
    )
    pdf.pages[0].obj["/Resources"]["/XObject"] = Dictionary(Im0=image)
    pdf.pages[0].obj["/Contents"] = pdf.make_stream(b"q 50 0 0 50 5 5 cm /Im0 Do Q")


def local_link(pdf: pikepdf.Pdf) -> None:
    link = Dictionary(
        Type=Name.Annot,
        Subtype=Name.Link,
        Rect=Array([1, 1, 9, 9]),
        Border=Array([0, 0, 0]),
        A=Dictionary(S=Name.URI, URI=String(f"file:///C:/Users/{SECRET}/a.doc")),
    )
    pdf.pages[0].obj["/Annots"] = Array([pdf.make_indirect(link)])


def comment_in_map(pdf: pikepdf.Pdf) -> None:
    cmap = b"%" + SECRET.encode() + b"\n/CIDInit /ProcSet findresource begin end"
    pdf.pages[0].obj["/Resources"]["/Font"]["/F1"]["/ToUnicode"] = pdf.make_stream(cmap)
    pdf.pages[0].obj["/Contents"] = pdf.make_stream(b"BT /F1 9 Tf 9 9 Td (Hi) Tj ET")


PLACES = [
    info, xmp, xmp_of_page, piece_info, attachment, script, annotation, orphan,
    comment_in_content, actual_text, unused_resource, hidden_layer, behind_samples,
    exif_in_jpeg, local_link, comment_in_map,
]  # fmt: skip


@pytest.mark.parametrize("plant", PLACES, ids=lambda plant: plant.__name__)
def test_nothing_planted_survives(plant: Any, tmp_path: Path) -> None:
    pdf = page_pdf()
    plant(pdf)
    source = tmp_path / "source.pdf"
    pdf.save(source)
    report, copy = strip(source, tmp_path)
    assert report["outcome"] == "clean", report["reasons"]
    assert report["decoded"]["identical"] == "yes"
    plain = opened_up(copy, tmp_path)
    for form in forms_of(SECRET):
        assert form not in copy and form not in plain
    assert SECRET not in str(report)


def test_an_earlier_revision_and_bytes_around_the_document_are_gone(tmp_path: Path) -> None:
    pdf = page_pdf()
    pdf.docinfo["/Author"] = SECRET
    source = tmp_path / "source.pdf"
    pdf.save(source)
    with pikepdf.open(source) as again:
        root = again.Root.objgen[0]
    update = (
        f"\n{root} 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
        f"trailer\n<< /Root {root} 0 R >>\nstartxref\n0\n%%EOF\n"
    )
    data = SECRET.encode() + b"\n" + source.read_bytes() + update.encode() + SECRET.encode()
    source.write_bytes(data)
    report, copy = strip(source, tmp_path)
    assert SECRET.encode() not in copy
    assert copy.count(b"%%EOF") <= 1
    assert report["outcome"] in ("clean", "not-checked")


def test_stripping_a_copy_again_changes_nothing(tmp_path: Path) -> None:
    pdf = page_pdf()
    for plant in (info, xmp, annotation, exif_in_jpeg):
        plant(pdf)
    source = tmp_path / "source.pdf"
    pdf.save(source)
    _, first = strip(source, tmp_path)
    source.write_bytes(first)
    report, second = strip(source, tmp_path)
    assert report["outcome"] == "clean"
    assert first == second


def test_an_encrypted_document_and_a_broken_one_are_not_checked(tmp_path: Path) -> None:
    source = tmp_path / "source.pdf"
    page_pdf().save(source, encryption=pikepdf.Encryption(owner="x", user="y"))
    assert strip(source, tmp_path)[0]["outcome"] == "not-checked"
    source.write_bytes(b"%PDF-1.4\n" + b"x" * 400)
    assert strip(source, tmp_path)[0]["outcome"] == "not-checked"


def test_a_value_that_is_drawn_on_the_page_is_told_and_no_leak(tmp_path: Path) -> None:
    pdf = page_pdf(b"BT /F1 9 Tf 9 9 Td (" + SECRET.encode() + b") Tj ET")
    info(pdf)
    source = tmp_path / "source.pdf"
    pdf.save(source)
    report, copy = strip(source, tmp_path)
    assert report["outcome"] == "clean", report["reasons"]
    assert report["also_in_content"]
    assert SECRET.encode() in opened_up(copy, tmp_path)


def with_field(pdf: pikepdf.Pdf, look: bytes) -> Any:
    """A filled-in form field on the first page; returns the form."""
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    drawn = pdf.make_stream(
        look, BBox=[0, 0, 80, 20], Subtype=Name.Form, Resources=Dictionary(Font=Dictionary(F=font))
    )
    field = pdf.make_indirect(
        Dictionary(
            Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T=String("name"), V=String("Alice"),
            DA=String("/F 12 Tf"), F=4, Rect=[10, 70, 90, 90], AP=Dictionary(N=drawn),
        )
    )  # fmt: skip
    pdf.pages[0].obj["/Annots"] = Array([field])
    pdf.Root["/AcroForm"] = Dictionary(Fields=Array([field]))
    return pdf.Root["/AcroForm"]


def test_what_is_filled_into_a_form_is_seen_in_every_reader(tmp_path: Path) -> None:
    """PDFium draws no field of a form that is gone: it must be a mark of another kind."""
    pdf = page_pdf()
    with_field(pdf, b"BT /F 12 Tf 2 5 Td (Alice) Tj ET")
    pdf.save(tmp_path / "form.pdf")
    report, copy = strip(tmp_path / "form.pdf", tmp_path)
    assert report["outcome"] == "clean", report["reasons"]
    drawn = []
    for data in (copy, b""):
        document = pypdfium2.PdfDocument(data or page_copy(copy))
        drawn.append(bytes(document[0].render(may_draw_forms=False).buffer))
        document.close()
    assert drawn[0] != drawn[1]


def page_copy(copy: bytes) -> bytes:
    """The copy without its annotations."""
    with pikepdf.open(io.BytesIO(copy)) as pdf:
        del pdf.pages[0].obj["/Annots"]
        out = io.BytesIO()
        pdf.save(out)
    return out.getvalue()


def test_a_form_that_leaves_its_look_to_readers_is_not_checked(tmp_path: Path) -> None:
    pdf = page_pdf()
    with_field(pdf, b"/Tx BMC EMC")["/NeedAppearances"] = True
    pdf.save(tmp_path / "form.pdf")
    report, copy = strip(tmp_path / "form.pdf", tmp_path)
    assert (report["outcome"], copy) == ("not-checked", b"")
