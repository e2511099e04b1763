"""Killed (SIGKILL) at every numbered step of the write order and at random, then reopened.

After each death the same command must finish the rest: nothing acknowledged is missing, nothing
is there twice, numbers run without gap, the audit is clean and nothing temporary is left.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

from evidence_vault.core.age import PQIdentity
from evidence_vault.errors import LogInconsistent
from evidence_vault.seal import keyring
from evidence_vault.vault.creation import create_vault
from evidence_vault.vault.exits import get_item
from evidence_vault.vault.keys import key_state
from evidence_vault.vault.succession import succeed

from .vaults import PASSPHRASE, ROOT, Made, run, start, write_files

INGEST_STEPS = [
    *("2-adopted", "2-durable", "2-adopted:2", "2-durable:3"),
    *("3-built", "3-built:2", "4-committed", "4-committed:2", "4-committed:6"),
    *("5-catalogue", "5-catalogue:3"),
    *("7-published", "8-pinned-inside", "8-pinned", "8-evidence", "8-checkpoint"),
    *("8-emptied", "8-emptied:2"),
]
KEY_STEPS = ["key-announced", "8-pinned-inside", "key-replaced"]
SUCCEED_STEPS = ["key-replaced", "succeed-keyring", "4-committed", "succeed-begun", "8-pinned"]
ROTATE_STEPS = [
    *("key-announced", "8-pinned-inside", "key-replaced", "rotate-announced"),
    *("3-built", "4-committed", "5-catalogue", "rotate-committed"),
    *("7-published", "8-pinned", "8-evidence", "8-checkpoint"),
    *("key-announced:2", "key-replaced:2"),
]
READER_STEPS = ["grant-recorded", "withdraw-done"]
BEFORE = 246  # entries of the template's items: what follows completes the first group of 256
FILES = 20
GROUP = {"EVIDENCE_TEST_GROUP": "4"}


@dataclass
class Template:
    made: Made
    sources: Path

    def copy(self, tmp_path: Path) -> Made:
        """A copy that lies in its own folder, with its own outside pin."""
        state = tmp_path / "state"
        shutil.copytree(self.made.state, state)
        copied = self.made.copy_to(tmp_path / "vault")
        return Made(copied.folder, self.made.recovery, state)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A vault some entries short of its first complete group, made once."""
    folder = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring, "LOG_N", 10)
        patch.setenv("EVIDENCE_VAULT_STATE", str(folder / "state"))
        patch.setenv("EVIDENCE_VAULT_EXIFTOOL", "off")
        created = create_vault(folder / "vault", org="Test House", passphrase=PASSPHRASE)
        made = Made(folder / "vault", Path(created["recovery_file"]), folder / "state")
        write_files(folder / "old", BEFORE - 3)
        made.ingest(folder / "old")
    return Template(made, folder / "old")


def test_every_step_in_the_code_is_killed_at() -> None:
    named = set()
    for path in (ROOT / "src" / "evidence_vault").rglob("*.py"):
        named |= set(re.findall(r'(?:step|passed)\("([a-z0-9-]+)"\)', path.read_text()))
    named = {name for name in named if not name.startswith(("stamp-", "renewal-"))}  # tests/time
    named = {name for name in named if not name.startswith("witness-")}  # tests/witness
    named = {name for name in named if not name.startswith("transfer-")}  # tests/transfer
    named = {name for name in named if not name.startswith("station-")}  # tests/station
    named = {name for name in named if not name.startswith("moving-")}  # tests/move
    named = {name for name in named if not name.startswith("export-")}  # test_export_resume.py
    holds = ("hold-", "release-", "retention-")  # tests/holds
    named = {name for name in named if not name.startswith((*holds, "repair-"))}  # tests/fixity
    copies = ("keeper-", "replica-", "restore-")  # tests/replicas
    named = {name for name in named if not name.startswith(copies)}
    steps = (*INGEST_STEPS, *KEY_STEPS, *SUCCEED_STEPS, *ROTATE_STEPS, *READER_STEPS)
    others = ("3-anchored", "7-start")  # test_proofs.py, test_kill_publish.py
    tested = {step.partition(":")[0] for step in (*steps, *others)}
    assert named == tested


