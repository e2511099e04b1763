"""Bit rot in every kind of stored object, and older copies put back: each must be named."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.faults.registry import Try, fault
from tests.faults.world import GROUP, REBUILD, Judge, Place, quick, secret

from evidence_vault.cli.render_checking import DAMAGED_HINT, audit_hint
from evidence_vault.errors import VaultError
from evidence_vault.vault.checking import log_audit, log_checkpoint
from evidence_vault.vault.doctor import doctor
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.opening import open_vault
from evidence_vault.vault.rebuilding import rebuild

Chosen = Callable[[Path], list[Path]]


def named(pattern: str, last: bool = False) -> Chosen:
    """The files of a pattern below the disk; ``last``: the newest of them, by number."""

    def choose(disk: Path) -> list[Path]:
        found = sorted(disk.glob(pattern), key=lambda p: (len(str(p)), str(p)))
        return found[-1:] if last else found

    return choose


KINDS: dict[str, Chosen] = {
    "sealed original": named("vault/archive/objects/*/*"),
    "full commit": named("vault/control/commits/*", last=True),
    "partial tile": named("vault/archive/log/tile/0/000.p/*", last=True),
    "partial entry bundle": named("vault/archive/log/tile/entries/000.p/*", last=True),
    "checkpoint": named("vault/archive/log/checkpoint"),
    "newest stored state in evidence/": named("vault/archive/evidence/*/checkpoint", last=True),
    "earlier stored state in evidence/": named("vault/archive/evidence/1/checkpoint"),
    "keyring": named("vault/keyring.age"),
    "record of what was signed, inside": named("vault/signed"),
    "record of what was signed, outside": named("state/*.signed"),
    "vault.toml": named("vault/vault.toml"),
}
OF_A_GROUP: dict[str, Chosen] = {
    "stub of a commit": named("vault/control/commits/0"),
    "header pack": named("vault/control/headers/0"),
    "sealed pack of records": named("vault/archive/log/sealed/0"),
    "full tile": named("vault/archive/log/tile/0/000"),
    "full entry bundle": named("vault/archive/log/tile/entries/000"),
}


def grown(folder: Path) -> Place:
    """A vault with one published group, emptied commits, and a group that has begun."""
    place = Place.make(folder, items=GROUP - 12)
    with quick(place.state):
        for name in ("one", "two"):
            told = place.ingest(name)
            place.acknowledge([[r["id"], r["name"], r["sha256"]] for r in told["taken_in"]])
    return place


def flip(path: Path, rng: random.Random) -> int:
    """One bit of a file is another, in a byte that says something; returns which byte."""
    data = bytearray(path.read_bytes())
    begins = data.index(b"\n") if path.name == "vault.toml" else 0  # after its comment
    at = rng.choice([n for n in range(begins, len(data)) if data[n]] or [0])
    data[at] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return at


class Asked:
    """What each report says of a damaged vault."""

    def __init__(self, place: Place, verdict: Try) -> None:
        self.place, self.verdict = place, verdict
        self.bad = False
        self.ways: list[str] = []
        self._ask("doctor", lambda: doctor(place.vault, secret))
        self._ask("audit", self._audit)  # before fixity, whose event makes newer partial tiles
        self._ask("fixity", self._fixity)

    def _ask(self, name: str, report: Callable[[], dict[str, Any]]) -> None:
        try:
            told = report()
        except VaultError as error:
            self.bad = True
            self._note(f"{name}: {error.code}", error.hint)
            return
        for check in Judge._problems(told) if name == "doctor" else ():
            self.bad = True
            self._note(f"doctor: {check['name']}", check["command"])
        if name != "doctor" and told["exit"]:
            self.bad = True
            codes = {f.get("code", "damaged") for f in told.get("findings") or told["damaged"]}
            for code in sorted(codes):
                hint = DAMAGED_HINT if name == "fixity" else audit_hint(told)
                self._note(f"{name}: {code}", hint)

    def _note(self, what: str, way: str) -> None:
        if what not in self.verdict.saw:
            self.verdict.saw.append(what)
        if way and way not in self.ways:
            self.ways.append(way)

    def _fixity(self) -> dict[str, Any]:
        with open_vault(self.place.vault, secret) as vault:
            return fixity(vault, all=True)

    def _audit(self) -> dict[str, Any]:
        with open_vault(self.place.vault, secret) as vault:
            return log_audit(vault)


def rotten(model: Place, base: Path, kind: str, rng: random.Random) -> Try:
    place = model.copy(base)
    path = rng.choice({**KINDS, **OF_A_GROUP}[kind](base / "disk"))
    whole = base / "whole"
    shutil.copy2(path, whole)
    verdict = Try(f"{kind}, byte {flip(path, rng)}")
    with quick(place.state):
        asked = Asked(place, verdict)
        if not asked.bad:
            verdict.silent.append(f"nothing named {path.relative_to(base)}")
        elif not asked.ways:
            verdict.unmended.append("named, but with no command or way to mend it")
    verdict.mends.extend(asked.ways)
    shutil.copy2(whole, path)
    Judge(place, verdict).all_is_well("one", "two")
    return verdict


_FLIPPED = (
    "one bit flipped at random; then `doctor`, `fixity --all` and `log audit` are asked; then the "
    "file put back from a copy. Kinds: "
)


@fault(
    "bit rot in each kind of stored object",
    how=_FLIPPED + ", ".join(KINDS),
    sample=3,
    whole=4 * len(KINDS),
)
def bit_rot(folder: Path, most: int) -> Iterator[Try]:
    model = Place.make(folder / "model", items=6)
    for number in range(most):
        kind = list(KINDS)[number % len(KINDS)]
        yield rotten(model, folder / f"b{number}", kind, random.Random(f"{kind} {number}"))


@fault(
    "bit rot in what is made when 256 entries are complete",
    how=_FLIPPED + ", ".join(OF_A_GROUP),
    sample=0,
    whole=len(OF_A_GROUP),
)
def bit_rot_group(folder: Path, most: int) -> Iterator[Try]:
    model = grown(folder / "model")
    for number in range(most):
        kind = list(OF_A_GROUP)[number % len(OF_A_GROUP)]
        yield rotten(model, folder / f"b{number}", kind, random.Random(f"{kind} {number}"))


@fault(
    "bit rot in the catalogue",
    how="one bit flipped at random in `catalogue.db`; then asked as above, then `rebuild`",
    sample=0,
    whole=24,
)
def bit_rot_catalogue(folder: Path, most: int) -> Iterator[Try]:
    model = Place.make(folder / "model", items=6)
    with quick(model.state):
        before = listed(model)
    for number in range(most):
        place = model.copy(folder / f"b{number}")
        at = flip(place.vault / "catalogue.db", random.Random(number))
        verdict = Try(f"byte {at}")
        with quick(place.state):
            asked = Asked(place, verdict)
            if not asked.bad and listed(place) != before:
                verdict.silent.append("items are listed otherwise, and nothing is named")
            if asked.bad and not any(REBUILD in way for way in asked.ways):
                verdict.unmended.append(f"rebuild is not named: {asked.ways}")
            if asked.bad:
                verdict.mends.append(REBUILD)
            rebuild(place.vault, secret)
        Judge(place, verdict).all_is_well("old", "one", "two")
        yield verdict


def listed(place: Place) -> object:
    """All that the catalogue says of items."""
    try:
        with open_vault(place.vault, secret) as vault:
            return [dict(row) for row in vault.catalogue.find()]
    except VaultError as error:
        return error.code


# ---- older copies ---------------------------------------------------------------------------

PARTS = {
    "catalogue": ["vault/catalogue.db"],
    "catalogue and control/": ["vault/catalogue.db", "vault/control"],
    "control/": ["vault/control"],
    "archive/": ["vault/archive"],
    "archive/ and control/": ["vault/archive", "vault/control"],
    "signed": ["vault/signed"],
    "record outside the vault": ["state"],
    "whole vault": ["vault"],
}


def put_back(old: Path, disk: Path, part: str) -> None:
    target = disk / part
    if target.is_dir():
        shutil.rmtree(target)
        shutil.copytree(old / part, target)
    else:
        shutil.copy2(old / part, target)


@fault(
    "an older copy of a part of the vault put back",
    how="what was there before eight more files came in is put back, then `doctor`, `log audit` "
    "and `ingest` are asked, then the newest copy is put back. Parts: " + ", ".join(PARTS),
    sample=3,
    whole=len(PARTS),
)
def older_parts(folder: Path, most: int) -> Iterator[Try]:
    model = Place.make(folder / "model")
    shutil.copytree(model.base / "disk", folder / "old")
    with quick(model.state):
        for name in ("one", "two"):
            told = model.ingest(name)
            model.acknowledge([[r["id"], r["name"], r["sha256"]] for r in told["taken_in"]])
    for number, (title, parts) in enumerate(PARTS.items()):
        if number >= most:
            return
        place = model.copy(folder / f"p{number}")
        for part in parts:
            put_back(folder / "old", place.base / "disk", part)
        verdict = Try(title)
        with quick(place.state):
            asked = Asked(place, verdict)
            verdict.mends.extend(asked.ways)
            refused = _refused(place, verdict)
        if title == "catalogue":
            if refused:
                verdict.unmended.append("an old catalogue is no reason to refuse")
        elif not asked.bad or not refused:
            verdict.silent.append("an older copy was taken for the newest")
        if title != "catalogue":
            for part in ("vault", "state"):
                put_back(model.base / "disk", place.base / "disk", part)
        Judge(place, verdict).all_is_well("one", "two")
        yield verdict


def _refused(place: Place, verdict: Try) -> bool:
    try:
        place.ingest("one")
    except VaultError as error:
        if error.code not in verdict.saw:
            verdict.saw.append(error.code)
        return True
    return False


@fault(
    "last week's whole vault put back together with its record outside, and a partner asked",
    how="as above; nothing on the machine can show it, so a partner's newer checkpoint is given "
    "(`log checkpoint --expect FILE`)",
    sample=1,
    whole=1,
)
def older_whole(folder: Path, most: int) -> Iterator[Try]:
    place = Place.make(folder / "model")
    shutil.copytree(place.base / "disk", folder / "old")
    verdict = Try("whole vault and record outside")
    with quick(place.state):
        told = place.ingest("one")
        place.acknowledge([[r["id"], r["name"], r["sha256"]] for r in told["taken_in"]])
        note = folder / "partner"
        with open_vault(place.vault, secret) as vault:
            note.write_text(log_checkpoint(vault)["checkpoint"])
        shutil.copytree(place.base / "disk", folder / "new")
        for part in ("vault", "state"):
            put_back(folder / "old", place.base / "disk", part)
        try:
            with open_vault(place.vault, secret) as vault:
                log_checkpoint(vault, expect=note)
            verdict.silent.append("the partner's newer checkpoint was not noticed")
        except VaultError as error:
            verdict.saw.append(error.code)
            verdict.mends.append(error.hint)
        for part in ("vault", "state"):
            put_back(folder / "new", place.base / "disk", part)
    Judge(place, verdict).all_is_well("one", "two")
    yield verdict
