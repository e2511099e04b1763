"""What an export needs to go on after it was cut off: the same event, bundle id and bytes.

    exports/<bundle id>       nonce (12) || ChaCha20-Poly1305(K, JSON), associated data: the id
    exports/<bundle id>.lock  locked while the export runs
    K = the keyring's MAC key over "export-job" and the id

It lies in the vault's folder, never beside what leaves: it holds the file key of an encrypted
bundle, the name of its recipient and what is revealed. It is written before the event is
committed, again before the first byte is written, and deleted when the bundle is whole.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from evidence_vault import osfiles
from evidence_vault.core import age
from evidence_vault.core.age.keys import NONCE_SIZE
from evidence_vault.core.canonical import b64, unb64
from evidence_vault.core.checkpoint import Checkpoint
from evidence_vault.core.receipt import Renewal
from evidence_vault.errors import EvidenceError, InternalError, StoreError, UsageError, VaultBusy
from evidence_vault.vault.exportrequest import ExportRequest
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.proving import ProvenState

FOLDER = "exports"
_NAME = re.compile(r"[0-9a-f]{32}\Z")
_NONCE = 12


@dataclass(frozen=True)
class SealKeys:
    """How one bundle is encrypted: its age header, file key and payload nonce."""

    header: bytes
    file_key: bytes
    nonce: bytes

    @staticmethod
    def draw(request: ExportRequest) -> SealKeys:
        file_key = age.new_file_key()
        header = age.wrap_file_key(file_key, _recipients(request))
        return SealKeys(header, file_key, secrets.token_bytes(NONCE_SIZE))

    def renewed(self) -> SealKeys:
        """For other bytes than the ones that were written: one nonce never seals two texts."""
        return SealKeys(self.header, self.file_key, secrets.token_bytes(NONCE_SIZE))


@dataclass
class Job:
    """One export, from its choice to its last byte.

    ``known``: size of the log when histories were read. ``proofs``: JSON form of what ``states``
    show, as the event states it. ``event``: None before it is committed.
    ``note``: the signed checkpoint to which the receipts lead, b"" before. ``documents``: versions
    of trust documents that go along. ``trust``: the archive's own keys, by which its reports check.
    ``naming``: all bytes were written, names are being given.
    """

    bundle_id: str
    request: ExportRequest
    chosen: list[str]
    known: int
    states: list[ProvenState]
    proofs: dict[str, Any]
    seal: SealKeys | None
    event: int | None = None
    note: bytes = b""
    made_at: str = ""
    brackets: dict[int, tuple[str, ...]] = field(default_factory=dict)
    documents: list[int] = field(default_factory=list)
    trust: bytes = b""
    naming: bool = False

    def to_json(self) -> dict[str, Any]:
        seal = self.seal
        return {
            "brackets": {str(index): list(lines) for index, lines in self.brackets.items()},
            "bundle_id": self.bundle_id,
            "chosen": self.chosen,
            "documents": self.documents,
            "event": self.event,
            "known": self.known,
            "made_at": self.made_at,
            "naming": self.naming,
            "note": b64(self.note),
            "proofs": self.proofs,
            "request": self.request.to_json(),
            "seal": None if seal is None else [b64(p) for p in _parts_of(seal)],
            "states": [_state_to_json(state) for state in self.states],
            "trust": b64(self.trust),
            "v": 1,
        }

    @staticmethod
    def from_json(value: dict[str, Any]) -> Job:
        seal = value["seal"]
        return Job(
            bundle_id=value["bundle_id"],
            request=ExportRequest.from_json(value["request"]),
            chosen=value["chosen"],
            known=value["known"],
            states=[_state_from_json(each) for each in value["states"]],
            proofs=value["proofs"],
            seal=None if seal is None else SealKeys(*(unb64(p, "a part of a job") for p in seal)),
            event=value["event"],
            note=unb64(value["note"], "a note"),
            made_at=value["made_at"],
            brackets={int(i): tuple(lines) for i, lines in value["brackets"].items()},
            documents=value["documents"],
            trust=unb64(value["trust"], "a trust file"),
            naming=value["naming"],
        )


class JobFile:
    """Keeps a job on disk; nothing at all when it can't be resumed (a folder)."""

    def __init__(self, vault: Vault, bundle_id: str, kept: bool = True) -> None:
        self._vault, self._id, self._kept = vault, bundle_id, kept
        self._path = vault.folder / FOLDER / bundle_id

    def save(self, job: Job) -> None:
        """Durable on return. Raises StoreError."""
        if not self._kept:
            return
        data = json.dumps(job.to_json(), separators=(",", ":")).encode()
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._box().encrypt(nonce, data, self._id.encode())
        try:
            osfiles.replace_file(self._path, sealed)
        except OSError as error:
            raise StoreError(
                f"what is needed to go on with an export can't be written: {error.strerror}",
                code="E-NOT-WRITABLE",
                hint="check free space and who owns the vault's folder",
            ) from error

    def load(self) -> Job:
        """Raises EvidenceError when it was changed."""
        try:
            data = self._path.read_bytes()
            plain = self._box().decrypt(data[:_NONCE], data[_NONCE:], self._id.encode())
            return Job.from_json(json.loads(plain))
        except (InvalidTag, ValueError) as error:
            raise EvidenceError(
                f"{FOLDER}/{self._id} was changed or belongs to another vault",
                code="E-EXPORT-JOB",
                hint="delete it, and export anew",
            ) from error
        except OSError as error:
            raise StoreError(f"{FOLDER}/{self._id} can't be read: {error.strerror}") from error

    def delete(self) -> None:
        if self._kept:
            self._path.unlink(missing_ok=True)
            osfiles.sync_folder(self._path.parent)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Raises VaultBusy when this export is running elsewhere."""
        if not self._kept:
            yield
            return
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        lock = self._path.with_name(f"{self._id}.lock")
        with open(lock, "ab") as stream:
            if not osfiles.try_lock(stream):
                raise VaultBusy("this export is being written by another process")
            try:
                yield
            finally:
                if not self._path.exists():
                    lock.unlink(missing_ok=True)

    def _box(self) -> ChaCha20Poly1305:
        return ChaCha20Poly1305(self._vault.keyring.mac("export-job", self._id.encode()))


def job_ids(vault: Vault) -> list[str]:
    """Ids of the exports that were cut off or are running; needs no key."""
    try:
        names = os.listdir(vault.folder / FOLDER)
    except FileNotFoundError:
        return []
    return sorted(name for name in names if _NAME.match(name))


def unfinished(vault: Vault) -> list[dict[str, Any]]:
    """(bundle_id, event, file) of each; needs the keyring."""
    found = []
    for bundle_id in job_ids(vault):
        job = JobFile(vault, bundle_id).load()
        found.append({"bundle_id": bundle_id, "event": job.event, "file": str(job.request.out)})
    return found


def find_job(vault: Vault, out: Path) -> str:
    """Id of the export that was to write ``out``. Raises UsageError when there is none."""
    wanted = os.path.abspath(out)
    known = unfinished(vault)
    for each in known:
        if os.path.abspath(each["file"]) == wanted:
            return str(each["bundle_id"])
    others = ", ".join(each["file"] for each in known)
    raise UsageError(
        f"no export to {out} was cut off here",
        code="E-NO-EXPORT-JOB",
        hint=f"cut off were: {others}" if others else "no export of this vault was cut off",
    )


def demand_no_job(vault: Vault, out: Path) -> None:
    """Raises UsageError when an export to ``out`` was cut off and can go on."""
    wanted = os.path.abspath(out)
    if any(os.path.abspath(each["file"]) == wanted for each in unfinished(vault)):
        raise UsageError(
            f"an export to {out} was cut off",
            code="E-EXPORT-CUT-OFF",
            hint=f"go on with it: evidence-vault export --resume {out} (or give it up: --abandon)",
        )


def _recipients(request: ExportRequest) -> list[age.Recipient]:
    if request.passphrase is not None:
        return [age.ScryptRecipient(request.passphrase, 18)]
    if not request.recipients:
        raise InternalError("an encrypted export without recipients")
    return [age.parse_recipient(text) for text in request.recipients]


def _parts_of(seal: SealKeys) -> Sequence[bytes]:
    return seal.header, seal.file_key, seal.nonce


def _state_to_json(state: ProvenState) -> dict[str, Any]:
    """Everything but its cosigners, which were claimed when it was chosen."""
    point = state.point
    return {
        "note": b64(state.note),
        "origin": point.origin,
        "renewals": [
            {"manifest": b64(each.manifest), "tokens": _tokens_to_json(each.tokens)}
            for each in state.renewals
        ],
        "root": point.root.hex(),
        "size": point.size,
        "tokens": _tokens_to_json(state.tokens),
    }


def _state_from_json(value: Mapping[str, Any]) -> ProvenState:
    return ProvenState(
        Checkpoint(value["origin"], value["size"], bytes.fromhex(value["root"])),
        unb64(value["note"], "a note"),
        (),
        _tokens_from_json(value["tokens"]),
        tuple(
            Renewal(unb64(each["manifest"], "a manifest"), _tokens_from_json(each["tokens"]))
            for each in value["renewals"]
        ),
    )


def _tokens_to_json(tokens: Sequence[tuple[str, bytes]]) -> list[list[str]]:
    return [[name, b64(reply)] for name, reply in tokens]


def _tokens_from_json(value: Sequence[Sequence[str]]) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, unb64(reply, "a token")) for name, reply in value)
