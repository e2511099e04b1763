"""Fixity of one stored object: its bytes against the digest that names it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from evidence_vault.errors import NotFound, StoreError
from evidence_vault.ports import ObjectStore

_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class ObjectCheck:
    """An object to look at: the item it belongs to, its digest (hex) and its key."""

    item: str
    digest: str
    key: str


@dataclass(frozen=True)
class ObjectFound:
    """``finding`` is empty when the bytes match; ``size`` in bytes."""

    size: int
    finding: str


def check_object(store: ObjectStore, target: ObjectCheck) -> ObjectFound:
    """Hash an object again. What can't be read is a finding of its own, never a match."""
    try:
        with store.open(target.key) as stream:
            digest, size = hashlib.sha256(), 0
            buffer = bytearray(_BLOCK)
            view = memoryview(buffer)
            while count := stream.readinto(buffer):  # type: ignore[attr-defined]
                digest.update(view[:count])
                size += count
    except NotFound:
        return ObjectFound(0, "object missing")
    except (StoreError, OSError) as error:
        return ObjectFound(0, f"could not be checked: {error}")
    if digest.hexdigest() != target.digest:
        return ObjectFound(size, f"bytes changed: found {digest.hexdigest()}")
    return ObjectFound(size, "")