@pytest.mark.sweep
@pytest.mark.parametrize("step", INGEST_STEPS)
def test_ingest_killed_at_a_step_is_finished_by_the_next_run(
    template: Template, tmp_path: Path, step: str
) -> None:
    vault = template.copy(tmp_path)
    sources = write_files(tmp_path / "in", FILES)
    process = start(
        "ingest", vault.folder, tmp_path / "in", environment={"EVIDENCE_VAULT_FAULT": step, **GROUP}
    )
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, f"{step} was never passed"
    assert_no_plaintext_staged(vault, sources)
    assert_finishes(vault, tmp_path / "in", BEFORE - 3)


@pytest.mark.sweep
@pytest.mark.parametrize("moment", range(12))
def test_ingest_killed_at_a_random_moment(template: Template, tmp_path: Path, moment: int) -> None:
    kill_at_random(template, tmp_path, moment, 12)


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(100))
def test_ingest_killed_at_a_hundred_moments(
    template: Template, tmp_path: Path, moment: int
) -> None:
    kill_at_random(template, tmp_path, moment, 100)


def kill_at_random(template: Template, tmp_path: Path, moment: int, moments: int) -> None:
    """Kill in one of ``moments`` slices of the run, at a random point of that slice."""
    vault = template.copy(tmp_path)
    sources = write_files(tmp_path / "in", FILES)
    mark = uuid.uuid4().hex
    process = start("ingest", vault.folder, tmp_path / "in", environment={**GROUP, "MARK": mark})
    assert process.stderr is not None
    assert process.stderr.readline() == "open\n"
    time.sleep((moment + random.random()) * 1.2 / moments)
    process.kill()
    process.communicate(timeout=60)
    assert_no_plaintext_staged(vault, sources)
    assert_no_orphans(mark)
    assert_finishes(vault, tmp_path / "in", BEFORE - 3)


@pytest.mark.slow
def test_killed_again_and_again_it_still_finishes(template: Template, tmp_path: Path) -> None:
    vault = template.copy(tmp_path)
    write_files(tmp_path / "in", FILES)
    for step in ("4-committed:2", "2-durable", "8-emptied", "4-committed", "8-pinned-inside"):
        process = start(
            "ingest",
            vault.folder,
            tmp_path / "in",
            environment={"EVIDENCE_VAULT_FAULT": step, **GROUP},
        )
        process.communicate(timeout=60)
    assert_finishes(vault, tmp_path / "in", BEFORE - 3)


@pytest.mark.sweep
@pytest.mark.parametrize("delay", [0.05, 0.3, 0.6, 0.9])
def test_ctrl_c_ends_at_a_commit_and_the_next_run_finishes(
    template: Template, tmp_path: Path, delay: float
) -> None:
    vault = template.copy(tmp_path)
    write_files(tmp_path / "in", 60)
    process = start("ingest", vault.folder, tmp_path / "in", environment=GROUP)
    assert process.stderr is not None
    assert process.stderr.readline() == "open\n"
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (0, 130, -signal.SIGINT), err
    assert_finishes(vault, tmp_path / "in", BEFORE - 3, 60)
    closed = [e.subject["id"] for e in vault.entries() if e.type == "accession-closed"]
    opened = [e.subject["id"] for e in vault.entries() if e.type == "accession-opened"]
    assert set(closed) <= set(opened)
    assert len(set(opened)) == len(opened)


@pytest.mark.sweep
@pytest.mark.parametrize("step", KEY_STEPS)
def test_key_passphrase_killed_at_a_step_leaves_a_vault_that_may_sign(
    template: Template, tmp_path: Path, step: str
) -> None:
    vault = template.copy(tmp_path)
    process = start(
        "passphrase",
        vault.folder,
        "another passphrase",
        environment={"EVIDENCE_VAULT_FAULT": step},
    )
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    passphrase = "another passphrase" if step == "key-replaced" else PASSPHRASE
    write_files(tmp_path / "in", 2)
    with vault.open(passphrase) as opened:
        from evidence_vault.vault.ingest import IngestRequest, ingest

        assert ingest(opened, IngestRequest([os.fsencode(tmp_path / "in")]))["exit"] == 0


