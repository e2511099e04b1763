"""A field machine is seized: what lies on its disk, after use and after a kill -9 anywhere.

Looked for in the whole vault folder (the database with its freed pages and write-ahead log, too),
HOME, TMPDIR, the outside pin and /dev/shm, names and link targets included.
"""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import time

import pytest
from tests.vault.test_kill import INGEST_STEPS
from tests.vault.vaults import ROOT, start

from evidence_vault.vault.fixity import fixity

from .field import (
    ACTOR,
    SHARED_MEMORY,
    Field,
    assert_nothing_found,
    plant,
    recipe,
    wait_for_cleaners,
)

STEPS = [step for step in INGEST_STEPS if not step.startswith("8-emptied")]
STATION_STEPS = ["station-noted", "station-noted:2", "station-closed"]
MORE = 18


def test_every_step_of_a_field_vault_is_killed_at() -> None:
    named = set()
    for path in (ROOT / "src" / "evidence_vault").rglob("*.py"):
        named |= set(re.findall(r'step\("(station-[a-z0-9-]+)"\)', path.read_text()))
    assert named == {step.partition(":")[0] for step in STATION_STEPS}


def test_nothing_is_found_after_use(field: Field) -> None:
    plant(field)
    done = field.take_in(fields=recipe(field), by=ACTOR)
    assert done["metadata"] == {"read": 2}, "the EXIF values were read, so they could have leaked"
    field.take_in(field.source / "Planted-missing.txt", by=ACTOR)
    with field.station.open() as vault:
        fixity(vault, all=True, by=ACTOR)
    assert_nothing_found(field)
    assert field.open_accessions() == []


def test_nothing_is_found_after_a_sheet(field: Field) -> None:
    plant(field)
    sheet = field.base / "sheet.csv"
    rows = [f"{path.name},Planted title of a row" for path in sorted(field.source.iterdir())]
    sheet.write_text("file,title\n" + "\n".join(rows) + "\n", encoding="utf-8")
    sheet.rename(field.source / "sheet.csv")
    done = field.take_in_sheet(field.source / "sheet.csv")
    assert len(done["taken_in"]) == 2, done
    assert_nothing_found(field)


def test_the_search_finds_what_is_there(field: Field) -> None:
    """The same search over the desk, which keeps an index, fails: so it can fail."""
    plant(field)
    field.desk.ingest(field.source)
    with pytest.raises(AssertionError, match=r"stands in .*catalogue\.db"):
        assert_nothing_found(field, places=[field.desk.folder])


@pytest.mark.sweep
@pytest.mark.parametrize("step", [*STEPS, *STATION_STEPS])
def test_nothing_is_found_after_a_kill_and_the_next_run_stores_nothing_twice(
    field: Field, step: str
) -> None:
    plant(field, MORE)
    assert field.kill_at(step) == -signal.SIGKILL, f"{step} was never passed"
    assert_nothing_found(field, MORE)
    # What was closed in the log is forgotten, and stored again.
    closed = sum(1 for e in field.station.entries() if e.type == "accession-closed")
    if step.startswith(("2-", "3-", "4-committed:2", "station-noted")):
        assert closed == 0
    if step.startswith(("7-", "8-", "station-closed")):
        assert closed == 1
    done = field.take_in()
    assert done["exit"] == 0
    assert_nothing_found(field, MORE)
    assert len(field.items()) == (MORE + 2) * (1 + closed)
    assert len(done["taken_in"]) + done["already_in"] == MORE + 2
    assert field.open_accessions() == []
    report = field.station.audit()
    assert (report["exit"], report["findings"]) == (0, [])


@pytest.mark.sweep
@pytest.mark.parametrize("moment", range(6))
def test_nothing_is_found_after_a_kill_at_a_random_moment(field: Field, moment: int) -> None:
    kill_at_random(field, moment, 6)


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(60))
def test_nothing_is_found_after_a_kill_at_sixty_moments(field: Field, moment: int) -> None:
    kill_at_random(field, moment, 60)


def kill_at_random(field: Field, moment: int, moments: int) -> None:
    plant(field, MORE)
    process = start(
        "ingest",
        field.station.folder,
        field.source,
        environment={"EVIDENCE_TEST_GROUP": "4"},
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "open\n"
    time.sleep((moment + random.random()) * 2 / moments)
    process.kill()
    process.communicate(timeout=60)
    wait_for_cleaners()
    assert_nothing_found(field, MORE)
    closed = sum(1 for e in field.station.entries() if e.type == "accession-closed")
    done = field.take_in()
    assert len(field.items()) == (MORE + 2) * (1 + closed)
    assert len(done["taken_in"]) + done["already_in"] == MORE + 2
    assert field.station.audit()["exit"] == 0
    assert_nothing_found(field, MORE)


def test_a_desk_too_keeps_no_temporary_plaintext(field: Field) -> None:
    """Of a desk only the searchable tables hold what may be searched (docs/threat-model.md)."""
    plant(field, MORE)
    for step in ("2-adopted", "3-built", "4-committed"):
        process = start(
            "ingest",
            field.desk.folder,
            field.source,
            environment={"EVIDENCE_VAULT_FAULT": step, "EVIDENCE_TEST_GROUP": "4"},
        )
        process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL
        wait_for_cleaners()
        outside = [field.desk.folder / n for n in ("archive", "control", "signed", "lock")]
        assert_nothing_found(field, MORE, [*field.places()[1:], *outside])


def test_a_killed_metadata_reader_leaves_no_link_that_names_a_file(
    field: Field,
) -> None:
    """The folder with the links that ExifTool is given is removed when its process is gone."""
    script = (
        "import os, signal, sys\n"
        "from evidence_vault.capture.metadata import MetadataReader\n"
        "reader = MetadataReader()\n"
        "def die(paths, limit):\n"
        "    print('link' if os.path.islink(paths[0]) else 'none', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "reader._tool.ask = die\n"
        "reader.read(os.fsencode(sys.argv[1]))\n"
    )
    plant(field)
    before = set(SHARED_MEMORY.glob("metadata-*"))
    done = subprocess.run(
        [sys.executable, "-c", script, str(field.source / "Planted-Picture.jpg")],
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
        check=False,
        timeout=60,
        stdout=subprocess.PIPE,
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == b"link\n", "it was killed while the link was there"
    for _ in range(200):
        if set(SHARED_MEMORY.glob("metadata-*")) <= before:
            break
        time.sleep(0.05)
    assert set(SHARED_MEMORY.glob("metadata-*")) <= before
    assert_nothing_found(field)
