"""Vaults to break, the process that is broken, and the judge of what is left."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.driver import PASSPHRASE
from tests.faults.registry import Missing, Try

from evidence_vault.errors import VaultError
from evidence_vault.seal import keyring
from evidence_vault.vault.checking import log_audit, publish_and_sign
from evidence_vault.vault.creation import create_vault
from evidence_vault.vault.doctor import doctor
from evidence_vault.vault.exits import get_item
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.opening import Vault, open_vault
from evidence_vault.vault.payloads import payload_of
from evidence_vault.vault.rebuilding import rebuild

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
GROUP = 256  # entries of a published group

Acknowledged = dict[str, tuple[str, str]]
"""By item: name under its source folder, SHA-256."""

_MACHINE = ("free space", "ExifTool", "parsers: ")  # what doctor says of the machine, not the vault
REBUILD = "evidence-vault rebuild"
CHECKPOINT = "evidence-vault log checkpoint"


def secret() -> str:
    return PASSPHRASE


@contextlib.contextmanager
def quick(state: Path) -> Iterator[None]:
    """A low scrypt factor, no ExifTool, and the pin outside in ``state``."""
    told = {"EVIDENCE_VAULT_STATE": str(state), "EVIDENCE_VAULT_EXIFTOOL": "off"}
    before, factor = dict(os.environ), keyring.LOG_N
    os.environ.update(told)
    keyring.LOG_N = 10
    try:
        yield
    finally:
        keyring.LOG_N = factor
        for name in told:
            os.environ.pop(name, None)
        os.environ.update(before)


@dataclass
class Place:
    """A folder that holds a vault, its pin outside, and the sources it takes in."""

    base: Path
    sources: Path
    acknowledged: Acknowledged = field(default_factory=dict)

    @property
    def vault(self) -> Path:
        return self.base / "disk" / "vault"

    @property
    def state(self) -> Path:
        return self.base / "disk" / "state"

    @staticmethod
    def make(base: Path, items: int = 3, **options: Any) -> Place:
        """A vault with ``items`` of the folder ``old``, and eight new sources in two folders."""
        base.mkdir(parents=True)
        place = Place(base.resolve(), base.resolve() / "in")
        place.state.mkdir(parents=True)
        place.write("old", items)
        place.write("one", 4)
        place.write("two", 4)
        with quick(place.state):
            create_vault(place.vault, org="Test House", passphrase=PASSPHRASE, **options)
            (base / "disk" / "vault-recovery.txt").replace(base / "recovery.txt")
            result = place.ingest("old")
        place.acknowledge([[r["id"], r["name"], r["sha256"]] for r in result["taken_in"]])
        return place

    def write(self, name: str, count: int) -> None:
        """Small files that all differ."""
        folder = self.sources / name
        folder.mkdir(parents=True)
        for number in range(count):
            text = b"%s %06d " % (name.encode(), number)
            (folder / f"file-{number:04d}.bin").write_bytes(text * (40 + 31 * number))

    def copy(self, base: Path) -> Place:
        shutil.copytree(self.base / "disk", base / "disk")
        if (self.base / "recovery.txt").exists():
            shutil.copy2(self.base / "recovery.txt", base / "recovery.txt")
        return Place(base.resolve(), self.sources, dict(self.acknowledged))

    def ingest(self, *names: str) -> dict[str, Any]:
        with open_vault(self.vault, secret) as vault:
            paths = [os.fsencode(self.sources / name) for name in names]
            return ingest(vault, IngestRequest(paths))

    def acknowledge(self, rows: Sequence[Sequence[str]]) -> None:
        for item, name, digest in rows:
            assert item not in self.acknowledged, f"{item} was given out twice"
            self.acknowledged[item] = (name, digest)

    def contents(self) -> dict[str, bytes]:
        """SHA-256 → bytes of every source."""
        files = [p for p in self.sources.resolve().rglob("*") if p.is_file()]
        return {hashlib.sha256(d).hexdigest(): d for d in (p.read_bytes() for p in files)}


def acts(*names: str, place: Place) -> list[dict[str, Any]]:
    return [{"do": "ingest", "paths": [str(place.sources / name)]} for name in names]


# ---- the process that is broken -------------------------------------------------------------


@dataclass
class Ended:
    """``status``: exit status, or minus the signal. ``lines``: what it told, in order."""

    status: int
    lines: list[dict[str, Any]]

    @property
    def acks(self) -> list[list[str]]:
        return [row for line in self.lines for row in line.get("ack", ())]

    @property
    def error(self) -> dict[str, Any] | None:
        return next((line["error"] for line in self.lines if "error" in line), None)

    @property
    def crash(self) -> str | None:
        return next((line["crash"] for line in self.lines if "crash" in line), None)

    @property
    def results(self) -> list[dict[str, Any]]:
        return next((line["results"] for line in self.lines if "results" in line), [])


class Server:
    """The driver, started once; each order is a child of it."""

    def __init__(self, shim: Path | None = None) -> None:
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        if shim is not None:
            environment["LD_PRELOAD"] = str(shim)
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "driver.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def start(self, place: Place, doing: Sequence[Mapping[str, Any]], **order: Any) -> Child:
        out = place.base / f"told-{len(list(place.base.glob('told-*')))}"
        order |= {"vault": str(place.vault), "state": str(place.state)}
        return Child(self, self.ask(**order, out=str(out), acts=doing)["pid"], out)

    def run(self, place: Place, doing: Sequence[Mapping[str, Any]], **order: Any) -> Ended:
        return self.start(place, doing, **order).wait()

    def ask(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class Child:
    server: Server
    pid: int
    out: Path

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self) -> Ended:
        status = self.server.ask(wait=self.pid)["status"]
        text = self.out.read_text() if self.out.exists() else ""
        return Ended(status, [json.loads(line) for line in text.splitlines()])


def shim() -> Path:
    """powercut.c compiled; raises Missing without a compiler or where nothing can be preloaded."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        raise Missing("needs Linux and a C compiler (Debian: gcc, libc6-dev)")
    source = HERE / "powercut.c"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    target = Path(tempfile.gettempdir()) / f"powercut-{os.getuid()}-{digest}.so"
    if not target.exists():
        handle, fresh = tempfile.mkstemp(dir=target.parent)
        os.close(handle)
        flags = ["-shared", "-fPIC", "-O1", "-D_LARGEFILE64_SOURCE"]
        command = [compiler, *flags, "-o", fresh, str(source), "-ldl"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"powercut.c can't be compiled here: {done.stderr.strip()[-200:]}")
        os.replace(fresh, target)
    return target


