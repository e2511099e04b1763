"""Asking authorities for time stamps, over the network or by files that somebody carries.

For one authority and one checkpoint, in this order; whatever a crash leaves, the next run goes on:

1. the request is stored: a later run, or a reply carried in, answers the same one
2. the authority is asked; its reply is checked before anything of it counts
3. the reply is stored: from here on nobody is asked again
4. the chain and the revocation lists beside it
5. the catalogue remembers that it matches
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evidence_vault.core.findings import Outcome
from evidence_vault.errors import AlreadyExists, FormatError, StoreError, UsageError
from evidence_vault.seal.keyring import Authority
from evidence_vault.seal.timestamping import TIMEOUT, ask, fetch_list, make_request
from evidence_vault.vault.faults import step
from evidence_vault.vault.files import write_new
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.stamping import (
    Slot,
    active,
    check_reply,
    check_stored,
    count_stamp,
    iso,
    newest_size,
    now_of,
    read_evidence,
    slots_of,
    stamped_bytes,
)
from evidence_vault.verify.chains import lists_as_pem
from evidence_vault.verify.timestamps import TokenCheck
from evidence_vault.verify.tokens import MAX_REPLY, read_statement

PRESENT, UNREACHABLE, REJECTED, KEPT = "present", "not reachable", "rejected", "not checked"
_MAX_REJECTED = 20
_MAX_UNCHECKED = 3
_MAX_SKEW = 3600


def stamp(vault: Vault, size: int | None = None, timeout: float = TIMEOUT) -> dict[str, Any]:
    """Ask every authority for a stamp over the newest checkpoint, or that of ``size`` entries.

    Authorities that have stamped it are not asked again. ``exit``: 10 when a reply was wrong, 3
    when one could not be got or checked. Raises UsageError without authorities or checkpoint.
    """
    asked = _demand_active(vault)
    chosen = newest_size(vault) if size is None else size
    results = ask_all(vault, [Slot(chosen, each) for each in asked], timeout)
    return {"exit": exit_of(results), "results": results, "size": chosen}


def ask_all(vault: Vault, slots: Sequence[Slot], timeout: float) -> list[dict[str, Any]]:
    """Fill each slot; one that fails stops none of the others."""
    return [_fill(vault, slot, timeout) for slot in slots]


def exit_of(results: Sequence[dict[str, Any]]) -> int:
    """0, 10 when a reply was wrong, else 3."""
    states = {each["state"] for each in results}
    if REJECTED in states:
        return 10
    return 3 if states - {PRESENT} else 0


def write_request(
    vault: Vault, out: Path, authority: str | None = None, size: int | None = None
) -> dict[str, Any]:
    """Store a request and write it to a new file, to be carried to where there is a network.

    The reply comes back through :func:`import_reply`. Raises UsageError when the authority is not
    known or has stamped it already.
    """
    chosen = newest_size(vault) if size is None else size
    slot = Slot(chosen, _one(_demand_active(vault), authority))
    return request_for(vault, slot, out)


def request_for(vault: Vault, slot: Slot, out: Path) -> dict[str, Any]:
    """:func:`write_request` for one slot."""
    if check_stored(vault, slot) is not None:
        raise UsageError(
            f"{slot.authority.name} has stamped this already", code="E-STAMPED", hint="see status"
        )
    request = _request(vault, slot)
    write_new(out, request)
    return {
        "authority": slot.authority.name,
        "file": str(out),
        "renewal": slot.renewal,
        "sha512": hashlib.sha512(stamped_bytes(vault, slot)).hexdigest(),
        "size": slot.size,
    }


def import_reply(
    vault: Vault, file: Path, authority: str | None = None, size: int | None = None
) -> dict[str, Any]:
    """Take in a reply that was carried here; it is checked as if it had come over the network.

    The checkpoint is found by what the reply is over. ``exit`` as of :func:`stamp`.
    """
    try:
        with open(file, "rb") as stream:
            reply = stream.read(MAX_REPLY + 1)
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}") from error
    chosen = _one(list(vault.keyring.authorities), authority)
    sizes = _awaited(vault, chosen) if size is None else [size]
    result = _accept(vault, _slot_for(vault, chosen, sizes, reply), reply, None)
    return {"exit": exit_of([result]), "results": [result], "size": result["size"]}


def _fill(vault: Vault, slot: Slot, timeout: float) -> dict[str, Any]:
    stored = check_stored(vault, slot)
    if stored is not None:
        return _complete(vault, slot, *stored, timeout)
    for number in range(1, _MAX_UNCHECKED + 1):
        reply = read_evidence(vault, slot.size, slot.name(f"unchecked-{number}.tsr"))
        if reply is None:
            break
        check = check_reply(vault, slot, reply)
        if check.outcome is Outcome.MATCHES:  # a root was added, or this program learnt to read it
            return _accept(vault, slot, reply, timeout)
        if number == _MAX_UNCHECKED:
            return _keep_aside(vault, slot, reply, check)
    request = _request(vault, slot)
    try:
        reply = ask(slot.authority.url, request, timeout)
    except StoreError as error:
        return _result(slot, UNREACHABLE, error.message)
    return _accept(vault, slot, reply, timeout)


def _request(vault: Vault, slot: Slot) -> bytes:
    """Step 1: the one request of this slot, made unless it is there."""
    data = stamped_bytes(vault, slot)
    stored = read_evidence(vault, slot.size, slot.name("tsq"))
    if stored is None:
        _create(vault, slot, "tsq", make_request(data))
        step("stamp-request")
        stored = read_evidence(vault, slot.size, slot.name("tsq")) or b""
    return stored


def _accept(vault: Vault, slot: Slot, reply: bytes, timeout: float | None) -> dict[str, Any]:
    """Step 2 for a reply at hand; without ``timeout`` there is no network to ask for lists."""
    check = check_reply(vault, slot, reply)
    lists = None if timeout is None else _lists(check, timeout)
    if lists:
        check = check_reply(vault, slot, reply, lists)
    if check.outcome is not Outcome.MATCHES:
        return _keep_aside(vault, slot, reply, check)
    if not _create(vault, slot, "tsr", reply):  # another process was faster: its reply counts
        stored = check_stored(vault, slot)
        if stored is not None:
            return _complete(vault, slot, *stored, timeout)
    step("stamp-reply")
    return _complete(vault, slot, reply, check, timeout, lists)


def _complete(
    vault: Vault,
    slot: Slot,
    reply: bytes,
    check: TokenCheck,
    timeout: float | None,
    lists: bytes | None = None,
) -> dict[str, Any]:
    """Steps 4 and 5 for a reply that is stored."""
    if check.outcome is Outcome.DIFFERS:
        # It matched when it was stored: the store was changed, or the authority was revoked.
        return _result(slot, REJECTED, check.reason, check, slot.name("tsr"))
    if check.outcome is not Outcome.MATCHES:
        return _result(slot, KEPT, check.reason, check, slot.name("tsr"))
    if read_evidence(vault, slot.size, slot.name("pem")) is None:
        _create(vault, slot, "pem", "".join(c.pem for c in check.chain).encode("ascii"))
        step("stamp-chain")
    if read_evidence(vault, slot.size, slot.name("crl")) is None:
        lists = lists or (None if timeout is None else _lists(check, timeout))
        if lists and check_reply(vault, slot, reply, lists).outcome is Outcome.MATCHES:
            _create(vault, slot, "crl", lists)
            step("stamp-lists")
    count_stamp(vault, slot, reply, check)
    step("stamp-counted")
    return _result(slot, PRESENT, _clocks(vault, check), check, slot.name("tsr"))


def _lists(check: TokenCheck, timeout: float) -> bytes | None:
    """The revocation lists that the chain names, in PEM; None when none could be got."""
    urls = {url for certificate in check.chain for url in certificate.crl_urls}
    found = []
    for url in sorted(urls)[:8]:
        try:
            found.append(fetch_list(url, timeout))
        except StoreError:
            continue  # a list that can't be got is no reason against the stamp
        except UsageError:
            continue
    return lists_as_pem(found) or None


def _keep_aside(vault: Vault, slot: Slot, reply: bytes, check: TokenCheck) -> dict[str, Any]:
    """A reply that does not count is evidence about its authority, so it is kept.

    ``rejected``: it is wrong. ``unchecked``: it could not be checked, and is looked at again.
    """
    wrong = check.outcome is Outcome.DIFFERS
    label, state = ("rejected", REJECTED) if wrong else ("unchecked", KEPT)
    reply = reply[:MAX_REPLY]
    for number in range(1, (_MAX_REJECTED if wrong else _MAX_UNCHECKED) + 1):
        kind = f"{label}-{number}.tsr"
        known = read_evidence(vault, slot.size, slot.name(kind))
        if known == reply or (known is None and _create(vault, slot, kind, reply)):
            return _result(slot, state, check.reason, check, slot.name(kind))
    return _result(slot, state, check.reason, check)


def _create(vault: Vault, slot: Slot, kind: str, data: bytes) -> bool:
    """Store a file of a slot; False when one was there."""
    with vault.locked():
        try:
            vault.archive.create(vault.log.evidence_key(slot.size, slot.name(kind)), data)
            return True
        except AlreadyExists:
            return False


def _result(
    slot: Slot, state: str, reason: str, check: TokenCheck | None = None, file: str | None = None
) -> dict[str, Any]:
    return {
        "authority": slot.authority.name,
        "code": None if check is None else check.code,
        "file": None if file is None else f"evidence/{slot.size}/{file}",
        "reason": reason,
        "renewal": slot.renewal,
        "size": slot.size,
        "state": state,
        "time": None if check is None else iso(check.gen_time),
    }


def _clocks(vault: Vault, check: TokenCheck) -> str:
    """What to say when this machine's clock and the authority's are far apart."""
    ahead = (check.gen_time or 0) - now_of(vault)
    if ahead <= _MAX_SKEW:
        return ""
    return f"this machine's clock is behind it by {ahead} seconds: check the clock"


def _demand_active(vault: Vault) -> list[Authority]:
    found = active(vault)
    if not found:
        raise UsageError(
            "no time authority is configured",
            code="E-NO-AUTHORITY",
            hint="`evidence-vault timestamp add NAME URL --root PEM`",
        )
    return found


def _one(known: list[Authority], name: str | None) -> Authority:
    if name is None and len(known) == 1:
        return known[0]
    for each in known:
        if each.name == name:
            return each
    names = ", ".join(each.name for each in known) or "none"
    raise UsageError(f"say which authority: --authority with one of: {names}", code="E-AUTHORITY")


def _awaited(vault: Vault, authority: Authority) -> list[int]:
    """Sizes at which a request of this authority lies, the newest first.

    The store's listing only saves the asker from saying which.
    """
    prefix = vault.log.evidence_key(0, "").partition("/")[0] + "/"
    sizes = {newest_size(vault)}
    for key in vault.archive.keys(prefix):
        _, size, name = key.split("/", 2)
        if name.endswith(f"{authority.name}.tsq") and size.isdecimal():
            sizes.add(int(size))
    return sorted(sizes, reverse=True)


def _slot_for(vault: Vault, authority: Authority, sizes: list[int], reply: bytes) -> Slot:
    """The slot whose bytes a reply is over; the newest checkpoint's when it is over none."""
    try:
        stated = read_statement(reply[:MAX_REPLY])
    except FormatError:
        return Slot(sizes[0], authority)
    for size in sizes:
        if read_evidence(vault, size, "checkpoint") is None:
            continue
        for slot in slots_of(vault, size):
            if slot.authority != authority:
                continue
            digest = hashlib.sha512(stamped_bytes(vault, slot)).digest()
            if (stated.algorithm, stated.imprint) == ("sha512", digest):
                return slot
    return Slot(sizes[0], authority)
