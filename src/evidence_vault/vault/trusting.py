"""Trust files: exported from a vault, shown to whoever holds one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evidence_vault.core.keys import fingerprint_words
from evidence_vault.core.policy import format_policy
from evidence_vault.core.trust import (
    TrustFile,
    TrustKey,
    TrustOrigin,
    format_trust,
    parse_trust,
    trust_fingerprint,
)
from evidence_vault.errors import UsageError
from evidence_vault.vault.files import write_new
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.policies import policy_of


def export_trust(vault: Vault, out: Path) -> dict[str, Any]:
    """Write the trust file of this vault's current log, as of its stored checkpoint."""
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
    keys = []
    for key in zero.keys:
        if key.role in ("root", "events", "statements"):
            start = 0 if key.role == "root" else 1
            keys.append(TrustKey(key.role, key.keyid, key.public, start, None))
    vkeys = zero.log_vkeys()
    origin = TrustOrigin(
        origin=zero.origin,
        org=vault.keyring.org,
        prefix=zero.prefix,
        size=opened.checkpoint.size,
        root=opened.checkpoint.root,
        checkpoint=note,
        entry0=vault.log.contents(vault.log.commit(0))[0].entry,
        fingerprint=zero.fingerprint,
        keys=tuple(sorted(keys, key=lambda k: (k.role, k.start, k.keyid))),
        log_keys=vkeys,
        policy=format_policy(policy_of(vault)),
        witness=() if vault.keyring.witness is None else vault.keyring.witness.vkeys(),
    )
    data = format_trust(TrustFile(vault.clock.now(), (origin,)))
    write_new(out, data)
    return {"file": str(out), **_shown(data)}


def show_trust(path: Path) -> dict[str, Any]:
    """What a trust file says; needs no vault. Raises FormatError for a bad one."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    return {"file": str(path), **_shown(data)}


def _quorum(origin: TrustOrigin) -> dict[str, Any]:
    """How many countersignatures must be there, and by whom."""
    needed, names = origin.countersigning().counted()
    return {"needed": needed, "of": list(names)}


def _shown(data: bytes) -> dict[str, Any]:
    trust = parse_trust(data)
    fingerprint = trust_fingerprint(data)
    return {
        "fingerprint": fingerprint.hex(),
        "made_at": trust.made_at,
        "origins": [
            {
                "as_of": {"root": o.root.hex(), "size": o.size},
                "fingerprint": o.fingerprint.hex(),
                "keys": [
                    {"from": k.start, "keyid": k.keyid, "role": k.role, "until": k.until}
                    for k in o.keys
                ],
                "log_keys": list(o.log_keys),
                "org": o.org,
                "origin": o.origin,
                "prefix": o.prefix,
                "quorum": _quorum(o),
                "witness": list(o.witness),
                "words": fingerprint_words(o.fingerprint),
            }
            for o in trust.origins
        ],
        "words": fingerprint_words(fingerprint),
    }
