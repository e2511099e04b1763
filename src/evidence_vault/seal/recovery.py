"""The recovery file: what gets a vault back when its keyring or passphrase is lost.

Text in the form of an age identity file, so that stock ``age -d -i FILE`` opens units with it;
the root signing seed stands in a comment line. It may itself be sealed with a passphrase.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

from evidence_vault.core import age
from evidence_vault.core.canonical import b64, unb64
from evidence_vault.errors import FormatError
from evidence_vault.seal.keyring import MAX_LOG_N

ROOT_SEED = "# root-seed: "
_AGE = b"age-encryption.org/v1\n"


@dataclass(frozen=True)
class Recovery:
    """The recovery identity and the root signing seed (32 bytes).

    ``identity`` is None for a field vault: its recovery file continues the log and reads nothing.
    """

    identity: age.PQIdentity | None
    root_seed: bytes

    def recipient(self) -> str | None:
        """The age recipient that everything is encrypted to, too; None for a field vault."""
        return None if self.identity is None else str(self.identity.to_recipient())


def format_recovery(recovery: Recovery, origin: str) -> bytes:
    """The plain text of a recovery file; the inverse of :func:`read_recovery`."""
    if recovery.identity is None:
        return (
            "# evidence-vault recovery file of a field vault. It continues its log, no more.\n"
            f"# log: {origin}\n"
            f"{ROOT_SEED}{b64(recovery.root_seed)}\n"
        ).encode()
    return (
        "# evidence-vault recovery file. Whoever has it reads everything in the vault.\n"
        f"# log: {origin}\n"
        f"# recipient: {recovery.identity.to_recipient()}\n"
        f"{ROOT_SEED}{b64(recovery.root_seed)}\n"
        f"{recovery.identity}\n"
    ).encode()


def read_recovery(data: bytes, passphrase: Callable[[], str]) -> Recovery:
    """Read a recovery file; the passphrase is asked for only if it is sealed.

    Raises FormatError for another file, KeyProblem for a wrong passphrase.
    """
    return _parse(open_recovery(data, passphrase))


def open_recovery(data: bytes, passphrase: Callable[[], str]) -> bytes:
    """The plain text of a recovery file; raises as :func:`read_recovery` does."""
    if data.startswith(_AGE):
        plain = io.BytesIO()
        identity = age.ScryptIdentity(passphrase(), MAX_LOG_N)
        age.decrypt_stream([identity], io.BytesIO(data), plain)
        data = plain.getvalue()
    _parse(data)
    return data


def _parse(data: bytes) -> Recovery:
    try:
        lines = data.decode("ascii").splitlines()
    except UnicodeDecodeError:
        lines = []
    seeds = [line.removeprefix(ROOT_SEED) for line in lines if line.startswith(ROOT_SEED)]
    secrets = [line for line in lines if line and not line.startswith("#")]
    if len(seeds) != 1 or len(secrets) > 1:
        raise FormatError("this is not a recovery file of evidence-vault", code="E-RECOVERY")
    seed = unb64(seeds[0], "the root seed", 32)
    if not secrets:
        return Recovery(None, seed)
    found = age.parse_identity(secrets[0])
    if not isinstance(found, age.PQIdentity):
        raise FormatError("the recovery identity is of another kind", code="E-RECOVERY")
    return Recovery(found, seed)
