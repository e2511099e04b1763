"""The tag files of anybody's bag, BagIt 0.93 to 1.0 (RFC 8493), as they are found in the wild.

    bagit.txt      "BagIt-Version: M.N" / "Tag-File-Character-Encoding: NAME", always UTF-8
    manifest line  digest, spaces or tabs, ["*"] path            in the encoding of bagit.txt
    fetch line     URL, length or "-", path
    info line      label ":" value; a line that begins with a space goes on with the one before

Our own bags have one spelling and are read by ``core.bagtext``. Here the spelling of the version
that the bag declares counts (docs/decisions/0025). Nothing is read from a disk here.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from evidence_vault.errors import FormatError, Unchecked

MAX_LINES = 4_000_000
_VERSION = re.compile(r"BagIt-Version: ([0-9]{1,3})\.([0-9]{1,3})\Z")
_ENCODING = re.compile(r"Tag-File-Character-Encoding: ([A-Za-z0-9][A-Za-z0-9._:-]{0,39})\Z")
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_MANIFEST_NAME = re.compile(r"(tag)?manifest-([a-z0-9_-]{1,20})\.txt\Z", re.IGNORECASE)
_ROW = re.compile(r"([0-9A-Fa-f]+)[ \t]+(\*?)(.+)\Z", re.DOTALL)
_FETCH = re.compile(r"(\S+)[ \t]+([0-9]+|-)[ \t]+(.+)\Z", re.DOTALL)
_OXUM = re.compile(r"([0-9]{1,20})\.([0-9]{1,20})\Z")
_DRIVE = re.compile(r"[A-Za-z]:")
# Character sets and nothing else: Python also has codecs that unpack or rewrite.
_CHARSETS = re.compile(
    r"(ascii|utf-8|utf-8-sig|utf-16|utf-16-[bl]e|utf-32|utf-32-[bl]e|iso8859-[0-9]{1,2}"
    r"|cp125[0-8]|cp437|cp850|cp874|cp932|cp949|koi8-[ru]|mac-roman|big5|gb2312|gbk|gb18030"
    r"|shift_jis|euc_jp|euc_kr|tis-620)\Z"
)
_KNOWN_DIGESTS = {
    **{name: name for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")},
    **{f"sha3{n}": f"sha3_{n}" for n in (224, 256, 384, 512)},
    **{name: name for name in ("blake2b", "blake2s")},
}
# Found by chance they catch; made on purpose, two files can have the same one.
WEAK = frozenset(("md5", "sha1"))


@dataclass(frozen=True, slots=True)
class Declaration:
    """What ``bagit.txt`` says."""

    version: tuple[int, int]
    encoding: str

    @property
    def text(self) -> str:
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def strict(self) -> bool:
        """True from 1.0 on, whose rules are those of RFC 8493."""
        return self.version >= (1, 0)


@dataclass(slots=True)
class Row:
    """One line of a manifest. ``path``: as it is meant; ``written``: as it stands there."""

    path: str
    written: str
    digest: str
    dotted: bool


@dataclass(slots=True)
class Manifest:
    """A manifest that was read; ``algorithm`` as in its name, ``rows`` in its order."""

    name: str
    algorithm: str
    rows: list[Row] = field(default_factory=list)

    def hasher(self) -> Callable[[], hashlib._Hash] | None:
        """Makes an object that hashes; None for an algorithm that is not known here."""
        known = _KNOWN_DIGESTS.get(self.algorithm.replace("-", "").replace("_", ""))
        if known is None or known not in hashlib.algorithms_available:
            return None
        return lambda: hashlib.new(known, usedforsecurity=False)


def parse_declaration(data: bytes) -> Declaration:
    """Read ``bagit.txt``: exactly two lines in exactly one spelling. Raises FormatError.

    Raises Unchecked for an encoding that is not known here.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("it is not UTF-8") from None
    lines = _LINE_ENDS.split(text)
    if lines[-1] == "":
        lines.pop()
    version = _VERSION.match(lines[0]) if len(lines) == 2 else None
    encoding = _ENCODING.match(lines[1]) if len(lines) == 2 else None
    if version is None or encoding is None:
        raise FormatError("it must be the two lines of a bag declaration, without other spaces")
    return Declaration((int(version[1]), int(version[2])), _charset(encoding[1]))


