"""Asking countersigners over HTTP: whoever can't be reached is asked again the next time.

Nothing is queued but the log itself: a checkpoint that a countersigner has not signed yet is
asked for with every run, with the proof from what it is known to have signed last.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from typing import Any

from evidence_vault.core.checkpoint import OpenedCheckpoint, open_checkpoint
from evidence_vault.core.exchange import MAX_ANSWER, format_request, parse_size
from evidence_vault.errors import VaultError
from evidence_vault.prove.witness import CONFLICT, OK
from evidence_vault.seal.keyring import Peer
from evidence_vault.vault.cosignatures import (
    Importer,
    build_request,
    find_peer,
    import_result,
    last_size,
    newest_signed,
)
from evidence_vault.vault.countersigning import origin_hex
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.policies import countersigners, witness_keys

COUNTERSIGNED, UNREACHABLE, REFUSED, NO_ADDRESS, ROLLED_BACK, FORKED = (
    *("countersigned", "unreachable", "refused", "no address", "rolled back", "fork"),
)
_SECONDS = 20.0
_WHOLE_SECONDS = 120.0
_READ_BYTES = 65_536


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def witness_ask(vault: Vault, name: str | None = None) -> dict[str, Any]:
    """Ask every countersigner with an address, or one, to cosign the newest checkpoint.

    Exit 3 while any of them has not, 10 when an answer does not match, 11 when one shows that it
    has seen more of this log than there is here, or another history.
    """
    peers = countersigners(vault.keyring) if name is None else [find_peer(vault, name)]
    newest_signed(vault)
    importer = Importer(vault)
    asked = [_ask(vault, peer, importer) for peer in peers]
    result = import_result(vault, importer)
    bad = {ROLLED_BACK: "E-ROLLED-BACK", FORKED: "E-FORK"}
    for each in asked:
        if each["outcome"] != COUNTERSIGNED:
            code = bad.get(each["outcome"], "E-NOT-COUNTERSIGNED")
            message = f"{each['outcome']}: {each['detail']}"
            result["findings"].append({"code": code, "message": message, "where": each["origin"]})
    if any(each["outcome"] in bad for each in asked):
        result["exit"] = 11
    elif not importer.refused:
        done = asked and all(each["outcome"] == COUNTERSIGNED for each in asked)
        result["exit"] = 0 if done else 3
    return {**result, "asked": asked}


def _ask(vault: Vault, peer: Peer, importer: Importer) -> dict[str, Any]:
    opened, _ = newest_signed(vault)
    size = opened.checkpoint.size
    told: dict[str, Any] = {"org": peer.org, "origin": peer.origin, "size": size, "url": peer.url}

    def outcome(name: str, detail: str = "") -> dict[str, Any]:
        return {**told, "detail": detail, "outcome": name}

    if peer.url is None:
        hint = "ask by file (`evidence-vault witness request`), or pin an address"
        return outcome(NO_ADDRESS, hint)
    before = len(importer.refused)
    try:
        status, body = _post(peer.url, vault, last_size(vault, peer))
        held = parse_size(body) if status == CONFLICT else None
        if held is not None and held <= size:
            status, body = _post(peer.url, vault, held)
    except OSError as error:
        return outcome(UNREACHABLE, str(getattr(error, "reason", error)))
    except (http.client.HTTPException, ValueError) as error:
        return outcome(UNREACHABLE, f"it does not speak HTTP: {type(error).__name__}")
    if status != OK:
        return outcome(*_why(vault, peer, opened, status))
    with vault.locked():
        importer.take(body, peer.origin)
    signed = {each["key_id"] for each in importer.stored if each["size"] == size}
    if {key.key_id.hex() for key in witness_keys(peer)} <= signed:
        return outcome(COUNTERSIGNED)
    if len(importer.refused) > before:
        return outcome(REFUSED, "its answer does not match")
    return outcome(REFUSED, "its answer lacks a signature by the keys that are pinned")


def _post(url: str, vault: Vault, old: int) -> tuple[int, bytes]:
    data = format_request(build_request(vault, old))
    request = urllib.request.Request(f"{url.rstrip('/')}/add-checkpoint", data, method="POST")
    request.add_header("Content-Type", "application/octet-stream")
    return _fetch(request)


def _fetch(request: urllib.request.Request) -> tuple[int, bytes]:
    """(status, at most ``MAX_ANSWER`` bytes); OSError when nobody answers."""
    try:
        with _OPENER.open(request, timeout=_SECONDS) as reply:
            return reply.status, _read(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _read(error)


def _read(reply: Any) -> bytes:
    """At most ``MAX_ANSWER`` bytes and one; TimeoutError for a server that drips."""
    end = time.monotonic() + _WHOLE_SECONDS
    body = b""
    while len(body) <= MAX_ANSWER and (piece := reply.read1(_READ_BYTES)):
        body += piece
        if time.monotonic() > end:
            raise TimeoutError("it takes too long to answer")
    return body


def _why(vault: Vault, peer: Peer, own: OpenedCheckpoint, status: int) -> tuple[str, str]:
    """(outcome, detail) of a refusal. Only a checkpoint with our own signature proves anything."""
    seen = _seen_by(vault, peer)
    if seen is not None:
        theirs, ours = seen.checkpoint, own.checkpoint
        if theirs.size > ours.size:
            return ROLLED_BACK, (
                f"it holds this log's signature over {theirs.size} entries, here are {ours.size}: "
                "this may be an old copy of the vault"
            )
        if theirs.size == ours.size and theirs.root != ours.root:
            return FORKED, f"it holds another signed root over {theirs.size} entries of this log"
    return REFUSED, f"it answered with status {status}"


def _seen_by(vault: Vault, peer: Peer) -> OpenedCheckpoint | None:
    """The newest checkpoint of this log that the countersigner shows, under the log's own keys."""
    url = f"{(peer.url or '').rstrip('/')}/{origin_hex(vault.keyring.origin)}/checkpoint"
    try:
        status, note = _fetch(urllib.request.Request(url))
        return open_checkpoint(note, vault.entry_zero().log_keys()) if status == OK else None
    except (OSError, http.client.HTTPException, ValueError, VaultError):
        return None
