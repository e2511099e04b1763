"""The network's trust documents as this vault keeps them: sealed, create-only, pinned.

They lie under ``archive/trust/<version>.age`` (``.json`` in a vault without encryption), because
they name the network's organisations and nothing readable on disk does. What counts is the pin in
the keyring, (version, SHA-256 of the payload); each older version is named by the newer one.
"""

from __future__ import annotations

import io
from contextlib import suppress
from functools import lru_cache
from typing import Any

from evidence_vault.core import age
from evidence_vault.core.keys import fingerprint_words
from evidence_vault.core.trustchain import changes
from evidence_vault.core.trustdoc import Document
from evidence_vault.core.trustsigned import Signed, format_signed, parse_signed
from evidence_vault.errors import AlreadyExists, EvidenceError, LogInconsistent, NotFound
from evidence_vault.vault.opening import Vault


def newest_document(vault: Vault) -> Document | None:
    """The trust document this vault follows, or None. Raises EvidenceError when it is missing."""
    pin = vault.keyring.network
    return None if pin is None else _pinned(vault, *pin).document


def stored_chain(vault: Vault) -> tuple[Signed, ...]:
    """Every accepted document, ascending; empty while none is followed."""
    pin = vault.keyring.network
    if pin is None:
        return ()
    chain = [_pinned(vault, *pin)]
    while (before := chain[0].document.previous) is not None:
        found = read_document(vault, chain[0].version - 1)
        if found is None:  # this vault joined the network with the version after it
            break
        if found.digest != before:
            raise _changed(found.version, before, found.digest)
        chain.insert(0, found)
    return tuple(chain)


def _pinned(vault: Vault, version: int, sha256: str) -> Signed:
    found = read_document(vault, version)
    if found is None:
        raise EvidenceError(
            f"the network's trust document, version {version}, is missing from the store",
            code="E-TRUST-MISSING",
            hint="get it from a partner: evidence-vault trust network accept DOC",
        )
    if found.digest.hex() != sha256:
        raise _changed(version, bytes.fromhex(sha256), found.digest)
    return found


def _changed(version: int, expected: bytes, found: bytes) -> EvidenceError:
    return EvidenceError(
        f"the stored trust document, version {version}, is another one: expected "
        f"{expected.hex()}, found {found.hex()}",
        code="E-TRUST-PIN",
    )


def read_document(vault: Vault, version: int) -> Signed | None:
    """A stored version, its form checked; None when it is not there."""
    try:
        data = vault.log.read(vault.archive, _key(vault, version))
    except NotFound:
        return None
    if not vault.keyring.plaintext:
        plain = io.BytesIO()
        age.decrypt_stream(vault.keyring.identities(), io.BytesIO(data), plain)
        data = plain.getvalue()
    return _parse(data)


def store_document(vault: Vault, signed: Signed) -> None:
    """Keep a version; one that is there already must be the same.

    Raises LogInconsistent (E-TRUST-FORK) when another document has its place.
    """
    data = format_signed(signed)
    if not vault.keyring.plaintext:
        sealed = io.BytesIO()
        readers = [age.parse_recipient(text) for text in vault.keyring.recipients]
        age.encrypt_stream(readers, io.BytesIO(data), sealed)
        data = sealed.getvalue()
    with suppress(AlreadyExists):  # by an earlier run, or another one, which the next lines tell
        vault.archive.create(_key(vault, signed.version), data)
    found = read_document(vault, signed.version)
    if found is None or found.digest != signed.digest:
        raise LogInconsistent(
            f"another trust document of version {signed.version} is stored here",
            code="E-TRUST-FORK",
        )


def _key(vault: Vault, version: int) -> str:
    return f"trust/{version}.{'json' if vault.keyring.plaintext else 'age'}"


@lru_cache(maxsize=4)
def _parse(data: bytes) -> Signed:
    return parse_signed(data)


def shown_document(signed: Signed, before: Signed | None = None) -> dict[str, Any]:
    """What a document says, as JSON values for people and programs.

    ``changes``: against ``before``, None when that is not known.
    """
    d = signed.document
    return {
        "authorities": [{"name": a.name, "roots": len(a.roots)} for a in d.time_authorities],
        "changes": None if before is None else changes(before.document, d),
        "made_at": d.made_at,
        "organisations": [
            {
                "commitment": org.commitment.hex(),
                "countersigner": org.cosigners()[0].name if org.countersigners else None,
                "countersigner_keys": list(org.countersigners),
                "digest": org.digest.hex(),
                "name": org.name,
                "origins": [
                    {
                        "fingerprint": log.fingerprint.hex(),
                        "origin": log.origin,
                        "prefix": log.prefix,
                        "words": fingerprint_words(log.fingerprint),
                    }
                    for log in org.origins
                ],
                "root": org.keyid,
                "words": fingerprint_words(org.digest),
            }
            for org in d.organisations
        ],
        "previous": None if d.previous is None else d.previous.hex(),
        "quorum": d.quorum,
        "retired": [each.to_json() for each in d.retired],
        "revoked_roots": len(d.revoked_roots),
        "sha256": signed.digest.hex(),
        "threshold": d.threshold,
        "version": d.version,
        "words": fingerprint_words(signed.digest),
    }
