"""The custody report of a bundle: PDF/A, the same bytes each time, and no more than is revealed."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image
from tests.pdfa import check_pdfa, colours_of, text_of

from evidence_vault.bundle.model import BundleItem, BundlePlan
from evidence_vault.bundle.paper import collect
from evidence_vault.bundle.paper.chains import FIRST_ENTRIES, LAST_ENTRIES
from evidence_vault.bundle.paper.collect import Check, subject_of
from evidence_vault.bundle.paper.custodyreport import CustodyReports, report_pdf
from evidence_vault.bundle.sinks import FolderSink
from evidence_vault.bundle.writer import write_bundle
from evidence_vault.core.messages import LANGUAGES, catalogue
from evidence_vault.core.receipt import Receipt, format_receipt
from evidence_vault.seeds import fonts_folder
from evidence_vault.verify.bundle import verify_bundle
from evidence_vault.verify.receipt import verify_receipt

Plans = Callable[..., BundlePlan]
TOLD = ("content_sha256", "content_sha512", "content_size", "title", "description", "source_path")


def check(receipt: Receipt) -> Any:
    return verify_receipt(format_receipt(receipt), None, None)


def reports(plan: BundlePlan, checked: Check | None = check, **more: Any) -> dict[str, bytes]:
    made = CustodyReports(fonts_folder(), checked, **more)
    return {path: b"".join(pieces) for path, pieces in made.files(plan)}


def english(plan: BundlePlan, folder: Path, **more: Any) -> str:
    return text_of(reports(plan, **more)["reports/custody-report-en.pdf"], folder)


def test_both_languages_are_pdfa_in_grey_and_the_same_each_time(
    plans: Plans, tmp_path: Path
) -> None:
    made = reports(plans(reveal=TOLD))
    assert set(made) == {f"reports/custody-report-{lang}.pdf" for lang in LANGUAGES}
    for path, data in made.items():
        pdf = check_pdfa(data)
        assert str(pdf.Root.Lang) in path
        assert colours_of(data, tmp_path) == 0
    assert reports(plans(reveal=TOLD)) == made


def test_burmese_can_be_read_out_of_the_file(plans: Plans, tmp_path: Path) -> None:
    text = text_of(reports(plans(reveal=TOLD))["reports/custody-report-my.pdf"], tmp_path)
    words = catalogue("my")
    for code in (
        "H-UNREVIEWED",
        "RP-READ",
        "RP-L-ORIGIN",
        "O-MATCHES",
        "RP-E-RECORDED",
        "RP-TITLE",
    ):
        assert words[code].replace(" ", "") in text.replace(" ", ""), code
    assert "ကျေးရွာ" in text  # what the evidence says


def test_every_entry_and_digest_stands_in_it(plans: Plans, tmp_path: Path) -> None:
    plan = plans(reveal=TOLD)
    text = english(plan, tmp_path)
    squeezed = text.replace(" ", "")
    for item in plan.items:
        assert item.payload is not None
        assert item.id in text
        assert item.payload.sha256 in squeezed and item.payload.sha512 in squeezed
    assert plan.exported_leaf in squeezed and plan.checkpoint.root.hex() in squeezed
    for part in ("Taken into the archive (ingested)", "Copy handed out (exported)"):
        assert text.count(part) == len(plan.items)
    assert "no acknowledgement by the recipient is on record" in text
    assert "could not be checked: copper-meadow-lantern-4417: no trust file was given" in text


def test_nothing_withheld_is_told_and_its_name_is(plans: Plans, tmp_path: Path) -> None:
    text = english(plans(), tmp_path)
    for secret in ("HYPERLINK", "ကျေးရွာ", "desk-1", "MMR010", "court-7", "2021-03-27"):
        assert secret not in text
    assert "title (3)" in text and "name at the source (3)" in text


def test_items_whose_file_stays_are_counted_with_the_reason(plans: Plans, tmp_path: Path) -> None:
    text = english(plans(withheld={"QVRM-0000002": "under hold #7"}), tmp_path)
    assert "1 × under hold #7" in text
    assert "3 chosen: 2 leave with their original" in text
    assert "Files that leave: 2." in text


def test_unchecked_receipts_are_never_called_checked(plans: Plans, tmp_path: Path) -> None:
    text = english(plans(), tmp_path, checked=None)
    assert "The receipts of 3 items were not checked" in text
    assert "archive's own program" not in text


def test_hostile_values_stay_values(
    plans: Plans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = getattr(plans, "__globals__")["NASTY"]  # noqa: B009
    monkeypatch.setitem(values, "title", '#import "@preview/x:1.0.0": * ] #panic()')
    monkeypatch.setitem(values, "description", "y" * 10_000 + "\u202e😀")
    made = reports(plans(reveal=TOLD))
    for data in made.values():
        check_pdfa(data)
        text = text_of(data, tmp_path)
        assert '#import "@preview/x:1.0.0": * ] #panic()' in text
    english_text = text_of(made["reports/custody-report-en.pdf"], tmp_path)
    assert "[3,000 of 10,007 characters]" in english_text  # the escaped sign is six


def test_over_the_limit_urgent_chains_come_first_and_all_is_counted(
    plans: Plans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "MAX_CHAINS", 2)
    monkeypatch.setattr(collect, "MAX_ROWS", 1)
    plan = plans()
    last = plan.items[2]
    gone = replace(last.receipt, events=(last.receipt.events[0], *last.receipt.events[2:]))
    items = [*plan.items[:2], replace(last, receipt=gone)]
    found = collect.collect(replace(subject_of(plan), items=items), check)
    assert [chain.facts.item.id for chain in found.chains] == ["QVRM-0000001", "QVRM-0000003"]
    assert found.attention[collect.SEQUENCE].names == ["QVRM-0000003"]
    assert found.checked == 2 and found.chosen == 3 and len(found.rows) == 1
    text = text_of(report_pdf(found, "en", fonts_folder()), tmp_path)
    assert "2 of 3 items have their chain below" in text
    assert "2 further items do not stand in this table" in text
    assert "The receipts of 1 items were not checked" in text
    assert "Gaps in the numbers of the entries that are shown: 1" in text


def test_what_needs_attention_is_found(plans: Plans) -> None:
    plan = plans()
    chain = collect.collect(subject_of(plan)).chains[0].facts
    first, *_, last = chain.events
    kinds = ("transfer-offered", "transfer-acknowledged", "transfer-offered", "exported")
    more = [replace(first, type=kind, item_seq=n) for n, kind in enumerate(kinds, 1)]
    voided = replace(last, item_seq=5, void=True)
    found = collect.attention_of(replace(chain, events=(first, *more, voided)), subject_of(plan))
    assert found[collect.TRANSFER] == 1 and found[collect.VOID] == 1 and found[collect.EXPORT] == 1
    assert collect.SEQUENCE not in found and found[collect.FIXITY] == 1
    in_time = replace(first, bracket=("not after …",))
    held = replace(in_time, revealed={**first.revealed, "custody_before": ["a courier"]})
    checked = replace(held, type="fixity-checked", item_seq=1)
    assert not collect.attention_of(replace(chain, events=(held, checked)), subject_of(plan))


def test_entries_over_the_limit_are_counted(plans: Plans, tmp_path: Path) -> None:
    plan = plans()
    found = collect.collect(subject_of(plan))
    chain = found.chains[0]
    events = (chain.facts.events * 40)[: FIRST_ENTRIES + LAST_ENTRIES + 5]
    found.chains = [replace(chain, facts=replace(chain.facts, events=events))]
    text = text_of(report_pdf(found, "en", fonts_folder()), tmp_path)
    assert "Of 65 entries the first 20 and the last 40 are shown. The 5 between" in text


@pytest.mark.parametrize(
    "bad_picture",
    [
        b"<svg onload='alert(1)'/>",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xe0\0\4ab\xff\xc0\0\x11\x08\0\0\0\0\3\xff\xd9",
        b"\xff\xd8" + b"\xff\xe0\0\2" * 20_000 + b"\xff\xd9",
    ],
    ids=["svg", "empty", "no size", "too large"],
)
def test_small_pictures_are_set_and_other_bytes_are_not(plans: Plans, bad_picture: bytes) -> None:
    out = io.BytesIO()
    Image.new("L", (320, 200), 90).save(out, "JPEG")

    def thumbnail(item: BundleItem) -> bytes | None:
        bad = {"QVRM-0000002": None, "QVRM-0000003": bad_picture}
        return bad.get(item.id, out.getvalue())

    with_one = reports(plans(), thumbnail=thumbnail)["reports/custody-report-en.pdf"]
    pdf = check_pdfa(with_one)
    streams = [each for each in pdf.objects if isinstance(each, pikepdf.Stream)]
    pictures = [each for each in streams if each.get("/Subtype") == "/Image"]
    assert [(int(p.Width), str(p.Filter)) for p in pictures] == [(320, "/DCTDecode")]


def test_the_reports_are_listed_and_signed_in_the_bundle(plans: Plans, tmp_path: Path) -> None:
    plan = replace(plans(), extras=[CustodyReports(fonts_folder(), check)])
    written = write_bundle(plan, FolderSink(tmp_path / "b"))
    assert "reports/custody-report-my.pdf" in {row.path for row in written.files}
    report = tmp_path / "b" / "reports" / "custody-report-en.pdf"
    assert verify_bundle(tmp_path / "b", None).exit_status() == 3
    report.write_bytes(report.read_bytes() + b"\n")
    assert verify_bundle(tmp_path / "b", None).exit_status() == 10


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_report_says_that_a_court_must_take_it(lang: str) -> None:
    assert not any("admissib" in sentence.lower() for sentence in catalogue(lang).values())
