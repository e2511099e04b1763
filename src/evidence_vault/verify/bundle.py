"""Verifies a bundle, folder or ZIP, as docs/format-bundle.md says: hostile input, fail closed.

Each file is read once. What is remembered of a payload or receipt is its digests, never its
bytes, so memory grows with the number of items and not with their size.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

from evidence_vault.core.bagtext import (
    FIXED_FILES,
    MANIFESTS,
    PADDING,
    STATEMENT,
    STATEMENT_FILES,
    STATEMENT_SIGNATURE,
    STATEMENT_SSHSIG,
    TAG_MANIFESTS,
    is_payload,
)
from evidence_vault.core.entry0 import EntryZero
from evidence_vault.core.findings import Finding, Outcome, Report, ReportBuilder
from evidence_vault.core.keys import keyid, public_pem, verify_ed25519
from evidence_vault.core.keystate import KeyState
from evidence_vault.core.sshsig import STATEMENT_NAMESPACE, check_sshsig
from evidence_vault.core.statement import MAX_STATEMENT, UNLISTED, Statement, parse_statement
from evidence_vault.core.trust import TrustFile
from evidence_vault.errors import (
    EvidenceError,
    FormatError,
    SignatureInvalid,
    UsageError,
    VaultError,
)
from evidence_vault.verify.bagit import is_plain_bag
from evidence_vault.verify.container import Container, open_container
from evidence_vault.verify.custody import CustodyChecker
from evidence_vault.verify.hashing import CHUNK, Digests, hash_stream
from evidence_vault.verify.items import ItemChecker
from evidence_vault.verify.kinds import AGE_KIND, FOLDER_KIND, TRUST, ZIP_KIND, kind_of_path
from evidence_vault.verify.manifests import check_manifests, digest_listed
from evidence_vault.verify.receipt import (
    COUNTERSIGNED,
    TIME,
    WHO,
    describe_trust,
    report_who,
)
from evidence_vault.verify.volumes import Volumes, find_volumes

CONTAINER, SIGNED, FILES = "S-CONTAINER", "S-STATEMENT", "S-FILES"
MANIFEST, RECEIPTS, PAYLOADS = "S-MANIFESTS", "S-RECEIPTS", "S-PAYLOADS"
COUNTS, EXPECTED = "S-COUNTS", "S-EXPECTED"
NOTES = ("N-TAIL", "N-TRUTH", "N-AUTHOR", "N-TIME", "N-COUNTERSIGNED", "N-VERIFIER")

_SMALL = 16 * 1024 * 1024  # upper bound in bytes of a signature or key file
_MAX_INDEX = 256 * 1024 * 1024


@dataclass(slots=True)
class _State:
    """What has been read so far. ``good`` are files whose bytes are those of the statement."""

    container: Container
    report: ReportBuilder
    trust: TrustFile | None
    statement: Statement | None = None
    statement_bytes: bytes = b""
    genuine: bool = False
    zero: EntryZero | None = None
    keys: KeyState | None = None
    digests: dict[str, Digests] = field(default_factory=dict)
    good: set[str] = field(default_factory=set)


def verify_bundle(path: Path, trust: TrustFile | None, expect: str | None = None) -> Report:
    """Check a bundle; ``expect`` is the bundle id that its sender told by another channel.

    A bag without a trace of a bundle in it is checked as what it is (bagit.py), unless a bundle
    was announced. Never raises for bad evidence. Raises UsageError when there is nothing at
    ``path``; OSError when the disk fails.
    """
    steps = [
        (CONTAINER, True),
        (SIGNED, True),
        (FILES, True),
        (MANIFEST, True),
        (RECEIPTS, True),
        (PAYLOADS, True),
        (COUNTS, True),
        (EXPECTED, expect is not None),
        (WHO, True),
        (COUNTERSIGNED, False),
        (TIME, False),
    ]
    report = ReportBuilder("bundle", steps, NOTES)
    describe_trust(report, trust)
    volumes = find_volumes(path)
    container = _open_container(path, volumes, report)
    if container is not None:
        try:
            if expect is None and volumes is None and is_plain_bag(container.listing.files):
                return _as_bag(path)
            _check_container(container, report)
            if not report.failed(CONTAINER):
                _check_content(_State(container, report, trust), expect)
        finally:
            container.close()
    if volumes is not None and any(f.outcome is Outcome.DIFFERS for f in report.build().findings):
        for problem in volumes.changed():
            report.add(CONTAINER, problem)
    return report.build()


def _open_container(path: Path, volumes: Volumes | None, report: ReportBuilder) -> Container | None:
    """The container, or None with a finding for what is no bundle at all."""
    if volumes is not None:
        return _open_volumes(volumes, report)
    if not path.exists():
        raise UsageError(f"there is no file or folder {path}")
    kind = kind_of_path(path)
    if kind in (FOLDER_KIND, ZIP_KIND):
        return open_container(path)
    if kind == AGE_KIND:
        report.unchecked(CONTAINER, kind, path.name)
    elif kind is None:
        report.differ(CONTAINER, "B-NOT-A-BUNDLE", path.name)
    else:
        report.unchecked(CONTAINER, kind, path.name)
    return None


def _as_bag(path: Path) -> Report:
    """Listed again, by the rules for names in bags of others."""
    from evidence_vault.verify.bagit import verify_bag

    container = open_container(path, ours=False)
    try:
        return verify_bag(container)
    finally:
        container.close()


def _open_volumes(volumes: Volumes, report: ReportBuilder) -> Container | None:
    """A split ZIP as one container; None with a finding for each volume that is wrong."""
    report.inform(CONTAINER, "C-VOLUMES", volumes.name, count=len(volumes.parts))
    problems = volumes.problems()
    for problem in problems:
        report.add(CONTAINER, problem)
    if problems:
        return None
    kind = kind_of_path(volumes.first)
    if kind != ZIP_KIND:
        report.unchecked(CONTAINER, kind or AGE_KIND, volumes.first.name)
        return None
    from evidence_vault.verify.zipcontainer import ZipContainer

    return ZipContainer(volumes.out, stream=volumes.open())


# Rule 1: the container itself.
def _check_container(container: Container, report: ReportBuilder) -> None:
    listing = container.listing
    for problem in listing.problems:
        report.add(CONTAINER, problem)
    for junk in sorted(listing.junk):
        report.inform(CONTAINER, "C-JUNK", junk)
    if not listing.problems:
        report.match(CONTAINER, "C-OK", container.name, count=len(listing.files))


def _check_content(state: _State, expect: str | None) -> None:
    _read_statement(state)
    statement = state.statement
    if statement is None:
        return
    items = ItemChecker(statement, CustodyChecker(state.trust), state.report)
    _check_files(state, statement, items)  # rule 2, with rule 5 as receipts pass by
    state.zero, state.keys = items.zero, items.keys
    _check_signature(state, statement)  # rule 3
    check_manifests(
        state.container,
        state.report,
        MANIFEST,
        statement,
        {p: state.digests[p] for p in state.good},
    )  # rule 4
    _check_keys(state)
    items.finish(state.good, state.digests, _read_index(state))  # rules 5 and 6
    _check_expected(state.report, statement, expect)
    if items.zero is not None and (state.trust is None or (items.sound and state.genuine)):
        report_who(state.report, statement.origin, items.zero.fingerprint, state.trust)


def _read_statement(state: _State) -> None:
    """Read statement.json and statement.sig and hash both; form only."""
    listing, report = state.container.listing, state.report
    for path in STATEMENT_FILES:
        if path not in listing.files:
            report.differ(FILES, "B-MISSING", path, "docs/format-bundle.md rule 2")
    data = _read(state, STATEMENT, MAX_STATEMENT)
    if data is None:
        return
    try:
        state.statement = parse_statement(data)
    except FormatError as error:
        report.differ(
            SIGNED,
            "B-STATEMENT-FORM",
            STATEMENT,
            "docs/format-bundle.md rule 3",
            reason=error.message,
        )
        return
    state.statement_bytes = data
    report.facts.update(
        bundle_id=state.statement.bundle_id,
        origin=state.statement.origin,
        made_at=state.statement.made_at,
        counts=dict(state.statement.counts),
        proofs=dict(state.statement.proofs),
        checkpoint={
            "root": state.statement.checkpoint_root,
            "size": state.statement.checkpoint_size,
        },
    )


# Rule 3: signed by a statements key of the log that was in force at the exported event (that of
# the trust file is checked under "who").
def _check_signature(state: _State, statement: Statement) -> None:
    report = state.report
    signature = _read(state, STATEMENT_SIGNATURE, _SMALL)
    if signature is None:
        return
    if state.keys is None:
        report.unchecked(SIGNED, "B-NO-ENTRY-ZERO", STATEMENT)
        return
    rule = "docs/format-bundle.md rule 3"
    try:
        public = state.keys.key_of("statements", statement.key, statement.exported_index)
    except SignatureInvalid as error:
        late = error.code == "E-KEY-INTERVAL"
        code = "B-STATEMENT-INTERVAL" if late else "B-STATEMENT-KEY"
        report.differ(SIGNED, code, STATEMENT, rule, keyid=statement.key)
        return
    _check_ssh_signature(state, public)
    try:
        verify_ed25519(public, signature, state.statement_bytes)
    except SignatureInvalid:
        for path in _blamed(state):
            report.differ(SIGNED, "B-STATEMENT-SIGNATURE", path, rule)
        return
    state.genuine = True
    state.good.update((STATEMENT, STATEMENT_SIGNATURE))
    report.match(SIGNED, "B-STATEMENT-OK", STATEMENT, keyid=statement.key)
    _check_statement_key(state, statement)


def _check_ssh_signature(state: _State, public: bytes) -> None:
    """Rule 3 for the second form: the same key signed the same statement as ssh-keygen does."""
    data = _read(state, STATEMENT_SSHSIG, _SMALL)
    if data is None:
        return
    try:
        check_sshsig(data, state.statement_bytes, public, STATEMENT_NAMESPACE)
    except VaultError as error:
        state.report.differ(
            SIGNED,
            "B-SSHSIG",
            STATEMENT_SSHSIG,
            "docs/format-bundle.md rule 3",
            reason=error.message,
        )
        return
    state.good.add(STATEMENT_SSHSIG)


def _blamed(state: _State) -> list[str]:
    """Which of statement and signature was changed, as far as the (unsigned) manifests tell."""
    pair = [STATEMENT, STATEMENT_SIGNATURE]
    listed = digest_listed(state.container, TAG_MANIFESTS[0], "sha256")
    changed = [p for p in pair if p in listed and listed[p] != state.digests[p].sha256]
    return changed or pair


def _check_statement_key(state: _State, statement: Statement) -> None:
    """Rule 3, second half: the key is also one of the trust file, at the exported event."""
    known = state.trust.origin(statement.origin) if state.trust else None
    if known is None:
        return  # the receipts already say that the origin is unknown
    keys = [k for k in known.keys if k.role == "statements" and k.keyid == statement.key]
    if keys and not any(k.covers(statement.exported_index) for k in keys):
        state.report.differ(WHO, "W-KEY-INTERVAL", STATEMENT, keyid=statement.key)
    elif statement.exported_index >= known.size:
        state.report.unchecked(WHO, "W-BEYOND-TRUST", STATEMENT, size=known.size)
    elif not keys:
        state.report.differ(WHO, "W-SIGNER-UNKNOWN", STATEMENT, keyid=statement.key)


# Rule 2: the set of files. Missing, changed and added are different findings.
def _check_files(state: _State, statement: Statement, items: ItemChecker) -> None:
    report, found = state.report, state.container.listing
    rule = "docs/format-bundle.md rule 2"
    listed = {row.path: row for row in statement.files}
    for path in (*FIXED_FILES, *MANIFESTS):
        if path not in listed:
            report.differ(SIGNED, "B-NOT-LISTED", path, rule)
    for path, row in listed.items():
        if path not in found.files:
            report.differ(FILES, "B-MISSING", path, rule)
        elif _is_unchanged(state, path, row.size, row.sha256, items):
            state.good.add(path)
    for path in TAG_MANIFESTS:
        if path not in found.files:
            report.differ(FILES, "B-MISSING", path, rule)
    for path in sorted(set(found.files) - set(listed) - set(UNLISTED)):
        if path == PADDING and _is_padding(state):
            report.inform(FILES, "C-PADDING", path, size=found.files[path])
            continue
        report.differ(FILES, "B-ADDED", path, rule)
    folders = {"data"}
    for path in listed:
        parts = path.split("/")[:-1]
        folders.update("/".join(parts[:n]) for n in range(1, len(parts) + 1))
    for path in sorted(found.folders - folders):
        report.differ(FILES, "B-ADDED", path + "/", rule)
    if not report.failed(FILES):
        report.match(FILES, "B-FILES-OK", state.container.name, count=len(listed))


def _is_unchanged(state: _State, path: str, size: int, sha256: str, items: ItemChecker) -> bool:
    """Hash one listed file; a good one that is read goes on to the item checker at once."""
    rule = "docs/format-bundle.md rule 2"
    actual = state.container.listing.files[path]
    if actual != size:
        state.report.differ(FILES, "B-CHANGED-SIZE", path, rule, expected=size, found=actual)
        return False
    data: bytes | None = None
    limit = items.wants(path)
    if limit is not None:
        data = _read(state, path, limit)
    else:
        _hash(state, path)
    digests = state.digests.get(path)
    if digests is None:
        return False  # unreadable, and said so
    if digests.sha256 != sha256:
        state.report.differ(FILES, "B-CHANGED", path, rule, expected=sha256, found=digests.sha256)
        return False
    if not is_payload(path) and digests.head.startswith(TRUST):
        state.report.differ(FILES, "B-TRUST-INSIDE", path, "docs/format-bundle.md rule 5")
    if data is not None:
        items.take(path, data)
    return True


def _is_padding(state: _State) -> bool:
    """Zeros, with which an encrypted ZIP hides its exact size, and nothing else."""
    try:
        with state.container.open(PADDING) as stream:
            return not any(chunk.strip(b"\0") for chunk in iter(lambda: stream.read(CHUNK), b""))
    except (EvidenceError, OSError):
        return False


def _check_keys(state: _State) -> None:
    """The key files are keys that the log names, so that a check by hand uses the right ones."""
    if state.zero is None or state.keys is None:
        return
    named = {key.public for key in state.zero.keys if key.role == "log"}
    named |= {key.public for key in state.keys.intervals()}
    genuine = {f"keys/{keyid(raw)}.pem": public_pem(raw).encode("ascii") for raw in named}
    for path in sorted(state.good):
        if path.startswith("keys/") and _read(state, path, _SMALL) != genuine.get(path):
            state.report.differ(SIGNED, "B-KEY-FILE", path, "docs/format-bundle.md rule 3")


def _check_expected(report: ReportBuilder, statement: Statement, expect: str | None) -> None:
    if expect is None:
        report.inform(EXPECTED, "B-NOT-EXPECTED", statement.bundle_id)
    elif expect.strip().lower() == statement.bundle_id:
        report.match(EXPECTED, "B-EXPECTED-OK", statement.bundle_id)
    else:
        report.differ(EXPECTED, "B-EXPECTED", statement.bundle_id, expected=expect)


def _read_index(state: _State) -> bytes | None:
    """index.csv if its bytes are those of the statement; else it is already named."""
    return _read(state, "index.csv", _MAX_INDEX) if "index.csv" in state.good else None


def _read(state: _State, path: str, limit: int) -> bytes | None:
    """A small file whole, its digests remembered; None with a finding when that fails."""
    size = state.container.listing.files.get(path)
    if size is None:
        return None
    if size > limit:
        state.report.differ(FILES, "B-TOO-LARGE", path, found=size, limit=limit)
        return None
    try:
        with state.container.open(path) as stream:
            data = stream.read(size + 1)
            while more := stream.read(size + 1):
                data += more
                if len(data) > limit:
                    break
    except (EvidenceError, OSError) as error:
        _unreadable(state, path, error)
        return None
    state.digests[path] = hash_stream(io.BytesIO(data))
    return data


def _hash(state: _State, path: str) -> None:
    size = state.container.listing.files[path]
    try:
        with state.container.open(path) as stream:
            state.digests[path] = hash_stream(stream, limit=size)
    except (EvidenceError, OSError) as error:
        _unreadable(state, path, error)


def _unreadable(state: _State, path: str, error: Exception) -> None:
    """Damaged inside the ZIP is changed; a disk that fails is not the evidence's fault."""
    if isinstance(error, EvidenceError):
        finding = Finding("B-DAMAGED", Outcome.DIFFERS, path, {}, "docs/format-bundle.md rule 2")
    else:
        reason = error.strerror or type(error).__name__ if isinstance(error, OSError) else ""
        finding = Finding("B-UNREADABLE", Outcome.UNCHECKED, path, {"reason": reason})
    state.report.add(FILES, finding)
