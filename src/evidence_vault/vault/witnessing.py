"""The countersigner's commands by file, and what there is to say about countersigning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evidence_vault.core.exchange import MAX_REQUEST
from evidence_vault.errors import Unchecked, UsageError, VaultError
from evidence_vault.log.witness_state import Asked, Cosigned
from evidence_vault.prove.witness import (
    CONFLICT,
    FORK,
    NO_PROOF,
    OK,
    ROLLBACK,
    UNAVAILABLE,
    UNKNOWN,
    Verdict,
)
from evidence_vault.vault.cosignatures import quorum, standings
from evidence_vault.vault.countersigning import (
    Countersigned,
    countersign,
    misbehaviour,
    open_state,
    spoken,
)
from evidence_vault.vault.faults import step
from evidence_vault.vault.files import demand_absent, write_new
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.witness_pins import demand_newest

_SHOWN = {
    FORK: ("E-FORK", 11, "this log showed two histories: its own signature proves it"),
    ROLLBACK: (
        "E-ROLLED-BACK",
        11,
        "this log shows fewer entries than it did: it was set back, or this request is an old one",
    ),
    NO_PROOF: ("E-PROOF", 10, "the proof does not lead to the signed root: nothing was shown"),
}


def witness_cosign(vault: Vault, request: Path, out: Path) -> dict[str, Any]:
    """Judge a request in a file and write the answer, as it would go over HTTP.

    Raises what the first three checks find (FormatError, Unchecked for an unknown log,
    SignatureInvalid), and Unchecked when our own clock forbids it. A wrong ``old`` is answered in
    the file, too: with the size that was cosigned last.
    """
    demand_absent(out)
    try:
        with request.open("rb") as stream:
            body = stream.read(MAX_REQUEST + 1)
    except OSError as error:
        raise UsageError(f"{request} can't be read: {error.strerror}") from error
    done = countersign(vault, body)
    verdict = done.verdict
    _raise_refusal(verdict)
    answered = verdict.status in (OK, CONFLICT)
    if answered:
        step("witness-answered")
        write_new(out, verdict.body)
    return {**_told(vault, done), "file": str(out) if answered else None}


def _raise_refusal(verdict: Verdict) -> None:
    """Raise for the checks that come before the state is asked."""
    if verdict.status == UNKNOWN:
        origin = "" if verdict.request is None else verdict.request.origin
        raise Unchecked(
            f"the log {origin!r} is not pinned here, so its requests are not judged",
            code="E-UNKNOWN-LOG",
            hint="pin it with `evidence-vault witness add TRUSTFILE`",
        )
    if verdict.status == UNAVAILABLE:
        raise Unchecked(
            "this machine's clock stands before the last countersignature, so none is given",
            code="E-WITNESS-CLOCK",
            hint="set the clock right and run the command again",
        )
    if verdict.error is not None and verdict.kind is None:
        raise verdict.error


def _told(vault: Vault, done: Countersigned) -> dict[str, Any]:
    verdict = done.verdict
    request = verdict.request
    assert request is not None
    finding, status = None, 0 if verdict.status == OK else 3
    if verdict.kind is not None:
        code, status, message = _SHOWN[verdict.kind]
        finding = {"code": code, "message": message, "where": request.origin}
    elif verdict.status == CONFLICT:
        message = "the request names another size than the one that was countersigned last"
        finding = {"code": "E-OLD-SIZE", "message": message, "where": request.origin}
    peer = next(peer for peer in vault.keyring.peers if peer.origin == request.origin)
    return {
        "evidence": done.kept,
        "exit": status,
        "findings": [] if finding is None else [finding],
        "held": None
        if verdict.held is None
        else {"root": verdict.held.root.hex(), "size": verdict.held.size},
        "old": request.old,
        "org": peer.org,
        "origin": request.origin,
        "proven": verdict.kind == FORK,
        "root": request.root.hex(),
        "size": request.size,
        "status": verdict.status,
    }


def witness_status(vault: Vault) -> dict[str, Any]:
    """Who countersigned us, whom we countersign, what was asked, what speaks against whom."""
    own, logs, asked, problem = _own_side(vault)
    kept = misbehaviour(vault)
    notices = [] if problem is None else [problem]
    if kept:
        notices.append(
            "requests that speak against their log are kept: tell your partners, and compare with "
            "`evidence-vault log compare`"
        )
    return {
        "asked": [
            {
                "at": spoken(each.at),
                "count": each.count,
                "origin": each.origin,
                "size": each.size,
                "status": each.status,
            }
            for each in asked
        ],
        "countersigned_by": standings(vault),
        "countersigns": _countersigns(vault, logs),
        "exit": 11 if problem or any(page["proven"] for page in kept) else 0,
        "findings": _findings(kept, problem),
        "misbehaviour": kept,
        "notices": notices,
        "quorum": quorum(vault),
        "self": own,
    }


def _own_side(
    vault: Vault,
) -> tuple[dict[str, Any] | None, list[Cosigned], list[Asked], str | None]:
    """(name and keys, newest of each log, what was asked, why it refuses) of our countersigner."""
    keys = vault.keyring.witness
    if keys is None:
        return None, [], [], None
    own = {"keys": list(keys.vkeys()), "may_sign": True, "name": keys.name}
    try:
        with open_state(vault).transaction() as state:
            demand_newest(vault.folder, state, vault.keyring)
            return own, state.all(), state.asked(), None
    except VaultError as error:
        return {**own, "may_sign": False}, [], [], f"{error.message}; {error.hint}"


def _countersigns(vault: Vault, logs: list[Cosigned]) -> list[dict[str, Any]]:
    by_origin = {each.origin: each for each in logs}
    found = []
    for peer in vault.keyring.peers:
        each = by_origin.get(peer.origin)
        found.append(
            {
                "at": None if each is None else spoken(each.at),
                "org": peer.org,
                "origin": peer.origin,
                "root": None if each is None else each.root.hex(),
                "size": None if each is None else each.size,
            }
        )
    return found


def _findings(kept: list[dict[str, Any]], problem: str | None) -> list[dict[str, str]]:
    said = [] if problem is None else [("E-WITNESS-STATE", problem, "witness.db")]
    for page in kept:
        if page["proven"]:
            said.append(("E-MISBEHAVIOUR", f"{page['kind']}, proven", page["origin"]))
    return [{"code": c, "message": m, "where": w} for c, m, w in said]
