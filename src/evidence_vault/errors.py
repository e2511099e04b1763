"""The whole exception tree of evidence-vault, and the exit status each branch maps to.

Every error a user can meet carries *fields first, sentence second*: a stable ``code``, a
``message`` that says what and where, an optional ``hint`` that says what to do next, and the
``exit_status`` of DESIGN §6. Rooms translate third-party errors where the library lives.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses of the command line; of several, 11 before 10 before 3."""

    OK = 0
    BUG = 1
    USAGE = 2
    UNCHECKED = 3
    EVIDENCE = 10
    LOG = 11
    UNREACHABLE = 12
    KEY = 13
    POLICY = 14
    INTERRUPTED = 130


class VaultError(Exception):
    """Base of every expected failure.

    ``code`` is stable and machine-readable (``E-…``); ``hint`` is one sentence or empty.
    """

    exit_status: Exit = Exit.UNCHECKED
    default_code = "E-FAILED"

    def __init__(self, message: str, *, code: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.message = message
        self.hint = hint


class UsageError(VaultError):
    """The request itself is wrong: unknown item, bad option value, contradictory options."""

    exit_status = Exit.USAGE
    default_code = "E-USAGE"


class FormatError(VaultError):
    """Bytes do not follow the format they claim (what, where, which clause)."""

    exit_status = Exit.EVIDENCE
    default_code = "E-FORMAT"


class SourceRefused(VaultError):
    """One source file can't be taken in; the batch goes on and ends with status 3."""

    default_code = "E-SOURCE-REFUSED"


class Unchecked(VaultError):
    """Something could not be checked, so nothing is claimed about it."""

    default_code = "E-UNCHECKED"


class EvidenceError(VaultError):
    """Evidence failed verification: changed, missing or contradictory."""

    exit_status = Exit.EVIDENCE
    default_code = "E-EVIDENCE"


class SignatureInvalid(EvidenceError):
    """A signature by a known key does not verify, or a key is unacceptable."""

    default_code = "E-SIGNATURE"


class ProofInvalid(EvidenceError):
    """A Merkle proof does not lead to the stated root."""

    default_code = "E-PROOF"


class LogInconsistent(VaultError):
    """Rollback, fork or truncation of a log; a vault that may be an old copy."""

    exit_status = Exit.LOG
    default_code = "E-LOG-INCONSISTENT"


class StoreError(VaultError):
    """Store, database or service unreachable, full, or unwritable."""

    exit_status = Exit.UNREACHABLE
    default_code = "E-STORE"


class NotFound(StoreError):
    """The named object is not there (and the store was able to say so)."""

    default_code = "E-NOT-FOUND"


class AlreadyExists(StoreError):
    """A create-only write met an existing object."""

    default_code = "E-ALREADY-EXISTS"


class Locked(StoreError):
    """The store refuses to delete or to shorten; the bytes are still there.

    ``until``: when the lock ends (UTC, ``YYYY-MM-DDTHH:MM:SSZ``), None without retention;
    ``hold``: whether a legal hold is on.
    """

    exit_status = Exit.POLICY
    default_code = "E-LOCKED"

    def __init__(
        self, message: str, *, until: str | None = None, hold: bool = False, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.until = until
        self.hold = hold


class VaultBusy(StoreError):
    """Another process holds the writer lock."""

    default_code = "E-BUSY"


class KeyProblem(VaultError):
    """Wrong passphrase, missing key, unreadable keyring, no matching identity."""

    exit_status = Exit.KEY
    default_code = "E-KEY"


class PolicyRefused(VaultError):
    """Consent, hold, classification or role forbids it."""

    exit_status = Exit.POLICY
    default_code = "E-POLICY"


class ToolMissing(VaultError):
    """An external program (ExifTool …) is absent; the hint says how to get it."""

    default_code = "E-TOOL-MISSING"


class InternalError(Exception):
    """An impossible state: a bug, never bad input. Exit status 1."""
