"""The message catalogue: each code the verifier can emit stands in each language."""

from __future__ import annotations

import ast
import inspect
import re
import string
from pathlib import Path

import pytest

import evidence_vault.verify
from evidence_vault.core.messages import LANGUAGES, catalogue, is_reviewed, message
from evidence_vault.errors import InternalError
from evidence_vault.verify import render_text, report_to_json, verify_bundle, verify_receipt

from .conftest import World
from .forge import write_folder

CODE = re.compile(r"([VRWCBSNHOT]|PB|BD)-[A-Z][A-Z0-9-]+")
# These judge one time stamp and give their reason with a code of their own; states.py reports it.
REASONS = ("chains.py", "renewals.py", "timestamps.py", "tokens.py")
PAGE_REASONS = ("renewals.js", "timestamps.js")


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def codes_in_source() -> set[str]:
    """String constants of the verifier and its report types that are exactly a code."""
    import evidence_vault.core.findings as findings

    folder = Path(inspect.getfile(evidence_vault.verify)).parent
    found = set()
    modules = [path for path in folder.glob("*.py") if path.name not in REASONS]
    for path in [*modules, Path(inspect.getfile(findings))]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update((CODE.fullmatch(node.value) and {node.value}) or set())
    return found


def codes_of_the_page() -> set[str]:
    """The same of the verifier page's core, which says them in its own program."""
    folder = Path(inspect.getfile(evidence_vault.verify)).parent / "page" / "core"
    modules = [path for path in folder.glob("*.js") if path.name not in PAGE_REASONS]
    assert len(modules) > 30
    text = "".join(path.read_text(encoding="utf-8") for path in modules)
    return {code for code in re.findall(r'"([A-Z0-9-]+)"', text) if CODE.fullmatch(code)}


def test_each_code_has_its_sentence_and_each_sentence_its_use() -> None:
    used = codes_in_source()
    assert len(used) > 100
    for lang in LANGUAGES:
        ours = {code for code in catalogue(lang) if CODE.fullmatch(code)}
        assert ours == used | codes_of_the_page()


def test_the_page_uses_the_same_codes() -> None:
    own = codes_of_the_page() - codes_in_source()
    assert own == {"V-PLAIN-BAG", "V-TOO-DEEP", "V-TOO-LARGE", "W-TRUST-WRONG"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_same_codes_and_fields_in_every_language(lang: str) -> None:
    english, other = catalogue("en"), catalogue(lang)
    assert set(english) == set(other)
    for code, template in english.items():
        assert fields(template) == fields(other[code]), code
        assert other[code].strip() == other[code] != ""


def test_unreviewed_translation_says_so(world: World, tmp_path: Path) -> None:
    assert is_reviewed("en") and not is_reviewed("my")
    report = verify_receipt(b"", None, None)
    assert render_text(report, "my").splitlines()[0] == message("my", "H-UNREVIEWED")
    bundle = verify_bundle(write_folder(world.files, tmp_path / "b"), world.trust)
    assert message("my", "H-MATCHES") in render_text(bundle, "my")
    assert report_to_json(bundle, "my")["steps"][0]["title"] == message("my", "S-CONTAINER")


def test_unknown_language_falls_back_to_english() -> None:
    assert catalogue("xx") == catalogue("en")


def test_missing_field_is_a_bug() -> None:
    with pytest.raises(InternalError):
        message("en", "W-OK", {})
    with pytest.raises(InternalError):
        message("en", "X-NONE")


def test_burmese_is_unicode_without_zawgyi_marks() -> None:
    """Zawgyi writes vowel E before its consonant and uses letters outside of plain Burmese."""
    for code, template in catalogue("my").items():
        assert not re.search("[\u1060-\u1097]", template), code
        assert not re.search("(^|[^\u1000-\u103e])\u1031", template), code
