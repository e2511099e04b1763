"""An export that is killed anywhere goes on: same event, same bundle, same bytes."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from evidence_vault.core import age

from .conftest import Desk, make_desk
from .runner import Result, call, check_schema, spawn

KILLED = -9
BEFORE = ["export-job", "3-built", "4-committed", "8-pinned", "export-committed"]
WRITING = ["export-noted", "export-written", "export-written:2", "export-written:40"]
ENDING = ["export-naming", "export-named"]


@dataclass
class Work:
    """A desk of its own, and where its export goes."""

    desk: Desk
    out: Path
    key: Path
    recipient: str
    trust: Path

    def arguments(self, way: str, volumes: bool, profile: str = "partner") -> list[object]:
        how = ["--clear"] if way == "clear" else ["--to", self.recipient]
        split = ["--volume-size", "20000"] if volumes else []
        how += ["--for", profile, "--disclose", "profile"]
        return ["export", "--all", "--originals", *how, *split, "--by", "d", "-o", self.out]

    def kill(self, step: str, arguments: list[object]) -> None:
        """Die at a step of this export."""
        head = ("--vault", self.desk.vault, "--passphrase-file", self.desk.passphrase_file)
        done = spawn(*head, *arguments, env={"EVIDENCE_VAULT_FAULT": step})
        assert done.status == KILLED, (step, done.err)

    def resume(self, desk: Desk | None = None) -> Result:
        done = (desk or self.desk).call("export", "--resume", self.out, "--json", "--by", "d")
        assert done.status == 0, done.err
        check_schema("export", done.json())
        assert done.json()["resumed"] is True
        return done

    def written(self) -> dict[str, bytes]:
        """Everything at OUT, by name."""
        return {p.name: p.read_bytes() for p in sorted(self.out.parent.iterdir())}

    def assert_right(self) -> None:
        """It verifies, no partial file is left, and no job."""
        names = set(self.written())
        assert not any(name.endswith(".partial") for name in names)
        assert not list((self.desk.vault / "exports").iterdir())
        sums = self.out.parent / (self.out.name + ".sha256")
        done = subprocess.run(
            ["sha256sum", "-c", "--strict", sums.name], cwd=self.out.parent, check=False
        )
        assert done.returncode == 0
        target = self.out if self.out.exists() else self.out.with_name(self.out.name + ".001")
        if target.read_bytes().startswith(b"age-encryption.org"):
            opened = self.out.parent.parent / "opened.zip"
            opened.unlink(missing_ok=True)
            done_open = call("open", target, "-o", opened, "--identity", self.key)
            assert done_open.status == 0, done_open.err
            target = opened
        verified = call("verify", "--trust", self.trust, target)
        assert verified.status == 0, verified.out


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    base = tmp_path_factory.mktemp("template")
    desk = make_desk(base)
    (base / "more").mkdir()
    (base / "more" / "film.bin").write_bytes(b"".join(bytes([n % 251]) * 997 for n in range(90)))
    assert desk.call("ingest", base / "more", "--by", "d").status == 0
    return desk


@pytest.fixture
def work(template: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    shutil.copytree(template.base, tmp_path / "desk")
    desk = Desk(tmp_path / "desk")
    shutil.copytree(os.environ["EVIDENCE_VAULT_STATE"], tmp_path / "state")
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path / "state"))
    (tmp_path / "out").mkdir()
    identity = age.X25519Identity.generate()
    (tmp_path / "key.txt").write_text(f"{identity}\n")
    recipient = str(identity.to_recipient())
    yield Work(desk, tmp_path / "out" / "b.bin", tmp_path / "key.txt", recipient, tmp_path / "t")


def count_exports(desk: Desk) -> int:
    return sum(e["kind"] == "bundle" for e in desk.call("exports", "--json").json()["exits"])


def test_every_step_of_an_export_is_killed_at() -> None:
    sources = (Path(__file__).parents[2] / "src" / "evidence_vault" / "vault").glob("*.py")
    named = {
        n for path in sources for n in re.findall(r'step\("(export-[a-z-]+)"', path.read_text())
    }
    assert named == {s.partition(":")[0] for s in (*BEFORE, *WRITING, *ENDING) if "export-" in s}


@pytest.mark.parametrize("way", ["clear", "sealed"])
@pytest.mark.parametrize("step", [BEFORE[0], BEFORE[2], BEFORE[4], WRITING[2], *ENDING])
def test_killed_at_a_step_it_goes_on(work: Work, way: str, step: str) -> None:
    volumes = (way == "sealed") == (step in ENDING)
    work.kill(step, work.arguments(way, volumes))
    if step != "4-committed":  # there the catalogue does not know it yet
        assert count_exports(work.desk) == (0 if step == "export-job" else 1)
    event = work.resume().json()["event"]
    assert count_exports(work.desk) == 1
    work.desk.call("trust", "export", "-o", work.trust)
    work.assert_right()
    exits = work.desk.call("exports", "--json").json()["exits"]
    assert [e["event"] for e in exits] == [event]


@pytest.mark.slow
@pytest.mark.parametrize("volumes", [False, True])
@pytest.mark.parametrize("way", ["clear", "sealed"])
@pytest.mark.parametrize("step", [*BEFORE, *WRITING, *ENDING, "export-naming:2"])
def test_killed_at_every_step_it_goes_on(work: Work, way: str, step: str, volumes: bool) -> None:
    if step == "export-naming:2" and not volumes:
        return  # there is one name only
    work.kill(step, work.arguments(way, volumes))
    work.resume()
    work.desk.call("trust", "export", "-o", work.trust)
    work.assert_right()


@pytest.mark.parametrize(
    ("way", "volumes", "step"),
    [
        ("clear", True, "export-written:30"),
        ("sealed", True, "export-written"),
        ("sealed", False, "export-written:2"),
        ("clear", False, "export-naming"),
    ],
)
def test_the_bytes_are_those_of_an_uninterrupted_run(
    work: Work, way: str, volumes: bool, step: str, tmp_path: Path
) -> None:
    """Also when the log has grown meanwhile, with events of the same items and new keys."""
    profile = "archive" if volumes else "court"
    work.kill(step, work.arguments(way, volumes, profile))
    item = work.desk.items()[0]
    assert work.desk.call("get", item, "-o", tmp_path / "got", "--by", "d").status == 0
    assert work.desk.call("describe", item, "--title", "later", "--by", "d").status == 0
    (work.desk.base / "even.txt").write_text("even more")
    assert work.desk.call("ingest", work.desk.base / "even.txt", "--by", "d").status == 0
    left = work.written()
    assert left
    shutil.copytree(work.desk.base, tmp_path / "twin")
    whole = work.resume()  # over what was left
    assert whole.json()["changed"] == []
    resumed = work.written()
    for name, data in left.items():
        assert resumed[name.removesuffix(".partial")].startswith(data)
    for path in work.out.parent.iterdir():
        path.unlink()
    Desk(tmp_path / "twin")
    twin = work.resume(Desk(tmp_path / "twin"))  # from nothing, by the same job
    assert twin.json()["bundle_id"] == whole.json()["bundle_id"]
    assert work.written() == resumed
    work.desk.call("trust", "export", "-o", work.trust)
    work.assert_right()


@pytest.mark.parametrize("way", ["clear", "sealed"])
def test_a_changed_partial_file_is_named_and_redone(work: Work, way: str) -> None:
    work.kill("export-naming", work.arguments(way, True))
    name = work.out.with_name(work.out.name + ".002.partial")
    data = bytearray(name.read_bytes())
    data[1000] ^= 1
    name.write_bytes(data)
    done = work.resume()
    assert done.json()["changed"] == [{"at": 1000, "file": work.out.name + ".002"}]
    work.desk.call("trust", "export", "-o", work.trust)
    work.assert_right()
    if way == "sealed":  # the same key and nonce never seal two texts
        first = work.out.with_name(work.out.name + ".001").read_bytes()
        assert len(first) == 20000


def test_a_partial_file_that_grew_or_is_one_too_many_is_named(work: Work) -> None:
    work.kill("export-naming", work.arguments("clear", True))
    last = sorted(work.out.parent.glob("*.partial"))[-1]
    with last.open("ab") as stream:
        stream.write(b"more")
    stray = work.out.with_name(work.out.name + ".050.partial")
    following = last.with_name(f"{work.out.name}.{int(last.name.split('.')[-2]) + 1:03d}.partial")
    following.write_bytes(b"x")
    done = work.resume()
    assert [c["file"] for c in done.json()["changed"]] == [
        last.name.removesuffix(".partial"),
        following.name,
    ]
    assert not following.exists() and not stray.exists()
    work.desk.call("trust", "export", "-o", work.trust)
    work.assert_right()


def test_a_missing_partial_file_is_made_again(work: Work) -> None:
    work.kill("export-naming", work.arguments("sealed", True))
    work.out.with_name(work.out.name + ".001.partial").unlink()
    work.resume()
    work.desk.call("trust", "export", "-o", work.trust)
    work.assert_right()


def test_a_cut_off_export_is_named_and_not_run_over(work: Work) -> None:
    work.kill("export-written:3", work.arguments("clear", False))
    again = work.desk.call(*work.arguments("clear", False))
    assert again.status == 2
    assert "--resume" in again.err
    named = work.desk.call("doctor", "--json")
    row = next(c for c in named.json()["checks"] if c["name"] == "exports cut off")
    assert str(work.out) in row["detail"] and "--resume" in row["command"]
    other = work.desk.call("export", "--resume", work.out.with_name("other"))
    assert other.status == 2
    assert str(work.out) in other.err


def test_given_up_it_leaves_nothing_but_its_event(work: Work) -> None:
    work.kill("export-written:3", work.arguments("sealed", True))
    done = work.desk.call("export", "--abandon", work.out, "--json")
    assert done.status == 0
    check_schema("export-abandon", done.json())
    assert done.json()["event"] is not None
    assert work.written() == {}
    assert count_exports(work.desk) == 1
    assert not list((work.desk.vault / "exports").iterdir())
    assert work.desk.call(*work.arguments("sealed", True)).status == 0


def test_a_job_is_sealed_and_a_changed_one_refused(work: Work) -> None:
    secret = "SECRET-CLINIC"
    work.kill("export-written", [*work.arguments("sealed", False), "--recipient-name", secret])
    (job,) = [p for p in (work.desk.vault / "exports").iterdir() if not p.suffix]
    data = job.read_bytes()
    assert secret.encode() not in data and str(work.out).encode() not in data
    assert b"age-encryption" not in data
    job.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    refused = work.desk.call("export", "--resume", work.out)
    assert refused.status == 10
    assert "exports/" in refused.err


def test_a_full_disk_keeps_what_was_written(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    from evidence_vault.vault import outfiles

    real = outfiles.OutFiles._take

    def full(self: outfiles.OutFiles, piece: memoryview) -> None:
        if self.written > 30_000:
            raise OSError(28, "No space left on device")
        real(self, piece)

    with monkeypatch.context() as patch:
        patch.setattr(outfiles.OutFiles, "_take", full)
        done = work.desk.call(*work.arguments("clear", False))
    assert done.status == 12
    assert "--resume" in done.err
    before = hashlib.sha256(work.out.with_name("b.bin.partial").read_bytes()).digest()
    assert before
    work.resume()
    work.desk.call("trust", "export", "-o", work.trust)
    work.assert_right()


def test_resume_takes_nothing_else(work: Work) -> None:
    done = work.desk.call("export", "--resume", work.out, "--clear")
    assert done.status == 2
    assert work.desk.call("export", "--resume", work.out, "--abandon", work.out).status == 2
