"""Countersigning the logs of others: the one door through which our cosignatures leave.

Both ways in (files and HTTP) call :func:`countersign` with the bytes of a request. Its order:

    1 under the vault's lock: state and pins compared         a lost or old state signs nothing
    2 judged and, if good, put into the state; committed      crash: nothing left, nothing lost
    3 the pins, inside and outside                            crash: the state is ahead, and good
    4 the checkpoint stored below foreign/, learned           crash: stored with the next request
    5 the answer

A refused request that the log signed and that contradicts what was cosigned is kept below
``foreign/<sha256 of origin>/misbehaviour/``, with a page beside it that says what it contradicts.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from evidence_vault.core.canonical import canonical, parse_canonical
from evidence_vault.core.checkpoint import Checkpoint, parse_checkpoint
from evidence_vault.core.note import VerifierKey, parse_note
from evidence_vault.errors import AlreadyExists, NotFound, StoreError, UsageError
from evidence_vault.log.witness_state import Cosigned, Seal, WitnessState
from evidence_vault.prove.witness import FORK, OK, Verdict, Witness
from evidence_vault.seal.keyring import Keyring, WitnessKeys
from evidence_vault.vault.anchoring import foreign_key
from evidence_vault.vault.faults import step
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.policies import log_keys
from evidence_vault.vault.witness_pins import (
    STATE,
    demand_newest,
    pin_of,
    refused,
    write_witness_pins,
)

MAX_KEPT = 1_000
"""Requests kept for one log: more of the same prove nothing more."""


@dataclass(frozen=True)
class Countersigned:
    """A verdict, and the store key of the evidence that was kept, if any."""

    verdict: Verdict
    kept: str | None = None


def countersign(vault: Vault, body: bytes, wait_seconds: float = 60.0) -> Countersigned:
    """Judge a request; on return of a 200 it is durable that this checkpoint was cosigned.

    Raises UsageError when this vault is no countersigner, LogInconsistent (E-WITNESS-STATE) when
    its state is not to be trusted, VaultBusy, StoreError. What a stranger sent never raises.
    """
    keyring, keys = vault.keyring, witness_of(vault.keyring)
    pinned = {peer.origin: log_keys(peer) for peer in keyring.peers}
    pinned.pop(keyring.origin, None)

    def known(origin: str) -> tuple[VerifierKey, ...] | None:
        return pinned.get(origin)

    engine = Witness(keys.signers(), known, lambda origin, size: _stored_root(vault, origin, size))
    now = posix(vault.clock.now())
    with vault.locked(wait_seconds):
        state_file = open_state(vault)
        # 1.
        with state_file.transaction() as state:
            if not demand_newest(vault.folder, state, keyring):
                write_witness_pins(vault.folder, pin_of(state), keyring)
            # 2. Judged, put, counted and committed as one: all of it or nothing.
            verdict = engine.judge(body, state, now)
            if verdict.request is not None and verdict.request.origin in pinned:
                state.tally(verdict.request.origin, verdict.status, now, verdict.request.size)
            pin = pin_of(state)
            step("witness-judged")
        step("witness-committed")
        if isinstance(verdict.held, Cosigned):  # what a crash kept from being stored
            store_foreign(vault, verdict.held.origin, verdict.held.size, verdict.held.note)
        if verdict.status != OK:
            return Countersigned(verdict, _keep(vault, verdict, body))
        # 3.
        write_witness_pins(vault.folder, pin, keyring)
        step("witness-pinned")
        # 4.
        assert verdict.request is not None and verdict.note is not None
        store_foreign(vault, verdict.request.origin, verdict.request.size, verdict.note)
        step("witness-stored")
        with contextlib.suppress(StoreError):  # a cache: rebuilding tells it again
            learn(vault, verdict.note)
    # 5.
    return Countersigned(verdict)


def newest_note(vault: Vault, origin_digest: str) -> bytes | None:
    """The newest cosigned checkpoint of the log whose origin has that SHA-256 (hex), or None."""
    with open_state(vault).transaction() as state:
        demand_newest(vault.folder, state, vault.keyring)
        for each in state.all():
            if origin_hex(each.origin) == origin_digest:
                # One whose pins were not written yet has not left, and does not leave here.
                return each.note if _is_stored(vault, each) else None
    return None


def demand_ready(vault: Vault) -> None:
    """Raises what :func:`countersign` would before it looks at a request."""
    with open_state(vault).transaction() as state:
        demand_newest(vault.folder, state, vault.keyring)


def open_state(vault: Vault) -> WitnessState:
    """The state; raises LogInconsistent when it is gone."""
    witness_of(vault.keyring)
    path = vault.folder / STATE
    if not path.is_file():
        raise refused("its state (witness.db) is missing")
    return WitnessState(path, state_seal(vault.keyring))


def state_seal(keyring: Keyring) -> Seal:
    return lambda body: keyring.mac("witness-state", body)


def witness_of(keyring: Keyring) -> WitnessKeys:
    if keyring.witness is None:
        raise UsageError(
            "this vault is no countersigner yet",
            code="E-NO-WITNESS",
            hint="`evidence-vault witness init` makes it one",
        )
    return keyring.witness


# -- other logs in the store ---------------------------------------------------------------------


def origin_hex(origin: str) -> str:
    return hashlib.sha256(origin.encode()).hexdigest()


def store_foreign(vault: Vault, origin: str, size: int, note: bytes) -> str:
    """Keep another log's checkpoint; the same one twice is one. Returns its key."""
    key = foreign_key(origin, size, hashlib.sha256(note).hexdigest())
    with contextlib.suppress(AlreadyExists):
        vault.archive.create(key, note)
    return key


