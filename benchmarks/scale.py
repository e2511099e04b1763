"""One log that grows to a million entries; writes its part of RESULTS.md and scale.svg.

    python benchmarks/scale.py [--sizes 1000,10000,100000,1000000] [--sealed 50000] [--folder DIR]

Entries are events without content, made through the writer like any other: eight values told in
each, ten events to an item, a thousand or so entries to a commit. Each step is a process of its
own, so that its memory can be told; figures are per second of that step, start and passphrase
left out, or the median of repeated single operations.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sections import put_section

HERE = Path(__file__).resolve().parent
PASSPHRASE = "correct horse battery staple"
BATCH = 1024
EVENTS_OF_ITEM = 10
REPEAT = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,10000,100000,1000000")
    parser.add_argument("--sealed", type=int, default=50_000, help="entries of the encrypted log")
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--step", nargs=3, metavar=("NAME", "VAULT", "SIZE"))
    arguments = parser.parse_args()
    if arguments.step:
        name, vault, size = arguments.step
        print(json.dumps(STEPS[name](Path(vault), int(size))))
        return
    sizes = [int(size) for size in arguments.sizes.split(",")]
    with tempfile.TemporaryDirectory(prefix="scale-", dir=arguments.folder) as name:
        os.environ["EVIDENCE_VAULT_STATE"] = str(Path(name) / "state")
        plain = measure(Path(name) / "plain", sizes, "--plaintext")
        sealed = measure(Path(name) / "sealed", [arguments.sealed]) if arguments.sealed else []
    write_results(plain, sealed)


# -- each step in a process of its own -------------------------------------------------------------


def measure(vault: Path, sizes: list[int], *options: str) -> list[dict[str, Any]]:
    """Grow one log to each size in turn; at each size every step once."""
    (vault.parent / "passphrase").write_text(PASSPHRASE + "\n")
    command = [sys.executable, "-m", "evidence_vault", "init", str(vault), "--org", "Bench"]
    environment = {
        **os.environ,
        "EVIDENCE_VAULT_PASSPHRASE_FILE": str(vault.parent / "passphrase"),
    }
    command += ["--no-recovery", *options]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    rows: list[dict[str, Any]] = []
    for size in sizes:
        row: dict[str, Any] = {"size": size}
        for name in STEPS:
            if name in ("hashes", "parse") and size != sizes[-1]:
                continue
            print(f"{size:,}: {name}", file=sys.stderr, flush=True)
            os.sync()
            row |= step(name, vault, size)
        rows.append(row)
    return rows


def step(name: str, vault: Path, size: int) -> dict[str, Any]:
    command = [sys.executable, str(HERE / "scale.py"), "--step", name, str(vault), str(size)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"step {name} failed")
    return {**json.loads(output), f"{name}_mib": used.ru_maxrss // 1024}


def build(folder: Path, size: int) -> dict[str, Any]:
    """Entries up to ``size``, all published under one checkpoint."""
    from evidence_vault.vault.digesting import index_event
    from evidence_vault.vault.writer import writing

    with opened(folder) as vault:
        _ = vault.keyring
        before = vault.catalogue.frontier().size
        start, used = time.perf_counter(), time.process_time()
        with writing(vault) as writer:
            number, items = before, [""] * (BATCH // EVENTS_OF_ITEM + 1)
            while number < size:
                for place in range(min(BATCH, size - number)):
                    turn, which = divmod(place, len(items))
                    kind = "described" if turn else "ingested"
                    if not turn:
                        items[which] = writer.new_item()
                    values = ingested(number) if not turn else described(number)
                    writer.item_event(kind, items[which], values)
                    at = writer.recorded_at
                    index_event(kind, items[which], at, values, writer.index)
                    number += 1
                writer.commit()
        built = time.perf_counter()
        with writing(vault) as writer:
            writer.checkpoint()
        end, cpu = time.perf_counter(), time.process_time() - used
    count = size - before
    return {
        "build": count / (end - start),
        "build_cpu": count / cpu,
        "publish": count / (end - built),
    }


def append(folder: Path, size: int) -> dict[str, Any]:
    """One event: opening the vault (passphrase apart), commit, checkpoint, closing."""
    from evidence_vault.vault.checking import log_status
    from evidence_vault.vault.writer import writing

    with opened(folder) as vault:
        keyring = vault.keyring
    times: list[float] = []
    stands: list[float] = []
    for turn in range(REPEAT):
        start = time.perf_counter()
        with opened(folder) as vault:
            vault.adopt_keyring(keyring)
            with writing(vault) as writer:
                writer.item_event("described", writer.new_item(), described(turn))
                writer.commit()
                writer.checkpoint()
        times.append(time.perf_counter() - start)
        start = time.perf_counter()
        with opened(folder) as vault:
            vault.adopt_keyring(keyring)
            log_status(vault)
        stands.append(time.perf_counter() - start)
    return {
        "append_ms": statistics.median(times) * 1000,
        "status_ms": statistics.median(stands) * 1000,
    }


def prove(folder: Path, size: int) -> dict[str, Any]:
    """Single proofs from the store: checkpoint read and checked, tiles read and checked."""
    from evidence_vault.vault.checking import log_prove

    generator = random.Random(size)
    spent: dict[str, list[float]] = {"inclusion": [], "consistency": []}
    with opened(folder) as vault:
        log_prove(vault, index=0)
        for _ in range(REPEAT):
            place = generator.randrange(1, size)
            start = time.perf_counter()
            log_prove(vault, index=place)
            middle = time.perf_counter()
            log_prove(vault, old_size=place)
            spent["inclusion"].append(middle - start)
            spent["consistency"].append(time.perf_counter() - middle)
    return {f"{name}_ms": statistics.median(times) * 1000 for name, times in spent.items()}


def audit(folder: Path, size: int) -> dict[str, Any]:
    """The whole audit, on all cores, as ``log audit`` does it."""
    from evidence_vault.vault.checking import log_audit

    with opened(folder) as vault:
        _ = vault.keyring
        start = time.perf_counter()
        report = log_audit(vault)
        seconds = time.perf_counter() - start
    if report["findings"] or report["signatures_checked"] < size:
        raise SystemExit(f"the audit found {report['findings'][:3]}")
    return {"audit": report["entries"] / seconds}


def rebuild(folder: Path, size: int) -> dict[str, Any]:
    """The catalogue made anew from the two roots."""
    from evidence_vault.vault.rebuilding import rebuild as again

    start = time.perf_counter()
    report = again(folder, lambda: PASSPHRASE)
    seconds = time.perf_counter() - start
    if report["state"] != "ok":
        raise SystemExit("rebuild: the vault does not stand where it did")
    return {"rebuild": report["entries"] / seconds}


def hashes(folder: Path, size: int) -> dict[str, Any]:
    """Hashes and tree alone, on one core: entries read, every leaf, the root."""
    from evidence_vault.core.merkle import Frontier, leaf_hash

    with opened(folder) as vault:
        point = vault.checkpoint()
        assert point is not None
        used, frontier = time.process_time(), Frontier()
        for commit in vault.log.commits(0):
            frontier.extend(leaf_hash(c.entry) for c in vault.log.contents(commit))
        cpu = time.process_time() - used
    if frontier.root() != point.checkpoint.root:
        raise SystemExit("another root")
    return {"hashes": frontier.size / cpu}


def parse(folder: Path, size: int) -> dict[str, Any]:
    """Parsing with the comparison to canonical form, then signatures, on one core each."""
    from evidence_vault.core.event import pae, parse_entry
    from evidence_vault.core.keys import verify_ed25519

    parsing = checking = 0.0
    count = 0
    with opened(folder) as vault:
        zero = vault.entry_zero()
        keys = {**zero.with_role("root"), **zero.with_role("events")}
        for commit in vault.log.commits(0):
            contents = vault.log.contents(commit)
            start = time.process_time()
            entries = [parse_entry(committed.entry) for committed in contents]
            middle = time.process_time()
            for entry in entries:
                verify_ed25519(keys[entry.keyid], entry.signature, pae(entry.payload))
            parsing += middle - start
            checking += time.process_time() - middle
            count += len(entries)
            if count > 100_000:
                break
    return {"parse": count / parsing, "verify": count / checking}


STEPS: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    "build": build,
    "append": append,
    "prove": prove,
    "audit": audit,
    "rebuild": rebuild,
    "hashes": hashes,
    "parse": parse,
}


def opened(folder: Path) -> Any:
    from evidence_vault.vault.opening import open_vault

    return open_vault(folder, lambda: PASSPHRASE)


def ingested(number: int) -> dict[str, Any]:
    return {
        "accession": "BENCH-A00001",
        "actor": "clerk-1",
        "content_sha256": f"{number:064x}",
        "content_sha512": f"{number:0128x}",
        "content_size": str(number),
        "format": {"basis": "none", "extension": "bin", "mime": "application/octet-stream"},
        "source_path": {"b64": "ZmlsZQ==", "display": "file"},
        "title": f"file {number}",
    }


def described(number: int) -> dict[str, Any]:
    return {
        "actor": "clerk-1",
        "classification": "confidential",
        "description": f"Seen again in the light of note {number}.",
        "language": "en",
        "occurred_at": {"basis": "stated", "precision": "day", "value": "2024-02-11"},
        "place": "MMR001",
        "source_code": f"S-{number % 997}",
        "title": f"file {number}",
    }


# -- results ---------------------------------------------------------------------------------------


def write_results(plain: list[dict[str, Any]], sealed: list[dict[str, Any]]) -> None:
    last = plain[-1]
    first = plain[0]
    peak = max(value for key, value in last.items() if key.endswith("_mib"))
    count = f"{last['size']:,}"
    rows = [
        ("built, 8 commitments each, signed, published", f"{last['build']:,.0f} /s", "≥ 5,000"),
        ("the same, for each second of CPU time", f"{last['build_cpu']:,.0f}", ""),
        ("inclusion proof from the store", f"{last['inclusion_ms']:.1f} ms", "≤ 10 ms"),
        ("consistency proof from the store", f"{last['consistency_ms']:.1f} ms", "≤ 20 ms"),
        (
            f"one event appended and signed, {first['size']:,} / {count} entries",
            f"{first['append_ms']:.0f} / {last['append_ms']:.0f} ms",
            "the same",
        ),
        (
            f"log status, {first['size']:,} / {count} entries",
            f"{first['status_ms']:.1f} / {last['status_ms']:.1f} ms",
            "the same",
        ),
        ("hashes and tree, one core", f"{last['hashes']:,.0f} /s", "≥ 50,000"),
        ("parsed and canonical, one core", f"{last['parse']:,.0f} /s", "≥ 10,000"),
        ("signatures checked, one core", f"{last['verify']:,.0f} /s", ""),
        ("whole audit, all cores", f"{last['audit']:,.0f} /s", ""),
        ("catalogue rebuilt, one core", f"{last['rebuild']:,.0f} /s", ""),
        ("largest process of all steps", f"{peak} MiB", "≤ 300 MiB"),
    ]
    if sealed:
        own = sealed[-1]
        name = f"encrypted log of {own['size']:,}: built"
        rows.append((name, f"{own['build']:,.0f} /s", ""))
        rows.append(("the same: whole audit, all cores", f"{own['audit']:,.0f} /s", ""))
    cpu = platform.processor() or platform.machine()
    lines = [
        f"## A log of {count} entries",
        "",
        f"Made by `python benchmarks/scale.py` on {time.strftime('%Y-%m-%d', time.gmtime())}: "
        f"{os.cpu_count()} cores ({cpu}), {platform.system()}, Python "
        f"{platform.python_version()}; `--plaintext` unless said otherwise; each step a process.",
        "",
        "| measure | figure | goal |",
        "|---|---|---|",
        *(f"| {name} | {figure} | {goal} |" for name, figure, goal in rows),
        "",
        "![Cost of one operation as the log grows](scale.svg)",
        "",
        "| entries | built /s | built / CPU s | append ms | status ms | inclusion ms | "
        "consistency ms | audit /s | rebuild /s | MiB build / audit / rebuild |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(
            f"| {row['size']:,} | {row['build']:,.0f} | {row['build_cpu']:,.0f} | "
            f"{row['append_ms']:.0f} | "
            f"{row['status_ms']:.1f} | {row['inclusion_ms']:.1f} | {row['consistency_ms']:.1f} | "
            f"{row['audit']:,.0f} | {row['rebuild']:,.0f} | {row['build_mib']} / "
            f"{row['audit_mib']} / {row['rebuild_mib']} |"
            for row in plain
        ),
        "",
    ]
    put_section("A log of", lines)
    (HERE / "scale.svg").write_text(draw(plain))
    print("\n".join(lines))


CURVES = (
    ("append_ms", "append one event, checkpoint included", "#1b6ca8"),
    ("status_ms", "log status", "#7a4fa3"),
    ("consistency_ms", "consistency proof", "#b3541e"),
    ("inclusion_ms", "inclusion proof", "#2e7d32"),
)


def draw(rows: list[dict[str, Any]]) -> str:
    """Milliseconds of single operations over the size of the log, both axes logarithmic."""
    from math import log10

    left, top, width, height = 70, 20, 430, 260
    low, high = log10(rows[0]["size"]), log10(max(rows[-1]["size"], rows[0]["size"] * 10))

    def x(size: float) -> float:
        return left + (log10(size) - low) / (high - low) * width

    def y(milliseconds: float) -> float:
        return top + (3 - log10(max(milliseconds, 0.1))) / 4 * height

    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 330" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="760" height="330" fill="white"/>',
    ]
    for power in range(-1, 4):
        at = y(10.0**power)
        parts.append(f'<path d="M{left} {at:.1f}h{width}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{left - 8}" y="{at + 4:.1f}" text-anchor="end">{10.0**power:g} ms</text>'
        )
    for row in rows:
        at = x(row["size"])
        parts.append(f'<path d="M{at:.1f} {top}v{height}" stroke="#eee"/>')
        place = f'x="{at:.1f}" y="{top + height + 18}" text-anchor="middle"'
        parts.append(f"<text {place}>{row['size']:,}</text>")
    parts.append(
        f'<text x="{left + width / 2}" y="{top + height + 38}" text-anchor="middle">'
        "entries in the log</text>"
    )
    label = float(top + height)
    for key, name, colour in sorted(CURVES, key=lambda curve: float(rows[-1][curve[0]])):
        points = " ".join(f"{x(row['size']):.1f},{y(row[key]):.1f}" for row in rows)
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        for row in rows:
            parts.append(
                f'<circle cx="{x(row["size"]):.1f}" cy="{y(row[key]):.1f}" r="3" fill="{colour}"/>'
            )
        label = min(y(rows[-1][key]) + 4, label - 15)  # the lowest curve comes first
        place = f'x="{left + width + 10}" y="{label:.1f}"'
        parts.append(f'<text {place} fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    main()
