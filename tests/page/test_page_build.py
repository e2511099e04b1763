"""The page that is given out is the one that its sources make."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

from evidence_vault.verify import page_verifier

from .build import PAGE, VERIFY, build_page

TEXT = page_verifier().decode("utf-8")


def part(tag: str) -> str:
    (found,) = re.findall(rf"<{tag}>(.*?)</{tag}>", TEXT, re.DOTALL)
    return str(found)


def policy() -> dict[str, str]:
    (content,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', TEXT)
    rules = [rule.partition(" ") for rule in content.split("; ")]
    return {name: value for name, _, value in rules}


def test_the_committed_page_is_what_the_sources_make(node_modules: Path, tmp_path: Path) -> None:
    assert build_page(tmp_path / "verify.html").read_bytes() == page_verifier(), "run `make page`"


def test_building_twice_makes_the_same_bytes(node_modules: Path, tmp_path: Path) -> None:
    core = Path(__file__).with_name("fakecore.js")
    first = build_page(tmp_path / "one.html", core).read_bytes()
    assert first == build_page(tmp_path / "two.html", core).read_bytes()


def test_the_policy_names_this_script_and_style_and_nothing_else() -> None:
    rules = policy()
    for name, tag in (("script-src", "script"), ("style-src", "style")):
        digest = base64.b64encode(hashlib.sha256(part(tag).encode()).digest()).decode()
        assert rules.pop(name) == f"'sha256-{digest}'"
    assert rules == {
        "base-uri": "'none'",
        "default-src": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "verify-worker",
        "worker-src": "blob:",
    }


def test_the_page_names_no_other_place() -> None:
    """No address that a browser would follow by itself, and none of the machine it was built on."""
    markup = TEXT.replace(part("script"), "").replace(part("style"), "").split("<!--\nLib")[0]
    assert not re.search(r"\b(src|href|action|srcset|poster)=\"(?!#)", markup)
    assert "url(" not in part("style") and "@import" not in part("style")
    assert str(PAGE.parents[3]) not in TEXT


def test_nothing_reads_markup_from_values() -> None:
    for path in sorted((PAGE / "ui").glob("*.js")):
        text = path.read_text(encoding="utf-8")
        used = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(|new Function"
            r"|localStorage|sessionStorage|indexedDB|cookie|fetch\(|XMLHttpRequest|WebSocket"
            r"|createObjectURL\((?!new Blob\(\[OWN_TEXT\])|window\.open",
            text,
        )
        assert used == [], path.name


@pytest.mark.parametrize("name", ["package.json", "package-lock.json"])
def test_versions_are_pinned(name: str) -> None:
    text = (PAGE / name).read_text(encoding="utf-8")
    assert not re.search(r'": "[\^~]\d', text.split('"node_modules/')[0])
    assert (VERIFY / "verify.html").is_file()
