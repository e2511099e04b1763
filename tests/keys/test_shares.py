"""The recovery file among people: any k of n give it back, fewer, mixed or damaged ones do not."""

from __future__ import annotations

import inspect
import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.keys import acts
from tests.vault.vaults import Made

from evidence_vault.core import age
from evidence_vault.errors import Exit, KeyProblem, UsageError, VaultError
from evidence_vault.seal import shares
from evidence_vault.seal.recovery import Recovery, format_recovery
from evidence_vault.seal.shares import join_shares, split_recovery
from evidence_vault.vault.backup import backup, restore
from evidence_vault.vault.keychanges import Ceremony, rotate

PLAIN = format_recovery(Recovery(age.PQIdentity.from_seed(b"\1" * 32), b"\2" * 32), "a-log-0001")


def named(texts: list[str], chosen: tuple[int, ...]) -> dict[str, bytes]:
    return {f"share {i}": texts[i].encode() for i in chosen}


@pytest.mark.parametrize(("n", "k"), [(2, 2), (3, 2), (5, 3), (6, 6)])
def test_every_k_of_n_restore_and_every_fewer_fail(n: int, k: int) -> None:
    texts = split_recovery(PLAIN, n, k)
    assert len(texts) == n
    for chosen in itertools.combinations(range(n), k):
        assert join_shares(named(texts, chosen)) == PLAIN
    for fewer in range(1, k):
        for chosen in itertools.combinations(range(n), fewer):
            with pytest.raises(KeyProblem) as caught:
                join_shares(named(texts, chosen))
            assert caught.value.code == "E-SHARES"
            assert caught.value.exit_status == Exit.KEY
    assert join_shares(named(texts, tuple(range(n)))) == PLAIN  # more than enough is enough


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_recovery_file_any_numbers_any_order(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 16))
    k = data.draw(st.integers(2, n))
    seed, root = data.draw(st.binary(min_size=32, max_size=32)), b"\3" * 32
    plain = format_recovery(Recovery(age.PQIdentity.from_seed(seed), root), "a-log-0001")
    texts = split_recovery(plain, n, k)
    chosen = tuple(data.draw(st.permutations(range(n)))[:k])
    assert join_shares(named(texts, chosen)) == plain


def test_a_published_vector_of_slip_39_is_combined() -> None:
    """No. 4, "Basic sharing 2-of-3 (128 bits)", of vectors.json beside SLIP-39's reference code.

    Source: github.com/trezor/python-shamir-mnemonic, MIT. It holds the library we use to it.
    """
    from shamir_mnemonic import combine_mnemonics

    shares = [
        "shadow pistol academic always adequate wildlife fancy gross oasis cylinder mustang wrist "
        "rescue view short owner flip making coding armed",
        "shadow pistol academic acid actress prayer class unknown daughter sweater depict flip "
        "twice unkind craft early superior advocate guest smoking",
    ]
    secret = combine_mnemonics(shares, b"TREZOR")
    assert secret.hex() == "b43ceb7e57a0ea8766221624d01b0864"


def test_mixed_repeated_and_damaged_shares_are_named() -> None:
    said = set(re.findall(r"[a-z]+", inspect.getsource(shares)))  # what messages say anyhow
    while True:
        one, two = split_recovery(PLAIN, 3, 2), split_recovery(PLAIN, 3, 2)
        word = re.search(r"BEGIN SHARE WORDS-----\n(\w+) (\w+)", one[0])
        assert word is not None
        if not said & {word[1], word[2]}:
            break
    swapped = one[0].replace(f"{word[1]} {word[2]}", f"{word[2]} {word[1]}", 1)
    shorter = one[0].replace(f"{word[1]} ", "", 1)
    damaged = one[0].replace("AGE ENCRYPTED FILE-----\nYWdl", "AGE ENCRYPTED FILE-----\nYWdm", 1)
    assert damaged != one[0]
    cases = {
        "another set": (one[0], two[1]),
        "same share": (one[0], one[0]),
        "wrong, missing": (swapped, one[1]),
        "wrong, missing ": (shorter, one[1]),
        "different encrypted": (damaged, one[1]),
        "not a share": ("hello", one[1]),
        "4 to 8 letters": (one[0].replace(word[1], "Ünïcode", 1), one[1]),
    }
    for says, texts in cases.items():
        with pytest.raises(KeyProblem) as caught:
            join_shares({"first": texts[0].encode(), "second": texts[1].encode()})
        assert says.strip() in caught.value.message
        for secret_word in (word[1], word[2]):
            assert f" {secret_word} " not in caught.value.message


