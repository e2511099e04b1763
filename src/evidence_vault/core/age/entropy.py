"""The one place in this package that draws random bytes.

``core/`` is pure. Encryption can't be: a file key, a nonce or an ephemeral key that repeats
breaks it. So this package, and no other in core, asks the operating system for randomness, and
only through ``_random``; a test or an audit has one name to look at. The one draw that does not
pass here is HPKE's own ephemeral key (``pq.py``), which the library makes inside its seal
operation and gives no way to hand in.
"""

from __future__ import annotations

import os


def _random(n: int) -> bytes:
    """``n`` bytes from the operating system's generator (``os.urandom``)."""
    return os.urandom(n)
