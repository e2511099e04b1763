"""The kinds of fault by name, and what came of each try.

A fault is a generator of tries, entered with ``@fault(...)``; by being in a module that
``table.MODULES`` names it is in the table and in the tests. One that can't be tried here says why
with ``Missing``; it never counts as tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path


class Missing(Exception):
    """This machine lacks what the fault is made with."""


@dataclass
class Try:
    """One fault and what was found afterwards.

    ``lost``: acknowledged items that could not be had again byte for byte after what mends the
    fault was done. ``silent``: claims that were false, such as a good fixity report over damage.
    ``unmended``: a state left behind that no command named put right. ``saw``: codes and sentences
    the user was shown. ``mends``: commands named that put it right; empty when nothing was needed.
    """

    name: str
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    unmended: list[str] = field(default_factory=list)
    saw: list[str] = field(default_factory=list)
    mends: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        told = {"lost": self.lost, "silent": self.silent, "not mended": self.unmended}
        return [f"{self.name}: {word}: {what}" for word, all_ in told.items() for what in all_]


Tries = Callable[[Path, int], Iterator[Try]]
"""(an empty folder to work in, how many tries where they are drawn by lot) → tries."""


@dataclass(frozen=True)
class Fault:
    """``level``: which part was under test. ``sample``: tries in the quick tests, 0 for none;
    ``whole``: tries of ``make fault-table``; ``known``: why some end badly still."""

    title: str
    how: str
    level: str
    tries: Tries
    sample: int
    whole: int
    known: str = ""


REGISTRY: dict[str, Fault] = {}
VAULT = "whole vault (folder, SQLite)"


def fault(
    title: str,
    *,
    how: str,
    level: str = VAULT,
    sample: int = 2,
    whole: int = 1000,
    known: str = "",
) -> Callable[[Tries], Tries]:
    """Enter a fault under the name of the function that makes its tries."""

    def enter(tries: Tries) -> Tries:
        name = tries.__name__
        assert name not in REGISTRY
        REGISTRY[name] = Fault(title, how, level, tries, sample, whole, known)
        return tries

    return enter
