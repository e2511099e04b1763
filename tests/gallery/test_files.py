"""The gallery and START-HERE as files of a bundle: signed, the same each time, nothing withheld."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.bundle.conftest import make_plan

from evidence_vault.bundle.gallery import Gallery
from evidence_vault.bundle.gallerydata import MOST_CHARACTERS, MOST_LINES, cut, json_for_page
from evidence_vault.bundle.model import BundleItem, BundlePlan
from evidence_vault.bundle.sinks import ZipSink
from evidence_vault.bundle.starthere import PLACES, StartHere
from evidence_vault.bundle.writer import write_bundle
from evidence_vault.core.disclosure import make_disclosure
from evidence_vault.core.messages import LANGUAGES, catalogue
from evidence_vault.vault.profiles import PROFILES
from evidence_vault.verify.bundle import verify_bundle

from .conftest import HOSTILE, SECRET, Handed

JPEG = b"\xff\xd8 a picture \xff\xd9"
REVEALED = ("content_sha256", "content_sha512", "content_size", "format", "title", "source_path")


class Drawn:
    """Thumbnails of all that leaves, drawn by nobody."""

    def __call__(self, item: BundleItem) -> bytes | None:
        return None if item.payload is None else JPEG

    def why(self, item: BundleItem) -> str:
        return "none" if item.payload is None else ""


def with_pages(plan: BundlePlan) -> BundlePlan:
    return replace(plan, first=[StartHere()], extras=[Gallery(Drawn())])


def files_of(plan: BundlePlan) -> dict[str, bytes]:
    stream = io.BytesIO()
    write_bundle(plan, ZipSink(stream))
    with zipfile.ZipFile(stream) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        return {name.partition("/")[2]: archive.read(name) for name in names}


def test_start_here_comes_first_and_the_same_plan_gives_the_same_bytes() -> None:
    plan = with_pages(make_plan(reveal=REVEALED))
    files = files_of(plan)
    assert list(files)[:2] == ["START-HERE.html", "START-HERE.txt"]
    assert files == files_of(plan)


def test_thumbnails_of_what_leaves_and_of_nothing_else() -> None:
    plan = with_pages(make_plan(withheld={"QVRM-0000002": "under a hold"}))
    thumbs = [name for name in files_of(plan) if name.startswith("thumbs/")]
    assert thumbs == ["thumbs/QVRM-0000001.jpg", "thumbs/QVRM-0000003.jpg"]
    plan = replace(plan, thumbnails=False)
    files = files_of(plan)
    assert not [name for name in files if name.startswith("thumbs/")]
    assert b'"why_none":"off"' in files["index.html"]


def test_pages_made_to_lie_are_found_by_every_verifier(handed: Handed, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(handed.bundle, bundle)
    thumb = min((bundle / "thumbs").iterdir())
    lying = ["index.html", "START-HERE.html", "START-HERE.txt", f"thumbs/{thumb.name}"]
    for path in lying:
        content = (bundle / path).read_bytes()
        (bundle / path).write_bytes(content.replace(b"nothing", b"all of.", 1)[:-1] + b" ")
    report = verify_bundle(bundle, None)
    assert report.exit_status() == 10
    assert {f.subject for f in report.findings if f.code == "B-CHANGED"} == set(lying)
    verifier = Path(__file__).parents[2] / "src/evidence_vault/verify/verify.sh"
    done = subprocess.run(["sh", verifier, bundle], capture_output=True, text=True, check=False)
    assert done.returncode == 10
    for path in lying:
        assert any("B-CHANGED" in line and path in line for line in done.stdout.splitlines())


def test_a_picture_or_page_put_beside_the_bundle_s_own_is_found(
    handed: Handed, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(handed.bundle, bundle)
    (bundle / "thumbs" / "ZZZZ-0000001.jpg").write_bytes(JPEG)
    assert verify_bundle(bundle, None).exit_status() == 10


def test_what_is_withheld_is_in_no_page(handed: Handed) -> None:
    for name in ("index.html", "START-HERE.html", "START-HERE.txt"):
        text = (handed.bundle / name).read_text("utf-8")
        assert SECRET not in text
        assert "desk-1" not in text
        assert "Test House" not in text


class _Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


def test_hostile_values_make_no_element(handed: Handed) -> None:
    parser = _Scripts()
    parser.feed((handed.bundle / "index.html").read_text("utf-8"))
    assert parser.tags.count("script") == 2
    assert "img" not in parser.tags
    assert not [name for name in parser.attributes if name.startswith("on")]


def test_data_in_the_page_is_the_same_value_and_never_markup() -> None:
    value = {"</script>": [HOSTILE, "<!--", "]]>", "\u2028\u2029&amp;", "က"]}
    text = json_for_page(value)
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_start_here_says_who_whom_to_call_and_what_is_where(lang: str) -> None:
    said = catalogue(lang)
    plan = with_pages(make_plan())
    blank = files_of(plan)["START-HERE.txt"].decode("utf-8-sig")
    assert "______" in blank
    files = files_of(replace(plan, contact="Daw Hla, +95 1 234567 <b>\u202e"))
    text = files["START-HERE.txt"].decode("utf-8-sig")
    page = files["START-HERE.html"].decode("utf-8")
    for shown in (text, page):
        assert "+95 1 234567" in shown and "______" not in shown
        assert plan.origin in shown and plan.bundle_id in shown
        assert "\u202e" not in shown
    assert "<b>" not in page
    flat = " ".join(text.split())
    for code, sentence in said.items():
        if code.startswith(("SH-NOT", "SH-STEP", "SH-CARE")):
            assert " ".join(sentence.split()) in flat, code
    assert ("index.html" in text) and ("reports/" not in text) and ("copies/" not in text)


def test_terms_of_a_bundle_stand_in_start_here_when_they_are_revealed() -> None:
    plan = with_pages(make_plan())
    assert b"On what terms" not in files_of(plan)["START-HERE.txt"]
    terms = {"name": "court-7", "agreement": "<b>MoU 7", "conditions": ["no-death-penalty", "x-1"]}
    first = plan.items[0]
    last = first.receipt.events[-1]
    shown = (*last.reveals, make_disclosure(bytes(32), "recipient", terms))
    receipt = replace(
        first.receipt, events=(*first.receipt.events[:-1], replace(last, reveals=shown))
    )
    plan = replace(plan, items=[replace(first, receipt=receipt), *plan.items[1:]])
    files = {path: b"".join(pieces) for path, pieces in StartHere().files(plan)}
    text, page = files["START-HERE.txt"].decode(), files["START-HERE.html"].decode()
    for told in ("court-7", "not for a case in which the death penalty can be given", "x-1"):
        assert told in text and told in page
    assert "<b>MoU" in text and "&lt;b&gt;MoU 7" in page


# What programs read, and the verifiers: those that count come with the trust file.
MACHINES = {"bag-info.txt", "bagit.txt", "keys/", "statement.sig", "statement.sshsig"} | {
    "verify.html",
    "verify.sh",
}


@pytest.mark.parametrize("profile", PROFILES)
def test_start_here_leads_to_all_that_is_there_and_to_nothing_else(
    handed: Handed, tmp_path: Path, profile: str
) -> None:
    bundle = tmp_path / "bundle"
    handed.call("export", "--all", "--for", profile, "--clear", "--folder", "-o", bundle)
    there = {path.name + ("/" if path.is_dir() else "") for path in bundle.iterdir()}
    there = {name for name in there if "manifest-" not in name} - MACHINES
    there -= {"START-HERE.html", "START-HERE.txt", "custody.csv", "thumbs/"}
    there -= {"data/"} if not list((bundle / "data").iterdir()) else set()
    page = (bundle / "START-HERE.html").read_text("utf-8")
    told = {name for name, _ in re.findall(r"<dt>(?:<a [^>]*>)?([^<]+)(</a>)?</dt>", page)}
    assert told & (there | set(PLACES)) == there


class _Report:
    places = ("reports/",)

    def files(self, plan: BundlePlan) -> Iterator[tuple[str, Iterable[bytes]]]:
        yield "reports/custody-report-en.pdf", [plan.bundle_id.encode()]


def test_places_that_other_makers_name_are_told() -> None:
    plan = with_pages(make_plan())
    plan = replace(plan, extras=[*plan.extras, _Report()])
    files = files_of(plan)
    assert b"reports/" in files["START-HERE.txt"]
    assert b"reports/custody-report-en.pdf" in files["index.html"]


def test_a_long_value_is_shortened_and_said_so() -> None:
    assert cut(["x" * 5_000]) == ["x" * MOST_CHARACTERS + "…"]
    assert cut([str(n) for n in range(100)])[MOST_LINES:] == ["…"]
