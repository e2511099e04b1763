"""The countersigner's judgement of one request (C2SP tlog-witness v1.0.0, docs/format-witness.md).

The order of the checks is that of the specification, each with its HTTP status:

    1 body well-formed, old <= size                                              400
    2 origin known                                                               404
    3 signed by the log's keys, no such signature bad                            403
    4 old is the size that was cosigned last                                     409, that size
    5 consistent with what was cosigned last                                     422
    6 remembered (the caller makes it durable) before the answer leaves          200

No files, clock or network: state and time are handed in, and whoever calls commits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from evidence_vault.core.checkpoint import (
    CheckpointSigner,
    OpenedCheckpoint,
    open_checkpoint,
    sign_line,
)
from evidence_vault.core.exchange import (
    SIZE_TYPE,
    AddCheckpoint,
    format_answer,
    format_size,
    parse_request,
)
from evidence_vault.core.keys import verify_ed25519
from evidence_vault.core.merkle import EMPTY_ROOT, check_consistency
from evidence_vault.core.note import KeyType, Note, VerifierKey, format_note, parse_note
from evidence_vault.core.treeview import TreeView
from evidence_vault.errors import ProofInvalid, SignatureInvalid, VaultError

OK, MALFORMED, FORBIDDEN, UNKNOWN, CONFLICT, UNPROVEN, UNAVAILABLE = (
    *(200, 400, 403, 404, 409, 422, 503),
)
TEXT_TYPE = "text/plain; charset=utf-8"

# What a refused, log-signed request shows.
FORK = "fork"
"""Two histories: another root for one size, or a proof that leads to another old root. Proven."""
ROLLBACK = "rollback"
"""A smaller tree than the one cosigned: a log set back, or an old request that comes late."""
NO_PROOF = "no-proof"
"""The proof does not lead to the signed root: nothing is shown either way."""


class Last(Protocol):
    """What was cosigned last for a log."""

    @property
    def size(self) -> int: ...

    @property
    def root(self) -> bytes: ...


class State(Protocol):
    """The countersigner's memory, within one transaction."""

    def last(self, origin: str) -> Last | None: ...

    def clock(self) -> int: ...

    def put(self, origin: str, size: int, root: bytes, at: int, note: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to a request, and what it is about.

    ``request`` from step 1 on; ``kind`` (fork, rollback, no-proof) when it should be kept as
    evidence, which is always signed by the log; ``error``: why it was refused; ``note``: the
    checkpoint with the log's and our signatures, of a 200.
    """

    status: int
    body: bytes
    content_type: str = TEXT_TYPE
    request: AddCheckpoint | None = None
    kind: str | None = None
    error: VaultError | None = None
    note: bytes | None = None
    held: Last | None = None


class Witness:
    """One countersigner. ``log_keys`` gives the pinned keys of a log, or None for an unknown one.

    ``seen`` gives the root of a smaller tree of that log which was cosigned earlier, or None.
    """

    def __init__(
        self,
        signers: Sequence[CheckpointSigner],
        log_keys: Callable[[str], tuple[VerifierKey, ...] | None],
        seen: Callable[[str, int], bytes | None] = lambda _origin, _size: None,
    ) -> None:
        self._signers = signers
        self._log_keys = log_keys
        self._seen = seen

    def judge(self, body: bytes, state: State, now: int) -> Verdict:
        """Steps 1 to 6; ``now`` in POSIX seconds. Never raises for what a stranger sent."""
        try:
            request = parse_request(body)
        except VaultError as error:
            return Verdict(MALFORMED, b"malformed request\n", error=error)
        keys = self._log_keys(request.origin)
        if keys is None:
            return Verdict(UNKNOWN, b"unknown log\n", request=request)
        try:
            opened = _open(request, keys)
        except VaultError as error:
            message = b"not signed by the keys of this log\n"
            return Verdict(FORBIDDEN, message, request=request, error=error)
        held = state.last(request.origin)
        size = 0 if held is None else held.size
        if request.old != size:
            kind = self._contradiction(request, held)
            return Verdict(
                CONFLICT, format_size(size), SIZE_TYPE, request=request, kind=kind, held=held
            )
        root = EMPTY_ROOT if held is None else held.root
        try:
            if opened is None:
                raise ProofInvalid("the root of an empty tree is SHA-256('')")
            check_consistency(size, root, request.size, request.root, request.proof)
        except ProofInvalid as error:
            kind = FORK if opened is None or _proves_fork(request, root) else NO_PROOF
            message = b"not consistent with what was cosigned before\n"
            return Verdict(UNPROVEN, message, request=request, kind=kind, error=error, held=held)
        if now < max(state.clock(), 1):
            message = b"the clock stands before the last cosignature\n"
            return Verdict(UNAVAILABLE, message, request=request, held=held)
        return self._cosign(request, opened, state, now)

    def _cosign(
        self, request: AddCheckpoint, opened: OpenedCheckpoint, state: State, now: int
    ) -> Verdict:
        lines = tuple(sign_line(opened.checkpoint, s, timestamp=now) for s in self._signers)
        signed = {(s.key.name, s.key.key_id) for s in opened.log_signatures}
        own = tuple(s for s in opened.note.signatures if (s.name, s.key_id) in signed)
        note = format_note(Note(opened.note.text, (*own, *lines)))
        state.put(request.origin, request.size, request.root, now, note)
        return Verdict(OK, format_answer(lines), request=request, note=note)

    def _contradiction(self, request: AddCheckpoint, held: Last | None) -> str | None:
        """What a request with another ``old`` shows; None for an honest client without state."""
        if held is None or request.size > held.size:
            return None
        if request.size == held.size:
            return None if request.root == held.root else FORK
        if request.size == 0:
            return None if request.root == EMPTY_ROOT else FORK
        seen = self._seen(request.origin, request.size)
        if seen is None:
            return ROLLBACK
        return None if seen == request.root else FORK


def _open(request: AddCheckpoint, keys: tuple[VerifierKey, ...]) -> OpenedCheckpoint | None:
    """The checkpoint under the log's keys; None for a signed empty tree with another root.

    Such a tree is no checkpoint, so only the signature over the text can be checked.
    """
    if request.size or request.root == EMPTY_ROOT:
        return open_checkpoint(request.checkpoint, keys)
    note = parse_note(request.checkpoint)
    for key in keys:
        lines = [s for s in note.signatures if (s.name, s.key_id) == (key.name, key.key_id)]
        if key.key_type is KeyType.ED25519 and len(lines) == 1:
            verify_ed25519(key.public_key, lines[0].signature, note.text.encode())
            return None
    raise SignatureInvalid("no known key signed the note", code="E-NOTE-NO-KNOWN-KEY")


def _proves_fork(request: AddCheckpoint, held_root: bytes) -> bool:
    """True when the request itself shows that its tree begins otherwise than the one cosigned."""
    if request.old == request.size:
        return request.root != held_root
    try:
        view = TreeView(request.size, request.root)
        view.add_consistency(request.old, request.proof)
    except ProofInvalid:
        return False
    return view.root(request.old) not in (None, held_root)
