"""The bare work that each measure is compared with, run as a process of its own.

python baselines.py NAME SOURCE OUT
"""

from __future__ import annotations

import hashlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BLOCK = 1024 * 1024


def files(source: Path) -> Iterator[str]:
    for folder, _, names in os.walk(source):
        for name in names:
            yield os.path.join(folder, name)


def loop(source: Path, out: Path) -> None:
    """One Python loop: read, two digests, write, sign; one sync at the end."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    out.mkdir()
    for path in files(source):
        with open(path, "rb") as stream:
            data = stream.read()
        one, two = hashlib.sha256(data).hexdigest(), hashlib.sha512(data).hexdigest()
        with open(out / one, "wb") as target:
            target.write(data)
        key.sign(f"{one}{two}".encode())
    os.sync()


def sealing_loop(source: Path, out: Path) -> None:
    """The same, encrypted with age instead of copied, without the signature."""
    from evidence_vault.core import age

    recipient = age.PQIdentity.generate().to_recipient()
    out.mkdir()
    for path in files(source):
        with open(path, "rb") as stream:
            data = stream.read()
        one = hashlib.sha256(data).hexdigest()
        hashlib.sha512(data).hexdigest()
        file_key = age.new_file_key()
        with open(out / one, "wb") as target:
            target.write(age.wrap_file_key(file_key, [recipient]))
            target.write(age.encrypt_payload(file_key, data))
    os.sync()


def pipeline(source: Path, out: Path) -> None:
    """One big file: two digests, age, digest of the sealed bytes, write and sync, on all cores."""
    from evidence_vault.core import age

    one, two, sealed_digest = hashlib.sha256(), hashlib.sha512(), hashlib.sha256()
    with open(out, "wb") as target:

        class Sink:
            def write(self, data: bytes | memoryview) -> int:
                sealed_digest.update(data)
                return target.write(data)

        writer = age.PayloadWriter(age.new_file_key(), Sink())
        stages = [_stage(one.update), _stage(two.update), _stage(writer.write)]
        with open(source, "rb") as stream:
            while block := stream.read(BLOCK):
                for waiting, _ in stages:
                    waiting.put(block)
        for waiting, thread in stages:
            waiting.put(None)
            thread.join()
        writer.close()
        target.flush()
        os.fsync(target.fileno())


def _stage(
    consume: Callable[[bytes], object],
) -> tuple[queue.Queue[bytes | None], threading.Thread]:
    waiting: queue.Queue[bytes | None] = queue.Queue(8)

    def run() -> None:
        while (block := waiting.get()) is not None:
            consume(block)

    thread = threading.Thread(target=run)
    thread.start()
    return waiting, thread


def exiftool(source: Path, out: Path) -> None:
    """ExifTool over all files, one process per core."""
    paths = sorted(files(source))
    cores = os.cpu_count() or 1

    def run(part: list[str]) -> None:
        subprocess.run(
            ["exiftool", "-json", "-a", "-ee", "-G3:1:4", "-struct", *part],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )

    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(run, [paths[i::cores] for i in range(cores)]))


def sha256sum(source: Path, out: Path) -> None:
    """``sha256sum`` over every file of a folder, one process per core."""
    cores = os.cpu_count() or 1
    listing = subprocess.Popen(["find", source, "-type", "f", "-print0"], stdout=subprocess.PIPE)
    subprocess.run(
        ["xargs", "-0", "-P", str(cores), "-n", "256", "sha256sum"],
        stdin=listing.stdout,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    listing.wait()


def ocfl(source: Path, out: Path) -> None:
    """ocfl-py making one object of all files."""
    from ocfl.object import Object
    from ocfl.version_metadata import VersionMetadata

    Object(identifier="urn:bench:1", digest_algorithm="sha512").create(
        srcdir=str(source), metadata=VersionMetadata(), objdir=str(out)
    )


def main() -> None:
    name, source, out = sys.argv[1:]
    {
        "loop": loop,
        "sealing_loop": sealing_loop,
        "pipeline": pipeline,
        "exiftool": exiftool,
        "sha256sum": sha256sum,
        "ocfl": ocfl,
    }[name](Path(source), Path(out))


if __name__ == "__main__":
    main()
