"""Which time authorities a vault asks, what waits for them, and whether their stamps still hold."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evidence_vault.core.findings import Outcome
from evidence_vault.core.proofclaim import PRESENT
from evidence_vault.core.receipt import is_authority
from evidence_vault.errors import FormatError, UsageError
from evidence_vault.log.proofs import RENEWAL, TIMESTAMP
from evidence_vault.log.tables import LogProof
from evidence_vault.seal.keyring import Authority, Keyring
from evidence_vault.seal.timestamping import check_url, shown_url
from evidence_vault.vault.creation import replace_keyring
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.renewing import (
    check_size,
    due_at,
    due_sizes,
    last_stamp,
    stamped_sizes,
)
from evidence_vault.vault.stamping import (
    Slot,
    active,
    check_stored,
    collect_stamps,
    iso,
    now_of,
    read_evidence,
    renewal_numbers,
    slots_of,
    timestamp_state,
)
from evidence_vault.verify.chains import ChainCertificate, read_roots
from evidence_vault.verify.renewals import CHECKPOINT, renewal_name

MAX_ROOTS = 16
_WEEK = 7 * 86400
_MAX_FILE = 1_000_000
# Names that a folder of some system does not take, or that mean something else there.
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]|checkpoint|cosignatures|renewal-.*)\Z")


def add_authority(
    vault: Vault,
    name: str,
    url: str,
    roots: Sequence[Path],
    passphrase: Callable[[], str],
    login: Path | None = None,
) -> dict[str, Any]:
    """Ask this authority from now on; its roots are pinned in the keyring.

    A name that is known gets the new address and the roots on top of those it has: what it stamped
    under an older root stays checkable. ``login``: a file with one line ``name:password``. Raises
    UsageError, FormatError for a file that holds no root certificate.
    """
    if not is_authority(name) or _RESERVED.match(name):
        raise UsageError(
            "an authority's name is 1 to 40 of a-z, 0-9 and '-', and no word with a meaning",
            code="E-NAME",
        )
    if not roots:
        raise UsageError("--root must name the root certificate", code="E-ROOT")
    secret = None if login is None else _text(login).removesuffix("\n").removesuffix("\r")
    address = check_url(url, secret)
    certificates = [c for path in roots for c in read_roots(_text(path))]
    keyring = vault.keyring
    known = {each.name: each for each in keyring.authorities}
    kept = known[name].roots if name in known else ()
    pinned = list(dict.fromkeys([*kept, *(c.pem for c in certificates)]))
    if len(pinned) > MAX_ROOTS:
        raise UsageError(f"an authority has at most {MAX_ROOTS} roots", code="E-ROOT")
    known[name] = Authority(name, address, tuple(pinned))
    _keep(vault, keyring, known, passphrase)
    return _described(known[name])


def remove_authority(vault: Vault, name: str, passphrase: Callable[[], str]) -> dict[str, Any]:
    """Do not ask this authority any more. Its roots stay as long as there are stamps by it."""
    keyring = vault.keyring
    known = {each.name: each for each in keyring.authorities}
    if name not in known:
        raise UsageError(f"there is no authority {name}", code="E-AUTHORITY")
    described = _described(known[name])
    stamps = vault.catalogue.newest_proof(TIMESTAMP, name) is not None
    if stamps:
        known[name] = replace(known[name], url="")
    else:
        del known[name]
    _keep(vault, keyring, known, passphrase)
    return {**described, "active": False, "kept": stamps, "url": None}


def status(vault: Vault) -> dict[str, Any]:
    """What is stamped, what waits, when chains end and renewals are due.

    Cost: every stamped checkpoint is read, for the renewals.
    """
    stored = vault.checkpoint()
    size = 0 if stored is None else stored.checkpoint.size
    found = [_authority_state(vault, each, size) for each in vault.keyring.authorities]
    due = due_sizes(vault)
    coming = [due_at(vault, each)[0] for each in stamped_sizes(vault)]
    frontier = vault.catalogue.frontier().size
    notices = []
    if frontier > size:
        notices.append(
            f"{frontier - size} entries are in no checkpoint yet: `evidence-vault log checkpoint`"
        )
    return {
        "authorities": found,
        "notices": notices,
        "renewals_due": due,
        "renewal_next": iso(min(coming, default=None)),
        "size": size,
        "state": timestamp_state(vault),
        "stamped": len(coming),
        "waiting": [each["name"] for each in found if each["state"] == "pending"],
    }


def verify(vault: Vault) -> dict[str, Any]:
    """Check every stored stamp and renewal again, and find those that the catalogue lacks.

    What the catalogue knows as counted must be there, byte for byte. ``exit``: 10 when something
    does not match or is gone, 3 when something could not be checked.
    """
    checks = [line for row in _counted(vault) if (line := _compare(vault, row)) is not None]
    collect_stamps(vault)
    told = {each["file"] for each in checks}
    for size in _sizes_with_replies(vault):
        found = [*_stamp_lines(vault, size), *_renewal_lines(vault, size)]
        checks += [line for line in found if line["file"] not in told]
    findings = [
        {
            "code": "E-STAMP" if each["outcome"] == Outcome.DIFFERS.value else "E-UNCHECKED",
            "message": f"{each['outcome']}: {each['reason']}",
            "where": each["file"],
        }
        for each in checks
        if each["outcome"] != Outcome.MATCHES.value
    ]
    outcomes = {each["outcome"] for each in checks}
    status = 10 if Outcome.DIFFERS in outcomes else 3 if Outcome.UNCHECKED in outcomes else 0
    return {"checks": checks, "exit": status, "findings": findings}


def _counted(vault: Vault) -> list[LogProof]:
    return vault.catalogue.proofs(TIMESTAMP) + vault.catalogue.proofs(RENEWAL)


def _compare(vault: Vault, row: LogProof) -> dict[str, Any] | None:
    """What is wrong with the stored reply of a row; None when it is the one that was counted."""
    prefix = f"renewal-{row.name}" if row.kind == RENEWAL else row.name
    over = f"renewal-{row.name[:4]}.sha512" if row.kind == RENEWAL else CHECKPOINT
    reply = read_evidence(vault, row.size, f"{prefix}.tsr")
    if read_evidence(vault, row.size, over) is None:
        return _line(over, row.size, Outcome.DIFFERS, "it was stamped, and it is gone", row.at)
    if reply is not None and hashlib.sha256(reply).hexdigest() == row.sha256:
        return None
    reason = "it is gone" if reply is None else "it is another one than was counted"
    return _line(f"{prefix}.tsr", row.size, Outcome.DIFFERS, reason, row.at)


def _stamp_lines(vault: Vault, size: int) -> list[dict[str, Any]]:
    found = [(slot, check_stored(vault, slot)) for slot in slots_of(vault, size)]
    return [
        _line(slot.name("tsr"), size, stored[1].outcome, stored[1].reason, stored[1].gen_time)
        for slot, stored in found
        if stored is not None
    ]


def _renewal_lines(vault: Vault, size: int) -> list[dict[str, Any]]:
    """Each renewal that follows from the stamps, and the first that does not."""
    lines = []
    renewals = check_size(vault, size)[1]
    for renewal in renewals:
        outcome, reason = renewal.outcome, renewal.reason
        if renewal.absent and outcome is Outcome.MATCHES:
            outcome, reason = Outcome.DIFFERS, f"{renewal.absent[0]}, which it lists, is gone"
        lines.append(_line(renewal_name(renewal.number), size, outcome, reason, renewal.gen_time))
    stored = renewal_numbers(vault, size)
    if any(number > len(renewals) + 1 for number in stored):
        reason = "a later renewal stands on it, and it is gone or its stamps do not match"
        name = renewal_name(len(renewals) + 1)
        lines.append(_line(name, size, Outcome.DIFFERS, reason, None))
    return lines


def stamp_problems(vault: Vault) -> list[tuple[str, str]]:
    """(what is wrong, the command that mends it), for ``doctor``."""
    stored = vault.checkpoint()
    size = 0 if stored is None else stored.checkpoint.size
    now, found = now_of(vault), []
    for each in active(vault):
        last = last_stamp(vault, each.name)
        if size == 0 or check_stored(vault, Slot(size, each)) is not None:
            continue
        if last is None:
            found.append((f"{each.name} has not stamped anything yet", "timestamp stamp"))
        elif now - last > _WEEK:
            days = (now - last) // 86400
            found.append((f"{each.name} has not stamped for {days} days", "timestamp stamp"))
    due = due_sizes(vault)
    if due:
        detail = f"{len(due)} checkpoints need their time stamps renewed: {due[0]['reason']}"
        found.append((detail, "timestamp renew"))
    return [(detail, f"evidence-vault {command}") for detail, command in found]


def _authority_state(vault: Vault, each: Authority, size: int) -> dict[str, Any]:
    newest = vault.catalogue.newest_proof(TIMESTAMP, each.name)
    ends = None
    if newest is not None:
        stored = check_stored(vault, Slot(newest.size, each))
        ends = None if stored is None else stored[1].ends
    now_stored = check_stored(vault, Slot(size, each)) if size else None
    present = now_stored is not None and now_stored[1].outcome is Outcome.MATCHES
    state = PRESENT if present else "pending" if each.url else "removed"
    return {
        **_described(each),
        "chain_ends": iso(ends),
        "newest": None if newest is None else {"size": newest.size, "time": iso(newest.at)},
        "state": state,
    }


def _sizes_with_replies(vault: Vault) -> list[int]:
    """Counted sizes, and those at which a reply lies that no longer counts."""
    sizes = set(stamped_sizes(vault))
    for commit in vault.log.commits(0):
        names = [renewal_name(1), *(f"{each.name}.tsr" for each in vault.keyring.authorities)]
        if commit.end not in sizes and any(read_evidence(vault, commit.end, n) for n in names):
            sizes.add(commit.end)
    return sorted(sizes)


def _line(
    name: str, size: int, outcome: Outcome, reason: str, gen_time: int | None
) -> dict[str, Any]:
    return {
        "file": f"evidence/{size}/{name}",
        "outcome": outcome.value,
        "reason": reason,
        "size": size,
        "time": iso(gen_time),
    }


def _described(authority: Authority) -> dict[str, Any]:
    roots: list[ChainCertificate] = [c for pem in authority.roots for c in read_roots(pem)]
    return {
        "active": bool(authority.url),
        "name": authority.name,
        "roots": [{"ends": iso(c.not_after), "subject": c.subject} for c in roots],
        "url": shown_url(authority.url) if authority.url else None,
    }


def _keep(
    vault: Vault, keyring: Keyring, known: dict[str, Authority], passphrase: Callable[[], str]
) -> None:
    changed = replace(keyring, authorities=tuple(known[name] for name in sorted(known)))
    replace_keyring(vault, changed, passphrase())
    vault.adopt_keyring(changed)


def _text(path: Path) -> str:
    try:
        with open(path, "rb") as stream:
            return stream.read(_MAX_FILE).decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise FormatError(
            f"{path} is not text",
            code="E-ROOT",
            hint="a certificate in DER becomes PEM with `openssl x509 -inform DER`",
        ) from None
