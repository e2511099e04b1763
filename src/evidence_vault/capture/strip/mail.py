"""Share copies of messages (RFC 5322): what a reader sees of the header, the texts, attachments.

Transport headers, identifiers, programs and addresses of machines go. A part in HTML and every
attachment go through the same strip.
"""

from __future__ import annotations

import base64
import binascii
import email
import email.policy
import platform
import quopri
import re
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.model import (
    Comparison,
    Kept,
    NotChecked,
    Scan,
    Secret,
    ToolUse,
    View,
    Work,
)
from evidence_vault.capture.strip.nested import Nest

_STAYS = ("From", "To", "Cc", "Date", "Subject")
_KINDS = re.compile(r"[a-z]+/[a-z0-9.+-]{1,80}\Z")
_MOST_PARTS = 500
_HEADERS = frozenset(
    "from to cc date subject mime-version content-type content-transfer-encoding "
    "content-disposition content-id".split()
)
_PART_MARK = re.compile(r"^--=_part_[0-9-]+(--)?$")


class Mail:
    """Messages; signed and encrypted ones are refused."""

    name = "message"

    def __init__(self) -> None:
        self._nest = Nest()
        self._secrets: dict[tuple[str, str], None] = {}
        self._parts = 0

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        """Write the message anew."""
        message = _parsed(source)
        lines = [f"{name}: {_folded(value)}" for name, value in _shown(message)]
        lines.append("MIME-Version: 1.0")
        body = self._body(message, "1", bench)
        target.write_bytes("\r\n".join([*lines, *body, ""]).encode("ascii"))
        return Work(
            structures=(f"headers and parameters of parts: {len(self._secrets)}",),
            secrets=tuple(Secret(kind, value) for kind, value in self._secrets),
            kept=(
                Kept("From, To, Cc, Date, Subject", "what every reader of the message sees"),
                Kept("texts", "they were not examined: names and places in them stay"),
            ),
            tools=(ToolUse("Python email", platform.python_version()),),
            nested=tuple(self._nest.reports),
            ordinary=frozenset(["1.0", "quoted-printable", "base64", "utf-8", "UTF-8"]),
        )

    def _body(self, part: Any, number: str, bench: Bench) -> list[str]:
        """Lines of a part from its Content-Type on."""
        self._parts += 1
        if self._parts > _MOST_PARTS or number.count("-") > 20:
            raise NotChecked("it has too many parts")
        self._remember(part, number)
        kind = part.get_content_type()
        if kind in ("multipart/signed", "multipart/encrypted"):
            raise NotChecked("it is signed or encrypted as a whole")
        if part.is_multipart() and kind.startswith("multipart/"):
            mark = f"=_part_{number}"
            lines = [f'Content-Type: {kind}; boundary="{mark}"', ""]
            for at, each in enumerate(part.iter_parts(), 1):
                lines += [f"--{mark}", *self._body(each, f"{number}-{at}", bench)]
            return [*lines, f"--{mark}--"]
        if kind == "text/plain" and part.get_content_disposition() != "attachment":
            return [*_typed("text/plain; charset=utf-8"), *_coded(_text(part).encode("utf-8"))]
        return self._file(part, kind, bench)

    def _file(self, part: EmailMessage, kind: str, bench: Bench) -> list[str]:
        data = _data(part)
        name = f"attachment-{self._parts}"
        cleaned = self._nest.clean("attachment", data, bench)
        lines = _typed(kind if _KINDS.match(kind) else "application/octet-stream")
        lines.insert(1, f'Content-Disposition: attachment; filename="{name}"')
        return [*lines, *_coded(cleaned)]

    def _remember(self, part: EmailMessage, number: str) -> None:
        for name, value in part.items():
            if number == "1" and name.title() in _STAYS:
                continue
            if name.lower() not in ("content-type", "content-transfer-encoding", "mime-version"):
                self._secrets["header of the message", " ".join(str(value).split())] = None
        filename = part.get_filename()
        if filename:
            self._secrets["name of an attachment", filename] = None
        boundary = part.get_boundary()
        if boundary and not boundary.startswith("=_part_"):
            self._secrets["boundary of parts", boundary] = None

    def compare(self, source: Path, target: Path, bench: Bench) -> Comparison:
        """Headers that are shown and texts; attachments were compared by their own kind."""
        before, after = _seen(_parsed(source)), _seen(_parsed(target))
        same = [report["decoded"]["identical"] for _, report in self._nest.reports]
        what = f"{len(before)} headers and texts, {same.count('yes')} of {len(same)} attachments"
        good = before == after and "no" not in same
        method = "headers that are shown and decoded texts; attachments each by its own kind"
        return Comparison("yes" if good else "no", method, what)

    def scan(self, target: Path, bench: Bench) -> Scan:
        """Every line of the copy, without a mail library."""
        tool = ToolUse("line reader", "1", ("headers by RFC 5322 2.2",))
        return Scan(tool, tuple(sorted(set(_lines(target.read_bytes())))))

    def views(self, path: Path, bench: Bench) -> Iterator[View]:
        """Every part, decoded."""
        for part in _parts(_parsed(path)):
            if part.get_content_maintype() != "multipart":
                yield View("a part", _data(part))

    def visible_text(self, source: Path, bench: Bench) -> str:
        """Headers that are shown, and texts."""
        return "\n".join(_seen(_parsed(source)))

    def may_stay(self, tag: str) -> str | None:
        if tag.rpartition(":")[2] in ("MIMEEncoding", "Newlines", "LineCount", "WordCount"):
            return "what the text is"
        return self._nest.may_stay(tag)


