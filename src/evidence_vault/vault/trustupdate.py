"""``trust update``: what a partner's older, pinned trust file may learn from a newer one.

Three things come in, on three different words (docs/decisions/0016-trust-documents.md):

- trust documents, along the unbroken chain from the pinned one: on the network's word
- log states and key intervals: on the word of whoever reads the new file's fingerprint aloud
- what contradicts the pinned file is refused whoever vouches for it
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evidence_vault.core.trust import (
    MAX_TRUST,
    TrustFile,
    TrustKey,
    TrustOrigin,
    cut_keys,
    format_trust,
    parse_trust,
    trust_fingerprint,
)
from evidence_vault.core.trustchain import changes, check_chain, follow
from evidence_vault.core.trustdoc import Document
from evidence_vault.core.trustsigned import MAX_ENVELOPE, MAX_VERSIONS, Signed, parse_chain
from evidence_vault.errors import EvidenceError, FormatError, LogInconsistent, Unchecked, UsageError
from evidence_vault.ports import Clock
from evidence_vault.vault.files import demand_absent, write_new
from evidence_vault.vault.fingerprints import check_fingerprint
from evidence_vault.vault.opening import SystemClock
from evidence_vault.vault.trusting import describe_trust
from evidence_vault.verify.container import Container, FolderContainer
from evidence_vault.verify.kinds import FOLDER_KIND, TRUST_KIND, ZIP_KIND, kind_of_path

BUNDLE_FOLDER = "trust/"


@dataclass
class _Update:
    """What was found, in sentences: ``taken`` over; ``kept`` as pinned because the new file is
    older; ``left`` because nobody vouches for it.
    """

    old: TrustFile
    vouched: bool
    taken: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _New:
    """What NEW holds: a trust file or none, documents, and what its fingerprint is of."""

    trust: TrustFile | None
    chain: tuple[Signed, ...]
    digest: bytes


def update_trust(
    old: Path, new: Path, out: Path, fingerprint: str | None = None, clock: Clock | None = None
) -> dict[str, Any]:
    """Write to ``out`` the pinned trust file ``old`` with what counts of ``new``.

    ``new``: a trust file, trust documents one a line, or a bundle with ``trust/*.json``.
    ``fingerprint``: of ``new`` as somebody read it aloud, words or hex: of the trust file, or of
    the newest document. The result's ``exit`` is 3 when something was left because nobody
    vouches for it. Raises LogInconsistent for a fork, EvidenceError for a chain that does not
    connect or a contradiction, Unchecked (E-TRUST-UNVOUCHED) when nothing at all could be taken.
    """
    demand_absent(out)
    clock = clock or SystemClock()
    pinned, found = parse_trust(_read(old, MAX_TRUST)), _open(new)
    if fingerprint is not None:
        check_fingerprint(fingerprint, found.digest, str(new))
    update = _Update(pinned, fingerprint is not None)
    network = _documents(update, found.chain)
    document = network[-1].document if network else None
    origins = _origins(update, found.trust, document)
    authorities = set(pinned.time_authorities)
    if document is not None:
        before = set(pinned.document.authority_roots()) if pinned.document else set()
        authorities = (authorities - before) | set(document.authority_roots())
    if found.trust is not None and update.vouched:
        agreed = found.trust.document.authority_roots() if found.trust.document else ()
        authorities |= set(found.trust.time_authorities) - set(agreed)
    if update.left and not update.taken:
        raise Unchecked(
            "nothing of the new file is vouched for: " + "; ".join(update.left),
            code="E-TRUST-UNVOUCHED",
            hint="have its sender read the words of its fingerprint to you, by voice, and give "
            "them: --fingerprint 'WORDS'",
        )
    made = TrustFile(clock.now(), origins, tuple(sorted(authorities)), network)
    data = format_trust(made)
    write_new(out, data)
    return {
        "exit": 3 if update.left else 0,
        "file": str(out),
        "kept": update.kept,
        "left": update.left,
        "taken": update.taken,
        **describe_trust(data, clock),
    }


# -- trust documents: on the network's word ----------------------------------------------------


def _documents(update: _Update, chain: tuple[Signed, ...]) -> tuple[Signed, ...]:
    """The chain of the new trust file."""
    pinned = update.old.network
    if not chain:
        return pinned
    if pinned:
        followed = follow(chain, pinned)
        steps = [*pinned, *followed.added]
        for before, after in zip(steps[len(pinned) - 1 :], followed.added, strict=False):
            said = changes(before.document, after.document) or ["nothing but its date"]
            update.taken.append(
                f"trust document {after.version}, signed by the network: {', '.join(said)}"
            )
        return tuple(steps)
    ordered = tuple(sorted(chain, key=lambda signed: signed.version))
    check_chain(ordered)
    if not update.vouched:
        update.left.append("the network's first trust document")
        return ()
    update.taken.append(
        f"trust document {ordered[-1].version}, the first, on the word of whoever read the "
        "fingerprint to you"
    )
    return ordered


# -- log states and keys: on the word of whoever reads the fingerprint -------------------------


def _origins(
    update: _Update, new: TrustFile | None, document: Document | None
) -> tuple[TrustOrigin, ...]:
    origins = {o.origin: _as_agreed(o, document) for o in update.old.origins}
    for each in new.origins if new is not None else ():
        ours, theirs = origins.get(each.origin), _as_agreed(each, document)
        chosen = _added(update, theirs) if ours is None else _moved(update, ours, theirs)
        if chosen is not None:
            origins[theirs.origin] = chosen
    return tuple(origins[name] for name in sorted(origins))


def _added(update: _Update, theirs: TrustOrigin) -> TrustOrigin | None:
    if not update.vouched:
        update.left.append(f"the log {theirs.origin}, which the pinned file does not know")
        return None
    update.taken.append(f"the log {theirs.origin} of {theirs.org}, new here")
    return theirs


def _moved(update: _Update, ours: TrustOrigin, theirs: TrustOrigin) -> TrustOrigin | None:
    """The newer state of a known log, None to keep the pinned one."""
    _check_same_log(ours, theirs)
    if theirs.size < ours.size:
        _check_keys(theirs, ours)
        update.kept.append(
            f"{ours.origin} at {ours.size} entries: the new file knows only {theirs.size}"
        )
        return None
    if theirs.size == ours.size and theirs.root != ours.root:
        raise LogInconsistent(
            f"the log {ours.origin} signed two histories of {ours.size} entries: "
            f"{ours.root.hex()} and {theirs.root.hex()}",
            code="E-FORK",
            hint="keep both files as evidence and tell the other organisations",
        )
    _check_keys(ours, theirs)
    if (theirs.size, theirs.keys) == (ours.size, ours.keys):
        return None
    what = f"{ours.origin} from {ours.size} to {theirs.size} entries, with {_news(ours, theirs)}"
    if not update.vouched:
        update.left.append(what)
        return None
    update.taken.append(
        f"{what}: the state signed by the log itself, the keys on the word of whoever read the "
        "fingerprint to you"
    )
    return theirs


def _check_same_log(ours: TrustOrigin, theirs: TrustOrigin) -> None:
    if ours.fingerprint == theirs.fingerprint:
        return
    if set(ours.log_keys) & set(theirs.log_keys):
        raise LogInconsistent(
            f"the log {ours.origin} signed two beginnings: fingerprints "
            f"{ours.fingerprint.hex()} and {theirs.fingerprint.hex()}",
            code="E-FORK",
            hint="keep both files as evidence and tell the other organisations",
        )
    raise EvidenceError(
        f"another log calls itself {ours.origin}: expected fingerprint "
        f"{ours.fingerprint.hex()}, found {theirs.fingerprint.hex()}",
        code="E-TRUST-FINGERPRINT",
    )


def _check_keys(older: TrustOrigin, newer: TrustOrigin) -> None:
    """What the older file knew may only get an end; new keys begin after what it knew."""
    known = {(k.role, k.keyid): k for k in older.keys}
    later = {(k.role, k.keyid): k for k in newer.keys}
    for name, key in known.items():
        now = later.get(name)
        if now is None or now.start != key.start or not _no_longer(key.until, now.until):
            raise _contradiction(newer, f"the {key.role} key {key.keyid} is missing or otherwise")
    for name, key in later.items():
        if name not in known and key.start <= older.size:
            raise _contradiction(newer, f"the {key.role} key {key.keyid} begins too early")


def _no_longer(before: int | None, now: int | None) -> bool:
    return before is None or (now is not None and now <= before)


def _contradiction(newer: TrustOrigin, what: str) -> EvidenceError:
    return EvidenceError(
        f"the two trust files contradict each other about {newer.origin}: {what}",
        code="E-TRUST-KEYS",
        hint="keep both files and ask the organisation",
    )


def _news(ours: TrustOrigin, theirs: TrustOrigin) -> str:
    """How keys differ, in words."""
    known = {(k.role, k.keyid): k for k in ours.keys}
    added = sum((k.role, k.keyid) not in known for k in theirs.keys)
    ended = sum(_ended(known.get((k.role, k.keyid)), k) for k in theirs.keys)
    return f"{added} new and {ended} ended keys" if added or ended else "the same keys"


def _ended(before: TrustKey | None, now: TrustKey) -> bool:
    return before is not None and before.until != now.until


# -- both together ------------------------------------------------------------------------------


def _as_agreed(o: TrustOrigin, document: Document | None) -> TrustOrigin:
    """A log as the newest document has it: its policy, its organisation, its end."""
    if document is None:
        return o
    found, over = document.holder(o.origin), document.retired_origin(o.origin)
    if found is not None:
        return replace(o, org=found[0].name, policy=found[1].policy)
    if over is not None:
        return replace(o, keys=cut_keys(o.keys, over.size))
    return o


# -- reading ------------------------------------------------------------------------------------


def _open(path: Path) -> _New:
    if not path.exists():
        raise UsageError(f"there is no file or folder {path}")
    kind = kind_of_path(path)
    if kind == TRUST_KIND:
        data = _read(path, MAX_TRUST)
        trust = parse_trust(data)
        return _New(trust, trust.network, trust_fingerprint(data))
    if kind in (FOLDER_KIND, ZIP_KIND):
        chain = _inside(path, kind == ZIP_KIND)
    else:
        chain = parse_chain(_read(path, MAX_TRUST))
    newest = max(chain, key=lambda signed: signed.version)
    return _New(None, chain, newest.digest)


def _inside(path: Path, zipped: bool) -> tuple[Signed, ...]:
    """The documents of a bundle, which is hostile: what counts is the chain alone."""
    container: Container
    if zipped:
        from evidence_vault.verify.zipcontainer import ZipContainer

        container = ZipContainer(path)
    else:
        container = FolderContainer(path)
    try:
        if container.listing.problems:
            raise EvidenceError(
                f"{path} is not safe to read: verify it first", code="E-BUNDLE-UNSAFE"
            )
        return tuple(_documents_inside(container))
    finally:
        container.close()


def _documents_inside(container: Container) -> Iterable[Signed]:
    names = [
        name
        for name in sorted(container.listing.files)
        if name.startswith(BUNDLE_FOLDER) and name.endswith(".json")
    ]
    if not names:
        raise UsageError(
            f"there are no trust documents in {container.name}",
            hint="a bundle carries them as trust/*.json",
        )
    if len(names) > MAX_VERSIONS:
        raise FormatError(f"{len(names)} trust documents in one bundle", code="E-BUNDLE-UNSAFE")
    for name in names:
        if container.listing.files[name] > MAX_ENVELOPE:
            raise FormatError(f"{name} is larger than 16 MiB")
        with container.open(name) as stream:
            yield from parse_chain(stream.read(MAX_ENVELOPE + 1))


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
