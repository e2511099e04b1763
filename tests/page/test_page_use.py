"""Using the page: files, folders, pairs, progress, cancelling, what it never says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evidence_vault.core.messages import message

from .conftest import GOOD, Evidence, finding, report
from .reader import Reader

MATCHES, DIFFERS, UNCHECKED = "MATCHES.", "DOES NOT MATCH.", "COULD NOT BE CHECKED completely."

WRONG = finding("R-SIGNATURE", "does not match", "entry 3", keyid="0a")
OPEN = finding("V-NOT-REACHED", "could not be checked")
FORK = finding("R-LOG-FORK", "does not match", "entry 3", size=4)


def test_the_verdict_is_reckoned_from_the_findings_again(
    reader: Reader, evidence: Evidence
) -> None:
    """A core that says 0 over findings that are not right never makes the page say right."""
    cases = {
        "a": (report(GOOD), MATCHES),
        "b": (report(GOOD, WRONG), DIFFERS),
        "c": (report(GOOD, OPEN), UNCHECKED),
        "d": (report(), UNCHECKED),
        "e": (report(GOOD, steps=[]), UNCHECKED),
        "f": (report(GOOD, status=10), DIFFERS),
        "g": (report(GOOD, status=7), UNCHECKED),
        "h": (report(finding("R-NEW", "fine")), UNCHECKED),
        "i": (report(GOOD, FORK), message("en", "H-LOG").split(".")[0] + "."),
        "j": (report(GOOD, status=3), UNCHECKED),
    }
    reader.give(*(evidence.receipt(each, f"{name}.txt") for name, (each, _) in cases.items()))
    assert reader.check() == [expected for _, expected in cases.values()]
    rows = reader.page.locator(".summary li").all_inner_texts()
    assert [row.split(": ", 1)[1] for row in rows] == [each for _, each in cases.values()]
    assert reader.said().startswith("THE LOG CONTRADICTS ITSELF.")


@pytest.mark.parametrize("beside", [True, False], ids=["worker", "page"])
def test_a_check_that_stops_is_no_verdict(
    browser: Any, fake_page: Path, evidence: Evidence, beside: bool
) -> None:
    with Reader.of(browser, fake_page) as reader:
        if not beside:
            reader.page.add_init_script("delete window.Worker")
            reader.page.reload()
        trouble = {"message": "the disk <b>failed</b>", "hint": "another disk"}
        reader.give(evidence.receipt(None, throw=trouble))
        (headline,) = reader.check()
        assert headline.startswith("COULD NOT BE CHECKED")
        assert "the disk <b>failed</b>" in reader.text("article")
        assert "another disk" in reader.text("article")


def test_without_workers_the_page_checks_by_itself(
    browser: Any, fake_page: Path, evidence: Evidence
) -> None:
    with Reader.of(browser, fake_page) as reader:
        reader.page.add_init_script("delete window.Worker")
        reader.page.reload()
        reader.give(evidence.receipt(report(GOOD)))
        assert reader.check() == [MATCHES]
        assert not any(url.startswith("blob:") for url in reader.requests)


@pytest.mark.parametrize("beside", [True, False], ids=["worker", "page"])
def test_progress_shows_the_time_left_and_can_be_cancelled(
    browser: Any, fake_page: Path, evidence: Evidence, beside: bool
) -> None:
    with Reader.of(browser, fake_page) as reader:
        if not beside:
            reader.page.add_init_script("delete window.Worker")
            reader.page.reload()
        reader.give(evidence.receipt(report(GOOD), rounds=2000, total=5_000_000_000))
        reader.page.click("#start")
        reader.page.wait_for_function(
            "() => document.querySelector('#working-text').textContent.includes('left')"
        )
        assert reader.page.evaluate("document.activeElement.id") == "cancel"
        shown = reader.text("#working")
        assert "of 5.00 GB read" in shown and "data/video.mp4" in shown
        reader.page.click("#cancel")
        reader.page.wait_for_selector("#start:not([hidden])")
        assert reader.said() == message("en", "P-CANCELLED")
        assert reader.page.locator("article").count() == 0
        assert reader.page.evaluate("document.activeElement.id") == "start"


def test_several_receipts_find_their_files_by_name(reader: Reader, evidence: Evidence) -> None:
    reader.give(
        evidence.receipt(report(GOOD), "first.txt", item="QVRM-0000001"),
        evidence.receipt(report(GOOD), "photo.jpg.receipt.txt"),
        evidence.receipt(report(GOOD), "alone.txt", item="QVRM-0000007"),
        evidence.file("QVRM-0000001.mp4"),
        evidence.file("QVRM-00000010.mp4"),
        evidence.file("photo.jpg"),
    )
    reader.check()
    titles = reader.page.locator("article h3").all_inner_texts()
    assert titles == [
        "Receipt first.txt, with the file QVRM-0000001.mp4",
        "Receipt photo.jpg.receipt.txt, with the file photo.jpg",
        "Receipt alone.txt",
    ]
    assert "QVRM-00000010.mp4 was given, but no receipt here" in reader.text("#results")


def test_the_reader_chooses_which_file_belongs_to_a_receipt(
    reader: Reader, evidence: Evidence
) -> None:
    reader.give(
        evidence.receipt(report(GOOD), "r.txt"),
        evidence.file("one.jpg"),
        evidence.file("two.jpg"),
    )
    choice = reader.page.get_by_label("The file that this receipt is about")
    assert choice.input_value() == ""
    choice.select_option(label="two.jpg")
    reader.check()
    assert "with the file two.jpg" in reader.text("article h3")
    choice.select_option(label="no file")
    assert reader.page.locator("article").count() == 0, "what was shown belongs to other files"


def test_a_dropped_folder_is_found_below_the_folder_around_it(
    reader: Reader, evidence: Evidence
) -> None:
    evidence.zip(report(GOOD), "outer/evidence-1/statement.json")
    evidence.file("outer/evidence-1/data/one.bin")
    evidence.file("outer/evidence-1/data/trust.json", b'{"kind":"evidence-vault/trust"')
    (evidence.folder / "outer" / "evidence-1" / "empty" / "deep").mkdir(parents=True)
    reader.drop(evidence.folder / "outer")
    reader.page.wait_for_selector("#given li")
    assert "bundle folder of 3 files" in reader.text("#given")
    assert reader.page.locator("#trust-none").is_visible(), "a trust file inside counts for nothing"
    reader.page.get_by_label("The bundle id that its sender told you").fill(" 0a1b ")
    assert reader.check() == [MATCHES]


def test_a_chosen_folder_is_a_bundle(reader: Reader, evidence: Evidence) -> None:
    evidence.zip(report(GOOD), "evidence-1/statement.json")
    evidence.file("evidence-1/data/one.bin")
    reader.page.set_input_files("#folder", str(evidence.folder / "evidence-1"))
    reader.page.wait_for_selector("#given li")
    assert reader.check() == [MATCHES]


def test_a_folder_that_is_no_bundle_gives_its_files(reader: Reader, evidence: Evidence) -> None:
    evidence.receipt(report(GOOD), "papers/r.txt")
    evidence.file("papers/one.jpg")
    reader.drop(evidence.folder / "papers")
    reader.page.wait_for_selector("#given li:nth-child(2)")
    assert "no bundle was given; its 2 files" in reader.said()
    assert reader.check() == [MATCHES]
    assert "with the file one.jpg" in reader.text("article h3")


def test_a_dropped_page_is_never_opened(reader: Reader, evidence: Evidence) -> None:
    """A browser would open a file that is dropped beside the mark: evidence would run as a page."""
    hostile = evidence.file("evil.html", b"<script>alert(1)</script><h1>evidence runs</h1>")
    reader.drop(hostile, at=(900, 700))
    reader.drop(hostile, at=(5, 5))
    reader.page.wait_for_selector("#given li:nth-child(2)")
    assert reader.page.url == reader.url
    assert "evidence runs" not in reader.text()


def test_an_encrypted_bundle_says_how_to_open_it(reader: Reader, evidence: Evidence) -> None:
    reader.give(evidence.file("bundle.age", b"age-encryption.org/v1\n-> X25519"))
    assert reader.check() == [UNCHECKED]
    shown = reader.text("article")
    assert "evidence-vault open FILE" in shown and "age -d -o bundle.zip FILE" in shown


def test_other_mistakes_get_a_plain_answer(reader: Reader, evidence: Evidence) -> None:
    reader.page.click("#start")
    assert reader.said() == message("en", "P-NOTHING")
    reader.give(evidence.file("statement.json", b'{"bundle_id":"0a"}'), evidence.file("void", b""))
    assert reader.check() == [UNCHECKED, UNCHECKED]
    shown = reader.text("#results")
    assert message("en", "V-IS-STATEMENT") in shown and message("en", "V-IS-EMPTY") in shown


def test_one_trust_file_counts_and_the_change_is_said(reader: Reader, evidence: Evidence) -> None:
    reader.give(evidence.receipt(report(GOOD)), evidence.trust("trust-1.json"))
    reader.give(evidence.trust("trust-2.json"))
    assert "trust-2.json takes the place" in reader.said()
    assert reader.page.locator(".given-trust").count() == 1


def test_many_findings_of_a_kind_are_folded(reader: Reader, evidence: Evidence) -> None:
    missing = [finding("B-MISSING", "does not match", f"data/{n}.bin") for n in range(80)]
    reader.give(evidence.zip(report(*missing)))
    assert reader.check() == [DIFFERS]
    assert reader.page.locator(".finding").count() == 50
    assert "and 30 more of this kind" in reader.text("article")
    reader.page.get_by_role("button", name="Show them").click()
    assert reader.page.locator(".finding").count() == 80


def test_a_code_that_the_catalogue_lacks_is_shown_as_it_is(
    reader: Reader, evidence: Evidence
) -> None:
    new = finding("R-OF-TOMORROW", "could not be checked", "entry 3", reason="new rule")
    reader.give(evidence.receipt(report(new)))
    assert reader.check() == [UNCHECKED]
    assert "R-OF-TOMORROW" in reader.text("article") and "new rule" in reader.text("article")


def test_on_paper_everything_is_unfolded_and_no_button_is_left(
    reader: Reader, evidence: Evidence
) -> None:
    reader.give(evidence.receipt(report(GOOD)))
    reader.check()
    reader.page.emulate_media(media="print")
    reader.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert reader.page.locator("article .findings").is_visible()
    assert not reader.page.locator("#give").is_visible()
    assert not reader.page.locator("#print").is_visible()
    assert "by this computer's clock" in reader.text("#results")
