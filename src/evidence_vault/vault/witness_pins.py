"""The pin of the countersigner's state, so that a lost or older ``witness.db`` is noticed.

Written after the state is durable and before a cosignature leaves, inside the vault's folder and
outside it, MACed under a keyring key (like ``signed``, vault/pins.py). The newest wins; a missing
one counts as restored. A state ahead of its pins is what a crash between the two leaves: no
cosignature left, and the state is the safer of the two.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from evidence_vault import osfiles
from evidence_vault.config import state_folder
from evidence_vault.core.canonical import canonical, is_hex, parse_canonical
from evidence_vault.core.shapes import is_count
from evidence_vault.errors import FormatError, LogInconsistent, StoreError
from evidence_vault.log.witness_state import WitnessTransaction
from evidence_vault.seal.keyring import Keyring
from evidence_vault.vault.faults import step

STATE = "witness.db"
PIN = "witness.signed"

_MEMBERS = {"count", "mac", "name", "state", "v"}


@dataclass(frozen=True)
class WitnessPin:
    """How many cosignatures ``name`` had given, and the digest (hex) of its state then."""

    name: str
    count: int
    state: str


def inside_path(folder: Path) -> Path:
    return folder / PIN


def outside_path(name: str) -> Path | None:
    """The copy outside the vault's folder; its name says nothing about the vault."""
    folder = state_folder()
    if folder is None:
        return None
    return folder / f"{hashlib.sha256(f'witness {name}'.encode()).hexdigest()[:24]}.signed"


def write_witness_pins(folder: Path, pin: WitnessPin, keyring: Keyring) -> None:
    """Durable in both places on return: only then may a cosignature leave."""
    data = _format(pin, keyring)
    try:
        osfiles.replace_file(inside_path(folder), data)
        step("witness-pinned-inside")
        outside = outside_path(pin.name)
        if outside is not None:
            outside.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            osfiles.replace_file(outside, data)
    except OSError as error:
        raise StoreError(
            f"the record of what was countersigned can't be written: {error}",
            code="E-PIN-WRITE",
            hint="set EVIDENCE_VAULT_STATE to a folder that can be written",
        ) from error


def demand_newest(folder: Path, state: WitnessTransaction, keyring: Keyring) -> bool:
    """Raises LogInconsistent (E-WITNESS-STATE) unless the state is the newest there was.

    False when a pin is older than the state: a crash came between, and it should be written.
    """
    name = "" if keyring.witness is None else keyring.witness.name
    if state.name != name:
        raise refused(f"the state is that of {state.name}, the keyring holds the keys of {name}")
    pins = []
    for where, path in (("inside", inside_path(folder)), ("outside", outside_path(name))):
        if path is None:
            continue
        pin = _read(path, keyring)
        if pin is None or pin.name != name:
            raise refused(f"its record {where} the vault is missing, so it may be an old copy")
        pins.append(pin)
    newest = max(pins, key=lambda pin: pin.count)
    if newest.count > state.count:
        raise refused(
            f"it gave {newest.count} countersignatures, its state knows {state.count}: it is old"
        )
    if newest.count == state.count and newest.state != state.digest:
        raise refused("it is not the state that the record of its last countersignature names")
    return all(pin.count == state.count for pin in pins)


def pin_of(state: WitnessTransaction) -> WitnessPin:
    return WitnessPin(state.name, state.count, state.digest)


def refused(why: str) -> LogInconsistent:
    return LogInconsistent(
        f"this vault does not countersign: {why}",
        code="E-WITNESS-STATE",
        hint="signing with an old memory could prove two histories true: make a new countersigner "
        "with `evidence-vault witness init` and send your partners the new trust file",
    )


def _format(pin: WitnessPin, keyring: Keyring) -> bytes:
    body: dict[str, object] = {"count": pin.count, "name": pin.name, "state": pin.state, "v": 1}
    mac = keyring.mac("witness-signed", canonical(body)).hex()
    return canonical({**body, "mac": mac}) + b"\n"


def _read(path: Path, keyring: Keyring) -> WitnessPin | None:
    try:
        data = path.read_bytes()
        value = parse_canonical(data.removesuffix(b"\n"), "the pin")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} can't be read: {error.strerror}") from error
    except FormatError:
        raise refused("its record is damaged") from None
    good = (
        isinstance(value, dict)
        and set(value) == _MEMBERS
        and isinstance(value["name"], str)
        and is_count(value["count"])
        and is_hex(value["state"], 64)
    )
    if not good:
        raise refused("its record is damaged")
    pin = WitnessPin(value["name"], value["count"], value["state"])
    if not hmac.compare_digest(_format(pin, keyring), data):
        raise refused("its record was not written by this vault's keyring")
    return pin
