"""A recovery file split among people: any k of n shares give it back, fewer show nothing.

What is split is neither the recovery identity nor the root seed but a fresh secret of 32 bytes,
by SLIP-39. That secret is the seed of an age identity, and the recovery file, as it is, is
encrypted to it. Each share is one text file with its words and that encrypted recovery file:

    words = SLIP-39 mnemonic (33 words) of secret, group 1 of 1, k of n, no passphrase
    block = age armour of the recovery file for PQIdentity(secret)             (docs/keys.md)

So one set of words serves for both secrets, and stock ``age`` opens the block with the seed that
any SLIP-39 program combines.
"""

from __future__ import annotations

import base64
import io
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from shamir_mnemonic import MnemonicError, Share, combine_mnemonics, generate_mnemonics

from evidence_vault.core import age
from evidence_vault.errors import KeyProblem, UsageError, VaultError

MAX_SHARES = 16
MAX_SHARE_FILE = 1024 * 1024
_SECRET = 32
_WORDS = ("-----BEGIN SHARE WORDS-----", "-----END SHARE WORDS-----")
_BLOCK = ("-----BEGIN AGE ENCRYPTED FILE-----", "-----END AGE ENCRYPTED FILE-----")
_WORD = re.compile(r"[a-z]{4,8}\Z")
_COLUMNS = 64
_WORDS_A_LINE = 6


@dataclass(frozen=True)
class ParsedShare:
    """What one share file holds; ``block`` is None when only its words are there."""

    words: str
    block: bytes | None


def split_recovery(plain: bytes, shares: int, threshold: int) -> list[str]:
    """The texts of the share files of a recovery file (its plain text).

    Raises UsageError unless 2 <= threshold <= shares <= 16.
    """
    if not 2 <= threshold <= shares <= MAX_SHARES:
        raise UsageError(
            "--threshold is at least 2 and at most --shares, which is at most 16",
            code="E-SHARES-NUMBER",
        )
    secret = secrets.token_bytes(_SECRET)
    mnemonics = generate_mnemonics(1, [(threshold, shares)], secret)[0]
    sealed = io.BytesIO()
    recipient = age.PQIdentity.from_seed(secret).to_recipient()
    age.encrypt_stream([recipient], io.BytesIO(plain), sealed)
    armour = _armour(sealed.getvalue())
    return [
        _text(number, shares, threshold, words, armour)
        for number, words in enumerate(mnemonics, start=1)
    ]


def join_shares(texts: Mapping[str, bytes]) -> bytes:
    """The recovery file's plain text from share files by name; undoes :func:`split_recovery`.

    Raises KeyProblem (E-SHARES) naming what is wrong: too few shares, shares of different sets,
    a share twice, one with a wrong word, a damaged block.
    """
    parsed = {name: parse_share(name, data) for name, data in texts.items()}
    needed = _demand_enough(parsed)
    chosen = [share.words for share in parsed.values()][:needed]
    blocks = {share.block for share in parsed.values() if share.block is not None}
    if len(blocks) != 1:
        raise _problem(
            "the shares hold different encrypted recovery files"
            if blocks
            else "none of the shares holds the encrypted recovery file"
        )
    try:
        secret = combine_mnemonics(chosen)
    except MnemonicError as error:
        raise _problem("the shares do not fit together: one was changed") from error
    plain = io.BytesIO()
    try:
        identity = age.PQIdentity.from_seed(secret)
        age.decrypt_stream([identity], io.BytesIO(blocks.pop()), plain)
    except VaultError as error:
        raise _problem(
            f"the encrypted recovery file in the shares can't be opened with them: {error.message}"
        ) from error
    return plain.getvalue()


def parse_share(name: str, data: bytes) -> ParsedShare:
    """Words and block of one share file; raises KeyProblem naming the file."""
    try:
        lines = [line.strip() for line in data.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        lines = []
    words = _between(lines, _WORDS)
    if words is None:
        raise _problem(f"{name} is not a share: it has no share words")
    said = " ".join(" ".join(words).lower().split())
    wrong = next((w for w in said.split(" ") if not _WORD.match(w)), None)
    if wrong is not None:
        raise _problem(f"{name}: a share word has 4 to 8 letters a to z")
    block = _between(lines, _BLOCK)
    try:
        sealed = None if block is None else base64.b64decode("".join(block), validate=True)
    except ValueError:
        raise _problem(f"{name}: its encrypted recovery file is damaged") from None
    return ParsedShare(said, sealed)


def _demand_enough(parsed: Mapping[str, ParsedShare]) -> int:
    """How many shares are needed; raises KeyProblem unless that many of one set are there."""
    places: dict[int, str] = {}
    first: Share | None = None
    for name, each in parsed.items():
        try:
            share = Share.from_mnemonic(each.words)
        except MnemonicError as error:
            raise _problem(f"{name}: a word is wrong, missing or too many") from error
        if first is not None and share.group_parameters() != first.group_parameters():
            raise _problem(f"{name} belongs to another set of shares")
        if share.index in places:
            raise _problem(f"{name} is the same share as {places[share.index]}")
        first, places[share.index] = first or share, name
    needed = 2 if first is None else int(first.member_threshold)
    if len(places) < needed:
        raise _problem(f"{needed} shares are needed, {len(places)} given")
    return needed


def _between(lines: list[str], marks: tuple[str, str]) -> list[str] | None:
    """The lines between two marks, or None unless each stands exactly once, in order."""
    if lines.count(marks[0]) != 1 or lines.count(marks[1]) != 1:
        return None
    start, end = lines.index(marks[0]), lines.index(marks[1])
    return lines[start + 1 : end] if start < end else None


def _armour(sealed: bytes) -> str:
    text = base64.b64encode(sealed).decode("ascii")
    rows = [text[i : i + _COLUMNS] for i in range(0, len(text), _COLUMNS)]
    return "\n".join([_BLOCK[0], *rows, _BLOCK[1]])


def _text(number: int, shares: int, threshold: int, words: str, armour: str) -> str:
    each = words.split(" ")
    rows = [" ".join(each[i : i + _WORDS_A_LINE]) for i in range(0, len(each), _WORDS_A_LINE)]
    spoken = "\n".join([_WORDS[0], *rows, _WORDS[1]])
    return f"""SHARE {number} OF {shares} OF A RECOVERY FILE

What this is. The recovery file of an archive was split into {shares} shares, and this is one of
them. Any {threshold} of them put it together again; {threshold - 1} or fewer show nothing about it.

What you promise. Keep it where nobody else reads it: on paper in a safe place, or on a stick that
is never put into a machine that is on a network. Do not photograph it, do not send it by mail or
messenger, do not tell who holds the others. If it is lost, or somebody may have seen it, tell the
archive at once: it makes new shares, and the old ones are destroyed.

When it is needed. The archive asks you in person. Make sure of who asks: call somebody of the
archive whom you know. {threshold} people bring their shares to one machine that is not on a
network, and run

  evidence-vault key restore SHARE-FILE SHARE-FILE … -o recovery.txt

The words below are your share. The block after them is the recovery file, encrypted; it is the
same in every share and can't be opened with one share. If you keep only the words, copy them
exactly, in this order; the block can then come from another share.

{spoken}

{armour}
"""


def _problem(message: str) -> KeyProblem:
    return KeyProblem(
        message,
        code="E-SHARES",
        hint="nothing was written; look for a mistyped word, or ask for another share of the set",
    )
