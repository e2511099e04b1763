"""Fingerprints as people give them, after comparing them by telephone: words or hex."""

from __future__ import annotations

from evidence_vault.core.canonical import is_hex
from evidence_vault.core.keys import fingerprint_words, words_to_bytes
from evidence_vault.errors import EvidenceError


def check_fingerprint(given: str, digest: bytes, what: str) -> None:
    """Raise EvidenceError (E-FINGERPRINT) unless ``given`` names the SHA-256 ``digest``.

    ``given``: 64 hex digits, or the 16 words of the first 16 bytes. Raises FormatError for
    anything else.
    """
    text = given.strip().lower()
    given_bytes = bytes.fromhex(text) if is_hex(text, 64) else words_to_bytes(text.split())
    if not digest.startswith(given_bytes):
        raise EvidenceError(
            f"{what}: the fingerprint given is not that of the file, which is "
            f"{' '.join(fingerprint_words(digest))} ({digest.hex()})",
            code="E-FINGERPRINT",
            hint="one of the two was exchanged on its way: ask its sender, by voice",
        )
