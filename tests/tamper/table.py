"""Tries every class of tampering on both verifiers and writes docs/tamper-table.md.

    python -m tests.tamper.table [--only NAME,…] [--every N] [--jobs N] [--check]

``--every N``: of the classes that flip each byte, ``verify.sh`` gets each N-th case only (the Python
verifier gets all). The cases, and so the table, are the same on every run. The status is 1 when a
verifier calls tampered evidence right, when a good one is called wrong, or when one says right
where the other says wrong.
"""

from __future__ import annotations

import argparse
import importlib
import io
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

from tests.tamper.classes import REGISTRY, TamperClass
from tests.tamper.world import Case
from tests.verify.forge import write_folder

from evidence_vault.core.findings import Outcome, Report
from evidence_vault.core.trust import parse_trust
from evidence_vault.errors import VaultError
from evidence_vault.verify import verify_bundle, verify_receipt

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tamper-table.md"
VERIFIER = ROOT / "src" / "evidence_vault" / "verify" / "verify.sh"
MODULES = ("tests.tamper.keyclasses",)

RIGHT, WRONG, OPEN = "right", "wrong", "could not be checked"
_STATUS = {0: RIGHT, 3: OPEN, 10: WRONG, 11: WRONG}
_FINDING = re.compile(r"^(DOES NOT MATCH|COULD NOT BE CHECKED|NOTE|OK): .*\(([A-Z]-[A-Z0-9-]+)\)$")
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
    good: bool
    absent: str
    program: Tally = field(default_factory=Tally)
    shell: Tally = field(default_factory=Tally)
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


def _verify(case: Case, folder: Path, trust: object) -> Report:
    if case.receipt is None:
        return verify_bundle(folder / "b", trust, case.expect)  # type: ignore[arg-type]
    original = None if case.original is None else io.BytesIO(case.original)
    return verify_receipt(case.receipt, original, trust)  # type: ignore[arg-type]


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


def lay_out(case: Case, folder: Path) -> None:
    """The files of a case, as its reader would have them."""
    if case.files is not None:
        write_folder(case.files, folder / "b")
        for name in case.folders:
            (folder / "b" / name).mkdir(parents=True)
    for name, data in (("r.txt", case.receipt), ("trust.json", case.trust), ("f", case.original)):
        if data is not None:
            (folder / name).write_bytes(data)


def both(case: Case, with_shell: bool = True) -> tuple[str, Answer, Answer | None]:
    """The name of a case and what each verifier says of it."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        lay_out(case, folder)
        program = ask_program(case, folder)
        return case.name, program, ask_shell(case, folder) if with_shell else None


def try_class(
    name: str, every: int = 1, pool: ProcessPoolExecutor | None = None, sample: int = 1
) -> Row:
    """One row. ``sample``: of all cases only each so-manieth is tried at all."""
    entry = REGISTRY[name]
    row = Row(entry.title, entry.good, entry.absent)
    if entry.make is None:
        return row
    cases, shells = _chosen(entry, every, sample)
    run = pool.map(both, cases, shells, chunksize=8) if pool else map(both, cases, shells)
    for case, program, shell in run:
        row.program.add(program)
        if shell is not None:
            row.shell.add(shell)
        row.problems += [f"{name}, {case}: {p}" for p in problems(entry, program, shell)]
    return row


def _chosen(entry: TamperClass, every: int, sample: int) -> tuple[list[Case], list[bool]]:
    assert entry.make is not None
    cases = [case for n, case in enumerate(entry.make()) if n % sample == 0]
    return cases, [not entry.flips or n % every == 0 for n in range(len(cases))]


def problems(entry: TamperClass, program: Answer, shell: Answer | None) -> Iterator[str]:
    """What breaks a promise: a miss, a false alarm, right against wrong."""
    wanted = RIGHT if entry.good else WRONG
    if program.verdict != wanted:
        yield f"the program says {program.verdict} {program.codes}"
    if shell is None or shell.verdict == wanted:
        return
    if shell.verdict == RIGHT and shell.quantum and "R-CHECKPOINT" in program.codes:
        return  # the one thing it did not look at: without -c it says that it could not
    yield f"verify.sh says {shell.verdict} {shell.codes}, the program {program.codes}"


def render(rows: dict[str, Row], every: int) -> str:
    """The page."""
    lines = [
        "# Tamper table",
        "",
        "Made by `make tamper` (`python -m tests.tamper.table`); not written by hand. Each class of "
        "change is",
        "tried on a small bundle or receipt, and both verifiers are asked, which were written apart: "
        "the program",
        "(`evidence-vault verify`) and `verify.sh`. *Caught* means exit status 10 or 11. The cases are "
        "fixed,",
        f"so every run gives this page. Of each byte flipped, `verify.sh` is given every {every}th."
        if every > 1
        else "so every run gives this page.",
        "",
        "*Open*: `verify.sh` said that it could not check, which it may of a named list: ML-DSA-44 "
        "signatures with",
        "OpenSSL before 3.5 (as here), names and logs beyond what a shell can judge, documents of the "
        "network.",
        "",
        "| class | program: tried | caught | verify.sh: tried | caught | open |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows.values():
        if row.absent or row.good:
            continue
        p, s = row.program, row.shell
        lines.append(
            f"| {row.title} | {p.tried} | {p.verdicts[WRONG]} | {s.tried} | {s.verdicts[WRONG]} "
            f"| {s.verdicts[OPEN]} |"
        )
    lines += ["", "## Good evidence", ""]
    for row in rows.values():
        if row.good:
            p, s = row.program, row.shell
            lines.append(
                f"{p.tried} good bundles and receipts of many shapes: the program calls "
                f"{p.verdicts[WRONG]} wrong, `verify.sh` {s.verdicts[WRONG]}."
            )
    lines += ["", "## With which findings", ""]
    lines += [
        "What each code means stands in the message catalogue and is printed by each verifier."
    ]
    for row in rows.values():
        if not row.absent and not row.good:
            lines += ["", f"**{row.title}**", ""]
            lines += [f"- program: {_codes(row.program)}", f"- verify.sh: {_codes(row.shell)}"]
    waiting = [row for row in rows.values() if row.absent]
    if waiting:
        lines += ["", "## Not tried yet", ""]
        lines += [f"- {row.title}: {row.absent}" for row in waiting]
    return "\n".join(lines) + "\n"


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
    parser.add_argument("--every", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    names = [n for n in options.only.split(",") if n] or list(load())
    load()
    rows: dict[str, Row] = {}
    with ProcessPoolExecutor(options.jobs) as pool:
        for name in names:
            rows[name] = try_class(name, options.every, pool)
            p, s = rows[name].program, rows[name].shell
            print(f"{name}: {p.tried} {dict(p.verdicts)}; {s.tried} {dict(s.verdicts)}", flush=True)
            for problem in rows[name].problems[:20]:
                print(f"  {problem}", flush=True)
    if not options.only and not options.check:
        PAGE.write_text(render(rows, options.every), encoding="utf-8")
    return 1 if any(row.problems for row in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
