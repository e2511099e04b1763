"""Trust files: exported from a vault, shown to whoever holds one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from evidence_vault.core.keys import fingerprint_words
from evidence_vault.core.policy import Policy, format_policy, plain_policy
from evidence_vault.core.trust import (
    TrustFile,
    TrustKey,
    TrustOrigin,
    cut_keys,
    format_trust,
    parse_trust,
    trust_fingerprint,
)
from evidence_vault.errors import UsageError
from evidence_vault.ports import Clock
from evidence_vault.vault.documents import shown_document, stored_chain
from evidence_vault.vault.files import demand_absent, write_new
from evidence_vault.vault.handing import demand_room, write_verifier
from evidence_vault.vault.keys import key_state
from evidence_vault.vault.opening import SystemClock, Vault
from evidence_vault.vault.policies import policy_of


def export_trust(
    vault: Vault, out: Path, verifier: Path | None = None, contact: Path | None = None
) -> dict[str, Any]:
    """Write the trust file of this vault's current log, as of its stored checkpoint.

    The network's trust documents go with it, from the first accepted to the newest. ``verifier``: a
    folder for the verifier of record and the list of signers (vault/handing.py). ``contact``: a
    page to print, with the fingerprints to read aloud (vault/contactsheet.py).
    """
    if verifier is not None:
        demand_room(verifier)
    if contact is not None:
        demand_absent(contact)
    trust = own_trust(vault)
    data = format_trust(trust)
    told = describe_trust(data, vault.clock)
    from evidence_vault.vault.contactsheet import contact_pdf  # `trust show` needs no pages

    sheet = None if contact is None else contact_pdf(told, vault.keyring.origin)
    write_new(out, data)
    if contact is not None and sheet is not None:
        write_new(contact, sheet)
    written = [] if verifier is None else write_verifier(verifier, trust)
    return {
        "contact_sheet": None if contact is None else str(contact),
        "file": str(out),
        "verifier": written,
        **told,
    }


def own_trust(vault: Vault) -> TrustFile:
    """What a trust file of this vault says, as of its stored checkpoint."""
    origin = own_origin(vault, policy_of(vault))
    chain = stored_chain(vault)
    roots = {root for each in vault.keyring.authorities for root in each.roots}
    if chain:
        document = chain[-1].document
        roots.update(document.authority_roots())
        over = document.retired_origin(origin.origin)
        if over is not None:
            origin = replace(origin, keys=cut_keys(origin.keys, over.size))
    return TrustFile(vault.clock.now(), (origin,), tuple(sorted(roots)), chain)


def own_origin(vault: Vault, policy: Policy | None = None) -> TrustOrigin:
    """What a trust file says of the current log; without ``policy`` nobody need countersign."""
    opened, note = vault.checkpoint(), vault.log.checkpoint()
    if opened is None or note is None:
        raise UsageError("there is no checkpoint yet", hint="run `evidence-vault log checkpoint`")
    if not vault.keyring.org:
        raise UsageError(
            "this keyring was made from a recovery file and does not know the organisation's name",
            code="E-NO-ORG",
            hint="`evidence-vault log succeed --org NAME` gives it one",
        )
    zero = vault.entry_zero()
    # A key that never counted (revoked with a last good entry before its first) is left out.
    keys = [
        TrustKey(key.role, key.keyid, key.public, key.start, key.until)
        for key in key_state(vault, size=opened.checkpoint.size).intervals()
        if key.until is None or key.start < key.until
    ]
    return TrustOrigin(
        origin=zero.origin,
        org=vault.keyring.org,
        prefix=zero.prefix,
        size=opened.checkpoint.size,
        root=opened.checkpoint.root,
        checkpoint=note,
        entry0=vault.log.contents(vault.log.commit(0))[0].entry,
        fingerprint=zero.fingerprint,
        keys=tuple(keys),
        log_keys=zero.log_vkeys(),
        policy=format_policy(policy or plain_policy(zero.log_keys())),
        witness=() if vault.keyring.witness is None else vault.keyring.witness.vkeys(),
    )


def show_trust(path: Path, clock: Clock | None = None) -> dict[str, Any]:
    """What a trust file says; needs no vault. Raises FormatError for a bad one."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    return {"file": str(path), **describe_trust(data, clock or SystemClock())}


def describe_trust(data: bytes, clock: Clock) -> dict[str, Any]:
    """What a trust file says, as JSON values. ``age_days``: whole days since it was made."""
    trust = parse_trust(data)
    fingerprint = trust_fingerprint(data)
    newest = trust.network[-1] if trust.network else None
    before = trust.network[-2] if len(trust.network) > 1 else None
    return {
        "age_days": (_moment(clock.now()) - _moment(trust.made_at)).days,
        "fingerprint": fingerprint.hex(),
        "made_at": trust.made_at,
        "network": None
        if newest is None
        else {"first": trust.network[0].version, **shown_document(newest, before)},
        "origins": [_shown_origin(trust, o) for o in trust.origins],
        "time_authorities": len(trust.time_authorities),
        "words": fingerprint_words(fingerprint),
    }


def _shown_origin(trust: TrustFile, o: TrustOrigin) -> dict[str, Any]:
    needed, names = o.countersigning().counted()
    document = trust.document
    over = None if document is None else document.retired_origin(o.origin)
    return {
        "as_of": {"root": o.root.hex(), "size": o.size},
        "countersigners": {"names": list(names), "needed": needed},
        "fingerprint": o.fingerprint.hex(),
        "in_network": document is not None and document.holder(o.origin) is not None,
        "keys": [
            {"from": k.start, "keyid": k.keyid, "role": k.role, "until": k.until} for k in o.keys
        ],
        "log_keys": list(o.log_keys),
        "org": o.org,
        "origin": o.origin,
        "prefix": o.prefix,
        "retired": None if over is None else over.size,
        "witness": list(o.witness),
        "words": fingerprint_words(o.fingerprint),
    }


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
