"""The pin ``signed``: the last (size, root) this vault signed, so that an old copy is noticed.

It lies in the vault's folder and, again, outside it. Both are MACed under a keyring key. The
newest wins; a missing one counts as restored. It also names the keyring's digest, so that an
older keyring put back is noticed.

Where the catalogue is on a server, several machines share the vault, and the inner one is a row of
that database: so a database that went back to an older copy is noticed.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from evidence_vault import osfiles
from evidence_vault.config import state_folder
from evidence_vault.core.canonical import canonical, is_hex, parse_canonical
from evidence_vault.core.merkle import HASH_SIZE
from evidence_vault.core.shapes import is_count
from evidence_vault.errors import FormatError, LogInconsistent, StoreError
from evidence_vault.seal.keyring import Keyring
from evidence_vault.vault.faults import step
from evidence_vault.vault.opening import Vault

#: The root that a move leaves as the last signed in the old place: no tree has it.
MOVED = b"\0" * HASH_SIZE

_MEMBERS = {"keyring", "mac", "next_keyring", "origin", "root", "size", "v"}


@dataclass(frozen=True)
class Pin:
    """State of the log when it was last signed; ``keyring``: SHA-256 (hex) of keyring.age.

    ``next_keyring``: digest of the one about to take its place, so that a crash while the
    keyring is replaced does not look like an old keyring put back.
    """

    origin: str
    size: int
    root: bytes
    keyring: str
    next_keyring: str | None = None


def inside_path(folder: Path) -> Path:
    return folder / "signed"


def inside_words(vault: Vault) -> str:
    """Where the inner one is, for people."""
    return "in the database" if vault.shared else str(inside_path(vault.folder))


def outside_path(origin: str) -> Path | None:
    """The copy outside the vault's folder; its name says nothing about the vault."""
    folder = state_folder()
    if folder is None:
        return None
    return folder / f"{hashlib.sha256(origin.encode()).hexdigest()[:24]}.signed"


def format_pin(pin: Pin, keyring: Keyring) -> bytes:
    """One line of canonical JSON with its MAC."""
    body = _body(pin)
    mac = keyring.mac("signed", canonical(body)).hex()
    return canonical({**body, "mac": mac}) + b"\n"


def parse_pin(data: bytes, keyring: Keyring) -> Pin:
    """Raises LogInconsistent when the pin is not one that this keyring wrote."""
    try:
        value = parse_canonical(data.removesuffix(b"\n"), "the pin")
    except FormatError as error:
        raise _forged() from error
    good = (
        isinstance(value, dict)
        and set(value) == _MEMBERS
        and is_hex(value["root"], 64)
        and is_hex(value["mac"], 64)
        and is_hex(value["keyring"], 64)
        and (value["next_keyring"] is None or is_hex(value["next_keyring"], 64))
        and is_count(value["size"])
    )
    if not good:
        raise _forged()
    pin = Pin(
        value["origin"],
        value["size"],
        bytes.fromhex(value["root"]),
        value["keyring"],
        value["next_keyring"],
    )
    # One spelling: what this keyring would write, version and MAC included.
    if not hmac.compare_digest(format_pin(pin, keyring), data) or pin.origin != keyring.origin:
        raise _forged()
    return pin


def pin_bytes(vault: Vault, keyring: Keyring) -> tuple[bytes | None, bytes | None]:
    """(inside, outside) as they are kept; None for one that is not there."""
    outside = _read(outside_path(keyring.origin))  # first, since it is written last
    inside = _row(vault, keyring.origin) if vault.shared else _read(inside_path(vault.folder))
    return inside, outside


def read_pins(vault: Vault, keyring: Keyring) -> tuple[Pin | None, Pin | None]:
    """(inside, outside); None for one that is not there."""
    inside, outside = pin_bytes(vault, keyring)
    return (
        None if inside is None else parse_pin(inside, keyring),
        None if outside is None else parse_pin(outside, keyring),
    )


def write_pins(vault: Vault, pin: Pin, keyring: Keyring) -> None:
    """Durable in both places on return: only then may a signature leave."""
    try:
        write_inside(vault, pin, keyring)
        # A crash here leaves the outer one older: the newest wins.
        step("8-pinned-inside")
        outside = outside_path(keyring.origin)
        if outside is not None:
            outside.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            osfiles.replace_file(outside, format_pin(pin, keyring))
    except OSError as error:
        raise StoreError(
            f"the record of what was signed can't be written: {error}",
            code="E-PIN-WRITE",
            hint="set EVIDENCE_VAULT_STATE to a folder that can be written",
        ) from error


def write_inside(vault: Vault, pin: Pin, keyring: Keyring) -> None:
    """The inner one alone: for a place that a move leaves, and for one it comes to."""
    data = format_pin(pin, keyring)
    if vault.shared:
        vault.set_signed(keyring.origin, data)
    else:
        osfiles.replace_file(inside_path(vault.folder), data)


def _row(vault: Vault, origin: str) -> bytes | None:
    """Nothing where the catalogue is gone: it counts as restored until somebody shows more."""
    try:
        return vault.catalogue.signed(origin)
    except StoreError as error:
        if error.code == "E-CATALOGUE":
            return None
        raise


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(
            f"{path} can't be read: {error.strerror}",
            hint="check the disk it lies on, then run the same command again",
        ) from error


def _body(pin: Pin) -> dict[str, object]:
    return {
        "keyring": pin.keyring,
        "next_keyring": pin.next_keyring,
        "origin": pin.origin,
        "root": pin.root.hex(),
        "size": pin.size,
        "v": 1,
    }


def _forged() -> LogInconsistent:
    return LogInconsistent(
        "the record of what was signed was not written by this vault's keyring",
        code="E-PIN-FORGED",
        hint="an older or foreign keyring may have been put here; see `evidence-vault doctor`",
    )
