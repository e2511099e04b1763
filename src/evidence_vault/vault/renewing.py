"""Renewing time stamps before certificates and algorithms age (docs/format-time.md).

A renewal is a list of digests of every file under ``evidence/<size>/``, stamped anew. The next one
lists the earlier ones, too. A list is written once; if nobody could stamp it, the next run asks
again for the same list.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evidence_vault.core.findings import Outcome
from evidence_vault.errors import AlreadyExists, EvidenceError, FormatError, Unchecked, UsageError
from evidence_vault.log.proofs import RENEWAL, TIMESTAMP
from evidence_vault.seal.timestamping import TIMEOUT
from evidence_vault.vault.asking import ask_all, exit_of, request_for
from evidence_vault.vault.faults import step
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.stamping import (
    MAX_RENEWALS,
    Slot,
    active,
    iso,
    now_of,
    read_evidence,
    renewals_of,
    slots_of,
    tokens_of,
)
from evidence_vault.verify.renewals import (
    CHECKPOINT,
    RenewalCheck,
    check_renewals,
    format_renewal,
    parse_renewal,
    renewal_name,
)
from evidence_vault.verify.timestamps import TokenCheck

YEAR, MONTH = 365 * 86400, 30 * 86400

Checked = tuple[list[tuple[str, TokenCheck]], list[RenewalCheck]]


def stamped_sizes(vault: Vault) -> list[int]:
    """Sizes of the checkpoints of the current log that have a counted stamp."""
    return sorted({row.size for row in vault.catalogue.proofs(TIMESTAMP)})


def check_size(vault: Vault, size: int) -> Checked:
    """Check all stamps and renewals of a checkpoint against the store."""
    renewals = renewals_of(vault, size)
    others: dict[str, bytes] = {}
    for renewal in renewals:
        for name in _names(renewal.manifest):
            content = read_evidence(vault, size, name)
            if content is not None:
                others[name] = content
    roots = [root for each in vault.keyring.authorities for root in each.roots]
    lists: dict[str, list[bytes]] = {}
    for slot in slots_of(vault, size):
        content = read_evidence(vault, size, slot.name("crl"))
        if content is not None:
            lists.setdefault(slot.authority.name, []).append(content)
    note = read_evidence(vault, size, CHECKPOINT) or b""
    return check_renewals(note, tokens_of(vault, size), renewals, roots, others=others, crls=lists)


def due_at(vault: Vault, size: int) -> tuple[int, str]:
    """(POSIX seconds, why): when the stamps of a checkpoint are to be renewed.

    A year after the newest stamp, or 12 months before the first certificate of its newest stamps
    ends, but not in the month after it was made.
    """
    first, renewals = check_size(vault, size)
    stamps = [check for _, check in (renewals[-1].stamps if renewals else first)]
    made = max((c.gen_time or 0 for c in stamps), default=0)
    ends = min((c.ends for c in stamps if c.ends is not None), default=made)
    before_end = min(max(ends - YEAR, made + MONTH), ends)
    if before_end < made + YEAR:
        return before_end, f"a certificate of its authority ends on {(iso(ends) or '')[:10]}"
    return made + YEAR, f"its newest stamp is of {(iso(made) or '')[:10]}"


def due_sizes(vault: Vault) -> list[dict[str, Any]]:
    """Checkpoints whose renewal is due now, the most urgent first. Reads every stamped one."""
    now = now_of(vault)
    found = []
    for size in stamped_sizes(vault):
        at, why = due_at(vault, size)
        if at <= now:
            found.append({"due": iso(at), "reason": why, "size": size})
    return sorted(found, key=lambda each: (str(each["due"]), each["size"]))


def renew(vault: Vault, size: int | None = None, timeout: float = TIMEOUT) -> dict[str, Any]:
    """Renew what is due, or the stamps of the checkpoint of ``size`` entries at once.

    Each checkpoint is by itself, so a run that was ended goes on. ``exit``: 0, 3 when an
    authority could not be reached, 10 when a reply or what would be renewed is wrong. Raises
    UsageError without an authority or for a checkpoint that has no stamp.
    """
    authorities = active(vault)
    if not authorities:
        raise UsageError("no time authority is configured", code="E-NO-AUTHORITY")
    sizes = [each["size"] for each in due_sizes(vault)] if size is None else [size]
    results: list[dict[str, Any]] = []
    findings: list[dict[str, str]] = []
    status = 0
    for chosen in sizes:
        try:
            number = begin_renewal(vault, chosen)
        except (EvidenceError, Unchecked) as error:
            where = f"evidence/{chosen}"
            findings.append({"code": error.code, "message": error.message, "where": where})
            status = max(status, int(error.exit_status))
            continue
        slots = [Slot(chosen, authority, number) for authority in authorities]
        results += ask_all(vault, slots, timeout)
    status = max(status, exit_of(results))
    return {"exit": status, "findings": findings, "results": results, "sizes": sizes}


def begin_renewal(vault: Vault, size: int) -> int:
    """Write the list of the next renewal, or find the one that nobody has stamped yet.

    Raises UsageError when there is no stamp to renew, EvidenceError when a stamp or renewal does
    not match, Unchecked when the newest could not be checked: nothing is renewed blindly.
    """
    if size not in stamped_sizes(vault):
        raise UsageError(f"the checkpoint of {size} entries has no time stamp", code="E-NO-STAMP")
    first, renewals = check_size(vault, size)
    _demand_good(first, renewals)
    number = len(renewals) + 1
    if number > MAX_RENEWALS:
        raise Unchecked(f"{MAX_RENEWALS} renewals is the most that there can be")
    if read_evidence(vault, size, renewal_name(number)) is None:
        manifest = format_renewal(_files(vault, size))
        with vault.locked():
            try:
                key = vault.log.evidence_key(size, renewal_name(number))
                vault.archive.create(key, manifest)
            except AlreadyExists:
                pass  # another process was faster: its list is the one to stamp
        step("renewal-list")
    return number


def write_renewal_request(
    vault: Vault, out: Path, authority: str | None, size: int
) -> dict[str, Any]:
    """The request of a renewal as a new file, to be carried to where there is a network."""
    known = [each for each in active(vault) if authority in (None, each.name)]
    if len(known) != 1:
        raise UsageError("say which authority: --authority", code="E-AUTHORITY")
    return request_for(vault, Slot(size, known[0], begin_renewal(vault, size)), out)


def last_stamp(vault: Vault, authority: str) -> int | None:
    """When an authority last stamped something of this log, as the catalogue knows it."""
    rows = vault.catalogue.proofs(TIMESTAMP) + vault.catalogue.proofs(RENEWAL)
    return max((r.at for r in rows if r.name.rpartition(".")[2] == authority), default=None)


def _demand_good(first: list[tuple[str, TokenCheck]], renewals: list[RenewalCheck]) -> None:
    for check in renewals:
        if check.outcome is Outcome.DIFFERS:
            raise EvidenceError(f"renewal {check.number}: {check.reason}", code="E-RENEWAL")
    if renewals and renewals[-1].outcome is not Outcome.MATCHES:
        last = renewals[-1]
        raise Unchecked(f"renewal {last.number}: {last.reason}", code="E-RENEWAL")
    if not any(check.outcome is Outcome.MATCHES for _, check in first):
        raise EvidenceError("none of its time stamps matches any more", code="E-STAMP")


def _files(vault: Vault, size: int) -> Mapping[str, bytes]:
    """Every file of ``evidence/<size>/``; those that are none of ours are left out."""
    prefix = vault.log.evidence_key(size, "")
    found: dict[str, bytes] = {}
    for key in vault.archive.keys(prefix):
        name = key.removeprefix(prefix)
        content = read_evidence(vault, size, name)
        if content is None:
            continue
        try:
            format_renewal({name: content})
        except FormatError:
            continue
        found[name] = content
    return found


def _names(manifest: bytes) -> list[str]:
    try:
        return list(parse_renewal(manifest))
    except FormatError:
        return []
