"""Making a trust document together: entries, a draft, signatures, one document.

1. each organisation writes its *entry* (``make_entry``): who it is, its log, its countersigner,
   its root key and the SHA-256 of the next one
2. somebody makes a *draft* of all entries (``new_draft``, ``next_draft``)
3. each holder looks at it, compares the words, and signs it with its root key (``sign_draft``)
4. somebody puts the signatures together (``merge_signed``): that is the document

Rounds 1 and 3 go on in all places at once, by mail or USB stick; only round 1 needs a vault.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evidence_vault.core.canonical import canonical, parse_canonical
from evidence_vault.core.event import parse_entry
from evidence_vault.core.keys import fingerprint_words, keyid
from evidence_vault.core.trust import TrustFile, format_trust, parse_trust
from evidence_vault.core.trustchain import check_chain, signers
from evidence_vault.core.trustdoc import (
    Document,
    DocumentOrigin,
    Organisation,
    Retired,
    RevokedRoot,
    TimeAuthority,
    check_certificate,
    format_document,
    parse_organisation,
    policy_texts,
)
from evidence_vault.core.trustsigned import Signed, format_chain, parse_chain, signing_bytes
from evidence_vault.errors import FormatError, KeyProblem, UsageError
from evidence_vault.ports import Clock
from evidence_vault.seal.keyring import Ed25519Signer
from evidence_vault.seal.rootkey import format_root_file, read_root_seed
from evidence_vault.vault.documents import newest_document, shown_document
from evidence_vault.vault.files import demand_absent, write_new
from evidence_vault.vault.opening import SystemClock, Vault
from evidence_vault.vault.trusting import own_origin

KIND = "evidence-vault/network-entry"
_LIMIT = 64 * 1024 * 1024

Passphrase = Callable[[], str]


@dataclass(frozen=True)
class Entry:
    """What one organisation asks to have in the document. ``succeeds``: origin to its last size."""

    organisation: Organisation
    succeeds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Changes:
    """What the next version changes; None and empty leave things as they are.

    ``authorities``: PEM files of root certificates by name. ``retire``: last good size by origin.
    """

    add: Sequence[Path] = ()
    replace: Sequence[Path] = ()
    remove: Sequence[str] = ()
    retire: Mapping[str, int] = field(default_factory=dict)
    threshold: int | None = None
    quorum: int | None = None
    authorities: Mapping[str, Path] = field(default_factory=dict)
    drop_authorities: Sequence[str] = ()


def make_entry(
    vault: Vault,
    out: Path,
    next_root: Path | None,
    root: Path | None = None,
    passphrase: Passphrase | None = None,
) -> dict[str, Any]:
    """Write this organisation's entry; a fresh next root key goes into the new file ``next_root``.

    ``root``: file with the root key now in use, when it is not the one named before (the last
    ``next_root``, once it takes over). Without ``next_root`` the commitment of the accepted
    document is kept.
    """
    demand_absent(out)
    origin = own_origin(vault)
    document = newest_document(vault)
    # By name: after `log succeed` the document still names the log before this one.
    member = None if document is None else document.organisation(vault.keyring.org)
    public = member.root if member else next(k.public for k in origin.keys if k.role == "root")
    if root is not None:
        public = Ed25519Signer(_seed(root, passphrase)).public
    seed = None
    if next_root is not None:
        demand_absent(next_root)
        seed = secrets.token_bytes(32)
        commitment = hashlib.sha256(Ed25519Signer(seed).public).digest()
    elif member is not None and member.root == public:
        commitment = member.commitment
    else:
        raise UsageError(
            "--next must name a new file for the next root key",
            hint="keep that file apart from the recovery file; it is needed when the root key is "
            "replaced, perhaps in years",
        )
    witness = vault.keyring.witness
    organisation = Organisation(
        vault.keyring.org,
        public,
        commitment,
        () if witness is None else witness.vkeys(),
        (DocumentOrigin(origin.origin, origin.prefix, origin.fingerprint, origin.log_keys),),
    )
    trust = format_trust(TrustFile(vault.clock.now(), (origin,)))
    value = {
        "kind": KIND,
        "organisation": organisation.to_json(),
        "trust": trust.decode("utf-8"),
        "v": 1,
    }
    data = canonical(value) + b"\n"
    parse_entry_file(data)
    if next_root is not None and seed is not None:
        write_new(next_root, format_root_file(seed))
        if read_root_seed(next_root.read_bytes(), passphrase or _no_passphrase) != seed:
            raise KeyProblem(f"{next_root} could not be read back as written", code="E-READ-BACK")
    write_new(out, data)
    return {
        "countersigner": None if witness is None else witness.name,
        "digest": organisation.digest.hex(),
        "file": str(out),
        "name": organisation.name,
        "next": None if next_root is None else str(next_root),
        "origin": origin.origin,
        "root": organisation.keyid,
        "words": fingerprint_words(organisation.digest),
    }


def parse_entry_file(data: bytes) -> Entry:
    """Read an entry; what it says of its log must be what its trust file proves.

    Raises FormatError, SignatureInvalid or EvidenceError.
    """
    if len(data) > _LIMIT or not data.endswith(b"\n"):
        raise FormatError("this is no entry for a trust document", code="E-NETWORK-ENTRY")
    value = parse_canonical(data[:-1], "an entry for a trust document")
    names = {"kind", "organisation", "trust", "v"}
    if not isinstance(value, dict) or set(value) != names or value["kind"] != KIND:
        raise FormatError("this is no entry for a trust document", code="E-NETWORK-ENTRY")
    organisation = parse_organisation(value["organisation"])
    trust = parse_trust(str(value["trust"]).encode("utf-8"))
    stated = {(o.origin, o.prefix, o.fingerprint, o.log_keys) for o in trust.origins}
    named = {(o.origin, o.prefix, o.fingerprint, o.log_keys) for o in organisation.origins}
    if stated != named or {o.org for o in trust.origins} != {organisation.name}:
        raise FormatError(
            f"the entry of {organisation.name!r} says other things than its trust file",
            code="E-NETWORK-ENTRY",
        )
    before = [parse_entry(o.entry0).event.clear["succeeds"] for o in trust.origins]
    return Entry(organisation, {each["origin"]: each["size"] for each in before if each})


def new_draft(
    entries: Sequence[Path],
    threshold: int,
    quorum: int,
    authorities: Mapping[str, Path],
    out: Path,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Write the draft of version 1 from the organisations' entries."""
    read = [parse_entry_file(_read(path)) for path in entries]
    draft = Document(
        version=1,
        made_at=(clock or SystemClock()).now(),
        threshold=threshold,
        quorum=quorum,
        organisations=tuple(each.organisation for each in read),
        time_authorities=_authorities((), authorities, ()),
    )
    return _write_draft(draft, None, out)


