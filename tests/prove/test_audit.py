"""The audit names each class of damage: over logs made to be wrong in one way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.verify.forge import ORIGIN, Maker

from evidence_vault.core.commit import Commit, Committed
from evidence_vault.core.entry0 import parse_entry0
from evidence_vault.core.event import Unit
from evidence_vault.core.merkle import leaf_hash, root_from_hashes
from evidence_vault.core.tiles import BundleBuilder, TileBuilder
from evidence_vault.errors import FormatError, NotFound
from evidence_vault.prove import audit
from evidence_vault.prove.audit import AuditReport, Roots, audit_log

HEADER = b"an age header"
RECORD = b"a sealed record"
UNIT = Unit("0" * 32, "record", (hashlib.sha256(RECORD).hexdigest(),), None)
SEALED = replace(UNIT, header=hashlib.sha256(HEADER).hexdigest())


@dataclass
class MemoryLog:
    """The files of a log in memory; a test changes any of them."""

    made: list[Commit]
    note: bytes | None
    tiles: dict[str, bytes] = field(default_factory=dict)
    torn: int | None = None

    def commits(self, start: int) -> Iterator[Commit]:
        for commit in self.made:
            if commit.start == self.torn:
                raise FormatError(f"commit {self.torn} is torn or changed", code="E-COMMIT")
            if commit.start >= start:
                yield commit

    def contents(self, commit: Commit) -> list[Committed]:
        return list(commit.entries)

    def checkpoint(self) -> bytes | None:
        return self.note

    def tile(self, path: str) -> bytes:
        try:
            return self.tiles[path]
        except KeyError:
            raise NotFound(f"{path} is not in the store") from None


def log_of(maker: Maker, batch: int = 7, headers: dict[str, bytes] | None = None) -> MemoryLog:
    """Commits of ``batch`` entries; everything but the last three entries is published."""
    entries = maker.leaves
    hashes = [leaf_hash(entry) for entry in entries]
    size = max(1, len(entries) - 3)
    commits = [
        Commit(
            start,
            min(start + batch, len(entries)),
            root_from_hashes(hashes[: start + batch]),
            tuple(Committed(e, RECORD, headers or {}) for e in entries[start : start + batch]),
        )
        for start in range(0, len(entries), batch)
    ]
    tiles = TileBuilder().extend(hashes[:size]) + BundleBuilder().extend(entries[:size])
    return MemoryLog(commits, maker.note(size), {tile.path: data for tile, data in tiles})


def run(log: MemoryLog, maker: Maker, **options: Any) -> AuditReport:
    return audit_log(log, lambda: parse_entry0(maker.leaves[0]), **options)


def codes(report: AuditReport) -> list[tuple[str, str]]:
    return [(found.code, found.where) for found in report.findings]


@pytest.fixture
def maker() -> Maker:
    """A log of 600 entries about 200 items, with two events too many to fit one span."""
    made = Maker()
    for number in range(200):
        item = made.ingest(b"%d" % number)
        made.about(item, "described", {"title": "another"})
        made.about(item, "accessed", {"purpose": "court"})
    return made


@pytest.fixture(autouse=True)
def small_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_SPAN", 50)


def test_a_sound_log_has_no_findings(maker: Maker) -> None:
    seen: list[int] = []
    report = run(log_of(maker), maker, progress=lambda done, _: seen.append(done))
    assert codes(report) == []
    assert (report.entries, report.signatures) == (601, 601)
    assert report.root == maker.checkpoint().root
    assert seen == [*range(7, 601, 7), 601]


def test_roots_are_known_at_the_end_of_each_commit_and_nowhere_else(maker: Maker) -> None:
    report = run(log_of(maker), maker)
    assert [size for size in range(602) if report.roots.get(size)] == [*range(7, 601, 7), 601]
    assert report.roots.get(70) == maker.checkpoint(70).root
    assert Roots().get(0) is None


Bend = Callable[[Maker], object]


@pytest.mark.parametrize(
    ("bend", "found"),
    [
        (
            lambda m: m.about("QVRM-0000001", "described", {}, role="statements"),
            [("E-SIGNER", "entry 601")],
        ),
        (
            lambda m: m.about("QVRM-0000001", "described", {}, role="root"),
            [("E-SIGNER", "entry 601")],
        ),
        (
            lambda m: m.about("QVRM-0000001", "described", {}, origin="another-log"),
            [("E-ORIGIN", "entry 601")],
        ),
        (
            lambda m: m.about("QVRM-0000001", "described", {}, item_seq=2),
            [("E-CHAIN", "entry 601")],
        ),
        (
            lambda m: m.about("QVRM-0000001", "described", {}, prev="ab" * 32),
            [("E-CHAIN", "entry 601")],
        ),
        (
            lambda m: m.about("QVRM-0000001", "described", {}, item_seq=0, prev=None),
            [("E-CHAIN", "entry 601")],
        ),
        (
            lambda m: m.about("QVRM-0000777", "described", {}, item_seq=1, prev="ab" * 32),
            [("E-CHAIN", "entry 601")],
        ),
        (
            # After events about sets, numbers are skipped here: that alone is no damage.
            lambda m: m.about("QVRM-0000001", "described", {}, item_seq=9, prev="ab" * 32),
            [],
        ),
        (
            lambda m: m.about("QVRM-0000001", "described", {}, seen=(head(m, size=602),)),
            [("E-SEEN", "entry 601")],
        ),
        (
            lambda m: m.about("QVRM-0000001", "described", {}, seen=(head(m, size=7, of=8),)),
            [("E-SEEN", "entry 601")],
        ),
        (
            lambda m: m.about("QVRM-0000001", "described", {}, seen=(head(m, size=7),)),
            [],
        ),
        (
            lambda m: m.about("QVRM-0000001", "described", {}, units=(SEALED,)),
            [("E-HEADER-MISSING", "entry 601")],
        ),
        (
            lambda m: m.about(
                "QVRM-0000001", "described", {}, units=(replace(UNIT, objects=("ab" * 32,)),)
            ),
            [("E-RECORD-CHANGED", "entry 601")],
        ),
        (
            lambda m: m.append(m.leaves[-1].replace(b'"sig":"', b'"sig":"AA')[:-2] + b"]}", {}),
            [("E-FORMAT", "entry 601")],
        ),
        (
            lambda m: m.append(
                m.sign(m.event("vault-created", {"kind": "vault"}, {})[0], "log"), {}
            ),
            [("E-SIGNATURE", "entry 601")],
        ),
    ],
)
def test_an_entry_that_breaks_a_rule_is_named(
    maker: Maker, bend: Bend, found: list[tuple[str, str]]
) -> None:
    bend(maker)
    for _ in range(3):
        maker.ingest(b"later")
    assert codes(run(log_of(maker), maker)) == found


def head(maker: Maker, size: int, of: int | None = None) -> dict[str, Any]:
    root = maker.checkpoint(min(of or size, len(maker.leaves))).root
    return {"origin": ORIGIN, "root": root.hex(), "size": size}


def test_a_changed_header_is_named(maker: Maker) -> None:
    maker.about("QVRM-0000001", "described", {}, units=(SEALED,))
    good = log_of(maker, headers={SEALED.id: HEADER})
    assert codes(run(good, maker)) == []
    bad = log_of(maker, headers={SEALED.id: HEADER + b"!"})
    assert codes(run(bad, maker)) == [("E-HEADER-CHANGED", "entry 601")]


def test_a_commit_with_another_root_is_named(maker: Maker) -> None:
    log = log_of(maker)
    log.made[3] = replace(log.made[3], root=bytes(32))
    assert codes(run(log, maker)) == [("E-COMMIT-ROOT", "commit 21")]


def test_a_torn_commit_ends_the_walk_and_what_is_before_it_counts(maker: Maker) -> None:
    log = log_of(maker)
    log.torn = 497
    report = run(log, maker)
    assert report.entries == 497
    assert codes(report) == [("E-COMMIT", "after entry 497"), ("E-CHECKPOINT-AHEAD", "checkpoint")]


def test_contents_that_cannot_be_read_end_the_walk_at_their_commit(maker: Maker) -> None:
    class Broken(MemoryLog):
        def contents(self, commit: Commit) -> list[Committed]:
            if commit.start == 70:
                raise NotFound("log/tile/entries/000 is not in the store")
            return super().contents(commit)

    log = log_of(maker)
    report = run(Broken(log.made, log.note, log.tiles), maker)
    assert report.entries == 70
    assert [code for code, _ in codes(report)] == [NotFound("x").code, "E-CHECKPOINT-AHEAD"]
    assert report.findings[0].where == "after entry 70"


def test_a_log_without_a_checkpoint_says_so(maker: Maker) -> None:
    log = log_of(maker)
    log.note = None
    assert codes(run(log, maker)) == [("E-CHECKPOINT", "checkpoint")]


def test_a_checkpoint_signed_by_others_is_named(maker: Maker) -> None:
    log = log_of(maker)
    log.note = Maker(seed="two").note()
    (found,) = run(log, maker).findings
    assert found.where == "published log"


def test_a_checkpoint_over_another_log_is_a_fork(maker: Maker) -> None:
    other = Maker()
    for number in range(300):
        other.ingest(b"x%d" % number)
    log, theirs = log_of(maker), log_of(other)
    log.note, log.tiles = theirs.note, theirs.tiles
    found = codes(run(log, maker))
    assert found[0][0] == "E-TILE"
    assert ("E-FORK", "checkpoint") in found
    places = {where for code, where in found if code == "E-TILE"}
    assert places == {f"entry {i}" for i in range(298) if maker.leaves[i] != other.leaves[i]}


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/001", "tile/1/000.p/2", "tile/0/002.p/86"])
@pytest.mark.parametrize("gone", [False, True])
def test_every_tile_is_compared(maker: Maker, path: str, gone: bool) -> None:
    log = log_of(maker)
    data = log.tiles.pop(path)
    if not gone:
        log.tiles[path] = data[:-1] + bytes([data[-1] ^ 1])
    assert codes(run(log, maker)) == [("E-TILE", "published log")]


@pytest.mark.parametrize("path", ["tile/entries/000", "tile/entries/001", "tile/entries/002.p/86"])
def test_every_entry_bundle_is_compared(maker: Maker, path: str) -> None:
    log = log_of(maker)
    data = bytearray(log.tiles[path])
    data[-1] ^= 1
    log.tiles[path] = bytes(data)
    assert codes(run(log, maker)) == [("E-TILE", "published log")]


def test_work_done_elsewhere_and_ahead_gives_the_same_report(maker: Maker) -> None:
    maker.about("QVRM-0000001", "described", {}, item_seq=2)
    log = log_of(maker)
    log.made[80] = replace(log.made[80], root=bytes(32))

    def ahead(function: Any, tasks: Any) -> Iterator[Any]:
        yield from [function(task) for task in list(tasks)]

    plain, spread = run(log, maker), run(log, maker, spread=ahead)
    assert codes(plain) == codes(spread) != []
    assert (plain.entries, plain.root) == (spread.entries, spread.root)
