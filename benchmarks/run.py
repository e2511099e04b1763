"""Measures against bare baselines in the same run; writes RESULTS.md beside this file.

    python benchmarks/run.py [--rounds 3] [--small 20000] [--photos 400] [--big-gib 4]
                             [--only small,photos,big,fixity,start] [--folder DIR]

Every figure is a whole process: interpreter start, passphrase, commit and sync included.
Baseline and program take turns; the median of the rounds counts, and what is reported is the
ratio, because machines are noisy.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
KIB = 1024
MIB = 1024 * KIB


@dataclass
class Row:
    """One line of the results: seconds of both, and the ratio demanded."""

    name: str
    ours: float
    baseline: str
    base: float
    limit: str
    note: str = ""

    def cells(self) -> str:
        ratio = self.ours / self.base if self.base else 0.0
        ratio_text = f"{ratio:.2f}" if self.base else "-"
        base = f"{self.base:.2f} s" if self.base else "-"
        return (
            f"| {self.name} | {self.ours:.2f} s | {self.baseline} | {base} | {ratio_text} | "
            f"{self.limit} | {self.note} |"
        )


class Bench:
    def __init__(self, folder: Path, rounds: int) -> None:
        self.folder = folder
        self.rounds = rounds
        self.rows: list[Row] = []
        self._environment = {
            **os.environ,
            "EVIDENCE_VAULT_STATE": str(folder / "state"),
            "EVIDENCE_VAULT_PASSPHRASE_FILE": str(folder / "passphrase"),
            "EVIDENCE_VAULT_EXIFTOOL": "off",
        }
        (folder / "passphrase").write_text("correct horse battery staple\n")

    def baseline(self, name: str, source: Path) -> Callable[[], float]:
        """A function that runs a baseline once and returns its seconds."""

        def once() -> float:
            out = self._clear("baseline")
            return self._time([sys.executable, str(HERE / "baselines.py"), name, str(source), out])

        return once

    def ingest(self, source: Path, *options: str, exiftool: bool = False) -> Callable[[], float]:
        """A function that takes a folder into a new vault and returns the seconds of ``ingest``."""

        def once() -> float:
            vault = self._clear("vault")
            self._run("init", vault, "--org", "Bench", "--no-recovery", *options)
            environment = dict(self._environment)
            if exiftool:
                del environment["EVIDENCE_VAULT_EXIFTOOL"]
            command = [*self.program(), "--vault", vault, "-q", "ingest", str(source)]
            return self._time(command, environment)

        return once

    def compare(self, *functions: Callable[[], float]) -> list[float]:
        """Medians, the functions taking turns."""
        seconds: list[list[float]] = [[] for _ in functions]
        for _ in range(self.rounds):
            for times, function in zip(seconds, functions, strict=True):
                times.append(function())
        return [statistics.median(times) for times in seconds]

    def program(self) -> list[str]:
        return [sys.executable, "-m", "evidence_vault"]

    def command(self, *arguments: str) -> Callable[[], float]:
        return lambda: self._time([*self.program(), *arguments])

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            [*self.program(), *arguments],
            env=self._environment,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(self, *arguments: str) -> None:
        self._run(*arguments)

    def _time(self, command: list[str], environment: dict[str, str] | None = None) -> float:
        os.sync()
        start = time.perf_counter()
        subprocess.run(
            command,
            env=environment or self._environment,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.sync()
        return time.perf_counter() - start

    def _clear(self, name: str) -> str:
        path = self.folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        return str(path)


def make_small(folder: Path, count: int) -> Path:
    source = folder / "small"
    for i in range(count):
        part = source / f"{i // 500:03d}"
        part.mkdir(parents=True, exist_ok=True)
        (part / f"file-{i:05d}.bin").write_bytes(os.urandom(50 * KIB))
    return source


def make_photos(folder: Path, count: int) -> Path:
    """Camera pictures of 3 to 4 MB: the demonstration's, lengthened inside their scan."""
    source = folder / "photos"
    source.mkdir()
    seeds = sorted((HERE.parent / "seeds" / "demo" / "photos").glob("*.jpg"))
    for i in range(count):
        data = seeds[i % len(seeds)].read_bytes()
        filler = os.urandom(3 * MIB + (i % 8) * MIB // 8).replace(b"\xff", b"\xfe")
        (source / f"IMG_{i:04d}.jpg").write_bytes(data[:-2] + filler + data[-2:])
    return source


def make_big(folder: Path, gib: float) -> Path:
    source = folder / "big.bin"
    with open(source, "wb") as stream:
        for _ in range(int(gib * 1024)):
            stream.write(os.urandom(MIB))
    return source


def small(bench: Bench, count: int) -> None:
    source = make_small(bench.folder, count)
    base, plain, sealed, ocfl = bench.compare(
        bench.baseline("loop", source),
        bench.ingest(source, "--plaintext"),
        bench.ingest(source),
        bench.baseline("ocfl", source),
    )
    name = f"{count:,} x 50 KiB"
    bench.rows += [
        Row(f"{name}, --plaintext", plain, "bare loop", base, "≤ 1.6"),
        Row(f"{name}, encrypted", sealed, "bare loop", base, "≤ 2.2"),
        Row(f"{name}, --plaintext", plain, "ocfl-py, one object", ocfl, "< 1"),
        Row(f"{name}, encrypted", sealed, "ocfl-py, one object", ocfl, "< 1"),
    ]
    shutil.rmtree(source)


def photos(bench: Bench, count: int) -> None:
    source = make_photos(bench.folder, count)
    tool, loop, ours = bench.compare(
        bench.baseline("exiftool", source),
        bench.baseline("sealing_loop", source),
        bench.ingest(source, exiftool=True),
    )
    which = "ExifTool, all cores" if tool > loop else "bare sealing loop"
    note = f"ExifTool {tool:.2f} s, loop {loop:.2f} s"
    name = f"{count} pictures of 3-4 MB, metadata, encrypted"
    bench.rows.append(Row(name, ours, which, max(tool, loop), "≤ 1.3", note))
    shutil.rmtree(source)


def big(bench: Bench, gib: float) -> None:
    source = make_big(bench.folder, gib)
    base, ours = bench.compare(bench.baseline("pipeline", source), bench.ingest(source))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    note = f"largest process of the run so far: {peak} MiB (limit 200)"
    bench.rows.append(
        Row(f"one file of {gib:g} GiB, encrypted", ours, "bare pipeline", base, "≤ 1.3", note)
    )
    source.unlink()


def fixity(bench: Bench, count: int) -> None:
    source = make_small(bench.folder, count)
    bench.ingest(source)()
    vault = bench.folder / "vault"
    base, ours = bench.compare(
        bench.baseline("sha256sum", vault / "archive" / "objects"),
        bench.command("--vault", str(vault), "-q", "fixity", "--all"),
    )
    bench.rows.append(
        Row(f"fixity --all, {count:,} x 50 KiB", ours, "sha256sum, all cores", base, "≤ 1")
    )
    shutil.rmtree(source)
    source = make_big(bench.folder, 2)
    bench.ingest(source)()
    base, ours = bench.compare(
        bench.baseline("sha256sum", vault / "archive" / "objects"),
        bench.command("--vault", str(vault), "-q", "fixity", "--all"),
    )
    bench.rows.append(Row("fixity --all, 2 GiB", ours, "sha256sum, all cores", base, "≤ 1"))
    source.unlink()


def start(bench: Bench) -> None:
    source = bench.folder / "one.txt"
    source.write_text("A demonstration.\n")
    bench.ingest(source)()
    vault, receipt = str(bench.folder / "vault"), str(bench.folder / "receipt.txt")
    bench.run("--vault", vault, "log", "checkpoint")
    items = subprocess.run(
        [*bench.program(), "--vault", vault, "--json", "list"],
        capture_output=True,
        check=True,
        text=True,
    )
    import json

    item = json.loads(items.stdout)["items"][0]["id"]
    bench.run("--vault", vault, "receipt", item, "-o", receipt)
    trust = str(bench.folder / "trust.json")
    bench.run("--vault", vault, "trust", "export", "-o", trust)
    python, helped, verified = bench.compare(
        lambda: bench._time([sys.executable, "-c", "pass"]),
        bench.command("--help"),
        bench.command("verify", "--trust", trust, receipt, str(source)),
    )
    bench.rows += [
        Row("--help", helped, "python -c pass", python, "0.15 s"),
        Row("verify RECEIPT FILE", verified, "python -c pass", python, "0.35 s"),
    ]


def write_results(bench: Bench, arguments: argparse.Namespace) -> None:
    cpu = platform.processor() or platform.machine()
    lines = [
        "# Results",
        "",
        f"Made by `make bench` on {time.strftime('%Y-%m-%d', time.gmtime())}: {os.cpu_count()} "
        f"cores ({cpu}), {platform.system()}, Python {platform.python_version()}; medians of "
        f"{arguments.rounds} rounds; whole processes, passphrase and sync included. Read the "
        "ratios, not the seconds.",
        "",
        "| measure | time | baseline | its time | ratio | goal | note |",
        "|---|---|---|---|---|---|---|",
        *(row.cells() for row in bench.rows),
        "",
    ]
    results = HERE / "RESULTS.md"
    # What scale.py wrote stands below and stays.
    below = results.read_text().partition("\n## ") if results.is_file() else ("", "", "")
    results.write_text("\n".join(lines) + "".join(below[1:]))
    print("\n".join(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", type=int, default=20_000)
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--big-gib", type=float, default=4)
    parser.add_argument("--only", default="big,start,photos,small,fixity")
    parser.add_argument("--folder", type=Path, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=arguments.folder) as name:
        bench = Bench(Path(name), arguments.rounds)
        for part in arguments.only.split(","):
            print(f"measuring: {part}", file=sys.stderr, flush=True)
            {
                "small": lambda: small(bench, arguments.small),
                "photos": lambda: photos(bench, arguments.photos),
                "big": lambda: big(bench, arguments.big_gib),
                "fixity": lambda: fixity(bench, arguments.small),
                "start": lambda: start(bench),
            }[part]()
        write_results(bench, arguments)


if __name__ == "__main__":
    main()
