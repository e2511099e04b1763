"""Content credentials at intake: what is recorded, and that nobody hears that we hold the file."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import shutil
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence_vault.capture import confine, credentials
from evidence_vault.capture.confine import Crashed, Limits, TimedOut, TooLarge
from evidence_vault.capture.credentials import CredentialsReader
from evidence_vault.capture.lineworker import LineWorker
from evidence_vault.capture.metadata import MetadataPool

from .conftest import Command

needs_exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="ExifTool is not installed"
)
needs_c2pa = pytest.mark.skipif(
    importlib.util.find_spec("c2pa") is None, reason="c2pa-python is not installed"
)
MATCHES, DIFFERS, UNCHECKED = credentials.MATCHES, credentials.DIFFERS, credentials.UNCHECKED

#: file: outcome, and what its codes or reason hold. What the files are: shared corpus, CORPUS.md.
KNOWN = {
    "c2pa-rs/C.jpg": (MATCHES, "claimSignature.validated"),
    "c2pa-rs/boxhash.jpg": (MATCHES, "claimSignature.validated"),
    "c2pa-python/C.dng": (MATCHES, "claimSignature.validated"),
    "c2pa-python/file_with_wrong_extension.xyz.jpg": (MATCHES, "claimSignature.validated"),
    "c2pa-public-testfiles/adobe-20240110-single_manifest_store.pdf": (MATCHES, "validated"),
    "c2pa-rs/E-sig-CA.jpg": (DIFFERS, "claimSignature.mismatch"),
    "c2pa-rs/dashinit.mp4": (DIFFERS, "assertion.bmffHash.mismatch"),
    "c2pa-rs/cloud_manifest.c2pa": (UNCHECKED, "in a file of its own"),
    "c2pa-rs/libpng-test_with_url.png": (UNCHECKED, "address is named here and was not asked"),
    "c2pa-rs/sample3.svg": (UNCHECKED, "invalid JUMBF header"),
    "c2pa-rs/no_manifest.jpg": (UNCHECKED, "names content credentials but holds none"),
    "c2pa-rs/nested_moov_1000.mp4": (None, ""),
    "c2pa-rs/libpng-test.png": (None, ""),
    "c2pa-rs/test_xmp.webp": (None, ""),
}


@needs_exiftool
@needs_c2pa
def test_every_known_file_through_the_command_line(vault: Command, shared: Path) -> None:
    taken = vault("ingest", *(shared / "corpus" / name for name in KNOWN), "--by", "d", "--json")
    assert taken.status == 0, taken.err
    for item, (name, (outcome, words)) in zip(taken.json()["taken_in"], KNOWN.items(), strict=True):
        found = vault("show", item["id"], "--json").json()["metadata"].get("content_credentials")
        assert (found and found["outcome"]) == outcome, name
        assert words in str(found), name
        shown = vault("show", item["id"]).out
        assert ("Content credentials (C2PA): " in shown) == (outcome is not None)
        if outcome == MATCHES:
            assert "That does not say that what it shows is true, nor who signed" in shown


@needs_c2pa
def test_one_changed_pixel_and_the_digest_of_the_store(shared: Path, tmp_path: Path) -> None:
    original = (shared / "corpus/c2pa-rs/C.jpg").read_bytes()
    changed = tmp_path / "changed.jpg"
    changed.write_bytes(original[:-2000] + bytes([original[-2000] ^ 1]) + original[-1999:])
    sidecar = shared / "corpus/c2pa-rs/cloud_manifest.c2pa"
    reader = CredentialsReader([tmp_path, sidecar.parent])
    try:
        found = reader.read(bytes(changed), {})
        alone = reader.read(bytes(sidecar), {})
    finally:
        reader.close()
    assert found is not None and alone is not None
    assert found["outcome"] == DIFFERS
    assert found["codes"]["failure"] == [
        "assertion.dataHash.mismatch",
        "signingCredential.untrusted",
    ]
    assert found["signer"]["common_name"] == "C2PA Signer"
    assert found["trust_list"] == "none"
    assert alone["store_sha256"] == hashlib.sha256(sidecar.read_bytes()).hexdigest()


def test_without_the_library_it_is_said_of_those_files_only(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    reader = CredentialsReader([])
    found = reader.read(bytes(shared / "corpus/c2pa-rs/C.jpg"), {})
    assert found is not None
    assert (found["outcome"], found["state"]) == (UNCHECKED, "")
    assert "c2pa-python is not installed" in found["reason"]
    assert reader.read(bytes(shared / "corpus/c2pa-rs/libpng-test.png"), {}) is None


@needs_exiftool
@needs_c2pa
def test_no_process_starts_for_files_without_credentials(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []
    real = LineWorker.ask

    def counted(self: LineWorker, line: bytes, seconds: float) -> bytes:
        asked.append(line)
        return real(self, line, seconds)

    monkeypatch.setattr(LineWorker, "ask", counted)
    plain = sorted((shared / "corpus/exif-samples").rglob("*.jpg"))[:20]
    assert len(plain) == 20
    with MetadataPool(2, readable=[shared]) as pool:
        results = [pool.submit(bytes(path)) for path in plain]
        assert all(each.result().credentials is None for each in results)
        assert asked == []
        carrying = pool.submit(bytes(shared / "corpus/c2pa-rs/C.jpg")).result().credentials
    assert carrying is not None and carrying["outcome"] == MATCHES
    assert len(asked) == 1


# -- nobody is told --------------------------------------------------------------------------------


class Listener:
    """A real server on the loopback device that counts who calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        calls = self.calls

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                calls.append(self.path)
                self.send_error(404)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/manifest.c2pa"


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.server.shutdown()
    made.server.server_close()


