"""``demo``: the main job from beginning to end on demonstration material, then two attacks."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evidence_vault.core.findings import Outcome, Report
from evidence_vault.errors import UsageError
from evidence_vault.seeds import demo_folder
from evidence_vault.vault.checking import log_audit, log_checkpoint
from evidence_vault.vault.creation import create_vault
from evidence_vault.vault.derivatives import derive
from evidence_vault.vault.exits import get_item, write_receipts
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.opening import Vault, open_vault
from evidence_vault.vault.trusting import export_trust
from evidence_vault.verify import load_trust, verify_bundle, verify_receipt

Say = Callable[[str], None]
_BY = "demo-desk"


def run_demo(folder: Path | None, say: Say, program: str = "evidence-vault") -> dict[str, Any]:
    """Run everything in a new folder; ``say`` gets one line at a time.

    ``program``: what has to be typed to run this program, for the commands shown at the end.

    The result's ``exit`` is 0 only if every step came out as it must: good evidence verified,
    bad evidence refused.
    """
    base = _new_folder(folder)
    return _Demo(base, say, program).run()


def _new_folder(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="evidence-vault-demo-"))
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", code="E-EXISTS", hint="name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder.absolute()


class _Demo:
    def __init__(self, base: Path, say: Say, program: str) -> None:
        self._base = base
        self._program = program
        self._say = say
        self._steps: list[dict[str, Any]] = []
        self._passphrase = secrets.token_urlsafe(18)
        os.environ["EVIDENCE_VAULT_STATE"] = str(base / "state")

    def run(self) -> dict[str, Any]:
        vault_folder = self._base / "vault"
        (self._base / "passphrase.txt").write_text(self._passphrase + "\n")
        created = create_vault(
            vault_folder,
            org="Demonstration Documentation Group",
            passphrase=self._passphrase,
            recovery=self._base / "recovery-USB-stick.txt",
        )
        self._step("create a vault", True, f"log {created['origin']}, encrypted")
        with open_vault(vault_folder, lambda: self._passphrase) as vault:
            material = demo_folder()
            taken = ingest(vault, IngestRequest([], sheet=material / "sheet.csv", by=_BY))
            self._step(
                "take in photos, a video, an audio file, documents, a table",
                taken["exit"] == 0 and len(taken["taken_in"]) > 0,
                f"{len(taken['taken_in'])} items, {taken['bytes']} bytes",
            )
            for row in taken["taken_in"]:
                self._say(f"      {row['id']}  {row['format']:<28} {row['name']}")
            point = log_checkpoint(vault)
            self._step("sign a checkpoint", True, f"{point['size']} entries")
            first = taken["taken_in"][0]["id"]
            get_item(vault, first, self._base / "original", _BY, "demonstration")
            write_receipts(vault, [first], self._base / "receipt.txt", [], _BY, "demonstration")
            made = export(
                vault,
                ExportRequest(
                    None,
                    self._base / "bundle.zip",
                    originals=True,
                    clear=True,
                    by=_BY,
                    recipient_name="demonstration lawyer",
                ),
            )
            self._step("export a bundle", True, f"{made['counts']['exported']} items")
            self._share(vault, taken["taken_in"])
            export_trust(vault, self._base / "trust.json")
            audit = log_audit(vault)
            self._step(
                "audit the log", audit["exit"] == 0, f"{audit['entries']} entries recomputed"
            )
        self._verify(first)
        self._attack()
        good = all(step["as_expected"] for step in self._steps)
        self._end(good)
        return {"exit": 0 if good else 1, "folder": str(self._base), "steps": self._steps}

    def _share(self, vault: Vault, taken: list[dict[str, Any]]) -> None:
        """Copies of the photos without position, serial numbers and names, and a bundle of them."""
        photos = [row["id"] for row in taken if row["format"] == "image/jpeg"]
        made = derive(vault, photos, _BY)
        removed = sum(tag["count"] for row in made["derived"] for tag in row["removed"])
        self._step(
            "make share copies of the photos, proved clean",
            made["exit"] == 0 and removed > 0,
            f"{len(made['derived'])} copies, {removed} values taken out, pictures identical",
        )
        bundle = self._base / "share.zip"
        told = export(vault, ExportRequest(photos, bundle, clear=True, by=_BY))
        self._step(
            "export the share copies",
            told["copies"] == len(photos) and not told["sensitive"],
            f"{told['copies']} copies, no original, no digest of an original",
        )

    def _verify(self, item: str) -> None:
        """What a partner does, in an empty folder, with what was handed over."""
        partner = self._base / "partner"
        partner.mkdir()
        for name in ("bundle.zip", "receipt.txt", "original", "trust.json"):
            shutil.copyfile(self._base / name, partner / name)
        trust = load_trust(partner / "trust.json")
        with open(partner / "original", "rb") as stream:
            report = verify_receipt((partner / "receipt.txt").read_bytes(), stream, trust)
        self._judge(f"verify the receipt of {item} with its file", report, 0)
        report = verify_bundle(partner / "bundle.zip", trust, None)
        self._judge("verify the bundle", report, 0)
        report = verify_bundle(self._base / "share.zip", trust, None)
        self._judge("verify the bundle of share copies", report, 0)

    def _attack(self) -> None:
        """One tampered byte, and a perfect bundle by a stranger."""
        trust = load_trust(self._base / "partner" / "trust.json")
        tampered = self._base / "tampered"
        with zipfile.ZipFile(self._base / "bundle.zip") as archive:
            archive.extractall(tampered)
        target = next(tampered.glob("*/data/*"))
        data = bytearray(target.read_bytes())
        data[len(data) // 2] ^= 1
        target.write_bytes(data)
        report = verify_bundle(next(tampered.iterdir()), trust, None)
        self._judge(f"one bit changed in {target.name}", report, 10, target.name)
        self._judge("a bundle forged by a stranger", self._forged(trust), 10)

    def _forged(self, trust: Any) -> Report:
        """A vault that anybody can make, with the same organisation's name on it."""
        base = self._base / "stranger"
        base.mkdir()
        create_vault(
            base / "vault",
            org="Demonstration Documentation Group",
            passphrase=self._passphrase,
            no_recovery=True,
        )
        with open_vault(base / "vault", lambda: self._passphrase) as vault:
            ingest(vault, IngestRequest([os.fsencode(demo_folder() / "README.md")]))
            export(vault, ExportRequest(None, base / "bundle.zip", originals=True, clear=True))
        return verify_bundle(base / "bundle.zip", trust, None)

    def _judge(self, name: str, report: Report, expected: int, named: str = "") -> None:
        status = int(report.exit_status())
        lines = [
            f"{f.code} {f.subject}"
            for s in report.steps
            for f in s.findings
            if f.outcome is Outcome.DIFFERS
        ]
        as_expected = status == expected and (not named or any(named in x for x in lines))
        verdict = "matches" if status == 0 else "does not match"
        self._step(name, as_expected, f"{verdict}, exit status {status}")
        for line in lines[:4]:
            self._say(f"      {line}")

    def _step(self, name: str, as_expected: bool, detail: str) -> None:
        self._steps.append({"as_expected": as_expected, "detail": detail, "name": name})
        mark = "ok " if as_expected else "NOT AS EXPECTED"
        self._say(f"{len(self._steps):>3}. [{mark}] {name}: {detail}")

    def _end(self, good: bool) -> None:
        base = self._base
        self._say("")
        self._say("Everything came out as it must." if good else "SOMETHING CAME OUT WRONG.")
        self._say(f"Made in {base}:")
        self._say("  vault/         the vault (its passphrase is in passphrase.txt, demo only)")
        self._say("  partner/       what a legal partner gets: bundle, receipt, file, trust file")
        self._say("  tampered/      the same bundle with one bit changed")
        self._say("Type next:")
        self._say(f"  {self._program} --vault {base}/vault list")
        self._say(
            f"  {self._program} verify --trust {base}/partner/trust.json {base}/partner/bundle.zip"
        )
        self._say(f"  less {base}/tampered/*/HOW-TO-VERIFY.txt    (checking with stock tools)")
