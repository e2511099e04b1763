"""Evidence and its names are hostile: the page shows them as text and sends nothing."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import GOOD, Evidence, finding, report
from .reader import Reader

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"
BIDI = "invoice\u202egpj.exe"


@pytest.fixture(scope="module")
def canary() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine, and every path that anybody asked it for."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()
    thread.join()


def test_markup_and_bidi_in_names_and_values_are_text(reader: Reader, evidence: Evidence) -> None:
    event = {
        "gap_seconds": None,
        "index": 3,
        "not_after": {"basis": "token", "by": MARKUP, "time": "2026-11-23T10:00:00Z"},
        "not_before": None,
        "recorded_at": "2026-11-23T10:00:00Z",
        "revealed": {"title": BIDI, MARKUP: {"a": [MARKUP]}, "long": "x" * 300 + MARKUP * 9},
        "type": MARKUP,
        "withheld": 1,
    }
    wrong = finding(
        "B-CHANGED", "does not match", f"data/{MARKUP}\u2066", expected=BIDI, found=MARKUP
    )
    facts = {"origin": MARKUP, "subject": ["item", MARKUP, BIDI], "fingerprint": MARKUP,
             "fingerprint_words": f"{BIDI} {MARKUP}"}  # fmt: skip
    notes = [{"code": MARKUP}]
    told = report(wrong, events=[event], facts=facts, notes=notes)
    name = MARKUP.replace("/", "") + BIDI
    reader.give(evidence.receipt(told, f"{name}.txt"), evidence.file(f"{name}.jpg"))
    reader.check()
    shown = reader.text("#results")
    assert shown.count("<img src=x onerror=alert(1)>") > 10
    assert "invoice\\u202egpj.exe" in shown and "\\u2066" in shown
    whole = reader.page.evaluate("document.documentElement.outerHTML.split('<script>')[0]")
    whole += reader.page.evaluate("document.querySelector('main').outerHTML")
    for char in "\u202e\u2066":
        assert char not in whole
    assert reader.page.locator("img, main script, iframe, object, embed, video").count() == 0
    assert reader.page.locator("article bdi").count() > 10


def test_no_request_leaves_the_page(
    reader: Reader, evidence: Evidence, canary: tuple[str, list[str]]
) -> None:
    url, seen = canary
    told = report(GOOD, facts={"origin": f"{url}/fact"}, events=[])
    reader.give(evidence.receipt(told), evidence.file("page.html", f"<img src={url}/x>".encode()))
    reader.check()
    reader.page.click("#lang-my")
    others = [each for each in reader.requests if not each.startswith(("blob:", reader.url))]
    assert others == []
    assert seen == []


def test_the_policy_blocks_every_try_to_send(
    browser: Any, fake_page: Path, canary: tuple[str, list[str]]
) -> None:
    """As if the script were another: what it tried would fail."""
    url, seen = canary
    tries = {
        "fetch": "fetch(URL).then(() => 'sent', () => 'blocked')",
        "beacon": "new Promise(r => { navigator.sendBeacon(URL, 'x');"
        " setTimeout(() => r('blocked'), 300); })",
        "picture": "new Promise(r => { const i = new Image(); i.onload = () => r('sent');"
        " i.onerror = () => r('blocked'); i.src = URL; })",
        "socket": "new Promise(r => { let s; try { s = new WebSocket(URL.replace('http', 'ws')); }"
        " catch { return r('blocked'); } s.onopen = () => r('sent');"
        " s.onerror = () => r('blocked'); })",
        "frame": "new Promise(r => { const f = document.createElement('iframe'); f.src = URL;"
        " document.body.append(f); setTimeout(() => r('blocked'), 300); })",
        "style": "new Promise(r => { const d = document.createElement('div');"
        " d.setAttribute('style', `background: url(${URL})`); document.body.append(d);"
        " setTimeout(() => r('blocked'), 300); })",
        "form": "new Promise(r => { const f = document.createElement('form'); f.action = URL;"
        " document.body.append(f); f.submit(); setTimeout(() => r('blocked'), 300); })",
        "eval": "new Promise(r => { try { setTimeout('ran = 1', 0); } catch {}"
        " setTimeout(() => r(window.ran ? 'sent' : 'blocked'), 100); })",
        "markup": "(() => { try { document.body.innerHTML = '<p>'; return 'sent'; }"
        " catch { return 'blocked'; } })()",
        "worker": "(() => { try { new Worker(URL); return 'sent'; }"
        " catch { return 'blocked'; } })()",
    }
    with Reader.of(browser, fake_page) as reader:
        for name, program in tries.items():
            whole = f"() => {{ const URL = '{url}/{name}'; return {program}; }}"
            assert reader.page.evaluate(whole) == "blocked", name
        assert reader.page.url == reader.url
    assert seen == []


def test_the_worker_can_send_nothing_either(
    reader: Reader, evidence: Evidence, canary: tuple[str, list[str]]
) -> None:
    url, seen = canary
    reader.give(evidence.receipt(report(GOOD), fetch=f"{url}/worker"))
    (headline,) = reader.check()
    assert headline.startswith("COULD NOT BE CHECKED")
    assert any(each.startswith("blob:") for each in reader.requests), "it ran in the worker"
    assert seen == []


def test_a_page_whose_script_was_changed_does_not_run(
    browser: Any, fake_page: Path, tmp_path: Path
) -> None:
    text = fake_page.read_text(encoding="utf-8")
    changed = tmp_path / "verify.html"
    changed.write_text(text.replace("var LANGUAGES = ", "var LANGUAGES =  ", 1), encoding="utf-8")
    assert changed.read_text(encoding="utf-8") != text
    with Reader.of(browser, changed) as reader:
        assert reader.text("h1") == ""