def remote_png(shared: Path, url: str, path: Path) -> Path:
    """The corpus picture whose manifest lies elsewhere, made to point at ``url``."""
    data = (shared / "corpus/c2pa-rs/libpng-test_with_url.png").read_bytes()
    old = b"http://localhost:5000/libpng-test.c2pa"
    out, at = data[:8], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        name, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        content = content.replace(old, url.encode())
        crc = zlib.crc32(name + content)
        out += struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)
        at += 12 + length
    assert url.encode() in out
    path.write_bytes(out)
    return path


READ = """
import sys
sys.path += {places!r}
import c2pa
settings = {settings}
context = c2pa.Context(c2pa.Settings.from_dict(settings)) if settings else c2pa.Context()
try:
    c2pa.Reader("image/png", open(sys.argv[1], "rb"), context=context)
except c2pa.C2paError as error:
    print(error)
"""


def command(settings: str, path: Path) -> list[str]:
    spec = importlib.util.find_spec("c2pa")
    assert spec is not None and spec.origin is not None
    places = [str(Path(spec.origin).parents[1])]
    return [sys.executable, "-c", READ.format(places=places, settings=settings), str(path)]


ON = "{'verify': {'remote_manifest_fetch': True}}"
OFF = "{'verify': {'remote_manifest_fetch': False, 'ocsp_fetch': False}}"


@needs_c2pa
def test_a_remote_manifest_calls_home_unless_prevented(
    shared: Path, tmp_path: Path, listener: Listener
) -> None:
    """The control: switches on and no confinement, and whoever put the address in is told."""
    picture = remote_png(shared, listener.url, tmp_path / "remote.png")
    for settings in ("None", ON):
        listener.calls.clear()
        subprocess.run(command(settings, picture), capture_output=True, timeout=60)
        assert listener.calls == ["/manifest.c2pa"], settings


@needs_c2pa
def test_the_switches_alone_keep_it_in(shared: Path, tmp_path: Path, listener: Listener) -> None:
    picture = remote_png(shared, listener.url, tmp_path / "remote.png")
    done = subprocess.run(command(OFF, picture), capture_output=True, timeout=60)
    assert b"must fetch remote manifests" in done.stdout
    assert listener.calls == []


@needs_c2pa
def test_confinement_alone_keeps_it_in(shared: Path, tmp_path: Path, listener: Listener) -> None:
    """A library that forgets its switches."""
    held = confine.protection()
    if held["calls"] and held["network"]:
        pytest.skip(f"this system gives neither: {held['calls']}; {held['network']}")
    picture = remote_png(shared, listener.url, tmp_path / "remote.png")
    limits = Limits(wall_seconds=60.0)
    done = confine.run(command(ON, picture), limits, readable=[*confine.python_folders(), tmp_path])
    assert done.status == 0, done.err
    assert listener.calls == []


@needs_exiftool
@needs_c2pa
def test_intake_names_the_address_and_asks_nobody(
    vault: Command, shared: Path, tmp_path: Path, listener: Listener
) -> None:
    picture = remote_png(shared, listener.url, tmp_path / "remote.png")
    (item,) = vault("ingest", picture, "--by", "desk-1", "--json").json()["taken_in"]
    found = vault("show", item["id"], "--json").json()["metadata"]["content_credentials"]
    assert (found["outcome"], found["remote"]) == (UNCHECKED, listener.url)
    assert "remote manifest, not fetched" in vault("show", item["id"]).out
    assert listener.calls == []


# -- a worker that misbehaves ----------------------------------------------------------------------

WORKER = """
import sys, time
for line in sys.stdin.buffer:
    if b"hang" in line: time.sleep(600)
    if b"die" in line: sys.exit(4)
    while b"flood" in line: sys.stdout.write("x" * 65536)
    sys.stdout.buffer.write(line); sys.stdout.buffer.flush()
"""


@pytest.mark.parametrize(
    ("line", "error"), [(b"hang", TimedOut), (b"die", Crashed), (b"flood", TooLarge)]
)
def test_a_worker_that_fails_is_started_afresh(line: bytes, error: type[Exception]) -> None:
    command = [sys.executable, "-I", "-S", "-c", WORKER]
    limits = Limits(output_bytes=1 << 20)
    worker = LineWorker(command, limits, confine.python_folders())
    try:
        assert worker.ask(b"good", 20.0) == b"good"
        with pytest.raises(error):
            worker.ask(line, 1.0 if line == b"hang" else 20.0)
        assert worker.ask(b"good", 20.0) == b"good"
    finally:
        worker.close()
    with pytest.raises(Crashed, match="closed"):
        worker.ask(b"good", 1.0)
