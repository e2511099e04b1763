"""Tries every fault and writes docs/faults.md.

    python -m tests.faults.table [--only NAME,…] [--most N] [--jobs N] [--rows FOLDER] [--check]

``--rows``: each line is kept in FOLDER as soon as it is done, and taken from there by the next run,
so that a run which was ended goes on where it stopped, and the work can be spread.
The status is 1 when an acknowledged item was lost, a claim was false, or a state left behind was
neither repaired nor named with what mends it. What can't be tried on this machine is said so in the
table, and counts as not tried.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.registry import REGISTRY, Fault, Missing, Try
from tests.servers import fixtures

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "faults.md"
MODULES = (
    "tests.faults.kills",
    "tests.faults.power",
    "tests.faults.disks",
    "tests.faults.rot",
    "tests.faults.rotforeign",
    "tests.faults.s3",
    "tests.faults.databases",
)
_SHOWN = 6


@dataclass
class Row:
    """A line of the table; ``absent``: why nothing was tried."""

    name: str
    tried: int = 0
    acknowledged: int = 0
    lost: int = 0
    silent: int = 0
    unmended: int = 0
    seconds: float = 0.0
    saw: Counter[str] = field(default_factory=Counter)
    mends: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    absent: str = ""

    def add(self, verdict: Try) -> None:
        self.tried += 1
        self.acknowledged += verdict.acknowledged
        self.lost += len(verdict.lost)
        self.silent += len(verdict.silent)
        self.unmended += len(verdict.unmended)
        self.saw.update(set(verdict.saw))
        self.mends.update(set(verdict.mends))
        self.problems += verdict.problems


def load() -> dict[str, Fault]:
    """Every fault of every module."""
    for module in MODULES:
        importlib.import_module(module)
    return REGISTRY


def try_fault(name: str, most: int, part: Path | None = None) -> Row:
    """At most ``most`` tries of one fault, in memory where that is possible.

    ``part``: a file that has the line as far as it is, after each try.
    """
    load()
    row, begun = Row(name), time.monotonic()
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place, prefix="faults-") as folder:
        try:
            for verdict in REGISTRY[name].tries(Path(folder), most):
                row.add(verdict)
                row.seconds = time.monotonic() - begun
                if part is not None:
                    part.write_text(json.dumps(vars(row), indent=1))
        except Missing as why:
            row.absent = str(why)
    row.seconds = time.monotonic() - begun
    return row


def kept_row(name: str, most: int, rows: Path | None) -> Row:
    """As :func:`try_fault`, but for a line that ``rows`` has."""
    if rows is None:
        return try_fault(name, most)
    path = rows / f"{name}.json"
    if path.exists():
        value = json.loads(path.read_text())
        return Row(**{**value, "saw": Counter(value["saw"]), "mends": Counter(value["mends"])})
    rows.mkdir(parents=True, exist_ok=True)
    row = try_fault(name, most, path.with_suffix(".part"))
    path.write_text(json.dumps(vars(row), indent=1))
    path.with_suffix(".part").unlink(missing_ok=True)
    return row


@contextlib.contextmanager
def servers() -> Iterator[None]:
    """One gateway and one PostgreSQL for all lines, unless the environment names some already.

    What is not installed is said by each fault that needs it.
    """
    kinds = {"EVIDENCE_VAULT_TEST_S3": "rgw", "EVIDENCE_VAULT_TEST_PG": "pg"}
    with contextlib.ExitStack() as stack:
        for variable, kind in kinds.items():
            if os.environ.get(variable):
                continue
            folder = Path(tempfile.mkdtemp(prefix="vault-faults."))
            folder.chmod(0o755)
            stack.callback(fixtures.stop, kind, folder / kind)
            with contextlib.suppress(fixtures.NotInstalled):
                os.environ[variable] = str(fixtures.start(kind, folder / kind))
                stack.callback(os.environ.pop, variable)
        yield


def render(rows: Iterable[Row]) -> str:
    """The page."""
    tried = [row for row in rows if not row.absent]
    absent = [row for row in rows if row.absent]
    lines = [_HEAD]
    for row in tried:
        fault = REGISTRY[row.name]
        lines.append(
            f"| {fault.title} | {_tried(row)} | {row.acknowledged} | {row.lost} | {row.silent} "
            f"| {row.unmended} | {_told(row.saw) or 'nothing'} "
            f"| {_told(row.mends) or 'none needed'} |"
        )
    total = sum(row.tried for row in tried), sum(row.acknowledged for row in tried)
    lost, silent = sum(row.lost for row in tried), sum(row.silent for row in tried)
    lines += [
        "",
        f"In all: {total[0]} tries, {total[1]} items that had been acknowledged, {lost} "
        f"lost, {silent} silent.",
        "",
        "## How each is made",
        "",
    ]
    for row in tried:
        fault = REGISTRY[row.name]
        lines.append(f"- **{fault.title}** ({fault.level}): {fault.how}.")
    if any(row.problems for row in tried):
        lines += ["", "## What is not yet as it should be", ""]
    for row in tried:
        known = REGISTRY[row.name].known
        if row.problems and known:
            lines.append(f"- **{REGISTRY[row.name].title}**: {known}.")
        elif row.problems:
            lines += [f"- {_plain(p)}" for p in row.problems[:8]]
    if absent:
        lines += ["", "## Not tried here", ""]
        lines += [f"- {REGISTRY[row.name].title}: {row.absent}" for row in absent]
    return "\n".join(lines) + "\n" + _LIMITS


def _tried(row: Row) -> str:
    """How many, and of how many where the run was ended before all."""
    whole = REGISTRY[row.name].whole
    return f"{row.tried} of {whole}" if row.tried < whole else str(row.tried)


def _told(counts: Counter[str]) -> str:
    """The most common first, each with how often."""
    told = [f"{_plain(what)} ({n})" for what, n in counts.most_common(_SHOWN)]
    more = len(counts) - _SHOWN
    return "; ".join(told) + (f"; {more} more" if more > 0 else "")


def _plain(text: str) -> str:
    """For a cell of the table: no bars, and no folder of this machine."""
    text = re.sub(r"/(?:dev/shm|tmp)/[^\s,:)]*", "…", text)
    return text.replace("|", "\\|").replace("\n", " ")[:300]


_HEAD = """# Faults

