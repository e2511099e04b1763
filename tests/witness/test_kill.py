"""Killed (SIGKILL) between every two writes, then reopened.

Whatever the moment: no cosignature left without being remembered, no smaller size follows, never
two cosignatures for inconsistent checkpoints, and the countersigner goes on.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from evidence_vault.seal import keyring
from evidence_vault.vault.countersigning import newest_note, origin_hex

from .houses import House, found

ROOT = Path(__file__).resolve().parent.parent.parent
DRIVER = Path(__file__).with_name("driver.py")

COSIGN_STEPS = [
    *("witness-judged", "witness-committed", "witness-pinned-inside", "witness-pinned"),
    *("witness-stored", "witness-answered"),
]
KEPT_STEPS = ["witness-committed", "witness-kept", "witness-kept:2"]
INIT_STEPS = [
    *("key-announced", "key-replaced", "witness-keys", "witness-aside", "witness-created"),
    "witness-pinned-inside",
]
IMPORT_STEPS = ["witness-line", "witness-line:2"]


@dataclass
class Pair:
    """A log and its countersigner at a size it has cosigned, and requests that follow."""

    log: House
    witness: House
    state: Path
    good: Path
    evil: Path


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring, "LOG_N", 10)
        patch.setenv("EVIDENCE_VAULT_STATE", str(folder / "state"))
        patch.setenv("EVIDENCE_VAULT_EXIFTOOL", "off")
        log, witness = found(folder / "log"), found(folder / "witness")
        witness.init_witness()
        witness.pin(log)
        log.pin(witness)
        size = log.grow(2)
        log.countersign_by(witness)
        log.grow()
        shutil.copy(log.request(witness), folder / "good")
        cheat = log.evil()
        shutil.copy(cheat.request(cheat.branch(size, len(cheat.leaves)), size), folder / "evil")
    return folder


@pytest.fixture
def pair(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    copy = tmp_path / "copy"
    shutil.copytree(template, copy)
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(copy / "state"))
    return Pair(
        House(copy / "log"), House(copy / "witness"), copy / "state", copy / "good", copy / "evil"
    )


def run(pair: Pair, step: str, *arguments: str | Path) -> None:
    """Run a command in a process of its own and let it die at a step."""
    done = subprocess.run(
        [sys.executable, str(DRIVER), *map(str, arguments)],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "EVIDENCE_VAULT_STATE": str(pair.state),
            "EVIDENCE_VAULT_FAULT": step,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, f"{step} was never passed: {done.stderr}"


def test_every_step_of_the_countersigner_is_killed_at() -> None:
    named = set()
    for path in (ROOT / "src" / "evidence_vault").rglob("*.py"):
        named |= set(re.findall(r'step\("(witness-[a-z0-9-]+)"\)', path.read_text()))
    tested = {s.partition(":")[0] for s in (*COSIGN_STEPS, *KEPT_STEPS, *INIT_STEPS, *IMPORT_STEPS)}
    assert named == {step for step in tested if step.startswith("witness-")}


@pytest.mark.sweep
@pytest.mark.parametrize("step", COSIGN_STEPS)
def test_cosign_killed_at_a_step(pair: Pair, step: str) -> None:
    answer = pair.witness.file("answer")
    run(pair, step, "cosign", pair.witness.vault, pair.good, answer)
    assert not answer.exists()
    remembered = step != "witness-judged"
    before = pair.witness.status()["countersigns"][0]
    # What may be read by others is only what is pinned.
    with pair.witness.open() as vault:
        shown = newest_note(vault, origin_hex(pair.log.origin()))
    if step in ("witness-committed", "witness-pinned-inside", "witness-pinned"):
        assert shown is None
    # The other history is never cosigned, if the first one might have been.
    result, _ = pair.witness.cosign(pair.evil)
    if remembered:
        assert (result["status"], result["exit"]) == (409, 11)
        assert pair.witness.status()["countersigns"][0]["size"] == before["size"]
        with pair.log.open() as vault:
            size = vault.log.checkpoint()
        assert size is not None
        again = pair.log.request(pair.witness, old=before["size"])
        result, answer = pair.witness.cosign(again)
        assert result["status"] == 200
        assert pair.log.take(answer)["quorum"]["size"] == before["size"]
    else:  # nothing was remembered, so nothing had left: whichever comes first is the history
        assert result["status"] == 200
        assert pair.witness.cosign(pair.good)[0]["status"] == 409
    assert pair.witness.status()["self"]["may_sign"]


@pytest.mark.sweep
@pytest.mark.parametrize("step", KEPT_STEPS)
def test_evidence_killed_at_a_step_is_kept_by_the_next_request(pair: Pair, step: str) -> None:
    pair.witness.cosign(pair.good)
    run(pair, step, "cosign", pair.witness.vault, pair.evil, pair.witness.file("answer"))
    pages = pair.witness.status()["misbehaviour"]
    assert [page["kind"] for page in pages] in ([], ["unknown"], ["fork"])
    pair.witness.cosign(pair.evil)
    pages = pair.witness.status()["misbehaviour"]
    assert [(page["kind"], page["proven"]) for page in pages] == [("fork", True)]


@pytest.mark.sweep
@pytest.mark.parametrize("step", INIT_STEPS)
def test_init_killed_at_a_step_leaves_one_that_signs_nothing(pair: Pair, step: str) -> None:
    (pair.witness.vault / "witness.db").unlink()
    run(pair, step, "init", pair.witness.vault)
    with pytest.raises(Exception, match="does not countersign"):
        pair.witness.cosign(pair.good)
    made = pair.witness.init_witness()
    assert made["name"] != made["replaces"]
    result, _ = pair.witness.cosign(pair.log.request(old=0))
    assert result["status"] == 200


@pytest.mark.sweep
@pytest.mark.parametrize("step", IMPORT_STEPS)
def test_import_killed_at_a_step_is_finished_by_the_next(pair: Pair, step: str) -> None:
    _, answer = pair.witness.cosign(pair.good)
    run(pair, step, "import", pair.log.vault, answer)
    taken = pair.log.take(answer)
    assert (taken["exit"], len(taken["stored"])) == (0, 2)
    with pair.log.open() as vault:
        point = vault.checkpoint()
        assert point is not None
        assert taken["quorum"]["size"] == point.checkpoint.size
