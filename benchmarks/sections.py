"""RESULTS.md, one section for each program that measures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"


def put_section(begins: str, lines: Sequence[str]) -> None:
    """Put ``## …`` in the place of the section whose title begins so, or behind the last one."""
    text = RESULTS.read_text() if RESULTS.is_file() else "# Results\n"
    head, *sections = text.split("\n## ")
    new = "\n".join(lines).removeprefix("## ").strip()
    found = [at for at, section in enumerate(sections) if section.startswith(begins)]
    if found:
        sections[found[0]] = new
    else:
        sections.append(new)
    RESULTS.write_text("\n\n## ".join([head.rstrip(), *(s.strip() for s in sections)]) + "\n")