def next_draft(
    current: Path, wanted: Changes, out: Path, clock: Clock | None = None
) -> dict[str, Any]:
    """Write the draft of the version after the newest in ``current``."""
    chain = read_chain(current)
    check_chain(chain)
    signed, old = chain[-1], chain[-1].document
    version = old.version + 1
    members = {each.name: each for each in old.organisations}
    retire = dict(wanted.retire)
    for name in wanted.remove:
        if members.pop(name, None) is None:
            raise UsageError(f"there is no organisation {name!r} in version {old.version}")
    for paths, known in ((wanted.add, False), (wanted.replace, True)):
        for path in paths:
            entry = parse_entry_file(_read(path))
            name = entry.organisation.name
            if (name in members) is not known:
                raise UsageError(
                    f"{name!r} is {'not ' if known else ''}in version {old.version}",
                    hint="--add is for a new organisation, --replace for one that is in it",
                )
            members[name] = entry.organisation
            retire = {**entry.succeeds, **retire}
    roots = {each.root for each in members.values()}
    gone = [RevokedRoot(root, version) for root in old.roots() if root not in roots]
    draft = replace(
        old,
        version=version,
        made_at=(clock or SystemClock()).now(),
        threshold=old.threshold if wanted.threshold is None else wanted.threshold,
        quorum=old.quorum if wanted.quorum is None else wanted.quorum,
        organisations=tuple(members.values()),
        previous=signed.digest,
        retired=_retired(old, members.values(), retire),
        revoked_roots=tuple(
            sorted((*old.revoked_roots, *gone), key=lambda r: (r.version, r.public))
        ),
        time_authorities=_authorities(
            old.time_authorities, wanted.authorities, wanted.drop_authorities
        ),
    )
    return _write_draft(draft, signed, out)


def sign_draft(
    draft: Path,
    root: Path,
    passphrase: Passphrase,
    out: Path,
    previous: Path | None = None,
) -> dict[str, Any]:
    """Add the signature of the root key in ``root`` (a recovery or root key file).

    ``previous``: the version before, which a key that this one no longer names may sign for.
    Raises KeyProblem when neither names the key.
    """
    signed, before = _one(draft), None if previous is None else read_chain(previous)[-1]
    signer = Ed25519Signer(_seed(root, passphrase))
    names = _names(signed, before)
    if signer.keyid not in names:
        raise KeyProblem(
            "the document does not name this root key",
            code="E-NOT-A-ROOT",
            hint="a key that is being replaced signs with --previous DOC, the version before",
        )
    line = (signer.keyid, signer.sign(signing_bytes(signed.payload)))
    made = replace(signed, signatures=tuple(sorted({*signed.signatures, line})))
    write_new(out, format_chain([made]))
    return {"file": str(out), "signed_as": names[signer.keyid], **_signed(made, before)}