def _parsed(path: Path) -> EmailMessage:
    try:
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    except (ValueError, LookupError, IndexError) as error:
        raise NotChecked("it can't be read as a message") from error
    return message


def _shown(message: EmailMessage) -> Iterator[tuple[str, str]]:
    for name in _STAYS:
        for value in message.get_all(name, []):
            yield name, " ".join(str(value).split())


def _parts(message: Any) -> Iterator[Any]:
    """A message and its parts; an attached message is one part, a file of its own."""
    yield message
    if message.is_multipart() and message.get_content_maintype() == "multipart":
        for part in message.iter_parts():
            yield from _parts(part)


def _seen(message: EmailMessage) -> list[str]:
    found = [f"{name}: {value}" for name, value in _shown(message)]
    for part in _parts(message):
        if (
            part.get_content_type() == "text/plain"
            and part.get_content_disposition() != "attachment"
        ):
            found.append(_text(part).replace("\r\n", "\n"))
    return found


def _text(part: EmailMessage) -> str:
    data = cast(bytes, part.get_payload(decode=True) or b"")
    charset = str(part.get_content_charset() or "utf-8")
    try:
        return data.decode(charset, "strict")
    except (LookupError, UnicodeDecodeError):
        if part.get_content_charset() in (None, "us-ascii"):
            return data.decode("utf-8" if _is_utf8(data) else "latin-1")
        raise NotChecked("a text in it can't be decoded") from None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _data(part: EmailMessage) -> bytes:
    payload: Any = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        return payload
    inner: Any = part.get_payload()
    data = b"".join(each.as_bytes() for each in inner) if isinstance(inner, list) else b""
    return _undone(data, str(part.get("Content-Transfer-Encoding", "")).strip().lower())


def _undone(data: bytes, coding: str) -> bytes:
    """An attached message: the library takes it for a message before undoing its coding."""
    if coding not in ("base64", "quoted-printable"):
        return data
    try:
        return quopri.decodestring(data) if coding[0] == "q" else base64.b64decode(data)
    except (ValueError, binascii.Error) as error:
        raise NotChecked("an attachment in it can't be decoded") from error


def _folded(value: str) -> str:
    """A header value in ASCII: RFC 2047 words where it needs them."""
    if value.isascii():
        return value
    coded = base64.b64encode(value.encode("utf-8")).decode()
    return f"=?utf-8?b?{coded}?="


def _typed(kind: str) -> list[str]:
    return [f"Content-Type: {kind}"]


def _coded(data: bytes) -> list[str]:
    text = base64.b64encode(data).decode()
    lines = [text[at : at + 76] for at in range(0, len(text), 76)]
    return ["Content-Transfer-Encoding: base64", "", *lines]


def _lines(data: bytes) -> Iterator[str]:
    """Names of headers that must not be there."""
    heads = True
    for line in data.decode("ascii", "replace").split("\r\n"):
        if _PART_MARK.match(line):
            heads = not line.endswith("--")
        elif not line:
            heads = False
        elif heads:
            name = line.partition(":")[0].lower()
            if name not in _HEADERS:
                yield "a header that must not be there"
