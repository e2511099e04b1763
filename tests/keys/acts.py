"""What a holder of the recovery file does, and what partners then see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.vault.vaults import PASSPHRASE, Made

from evidence_vault.core.findings import Outcome, Report
from evidence_vault.core.trust import TrustFile, parse_trust
from evidence_vault.seal.keyring import Ed25519Signer
from evidence_vault.seal.recovery import read_recovery
from evidence_vault.vault import keychanges
from evidence_vault.vault.exits import write_receipts
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.vault.keychanges import Ceremony
from evidence_vault.vault.trusting import export_trust
from evidence_vault.verify import verify_bundle, verify_receipt


def secret() -> str:
    return PASSPHRASE


def ceremony(made: Made) -> Ceremony:
    return Ceremony(made.recovery, secret, secret, "keeper-1", "a test")


def rotate(made: Made, role: str = "events") -> dict[str, Any]:
    with made.open() as vault:
        return keychanges.rotate(vault, role, ceremony(made))


def revoke(made: Made, keyid: str, last_good: int, reason: str = "compromised") -> dict[str, Any]:
    with made.open() as vault:
        return keychanges.revoke(vault, keyid, last_good, reason, ceremony(made))


def root_of(made: Made) -> Ed25519Signer:
    return Ed25519Signer(read_recovery(made.recovery.read_bytes(), secret).root_seed)


def key_in_use(made: Made, role: str = "events") -> str:
    with made.open() as vault:
        rows = keychanges.list_keys(vault)["keys"]
    return str(
        next(
            k["keyid"]
            for k in rows
            if k["role"] == role and k["until"] is None and k["where"] == "this keyring"
        )
    )


def size_of(made: Made) -> int:
    with made.open() as vault:
        return vault.catalogue.frontier().size


def items_of(made: Made) -> list[str]:
    with made.open() as vault:
        return vault.catalogue.item_ids()


def trust(made: Made, path: Path) -> TrustFile:
    with made.open() as vault:
        export_trust(vault, path)
    return parse_trust(path.read_bytes())


def receipt(made: Made, item: str, path: Path) -> bytes:
    with made.open() as vault:
        write_receipts(vault, [item], path)
    return path.read_bytes()


def bundle(made: Made, path: Path, items: list[str] | None = None) -> Path:
    with made.open() as vault:
        export(vault, ExportRequest(items, path, originals=True, clear=True))
    return path


def check_receipt(data: bytes, trusted: TrustFile | None) -> Report:
    return verify_receipt(data, None, trusted)


def check_bundle(path: Path, trusted: TrustFile | None) -> Report:
    return verify_bundle(path, trusted)


def wrong(report: Report) -> set[str]:
    """Codes of what does not match."""
    return {f.code for f in report.findings if f.outcome is Outcome.DIFFERS}


def open_questions(report: Report) -> set[str]:
    """Codes of what could not be checked."""
    return {f.code for f in report.findings if f.outcome is Outcome.UNCHECKED}
