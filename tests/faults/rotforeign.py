"""Bit rot in what a vault keeps of others: logs of partners, trust documents of the network."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.faults.driver import PASSPHRASE
from tests.faults.registry import Try, fault
from tests.faults.rot import Asked, flip
from tests.faults.world import Place, quick, secret
from tests.network import desks as houses
from tests.network.desks import agree, call, good, make_desk, words
from tests.transfer.worlds import make_world

from evidence_vault.vault.checking import log_audit
from evidence_vault.vault.opening import open_vault

_HOW = (
    "one bit flipped at random; then `doctor`, `fixity --all` and `log audit` are asked; then the "
    "file put back from a copy"
)


class Elsewhere(Place):
    """A vault that other tests made: its folder is not where those of a Place are."""

    def __init__(self, base: Path, vault: Path, state: Path) -> None:
        super().__init__(base, base)
        self._vault, self._state = vault, state

    @property
    def vault(self) -> Path:
        return self._vault

    @property
    def state(self) -> Path:
        return self._state


def rot_each(place: Place, files: Sequence[Path], most: int) -> Iterator[Try]:
    """One file after the other, in place; each is put back."""
    for number in range(most):
        path = files[number % len(files)]
        kept = place.base / "kept"
        shutil.copy2(path, kept)
        verdict = Try(f"{path.relative_to(place.vault)}, byte {flip(path, random.Random(number))}")
        asked = Asked(place, verdict)
        if not asked.bad:
            verdict.silent.append("nothing named it")
        verdict.mends.extend(asked.ways)
        shutil.copy2(kept, path)
        with open_vault(place.vault, secret) as vault:
            told = log_audit(vault)
        if told["exit"]:
            verdict.unmended.append(f"audit afterwards: {told['findings']}")
        yield verdict


@fault("bit rot in a partner's log kept here", how=_HOW, sample=0, whole=12)
def bit_rot_foreign(folder: Path, most: int) -> Iterator[Try]:
    with quick(folder / "state"):
        (folder / "world").mkdir()
        world = make_world(folder / "world").handed_over()
        place = Elsewhere(folder, world.desk, folder / "state")
        foreign = world.desk / "archive" / "foreign"
        yield from rot_each(place, sorted(p for p in foreign.rglob("*") if p.is_file()), most)


@fault("bit rot in a trust document of the network", how=_HOW, sample=0, whole=4)
def bit_rot_trust(folder: Path, most: int) -> Iterator[Try]:
    with quick(folder / "state"):
        houses.PASSPHRASE = PASSPHRASE
        desks = [make_desk(folder, f"House {n}") for n in range(3)]
        draft = folder / "draft.json"
        entries = [desk.entry() for desk in desks]
        terms = ("--threshold", 2, "--quorum", 1, "-o", draft)
        good(call("trust", "network", "new", *entries, *terms))
        first = agree(folder, draft, desks[:2], "trust-1.json")
        told = ("--fingerprint", words(first), "--by", "d")
        good(desks[0].call("trust", "network", "accept", first, *told))
        place = Elsewhere(folder, desks[0].vault, folder / "state")
        trust = desks[0].vault / "archive" / "trust"
        yield from rot_each(place, sorted(p for p in trust.rglob("*") if p.is_file()), most)
