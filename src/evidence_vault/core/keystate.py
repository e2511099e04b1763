"""Whose key counted when: the keys of one log as its own entries state them.

Entry 0 names the first keys. ``key-enrolled`` adds one, in force from the next entry on;
``key-revoked`` names the last good entry: everything the key signed after it is void, everything
up to it stays good, by the order of the log and whatever time an entry claims. Both are signed by
the root key, which no machine that works with the vault holds.

    clear of key-enrolled = {"alg", "public", "role"}                  docs/format-entry.md
    clear of key-revoked  = {"keyid", "last_good", "reason", "role"}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from evidence_vault.core.canonical import b64, is_hex, unb64
from evidence_vault.core.entry0 import ED25519, EntryZero
from evidence_vault.core.event import Entry, Event, pae
from evidence_vault.core.keys import check_ed25519_key, keyid, verify_ed25519
from evidence_vault.core.shapes import is_count
from evidence_vault.errors import FormatError, SignatureInvalid, VaultError

ENROLLED, REVOKED = "key-enrolled", "key-revoked"
KEY_EVENTS = (ENROLLED, REVOKED)
CHANGING_ROLES = ("events", "statements")
REASONS = ("retired", "lost", "compromised")


@dataclass(frozen=True, slots=True)
class KeyInterval:
    """A key in force for log positions ``start`` <= index < ``until`` (None: still in force)."""

    role: str
    keyid: str
    public: bytes
    start: int
    until: int | None

    def covers(self, index: int) -> bool:
        return self.start <= index and (self.until is None or index < self.until)


class KeyState:
    """The keys of one log. Give it every key event in order of index, then ask."""

    def __init__(self, zero: EntryZero) -> None:
        self._intervals = [
            KeyInterval(key.role, key.keyid, key.public, 0 if key.role == "root" else 1, None)
            for key in zero.keys
            if key.role in ("root", *CHANGING_ROLES)
        ]
        self._others = {key.public for key in zero.keys}

    def apply(self, index: int, event: Event) -> None:
        """Take a key event into account; others are ignored.

        Raises FormatError for one that is malformed or contradicts the keys known so far,
        SignatureInvalid for a key that nobody should accept.
        """
        if event.type == ENROLLED:
            role, public = parse_enrolled(event.clear)
            if public in self._others:
                raise FormatError("key-enrolled: this key has been named before")
            self._others.add(public)
            self._intervals.append(KeyInterval(role, keyid(public), public, index + 1, None))
        elif event.type == REVOKED:
            role, name, last_good = parse_revoked(event.clear)
            if last_good >= index:
                raise FormatError("key-revoked: the last good entry must come before it")
            self._revoke(role, name, last_good)

    def _revoke(self, role: str, name: str, last_good: int) -> None:
        for place, known in enumerate(self._intervals):
            if (known.role, known.keyid) == (role, name):
                until = max(last_good + 1, known.start)
                if known.until is not None:
                    until = min(until, known.until)
                self._intervals[place] = KeyInterval(role, name, known.public, known.start, until)
                return
        raise FormatError(f"key-revoked: there is no {role} key {name}")

    def intervals(self) -> tuple[KeyInterval, ...]:
        """Every key there ever was, sorted by role, start and keyid."""
        return tuple(sorted(self._intervals, key=lambda k: (k.role, k.start, k.keyid)))

    def current(self, role: str) -> tuple[KeyInterval, ...]:
        """The keys of a role that are in force and not revoked."""
        return tuple(k for k in self.intervals() if k.role == role and k.until is None)

    def key_of(self, role: str, name: str, index: int) -> bytes:
        """The raw public key that may sign in a role at a log position.

        Raises SignatureInvalid: E-SIGNER for a key that the log does not name in that role,
        E-KEY-INTERVAL for one that was not yet, or no longer, in force.
        """
        known = [k for k in self._intervals if k.role == role and k.keyid == name]
        for key in known:
            if key.covers(index):
                return key.public
        if known:
            raise SignatureInvalid(
                f"the key {name} was not in force at entry {index}", code="E-KEY-INTERVAL"
            )
        raise SignatureInvalid(
            f"signed by a key that the log does not name: {name}", code="E-SIGNER"
        )


def read_key_events(zero: EntryZero, entries: Iterable[tuple[int, Entry]]) -> KeyState:
    """The keys of a log from its key events, in order of index.

    One that the root key did not sign, or that contradicts the keys known so far, changes
    nothing, exactly as for a verifier: whoever stole another key can't enrol or revoke one.
    """
    keys = KeyState(zero)
    for index, entry in entries:
        if index == 0 or entry.event.type not in KEY_EVENTS:
            continue
        try:
            public = keys.key_of("root", entry.keyid, index)
            verify_ed25519(public, entry.signature, pae(entry.payload))
            keys.apply(index, entry.event)
        except VaultError:
            continue  # `log audit` names it
    return keys


def role_for(event_type: str, index: int) -> str:
    """The role whose key must sign an entry of this type."""
    return "root" if index == 0 or event_type in KEY_EVENTS else "events"


def format_enrolled(role: str, public: bytes) -> dict[str, Any]:
    """The ``clear`` member of ``key-enrolled``; the inverse of :func:`parse_enrolled`."""
    clear = {"alg": ED25519, "public": b64(public), "role": role}
    parse_enrolled(clear)
    return clear


def parse_enrolled(clear: Mapping[str, Any]) -> tuple[str, bytes]:
    """(role, raw public key). Raises FormatError, or SignatureInvalid for an unacceptable key."""
    _expect(set(clear) == {"alg", "public", "role"}, "key-enrolled must name alg, public and role")
    _expect(
        clear["alg"] == ED25519 and clear["role"] in CHANGING_ROLES,
        "key-enrolled: only Ed25519 keys for events and statements can be enrolled",
    )
    _expect(isinstance(clear["public"], str), "key-enrolled: public must be base64")
    public = unb64(clear["public"], "an enrolled key", 32)
    check_ed25519_key(public)
    return clear["role"], public


def format_revoked(role: str, name: str, last_good: int, reason: str) -> dict[str, Any]:
    """The ``clear`` member of ``key-revoked``; the inverse of :func:`parse_revoked`."""
    clear = {"keyid": name, "last_good": last_good, "reason": reason, "role": role}
    parse_revoked(clear)
    return clear


def parse_revoked(clear: Mapping[str, Any]) -> tuple[str, str, int]:
    """(role, keyid, index of the last good entry)."""
    _expect(
        set(clear) == {"keyid", "last_good", "reason", "role"},
        "key-revoked must name keyid, last_good, reason and role",
    )
    _expect(
        clear["role"] in CHANGING_ROLES
        and is_hex(clear["keyid"], 64)
        and is_count(clear["last_good"])
        and clear["reason"] in REASONS,
        "key-revoked: a role, keyid, position or reason that can't be",
    )
    return clear["role"], clear["keyid"], clear["last_good"]


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise FormatError(message + " (docs/format-entry.md)")
