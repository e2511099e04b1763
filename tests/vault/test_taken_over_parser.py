"""A parser that a file has taken over says what it likes and leaves what it likes; the batch goes
on, nothing of it counts as clean, and what is stored is what the report is about."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.capture import confine
from evidence_vault.capture.strip import maker
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.queries import show_item

from .test_share_copies import kinds, picture
from .vaults import Made

COPY = b"\xff\xd8\xff\xe0 what the parser calls a copy"
TOOL = {"name": "x", "parameters": [], "version": "1"}
Leave = Callable[[Path, dict[str, Any]], None]


def lie() -> dict[str, Any]:
    """A report of the right form about COPY."""
    return {
        "also_in_content": [],
        "copy": {
            "sha256": hashlib.sha256(COPY).hexdigest(),
            "sha512": hashlib.sha512(COPY).hexdigest(),
            "size": len(COPY),
        },
        "decoded": {"identical": "yes", "method": "", "what": ""},
        "embedded": [],
        "format": "image/jpeg",
        "kept": [],
        "outcome": "clean",
        "reasons": [],
        "removed": [],
        "residual": {
            "exiftool": {"found": [], "tool": TOOL},
            "search": {"bytes": 1, "forms": [], "found": [], "patterns": 1, "values": 1},
            "second": {"found": [], "tool": TOOL},
        },
        "structures": [],
        "tools": [TOOL],
        "v": 1,
    }


def written(target: Path, report: dict[str, Any]) -> None:
    target.write_bytes(COPY)


def linked(target: Path, report: dict[str, Any]) -> None:
    (target.parent / "elsewhere").write_bytes(COPY)
    target.symlink_to(target.parent / "elsewhere")


def nested(depth: int) -> Leave:
    def leave(target: Path, report: dict[str, Any]) -> None:
        written(target, report)
        for _ in range(depth):
            inner = dict(report)
            report["embedded"] = [{"name": "a file", "report": inner}]

    return leave


def told(**other: Any) -> Leave:
    def leave(target: Path, report: dict[str, Any]) -> None:
        written(target, report)
        report.update(other)

    return leave


def not_clean_folder(target: Path, report: dict[str, Any]) -> None:
    target.mkdir()
    report["outcome"] = "not-clean"


def folders(target: Path, report: dict[str, Any]) -> None:
    written(target, report)
    (target.parent / "original").unlink()
    (target.parent / "original" / "inner").mkdir(parents=True)
    report["outcome"] = "not-checked"


LIES: dict[str, Leave] = {
    "no copy": lambda target, report: None,
    "a link": linked,
    "a pipe": lambda target, report: os.mkfifo(target),
    "a folder": lambda target, report: target.mkdir(),
    "a folder, not clean": not_clean_folder,
    "folders in the way": folders,
    "another copy": lambda target, report: (target.write_bytes(COPY + b"!"), None)[1],
    "another size": told(copy={**lie()["copy"], "size": len(COPY) + 1}),
    "a size that is no number": told(copy={**lie()["copy"], "size": 1.5}),
    "a count that is no number": told(removed=[{"count": 1.5, "name": "x"}]),
    "a name that is no text": told(kept=[{"name": {}, "why": "x"}]),
    "half a character": told(structures=["\ud800"]),
    "a huge report": told(structures=["x" * (5 << 20)]),
    "a deep report": nested(300),
    "a look that found something": told(
        residual={**lie()["residual"], "second": {"found": ["GPS"], "tool": TOOL}}
    ),
    "reasons against it": told(reasons=["ExifTool still finds GPS"]),
    "something inside that is not clean": told(
        embedded=[{"name": "a file", "report": {**lie(), "outcome": "not-clean"}}]
    ),
}
TWICE = ("no copy", "another copy", "a huge report")


@pytest.fixture
def taken_over(monkeypatch: pytest.MonkeyPatch) -> Callable[[Leave], None]:
    """Every parser does what the file wants, but of files in which ``honest`` stands."""
    real = confine.run

    def take(leave: Leave) -> None:
        def run(argv: Any, limits: Any, **other: Any) -> confine.Done:
            job = json.loads(other.get("stdin") or b"{}")
            if "target" not in job or b"honest" in Path(job["source"]).read_bytes():
                return real(argv, limits, **other)
            report = lie()
            leave(Path(job["target"]), report)
            return confine.Done(0, json.dumps(report).encode(), b"")

        monkeypatch.setattr(maker, "run", run)

    return take


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    picture(folder / "a.jpg", 10)
    picture(folder / "b.jpg", 20)
    (folder / "c.txt").write_text("honest, and the last of the batch\n")
    return folder


@pytest.mark.parametrize(
    ("leave", "mode"),
    [
        *(pytest.param(leave, "strip", id=name) for name, leave in LIES.items()),
        *(pytest.param(LIES[name], "strip-only", id=f"{name}, strip-only") for name in TWICE),
    ],
)
def test_its_lies_give_no_copy_and_stop_no_batch(
    vault: Made, sources: Path, taken_over: Callable[[Leave], None], leave: Leave, mode: str
) -> None:
    taken_over(leave)
    result = vault.ingest(sources, metadata=mode)
    if mode == "strip":
        assert len(result["taken_in"]) == 3
        assert kinds(vault).count("derivation-refused") == 2
        assert kinds(vault).count("derived") == 1
    else:
        assert len(result["taken_in"]) == 1 and len(result["refused"]) == 2
    with vault.open() as opened:
        assert fixity(opened, all=True)["exit"] == 0
        for row in result["taken_in"]:
            for each in show_item(opened, row["id"])["derivatives"]:
                assert (each["outcome"] == "clean") == (each["sha256"] is not None)


@pytest.mark.parametrize("mode", ["strip", "strip-only"])
def test_a_file_that_goes_away_before_its_copy_is_made_stops_no_batch(
    vault: Made, sources: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    real = maker.CopyMaker.make

    def make(self: maker.CopyMaker, source: Path) -> maker.Copy:
        if source.name == "a.jpg":
            source.unlink()
        return real(self, source)

    monkeypatch.setattr(maker.CopyMaker, "make", make)
    result = vault.ingest(sources, metadata=mode)
    assert len(result["taken_in"]) == (3 if mode == "strip" else 2)


@pytest.mark.timeout(60)
def test_no_room_for_copies_ends_the_run_and_does_not_wait_for_ever(
    vault: Made, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: maker.CopyMaker) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(maker.CopyMaker, "__init__", full)
    with pytest.raises(OSError, match="No space left"):
        vault.ingest(sources, metadata="strip")