def test_words_alone_are_enough_beside_one_block() -> None:
    """What somebody copied by hand from paper, in capitals and on one line."""
    texts = split_recovery(PLAIN, 3, 2)
    words = texts[0].split("-----BEGIN SHARE WORDS-----\n")[1].split("-----END")[0]
    typed = (
        "-----BEGIN SHARE WORDS-----\n" + " ".join(words.upper().split()) + "\n"
        "-----END SHARE WORDS-----\n"
    )
    assert join_shares({"paper": typed.encode(), "file": texts[2].encode()}) == PLAIN
    with pytest.raises(KeyProblem):
        join_shares({"paper": typed.encode(), "other": typed.encode()})


def test_backup_and_restore_of_a_real_vault(vault: Made, tmp_path: Path) -> None:
    """The sealed recovery file of `init`, split, restored, and used for a rotation."""
    done = backup(vault.recovery, tmp_path / "shares", 5, 3, acts.secret)
    files = sorted((tmp_path / "shares").iterdir())
    assert [str(f) for f in files] == done["files"]
    assert all(f.stat().st_mode & 0o077 == 0 for f in files)
    assert b"AGE-SECRET-KEY" not in b"".join(f.read_bytes() for f in files)
    restored = tmp_path / "recovery.txt"
    restore([files[4], files[0], files[2]], restored)
    assert restored.stat().st_mode & 0o077 == 0
    with vault.open() as opened:
        rotate(opened, "events", Ceremony(restored, acts.secret, lambda: ""))
    assert vault.assert_sound() == 0


def test_nothing_is_left_behind_by_a_backup_or_restore_that_fails(
    vault: Made, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    before = set(os.listdir(tmp_path))
    acts_that_fail: list[Callable[[], object]] = [
        lambda: backup(vault.recovery, out, 5, 3, lambda: "wrong passphrase"),
        lambda: backup(vault.recovery, out, 3, 4, acts.secret),
        lambda: backup(vault.recovery, out, 17, 2, acts.secret),
        lambda: backup(vault.recovery, out, 3, 1, acts.secret),
        lambda: backup(vault.folder / "keyring.age", out, 3, 2, acts.secret),
        lambda: backup(tmp_path / "none", out, 3, 2, acts.secret),
        lambda: restore([vault.recovery], out),
    ]
    for act in acts_that_fail:
        with pytest.raises(VaultError):
            act()
        assert set(os.listdir(tmp_path)) == before
    out.mkdir()
    with pytest.raises(UsageError):
        backup(vault.recovery, out, 3, 2, acts.secret)


@pytest.mark.skipif(shutil.which("age") is None, reason="age is absent")
def test_the_block_is_plain_armoured_age(tmp_path: Path) -> None:
    """Stock age must recognise it (it refuses the key kind only, or opens it)."""
    text = split_recovery(PLAIN, 2, 2)[0]
    block = "-----BEGIN AGE" + text.split("-----BEGIN AGE")[1]
    (tmp_path / "block").write_text(block)
    done = subprocess.run(
        ["age", "-d", "-i", "/dev/null", str(tmp_path / "block")], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "armor" not in done.stderr
    assert "header" not in done.stderr
