"""Disclosures: salted, named values that an entry commits to (docs/format-entry.md).

    disclosure = JCS([salt, name, value])        salt = 43 characters, 32 random bytes
    commitment = lowercase hex SHA-256(disclosure)

A *disclosure set* is the plaintext of a record unit: the disclosures of one entry in order of
their names, each ended by LF.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from evidence_vault.core.canonical import (
    b64url,
    canonical,
    encode_text,
    parse_canonical,
)
from evidence_vault.errors import EvidenceError, FormatError

SALT_BYTES = 32
MAX_DISCLOSURE = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One named value together with the bytes that were committed to."""

    name: str
    value: Any
    raw: bytes

    @property
    def digest(self) -> str:
        """The commitment: lowercase hex SHA-256 of the raw bytes."""
        return hashlib.sha256(self.raw).hexdigest()


def make_disclosure(salt: bytes, name: str, value: Any) -> Disclosure:
    """Commit to ``value`` under ``name``; ``salt`` is 32 fresh random bytes."""
    if len(salt) != SALT_BYTES:
        raise FormatError(f"salt of {name} has {len(salt)} bytes, not {SALT_BYTES}")
    if type(value) is str:  # by far the most; equal to the line below
        text = f'["{b64url(salt)}","{name}",{encode_text(value)}]'
        try:
            return Disclosure(name, value, text.encode("utf-8"))
        except UnicodeEncodeError as error:
            raise FormatError(f"the value of {name} is not Unicode text") from error
    return Disclosure(name, value, canonical([b64url(salt), name, value]))


def parse_disclosure(raw: bytes) -> Disclosure:
    """Read one disclosure; raises FormatError unless it is exactly canonical."""
    if len(raw) > MAX_DISCLOSURE:
        raise FormatError("a disclosure is larger than 64 MiB")
    value = parse_canonical(raw, "a disclosure")
    if (
        not isinstance(value, list)
        or len(value) != 3
        or not isinstance(value[0], str)
        or len(value[0]) != 43
        or not isinstance(value[1], str)
    ):
        raise FormatError("a disclosure must be [salt, name, value] with a 43-character salt")
    return Disclosure(value[1], value[2], raw)


def format_set(disclosures: Iterable[Disclosure]) -> bytes:
    """The plaintext of a record unit: disclosures by name, each line ended by LF."""
    return b"".join(d.raw + b"\n" for d in sorted(disclosures, key=lambda d: d.name))


def parse_set(data: bytes) -> dict[str, Disclosure]:
    """Read a disclosure set; raises FormatError on a second value for one name."""
    found: dict[str, Disclosure] = {}
    if data and not data.endswith(b"\n"):
        raise FormatError("a disclosure set does not end with a line feed")
    for line in data.split(b"\n")[:-1]:
        disclosure = parse_disclosure(line)
        if disclosure.name in found:
            raise FormatError(f"two disclosures for the field {disclosure.name!r}")
        found[disclosure.name] = disclosure
    return found


def check_disclosures(
    commitments: Mapping[str, str | None], disclosures: Iterable[Disclosure]
) -> dict[str, Any]:
    """Values by name, after each was compared with its commitment.

    Raises EvidenceError for a name the entry does not commit to, for a second value of one
    name, and for a value whose digest differs.
    """
    values: dict[str, Any] = {}
    for disclosure in disclosures:
        name = disclosure.name
        if name in values:
            raise EvidenceError(f"two values shown for the field {name!r}", code="E-FIELD-TWICE")
        if commitments.get(name) is None:
            raise EvidenceError(
                f"the entry commits to no value for the field {name!r}", code="E-FIELD-UNKNOWN"
            )
        if commitments[name] != disclosure.digest:
            raise EvidenceError(
                f"the value shown for {name!r} is not the one committed to: "
                f"expected {commitments[name]}, found {disclosure.digest}",
                code="E-FIELD-CHANGED",
            )
        values[name] = disclosure.value
    return values
