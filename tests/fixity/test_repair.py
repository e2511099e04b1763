"""Damage that is mended from here or from a copy: byte for byte, logged, never more than that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.vault.vaults import PASSPHRASE, ROOT, Made, write_files

from evidence_vault.core.commit import parse_commit
from evidence_vault.core.event import parse_entry
from evidence_vault.errors import EvidenceError, LogInconsistent
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.goodcopies import good_copies

from .damage import codes, contents, flip, full_commit, look, objects, swap_headers

Act = Callable[[Made], object]


def mend(vault: Made, copy: Made | None = None) -> dict[str, Any]:
    with vault.open() as opened:
        copies = None if copy is None else good_copies(opened, str(copy.folder))
        return fixity(opened, all=True, by="clerk-1", repair=True, copies=copies)


def _remove(name: str) -> Act:
    return lambda vault: (vault.folder / name).unlink()


def _flip(name: str) -> Act:
    return lambda vault: flip(vault.folder / name)


FROM_HERE: dict[str, Act] = {
    "tile removed": _remove("archive/log/tile/0/000"),
    "tile changed": _flip("archive/log/tile/0/000"),
    "upper tile changed": _flip("archive/log/tile/1/000.p/1"),
    "last bundle changed": lambda v: flip(
        max((v.folder / "archive/log/tile/entries/001.p").iterdir(), key=lambda p: int(p.name))
    ),
    "checkpoint removed": _remove("archive/log/checkpoint"),
    "checkpoint changed": _flip("archive/log/checkpoint"),
    "stub removed": _remove("control/commits/1"),
}
FROM_A_COPY: dict[str, Act] = {
    "object removed": lambda v: objects(v)[0].unlink(),
    "object changed": lambda v: flip(objects(v)[0]),
    "headers changed places": swap_headers,
    "pack of headers removed": _remove("control/headers/0"),
    "pack of headers changed": _flip("control/headers/0"),
    "pack of headers torn": lambda v: flip(v.folder / "control/headers/0", 3),
    "pack of records removed": _remove("archive/log/sealed/0"),
    "pack of records changed": _flip("archive/log/sealed/0"),
    "bundle removed": _remove("archive/log/tile/entries/000"),
    "bundle changed": _flip("archive/log/tile/entries/000"),
    "commit removed": lambda v: full_commit(v).unlink(),
    "commit changed": lambda v: flip(full_commit(v)),
    "signed state changed": _flip("archive/evidence/1/checkpoint"),
    **FROM_HERE,
}


def was_mended(vault: Made, before: dict[str, bytes]) -> None:
    """Every file is as it was, but what the events of the repair added or replaced."""
    after = contents(vault.folder)
    changed = {k for k, v in before.items() if after.get(k) != v}
    assert changed <= {"archive/log/checkpoint"}
    assert look(vault)["exit"] == 0
    vault.assert_sound()


@pytest.mark.parametrize("name", FROM_HERE)
def test_what_follows_from_what_is_here_is_mended_from_here(grown: Made, name: str) -> None:
    before = contents(grown.folder)
    FROM_HERE[name](grown)
    done = mend(grown)
    assert (done["exit"], done["damaged"]) == (0, []), done["notices"]
    assert done["repaired"]
    was_mended(grown, before)


@pytest.mark.sweep
@pytest.mark.parametrize("name", FROM_A_COPY)
def test_damage_is_mended_from_a_copy_byte_for_byte(grown: Made, tmp_path: Path, name: str) -> None:
    copy = grown.copy_to(tmp_path / "copy")
    before = contents(grown.folder)
    FROM_A_COPY[name](grown)
    done = mend(grown, copy)
    assert (done["exit"], done["damaged"]) == (0, []), (done["damaged"], done["notices"])
    assert {each["source"] for each in done["repaired"]} == {str(copy.folder)}
    types = [event.type for event in grown.entries()]
    assert "repaired" in types
    was_mended(grown, before)


def test_damaged_bytes_are_kept_aside_and_the_item_has_the_event(
    small: Made, tmp_path: Path
) -> None:
    copy = small.copy_to(tmp_path / "copy")
    path = objects(small)[0]
    flip(path)
    damaged = path.read_bytes()
    done = mend(small, copy)
    item = done["repaired"][0]["id"]
    aside = [p for p in (small.folder / "archive/.damaged").rglob("*") if p.is_file()]
    assert [p.read_bytes() for p in aside] == [damaged]
    with small.open() as opened:
        assert opened.catalogue.entry(opened.catalogue.history(item)[-1]).type == "repaired"
    assert look(small)["unreferenced"]["count"] == 0


def test_what_no_copy_has_stays_named(small: Made, tmp_path: Path) -> None:
    copy = small.copy_to(tmp_path / "copy")
    flip(objects(small)[0])
    flip(objects(copy)[0])
    objects(small)[1].unlink()
    done = mend(small, copy)
    assert done["exit"] == 10
    assert codes(done) == {"E-OBJECT-CHANGED"}
    assert len(done["repaired"]) == 1
    assert "damaged, too" in str(done["notices"])


def test_without_a_copy_nothing_is_lost_further(small: Made) -> None:
    flip(objects(small)[0])
    before = contents(small.folder)
    done = mend(small)
    assert done["exit"] == 10
    after = contents(small.folder)
    assert {k: after[k] for k in before if "objects" in k or "commits" in k} == {
        k: v for k, v in before.items() if "objects" in k or "commits" in k
    }


def test_a_damaged_header_that_no_copy_has_is_not_thrown_away(small: Made) -> None:
    """It may still open for one of its readers."""
    swap_headers(small)
    before = full_commit(small).read_bytes()
    assert mend(small)["exit"] == 10
    assert full_commit(small).read_bytes() == before


@pytest.mark.parametrize("name", ["ahead", "ahead, torn", "checkpoint ahead", "another history"])
def test_a_copy_that_is_ahead_is_not_mended_from(
    small: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """This vault is the old one of the two, and may sign: what was given up since it does not know;
    nor may an event of its own make it look as if it were not behind."""
    ahead = small.copy_to(tmp_path / "ahead")
    write_files(tmp_path / "more", 1)
    shutil.copytree(tmp_path / "state", tmp_path / "elsewhere")
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path / "elsewhere"))
    ahead.ingest(tmp_path / "more")
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path / "state"))
    with small.open() as opened:
        size = opened.catalogue.frontier().size
    newest = ahead.folder / f"control/commits/{size}"
    if name == "ahead, torn":
        newest.chmod(0o600)
        newest.write_bytes(newest.read_bytes()[:200])
    if name == "checkpoint ahead":
        newest.unlink()
    if name == "another history":
        assert look(small)["exit"] == 0  # commits at the same place
    before = contents(small.folder)
    flip(objects(small)[0])
    damaged = contents(small.folder)
    with small.open() as opened, pytest.raises(LogInconsistent) as caught:
        fixity(opened, all=True, repair=True, copies=good_copies(opened, str(ahead.folder)))
    assert caught.value.code in ("E-REPLICA-AHEAD", "E-REPLICA-DIFFERS")
    assert contents(small.folder) == damaged != before
    assert look(small)["exit"] == 10  # it may sign: that is not what stopped it


def test_a_vault_that_may_not_sign_shows_its_findings_and_repairs_nothing(
    small: Made, tmp_path: Path
) -> None:
    copy = small.copy_to(tmp_path / "copy")
    flip(objects(small)[0])
    shutil.rmtree(tmp_path / "state")
    before = contents(small.folder)
    done = mend(small, copy)
    assert (done["exit"], done["repaired"], codes(done)) == (11, [], {"E-OBJECT-CHANGED"})
    assert "nothing was repaired: this vault may be an old copy" in str(done["notices"])
    assert contents(small.folder) == before


def test_the_note_of_a_repair_does_not_say_in_clear_where_the_copy_is(
    small: Made, tmp_path: Path
) -> None:
    copy = small.copy_to(tmp_path / "safe-house")
    flip(objects(small)[0])
    run_repair(small, copy, "repair-noted")
    note = (small.folder / "control/repairs/pending").read_bytes()
    assert b"safe-house" not in note
    assert str(copy.folder) in str(mend(small, copy)["repaired"])


def _last_header(vault: Made) -> str:
    """A bit of a header in the pack of the first group whose commit is still full."""
    with vault.open() as opened:
        commit = opened.log.commit(int(full_commit(vault).name))
        entry = commit.entries[255 - commit.start]
        (header, *_) = entry.headers.values()
    pack = vault.folder / "control/headers/0"
    flip(pack, pack.read_bytes().index(header) + len(header) // 2)
    return header.hex()


def _fill_second_group(vault: Made, tmp_path: Path) -> None:
    write_files(tmp_path / "fill", 250)
    vault.ingest(tmp_path / "fill")


def test_a_header_pack_that_rotted_before_its_commit_is_emptied_is_seen_and_made_good(
    grown: Made, tmp_path: Path
) -> None:
    header = _last_header(grown)
    assert codes(look(grown)) == {"E-PACK-CHANGED"}
    _fill_second_group(grown, tmp_path)
    assert full_commit(grown).name != "242"
    assert header in (grown.folder / "control/headers/0").read_bytes().hex()
    assert look(grown)["exit"] == 0
    grown.assert_sound()


def test_a_header_pack_that_rotted_while_its_commit_is_full_is_mended_from_here(
    grown: Made,
) -> None:
    before = contents(grown.folder)
    _last_header(grown)
    assert mend(grown)["exit"] == 0
    was_mended(grown, before)


NOT_EMPTIED: dict[str, Act] = {
    "pack of headers removed": _remove("control/headers/0"),
    "last record changed": lambda v: flip(v.folder / "archive/log/sealed/0", -1),
    "last entry changed": lambda v: flip(v.folder / "archive/log/tile/entries/000", -50),
}


@pytest.mark.parametrize(
    "name",
    [
        "pack of headers removed",
        pytest.param("last record changed", marks=pytest.mark.slow),
        pytest.param("last entry changed", marks=pytest.mark.slow),
    ],
)
def test_a_commit_is_not_emptied_while_what_is_published_of_it_is_damaged(
    grown: Made, tmp_path: Path, name: str
) -> None:
    copy = grown.copy_to(tmp_path / "copy")
    commit = full_commit(grown)
    NOT_EMPTIED[name](grown)
    with pytest.raises(EvidenceError) as caught:
        _fill_second_group(grown, tmp_path)
    assert caught.value.code == "E-NOT-EMPTIED"
    assert not parse_commit(commit.read_bytes()).is_stub
    assert look(grown)["exit"] == 10
    _put_together(copy, grown)
    assert mend(grown, copy)["exit"] == 0
    grown.assert_sound()


def _put_together(copy: Made, vault: Made) -> None:
    """A copy that is as new as the vault, and sound where that is damaged."""
    for name, data in contents(vault.folder).items():
        if not (copy.folder / name).exists():
            (copy.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (copy.folder / name).write_bytes(data)


STEPS = ["repair-noted", "repair-staged", "repair-aside", "repair-adopted", "repair-mended"]


@pytest.mark.sweep
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_next_run_finishes(small: Made, tmp_path: Path, step: str) -> None:
    copy = small.copy_to(tmp_path / "copy")
    before = contents(small.folder)
    flip(objects(small)[0])
    dead = run_repair(small, copy, step)
    assert dead["status"] < 0
    found = mend(small, copy)
    assert (found["exit"], found["damaged"]) == (0, [])
    assert [event.type for event in small.entries()].count("repaired") == 1
    assert not (small.folder / "control/repairs/pending").exists()
    was_mended(small, before)


def run_repair(vault: Made, copy: Made, step: str) -> dict[str, int]:
    program = (
        "import sys; from pathlib import Path\n"
        "from evidence_vault.vault.opening import open_vault\n"
        "from evidence_vault.vault.fixity import fixity\n"
        "from evidence_vault.vault.goodcopies import good_copies\n"
        f"with open_vault(Path(sys.argv[1]), lambda: {PASSPHRASE!r}) as vault:\n"
        "    fixity(vault, all=True, repair=True, copies=good_copies(vault, sys.argv[2]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(vault.folder), str(copy.folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "EVIDENCE_VAULT_FAULT": step},
        capture_output=True,
    )
    return {"status": done.returncode}


def test_headers_that_a_logged_event_gave_up_are_never_brought_back(
    templates: Path, tmp_path: Path
) -> None:
    """A copy from before the removal still has them: the attack is to damage what is left."""
    from tests.transfer.worlds import make_world, opened

    (tmp_path / "world").mkdir()
    world = make_world(tmp_path / "world")
    old = tmp_path / "old"
    world.handed_over()
    shutil.copytree(world.field, old)
    world.remove()
    field = Made(world.field, tmp_path / "none", tmp_path / "state")
    commits = sorted((world.field / "control/commits").iterdir(), key=lambda p: int(p.name))
    flip(next(p for p in commits if int(p.name)))
    with opened(world.field) as vault:
        copies = good_copies(vault, str(old))
        fixity(vault, all=True, repair=True, copies=copies)
        removed = {
            unit.id
            for commit in copies.log_of(vault).commits(0)
            for committed in copies.log_of(vault).contents(commit)
            for unit in parse_entry(committed.entry).event.units
            if parse_entry(committed.entry).event.subject["kind"] == "item"
        }
        vault.log.forget()
        here = {
            unit
            for commit in vault.log.commits(0)
            if not commit.is_stub
            for committed in commit.entries
            for unit in committed.headers
        }
    assert removed
    assert not removed & here
    assert not [p for p in (field.folder / "archive/objects").rglob("*") if p.is_file()]
