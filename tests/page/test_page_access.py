"""The page by keyboard alone and by ear: names, order, announcements, contrast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evidence_vault.core.messages import message

from .build import NODE_MODULES
from .conftest import GOOD, Evidence, finding, report
from .reader import Reader

SELF = message("en", "P-SELF")
CONTROLS = {"button", "link", "combobox", "textbox", "progressbar", "DisclosureTriangle"}
FULL = report(
    GOOD,
    finding("R-SIGNATURE", "does not match", "entry 3", keyid="0a"),
    facts={"origin": "a-log", "fingerprint": "0a" * 32, "fingerprint_words": "acorn " * 16},
)


def focused(reader: Reader) -> str:
    name: str = reader.page.evaluate(
        "() => { const e = document.activeElement; return e.id || e.textContent.trim(); }"
    )
    return name


def test_all_of_it_works_by_keyboard_alone(reader: Reader, evidence: Evidence) -> None:
    page = reader.page
    papers = [str(evidence.receipt(FULL, "r.txt")), str(evidence.file("one.jpg"))]
    page.on("filechooser", lambda chooser: chooser.set_files(papers))
    passed = []
    for _ in range(20):
        page.keyboard.press("Tab")
        passed.append(focused(reader))
        if passed[-1] == "choose-files":
            break
    assert passed == ["Skip to the result", "lang-en", "lang-my", SELF, "choose-files"]
    page.keyboard.press("Enter")
    page.wait_for_selector("#given li:nth-child(2)")
    assert focused(reader) == "choose-files"
    passed = []
    while not passed or passed[-1] != "start":
        page.keyboard.press("Tab")
        passed.append(focused(reader))
        assert len(passed) < 10
    assert passed == ["choose-folder", "Remove", "given-1-file", "Remove", "remove-all", "start"]
    page.keyboard.press("Enter")
    page.wait_for_selector("article")
    assert focused(reader) == "result-title"
    page.keyboard.press("Tab")
    assert focused(reader).startswith("1. ")
    page.keyboard.press("Enter")
    assert page.locator("#result-1-step-1").evaluate("each => each.matches(':target')")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("#result-1-step-1 > details[open]").count() == 1
    assert reader.headlines() == ["DOES NOT MATCH."]


@pytest.mark.parametrize("lang", ["en", "my"])
def test_every_control_has_a_name(reader: Reader, evidence: Evidence, lang: str) -> None:
    reader.page.click(f"#lang-{lang}")
    reader.give(
        evidence.receipt(FULL, "r.txt"), evidence.file("one.jpg"), evidence.zip(FULL, "b.zip")
    )
    reader.check()
    session = reader.page.context.new_cdp_session(reader.page)
    tree = session.send("Accessibility.getFullAXTree")["nodes"]
    nodes = [node for node in tree if not node["ignored"]]
    roles = [node["role"]["value"] for node in nodes]
    unnamed = [
        node for node in nodes
        if node["role"]["value"] in CONTROLS and not node.get("name", {}).get("value", "").strip()
    ]  # fmt: skip
    assert unnamed == []
    shown = CONTROLS - {"progressbar"}
    assert {"banner", "main", "heading", "status", "article", *shown} <= {*roles}
    assert roles.count("region") >= 3


def test_what_happens_is_announced(reader: Reader, evidence: Evidence) -> None:
    reader.give(evidence.receipt(FULL, rounds=3))
    assert reader.said() == "Added: 1"
    assert reader.page.get_attribute("#said", "role") == "status"
    reader.page.click("#start")
    reader.page.wait_for_function(
        "() => document.querySelector('#said').textContent.startsWith('Checking Receipt')"
    )
    reader.page.wait_for_selector("article")
    assert reader.said() == message("en", "H-DIFFERS")


def test_no_meaning_by_colour_alone(reader: Reader, evidence: Evidence) -> None:
    reader.give(evidence.receipt(FULL))
    reader.check()
    assert reader.page.locator(".verdict .mark").inner_text() == "✗"
    badges = reader.page.locator(".badge").all_inner_texts()
    assert any("✗ does not match" in badge for badge in badges)


@pytest.mark.parametrize(("lang", "width"), [("en", 1000), ("my", 360)])
def test_axe_finds_nothing(
    browser: Any, fake_page: Path, evidence: Evidence, lang: str, width: int
) -> None:
    program = NODE_MODULES / "axe-core" / "axe.min.js"
    if not program.is_file():
        pytest.skip("axe-core is absent: run `make page-tools`")
    # The policy of the page would stop axe, too.
    with Reader.of(browser, fake_page, bypass_csp=True, reduced_motion="reduce") as reader:
        reader.page.set_viewport_size({"width": width, "height": 800})
        reader.page.click(f"#lang-{lang}")
        reader.give(
            evidence.receipt(FULL, "r.txt"), evidence.file("one.jpg"), evidence.zip(FULL, "b.zip")
        )
        reader.check()
        reader.page.evaluate(
            "() => { for (const each of document.querySelectorAll('details')) each.open = true; }"
        )
        reader.page.add_script_tag(path=str(program))
        found = reader.page.evaluate("axe.run()")
        problems = [
            (each["id"], [node["html"][:200] for node in each["nodes"][:3]])
            for each in found["violations"]
        ]
        assert problems == []
        assert len(found["passes"]) > 20
        wider = reader.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not wider, "nothing runs out of the window"
