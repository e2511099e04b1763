"""Where objects lie in any store."""

from __future__ import annotations

from evidence_vault.errors import InternalError, StoreError

DAMAGED = ".damaged"  # below it lie damaged bytes that a repair set aside


def object_key(digest: str) -> str:
    """Where an object of that SHA-256 (hex) is stored."""
    return f"objects/{digest[:2]}/{digest}"


def demand_key(key: str) -> str:
    """``key``, if it is relative and stays below its root; raises InternalError."""
    if key.startswith("/") or ".." in key.split("/"):
        raise InternalError(f"bad store key {key!r}")
    return key


def changed_meanwhile(key: str) -> StoreError:
    """The error where somebody else has written what was to be written anew."""
    return StoreError(
        f"store: {key} was changed by somebody else meanwhile: it was left as it is",
        code="E-CHANGED-MEANWHILE",
        hint="run the same command again",
    )
