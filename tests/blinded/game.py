"""The game: which of two files of one size class is in the vault? Scored the same for every maker.

Of each pair a coin decides which file the vault takes in. The adversary has both files, all that is
public, and two vaults of his own. An attack that beats a coin by more than luck loses the game
for the vault.
"""

from __future__ import annotations

import csv
import math
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.blinded.attacks import ATTACKS, Attack, Candidate, World
from tests.blinded.public import Public, collect
from tests.vault.conftest import MakeVault
from tests.vault.vaults import Made

from evidence_vault.core.exchange import format_request
from evidence_vault.seal.timestamping import make_request
from evidence_vault.vault.cosignatures import build_request

PAIRS = 40
_AT_A_TIME = 12
CHANCE = 1e-9  # of calling a fair coin loaded, for one attack
SMALL = 4_001  # bytes; of the Padmé class of 4,096


@dataclass(frozen=True)
class Result:
    """Of the pairs on which the attack gave an answer."""

    right: int
    wrong: int

    @property
    def wins(self) -> bool:
        """Better (or worse, which is as good) than a coin by more than luck explains."""
        answered = self.right + self.wrong
        most = max(self.right, self.wrong)
        tail = sum(math.comb(answered, k) for k in range(most, answered + 1)) / 2**answered
        return answered > 0 and 2 * tail < CHANCE


@dataclass(frozen=True)
class Game:
    """``pairs`` of candidates, ``taken``: which of each is in the vault, and what is public."""

    pairs: Sequence[tuple[Candidate, Candidate]]
    taken: Sequence[int]
    world: World

    def play(self, attack: Attack) -> Result:
        right = wrong = 0
        for pair, truth in zip(self.pairs, self.taken, strict=True):
            scores = [attack(self.world, candidate, which) for which, candidate in enumerate(pair)]
            if scores[0] != scores[1]:
                guessed = int(scores[1] > scores[0])
                right, wrong = right + (guessed == truth), wrong + (guessed != truth)
        return Result(right, wrong)

    def winners(self) -> dict[str, Result]:
        """The attacks that beat chance."""
        played = {name: self.play(attack) for name, attack in ATTACKS.items()}
        return {name: result for name, result in played.items() if result.wins}


def make_pairs(count: int = PAIRS) -> list[tuple[Candidate, Candidate]]:
    """Pairs of files of one size class and of names of one length, everything else different."""
    pairs = []
    for number in range(count):
        one, other = (
            Candidate(
                f"{secrets.token_hex(6)}.bin",
                secrets.token_bytes(SMALL + 2 * (number % 24) + which),
                (
                    ("title", f"title {secrets.token_hex(8)}"),
                    ("source_code", f"S-{secrets.token_hex(8)}"),
                    ("description", f"words {secrets.token_hex(8)}"),
                ),
                1_700_000_000_000_000_000 + secrets.randbelow(10**17),
            )
            for which in (0, 1)
        )
        pairs.append((one, other))
    return pairs


def take_in(vault: Made, folder: Path, files: Sequence[Candidate], **request: Any) -> None:
    """All files with their fields, so few at a time that it happens in this process: makers
    count."""
    for start in range(0, len(files), _AT_A_TIME):
        part = files[start : start + _AT_A_TIME]
        place = folder / str(start)
        place.mkdir(parents=True)
        sheet = place / "sheet.csv"
        with sheet.open("w", newline="") as stream:
            rows = csv.writer(stream)
            rows.writerow(["file", *(name for name, _ in part[0].fields)])
            for candidate in part:
                path = place / candidate.name
                path.write_bytes(candidate.content)
                os.utime(path, ns=(candidate.time_ns, candidate.time_ns))
                rows.writerow([candidate.name, *(value for _, value in candidate.fields)])
        result = vault.ingest(sheet=sheet, **request)
        came = len(result["taken_in"]) + len(result["received_again"])
        assert (result["exit"], came) == (0, len(part))


def entries_of(vault: Made) -> list[bytes]:
    with vault.open() as opened:
        return [
            committed.entry
            for commit in opened.log.commits(0)
            for committed in opened.log.contents(commit)
        ]


def public_of(vault: Made) -> Public:
    """What is public of a vault on disk; pins of other vaults beside it are left out."""
    with vault.open() as opened:
        pins = opened.folder  # the state folder is shared: take the whole, it holds no names
        asked = {
            "witness-request": format_request(build_request(opened, 0)),
            "stamp-request": make_request(opened.log.checkpoint() or b""),
        }
    assert pins == vault.folder
    public = collect(vault.folder, vault.folder / "no-state", entries_of(vault))
    public.sent.update(asked)
    return public


def make_game(make_vault: MakeVault, folder: Path, count: int = PAIRS, **options: Any) -> Game:
    """Three vaults by one maker: the attacked one and two of the adversary's own."""
    pairs = make_pairs(count)
    taken = [secrets.randbelow(2) for _ in pairs]
    made = []
    for name, choice in (("attacked", taken), ("own-0", [0] * count), ("own-1", [1] * count)):
        vault = make_vault(name, **options)
        chosen = [pair[which] for pair, which in zip(pairs, choice, strict=True)]
        take_in(vault, folder / f"in-{name}", chosen)
        made.append(public_of(vault))
    return Game(
        pairs, taken, World(made[0], (made[1], made[2]), tuple(c for pair in pairs for c in pair))
    )
