"""The pages stay true: commands documented, links alive, schemas valid."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SCHEMAS = sorted((ROOT / "schemas").rglob("*.json"))
GROUPS = (
    *("hold", "key", "log", "replica", "retention", "timestamp", "transfer", "trust"),
    *("trust network", "witness"),
)


def help_text(*command: str) -> str:
    """What ``evidence-vault COMMAND --help`` prints."""
    return subprocess.run(
        [sys.executable, "-m", "evidence_vault", *command, "--help"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def commands_of(text: str) -> list[str]:
    """The names under every "Commands" heading of a help text."""
    names: list[str] = []
    inside = False
    for line in text.splitlines():
        if line and not line.startswith(" "):
            inside = "commands" in line.lower() and line.endswith(":")
        elif inside and (found := re.match(r"  ([a-z][a-z-]*)(?:\s|$)", line)):
            names.append(found.group(1))
    return names


def test_every_command_is_documented() -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    commands = commands_of(help_text())
    assert {"init", "ingest", "verify", "export", "demo"} <= set(commands)
    full = list(commands)
    for group in GROUPS:
        assert group in full
        below = commands_of(help_text(*group.split()))
        assert below, f"{group} lists no commands"
        full += [f"{group} {name}" for name in below]
    unknown = [
        name
        for name in full
        if not re.search(rf"evidence-vault (?:-[^\n`]* )?{name}\b|`{name}[` ]", pages)
    ]
    assert unknown == []


def links(page: Path) -> list[str]:
    """Targets of a page's relative links, without anchors; code blocks are left out."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    text = re.sub(r"`[^`\n]*`", "", text)
    targets = re.findall(r"\]\(<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\)", text)
    relative = [target for target in targets if not re.match(r"[a-z]+:", target)]
    return [target.split("#")[0] for target in relative if not target.startswith("#")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_to_files_of_the_repository(page: Path) -> None:
    for target in links(page):
        path = (page.parent / target).resolve()
        assert path.is_relative_to(ROOT), f"{page.name}: {target} leaves the repository"
        assert path.exists(), f"{page.name}: {target} leads nowhere"


def test_readme_is_read_in_one_sitting() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


@pytest.mark.parametrize("folder", ["cli", "events"])
def test_schema_folder_is_not_empty(folder: str) -> None:
    assert list((ROOT / "schemas" / folder).rglob("*.json"))


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_schema_is_valid_and_says_its_name(path: Path) -> None:
    schema = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(schema.get("$id"), str) and schema["$id"]
    assert isinstance(schema.get("$schema"), str), "the schema names no dialect"
    jsonschema.validators.validator_for(schema).check_schema(schema)


def test_no_two_schemas_share_a_name() -> None:
    names = [json.loads(path.read_text(encoding="utf-8"))["$id"] for path in SCHEMAS]
    assert len(names) == len(set(names))
