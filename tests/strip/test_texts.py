"""SVG, messages, ZIP archives and plain text."""

from __future__ import annotations

import base64
import email
import email.policy
import quopri
import re
import zipfile
from pathlib import Path

import pytest
from tests.strip.planted import strip

SECRET = "Ko Planted Witness"


SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:i="urn:i" width="9" height="9">{}'
    '<rect x="1" y="1" width="5" height="5"/></svg>'
)


@pytest.mark.parametrize(
    "hidden",
    [
        f"<metadata>{SECRET}</metadata>",
        f"<title>{SECRET}</title>",
        f"<desc>{SECRET}</desc>",
        f"<!-- {SECRET} -->",
        f"<script>var a='{SECRET}'</script>",
        f'<g i:label="{SECRET}" data-a="{SECRET}" id="{SECRET}" onclick="{SECRET}"/>',
        f'<text style="display:none">{SECRET}</text>',
        f'<image href="file:///home/{SECRET}/a.png"/>',
        f"<i:view>{SECRET}</i:view>",
    ],
)
def test_nothing_planted_in_svg_survives(hidden: str, tmp_path: Path) -> None:
    source = tmp_path / "a.svg"
    source.write_text(SVG.format(hidden))
    report, copy = strip(source, tmp_path)
    assert report["outcome"] == "clean", report["reasons"]
    assert SECRET.encode() not in copy and b"<rect" in copy
    source.write_bytes(copy)
    assert strip(source, tmp_path)[1] == copy


def test_an_svg_with_entities_or_style_from_outside_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "a.svg"
    source.write_text('<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG.format("<text>&a;</text>"))
    assert strip(source, tmp_path)[0]["outcome"] == "not-checked"
    source.write_text(SVG.format("<style>@import 'http://example.org/a.css';</style>"))
    assert strip(source, tmp_path)[0]["outcome"] == "not-checked"


MAIL = (
    "Received: from [203.0.113.9] by mx.example.org; Tue, 2 Feb 2021 03:04:05 +0630\r\n"
    "Message-ID: <planted-4711@laptop.example>\r\nX-Originating-IP: 203.0.113.9\r\n"
    "User-Agent: Planted Mail 3.1\r\nFrom: a@example.org\r\nTo: b@example.org\r\n"
    "Subject: What happened\r\nDate: Tue, 2 Feb 2021 03:04:05 +0000\r\n"
    "MIME-Version: 1.0\r\nContent-Type: {}\r\n\r\n{}"
)


def test_a_message_keeps_what_is_read_and_loses_its_way(tmp_path: Path) -> None:
    source = tmp_path / "a.eml"
    source.write_text(MAIL.format("text/plain; charset=utf-8", "What happened there.\r\n"))
    report, copy = strip(source, tmp_path)
    assert report["outcome"] == "clean", report["reasons"]
    for gone in (b"203.0.113.9", b"planted-4711", b"Planted Mail", b"Received"):
        assert gone not in copy
    assert b"Subject: What happened" in copy
    source.write_bytes(copy)
    assert strip(source, tmp_path)[1] == copy


def test_an_attachment_that_is_not_understood_makes_the_message_unchecked(tmp_path: Path) -> None:
    body = (
        "--x\r\nContent-Type: text/plain\r\n\r\nHello there.\r\n--x\r\n"
        "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; "
        'filename="a.bin"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAwQFBgc=\r\n--x--\r\n'
    )
    source = tmp_path / "a.eml"
    source.write_text(MAIL.format('multipart/mixed; boundary="x"', body))
    assert strip(source, tmp_path)[0]["outcome"] == "not-checked"


def test_a_zip_is_clean_only_if_every_file_in_it_is(tmp_path: Path) -> None:
    source = tmp_path / "a.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.comment = SECRET.encode()
        archive.writestr("a.svg", SVG.format(f"<desc>{SECRET}</desc>"))
    report, copy = strip(source, tmp_path)
    assert report["outcome"] == "clean", report["reasons"]
    assert SECRET.encode() not in copy
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr("b.bin", bytes(range(99)))
    assert strip(source, tmp_path)[0]["outcome"] == "not-checked"


def test_plain_text_stays_and_says_that_it_was_not_examined(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_text("What happened there, and who saw it.\n")
    report, copy = strip(source, tmp_path)
    assert report["outcome"] == "clean" and copy == source.read_bytes()
    assert "the text itself" in [each["name"] for each in report["kept"]]


def test_text_that_hides_another_format_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_text("hello\n\ndata:image/jpeg;base64,AAAA\n")
    assert strip(source, tmp_path)[0]["outcome"] == "not-checked"


@pytest.mark.parametrize("coding", ["base64", "quoted-printable", "7bit"])
def test_header_of_an_attached_message_does_not_survive(coding: str, tmp_path: Path) -> None:
    """The email library takes a coded message for a message before undoing its coding."""
    inner = f"From: a@example.org\r\nX-Planted: {SECRET}\r\nSubject: b\r\n\r\nc\r\n".encode()
    codings = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}
    body = codings.get(coding, bytes)
    source = tmp_path / "a.eml"
    source.write_bytes(
        b"From: a@example.org\nSubject: b\nMIME-Version: 1.0\n"
        b'Content-Type: multipart/mixed; boundary="x"\n\n--x\nContent-Type: text/plain\n\nc\n'
        b"--x\nContent-Type: message/rfc822\nContent-Transfer-Encoding: "
        + coding.encode()
        + b"\n\n"
        + body(inner)
        + b"\n--x--\n"
    )
    report, copy = strip(source, tmp_path)
    assert report["outcome"] in ("clean", "not-checked"), report["reasons"]
    message = email.message_from_bytes(copy, policy=email.policy.default)
    for part in message.walk():
        assert part["X-Planted"] is None
    for line in copy.split(b"\r\n\r\n"):
        if re.fullmatch(rb"[A-Za-z0-9+/=\r\n-]+", line):
            assert SECRET.encode() not in base64.b64decode(line.split(b"--")[0])
    assert report["outcome"] == "clean", report["reasons"]
