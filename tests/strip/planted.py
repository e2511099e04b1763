"""Small sound and video files with a secret in a hiding place, and the search for it."""

from __future__ import annotations

import base64
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.capture.strip import engine
from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.boxes import box
from evidence_vault.capture.strip.maker import CopyMaker

SECRET = b"Daw-Khin-Planted-7731"
TONE = ("-f", "lavfi", "-i", "sine=frequency=440:duration=0.3")
PICTURES = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=0.5")

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


_FOLDER = tempfile.TemporaryDirectory()


@functools.cache
def names() -> Path:
    """What ``exiftool -list`` prints, once for all tests: it takes longer than a strip."""
    path = Path(_FOLDER.name, "names")
    path.write_bytes(subprocess.run(["exiftool", "-list"], capture_output=True, check=True).stdout)
    return path


@functools.cache
def maker() -> CopyMaker:
    """One maker for all tests, for the same reason."""
    return CopyMaker()


def each(places: Iterable[Any], keep: Collection[Any]) -> list[Any]:
    """Test parameters: those to keep run each time, the like of them with the slow tests."""
    return [
        place if place in keep else pytest.param(place, marks=pytest.mark.slow) for place in places
    ]


def strip(source: Path, folder: Path) -> tuple[dict[str, Any], bytes]:
    """(report, the copy or nothing) of a strip in this process."""
    target = folder / "copy"
    scratch = Path(tempfile.mkdtemp(dir=folder))
    report = engine.strip(source, target, Bench(scratch, engine.strip, names=names()))
    return report, target.read_bytes() if target.exists() else b""


def made(target: Path, *arguments: str) -> bytes:
    """What ffmpeg writes to ``target``."""
    run = ["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments, str(target)]
    subprocess.run(run, check=True)
    return target.read_bytes()


def movie(folder: Path, *more: str, name: str = "made.mp4") -> bytes:
    """Pictures and sound in MP4, the description behind the samples."""
    return made(folder / name, *PICTURES, *TONE, "-shortest", "-c:a", "aac", *more)


def with_box(data: bytes, path: tuple[bytes, ...], extra: bytes) -> bytes:
    """The movie with ``extra`` at the end of the box at ``path``; no sample may lie behind it."""
    start, end = 0, len(data)
    heads = []
    for kind in path:
        at = start
        while data[at + 4 : at + 8] != kind:
            at += int.from_bytes(data[at : at + 4], "big")
            assert at < end
        heads.append(at)
        start, end = at + 8, at + int.from_bytes(data[at : at + 4], "big")
    out = bytearray(data[:end] + extra + data[end:])
    for at in heads:
        out[at : at + 4] = (int.from_bytes(out[at : at + 4], "big") + len(extra)).to_bytes(4, "big")
    return bytes(out)


def copied(folder: Path, data: bytes) -> tuple[bytes | None, dict[str, Any]]:
    """(the share copy, the report) of these bytes."""
    source = folder / "source"
    source.write_bytes(data)
    copy = maker().make(source)
    clean = copy.path.read_bytes() if copy.path else None
    maker().forget(copy)
    return clean, copy.report


def shows(data: bytes, secret: bytes = SECRET) -> bool:
    """A search of its own: whether the secret stands in the bytes in any usual form."""
    text = secret.decode()
    forms = [secret, text.encode("utf-16-le"), text.encode("utf-16-be"), secret.hex().encode()]
    forms += [base64.b64encode(secret)[:20], secret[1:-1]]
    return any(form in data for form in forms)


def assert_clean_without(folder: Path, data: bytes) -> dict[str, Any]:
    """The secret stands in the original, the copy is clean, and a strip of it changes nothing."""
    assert shows(data)
    copy, report = copied(folder, data)
    assert report["outcome"] == "clean", report["reasons"]
    assert copy is not None and not shows(copy)
    again, _ = copied(folder, copy)
    assert again == copy
    assert not shows(repr(report).encode())
    return report


__all__ = ["PICTURES", "SECRET", "TONE", "box"]
