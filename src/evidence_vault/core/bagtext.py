"""The texts and names of a BagIt 1.0 bag (RFC 8493) as bundles use it (docs/format-bundle.md).

    manifest line = hex digest, two spaces, path, LF           rows sorted by path

Also the rules for names inside a bundle: which are safe on every system, which collide on some,
and which an operating system drops by itself into any folder it shows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from evidence_vault.core.canonical import is_hex
from evidence_vault.errors import FormatError

BAGIT_TXT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
PAYLOAD = "data/"
MANIFESTS = ("manifest-sha256.txt", "manifest-sha512.txt")
TAG_MANIFESTS = ("tagmanifest-sha256.txt", "tagmanifest-sha512.txt")
STATEMENT = "statement.json"
STATEMENT_SIGNATURE = "statement.sig"
STATEMENT_SSHSIG = "statement.sshsig"
STATEMENT_FILES = (STATEMENT, STATEMENT_SIGNATURE, STATEMENT_SSHSIG)
SHELL_VERIFIER = "verify.sh"
VERIFIER_PAGE = "verify.html"  # not in bundles of earlier versions
PADDING = "padding"  # zeros at the end of a ZIP that leaves encrypted; listed nowhere
# Files that stand in every bundle besides the ones above.
FIXED_FILES = (
    "HOW-TO-VERIFY.txt",
    "bag-info.txt",
    "bagit.txt",
    "custody.csv",
    "custody.txt",
    "index.csv",
    SHELL_VERIFIER,
)

MAX_PATH_BYTES = 1024
MAX_NAME_BYTES = 255
DIGEST_LENGTHS = {"sha256": 64, "sha512": 128}

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_JUNK_NAMES = frozenset((".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", ".directory"))
_JUNK_FOLDERS = frozenset(("__macosx", ".spotlight-v100", ".trashes", ".fseventsd"))


def manifest_text(rows: Iterable[tuple[str, str]]) -> bytes:
    """The bytes of a manifest for (path, hex digest) rows, in any order.

    Raises FormatError for an unsafe or repeated path: such a file never enters a bundle.
    """
    lines: list[str] = []
    before = None
    for path, digest in sorted(rows):
        reason = unsafe_path_reason(path)
        if reason is not None or path == before:
            raise FormatError(f"{path!r} can't stand in a manifest: {reason or 'named twice'}")
        lines.append(f"{digest}  {path}\n")
        before = path
    return "".join(lines).encode("utf-8")


def parse_manifest(data: bytes, algorithm: str) -> dict[str, str]:
    """Hex digests by path; the inverse of :func:`manifest_text`. Raises FormatError."""
    rows: list[tuple[str, str]] = []
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("a manifest is not UTF-8") from None
    for number, line in enumerate(text.split("\n")[:-1], start=1):
        digest, gap, path = line.partition("  ")
        if not gap or not is_hex(digest, DIGEST_LENGTHS[algorithm]):
            raise FormatError(f"manifest, line {number}: expected a digest, two spaces and a path")
        rows.append((path, digest))
    if manifest_text(rows) != data:
        raise FormatError("a manifest is not in its one spelling: sorted by path, LF at each end")
    return dict(rows)


def is_payload(path: str) -> bool:
    """True for what the payload manifests list, false for tag files."""
    return path.startswith(PAYLOAD)


def unsafe_path_reason(path: str) -> str | None:
    """Why a relative path must not stand in a bundle, as a short English word group, or None.

    Safe means: the same single file below the bundle's folder on every system. The percent sign
    is refused because BagIt readers disagree on its encoding.
    """
    try:
        size = len(path.encode("utf-8"))
    except UnicodeEncodeError:
        return "not UTF-8"
    if not path or size > MAX_PATH_BYTES:
        return "empty or too long"
    if path.startswith("/"):
        return "absolute path"
    if "\\" in path:
        return "backslash"
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in path):
        return "control character"
    if ":" in path:
        return "drive letter or stream"
    if any(c in path for c in '<>"|?*%'):
        return "character not allowed"
    for part in path.split("/"):
        reason = _unsafe_part(part)
        if reason is not None:
            return reason
    return None


def _unsafe_part(part: str) -> str | None:
    if part == "..":
        return "parent path"
    if part in ("", "."):
        return "empty path element"
    if len(part.encode("utf-8")) > MAX_NAME_BYTES:
        return "empty or too long"
    if part[-1] in ". ":
        return "name ending in a dot or a space"
    if _RESERVED.fullmatch(part):
        return "name reserved by Windows"
    return None


def fold_key(path: str) -> str:
    """Equal for two paths that some file system takes for one: caseless, canonical Unicode."""
    folded = unicodedata.normalize("NFD", path).casefold()
    return unicodedata.normalize("NFD", folded)


def is_os_junk(path: str) -> bool:
    """True for the closed list of what an operating system adds by itself (any folder depth).

    A path that ends in a slash is a folder. Only files have the names of files that a system
    drops, and only folders those of folders: nothing hides in a folder named ``.DS_Store``.
    """
    *folders, name = path.casefold().split("/")
    return (
        name in _JUNK_NAMES
        or name.startswith("._")
        or any(folder in _JUNK_FOLDERS for folder in folders)
    )
