"""The definitions of RFC 6962 §2.1, written down as they stand there. Slow and plain."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

from .logs import entry


def mth(low: int, high: int) -> bytes:
    """MTH(D[low:high]) where D[i] is ``entry(i)``."""
    if high == low:
        return sha256(b"").digest()
    return _mth(low, high)


@cache
def _mth(low: int, high: int) -> bytes:
    n = high - low
    if n == 1:
        return sha256(b"\x00" + entry(low)).digest()
    k = largest_power_below(n)
    return sha256(b"\x01" + _mth(low, low + k) + _mth(low + k, high)).digest()


def path(m: int, low: int, high: int) -> list[bytes]:
    """PATH(m, D[low:high]); m counts from low."""
    n = high - low
    if n == 1:
        return []
    k = largest_power_below(n)
    if m < k:
        return [*path(m, low, low + k), mth(low + k, high)]
    return [*path(m - k, low + k, high), mth(low, low + k)]


def consistency(m: int, n: int) -> list[bytes]:
    """PROOF(m, D[0:n]) for 0 < m <= n."""
    return _subproof(m, 0, n, True)


def _subproof(m: int, low: int, high: int, whole: bool) -> list[bytes]:
    n = high - low
    if m == n:
        return [] if whole else [mth(low, high)]
    k = largest_power_below(n)
    if m <= k:
        return [*_subproof(m, low, low + k, whole), mth(low + k, high)]
    return [*_subproof(m - k, low + k, high, False), mth(low, low + k)]


def largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k
