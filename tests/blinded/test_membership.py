"""Whoever holds every public artefact and the plain file can't tell whether a vault has it.

First the adversary loses against the program as it is. Then the same attacks, scored the same way,
win against makers that were weakened in one place each: the game can be lost.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.blinded.attacks import ATTACKS, digests
from tests.blinded.game import Game, make_game
from tests.vault.conftest import MakeVault

from evidence_vault.core import age
from evidence_vault.core.age import padding
from evidence_vault.core.disclosure import Disclosure, make_disclosure
from evidence_vault.seal import units
from evidence_vault.vault import entrymaking, writer

WEAK_PAIRS = 32


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Game:
    """The program as it is."""
    from tests.vault.vaults import PASSPHRASE, Made

    from evidence_vault.seal import keyring
    from evidence_vault.vault.creation import create_vault

    folder = tmp_path_factory.mktemp("game")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring, "LOG_N", 10)
        patch.setenv("EVIDENCE_VAULT_STATE", str(folder / "state"))
        patch.setenv("EVIDENCE_VAULT_EXIFTOOL", "off")

        def make(name: str = "vault", **options: Any) -> Made:
            made = create_vault(folder / name, org="Test House", passphrase=PASSPHRASE, **options)
            return Made(folder / name, Path(made["recovery_file"]), folder / "state")

        return make_game(make, folder)


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_the_adversary_with_every_artefact_and_the_file_loses(game: Game, name: str) -> None:
    result = game.play(ATTACKS[name])
    assert not result.wins, (name, result)


@pytest.mark.slow
def test_no_attack_even_has_an_answer(game: Game) -> None:
    """Stronger than losing: not one score differs between the file and one that isn't there."""
    assert {name: game.play(attack) for name, attack in ATTACKS.items()} == dict.fromkeys(
        ATTACKS, game.play(lambda world, candidate, which: 0)
    )


def test_thousands_of_candidates_find_nothing(game: Game) -> None:
    """Digests of 5,000 files and of every file that is there: none among all words of all
    artefacts."""
    tokens = game.world.vault.tokens
    there = [pair[which].content for pair, which in zip(game.pairs, game.taken, strict=True)]
    others = [secrets.token_bytes(64) for _ in range(5_000)]
    for content in (*there, *others):
        for digest in digests(content):
            assert digest[:8] not in tokens


def test_the_same_file_twice_leaves_no_two_equal_values(
    make_vault: MakeVault, tmp_path: Path
) -> None:
    """Two entries with the same values, and two vaults with the same file, share no commitment."""
    from tests.blinded.game import make_pairs, public_of, take_in

    (pair,) = make_pairs(1)
    publics = []
    for name in ("one", "two"):
        vault = make_vault(name)
        take_in(vault, tmp_path / f"in-{name}" / "a", [pair[0]], by="clerk")
        take_in(vault, tmp_path / f"in-{name}" / "b", [pair[0]], by="clerk")  # received again
        publics.append(public_of(vault))
    for public in publics:
        commitments = [digest for _, digest in public.commitments]
        assert len(commitments) >= 20
        assert len(set(commitments)) == len(commitments)
        ids = [unit.id for event in public.events for unit in event.units]
        headers = [unit.header for event in public.events for unit in event.units]
        assert len(set(ids)) == len(ids) and len(set(headers)) == len(headers)
    one, two = publics
    assert not {d for _, d in one.commitments} & {d for _, d in two.commitments}
    assert not set(one.objects) & set(two.objects)


# -- makers that were weakened, each in one place -----------------------------------------------

Weaken = Callable[[pytest.MonkeyPatch], None]


def salt_fixed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(writer, "make_disclosure", lambda salt, n, v: make_disclosure(bytes(32), n, v))


def salt_from_the_field_name(patch: pytest.MonkeyPatch) -> None:
    def weak(salt: bytes, name: str, value: Any) -> Disclosure:
        return make_disclosure(hashlib.sha256(name.encode()).digest(), name, value)

    patch.setattr(writer, "make_disclosure", weak)


def salt_from_the_value(patch: pytest.MonkeyPatch) -> None:
    def weak(salt: bytes, name: str, value: Any) -> Disclosure:
        return make_disclosure(hashlib.sha256(str(value).encode()).digest(), name, value)

    patch.setattr(writer, "make_disclosure", weak)


def plain_digest_in_clear(patch: pytest.MonkeyPatch) -> None:
    """The commitment to content_sha256 is that digest itself."""
    real = entrymaking.build_entry

    def weak(**given: Any) -> Any:
        for one in given["disclosures"]:
            if one.name == "content_sha256":
                given["tool"] = one.value
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(entrymaking, "TOOL", given.pop("tool", entrymaking.TOOL))
            return real(**given)

    patch.setattr(writer, "build_entry", weak)


def unpadded_size(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(padding, "padme", lambda length: length)


def file_key_reused(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(age, "new_file_key", lambda: bytes(16))


def unit_id_as_file_key(patch: pytest.MonkeyPatch) -> None:
    real = units.UnitMaker.new

    def weak(self: units.UnitMaker) -> units.UnitKey:
        made = real(self)
        return units.UnitKey(made.file_key.hex(), made.file_key, made.header)

    patch.setattr(units.UnitMaker, "new", weak)


@pytest.mark.parametrize(
    ("weaken", "caught_by"),
    [
        (salt_fixed, "commitments_without_salt"),
        pytest.param(
            salt_from_the_field_name,
            "common_with_own_vault",
            marks=pytest.mark.slow,
            id="salt_from_the_field_name",
        ),
        pytest.param(
            salt_from_the_value,
            "common_with_own_vault",
            marks=pytest.mark.slow,
            id="salt_from_the_value",
        ),
        pytest.param(
            plain_digest_in_clear,
            "plain_digests",
            marks=pytest.mark.slow,
            id="plain_digest_in_clear",
        ),
        (unpadded_size, "exact_size"),
        pytest.param(file_key_reused, "file_keys", marks=pytest.mark.slow, id="file_key_reused"),
        pytest.param(
            unit_id_as_file_key, "file_keys", marks=pytest.mark.slow, id="unit_id_as_file_key"
        ),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_weakened_maker_is_caught(
    make_vault: MakeVault,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    weaken: Weaken,
    caught_by: str,
) -> None:
    weaken(monkeypatch)
    weak = make_game(make_vault, tmp_path, WEAK_PAIRS)
    result = weak.play(ATTACKS[caught_by])
    assert result.wins and result.wrong == 0, (weaken.__name__, result)


def test_the_plaintext_mode_is_not_blinded_as_the_pages_say(
    make_vault: MakeVault, tmp_path: Path
) -> None:
    """--plaintext gives it all up, and the same attacks say so."""
    weak = make_game(make_vault, tmp_path, WEAK_PAIRS, plaintext=True)
    assert {"plain_digests", "exact_size", "common_with_own_vault"} <= set(weak.winners())


@pytest.mark.slow
def test_a_salt_used_for_two_values_is_caught_once_one_is_revealed(
    make_vault: MakeVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One receipt that shows a title gives away every field that shares its salt."""
    salt = secrets.token_bytes(32)
    monkeypatch.setattr(writer, "make_disclosure", lambda s, n, v: make_disclosure(salt, n, v))
    weak = make_game(make_vault, tmp_path, WEAK_PAIRS)
    assert not weak.play(ATTACKS["salts_seen_elsewhere"]).wins
    shown = make_disclosure(salt, "title", "some title")
    weak.world.vault.sent["receipt"] = b"event 3\nreveal " + shown.raw + b"\n"
    assert weak.play(ATTACKS["salts_seen_elsewhere"]).wins
