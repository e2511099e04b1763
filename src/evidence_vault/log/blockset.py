"""Sets of items that share all but the last four digits of their identifiers: a *block*.

A set is kept as bytes, in the shorter of two forms; each set has exactly one spelling.

    0x00 ‖ u16le …      the last four digits of each, ascending
    0x01 ‖ bytes        bit n (least significant first) stands for the digits n; no zero at the end
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator

BLOCK_DIGITS = 4


_ALONE = "!"  # before every digit and letter


def block_of(item: str) -> tuple[str, int]:
    """(block, last digits) of an identifier; undone by :func:`item_in`.

    What is no identifier of ours (core/event.py) has a block of its own.
    """
    digits = item[-BLOCK_DIGITS:]
    if len(digits) == BLOCK_DIGITS and digits.isascii() and digits.isdigit():
        return item[:-BLOCK_DIGITS], int(digits)
    return item + _ALONE, 0


def item_in(block: str, number: int) -> str:
    if block.endswith(_ALONE):
        return block.removesuffix(_ALONE)
    return f"{block}{number:0{BLOCK_DIGITS}d}"


def group_of(block: str) -> str:
    """What blocks have in common whose items mingle in the order of identifiers as texts.

    Identifiers have seven digits or more, so a group is one block until a prefix has given out ten
    million; after that ``P-10000000`` stands between ``P-1000000`` and ``P-1000001``.
    """
    name = block.removesuffix(_ALONE)
    return name[: name.find("-") + 4] if "-" in name else name


def pack(numbers: Iterable[int]) -> bytes:
    """The set of these numbers, each 0 … 9999."""
    return changed(None, numbers)


def changed(data: bytes | None, add: Iterable[int], drop: Iterable[int] = ()) -> bytes:
    """A set (None: the empty one) with some more numbers, without others. Cost: its bytes."""
    new, out = sorted(set(add)), set(drop)
    if data is None or data[:1] == b"\x00":
        known = array("H") if data is None else _numbers(data)
        if out or (known and new and new[0] <= known[-1]):
            known = array("H", sorted((set(known) - out) | set(new)))
        else:
            known.extend(new)
        top = known[-1] // 8 + 1 if known else 0
        if 2 * len(known) <= top or not known:
            return b"\x00" + _little(known).tobytes()
        bits = bytearray(top)
        new = known.tolist()
    else:
        bits = bytearray(data[1:])
        if new and new[-1] >= 8 * len(bits):
            bits += bytes(new[-1] // 8 + 1 - len(bits))
    for number in out:
        if number < 8 * len(bits):
            bits[number >> 3] &= ~(1 << (number & 7))
    for number in new:
        bits[number >> 3] |= 1 << (number & 7)
    if out:
        bits = bits.rstrip(b"\x00")
    if 2 * int.from_bytes(bits, "little").bit_count() <= len(bits):
        return b"\x00" + _little(array("H", positions(int.from_bytes(bits, "little")))).tobytes()
    return b"\x01" + bytes(bits)


def unpack(data: bytes) -> Iterator[int]:
    """The numbers of a set, ascending, as they are asked for."""
    return iter(_numbers(data)) if data[:1] == b"\x00" else positions(bits_of(data))


def bits_of(data: bytes) -> int:
    """The set as an integer whose bit n stands for number n: ``&`` and ``|`` are fast."""
    if data[:1] == b"\x01":
        return int.from_bytes(data[1:], "little")
    bits = bytearray(10**BLOCK_DIGITS // 8)
    for number in _numbers(data):
        bits[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(bits, "little")


def count(data: bytes) -> int:
    if data[:1] == b"\x00":
        return len(data) // 2
    return int.from_bytes(data[1:], "little").bit_count()


def positions(bits: int) -> Iterator[int]:
    """The numbers of bits that are set, ascending, as they are asked for."""
    digits = f"{bits:b}"[::-1]
    at = digits.find("1")
    while at >= 0:
        yield at
        at = digits.find("1", at + 1)


def _numbers(data: bytes) -> array[int]:
    numbers = array("H")
    numbers.frombytes(data[1:])
    return _little(numbers)


def _little(numbers: array[int]) -> array[int]:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