def _charset(name: str) -> str:
    try:
        known = codecs.lookup(name).name
    except LookupError:
        known = ""
    if not _CHARSETS.match(known):
        raise Unchecked(f"tag files in the encoding {name}, which is not known here")
    return known


def manifest_kind(name: str) -> tuple[bool, str] | None:
    """(is a tag manifest, algorithm in lower case) of a file name; None for any other file."""
    found = _MANIFEST_NAME.match(name)
    return None if found is None else (found[1] is not None, found[2].lower())


def parse_rows(name: str, data: bytes, declared: Declaration) -> Manifest:
    """Read a manifest. Raises FormatError for what is none."""
    kind = manifest_kind(name)
    algorithm = "" if kind is None else kind[1]
    manifest = Manifest(name, algorithm)
    for number, line in _lines(data, declared):
        found = _ROW.match(line)
        if found is None:
            raise FormatError(f"line {number}: expected a digest and a path")
        written, dotted = found[3], False
        while written.startswith("./"):
            written, dotted = written[2:].lstrip("/"), True
        manifest.rows.append(Row(decode_path(written, declared), written, found[1].lower(), dotted))
    return manifest


def parse_fetch(data: bytes, declared: Declaration) -> list[str]:
    """Paths of the files that ``fetch.txt`` says lie elsewhere. Raises FormatError."""
    paths = []
    for number, line in _lines(data, declared):
        found = _FETCH.match(line)
        if found is None:
            raise FormatError(f"line {number}: expected an address, a length and a path")
        paths.append(decode_path(found[3].removeprefix("./"), declared))
    return paths


def parse_info(data: bytes, declared: Declaration) -> list[tuple[str, str]]:
    """(label, value) of ``bag-info.txt`` in order; labels may repeat. Raises FormatError."""
    rows: list[tuple[str, str]] = []
    for number, line in _lines(data, declared):
        if line[0] in " \t" and rows:
            label, value = rows.pop()
            rows.append((label, f"{value} {line.strip()}"))
            continue
        label, colon, value = line.partition(":")
        if not colon or not label.strip():
            raise FormatError(f"line {number}: expected a label, a colon and a value")
        rows.append((label.strip(), value.strip()))
    return rows


def parse_oxum(value: str) -> tuple[int, int]:
    """(bytes, files) of a ``Payload-Oxum``. Raises FormatError."""
    found = _OXUM.match(value)
    if found is None:
        raise FormatError("Payload-Oxum must be bytes, a dot and a number of files")
    return int(found[1]), int(found[2])


def decode_path(written: str, declared: Declaration) -> str:
    """Line ends in a name are written %0A and %0D; since 1.0 the percent sign is written %25."""
    for code, plain in (("%0A", "\n"), ("%0a", "\n"), ("%0D", "\r"), ("%0d", "\r")):
        written = written.replace(code, plain)
    return written.replace("%25", "%") if declared.strict else written


def escape_of(path: str) -> str | None:
    """On which system a path leads out of the bag: "every", "POSIX", "Windows"; None if nowhere.

    What leads out anywhere is refused everywhere: a bag is handed on to other machines.
    """
    if ".." in re.split(r"[/\\]", path) or ".." in path.replace("\\.", ".").split("/"):
        return "every"
    if path.startswith(("/", "~")):
        return "POSIX"
    if path.startswith("\\") or _DRIVE.match(path):
        return "Windows"
    return None


def _lines(data: bytes, declared: Declaration) -> Iterator[tuple[int, str]]:
    """(number from 1, line) of every line that is not blank."""
    try:
        text = data.decode(declared.encoding)
    except (UnicodeDecodeError, UnicodeError):
        raise FormatError(f"it is not in the declared encoding {declared.encoding}") from None
    lines = _LINE_ENDS.split(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"))
    if len(lines) > MAX_LINES:
        raise FormatError("too many lines")
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, line