def learn(vault: Vault, note: bytes) -> None:
    """Tell the catalogue of another log's checkpoint (a cache; rebuilding tells it again)."""
    point = statement(note)
    digest = hashlib.sha256(note).hexdigest()
    vault.catalogue.learn_peer(
        point.origin, point.size, point.root.hex(), digest, vault.clock.now()
    )


def foreign_notes(vault: Vault, origin: str) -> Iterator[bytes]:
    """Every kept checkpoint of a log, in no promised order. Lists the store."""
    for key in vault.archive.keys(f"foreign/{origin_hex(origin)}/"):
        if key.split("/")[2].isdigit():
            yield vault.log.read(vault.archive, key)


def relearn_peers(vault: Vault) -> None:
    """Tell a new catalogue the newest kept checkpoint of each log below ``foreign/``."""
    newest: dict[str, tuple[int, str]] = {}
    for key in vault.archive.keys("foreign/"):
        _, origin, size, *_ = key.split("/")
        if size.isdigit():
            newest[origin] = max(newest.get(origin, (-1, "")), (int(size), key))
    for _, key in sorted(newest.values()):
        learn(vault, vault.log.read(vault.archive, key))


def _stored_root(vault: Vault, origin: str, size: int) -> bytes | None:
    """The root of a smaller tree that was cosigned earlier."""
    for key in vault.archive.keys(f"foreign/{origin_hex(origin)}/{size}/"):
        return statement(vault.log.read(vault.archive, key)).root
    return None


def _is_stored(vault: Vault, each: Cosigned) -> bool:
    try:
        digest = hashlib.sha256(each.note).hexdigest()
        vault.archive.open(foreign_key(each.origin, each.size, digest)).close()
    except NotFound:
        return False
    return True


def statement(note: bytes) -> Checkpoint:
    """What a stored note says; its signatures were checked before it was stored."""
    return parse_checkpoint(parse_note(note).text)


# -- misbehaviour --------------------------------------------------------------------------------


def _keep(vault: Vault, verdict: Verdict, body: bytes) -> str | None:
    """Keep a request that speaks against its log, and what it contradicts."""
    if verdict.kind is None or verdict.request is None:
        return None
    request, held = verdict.request, verdict.held
    page = {
        "held": None if held is None else {"root": held.root.hex(), "size": held.size},
        "kind": verdict.kind,
        "proven": verdict.kind == FORK,
        "root": request.root.hex(),
        "size": request.size,
    }
    return keep(vault, request.origin, body, page)


def keep(vault: Vault, origin: str, evidence: bytes, page: dict[str, Any]) -> str | None:
    """Keep evidence against a log or its countersigner, and a page about it; returns its key.

    None when ``MAX_KEPT`` are kept already.
    """
    folder = _misbehaviour_prefix(origin)
    key = folder + hashlib.sha256(evidence).hexdigest()
    kept = {name.removesuffix(".json") for name in vault.archive.keys(folder)}
    if key not in kept and len(kept) >= MAX_KEPT:
        return None
    page = {**page, "kept_at": vault.clock.now(), "origin": origin}
    for name, data in ((key, evidence), (key + ".json", canonical(page) + b"\n")):
        with contextlib.suppress(AlreadyExists):
            vault.archive.create(name, data)
        step("witness-kept")
    return key


def misbehaviour(vault: Vault) -> list[dict[str, Any]]:
    """What is kept against every pinned log, oldest first, with the key of its evidence."""
    found = []
    for peer in vault.keyring.peers:
        names = set(vault.archive.keys(_misbehaviour_prefix(peer.origin)))
        for key in sorted({name.removesuffix(".json") for name in names}):
            page = _NO_PAGE  # a crash came before the page was written
            if key + ".json" in names:
                data = vault.log.read(vault.archive, key + ".json").removesuffix(b"\n")
                page = parse_canonical(data, "a page of misbehaviour")
            found.append({**page, "evidence": key, "org": peer.org, "origin": peer.origin})
    return sorted(found, key=lambda page: (page["kept_at"] or "", page["evidence"]))


_NO_PAGE: dict[str, Any] = {
    **{"held": None, "kept_at": None, "kind": "unknown"},
    **{"proven": False, "root": None, "size": None},
}


def _misbehaviour_prefix(origin: str) -> str:
    return f"foreign/{origin_hex(origin)}/misbehaviour/"


def posix(time: str) -> int:
    """POSIX seconds of a time as clocks give it (``YYYY-MM-DDTHH:MM:SSZ``)."""
    return int(datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())


def spoken(seconds: int) -> str:
    """The inverse of :func:`posix`; what no calendar holds is given in seconds."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s"
