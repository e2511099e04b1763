"""Tries every class of tampering on all three verifiers and writes docs/tamper-table.md.

    python -m tests.tamper.table [--only NAME,…] [--every N] [--jobs N] [--check]

``--every N``: of the classes that flip each byte, ``verify.sh`` and the page get each N-th case
only, the Python verifier all. The cases, and so the table, are the same on every run. The status is
1 when a verifier calls tampered evidence right, when a good one is called wrong, or when one says
right where another says wrong.
"""

from __future__ import annotations

import argparse
import importlib
import io
import itertools
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.page.asking import absent, ask_bundle, ask_receipt, wrong
from tests.tamper.classes import OPEN, REGISTRY, RIGHT, WRONG, TamperClass
from tests.tamper.world import Case
from tests.verify.forge import write_folder

from evidence_vault.core.findings import Outcome, Report
from evidence_vault.core.trust import parse_trust
from evidence_vault.errors import VaultError
from evidence_vault.verify import verify_bundle, verify_receipt

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tamper-table.md"
VERIFIER = ROOT / "src" / "evidence_vault" / "verify" / "verify.sh"
MODULES = (
    "tests.tamper.copyclasses",
    "tests.tamper.keyclasses",
    "tests.tamper.proofclasses",
    "tests.tamper.transferclasses",
)

_STATUS = {0: RIGHT, 3: OPEN, 10: WRONG, 11: WRONG}
_FINDING = re.compile(r"^(DOES NOT MATCH|COULD NOT BE CHECKED|NOTE|OK): .*\(([A-Z]-[A-Z0-9-]+)\)$")
_BATCH = 512
QUANTUM = "V-PQ-NOT-DEMANDED"


@dataclass(frozen=True)
class Answer:
    """What one verifier said: RIGHT, WRONG or OPEN, and the codes of what it found wrong.

    ``quantum`` is true when nothing is wrong as far as it looked, which was not at ML-DSA-44.
    """

    verdict: str
    codes: tuple[str, ...]
    quantum: bool = False


@dataclass
class Tally:
    """One verifier over one class."""

    tried: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)

    def add(self, answer: Answer) -> None:
        self.tried += 1
        self.verdicts[OPEN if answer.quantum and answer.verdict == RIGHT else answer.verdict] += 1
        self.codes.update(answer.codes)


@dataclass
class Row:
    """A class of the table; ``problems`` name the cases that break a promise."""

    title: str
    wanted: str
    absent: str
    program: Tally = field(default_factory=Tally)
    shell: Tally = field(default_factory=Tally)
    page: Tally = field(default_factory=Tally)
    problems: list[str] = field(default_factory=list)


def ask_program(case: Case, folder: Path) -> Answer:
    """The verdict of the Python verifier, given the evidence as ``ask_shell`` gets it."""
    try:
        trust = None if case.trust is None else parse_trust(case.trust)
        report = _verify(case, folder, trust)
    except VaultError as error:
        return Answer(_STATUS[int(error.exit_status)], (error.code,))
    codes = {f.code for f in report.findings if f.outcome is Outcome.DIFFERS}
    return Answer(_STATUS[int(report.exit_status())], tuple(sorted(codes)))


def _verify(case: Case, folder: Path, trust: Any) -> Report:
    if case.receipt is None:
        return verify_bundle(folder / "b", trust, case.expect)
    original = None if case.original is None else io.BytesIO(case.original)
    return verify_receipt(case.receipt, original, trust)


