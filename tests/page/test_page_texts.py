"""What the page shows is what the command line says, in both languages."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.core.messages import message
from evidence_vault.core.text import escape_for_display
from evidence_vault.verify import (
    load_trust,
    render_text,
    report_to_json,
    verify_bundle,
    verify_receipt,
)

from .build import PAGE
from .conftest import Evidence
from .reader import Reader

RELEASED = Path(__file__).resolve().parents[1] / "released" / "bundle-1a"


MEASURE = "each => parseFloat(getComputedStyle(each).lineHeight)"


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.fixture(scope="module", params=["bundle", "receipt", "receipt without trust"])
def real(request: pytest.FixtureRequest) -> Any:
    """A report of the program over evidence of an earlier version."""
    trust = None if "without" in request.param else load_trust(RELEASED / "trust.json")
    if request.param == "bundle":
        return verify_bundle(RELEASED / "bundle.zip", trust)
    with (RELEASED / "original.jpg").open("rb") as file:
        return verify_receipt((RELEASED / "receipt.txt").read_bytes(), file, trust)


@pytest.mark.parametrize("lang", ["en", "my"])
def test_every_sentence_of_the_command_line_is_shown(
    reader: Reader, evidence: Evidence, real: Any, lang: str
) -> None:
    reader.page.click(f"#lang-{lang}")
    reader.give(evidence.receipt(report_to_json(real)))
    reader.check()
    shown = squeezed(reader.text("main"))
    for line in render_text(real, lang).splitlines():
        # The page has its own places for these, and words one by one in lists.
        if any(word in line for word in _told_elsewhere(real, lang)):
            continue
        expected = line.strip().removeprefix("- ")
        number, dot, rest = expected.partition(". [")
        if dot and number.isdigit():
            outcome, _, title = rest.partition("] ")
            assert squeezed(outcome) in shown and squeezed(title) in shown
        elif (name := _revealed(line)) is not None:
            assert name in shown
        else:
            assert squeezed(expected.removesuffix(":")) in shown, line
    assert reader.page.locator("#unreviewed").is_visible() == (lang == "my")
    assert reader.text("#unreviewed") == message(lang, "H-UNREVIEWED")


def _told_elsewhere(real: Any, lang: str) -> list[str]:
    facts = real.facts
    found = [f"{facts['fingerprint']} (", message(lang, "H-UNREVIEWED")]
    found += [message(lang, code).split("{")[0] for code in ("H-NO-TRUST",) if "trust" not in facts]
    if facts.get("trust"):
        found.append(facts["trust"]["fingerprint"])
    return [*found, f"{facts['fingerprint']} "]


def _revealed(line: str) -> str | None:
    """The name and value of a revealed field, squeezed; they stand in a list of their own."""
    for lang, gap in (("en", ": "), ("my", " = ")):
        start = "      " + message(lang, "H-FIELD", {"name": "\0", "value": ""}).split("\0")[0]
        if line.startswith(start) and len(start.strip()) > 3:
            name, _, value = line.removeprefix(start).partition(gap)
            return squeezed(name + value.removesuffix(" …"))
    return None


def test_the_fingerprint_stands_in_words_and_in_hex(
    reader: Reader, evidence: Evidence, real: Any
) -> None:
    reader.give(evidence.receipt(report_to_json(real)))
    reader.check()
    facts = real.facts
    lists = reader.page.locator(".words").all()
    shown = [" ".join(each.locator("li").all_text_contents()) for each in lists]
    expected = [facts["fingerprint_words"]]
    if facts.get("trust"):
        expected.insert(0, facts["trust"]["fingerprint_words"])
        assert facts["trust"]["fingerprint"] in reader.text(".who")
    assert shown == expected
    assert facts["fingerprint"] in reader.text(".who")


def test_the_page_escapes_as_the_program_does() -> None:
    """Every code point, and the surrogates that stand alone."""
    if shutil.which("node") is None:
        pytest.skip("node is absent")
    points = [
        *range(0x3000),
        *range(0xD700, 0xE100),
        *range(0xFE00, 0x10000),
        *range(0xDFF00, 0xE1100),
    ]
    texts = [f"a{chr(point)}b" for point in points]
    program = (
        f"import {{ escapeForDisplay }} from {json.dumps((PAGE / 'ui' / 'escape.js').as_uri())};"
        "let text = ''; for await (const part of process.stdin.setEncoding('utf8')) text += part;"
        "console.log(JSON.stringify(JSON.parse(text).map(escapeForDisplay)));"
    )
    done = subprocess.run(
        ["node", "--input-type=module", "-e", program],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == [escape_for_display(text) for text in texts]


def test_burmese_is_set_apart_and_nothing_is_remembered(reader: Reader, evidence: Evidence) -> None:
    page = reader.page
    english = page.locator("main p").first.evaluate(MEASURE)
    page.click("#lang-my")
    assert page.evaluate("document.documentElement.lang") == "my"
    assert page.title().startswith(message("my", "P-TITLE"))
    stacked = page.locator("main p").first.evaluate(MEASURE)
    assert stacked > english * 1.1
    assert "Myanmar" in page.evaluate("getComputedStyle(document.body).fontFamily")
    assert page.get_attribute("#lang-my", "aria-pressed") == "true"
    page.reload()
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.context.storage_state() == {"cookies": [], "origins": []}


def test_the_language_can_change_over_a_result(
    reader: Reader, evidence: Evidence, real: Any
) -> None:
    reader.give(evidence.receipt(report_to_json(real)))
    reader.check()
    reader.page.click("#lang-my")
    assert message("my", "H-NOTES") in reader.text("#results")
    reader.page.click("#lang-en")
    assert message("en", "H-NOTES") in reader.text("#results")
