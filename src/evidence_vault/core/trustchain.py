"""Which trust document counts: thresholds, and the unbroken chain from the pinned version.

Version n+1 counts when at least ``threshold`` of version n's root keys and at least its own
``threshold`` of its own root keys signed it, it names version n by digest, and no holder's root
changed to another key than the one committed to in version n (docs/format-trust.md). Nothing is
skipped. Two documents of one version, both signed by the threshold, are a fork: E-TRUST-FORK.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from evidence_vault.core.keys import keyid, verify_ed25519
from evidence_vault.core.trustdoc import Document, Organisation
from evidence_vault.core.trustsigned import Signed, signing_bytes
from evidence_vault.errors import EvidenceError, LogInconsistent, SignatureInvalid


@dataclass(frozen=True, slots=True)
class Followed:
    """``newest`` document, and those that were ``added`` after the pinned one, in order."""

    newest: Signed
    added: tuple[Signed, ...]


def signers(signed: Signed, roots: Iterable[bytes]) -> frozenset[bytes]:
    """The root keys among ``roots`` that signed. Others, and signatures that fail, don't count."""
    known = {keyid(root): root for root in roots}
    message = signing_bytes(signed.payload)
    found = set()
    for name, signature in signed.signatures:
        root = known.get(name)
        if root is None or root in found:
            continue
        try:
            verify_ed25519(root, signature, message)
        except SignatureInvalid:
            continue
        found.add(root)
    return frozenset(found)


def check_threshold(signed: Signed, by: Document) -> None:
    """Raise EvidenceError (E-TRUST-THRESHOLD) unless enough roots named in ``by`` signed."""
    count = len(signers(signed, by.roots()))
    if count < by.threshold:
        raise EvidenceError(
            f"trust document, version {signed.version}: {count} of the root keys of version "
            f"{by.version} signed it, {by.threshold} are needed",
            code="E-TRUST-THRESHOLD",
            hint="ask the other holders for the document that all have signed",
        )


def check_first(signed: Signed, pinned: bytes | None = None) -> None:
    """Check a document that no older one vouches for; ``pinned``: the digest that is expected.

    Without ``pinned`` this shows only that its own holders signed: people compare its words.
    """
    if pinned is not None and signed.digest != pinned:
        raise EvidenceError(
            f"trust document, version {signed.version}: expected {pinned.hex()}, found "
            f"{signed.digest.hex()}",
            code="E-TRUST-PIN",
        )
    check_threshold(signed, signed.document)


def check_next(old: Signed, new: Signed) -> None:
    """Raise unless ``new`` is the version after ``old``.

    EvidenceError: E-TRUST-THRESHOLD, E-TRUST-SKIPPED, E-TRUST-ROOT and E-TRUST-DROPPED.
    LogInconsistent: E-TRUST-ROLLBACK for a lower version, E-TRUST-FORK for another history that
    the network itself signed.
    """
    before, after = old.document, new.document
    if after.version < before.version:
        raise LogInconsistent(
            f"trust document: version {after.version} after version {before.version}",
            code="E-TRUST-ROLLBACK",
            hint="somebody gives out an old document; keep the newer one",
        )
    if after.version > before.version + 1:
        raise EvidenceError(
            f"trust document: version {before.version + 1} is missing between "
            f"{before.version} and {after.version}",
            code="E-TRUST-SKIPPED",
            hint="versions are never skipped; ask for the whole chain",
        )
    check_threshold(new, before)
    if after.version == before.version:
        raise _fork(old, new, f"two documents of version {after.version} are signed")
    check_threshold(new, after)
    if after.previous != old.digest:
        raise _fork(old, new, f"version {after.version} names another version {before.version}")
    _check_roots(new, before)
    _check_kept(before, after)


def check_chain(chain: Sequence[Signed]) -> None:
    """Check a whole chain from its first document, as :func:`check_first` and ``check_next``."""
    check_first(chain[0])
    for old, new in pairwise(chain):
        check_next(old, new)


def follow(chain: Sequence[Signed], known: Sequence[Signed]) -> Followed:
    """Go from the pinned documents along ``chain``, which may hold known ones and any order.

    ``known``: the pinned chain, ascending, at least one; its last is the pin. Documents older
    than all known ones are passed over. Raises what :func:`check_next` raises for each step, and
    EvidenceError (E-TRUST-CHAIN) when the first new one does not follow the pin.
    """
    pin = newest = known[-1]
    held = {each.version: each for each in known}
    first = known[0]
    added: list[Signed] = []
    for each in sorted(chain, key=lambda signed: signed.version):
        same = held.get(each.version)
        if same is not None:
            if same.digest != each.digest:
                check_next(same, each)  # raises: a fork, or a document that too few signed
            continue
        if each.version < first.version:
            if each.version == first.version - 1 and each.digest != first.document.previous:
                check_threshold(each, first.document)
                raise _fork(first, each, f"another version {each.version} was signed")
            continue
        if newest is pin and each.version > pin.version + 1:
            raise EvidenceError(
                f"trust documents: the chain begins at version {each.version} and does not "
                f"connect to the pinned version {pin.version}",
                code="E-TRUST-CHAIN",
                hint=f"ask for all versions from {pin.version + 1} on",
            )
        check_next(newest, each)
        newest = held[each.version] = each
        added.append(each)
    return Followed(newest, tuple(added))


