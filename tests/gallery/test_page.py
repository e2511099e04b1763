"""The gallery in a real browser, opened from a folder: what it shows, finds, and never runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.bundle.gallery import source
from evidence_vault.bundle.gallerydata import json_for_page
from evidence_vault.core.searchkey import folded

from .conftest import BURMESE, HOSTILE, SECRET, Handed, Visit


def test_every_item_is_there_with_its_picture(visit: Visit, handed: Handed) -> None:
    visit.gallery()
    assert visit.cards() == sorted(handed.ids.values())
    visit.page.wait_for_load_state("networkidle")
    widths = visit.page.evaluate("[...document.images].map((image) => image.naturalWidth)")
    assert all(widths)
    shown = len(visit.page.query_selector_all("#results img"))
    assert shown == len(list((handed.bundle / "thumbs").iterdir())) == 4
    assert not visit.complaints


def test_an_item_shows_its_digests_custody_and_proofs(visit: Visit, handed: Handed) -> None:
    number = handed.ids["turned.jpg"]
    text = visit.gallery().item(number)
    statement = json.loads((handed.bundle / "statement.json").read_text())
    payload = next(f for f in statement["files"] if f["path"] == f"data/{number}.jpg")
    assert payload["sha256"] in text
    assert "0. Taken into the archive (ingested)" in text
    assert "Copy handed out (exported)" in text
    assert "2024-02, precision: month" in text
    assert "Withheld" in text
    assert SECRET not in visit.page.content()
    paths = [a.get_attribute("href") for a in visit.page.query_selector_all("#item ul a")]
    assert f"./receipts/{number}.txt" in paths
    assert all((handed.bundle / path).is_file() for path in paths)


def test_names_and_values_from_evidence_are_only_text(visit: Visit, handed: Handed) -> None:
    visit.gallery()
    for name in ("plain.png", "turned.jpg", "evil.html"):
        text = visit.item(handed.ids[name])
        assert "<script>window.ran=1</script>" in text
        assert "\u202e" not in text  # what turns letters round is written out
    visit.page.evaluate("location.hash = ''")
    visit.page.click("[data-view=claimed]")
    assert visit.page.evaluate("window.ran") is None
    assert not visit.complaints


@pytest.mark.parametrize("name", ["evil.html", "evil.svg", "page.pdf", "broken.jpg"])
def test_what_a_browser_could_run_is_never_linked_or_opened(
    visit: Visit, handed: Handed, name: str
) -> None:
    number = handed.ids[name]
    text = visit.gallery().item(number)
    path = next(p.name for p in (handed.bundle / "data").iterdir() if p.name.startswith(number))
    linked = visit.page.query_selector_all(f"[href*='{path}'], iframe, object, embed")
    assert not linked
    if name != "broken.jpg":
        assert "does not open files of this kind" in text
        assert not visit.page.query_selector_all(f"[src*='{path}']")


@pytest.mark.parametrize(("name", "tag"), [("film.webm", "video"), ("sound.ogg", "audio")])
def test_films_and_sound_play_once_somebody_asks(
    visit: Visit, handed: Handed, name: str, tag: str
) -> None:
    visit.gallery().item(handed.ids[name])
    assert not [url for url in visit.asked if "/data/" in url]
    played = visit.page.evaluate(
        """(tag) => new Promise((done) => {
        const player = document.querySelector(`#item ${tag}`);
        player.addEventListener("timeupdate", () => player.currentTime > 0 && done("played"));
        player.addEventListener("error", () => done("failed"));
        player.muted = true;
        player.play();
    })""",
        tag,
    )
    assert played == "played"
    assert not visit.complaints


def test_a_picture_that_does_not_decode_is_said(visit: Visit, handed: Handed) -> None:
    visit.gallery()
    assert "a preview could not be made" in visit.page.inner_text("#results")
    visit.item(handed.ids["broken.jpg"])
    visit.page.wait_for_selector(".viewer .note")
    assert "cannot show it" in visit.page.inner_text(".viewer")


def test_the_policy_stops_what_is_added_to_the_page(visit: Visit, handed: Handed) -> None:
    """A hole in the page would still run nothing and tell nobody."""
    visit.gallery()
    visit.page.evaluate(
        """() => {
        const script = document.createElement("script");
        script.textContent = "window.ran = 1";
        document.body.append(script);
        const frame = document.createElement("iframe");
        frame.src = "receipts/";
        document.body.append(frame);
        document.body.insertAdjacentHTML("beforeend", "<b onclick='window.ran = 1' id=b>x</b>");
        document.getElementById("b").click();
        const image = new Image();
        image.src = "https://127.0.0.1:9/pixel.png";
        document.body.append(image);
        const style = document.createElement("style");
        style.textContent = "body { display: none }";
        document.body.append(style);
    }"""
    )
    told = visit.page.evaluate(
        """() => fetch("index.csv").then(() => "fetched", () => "refused")"""
    )
    assert told == "refused"
    visit.page.wait_for_timeout(200)
    assert visit.page.evaluate("window.ran") is None
    assert visit.page.is_visible("#results")
    for what in ("script", "frame", "image", "style", "connect"):
        assert any(what in each for each in visit.complaints), what
    visit.asked[:] = [url for url in visit.asked if "127.0.0.1" not in url]  # stopped, and counted


def test_search_in_burmese_and_by_digest(visit: Visit, handed: Handed) -> None:
    visit.gallery()
    number = handed.ids["turned.jpg"]
    for typed in (
        "မီးလောင်ကျွမ်းမှု",
        "ကလေးမြို့",
        "ကလေးမြ\u200bို့နယ်",  # a zero-width space, as keyboards leave it
        "မီးေလာင်",  # vowel typed first
        "ကျေးရွာ မီး",
    ):
        visit.page.fill("#words", typed)
        assert visit.cards() == [number], typed
    data = json.loads(visit.page.text_content("#data"))
    digest = next(item["sha256"] for item in data["items"] if item["id"] == number)
    visit.page.fill("#words", digest.upper())
    assert visit.cards() == [number]
    visit.page.fill("#words", SECRET)
    assert visit.cards() == []
    assert "No item fits." in visit.page.inner_text("#results")


def test_filters(visit: Visit, handed: Handed) -> None:
    visit.gallery()
    page = visit.page
    page.select_option("#kind", "document")
    assert set(visit.cards()) == {handed.ids[n] for n in ("note.txt", "evil.html", "page.pdf")}
    page.select_option("#kind", "")
    page.select_option("#case", "=C-2")
    assert visit.cards() == [handed.ids["plain.png"]]
    page.select_option("#case", "none")
    assert handed.ids["note.txt"] in visit.cards()
    page.click("button[type=reset]")
    page.wait_for_selector("#results li:nth-child(9)")
    page.select_option("#gaps", "yes")
    assert visit.cards() == []


def test_claimed_and_recorded_dates_are_kept_apart(visit: Visit, handed: Handed) -> None:
    visit.gallery()
    page = visit.page
    page.click("[data-view=claimed]")
    headings = [each.inner_text() for each in page.query_selector_all("#results h3")]
    assert headings == ["2023", "2024-02", "Date not known"]
    claimed = page.inner_text("#results")
    assert "Recorded" not in claimed and "not checked by the archive" in claimed
    page.click("[data-view=recorded]")
    recorded = page.inner_text("#results")
    assert "claimed" not in recorded and "2024-02" not in recorded


def test_both_languages_and_the_burmese_one_says_that_nobody_reviewed_it(visit: Visit) -> None:
    page = visit.gallery().page
    assert not page.is_visible("#unreviewed")
    english = page.inner_text("body")
    assert "This page proves nothing by itself" in english
    page.click("[data-lang=my]")
    assert page.is_visible("#unreviewed")
    assert page.evaluate("document.documentElement.lang") == "my"
    burmese = page.inner_text("header, #filters")
    assert not re.search(r"G-[A-Z]", page.inner_text("body"))
    assert re.search("[\u1000-\u109f]", burmese)


def test_the_keyboard_alone_reaches_an_item_and_comes_back(visit: Visit, handed: Handed) -> None:
    page = visit.gallery().page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    first = sorted(handed.ids.values())[0]
    page.focus(f"#card-{first}")
    page.keyboard.press("Enter")
    page.wait_for_selector("#item:not([hidden])")
    assert page.evaluate("document.activeElement.id") == "heading"
    page.focus("#back")
    page.keyboard.press("Enter")
    page.wait_for_selector("#list:not([hidden])")
    assert page.evaluate("document.activeElement.id") == f"card-{first}"


def test_every_control_has_a_name(visit: Visit) -> None:
    page = visit.gallery().page
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, a, img")].filter((e) =>
        !(e.textContent.trim() || e.alt || e.labels?.length || e.getAttribute("aria-label")))
        .map((e) => e.outerHTML)"""
    )
    assert unnamed == []