# ---- the judge ------------------------------------------------------------------------------


class Judge:
    """Reopens a vault after a fault, does what it is told to do, and compares every item."""

    def __init__(self, place: Place, verdict: Try) -> None:
        self.place = place
        self.verdict = verdict
        self.contents = place.contents()
        verdict.acknowledged = len(place.acknowledged)

    def saw(self, *what: str) -> None:
        for each in what:
            if each and each not in self.verdict.saw:
                self.verdict.saw.append(each)

    def after(self, ended: Ended, wanted: int | None) -> None:
        """What a process told before it ended. ``wanted``: items it was given, all new; None
        when a first run, that was ended, had some of them."""
        self.place.acknowledge(ended.acks)
        self.verdict.acknowledged = len(self.place.acknowledged)
        if ended.crash is not None:
            self.verdict.unmended.append(f"ended by an unexpected failure: {ended.crash}")
        if ended.error is not None:
            self.saw(ended.error["code"])
            if not ended.error["hint"]:
                self.verdict.unmended.append(f"no hint: {ended.error['message']}")
        told = sum(len(r.get("taken_in", ())) for r in ended.results)
        if wanted is not None and ended.results and _clean(ended) and told != wanted:
            self.verdict.silent.append(f"status 0, but {told} of {wanted} were taken in")

    def examine(self) -> dict[str, Any]:
        """doctor, then rebuild if it says so, and doctor again."""
        told = doctor(self.place.vault, secret)
        named = self._problems(told)
        self.saw(*(f"doctor: {check['name']}" for check in named))
        if any(
            check["command"].startswith(REBUILD) or REBUILD in check["command"] for check in named
        ):
            self.verdict.mends.append(REBUILD)
            rebuild(self.place.vault, secret)
            told = doctor(self.place.vault, secret)
        if any(check["command"] == CHECKPOINT for check in self._problems(told)):
            self.verdict.mends.append(CHECKPOINT)
            with open_vault(self.place.vault, secret) as vault:
                publish_and_sign(vault)
            told = doctor(self.place.vault, secret)
        return told

    @staticmethod
    def _problems(told: Mapping[str, Any]) -> list[dict[str, str]]:
        return [
            check
            for check in told["checks"]
            if check["outcome"] == "problem" and not check["name"].startswith(_MACHINE)
        ]

    def all_is_well(self, *names: str) -> None:
        """Everything that was acknowledged is there; running again takes in the rest, once."""
        with quick(self.place.state):
            try:
                self._all_is_well(names)
            except (VaultError, AssertionError) as error:
                code = getattr(error, "code", type(error).__name__)
                self.verdict.unmended.append(f"{code}: {error} ({getattr(error, 'hint', '')})")
                self.count_lost()

    def _all_is_well(self, names: Sequence[str]) -> None:
        for check in self._problems(self.examine()):
            self.verdict.unmended.append(f"doctor: {check['detail']} → {check['command']}")
        self._report("audit before", self._audit)
        again: dict[str, Any] = {"exit": 0, "taken_in": []}
        if names:
            again = self.place.ingest(*names)
        if again["exit"]:
            self.verdict.unmended.append(f"the second run ended with {again['exit']}: {again}")
        if again["taken_in"] and "ingest again" not in self.verdict.mends:
            self.verdict.mends.append("ingest again")
        known = set(self.place.acknowledged)
        for row in again["taken_in"]:
            if row["id"] in known:
                self.verdict.lost.append(f"{row['id']} was given to another file")
        self._report("fixity", self._fixity)
        self._report("audit", self._audit)
        self._counted(names)
        self.count_lost()
        for check in self._problems(doctor(self.place.vault, secret)):
            self.verdict.unmended.append(f"doctor at the end: {check['detail']}")

    def _report(self, name: str, ask: Any) -> None:
        report = ask()
        found = report.get("damaged") or report.get("findings")
        if report["exit"]:
            self.verdict.unmended.append(f"{name}: {report['exit']}: {found or report['notices']}")

    def _audit(self) -> dict[str, Any]:
        with open_vault(self.place.vault, secret) as vault:
            return log_audit(vault)

    def _fixity(self) -> dict[str, Any]:
        with open_vault(self.place.vault, secret) as vault:
            return fixity(vault, all=True)

    def _counted(self, names: Sequence[str]) -> None:
        """Each distinct source is one item; numbers run without a gap."""
        with open_vault(self.place.vault, secret) as vault:
            ids = vault.catalogue.item_ids()
            prefix = vault.keyring.prefix
            digests = [row["sha256"] for row in vault.catalogue.find()]
        if ids != [f"{prefix}-{n:07d}" for n in range(1, len(ids) + 1)]:
            self.verdict.unmended.append(f"the numbers have gaps: {ids}")
        if len(set(digests)) != len(digests):
            self.verdict.silent.append("the same bytes are counted as two items")
        missing = set(self.contents) - set(digests)
        if missing and {"one", "two"} <= set(names):
            self.verdict.silent.append(f"{len(missing)} sources are not in, status 0")
        staged = [
            p for r in ("archive", "control") for p in (self.place.vault / r / ".staging").glob("*")
        ]
        if staged:
            self.verdict.unmended.append(f"temporary bytes are left: {len(staged)}")

    def count_lost(self) -> None:
        """Every acknowledged original, byte for byte; one of them by ``get``."""
        if not self.place.acknowledged:
            return
        try:
            with open_vault(self.place.vault, secret) as vault:
                for number, item in enumerate(sorted(self.place.acknowledged)):
                    self._compare(vault, item, number == 0)
        except VaultError as error:
            self.verdict.lost.append(f"none can be read: {error.code} {error.message}")

    def _compare(self, vault: Vault, item: str, by_get: bool) -> None:
        out = self.place.base / "got"
        try:
            if by_get:
                out.unlink(missing_ok=True)
                get_item(vault, item, out)
                data = out.read_bytes()
            else:
                with payload_of(vault, item, False).open() as stream:
                    data = stream.read()
        except VaultError as error:
            self.verdict.lost.append(f"{item}: {error.code} {error.message}")
            return
        if data != self.contents.get(self.place.acknowledged[item][1]):
            self.verdict.lost.append(f"{item}: other bytes")


def _clean(ended: Ended) -> bool:
    return all(result.get("exit") == 0 for result in ended.results)


def snapshot(folder: Path) -> dict[str, str]:
    """Path → SHA-256, so that it shows when a source was touched."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.resolve().rglob("*"))
        if p.is_file()
    }