def _check_roots(new: Signed, before: Document) -> None:
    """Pre-rotation: a holder's root changes only to the key committed to, never back."""
    after = new.document
    present = signers(new, after.roots())
    for org in after.organisations:
        was = before.organisation(org.name)
        if was is not None:
            _check_root(org, was, org.root in present, after.version)
    gone = set(before.roots()) - set(after.roots())
    revoked = {each.public for each in after.revoked_roots}
    lost = (gone | {each.public for each in before.revoked_roots}) - revoked
    if lost or not set(before.revoked_roots) <= set(after.revoked_roots):
        raise _dropped(after, "a root key that is no longer in force is not named as revoked")


def _check_root(org: Organisation, was: Organisation, signed: bool, version: int) -> None:
    start = f"trust document, version {version}: "
    if org.root == was.root:
        if org.commitment != was.commitment and not signed:
            raise EvidenceError(
                f"{start}the next root key of {org.name!r} was exchanged without its signature",
                code="E-TRUST-ROOT",
            )
        return
    if hashlib.sha256(org.root).digest() != was.commitment:
        raise EvidenceError(
            f"{start}the root key of {org.name!r} is replaced by another one than it committed to",
            code="E-TRUST-ROOT",
            hint="a holder who lost both keys is removed in one version and added in a later one",
        )
    if org.commitment == was.commitment:
        raise EvidenceError(
            f"{start}{org.name!r} commits to no new root key after using the last one",
            code="E-TRUST-ROOT",
        )


def _check_kept(before: Document, after: Document) -> None:
    """A log keeps fingerprint and keys for life; one that ends is named with its last good size."""
    if not set(before.retired) <= set(after.retired):
        raise _dropped(after, "a retired log is not named any more, or otherwise")
    for org in before.organisations:
        for log in org.origins:
            found, over = after.holder(log.origin), after.retired_origin(log.origin)
            if found is not None:
                now = found[1]
                if (now.fingerprint, now.prefix, now.log_keys) != (
                    log.fingerprint,
                    log.prefix,
                    log.log_keys,
                ):
                    raise _dropped(after, f"the log {log.origin!r} has another fingerprint or keys")
            elif over is None or over.fingerprint != log.fingerprint:
                raise _dropped(after, f"the log {log.origin!r} is left out and not named retired")


def _dropped(after: Document, what: str) -> EvidenceError:
    return EvidenceError(f"trust document, version {after.version}: {what}", code="E-TRUST-DROPPED")


def _fork(old: Signed, new: Signed, what: str) -> LogInconsistent:
    return LogInconsistent(
        f"trust documents: {what}: {old.digest.hex()} and {new.digest.hex()}",
        code="E-TRUST-FORK",
        hint="the network has signed two histories: keep both files and tell all members",
    )


def changes(before: Document, after: Document) -> list[str]:
    """What a version changes, one sentence each, for whoever is asked to sign or follow it."""
    said = []
    names = {each.name for each in before.organisations}
    for org in after.organisations:
        was = before.organisation(org.name)
        if was is None:
            said.append(f"added: {org.name}")
        else:
            said += _changed(org, was)
    said += [f"removed: {name}" for name in sorted(names - {e.name for e in after.organisations})]
    for each in after.retired:
        if before.retired_origin(each.origin) is None:
            said.append(f"log over: {each.origin}, good up to {each.size} entries")
    for what in ("threshold", "quorum"):
        old, new = getattr(before, what), getattr(after, what)
        if old != new:
            said.append(f"{what}: {old} to {new}")
    ours: set[Any] = set(before.time_authorities)
    theirs: set[Any] = set(after.time_authorities)
    said += [f"time authority out: {e.name}" for e in before.time_authorities if e not in theirs]
    said += [f"time authority in: {e.name}" for e in after.time_authorities if e not in ours]
    return said


def _changed(org: Organisation, was: Organisation) -> list[str]:
    said = []
    if org.root != was.root:
        said.append(f"root key replaced: {org.name}")
    elif org.commitment != was.commitment:
        said.append(f"next root key exchanged: {org.name}")
    if org.countersigners != was.countersigners:
        said.append(f"countersigner keys changed: {org.name}")
    known = {log.origin for log in was.origins}
    said += [
        f"log added: {log.origin} of {org.name}" for log in org.origins if log.origin not in known
    ]
    return said