Made by `make fault-table`, not written by hand. Each fault is brought about on a small vault; then
the vault is opened again, `doctor`, `log audit` and `fixity --all` are asked, what they name is
done, the same `ingest` is run once more, and every item that had been acknowledged is compared
with its source, byte for byte. An item is *acknowledged* once the commit of its group has
returned, which is before any result names it. *Lost*: such an item could not be had again.
*Silent*: something said that all was well and it was not, or the same file was counted twice.
*Not mended*: a state that no command put right, or that was named without a way to put it right.
The goal is 0, 0 and 0; the command fails otherwise.

*12 of 24*: the run that made this page was ended before the rest.

What the user saw: error codes, and names of checks of `doctor` that called a problem, with the
number of tries in which they came up. Mending: what was named and put it right.

| fault | tried | acknowledged | lost | silent | not mended | what the user saw | what mends it |
|---|---:|---:|---:|---:|---:|---|---|"""

_LIMITS = """
## What this does not show

- A disk that lies about a sync that succeeded. The record of what was signed outside the vault, a
  partner's checkpoint and a second copy are what helps then.
- Power cuts are replayed from a record of all file calls of the process, not made with a real disk.
  SQLite's shared memory file counts as lost in each.
- Bit rot destroys what it hits: it is named, and mended from a copy. A vault without a copy loses
  that object.
- Partial tiles and bundles that fuller ones have replaced are read by nobody again, and not looked
  at; only the newest count.
- A whole old vault, put back together with the record outside it, can't be noticed on that machine:
  it takes a partner ([threat model](threat-model.md)).
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--most", type=int, default=0, help="at most so many tries of each")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    names = [n for n in options.only.split(",") if n] or list(load())
    load()
    rows: dict[str, Row] = {}
    with servers(), ProcessPoolExecutor(options.jobs) as pool:
        waiting = {
            name: pool.submit(kept_row, name, options.most or REGISTRY[name].whole, options.rows)
            for name in names
        }
        for name, ticket in waiting.items():
            row = rows[name] = ticket.result()
            told = row.absent or f"{row.tried} tries, {row.lost} lost, {row.silent} silent"
            print(f"{name}: {told}, {row.unmended} not mended, {row.seconds:.0f} s", flush=True)
            for problem in row.problems[:20]:
                print(f"  {problem}", flush=True)
    if not options.only and not options.check:
        PAGE.write_text(render(list(rows.values())), encoding="utf-8")
    return 1 if any(row.problems for row in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
