"""Places of Myanmar by name: which P-codes a name may stand for. Nothing is chosen for anybody.

The list lies in seeds/places. One name may belong to several places, and a spelling of one may
be the
name of another: whoever asks gets all of them and decides.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from evidence_vault.core.searchkey import folded, keys, query_keys
from evidence_vault.seeds import places_file

_PCODE = re.compile(r"MMR[0-9]{3}(?:[DS]?[0-9]{3})*", re.IGNORECASE)
# What people put behind a name, as it stands in a key.
_KINDS = re.compile(
    "(?:"
    + "|".join(map(folded, ("မြို့နယ်", "မြို့", "ခရိုင်", "ပြည်နယ်", "တိုင်းဒေသကြီး", "တိုင်း")))
    + r"|\b(?:township|tsp|district|state|region))\s*$"
)
_JOINTS = re.compile(r"[\s\-./()'’]+")
_APART = re.compile(r"\s*\(.*\)")  # what tells two places of one name apart
_SHORTEST = 3  # a spelling of fewer characters stands in too many other words


@dataclass(frozen=True, slots=True)
class Place:
    """``kind``: state or region, district, township … ``within``: codes above it."""

    pcode: str
    kind: str
    name_en: str
    name_my: str
    spellings: tuple[str, ...]
    within: tuple[str, ...]

    def to_json(self) -> dict[str, str]:
        return {
            "kind": self.kind,
            "name_en": self.name_en,
            "name_my": self.name_my,
            "pcode": self.pcode,
        }

    def names(self) -> tuple[str, ...]:
        return (self.name_en, self.name_my, *self.spellings)


def candidates(text: str) -> tuple[Place, ...]:
    """Every place that ``text``, a P-code or a name, may mean; in order of code, often none."""
    by_name, by_code = _register()
    if _PCODE.fullmatch(text.strip()):
        found = by_code.get(text.strip().upper())
        return () if found is None else (found,)
    codes = {code for key in _names_asked(text) for code in by_name.get(key, ())}
    return tuple(by_code[code] for code in sorted(codes))


def with_all_within(meant: Iterable[Place]) -> tuple[str, ...]:
    """The codes of these places and of all that lie in them."""
    codes = {place.pcode for place in meant}
    if not codes:
        return ()
    every = _register()[1].values()
    return tuple(p.pcode for p in every if p.pcode in codes or codes.intersection(p.within))


def search_keys(text: str) -> tuple[str, ...]:
    """Keys under which a text is found: its own, and those of the other names of the place it
    names."""
    own = query_keys([text])
    others = [name for place in candidates(text) for name in (*place.names(), place.pcode)]
    return (*own, *(k for k in query_keys(others) if k not in own and len(k) >= _SHORTEST))


def uncoded(values: Iterable[str | None], most: int = 20) -> list[str]:
    """What to say of places that were given by name: the codes they may stand for.

    ``values``: places as they were given. Recorded is what was given, never one of these codes.
    """
    said: list[str] = []
    for value in dict.fromkeys(v for v in values if v and not _PCODE.fullmatch(v)):
        meant = candidates(value)
        if meant and len(said) < most:
            codes = ", ".join(f"{p.pcode} ({p.kind} {p.name_en}, {p.name_my})" for p in meant)
            said.append(
                f"the place {value!r} is recorded as text; P-codes of that name: {codes}; "
                "give one with --place to record it as a code"
            )
    return said


def _names_asked(text: str) -> set[str]:
    """Keys of a name as it was given, and of it without township, town and the like."""
    found: set[str] = set()
    for key in keys(text):
        found.add(_bare(key))
        found.add(_bare(_KINDS.sub("", key)))
    return found - {""}


def _bare(key: str) -> str:
    return _JOINTS.sub("", key)


@lru_cache(maxsize=1)
def _register() -> tuple[dict[str, Sequence[str]], dict[str, Place]]:
    """Codes by the key of each name, and places by code; read once, 400 lines."""
    by_name: dict[str, list[str]] = {}
    by_code: dict[str, Place] = {}
    with places_file().open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(line for line in stream if not line.startswith("#")):
            place = Place(
                row["pcode"],
                row["kind"],
                row["name_en"],
                row["name_my"],
                tuple(each for each in row["spellings"].split("|") if each),
                tuple(each for each in row["within"].split("|") if each),
            )
            by_code[place.pcode] = place
            for name in place.names():
                for key in _names_asked(name) | _names_asked(_APART.sub("", name)):
                    by_name.setdefault(key, []).append(place.pcode)
    return {key: tuple(codes) for key, codes in by_name.items()}, by_code
