"""Office packages: a secret in every hiding place of Word, Excel and OpenDocument files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from PIL import Image
from tests.strip.planted import strip

from evidence_vault.capture.strip import zipparts

SECRET = "Ko Planted Witness"
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml."
PARAGRAPH = "<w:p><w:r><w:t>What everybody reads.</w:t></w:r></w:p>"
Parts = dict[str, bytes]


def packed(path: Path, parts: Parts, comment: bytes = b"") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (2021, 2, 3, 4, 5, 6)), data)
        archive.comment = comment
    return path


def inside(data: bytes) -> bytes:
    """Everything in a ZIP, and in ZIPs in it, in a row."""
    found = [data]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            found += [entry.filename.encode(), entry.extra, entry.comment]
            inner = archive.read(entry)
            found.append(inside(inner) if inner[:4] == b"PK\3\4" else inner)
    return b"\n".join(found)


def relations(*rows: tuple[str, str, str]) -> bytes:
    text = "".join(
        f'<Relationship Id="rId{at}" Type="{R}/{kind}" Target="{target}"{mode}/>'
        for at, (kind, target, mode) in enumerate(rows, 1)
    )
    space = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'<Relationships xmlns="{space}">{text}</Relationships>'.encode()


def word(body: str = PARAGRAPH, *rows: tuple[str, str, str], **parts: bytes) -> Parts:
    space = "http://schemas.openxmlformats.org/package/2006/content-types"
    types = (
        f'<Types xmlns="{space}"><Default Extension="rels" ContentType="application/x"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="jpg" ContentType="image/jpeg"/>'
        f'<Override PartName="/word/document.xml" ContentType="{TYPE}document.main+xml"/></Types>'
    )
    document = f'<w:document xmlns:w="{W}" xmlns:r="{R}"><w:body>{body}</w:body></w:document>'
    return {
        "[Content_Types].xml": types.encode(),
        "_rels/.rels": relations(("officeDocument", "word/document.xml", "")),
        "word/document.xml": document.encode(),
        "word/_rels/document.xml.rels": relations(*rows),
        **{name.replace("__", "/"): data for name, data in parts.items()},
    }


def comments() -> Parts:
    text = (
        f'<w:comments xmlns:w="{W}"><w:comment w:id="0" w:author="{SECRET}" w:initials="KP">'
        f"<w:p><w:r><w:t>{SECRET}</w:t></w:r></w:p></w:comment></w:comments>"
    )
    body = f'<w:p><w:commentRangeStart w:id="0"/><w:r><w:t>Text</w:t></w:r></w:p>{PARAGRAPH}'
    parts = word(body, ("comments", "comments.xml", ""))
    return parts | {"word/comments.xml": text.encode()}


def properties() -> Parts:
    core = f'<c:core xmlns:c="urn:c" xmlns:d="urn:d"><d:creator>{SECRET}</d:creator></c:core>'
    parts = word()
    rels = relations(
        ("officeDocument", "word/document.xml", ""), ("core-properties", "docProps/core.xml", "")
    )
    return parts | {"docProps/core.xml": core.encode(), "_rels/.rels": rels}


def settings() -> Parts:
    text = (
        f'<w:settings xmlns:w="{W}"><w:rsids><w:rsid w:val="00AB12CD"/></w:rsids>'
        f'<w:docVars><w:docVar w:name="a" w:val="{SECRET}"/></w:docVars></w:settings>'
    )
    return word(PARAGRAPH, ("settings", "settings.xml", "")) | {"word/settings.xml": text.encode()}


def picture() -> Parts:
    exif = Image.Exif()
    exif[0x013B] = SECRET
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), (9, 120, 30)).save(stream, "JPEG", exif=exif)
    parts = word(PARAGRAPH, ("image", f"media/{SECRET.replace(' ', '')}.jpg", ""))
    return parts | {f"word/media/{SECRET.replace(' ', '')}.jpg": stream.getvalue()}


HIDDEN: dict[str, Callable[[], Parts]] = {
    "deletion": lambda: word(
        f'{PARAGRAPH}<w:p><w:del w:author="{SECRET}" w:date="2021-02-03T04:05:06Z"><w:r>'
        f"<w:delText>{SECRET}</w:delText></w:r></w:del><w:r><w:t>Stays.</w:t></w:r></w:p>"
    ),
    "insertion": lambda: word(
        f'<w:p><w:ins w:author="{SECRET}"><w:r><w:t>Inserted text.</w:t></w:r></w:ins></w:p>'
    ),
    "move": lambda: word(
        f'{PARAGRAPH}<w:p><w:moveFrom w:author="{SECRET}"><w:r><w:t>{SECRET}</w:t></w:r>'
        "</w:moveFrom></w:p>"
    ),
    "old properties": lambda: word(
        f'<w:p><w:pPr><w:pPrChange w:author="{SECRET}"><w:pPr/></w:pPrChange></w:pPr>'
        "<w:r><w:t>Text</w:t></w:r></w:p>"
    ),
    "hidden text": lambda: word(
        f"{PARAGRAPH}<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>{SECRET}</w:t></w:r></w:p>"
    ),
    "field code": lambda: word(
        f'<w:p><w:fldSimple w:instr="FILENAME C:\\{SECRET}"><w:r><w:t>name</w:t></w:r>'
        "</w:fldSimple></w:p>"
    ),
    "XML comment": lambda: word(f"{PARAGRAPH}<!-- {SECRET} -->"),
    "unknown namespace": lambda: word(f'{PARAGRAPH}<x:y xmlns:x="urn:x" a="{SECRET}"/>'),
    "part that nothing leads to": lambda: word(word__left=SECRET.encode()),
    "link to a file": lambda: word(
        '<w:p><w:hyperlink r:id="rId1"><w:r><w:t>here</w:t></w:r></w:hyperlink></w:p>',
        ("hyperlink", f"file:///C:/Users/{SECRET}/a.doc", ' TargetMode="External"'),
    ),
    "name of a bookmark": lambda: word(
        f'{PARAGRAPH}<w:p><w:bookmarkStart w:id="0" w:name="{SECRET}"/><w:bookmarkEnd w:id="0"/>'
        f'<w:hyperlink w:anchor="{SECRET}"><w:r><w:t>there</w:t></w:r></w:hyperlink></w:p>'
    ),
    "note on a link": lambda: word(
        f'<w:p><w:hyperlink w:anchor="_Toc1" w:tooltip="{SECRET}"><w:r><w:t>there</w:t></w:r>'
        "</w:hyperlink></w:p>"
    ),
    "name of a form field": lambda: word(
        '<w:p><w:r><w:fldChar w:fldCharType="begin"><w:ffData>'
        f'<w:name w:val="{SECRET}"/></w:ffData></w:fldChar></w:r>'
        "<w:r><w:instrText>FORMTEXT</w:instrText></w:r>"
        '<w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>'
    ),
    "entry of an index": lambda: word(
        f'{PARAGRAPH}<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r>'
        f'<w:r><w:instrText>XE "{SECRET}"</w:instrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>'
    ),
    "text for other programs": lambda: word(
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility'
        f'/2006"><mc:Choice Requires="w">{PARAGRAPH}</mc:Choice><mc:Fallback><w:p><w:r>'
        f"<w:t>{SECRET}</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent>"
    ),
    "comments": comments,
    "properties": properties,
    "settings": settings,
    "picture": picture,
}  # fmt: skip


@pytest.mark.parametrize("place", HIDDEN)
def test_nothing_planted_in_word_survives(place: str, tmp_path: Path) -> None:
    source = packed(tmp_path / "a.docx", HIDDEN[place](), comment=SECRET.encode())
    report, copy = strip(source, tmp_path)
    assert report["outcome"] == "clean", report["reasons"]
    assert report["decoded"]["identical"] == "yes"
    plain = inside(copy)
    assert SECRET.encode() not in plain and SECRET.replace(" ", "").encode() not in plain
    assert b"rsid" not in plain
    assert SECRET not in str(report)
    again, second = strip(packed_bytes(tmp_path, copy), tmp_path)
    assert again["outcome"] == "clean" and second == copy


def packed_bytes(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "again"
    path.write_bytes(data)
    return path


def test_inserted_text_stays_and_deleted_text_goes(tmp_path: Path) -> None:
    _, copy = strip(packed(tmp_path / "a.docx", HIDDEN["insertion"]()), tmp_path)
    assert b"Inserted text." in inside(copy)
    _, copy = strip(packed(tmp_path / "b.docx", HIDDEN["deletion"]()), tmp_path)
    assert b"Stays." in inside(copy)


def test_a_workbook_loses_names_and_unused_strings_and_tells_of_hidden_sheets(
    tmp_path: Path,
) -> None:
    book = openpyxl.Workbook()
    book.properties.creator = SECRET
    sheet = book.active
    assert sheet is not None
    sheet["A1"] = "Seen by all"
    book.create_sheet("Hidden").sheet_state = "hidden"
    path = tmp_path / "a.xlsx"
    book.save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    parts["xl/sharedStrings.xml"] = f'<sst xmlns="{space}"><si><t>{SECRET}</t></si></sst>'.encode()
    row = f'<Relationship Id="rId99" Type="{R}/sharedStrings" Target="sharedStrings.xml"/>'
    rels = parts["xl/_rels/workbook.xml.rels"]
    parts["xl/_rels/workbook.xml.rels"] = rels.replace(
        b"</Relationships>", row.encode() + b"</Relationships>"
    )
    report, copy = strip(packed(path, parts), tmp_path)
    assert report["outcome"] == "clean", report["reasons"]
    assert SECRET.encode() not in inside(copy)
    assert "hidden sheets" in [each["name"] for each in report["kept"]]
    assert openpyxl.load_workbook(io.BytesIO(copy)).worksheets[0]["A1"].value == "Seen by all"


def test_nothing_planted_in_opendocument_survives(tmp_path: Path) -> None:
    o = "urn:oasis:names:tc:opendocument:xmlns:"
    content = (
        f'<o:document-content xmlns:o="{o}office:1.0" xmlns:t="{o}text:1.0" '
        f'xmlns:d="http://purl.org/dc/elements/1.1/"><o:body><o:text><t:tracked-changes>'
        f"<t:changed-region><t:deletion><d:creator>{SECRET}</d:creator><t:p>{SECRET}</t:p>"
        f"</t:deletion></t:changed-region></t:tracked-changes><t:p>Text<o:annotation><d:creator>"
        f"{SECRET}</d:creator><t:p>{SECRET}</t:p></o:annotation> stays.</t:p></o:text></o:body>"
        "</o:document-content>"
    )
    meta = f'<o:m xmlns:o="{o}office:1.0"><o:creator>{SECRET}</o:creator></o:m>'
    config = (
        f'<o:s xmlns:o="{o}office:1.0" xmlns:c="{o}config:1.0"><c:config-item c:name="PrinterName" '
        f'c:type="string">{SECRET}</c:config-item></o:s>'
    )
    source = packed(
        tmp_path / "a.odt",
        {
            "mimetype": b"application/vnd.oasis.opendocument.text",
            "content.xml": content.encode(),
            "meta.xml": meta.encode(),
            "settings.xml": config.encode(),
            "Thumbnails/thumbnail.png": SECRET.encode(),
            "Versions/VersionList.xml": f"<v>{SECRET}</v>".encode(),
        },
        comment=SECRET.encode(),
    )
    report, copy = strip(source, tmp_path)
    assert report["outcome"] == "clean", report["reasons"]
    plain = inside(copy)
    assert SECRET.encode() not in plain
    assert b" stays." in plain
    again, second = strip(packed_bytes(tmp_path, copy), tmp_path)
    assert again["outcome"] == "clean" and second == copy


def test_entities_and_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    laughs = b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]><a>&c;</a>'
    parts = word() | {"word/document.xml": laughs}
    assert strip(packed(tmp_path / "a.docx", parts), tmp_path)[0]["outcome"] == "not-checked"
    monkeypatch.setattr(zipparts, "MOST_BYTES", 1024 * 1024)
    parts = word() | {"word/media/zeros.bin": bytes(4 * 1024 * 1024)}
    report, _ = strip(packed(tmp_path / "b.docx", parts), tmp_path)
    assert report["outcome"] == "not-checked"
    assert "bytes" in report["reasons"][0]


def test_references_to_places_lead_there_by_their_new_names(tmp_path: Path) -> None:
    body = (
        '<w:p><w:bookmarkStart w:id="0" w:name="Kyaw_Planted"/><w:r><w:t>Place.</w:t></w:r>'
        '<w:bookmarkEnd w:id="0"/></w:p><w:p><w:fldSimple w:instr=" PAGEREF Kyaw_Planted \\h ">'
        '<w:r><w:t>1</w:t></w:r></w:fldSimple><w:fldSimple w:instr=" REF Elsewhere_Planted ">'
        "<w:r><w:t>text</w:t></w:r></w:fldSimple></w:p>"
    )
    report, copy = strip(packed(tmp_path / "a.docx", word(body)), tmp_path)
    assert report["outcome"] == "clean", report["reasons"]
    plain = inside(copy)
    assert b"Planted" not in plain and b"PAGEREF place1" in plain and b">text<" in plain
