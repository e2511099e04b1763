"""An S3 archive against bare boto3: the same sealed bytes, the same gateway, the same concurrency.

    python benchmarks/objectstore.py ENV [--rounds 3] [--small 5000] [--folder DIR]

``ENV``: the file that ``make up`` leaves beside its servers (S3_ENDPOINT, S3_ACCESS_KEY …). The
baseline is ``upload_file`` with as many threads as the store has, into a bucket like the store's
own, with versions and Object Lock, without locking anything, without looking at anything
afterwards. The program's store locks each object, asks for the lock, and reads small objects back.
Prints a table for RESULTS.md; rounds take turns, medians count.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import secrets
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

KIB = 1024
MIB = 1024 * KIB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("env", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", type=int, default=5000)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    server = read_env(options.env)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        os.environ.update(
            AWS_ACCESS_KEY_ID=server["S3_ACCESS_KEY"],
            AWS_SECRET_ACCESS_KEY=server["S3_SECRET_KEY"],
        )
        base = Path(folder)
        print("| measure | store | upload_file | speed, store / upload_file | goal |")
        print("|---|---|---|---|---|")
        for name, count, size, goal in (
            (f"{options.small:,} x 200 KiB", options.small, 200 * KIB, "≥ 0.7"),
            ("1 GiB", 1, 1024 * MIB, "≥ 0.8"),
        ):
            source = make_files(base / "source", count, size)
            ours, bare = compare(
                options.rounds,
                lambda source=source: ours_once(server, base, source),
                lambda source=source: bare_once(server, source),
            )
            print(f"| {name} | {ours:.2f} s | {bare:.2f} s | {bare / ours:.2f} | {goal} |")
            shutil.rmtree(base / "source")


def read_env(path: Path) -> dict[str, str]:
    """``export A=1 B=2`` lines."""
    words = [w for line in path.read_text().splitlines() for w in line.split() if "=" in w]
    return dict(word.split("=", 1) for word in words)


def make_files(folder: Path, count: int, size: int) -> list[tuple[Path, str]]:
    """Files of random bytes, as sealed ones are, with their SHA-256 (hex)."""
    folder.mkdir()
    made = []
    for number in range(count):
        path, digest = folder / str(number), hashlib.sha256()
        with path.open("wb") as stream:
            for start in range(0, size, MIB):
                block = os.urandom(min(MIB, size - start))
                digest.update(block)
                stream.write(block)
        made.append((path, digest.hexdigest()))
    return made


def compare(rounds: int, *functions: Callable[[], float]) -> list[float]:
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for found, function in zip(times, functions, strict=True):
            os.sync()
            found.append(function())
    return [statistics.median(found) for found in times]


def ours_once(server: dict[str, str], base: Path, source: list[tuple[Path, str]]) -> float:
    from evidence_vault.store.opening import open_store

    bucket = new_bucket(server)
    place = f"s3://{bucket}?endpoint={server['S3_ENDPOINT']}&lock=governance&days=1"
    store = open_store(place, base, "bench")
    parts = []
    for path, digest in source:
        spooled = base / f"spooled-{digest}"
        os.link(path, spooled)  # the store removes what it has taken
        parts.append((str(spooled), digest))
    start = time.perf_counter()
    placed = store.adopt(parts)
    store.flush()
    seconds = time.perf_counter() - start
    assert all(each.version and each.mode == "GOVERNANCE" for each in placed)
    store.end_session()
    remove_bucket(server, bucket)
    return seconds


def bare_once(server: dict[str, str], source: list[tuple[Path, str]]) -> float:
    from boto3.s3.transfer import TransferConfig

    from evidence_vault.store.s3client import THREADS

    bucket = new_bucket(server)
    client = client_of(server)
    config = TransferConfig(max_concurrency=THREADS if len(source) == 1 else 1)

    def upload(each: tuple[Path, str]) -> None:
        client.upload_file(str(each[0]), bucket, f"objects/{each[1][:2]}/{each[1]}", Config=config)

    start = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(upload, source))
    seconds = time.perf_counter() - start
    remove_bucket(server, bucket)
    return seconds


def client_of(server: dict[str, str]) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(s3={"addressing_style": "path"}, max_pool_connections=12)
    return boto3.client(
        "s3", endpoint_url=server["S3_ENDPOINT"], region_name="us-east-1", config=config
    )


def new_bucket(server: dict[str, str]) -> str:
    name = f"bench-{secrets.token_hex(6)}"
    client_of(server).create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def remove_bucket(server: dict[str, str], bucket: str) -> None:
    client = client_of(server)
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for each in page.get("Versions", []):
            client.delete_object(
                Bucket=bucket,
                Key=each["Key"],
                VersionId=each["VersionId"],
                BypassGovernanceRetention=True,
            )
    client.delete_bucket(Bucket=bucket)


if __name__ == "__main__":
    main()