def merge_signed(files: Sequence[Path], out: Path, previous: Path | None = None) -> dict[str, Any]:
    """Put the signatures of several copies together; raises UsageError unless all are the same."""
    copies = [_one(path) for path in files]
    first = copies[0]
    for path, copy in zip(files, copies, strict=True):
        if copy.digest != first.digest:
            raise UsageError(
                f"{path} is another document than {files[0]}",
                code="E-TRUST-OTHER",
                hint="all must sign the same draft; compare the words of `trust network show`",
            )
    lines = {line for copy in copies for line in copy.signatures}
    made = replace(first, signatures=tuple(sorted(lines)))
    before = None if previous is None else read_chain(previous)[-1]
    write_new(out, format_chain([made]))
    return {"file": str(out), **_signed(made, before)}


def show_document(path: Path) -> dict[str, Any]:
    """What the newest document of a file says, who has signed it, and whether that is enough."""
    chain = sorted(read_chain(path), key=lambda signed: signed.version)
    before = chain[-2] if len(chain) > 1 else None
    return {"file": str(path), **_signed(chain[-1], before), **shown_document(chain[-1], before)}


def read_chain(path: Path) -> tuple[Signed, ...]:
    """The documents of a file, one a line; raises UsageError, FormatError."""
    return parse_chain(_read(path))


def _one(path: Path) -> Signed:
    chain = read_chain(path)
    if len(chain) != 1:
        raise UsageError(f"{path} holds {len(chain)} documents; one at a time is signed")
    return chain[0]


def _signed(signed: Signed, before: Signed | None) -> dict[str, Any]:
    """Who signed, by name, and how many signatures each of the two thresholds has."""
    names = _names(signed, before)
    own = signers(signed, signed.document.roots())
    old = None if before is None else signers(signed, before.document.roots())
    by = sorted({names[keyid(root)] for root in (*own, *(old or ()))})
    enough = len(own) >= signed.document.threshold
    if before is not None and old is not None:
        enough = enough and len(old) >= before.document.threshold
    return {
        "complete": enough,
        "sha256": signed.digest.hex(),
        "signed_by": by,
        "signed_by_previous": None if old is None else len(old),
        "signatures": len(own),
        "threshold": signed.document.threshold,
        "version": signed.version,
        "words": fingerprint_words(signed.digest),
    }


def _names(signed: Signed, before: Signed | None) -> dict[str, str]:
    """Organisation names by keyid of their root keys, in this version and the one before."""
    old = () if before is None else before.document.organisations
    return {org.keyid: org.name for org in (*old, *signed.document.organisations)}


def _write_draft(draft: Document, before: Signed | None, out: Path) -> dict[str, Any]:
    """Sort, put the policies in, check and write; what is wrong is the request's fault."""
    try:
        ordered = sorted(draft.organisations, key=lambda each: each.name)
        texts = iter(policy_texts(ordered, draft.quorum))
        organisations = tuple(
            replace(org, origins=tuple(replace(o, policy=next(texts)) for o in org.origins))
            for org in ordered
        )
        made = replace(draft, organisations=organisations)
        signed = Signed(made, format_document(made))
    except FormatError as error:
        raise UsageError(error.message, code=error.code, hint=error.hint) from error
    write_new(out, format_chain([signed]))
    return {"file": str(out), **_signed(signed, before), **shown_document(signed, before)}


def _retired(
    old: Document, members: Iterable[Organisation], sizes: Mapping[str, int]
) -> tuple[Retired, ...]:
    """The logs that are over: those before, and each that no member has any more."""
    kept = {log.origin for each in members for log in each.origins}
    retired = list(old.retired)
    for org in old.organisations:
        for log in org.origins:
            if log.origin in kept:
                continue
            if log.origin not in sizes:
                raise UsageError(
                    f"up to which entry is the log {log.origin} of {org.name} good?",
                    code="E-RETIRE",
                    hint=f"--retire {log.origin}=SIZE, the size of its last good checkpoint",
                )
            retired.append(Retired(log.origin, org.name, log.fingerprint, sizes[log.origin]))
    return tuple(sorted(retired, key=lambda each: each.origin))


def _authorities(
    old: Sequence[TimeAuthority], added: Mapping[str, Path], dropped: Sequence[str]
) -> tuple[TimeAuthority, ...]:
    found = {each.name: each for each in old}
    for name in dropped:
        if found.pop(name, None) is None:
            raise UsageError(f"there is no time authority {name!r} in the document")
    for name, path in added.items():
        found[name] = TimeAuthority(name, _certificates(_read(path), path))
    return tuple(found[name] for name in sorted(found))


def _certificates(data: bytes, path: Path) -> tuple[str, ...]:
    """The PEM certificates of a file in their one spelling; raises UsageError."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        loaded = x509.load_pem_x509_certificates(data)
    except ValueError:
        raise UsageError(f"{path} holds no PEM certificate") from None
    texts = {each.public_bytes(Encoding.PEM).decode("ascii") for each in loaded}
    for text in texts:
        check_certificate(text)
    return tuple(sorted(texts))


def _seed(path: Path, passphrase: Passphrase | None) -> bytes:
    return read_root_seed(_read(path), passphrase or _no_passphrase)


def _no_passphrase() -> str:
    raise KeyProblem("this file is sealed and needs its passphrase", code="E-PASSPHRASE-NEEDED")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