@pytest.mark.parametrize("width", [320, 1600])
def test_nothing_sticks_out(visit: Visit, handed: Handed, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 800})
    visit.gallery()
    wide = "document.documentElement.scrollWidth"
    assert visit.page.evaluate(wide) <= width
    visit.item(handed.ids["turned.jpg"])
    assert visit.page.evaluate(wide) <= width


def test_without_scripts_there_is_a_plain_list(browser: Any, handed: Handed) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto((handed.bundle / "index.html").as_uri())
    text = page.inner_text("body")
    assert "This page proves nothing by itself" in text
    for number in handed.ids.values():
        assert page.get_attribute(f"a:has-text('{number}')", "href") == f"receipts/{number}.txt"
    assert HOSTILE[:30] in text
    page.close()


def test_the_page_folds_search_words_as_the_archive_does(browser: Any) -> None:
    """Words that people see as one are one to the page, too."""
    text = source("gallery.js")
    start, end = text.index("// The same key"), text.index("// -- building")
    samples = [
        *(BURMESE, "၀န်ထမ်း ၁၂၃", "ဥ်ဥ့် ဦး", "မီးေလာင်", "ါါ ခါး", "Straße ＡＢＣ", "a_b\u00ad c"),
        *("ႁႂ်ႈ ႐႑", "၇ွာ", "ကို့", "ကို့\u200b", "ထ\u1031\u102c\u1039", "😀\ufe0f x", "၁ဝဝ"),
    ]
    page = browser.new_page()
    found = page.evaluate(f"s => {{ {text[start:end]}; return s.map(folded); }}", samples)
    page.close()
    assert found == [folded(sample) for sample in samples]


