"""The measurements behind the thresholds: how often the model is right, by length of text.

``python -m tests.burmese.measure`` prints the tables of docs/burmese.md; test_measured.py
compares them
with that page.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize

from evidence_vault.capture import burmese
from evidence_vault.core.searchkey import in_storage_order, keys
from evidence_vault.core.zawgyi import zawgyi_to_unicode

VECTORS = Path(__file__).with_name("vectors")
LENGTHS = (2, 4, 8, 12, 16, 20, 24, 32, 48, 64, 128)
_LETTERS = re.compile("[\u1000-\u103f\u104c-\u108f\u109a-\u109f]+")


def letters_of(name: str) -> str:
    """All letters and marks of a text, as one run."""
    text = (VECTORS / name).read_text(encoding="utf-8")
    return "".join(_LETTERS.findall(text))


def windows(text: str, length: int) -> Iterator[str]:
    """Pieces of ``length`` letters, each beginning half a length after the one before."""
    for start in range(0, len(text) - length, max(1, length // 2)):
        yield text[start : start + length]


def by_length() -> Iterator[tuple[int, str, int, int, int, int]]:
    """(letters, truth, pieces, right, wrong, not told) at the threshold, whatever the length."""
    truths = (("zawgyi", "mmgov_zawgyi_src.txt"), ("unicode", "udhr_mya_unicode_src.txt"))
    for length in LENGTHS:
        for truth, name in truths:
            pieces = right = wrong = 0
            for piece in windows(letters_of(name), length):
                chance = burmese._zawgyi_probability(piece)
                pieces += 1
                said_zawgyi, said_unicode = chance >= burmese.SURE, chance <= 1 - burmese.SURE
                right += said_zawgyi if truth == "zawgyi" else said_unicode
                wrong += said_unicode if truth == "zawgyi" else said_zawgyi
            yield length, truth, pieces, right, wrong, pieces - right - wrong


def pairs() -> list[tuple[str, str]]:
    """(Zawgyi, Unicode) of each township."""
    with (VECTORS / "pairs.csv").open(encoding="utf-8", newline="") as stream:
        return [(row["zawgyi"], row["unicode"]) for row in csv.DictReader(stream)]


def conversion() -> dict[str, int]:
    """How the rule set does on the pairs whose two strings differ."""
    differing = [(z, u) for z, u in pairs() if z != u]
    return {
        "pairs": len(differing),
        "the same in NFC": sum(zawgyi_to_unicode(z) == normalize("NFC", u) for z, u in differing),
        "the same but for the order of marks": sum(
            zawgyi_to_unicode(z) == in_storage_order(u) for z, u in differing
        ),
        "the same search key": sum(bool(set(keys(z)) & set(keys(u))) for z, u in differing),
    }


def table() -> str:
    """Both tables as they stand in docs/burmese.md."""
    lines = ["| letters | text | pieces | right | wrong | not told |", "|---|---|---|---|---|---|"]
    for length, truth, pieces, right, wrong, untold in by_length():
        shares = " | ".join(f"{100 * n / pieces:.1f} %" for n in (right, wrong, untold))
        lines.append(f"| {length} | {truth} | {pieces} | {shares} |")
    lines += ["", "| names in Zawgyi, converted | pairs |", "|---|---|"]
    lines += [f"| {what} | {count} |" for what, count in conversion().items()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