def ask_shell(case: Case, folder: Path, shell: tuple[str, ...] = ("sh",)) -> Answer:
    """The verdict of ``verify.sh -c``: without -c it says 3 where OpenSSL can't do ML-DSA-44."""
    command = [*shell, str(VERIFIER), "-c"]
    if case.trust is not None:
        command += ["-t", str(folder / "trust.json")]
    if case.receipt is not None:
        command.append(str(folder / "r.txt"))
        command += [str(folder / "f")] if case.original is not None else []
    else:
        command += ["-e", case.expect] if case.expect is not None else []
        command.append(str(folder / "b"))
    done = subprocess.run(command, capture_output=True, check=False, timeout=300)
    text = done.stdout.decode("ascii")  # whatever stood in the evidence
    if done.stderr or done.returncode not in _STATUS:
        raise RuntimeError(f"{case.name}: status {done.returncode}: {text}{done.stderr!r}")
    found = [m.groups() for m in map(_FINDING.match, text.splitlines()) if m]
    codes = {code for word, code in found if word == "DOES NOT MATCH"}
    quantum = any(code == QUANTUM for _, code in found)
    return Answer(_STATUS[done.returncode], tuple(sorted(codes)), quantum)


def ask_page(case: Case, folder: Path) -> Answer:
    """The verdict of the verifier page's core, run by Node."""
    trust = None if case.trust is None else folder / "trust.json"
    if case.receipt is None:
        report = ask_bundle(folder / "b", trust, case.expect)
    else:
        original = None if case.original is None else folder / "f"
        report = ask_receipt(folder / "r.txt", original, trust)
    return Answer(_STATUS[report["exit_status"]], tuple(sorted(wrong(report))))


def lay_out(case: Case, folder: Path) -> None:
    """The files of a case, as its reader would have them."""
    if case.files is not None:
        write_folder(case.files, folder / "b")
        for name in case.folders:
            (folder / "b" / name).mkdir(parents=True)
    for name, data in (("r.txt", case.receipt), ("trust.json", case.trust), ("f", case.original)):
        if data is not None:
            (folder / name).write_bytes(data)


Answers = tuple[str, Answer, Answer | None, Answer | None]


def all_three(case: Case, with_others: bool = True) -> Answers:
    """The name of a case and what each verifier says of it."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        lay_out(case, folder)
        program = ask_program(case, folder)
        if not with_others:
            return case.name, program, None, None
        return case.name, program, ask_shell(case, folder), ask_page(case, folder)


def try_class(
    name: str,
    every: int = 1,
    pool: ProcessPoolExecutor | None = None,
    sample: int = 1,
    most: int | None = None,
) -> Row:
    """One row. ``sample``: of all cases only each so-manieth is tried at all, at most ``most``."""
    entry = REGISTRY[name]
    row = Row(entry.title, entry.wanted, entry.absent)
    if entry.make is None:
        return row
    cases = itertools.islice(itertools.islice(entry.make(), 0, None, sample), most)
    place = 0
    while batch := list(itertools.islice(cases, _BATCH)):
        asked = [not entry.flips or n % every == 0 for n in range(place, place + len(batch))]
        place += len(batch)
        run = (
            pool.map(all_three, batch, asked, chunksize=8) if pool else map(all_three, batch, asked)
        )
        for case, program, shell, page in run:
            row.program.add(program)
            found = list(problems(entry, program, shell))
            if shell is not None:
                row.shell.add(shell)
            if page is not None:
                row.page.add(page)
                found += page_problems(entry, page)
            row.problems += [f"{name}, {case}: {problem}" for problem in found]
    return row


def problems(entry: TamperClass, program: Answer, shell: Answer | None) -> Iterator[str]:
    """What breaks a promise: a miss, a false alarm, right against wrong."""
    wanted = entry.wanted
    if program.verdict != wanted:
        yield f"the program says {program.verdict} {program.codes}"
    if shell is None or shell.verdict == wanted:
        return
    unlooked = {"R-CHECKPOINT", "R-STATE"} & set(program.codes)
    if shell.verdict == RIGHT and shell.quantum and len(unlooked) == len(program.codes):
        return  # the one thing it did not look at: without -c it says that it could not
    yield f"verify.sh says {shell.verdict} {shell.codes}, the program {program.codes}"


def page_problems(entry: TamperClass, page: Answer) -> Iterator[str]:
    """The page looks at everything, so it must say what is wanted, as the program must."""
    if page.verdict != entry.wanted:
        yield f"the page says {page.verdict} {page.codes}"


def render(rows: dict[str, Row], every: int) -> str:
    """The page."""
    told = [row for row in rows.values() if not row.absent and row.wanted != RIGHT]
    lines = [_HEAD.format(every=every)]
    for row in told:
        cells = [
            f"{tally.tried} | {tally.verdicts[WRONG]} | {tally.verdicts[OPEN]}"
            for tally in (row.program, row.shell, row.page)
        ]
        lines.append(f"| {row.title} | {' | '.join(cells)} |")
    lines += ["", "## Good evidence", ""]
    for row in rows.values():
        if row.wanted == RIGHT:
            lines.append(
                f"- {row.title}: {row.program.tried} tried; called wrong by the program "
                f"{row.program.verdicts[WRONG]}, by `verify.sh` {row.shell.verdicts[WRONG]}, "
                f"by the page {row.page.verdicts[WRONG]}"
            )
    lines += ["", "## With which findings", "", _FINDINGS]
    for row in told:
        lines += ["", f"**{row.title}**", ""]
        told_by = (("program", row.program), ("verify.sh", row.shell), ("page", row.page))
        lines += [f"- {name}: {_codes(tally)}" for name, tally in told_by]
    waiting = [row for row in rows.values() if row.absent]
    if waiting:
        lines += ["", "## Not tried yet", ""]
        lines += [f"- {row.title}: {row.absent}" for row in waiting]
    return "\n".join(lines) + "\n" + _LIMITS


_HEAD = """# Tamper table

