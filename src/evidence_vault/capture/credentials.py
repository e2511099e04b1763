"""Content credentials (C2PA) of a file at intake: what they say, and what that does not mean.

A file that carries none costs a search of its bytes; one that visibly carries some is read by
c2pa-python, an optional library, in one confined process that starts with the first such file.
Nothing is fetched from anywhere. Trouble of any kind is an outcome, never an exception.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from evidence_vault.capture import jumbf
from evidence_vault.capture.confine import (
    Crashed,
    Limits,
    TimedOut,
    TooLarge,
    python_folders,
)
from evidence_vault.capture.formats import HEAD_SIZE, TAIL_SIZE, identify
from evidence_vault.capture.lineworker import LineWorker

MATCHES, DIFFERS, UNCHECKED = "matches", "does not match", "could not be checked"

_LIMITS = Limits(cpu_seconds=0, file_bytes=0, output_bytes=16 << 20)
_SECONDS = 60.0
_BYTES_PER_SECOND = 20 << 20

_MEANING = {
    MATCHES: (
        "The file is unaltered since it was signed with the key named. That does not say that "
        "what it shows is true, nor who signed: the certificate was held against no trust list."
    ),
    DIFFERS: (
        "The file, its manifest or the signature was altered after signing, or was never whole. "
        "Other evidence must say which, and by whom."
    ),
    UNCHECKED: "Nothing is claimed about these credentials, neither for nor against the file.",
}
_NOT_INSTALLED = "c2pa-python is not installed (pip install 'evidence-vault[c2pa]')"
_SIDECAR = "the manifest lies in a file of its own: it was not compared with the file it is about"

#: Formats in which C2PA can stand, and the name under which the library knows each.
_FORMATS = {
    "application/c2pa": "application/c2pa",
    "application/pdf": "application/pdf",
    "audio/flac": "audio/flac",
    "audio/mp4": "audio/mp4",
    "audio/mpeg": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "image/avif": "image/avif",
    "image/gif": "image/gif",
    "image/heic": "image/heic",
    "image/heif": "image/heif",
    "image/jpeg": "image/jpeg",
    "image/jxl": "image/jxl",
    "image/png": "image/png",
    "image/svg+xml": "image/svg+xml",
    "image/tiff": "image/tiff",
    "image/webp": "image/webp",
    "image/x-adobe-dng": "image/x-adobe-dng",
    "video/mp4": "video/mp4",
    "video/quicktime": "video/quicktime",
    "video/x-msvideo": "video/avi",
}
_MARKS = re.compile(rb"c2pa|C2PA")
#: Files up to here are searched whole, larger ones at both ends.
_WHOLE, _END = 64 << 20, 8 << 20
_BLOCK = 1 << 20

#: Failures that say that something was not looked at, not that it is wrong.
_NOT_LOOKED_AT = frozenset(
    (
        "algorithm.unsupported",
        "assertion.inaccessible",
        "general.error",
        "manifest.inaccessible",
        "signingCredential.untrusted",  # always: there is no trust list
    )
)
_CODES = ("success", "informational", "failure")
_SIGNER = ("alg", "common_name", "issuer", "cert_serial_number", "time")


class CredentialsReader:
    """Any thread may :meth:`read`; ``readable``: folders in which the files lie. Close it."""

    def __init__(self, readable: Sequence[Path]) -> None:
        self._worker = _worker(readable)

    def read(self, path: bytes, tags: Mapping[str, Any]) -> dict[str, Any] | None:
        """The record of a file's credentials; None when it carries none that can be seen.

        ``tags``: as ExifTool found them. Keys: ``outcome`` (one of three), ``meaning``,
        ``reason``, ``state`` (the library's word), ``codes`` by kind, ``ingredient_failures``,
        ``signer``, ``generator``, ``manifests`` (how many), ``store_sha256`` (None where not
        obtainable), ``remote`` (an address named and not asked), ``trust_list``, ``tool``.
        """
        try:
            seen = _visible(path, tags)
        except (OSError, ValueError):
            return None  # the intake itself will say what is wrong with the file
        if seen is None:
            return None
        mime, named, size = seen
        if self._worker is None:
            return _record(UNCHECKED, _NOT_INSTALLED, remote=_remote(named))
        asked = {"mime": mime, "path": os.fsdecode(os.path.abspath(path))}
        try:
            line = json.dumps(asked).encode("ascii")
            said = json.loads(self._worker.ask(line, _SECONDS + size / _BYTES_PER_SECOND))
            return _interpret(said, named, mime)
        except (TimedOut, TooLarge, Crashed) as error:
            reason = f"the reader of content credentials: {error}"
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            reason = "the reader of content credentials said something that makes no sense"
        return _record(UNCHECKED, reason, remote=_remote(named))

    def close(self) -> None:
        """End the process; any thread may call this."""
        if self._worker is not None:
            self._worker.close()


def _worker(readable: Sequence[Path]) -> LineWorker | None:
    found = importlib.util.find_spec("c2pa")
    if found is None or not found.submodule_search_locations:
        return None
    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    library = os.path.dirname(os.path.abspath(found.submodule_search_locations[0]))
    code = f"import sys; sys.path += {[source, library]!r}"
    code += "; from evidence_vault.capture.c2paworker import main; main()"
    folders = [*python_folders(), Path(library), *readable]
    return LineWorker([sys.executable, "-I", "-S", "-c", code], _LIMITS, folders)


def _visible(path: bytes, tags: Mapping[str, Any]) -> tuple[str, str, int] | None:
    """(format, what the XMP names as the manifest, size), or None."""
    named = next((str(v) for k, v in tags.items() if k.endswith(":Provenance") and v), "")
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as stream:
        about = os.fstat(stream.fileno())
        if not stat.S_ISREG(about.st_mode):
            return None
        head = stream.read(HEAD_SIZE)
        stream.seek(max(0, about.st_size - TAIL_SIZE))
        mime = _FORMATS.get(identify(head, stream.read(TAIL_SIZE), about.st_size).mime)
        if mime is None:
            return None
        seen = bool(named) or any("JUMBF" in key for key in tags)
        if seen or _marked(stream, mime, about.st_size):
            return mime, named, about.st_size
    return None


def _marked(stream: BinaryIO, mime: str, size: int) -> bool:
    if mime in jumbf.ISO_MEDIA:
        places = ((start, size) for kind, start, size in jumbf.iso_boxes(stream) if kind == b"uuid")
        return any(_starts(stream, start, jumbf.BMFF_UUID) for start, _ in places)
    if mime in jumbf.RIFF:
        return any(name == b"C2PA" for name, _, _ in jumbf.riff_chunks(stream))
    parts = [(0, size)] if size <= _WHOLE else [(0, _END), (size - _END, _END)]
    return any(_holds_mark(stream, start, length) for start, length in parts)


def _starts(stream: BinaryIO, at: int, expected: bytes) -> bool:
    stream.seek(at)
    return stream.read(len(expected)) == expected


def _holds_mark(stream: BinaryIO, start: int, length: int) -> bool:
    stream.seek(start)
    before = b""
    while length > 0 and (block := stream.read(min(_BLOCK, length))):
        if _MARKS.search(before + block[:3]) or b"c2pa" in block or b"C2PA" in block:
            return True
        before, length = block[-3:], length - len(block)
    return False


def _interpret(said: Mapping[str, Any], named: str, mime: str) -> dict[str, Any] | None:
    tool = str(said["library"])
    if (error := said.get("error")) is not None:
        text = str(error)
        if text.startswith("ManifestNotFound"):
            if not named:
                return None  # the mark was a chance, or words about C2PA
            text = "the file names content credentials but holds none"
        remote = re.match(r"Remote: must fetch remote manifests from url (\S+)", text)
        if remote is not None:
            reason = "the manifest lies elsewhere: its address is named here and was not asked"
            return _record(UNCHECKED, reason, tool=tool, remote=remote[1])
        return _record(UNCHECKED, text, tool=tool, remote=_remote(named))
    return _of_manifest(said, tool, named, mime)


def _of_manifest(said: Mapping[str, Any], tool: str, named: str, mime: str) -> dict[str, Any]:
    state = str(said["state"])
    active = said["results"].get("activeManifest") or {}
    codes = {kind: _codes(active.get(kind)) for kind in _CODES}
    failures = codes["failure"]
    outcome, reason = (MATCHES, "") if state in ("Valid", "Trusted") else (UNCHECKED, state)
    if state == "Invalid" and not _NOT_LOOKED_AT.issuperset(failures):
        outcome = DIFFERS
    if state == "Invalid":
        reason = ", ".join(failures)
    if mime == "application/c2pa":
        outcome, reason = UNCHECKED, _SIDECAR
    manifests = said["json"].get("manifests") or {}
    manifest = manifests.get(said["json"].get("active_manifest")) or {}
    signer = manifest.get("signature_info") or {}
    deltas = said["results"].get("ingredientDeltas") or []
    below = [each.get("validationDeltas", {}).get("failure") for each in deltas]
    return _record(
        outcome,
        reason,
        tool=tool,
        state=state,
        codes=codes,
        ingredient_failures=sorted({code for found in below for code in _codes(found)}),
        signer={key: str(signer[key]) for key in _SIGNER if signer.get(key)},
        generator=str(manifest.get("claim_generator") or _generator(manifest)),
        manifests=len(manifests),
        store_sha256=said["store_sha256"],
        remote=_remote(named),
    )


def _generator(manifest: Mapping[str, Any]) -> str:
    """Of claims of version 2, the program's name and version."""
    first = (manifest.get("claim_generator_info") or [{}])[0]
    return " ".join(str(first[key]) for key in ("name", "version") if first.get(key))


def _codes(found: Any) -> list[str]:
    return sorted({str(each["code"]) for each in found or []})


def _remote(named: str) -> str:
    return named if named.lower().startswith(("http://", "https://")) else ""


def _record(outcome: str, reason: str, **more: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {
        "codes": {kind: [] for kind in _CODES},
        "generator": "",
        "ingredient_failures": [],
        "manifests": 0,
        "remote": "",
        "signer": {},
        "state": "",
        "store_sha256": None,
        "tool": "",
        "trust_list": "none",
    }
    said = {"meaning": _MEANING[outcome], "outcome": outcome, "reason": reason}
    return {**nothing, **said, **more}
