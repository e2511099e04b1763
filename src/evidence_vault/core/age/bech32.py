"""Bech32 as age uses it: the checksum of BIP 173, with no limit of 90 characters.

Only the lower-case form lives here; secret keys, which age writes in capitals, are folded by
their own parser. ``encode`` and ``decode`` undo each other, and ``decode`` accepts nothing that
``encode`` would not have written.
"""

from __future__ import annotations

from evidence_vault.errors import KeyProblem

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_CHECKSUM_LENGTH = 6

MAX_LENGTH = 4096
"""Longest text that is looked at, in characters; a post-quantum recipient has 1,959."""


def _folding_table() -> list[int]:
    """For each value of the five bits that leave the checksum register, what they fold back."""
    table = [0]
    for factor in (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3):
        table += [entry ^ factor for entry in table]
    return table


_FOLDING = _folding_table()


def encode(prefix: str, data: bytes) -> str:
    """``prefix || "1" || data in groups of five bits || checksum``, all lower case."""
    words = _to_words(data)
    residue = _polymod(_expanded(prefix) + words + [0] * _CHECKSUM_LENGTH) ^ 1
    checksum = [(residue >> 5 * (5 - i)) & 31 for i in range(_CHECKSUM_LENGTH)]
    return prefix + "1" + "".join(_ALPHABET[word] for word in words + checksum)


def decode(text: str) -> tuple[str, bytes]:
    """The prefix and the data of a lower-case Bech32 text.

    Raises KeyProblem, never repeating the text, which may be a secret.
    """
    prefix, words = _split(text)
    if _polymod(_expanded(prefix) + words) != 1:
        raise _bad("its checksum is wrong")
    data = _to_bytes(words[:-_CHECKSUM_LENGTH])
    if encode(prefix, data) != text:
        raise _bad("it is not in its one canonical spelling")
    return prefix, data


def _split(text: str) -> tuple[str, list[int]]:
    if len(text) > MAX_LENGTH:
        raise _bad(f"it is longer than {MAX_LENGTH} characters")
    prefix, separator, tail = text.rpartition("1")
    if not separator or not prefix or len(tail) < _CHECKSUM_LENGTH:
        raise _bad("it has no prefix, or is too short")
    if any(not "!" <= letter <= "~" or "A" <= letter <= "Z" for letter in prefix):
        raise _bad("its prefix holds a letter that can't stand there")
    try:
        return prefix, [_VALUES[letter] for letter in tail]
    except KeyError:
        raise _bad("it holds a letter outside the Bech32 alphabet") from None


def _expanded(prefix: str) -> list[int]:
    codes = [ord(letter) for letter in prefix]
    return [code >> 5 for code in codes] + [0] + [code & 31 for code in codes]


def _polymod(words: list[int]) -> int:
    residue = 1
    for word in words:
        residue = (residue & 0x1FFFFFF) << 5 ^ word ^ _FOLDING[residue >> 25]
    return residue


def _to_words(data: bytes) -> list[int]:
    """Bytes as groups of five bits, the last one filled up with zero bits."""
    count = -(-len(data) * 8 // 5)
    number = int.from_bytes(data, "big") << (count * 5 - len(data) * 8)
    return [number >> 5 * (count - 1 - i) & 31 for i in range(count)]


def _to_bytes(words: list[int]) -> bytes:
    """The whole bytes in the groups; left-over bits are judged by re-encoding."""
    number = 0
    for word in words:
        number = number << 5 | word
    size, spare = divmod(len(words) * 5, 8)
    return (number >> spare).to_bytes(size, "big")


def _bad(why: str) -> KeyProblem:
    return KeyProblem(
        f"this is not an age key: {why}",
        code="E-AGE-KEY",
        hint="copy the whole key again, from age1… or AGE-SECRET-KEY-… to its last letter",
    )
