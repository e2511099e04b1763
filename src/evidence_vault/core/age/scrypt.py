"""Passphrases: the ``scrypt`` stanza, which stands alone in its header.

Stanza ``scrypt <base64 salt> <log2 N>``: the work factor N says how long one guess takes.
Memory is 128 * 8 * N bytes: 256 MiB for the default 18, 1 GiB for 20.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from evidence_vault.core.age.entropy import _random
from evidence_vault.core.age.header import Stanza, bad_header, decode_b64, encode_b64
from evidence_vault.core.age.recipients import (
    Family,
    check_body,
    open_file_key,
    seal_file_key,
)
from evidence_vault.errors import FormatError, KeyProblem, UsageError

STANZA_TYPE = "scrypt"
SALT_SIZE = 16
DEFAULT_LOG_N = 18
MAX_LOG_N = 20
"""Highest work factor read unless the caller says otherwise: some seconds and 1 GiB."""

_LABEL = b"age-encryption.org/v1/scrypt"
_WORK_FACTOR = re.compile(r"[1-9][0-9]?")


def check_stanza(stanza: Stanza) -> tuple[bytes, int]:
    """The salt (16 bytes) and log2 N (1 to 99) of a well-formed stanza. Raises FormatError."""
    if len(stanza.args) != 2:
        raise bad_header(f"a scrypt stanza has {len(stanza.args)} arguments instead of 2")
    salt = decode_b64(stanza.args[0], "the salt of a scrypt stanza", SALT_SIZE)
    if not _WORK_FACTOR.fullmatch(stanza.args[1]):
        raise bad_header("the work factor of a scrypt stanza is not a decimal number from 1 to 99")
    check_body(stanza)
    return salt, int(stanza.args[1])


@dataclass(frozen=True, slots=True)
class ScryptRecipient:
    """Anyone who knows the passphrase. ``log_n`` runs from 1 (tests only) to MAX_LOG_N."""

    passphrase: str = field(repr=False)
    log_n: int = DEFAULT_LOG_N

    def __post_init__(self) -> None:
        _check_passphrase(self.passphrase)
        if not 1 <= self.log_n <= MAX_LOG_N:
            raise UsageError(f"the scrypt work factor runs from 1 to {MAX_LOG_N}: {self.log_n}")

    @property
    def family(self) -> Family:
        return Family.PASSPHRASE

    def wrap(self, file_key: bytes) -> Stanza:
        """One stanza under a fresh salt; takes as long as the work factor says."""
        salt = _random(SALT_SIZE)
        body = seal_file_key(_wrap_key(self.passphrase, salt, self.log_n), file_key)
        return Stanza(STANZA_TYPE, (encode_b64(salt), str(self.log_n)), body)


@dataclass(frozen=True, slots=True)
class ScryptIdentity:
    """A passphrase. ``max_log_n`` bounds the time and memory that a hostile file can cost."""

    passphrase: str = field(repr=False)
    max_log_n: int = MAX_LOG_N

    def __post_init__(self) -> None:
        _check_passphrase(self.passphrase)

    def unwrap(self, stanza: Stanza) -> bytes | None:
        """The file key, or None if the stanza is of another type or the passphrase is wrong.

        Raises FormatError, before any work, if the stanza asks for more than ``max_log_n``.
        """
        if stanza.type != STANZA_TYPE:
            return None
        salt, log_n = check_stanza(stanza)
        if log_n > self.max_log_n:
            raise FormatError(
                f"the file asks for scrypt work factor {log_n}; the limit is {self.max_log_n}",
                code="E-AGE-HEADER",
                hint=f"opening it would take {1 << max(0, log_n - 20)} GiB of memory; if its "
                "maker is known, raise the limit",
            )
        return open_file_key(_wrap_key(self.passphrase, salt, log_n), stanza.body)


def _wrap_key(passphrase: str, salt: bytes, log_n: int) -> bytes:
    """scrypt(passphrase, label || salt, N, r = 8, p = 1, 32 bytes); the passphrase in UTF-8."""
    kdf = Scrypt(salt=_LABEL + salt, length=32, n=1 << log_n, r=8, p=1)
    return kdf.derive(passphrase.encode("utf-8"))


def _check_passphrase(passphrase: str) -> None:
    if not passphrase:
        raise KeyProblem("the passphrase is empty", code="E-AGE-KEY")
