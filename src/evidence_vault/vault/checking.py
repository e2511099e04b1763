"""Checking a live vault: checkpoints, status, proofs, audit, fixity."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evidence_vault.core.anchors import ANCHORED, beacon_anchor, format_anchors
from evidence_vault.core.checkpoint import open_checkpoint
from evidence_vault.core.event import parse_entry
from evidence_vault.core.keys import fingerprint_words
from evidence_vault.core.merkle import Frontier, prove_consistency, prove_inclusion
from evidence_vault.core.note import encode_base64, parse_vkey
from evidence_vault.core.proof import ProofFile, format_proof
from evidence_vault.core.proofclaim import NOT_CONFIGURED, PENDING
from evidence_vault.errors import FormatError, UsageError, VaultError
from evidence_vault.log.logstore import LogStore
from evidence_vault.prove.audit import AuditReport, audit_log
from evidence_vault.vault.auditforeign import CODE as FOREIGN
from evidence_vault.vault.auditforeign import foreign_findings
from evidence_vault.vault.comparing_catalogue import compare_catalogue
from evidence_vault.vault.comparing_log import compare_evidence
from evidence_vault.vault.cosignatures import (
    cosignature_state,
    newest_countersigned,
    standings,
)
from evidence_vault.vault.files import write_new
from evidence_vault.vault.handovers import gap_sentence, removed_items
from evidence_vault.vault.looking import look
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.policies import policy_of
from evidence_vault.vault.removing import removed_entries
from evidence_vault.vault.spreading import spread
from evidence_vault.vault.stamping import timestamp_state
from evidence_vault.vault.standing import NO_KEY, committed, confirm
from evidence_vault.vault.writer import writing

Progress = Callable[[int, int], None]


def publish_and_sign(vault: Vault) -> bytes:
    """Publish what is committed and sign a checkpoint; returns the signed note."""
    with writing(vault) as writer:
        return writer.checkpoint()


def log_checkpoint(vault: Vault, expect: Path | None = None) -> dict[str, Any]:
    """Sign a checkpoint over everything committed.

    ``expect``: a partner's checkpoint that shows that this copy is not old.
    """
    if expect is not None:
        with vault.locked():
            from evidence_vault.log.sequencer import Sequencer
            from evidence_vault.vault.digesting import digest_committed

            sequencer = Sequencer(vault.log, vault.catalogue)
            sequencer.catch_up(lambda *a: digest_committed(vault, *a))
            confirm(vault, sequencer.frontier, expect)
    note = publish_and_sign(vault)
    keys = [parse_vkey(text) for text in vault.entry_zero().log_vkeys()]
    point = open_checkpoint(note, keys).checkpoint
    return {
        "checkpoint": note.decode(),
        "origin": point.origin,
        "root": point.root.hex(),
        "signed_at": vault.clock.now(),
        "size": point.size,
    }


def log_anchor(
    vault: Vault, name: str, number: str, value: str, by: str | None = None
) -> dict[str, Any]:
    """Put a public random value into the log: what follows was signed after it was published.

    ``value``: 16 to 128 bytes in hex. Raises UsageError for anything else.
    """
    anchor = beacon_anchor(name, number, value.lower())
    try:
        clear = format_anchors([anchor])
    except FormatError as error:
        raise UsageError(
            "a beacon has a name of at most 80 plain characters, a round in digits, and a value "
            "of 16 to 128 bytes in hex",
            code="E-BEACON",
        ) from error
    with writing(vault) as writer:
        writer.vault_event(ANCHORED, {"actor": by}, clear)
        event = writer.commit()
        writer.checkpoint()
    return {"beacon": name, "event": event, "round": number, "value": anchor["value"]}


def log_status(vault: Vault) -> dict[str, Any]:
    """Where the log stands, and whether this vault may sign."""
    from evidence_vault.vault.replicas import copies_of
    from evidence_vault.vault.replicas import notices as copy_notices

    zero = vault.entry_zero()
    stored = vault.checkpoint()
    frontier, found = look(vault)
    behind = sum(1 for _ in vault.log.commits(vault.catalogue.frontier().size))
    notices = list(found.reasons)
    if behind:
        notices.append(f"{behind} commits are not in the catalogue yet: the next command adds them")
    if stored is not None and stored.checkpoint.size < frontier.size:
        unpublished = frontier.size - stored.checkpoint.size
        notices.append(
            f"{unpublished} entries are committed and not yet published: "
            "`evidence-vault log checkpoint` publishes and signs them"
        )
    policy = policy_of(vault)
    size = 0 if stored is None else stored.checkpoint.size
    cosigned = cosignature_state(vault, size, policy) if size else PENDING
    if policy.quorum is None:
        cosigned = NOT_CONFIGURED
        notices.append("no other organisation countersigns this log yet")
    countersigners = standings(vault)
    notices += [_behind(each) for each in countersigners if each["behind"]]
    gap = gap_sentence(vault)
    notices += [] if gap is None else [gap]
    notices += copy_notices(vault)
    return {
        "checkpoint": None
        if stored is None
        else {"root": stored.checkpoint.root.hex(), "size": stored.checkpoint.size},
        "committed": frontier.size,
        "copies": copies_of(vault),
        "cosignatures": cosigned,
        "countersigned": newest_countersigned(vault, policy),
        "countersigners": countersigners,
        "fingerprint": zero.fingerprint.hex(),
        "fingerprint_words": fingerprint_words(zero.fingerprint),
        "may_sign": found.state == "ok",
        "notices": notices,
        "origin": zero.origin,
        "published": 0 if stored is None else stored.checkpoint.size,
        "signed": {
            "inside": None if found.inside is None else found.inside.size,
            "outside": None if found.outside is None else found.outside.size,
        },
        "state": found.state,
        "timestamps": timestamp_state(vault),
    }


def _behind(each: dict[str, Any]) -> str:
    """What is said of a countersigner that has not signed the newest checkpoint."""
    if each["size"] is None:
        return f"{each['org']} has not countersigned this log yet"
    return (
        f"{each['org']} has countersigned nothing since {each['at']} ({each['size']} entries), "
        f"{each['behind']} entries are newer"
    )


def log_prove(
    vault: Vault,
    index: int | None = None,
    item: str | None = None,
    old_size: int | None = None,
    out: Path | None = None,
) -> dict[str, Any]:
    """An inclusion proof (C2SP tlog-proof) of an entry, or a consistency proof from a size."""
    stored, note = vault.checkpoint(), vault.log.checkpoint()
    if stored is None or note is None:
        raise UsageError("there is no checkpoint yet", hint="run `evidence-vault log checkpoint`")
    size = stored.checkpoint.size
    tiles = vault.tiles(stored)
    if old_size is not None:
        if not 0 <= old_size <= size:
            raise UsageError(f"the checkpoint covers {size} entries, not {old_size}")
        proof = prove_consistency(old_size, size, tiles) if 0 < old_size < size else []
        text = "".join(
            [f"old {old_size}\n", *(encode_base64(h) + "\n" for h in proof), "\n", note.decode()]
        )
        result: dict[str, Any] = {"index": old_size, "kind": "consistency"}
    else:
        if item is not None:
            head = vault.catalogue.head(item)
            if head is None:
                raise UsageError(f"there is no item {item} in this log", code="E-NO-ITEM")
            index = head.idx
        if index is None or not 0 <= index < size:
            raise UsageError(f"the checkpoint covers entries 0 to {size - 1}", code="E-NO-ENTRY")
        path = tuple(prove_inclusion(index, size, tiles))
        text = format_proof(ProofFile(index, path, note)).decode()
        result = {"index": index, "kind": "inclusion"}
    result["size"] = size
    if out is None:
        return {**result, "proof": text}
    write_new(out, text.encode())
    return {**result, "file": str(out)}


_spread = functools.partial(spread, modules=(audit_log.__module__, LogStore.__module__))


def log_audit(vault: Vault, progress: Progress | None = None) -> dict[str, Any]:
    """Recompute every log from the two roots alone, and compare with catalogue and pins.

    A log that was succeeded must stand where its successor's entry 0 says it ended; what was lost
    of it stays a finding, marked as one of an earlier log.
    """
    findings: list[dict[str, str]] = []
    reports: list[AuditReport] = []
    for number in range(vault.config.log + 1):
        log = vault.log_number(number)
        gone = removed_entries(vault, number)
        report = audit_log(log, functools.partial(vault.entry_zero, log), progress, _spread, gone)
        where = "" if number == vault.config.log else f"earlier log {number}, "
        for found in report.findings:
            findings.append(_finding(found.code, where + found.where, found.message))
        if reports:
            findings += _check_succession(vault, number, reports[-1])
        reports.append(report)
        findings += [
            _finding(f.code, where + f.where, f.message)
            for f in compare_evidence(vault, log, report)
        ]
    compared = compare_catalogue(vault, reports)
    findings += [_finding(f.code, f.where, f.message) for f in compared.findings]
    findings += [_finding(FOREIGN, where, told) for where, told in foreign_findings(vault)]
    _, stood = look(vault, _reached)
    if stood.state != NO_KEY:
        findings += [_finding(f"E-{stood.state.upper()}", "signed", r) for r in stood.reasons]
    status = 0
    if findings:
        status = 11 if any(f["code"] in _LOG_CODES for f in findings) else 10
    return {
        "entries": sum(report.entries for report in reports),
        "exit": status,
        "findings": findings,
        "notices": [
            *_removed(vault),
            *(note for number, each in enumerate(reports) for note in _void(vault, number, each)),
            *(stood.reasons if stood.state == NO_KEY else ()),
            *compared.notices,
        ],
        "root": reports[-1].root.hex(),
        "signatures_checked": sum(report.signatures for report in reports),
    }


def _reached(vault: Vault) -> Frontier:
    """The committed state, or the part of it that the catalogue knows where a commit is damaged:
    that is a finding of the audit already."""
    try:
        return committed(vault)
    except VaultError:
        return vault.catalogue.frontier()


def _removed(vault: Vault) -> list[str]:
    """Bytes that a logged event gave up: a fact that the log states, and no damage."""
    count = len(removed_items(vault))
    if not count:
        return []
    return [f"{count} items were removed here after another vault acknowledged them"]


def _void(vault: Vault, number: int, report: AuditReport) -> list[str]:
    """What a revocation made void: a fact that the log states, and no damage."""
    where = "" if number == vault.config.log else f"earlier log {number}: "
    return [
        f"{where}what the key {name} signed from entry {first} to {last} is void: it was revoked "
        f"with {first - 1} as the last good entry"
        for name, first, last in report.void
    ]


def _check_succession(vault: Vault, number: int, before: AuditReport) -> list[dict[str, str]]:
    """Entry 0 of a succeeding log names size and root of the log before it."""
    log = vault.log_number(number)
    stated = parse_entry(log.contents(log.commit(0))[0].entry).event.clear["succeeds"]
    if stated is not None and (stated["size"], stated["root"]) == (
        before.entries,
        before.root.hex(),
    ):
        return []
    message = f"it does not end where entry 0 of log {number} says"
    return [_finding("E-FORK", f"earlier log {number - 1}, end", message)]


_LOG_CODES = frozenset(
    [
        "E-ROLLED-BACK",
        "E-RESTORED",
        "E-CATALOGUE-AHEAD",
        "E-CATALOGUE-DIFFERS",
        "E-CHECKPOINT-AHEAD",
        "E-COMMIT-ROOT",
        "E-COMMIT-MISSING",
        "E-FORK",
        "E-TILE",
        "E-CHECKPOINT",
    ]
)


def _finding(code: str, where: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message, "where": where}