@pytest.mark.sweep
@pytest.mark.parametrize("step", SUCCEED_STEPS)
def test_log_succeed_killed_at_a_step_is_finished_by_the_next_run(
    template: Template, tmp_path: Path, step: str
) -> None:
    vault = template.copy(tmp_path)
    with vault.open() as opened:
        old_origin = opened.keyring.origin
    process = start(
        "succeed",
        vault.folder,
        vault.recovery,
        environment={"EVIDENCE_VAULT_FAULT": step},
    )
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    if step in ("succeed-keyring", "succeed-begun", "4-committed", "key-replaced"):
        with pytest.raises(LogInconsistent):
            vault.ingest(template.sources)
        done = succeed(vault.folder, lambda: PASSPHRASE, vault.recovery, "once more")
        assert done["succeeds"]["origin"] == old_origin
    write_files(tmp_path / "in", FILES)
    assert_finishes(vault, tmp_path / "in", BEFORE - 3)
    with vault.open() as opened:
        assert opened.config.log == 1


@pytest.mark.sweep
@pytest.mark.parametrize("step", ROTATE_STEPS)
def test_key_rotate_killed_at_a_step_leaves_a_vault_that_goes_on_with_one_of_two_keys(
    template: Template, tmp_path: Path, step: str
) -> None:
    vault = template.copy(tmp_path)
    arguments = ("rotate", vault.folder, vault.recovery, "events")
    process = start(*arguments, environment={"EVIDENCE_VAULT_FAULT": step})
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, f"{step} was never passed"
    assert_finishes_with_few(vault, tmp_path / "in-1", BEFORE - 3)
    again = run(*arguments)
    assert again["status"] == 0, again
    assert_finishes_with_few(vault, tmp_path / "in-2", BEFORE - 3 + 2)
    with vault.open() as opened:
        (left,) = opened.keyring.signers("events")
        assert left.keyid == again["keyid"]
        current = key_state(opened).current("events")
        assert [key.keyid for key in current] == [again["keyid"]]


@pytest.mark.sweep
@pytest.mark.parametrize("step", READER_STEPS)
def test_readers_killed_between_keyring_and_log_are_never_unrecorded(
    template: Template, tmp_path: Path, step: str
) -> None:
    """The log may name a reader too many, never one too few; a second run settles it."""
    vault = template.copy(tmp_path)
    recipient = str(PQIdentity.generate().to_recipient())
    commands: list[tuple[str | Path, ...]] = [
        ("grant", vault.folder, recipient),
        ("withdraw", vault.folder),
    ]
    for command in commands:
        process = start(str(command[0]), *command[1:], environment={"EVIDENCE_VAULT_FAULT": step})
        process.communicate(timeout=60)
        if process.returncode == -signal.SIGKILL:
            assert run(str(command[0]), *command[1:])["status"] == 0
    kinds = [e.type for e in vault.entries() if e.type in ("granted", "withdrawn")]
    assert kinds[0] == "granted" and kinds[-1] == "withdrawn"
    with vault.open() as opened:
        assert opened.keyring.granted == ()
        assert recipient not in opened.keyring.recipients
    assert_finishes_with_few(vault, tmp_path / "in", BEFORE - 3)


def assert_finishes_with_few(vault: Made, sources: Path, before: int) -> None:
    """Two files more come in, and everything is sound."""
    write_files(sources, 2)
    assert vault.ingest(sources)["exit"] == 0
    assert vault.assert_sound() == before + 2


def assert_finishes(vault: Made, sources: Path, before: int, files: int = FILES) -> None:
    """Run it again in a fresh process-like session: everything is in, once, and sound."""
    result = vault.ingest(sources)
    assert result["exit"] == 0
    assert result["already_in"] + len(result["taken_in"]) == files
    assert result["received_again"] == []
    again = vault.ingest(sources)
    assert (again["already_in"], again["taken_in"], again["accession"]) == (files, [], None)
    assert vault.assert_sound() == before + files
    with vault.open() as opened:
        row = opened.catalogue.find()[-1]
        out = sources.parent / f"out-{uuid.uuid4().hex}"
        get_item(opened, row["id"], out)
        assert out.read_bytes() == (sources / row["name"]).read_bytes()
    vault.assert_sound()


def assert_no_plaintext_staged(vault: Made, sources: list[Path]) -> None:
    contents = [path.read_bytes() for path in sources]
    for path in vault.staged():
        if path.is_file():
            data = path.read_bytes()
            for source, content in zip(sources, contents, strict=True):
                assert content[:40] not in data
                assert source.name.encode() not in data


def assert_no_orphans(mark: str) -> None:
    """No process that carries the run's mark in its environment outlives it for long."""
    deadline = time.monotonic() + 10
    while left := marked(mark):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.1)


def marked(mark: str) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"MARK={mark}".encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return [line for line in found if line]