Made by `make tamper`, not written by hand. Each class of change is tried on a small bundle or
receipt, and three verifiers that were written apart are asked: the program (`evidence-vault
verify`), `verify.sh`, and the core of the verifier page. *Caught* means that the evidence does not
match (exit status 10 or 11); *open*, that it could not be checked (3). The command fails when one
of them calls tampered evidence right or good evidence wrong, and so whenever one says right where
another says wrong.

The changes are the same on every run, but for the bytes of time stamps, which a real authority on
this machine makes anew. Where each byte is flipped in turn, `verify.sh` and the page
get every {every}th. `verify.sh` may say *open* where the others say *does not match* for a named
list only: ML-DSA-44 signatures where OpenSSL is older than 3.5 (as it was here), names with letters
beyond ASCII, numbers beyond 2^53, documents of the network, and the lists of renewed time stamps.

| class | program: tried | caught | open | verify.sh | caught | open | page | caught | open |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"""

_LIMITS = """
## What none of them can see

- A receipt whose last entries were left out is an earlier receipt. That nothing follows is shown by
  no receipt alone; a bundle names its closing entry.
- A log rolled back to a state that the trust file has not at the very same size: it takes a
  countersigner or a partner who compares two states.
- The stated size of a set, where another size gives the same path to its root. Membership is proved
  either way.
- With `-c`, `verify.sh` does not demand ML-DSA-44 signatures: see [three verifiers](verifiers.md).
"""

_FINDINGS = """How often each finding came up; one case can have several. The program gives the
sentence of each code in its message catalogue, which the page has, too; `verify.sh` prints it."""


def _codes(tally: Tally) -> str:
    return ", ".join(f"{code} ({n})" for code, n in sorted(tally.codes.items())) or "none"


def load() -> dict[str, TamperClass]:
    """Every class of every module."""
    for module in MODULES:
        importlib.import_module(module)
    return REGISTRY


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--every", type=int, default=29)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    names = [n for n in options.only.split(",") if n] or list(load())
    load()
    if reason := absent():
        parser.error(reason)
    rows: dict[str, Row] = {}
    with ProcessPoolExecutor(options.jobs) as pool:
        for name in names:
            rows[name] = try_class(name, options.every, pool)
            row = rows[name]
            told = [f"{t.tried} {dict(t.verdicts)}" for t in (row.program, row.shell, row.page)]
            print(f"{name}: {'; '.join(told)}", flush=True)
            for problem in rows[name].problems[:20]:
                print(f"  {problem}", flush=True)
    if not options.only and not options.check:
        PAGE.write_text(render(rows, options.every), encoding="utf-8")
    return 1 if any(row.problems for row in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
