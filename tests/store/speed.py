"""How fast the S3 store takes payloads, beside bare ``upload_file`` of the same bytes at the same
concurrency: ``python -m tests.store.speed ENV_FILE COUNT BYTES [ROUNDS]``.

Bare is measured twice, into a plain bucket and into one with Object Lock, because the gateway
itself takes longer to write where there are versions and locks. Processor time: this process's.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from tests.servers.fixtures import s3_from
from tests.store.buckets import s3_store

from evidence_vault.store.s3client import THREADS


def bare_client(endpoint: str | None) -> Any:
    import boto3.session
    from botocore.config import Config

    config = Config(
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path"},
        max_pool_connections=THREADS + 2,
    )
    return boto3.session.Session(profile_name="archive").client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", config=config
    )


def bare(client: Any, bucket: str, parts: list[tuple[str, str]]) -> None:
    from boto3.s3.transfer import TransferConfig

    several = len(parts) > 1
    config = TransferConfig(max_concurrency=THREADS, use_threads=not several)
    with ThreadPoolExecutor(THREADS if several else 1) as pool:
        for done in [
            pool.submit(client.upload_file, path, bucket, f"{digest}.bare", Config=config)
            for path, digest in parts
        ]:
            done.result()


def timed(act: Callable[[], object]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    server = s3_from(Path(sys.argv[1]))
    count, size = int(sys.argv[2]), int(sys.argv[3])
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.update(server.write_profiles(folder / "aws"))
        with s3_store(server, folder, "archive") as archive:
            client = bare_client(archive.place.endpoint)
            plain_bucket = f"bare-{archive.place.bucket}"
            client.create_bucket(Bucket=plain_bucket)
            list(archive.keys(""))  # its client is made now, as that of the others
            for _ in range(rounds):
                parts: list[tuple[str, str]] = []
                for _ in range(count):
                    staged = archive.stage()
                    staged.write(os.urandom(size))
                    staged.close()
                    parts += list(staged.handle())
                locked = archive.place.bucket
                times = {
                    "bare, plain": timed(partial(bare, client, plain_bucket, parts)),
                    "bare, locked": timed(partial(bare, client, locked, parts)),
                    "ours, locked": timed(partial(archive.adopt, parts)),
                }
                ours = times["ours, locked"][0]
                for what, (wall, processor) in times.items():
                    rate = count * size / wall / 2**20
                    told = f"{wall:.2f} s ({rate:.0f} MiB/s, {processor:.2f} s processor)"
                    print(f"{what}: {told}, ratio {wall / ours:.2f}", flush=True)
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=plain_bucket):
                for entry in page.get("Contents", []):
                    client.delete_object(Bucket=plain_bucket, Key=entry["Key"])
            client.delete_bucket(Bucket=plain_bucket)


if __name__ == "__main__":
    main()
