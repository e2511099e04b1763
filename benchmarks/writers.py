"""How much faster 2, 5 and 10 writers are than one at a vault on S3 and PostgreSQL; its part of
RESULTS.md.

    python benchmarks/writers.py [--writers 1,2,5,10] [--files 200] [--kib 50] [--rounds 2]

The servers are those of EVIDENCE_VAULT_TEST_S3 and EVIDENCE_VAULT_TEST_PG (env files as
tests/servers/rgw-up.sh and pg-up.sh leave them). Each writer is a process with a folder of its own
and as many files; the clock runs from when all have opened the vault to when the last has ended,
checkpoints included. Counts taken in turns, the best round of each.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from sections import put_section  # noqa: E402

PASSPHRASE = "correct horse battery staple"
HEADING = "## Many writers at one vault on S3 and PostgreSQL"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writers", default="1,2,5,10")
    parser.add_argument("--files", type=int, default=200, help="of each writer")
    parser.add_argument("--kib", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--child", nargs=2, metavar=("VAULT", "SOURCES"))
    arguments = parser.parse_args()
    if arguments.child:
        child(*map(Path, arguments.child))
        return
    counts = [int(count) for count in arguments.writers.split(",")]
    best: dict[int, dict[str, float]] = {}
    for _ in range(arguments.rounds):
        for count in counts:
            found = measure(count, arguments.files, arguments.kib)
            print(count, found, file=sys.stderr)
            if count not in best or found["rate"] > best[count]["rate"]:
                best[count] = found
    write_results(best, arguments.files, arguments.kib)


def child(folder: Path, sources: Path) -> None:
    """One writer: opens the vault, says so, waits for a line, takes in; tells how the lock went."""
    from contextlib import contextmanager

    from evidence_vault.vault.ingest import IngestRequest, ingest
    from evidence_vault.vault.opening import Vault, open_vault

    held: list[float] = []
    locked = Vault.locked

    @contextmanager
    def timed(self: Vault, *arguments: float):  # type: ignore[no-untyped-def]
        with locked(self, *arguments):
            began = time.monotonic()
            try:
                yield
            finally:
                held.append(time.monotonic() - began)

    Vault.locked = timed  # type: ignore[method-assign]
    with open_vault(folder, lambda: PASSPHRASE) as vault:
        _ = vault.keyring
        print("ready", flush=True)
        sys.stdin.readline()
        result = ingest(vault, IngestRequest([os.fsencode(sources)], workers=1))
    print(json.dumps({"taken_in": len(result["taken_in"]), "held": held}), flush=True)


def measure(count: int, files: int, kib: int) -> dict[str, float]:
    """Items per second of ``count`` writers together, and seconds that the lock was held."""
    from tests.servers.fixtures import fresh_database, pg_from, s3_from

    from evidence_vault.vault.checking import log_checkpoint
    from evidence_vault.vault.creation import create_vault
    from evidence_vault.vault.opening import open_vault

    s3 = s3_from(Path(os.environ["EVIDENCE_VAULT_TEST_S3"]))
    pg = pg_from(Path(os.environ["EVIDENCE_VAULT_TEST_PG"]))
    with tempfile.TemporaryDirectory(prefix="writers-") as name, fresh_database(pg) as database:
        base = Path(name)
        os.environ.update(s3.write_profiles(base / "aws"))
        os.environ.update(PGPASSWORD=pg.password, EVIDENCE_VAULT_EXIFTOOL="off")
        os.environ["EVIDENCE_VAULT_STATE"] = str(base / "state-0")
        first = base / "machine-0"
        create_vault(
            first,
            org="Bench",
            passphrase=PASSPHRASE,
            no_recovery=True,
            store=s3.place("archive", "writers", control_profile="control"),
            database=database,
        )
        with open_vault(first, lambda: PASSPHRASE) as vault:
            (base / "note").write_bytes(vault.log.checkpoint() or b"")
        running = []
        for number in range(count):
            folder = base / f"machine-{number}"
            environment = {**os.environ, "EVIDENCE_VAULT_STATE": str(base / f"state-{number}")}
            if number:
                folder.mkdir()
                for each in ("vault.toml", "keyring.age"):
                    shutil.copy2(first / each, folder / each)
                os.environ["EVIDENCE_VAULT_STATE"] = environment["EVIDENCE_VAULT_STATE"]
                with open_vault(folder, lambda: PASSPHRASE) as vault:
                    log_checkpoint(vault, base / "note")
            sources = base / f"in-{number}"
            sources.mkdir()
            for index in range(files):
                (sources / f"{number}-{index}.bin").write_bytes(os.urandom(kib * 1024))
            command = [sys.executable, __file__, "--child", str(folder), str(sources)]
            running.append(
                subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=environment,
                )
            )
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [json.loads(process.communicate()[0]) for process in running]
        seconds = time.monotonic() - began
    assert [each["taken_in"] for each in told] == [files] * count
    held = [each for one in told for each in one["held"]]
    return {
        "rate": count * files / seconds,
        "seconds": seconds,
        "held": sum(held) / seconds,
        "longest": max(held),
    }


def write_results(best: dict[int, dict[str, float]], files: int, kib: int) -> None:
    one = best[min(best)]["rate"]
    machine = f"{os.cpu_count()} cores ({platform.machine()})"
    machine += f", {platform.system()}, Python {platform.python_version()}"
    lines = [
        HEADING,
        "",
        f"Made by `python benchmarks/writers.py` on {time.strftime('%Y-%m-%d')}: {machine}, "
        f"shared by all writers, both servers and other work; {files} files of {kib} KiB for each "
        "writer. Read the ratios.",
        "",
        "| writers | items /s | to one writer | lock held | longest hold |",
        "|---|---|---|---|---|",
    ]
    for count, found in sorted(best.items()):
        lines.append(
            f"| {count} | {found['rate']:.1f} | {found['rate'] / one:.2f} | "
            f"{100 * found['held']:.0f} % | {found['longest']:.2f} s |"
        )
    put_section("Many writers", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
