"""Becoming a countersigner, and pinning those whose logs and countersignatures count."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from evidence_vault import osfiles
from evidence_vault.core.keys import fingerprint_words
from evidence_vault.core.note import check_key_name
from evidence_vault.core.trust import TrustOrigin, parse_trust
from evidence_vault.errors import (
    EvidenceError,
    FormatError,
    LogInconsistent,
    StoreError,
    UsageError,
)
from evidence_vault.log.witness_state import WitnessState
from evidence_vault.seal.keyring import Peer, WitnessKeys
from evidence_vault.vault.cosignatures import relearn_cosignatures
from evidence_vault.vault.countersigning import demand_ready, state_seal
from evidence_vault.vault.creation import neutral_origin, replace_keyring
from evidence_vault.vault.faults import step
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.policies import (
    countersigners,
    keyring_policy,
    quorum_of,
    witness_keys,
)
from evidence_vault.vault.witness_pins import (
    STATE,
    WitnessPin,
    outside_path,
    write_witness_pins,
)

_MAX_NAME = 255
_SCHEMES = ("http://", "https://")


def witness_init(vault: Vault, passphrase: Callable[[], str], name: str | None) -> dict[str, Any]:
    """New keys under a new name, and an empty state: this vault countersigns others from now on.

    A countersigner in good order is left alone (UsageError). One whose state is lost or old is
    replaced: its keys are forgotten, its state is set aside as ``witness.<n>.db``.
    """
    old = vault.keyring.witness
    if old is not None and _in_order(vault):
        raise UsageError(
            f"this vault countersigns already, as {old.name}",
            code="E-WITNESS-EXISTS",
            hint="`evidence-vault witness status` shows it",
        )
    name = name or neutral_origin()
    _check_name(vault, name)
    keys = WitnessKeys(name, secrets.token_bytes(32), secrets.token_bytes(32))
    keyring = replace(vault.keyring, witness=keys)
    # The keyring first: until state and pins are there too, nothing is countersigned at all.
    replace_keyring(vault, keyring, passphrase())
    vault.adopt_keyring(keyring)
    step("witness-keys")
    with vault.locked():
        aside = _set_aside(vault.folder)
        step("witness-aside")
        seal = state_seal(keyring)
        WitnessState.create(vault.folder / STATE, name, seal)
        osfiles.sync_folder(vault.folder)
        step("witness-created")
        with WitnessState(vault.folder / STATE, seal).transaction() as state:
            write_witness_pins(vault.folder, WitnessPin(name, 0, state.digest), keyring)
    notices = ["export a new trust file for your partners: it carries these keys"]
    if old is not None:
        kept = "is gone" if aside is None else f"is kept as {aside}"
        notices.append(f"{old.name} never signs again; its state {kept}")
    return {"keys": list(keys.vkeys()), "name": name, "notices": notices, "replaces": _name(old)}


def witness_add(
    vault: Vault,
    passphrase: Callable[[], str],
    file: Path,
    url: str | None = None,
    quorum: int | None = None,
) -> dict[str, Any]:
    """Pin the logs of a trust file, and their organisations as countersigners of ours.

    Raises UsageError for a file without another log, an address that is none or a quorum that
    can't be met; EvidenceError when a pinned log now has other keys.
    """
    origins = _others(vault, file)
    if url is not None:
        _check_url(url, len(origins))
    keyring = vault.keyring
    peers = {peer.origin: peer for peer in keyring.peers}
    for origin in origins:
        known = peers.get(origin.origin)
        if known is not None and known.log_keys != origin.log_keys:
            raise EvidenceError(
                f"the log {origin.origin} is pinned with other keys than this file states",
                code="E-PEER-KEYS",
                hint="a log's keys never change: one of the two files is false; ask by telephone",
            )
        address = url or (None if known is None else known.url)
        peers[origin.origin] = Peer(
            origin.org, origin.origin, origin.log_keys, origin.witness, address
        )
    changed = replace(
        keyring,
        peers=tuple(peers[name] for name in sorted(peers)),
        quorum=keyring.quorum if quorum is None else quorum,
    )
    count = len(countersigners(changed))
    if count and not 1 <= quorum_of(changed) <= count:
        raise UsageError(
            f"a quorum of {quorum_of(changed)} can't be met: {count} countersigners are pinned",
            code="E-QUORUM",
            hint="add the others first, and name the quorum with the last one",
        )
    _check_key_ids(countersigners(changed))
    policy = keyring_policy(changed, vault.entry_zero().log_keys())  # refuses what can't be
    replace_keyring(vault, changed, passphrase())
    vault.adopt_keyring(changed)
    relearn_cosignatures(vault)  # those of a peer that was pinned before
    needed, names = policy.counted()
    return {
        "added": [_added(origin, peers[origin.origin]) for origin in origins],
        "notices": _add_notices(origins),
        "quorum": {"needed": needed, "of": list(names)},
    }


def _added(origin: TrustOrigin, peer: Peer) -> dict[str, Any]:
    return {
        "countersigner": None if not origin.witness else origin.witness[0].partition("+")[0],
        "fingerprint": origin.fingerprint.hex(),
        "org": origin.org,
        "origin": origin.origin,
        "url": peer.url,
        "words": fingerprint_words(origin.fingerprint),
    }


def _add_notices(origins: list[TrustOrigin]) -> list[str]:
    said = ["compare the words with the organisation by telephone or in person"]
    said += [
        f"{origin.org} does not countersign: its log is pinned, its countersignature not counted"
        for origin in origins
        if not origin.witness
    ]
    said.append("export a new trust file: it states whose countersignatures count from now on")
    return said


def _others(vault: Vault, file: Path) -> list[TrustOrigin]:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}") from error
    own = vault.keyring.origin
    origins = [origin for origin in parse_trust(data).origins if origin.origin != own]
    if not origins:
        raise UsageError(
            f"{file} is about this vault's own log",
            code="E-OWN-LOG",
            hint="a vault does not countersign itself; take the trust file of a partner",
        )
    mine = vault.keyring.witness
    if mine is not None and any(set(origin.witness) & set(mine.vkeys()) for origin in origins):
        raise EvidenceError(
            f"{file} names this vault's own countersigner keys as those of somebody else",
            code="E-PEER-KEYS",
        )
    return origins


def _check_key_ids(peers: list[Peer]) -> None:
    """Cosignatures are kept under their key ID, so two of the same would stand in each other's way.

    Four bytes are few: whoever wants to can make such a key.
    """
    ids = [key.key_id for peer in peers for key in witness_keys(peer)]
    if len(set(ids)) != len(ids):
        raise EvidenceError(
            "two countersigner keys have the same key ID",
            code="E-PEER-KEYS",
            hint="ask the organisation that was added last for a new countersigner",
        )


def _check_url(url: str, count: int) -> None:
    if count != 1:
        raise UsageError("--url goes with a trust file of one other log")
    if not url.startswith(_SCHEMES) or any(c <= " " or c > "~" for c in url):
        raise UsageError("--url must begin with http:// or https:// and have no spaces")


def _check_name(vault: Vault, name: str) -> None:
    try:
        check_key_name(name)
    except FormatError as error:
        raise UsageError(f"--name: {error.message}") from error
    if len(name.encode()) > _MAX_NAME:
        raise UsageError(f"--name has at most {_MAX_NAME} bytes")
    record = outside_path(name)  # it outlives the state, the keyring and the vault
    taken = {vault.keyring.origin, _name(vault.keyring.witness)}
    if name in taken or (record is not None and record.exists()):
        raise UsageError(
            f"the name {name} was used before", hint="a countersigner's name is never used again"
        )


def _in_order(vault: Vault) -> bool:
    try:
        demand_ready(vault)
    except LogInconsistent:
        return False
    return True


def _set_aside(folder: Path) -> str | None:
    """Keep an old state under another name; returns that name."""
    path = folder / STATE
    number = 1
    while (kept := folder / f"witness.{number}.db").exists():
        number += 1
    try:
        # The journal first: it must never be taken for one of the new state.
        for part in (f"{STATE}-journal", STATE):
            if (folder / part).exists():
                (folder / part).rename(folder / part.replace(STATE, kept.name))
        osfiles.sync_folder(folder)
    except OSError as error:
        raise StoreError(f"{path} can't be set aside: {error.strerror}") from error
    return kept.name if kept.exists() else None


def _name(keys: WitnessKeys | None) -> str | None:
    return None if keys is None else keys.name
