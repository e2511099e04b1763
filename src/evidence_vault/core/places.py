"""How near a recorded place is: P-codes of Myanmar by level, from state to village."""

from __future__ import annotations

import re
from typing import Any

_COARSE = re.compile(r"MMR[0-9]{3}(?:[DS][0-9]{3})?\Z")


def is_coarse(place: Any) -> bool:
    """True for the P-code of a state, region, district or self-administered zone, and for unknown.

    False for townships and all below, and for free text, which may say anything.
    """
    return place is None or (isinstance(place, str) and _COARSE.match(place) is not None)
