"""What somebody asks to leave, and on what terms; refused before anything is committed."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from evidence_vault.core import age
from evidence_vault.errors import KeyProblem, UsageError
from evidence_vault.seal.keyring import open_keyring
from evidence_vault.vault.creation import check_passphrase
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.outfiles import MIN_VOLUME, demand_free
from evidence_vault.vault.profilerules import check_asked
from evidence_vault.vault.profiles import PROFILES, asked_fields

CONDITIONS = ("fair-trial", "lead-only", "no-death-penalty", "no-onward-sharing")
"""Codes that others know; any other code may be used as well."""

_CONDITION = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,63}\Z")
_MOST_CONDITIONS = 32
_LINE = 200  # characters of an agreement's reference and of a contact


@dataclass(frozen=True)
class ExportRequest:
    """What should leave. ``items`` None means all; ``disclose`` names fields, ``profile`` or
    ``all``. ``agreement`` and ``conditions``: on what terms; they are recorded and revealed.
    ``volume_size``: bytes of each volume, None for one file."""

    items: list[str] | None
    out: Path
    case: str | None = None
    query: str | None = None
    profile: str = "partner"
    originals: bool = False
    disclose: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    passphrase: str | None = None
    clear: bool = False
    folder: bool = False
    by: str | None = None
    recipient_name: str | None = None
    purpose: str | None = None
    documents: bool = False
    agreement: str | None = None
    conditions: list[str] = field(default_factory=list)
    contact: str | None = None
    thumbnails: bool = True
    volume_size: int | None = None

    @property
    def has_terms(self) -> bool:
        return self.agreement is not None or bool(self.conditions)

    def names(self) -> list[str]:
        """The fields to reveal, with those of the profile where ``profile`` stands."""
        return asked_fields(self.disclose, self.profile)

    def recipient(self) -> str | dict[str, Any] | None:
        """The value of the field ``recipient``: text, or an object when there are terms."""
        if self.has_terms:
            return {
                "ages": list(self.recipients),
                "agreement": self.agreement,
                "conditions": sorted(set(self.conditions)),
                "name": self.recipient_name,
            }
        return self.recipient_name or (", ".join(self.recipients) or None)

    def to_json(self) -> dict[str, Any]:
        """For the job file; a passphrase is not kept, since the header it made is."""
        return {**asdict(self), "out": str(self.out.absolute()), "passphrase": None}

    @staticmethod
    def from_json(value: dict[str, Any]) -> ExportRequest:
        known = {each.name for each in fields(ExportRequest)}
        given = {name: value[name] for name in known if name in value}
        return ExportRequest(**{**given, "out": Path(value["out"])})


def check_request(vault: Vault, request: ExportRequest) -> None:
    """Raises UsageError or KeyProblem for what can't be done."""
    check_terms(request)
    _check_seal(vault, request)
    if request.volume_size is not None and request.folder:
        raise UsageError("--volume-size splits one file: it can't go with --folder")
    if request.volume_size is not None and request.volume_size < MIN_VOLUME:
        raise UsageError(f"a volume has at least {MIN_VOLUME} bytes")
    demand_free(request.out, request.volume_size)


def check_terms(request: ExportRequest) -> None:
    """Profile, conditions, agreement and contact. Raises UsageError."""
    if request.profile not in PROFILES:
        raise UsageError(f"there is no profile {request.profile!r}")
    check_asked(request.profile, request.originals, request.names())

    for code in request.conditions:
        if not _CONDITION.match(code):
            raise UsageError(
                f"a condition is a code of a-z, 0-9 and - _ . :, not {code!r}",
                code="E-CONDITION",
                hint="for example " + ", ".join(CONDITIONS),
            )
    if len(set(request.conditions)) > _MOST_CONDITIONS:
        raise UsageError(f"at most {_MOST_CONDITIONS} conditions", code="E-CONDITION")
    for what, text in (("agreement", request.agreement), ("contact", request.contact)):
        if text is not None and not (0 < len(text) <= _LINE and text.isprintable()):
            raise UsageError(f"--{what} takes one line of at most {_LINE} characters")


def _check_seal(vault: Vault, request: ExportRequest) -> None:
    ways = [bool(request.recipients), request.passphrase is not None, request.clear]
    if sum(ways) != 1:
        raise UsageError(
            "say how it leaves: --to RECIPIENT, a passphrase, or --clear",
            code="E-EXPORT-SEAL",
            hint="--to takes an age recipient (age1… or age1pq1…) and may stand several times",
        )
    if request.folder and not request.clear:
        raise UsageError("--folder needs --clear: an encrypted bundle is one file")
    for text in request.recipients:
        age.parse_recipient(text)
    if request.passphrase is not None:
        _check_passphrase(vault, request.passphrase)


def _check_passphrase(vault: Vault, passphrase: str) -> None:
    """Whoever gets the bundle gets its passphrase, so it is long and opens nothing else."""
    check_passphrase(passphrase)
    try:
        open_keyring(vault.keyring_bytes(), passphrase)
    except KeyProblem:
        return
    raise UsageError(
        "the passphrase of an export can't be the vault's own",
        code="E-PASSPHRASE-SAME",
        hint="whoever gets the bundle would hold the key of the vault: take another one",
    )