@pytest.mark.slow
def test_ten_thousand_items_stay_usable(browser: Any, handed: Handed, tmp_path: Path) -> None:
    """A page of the bundle's own data, many times over: 60 items at a time are in the document."""
    text = (handed.bundle / "index.html").read_text("utf-8")
    start = text.index(">", text.index('id="data"')) + 1
    end = text.index("</script>", start)
    data = json.loads(text[start:end])
    kinds = data["items"]
    data["items"] = [
        {**kinds[n % len(kinds)], "id": f"MANY-{n:07}", "why_none": "kind"} for n in range(10_000)
    ]
    page = tmp_path / "index.html"
    page.write_text(text[:start] + json_for_page(data) + text[end:], "utf-8")
    tab = browser.new_page()
    visit = Visit(tab, tmp_path).gallery()
    assert "10000 of 10000" in tab.inner_text("#found")
    assert len(visit.cards()) == 60
    tab.fill("#words", "MANY-0009999")
    assert visit.cards() == ["MANY-0009999"]
    tab.fill("#words", "")
    tab.click("[data-view=claimed]")
    for _ in range(3):
        tab.click("#next")
    assert "Page 4 of 167" in tab.inner_text("#page")
    assert len(visit.cards()) == 60
    tab.close()


def test_start_here_needs_no_script_and_asks_for_nothing(visit: Visit, handed: Handed) -> None:
    page = visit.open("START-HERE.html").page
    text = page.inner_text("body")
    assert "How to check it, in three steps" in text and "ဤနေရာမှ စပါ" in text
    links = [a.get_attribute("href") for a in page.query_selector_all("a")]
    assert all(each.startswith("#") or (handed.bundle / each).is_file() for each in links)
    assert not visit.complaints
    assert visit.asked == [(handed.bundle / "START-HERE.html").as_uri()]
