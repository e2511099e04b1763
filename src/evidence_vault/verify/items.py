"""The items of a bundle: their receipts, payloads and counts (docs/format-bundle.md rules 5, 6)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from evidence_vault.core.bagtext import MANIFESTS, is_payload
from evidence_vault.core.derivation import MAX_STATEMENT
from evidence_vault.core.entry0 import EntryZero
from evidence_vault.core.findings import Finding, Outcome, ReportBuilder
from evidence_vault.core.keystate import KeyState
from evidence_vault.core.receipt import MAX_RECEIPT, Receipt, parse_receipt
from evidence_vault.core.statement import ItemRow, Statement
from evidence_vault.core.text import spreadsheet_safe
from evidence_vault.errors import FormatError
from evidence_vault.verify.checked import Checked
from evidence_vault.verify.contents import Content, matched, matched_copy, report_mismatch
from evidence_vault.verify.copies import FOLDER as COPIES
from evidence_vault.verify.copies import Arrival, Told, check_copy
from evidence_vault.verify.custody import CustodyChecker
from evidence_vault.verify.hashing import Digests
from evidence_vault.verify.receipt import STEPS, describe_log

RECEIPTS, PAYLOADS, COUNTS = "S-RECEIPTS", "S-PAYLOADS", "S-COUNTS"
RULE_5, RULE_6 = "docs/format-bundle.md rule 5", "docs/format-bundle.md rule 6"
_INDEX_HEAD = ["item", "home", "outcome", "reason", "original", "receipt"]


@dataclass(slots=True)
class _Known:
    """What a checked receipt says about its item."""

    contents: list[Content]
    arrival: Arrival | None
    shown: int
    withheld: int
    sound: bool


class ItemChecker:
    """Takes receipts one by one as they are read, then compares them with the rest."""

    def __init__(
        self, statement: Statement, custody: CustodyChecker, report: ReportBuilder
    ) -> None:
        self.zero: EntryZero | None = None
        self.keys: KeyState | None = None
        self._statement = statement
        self._custody = custody
        self._report = report
        self._rows = {row.receipt: row for row in statement.items}
        self._known: dict[str, _Known] = {}
        self._told: dict[str, Told] = {}
        self._said: set[tuple[str, str, str]] = set()

    @property
    def sound(self) -> bool:
        """True when each chosen item's receipt was read and rules 1-6 hold for it."""
        known = self._known
        return len(known) == len(self._rows) > 0 and all(k.sound for k in known.values())

    def wants(self, path: str) -> int | None:
        """Up to how many bytes of a listed file are read; None for one that is only hashed."""
        if path in self._rows:
            return MAX_RECEIPT
        return MAX_STATEMENT if path.startswith(COPIES) else None

    def take(self, path: str, data: bytes) -> None:
        """Look at a file whose bytes are those that the statement lists."""
        if path in self._rows:
            self._take_receipt(path, data)
        else:
            self._told[path] = Told.of(data)

    def _take_receipt(self, path: str, data: bytes) -> None:
        """Check one receipt."""
        report = self._report
        try:
            receipt = parse_receipt(data)
        except FormatError as error:
            report.differ(RECEIPTS, "R-FORMAT", path, RULE_5, reason=error.message)
            return
        checked = self._custody.check(receipt)
        sound = {1, 2, 3, 4, 5, 6} <= checked.ran
        for rule, finding in checked.findings:
            sound = sound and (rule >= 8 or finding.outcome is Outcome.INFORMATION)
            self._file(path, rule, finding)
        row = self._rows[path]
        self._compare(path, row, receipt, checked)
        if self.zero is None and checked.zero is not None:
            self.zero, self.keys = checked.zero, checked.keys
            describe_log(report, checked)
        arrival = next(map(Arrival.of, checked.ingested()), None)
        self._known[path] = _Known(
            [Content.of(event) for event in checked.with_content()],
            arrival,
            sum(len(e.values) for e in checked.events),
            sum(e.withheld for e in checked.events),
            sound,
        )

    def _file(self, path: str, rule: int, finding: Finding) -> None:
        """File a receipt's finding; what all receipts share is said once."""
        shared = rule >= 8 or finding.code in ("R-OTHER-SIGNATURES", "R-TYPE-UNKNOWN")
        key = (finding.code, finding.subject, str(sorted(finding.details.items())))
        if shared and key in self._said:
            return
        self._said.add(key)
        step = STEPS[rule - 1] if rule >= 8 else RECEIPTS
        subject = finding.subject if shared else f"{path}, {finding.subject}"
        self._report.add(step, replace(finding, subject=subject))

    # Rule 5: all receipts share the statement's origin, checkpoint and exported event.
    def _compare(self, path: str, row: ItemRow, receipt: Receipt, checked: Checked) -> None:
        s, checkpoint = self._statement, checked.checkpoint
        last = checked.events[-1] if checked.events else None
        zero = self.zero or checked.zero
        same = {
            "fingerprint": (
                zero.fingerprint.hex() if zero else "none",
                checked.zero.fingerprint.hex() if checked.zero else "none",
            ),
            "keys": (_known_keys(self.keys or checked.keys), _known_keys(checked.keys)),
            "origin": (s.origin, receipt.origin),
            "item": (f"{row.home} {row.id}", " ".join(receipt.subject[1:])),
            "checkpoint": (
                f"{s.checkpoint_size} {s.checkpoint_root}",
                f"{checkpoint.size} {checkpoint.root.hex()}" if checkpoint else "none",
            ),
            "last_seq": (str(row.last_seq), str(checked.last_seq())),
            "exported": (
                f"{s.exported_index} {s.exported_leaf}",
                f"{last.index} {last.opened.leaf.hex()}" if last else "none",
            ),
        }
        for name, (expected, found) in same.items():
            if expected != found:
                self._report.differ(
                    RECEIPTS,
                    "B-RECEIPT-OTHER",
                    path,
                    RULE_5,
                    field=name,
                    expected=expected,
                    found=found,
                )
        if last is not None:
            self._check_exported(path, last.event.type, last.values)

    def _check_exported(self, path: str, kind: str, values: Mapping[str, Any]) -> None:
        """The exported event must reveal what the bundle claims about itself."""
        s = self._statement
        manifest = next((f.sha256 for f in s.files if f.path == MANIFESTS[0]), None)
        claims: dict[str, Any] = {
            "bundle_id": s.bundle_id,
            "counts": dict(s.counts),
            "payload_manifest": manifest,
            "proofs": dict(s.proofs),
        }
        if kind != "exported":
            self._report.differ(RECEIPTS, "B-NOT-EXPORTED", path, RULE_5, type=kind)
            return
        for name, claim in claims.items():
            if name not in values:
                self._report.differ(RECEIPTS, "B-EXPORTED-HIDDEN", path, RULE_5, field=name)
            elif values[name] != claim:
                self._report.differ(RECEIPTS, "B-EXPORTED-OTHER", path, RULE_5, field=name)

    def finish(self, good: set[str], digests: Mapping[str, Digests], index: bytes | None) -> None:
        """Compare items with payloads, counts and index, after all files were read."""
        report = self._report
        if self.sound and not report.failed(RECEIPTS):
            report.match(RECEIPTS, "B-RECEIPTS-OK", count=len(self._known))
        self._check_payloads(good, digests)
        self._check_rows()
        self._check_counts(index)
        if not report.failed(COUNTS):
            counts = self._statement.counts
            report.match(
                COUNTS, "B-COUNTS-OK", chosen=counts["chosen"], withheld=counts["withheld"]
            )

    def _check_payloads(self, good: set[str], digests: Mapping[str, Digests]) -> None:
        report, originals, copies = self._report, 0, 0
        rows = [row for row in self._statement.items if row.payload is not None]
        explained: set[str] = set()
        told = {f.path for f in self._statement.files if f.path.startswith(COPIES)}
        for row in rows:
            path = str(row.payload)
            known = self._known.get(row.receipt)
            if path not in good or known is None:
                report.unchecked(PAYLOADS, "B-PAYLOAD-UNCHECKED", path, RULE_5)
                continue
            content = matched(known.contents, digests[path])
            beside = f"{COPIES}{row.id}.json"
            if beside in told:  # said to be a copy: an original with the same bytes is not meant
                statement = digests[beside].sha256 if beside in digests else None
                content = matched_copy(known.contents, digests[path], statement) or content
            if content is None:
                report_mismatch(report, PAYLOADS, path, RULE_5, known.contents, digests[path])
            elif content.is_copy:
                explained.add(self._explain(row, known, content, good, digests))
                copies += 1
            else:
                originals += 1
        for path in sorted(told):
            if path not in explained:
                report.differ(PAYLOADS, "B-ITEM", path, RULE_5, reason="is about no share copy")
        if not rows:
            report.match(PAYLOADS, "B-NO-PAYLOADS")
        elif not report.failed(PAYLOADS):
            if copies:
                report.match(PAYLOADS, "B-COPIES-OK", count=copies)
            if originals or not copies:
                report.match(PAYLOADS, "B-PAYLOADS-OK", count=originals)

    def _explain(
        self,
        row: ItemRow,
        known: _Known,
        content: Content,
        good: set[str],
        digests: Mapping[str, Digests],
    ) -> str:
        """A share copy comes with the statement on how it was made; returns its path."""
        path = f"{COPIES}{row.id}.json"
        if path not in digests or path not in good:
            self._report.unchecked(PAYLOADS, "B-COPY-STATEMENT-MISSING", path, RULE_5)
        elif content.statement is None:
            self._report.unchecked(PAYLOADS, "R-FILE-WITHHELD", path, RULE_5, field="statement")
        elif digests[path].sha256 != content.statement:
            self._report.differ(
                PAYLOADS,
                "B-COPY-STATEMENT",
                path,
                RULE_5,
                expected=content.statement,
                found=digests[path].sha256,
            )
        else:
            told = self._told[path]
            check_copy(self._report, PAYLOADS, path, RULE_5, content, known.arrival, told)
        return path

    # Rule 6: each item's row names files that are there; no file of theirs is unnamed.
    def _check_rows(self) -> None:
        s, report = self._statement, self._report
        listed = {f.path for f in s.files}
        payloads = [row.payload for row in s.items if row.payload is not None]
        receipts = [row.receipt for row in s.items]
        for row in s.items:
            problem = _row_problem(row, listed)
            if problem:
                report.differ(COUNTS, "B-ITEM", row.id, RULE_6, reason=problem)
        for what, paths in (("payload", payloads), ("receipt", receipts)):
            if len(set(paths)) != len(paths):
                report.differ(COUNTS, "B-ITEM", what, RULE_6, reason="named by two items")
        named = {*payloads, *receipts}
        for path in sorted(listed - named):
            if is_payload(path) or path.startswith("receipts/"):
                report.differ(COUNTS, "B-ITEM", path, RULE_6, reason="belongs to no item")

    def _check_counts(self, index: bytes | None) -> None:
        s, report = self._statement, self._report
        exported = sum(row.withheld is None for row in s.items)
        found = {
            "chosen": len(s.items),
            "exported": exported,
            "withheld": len(s.items) - exported,
        }
        if self.sound:
            found["fields_shown"] = sum(k.shown for k in self._known.values())
            found["fields_withheld"] = sum(k.withheld for k in self._known.values())
        else:
            report.unchecked(COUNTS, "B-COUNTS-UNCHECKED", clause=RULE_6)
        for name, value in found.items():
            if s.counts[name] != value:
                report.differ(COUNTS, "B-COUNT", name, RULE_6, expected=s.counts[name], found=value)
        if index is None:
            return  # missing or changed, and already named
        problem = self._index_problem(index)
        if problem:
            report.differ(COUNTS, "B-INDEX", "index.csv", RULE_6, reason=problem)

    def _index_problem(self, index: bytes) -> str:
        """index.csv has a line for each item and the totals last; what is wrong, "" if nothing."""
        counts = self._statement.counts
        total = ["TOTAL", str(counts["chosen"]), "exported", str(counts["exported"])]
        total += ["withheld", str(counts["withheld"])]
        try:
            text = index.decode("utf-8")
            rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        except (UnicodeDecodeError, csv.Error):
            return "not a table"
        if _table(rows) != text or text.count("\n") != len(rows) or not _is_plain(text):
            return "not in its one spelling: a line for each row, quoted only where it must be"
        if rows[:1] != [_INDEX_HEAD]:
            return "another heading"
        if len(rows) != len(self._statement.items) + 2 or rows[-1] != total:
            return "its total is not that of the statement"
        for item, row in zip(self._statement.items, rows[1:], strict=False):
            outcome = "exported" if item.withheld is None else "withheld"
            if row[:3] != [item.id, spreadsheet_safe(item.home), outcome]:
                return f"its line for {item.id} is not that of the statement"
        return ""


def _known_keys(keys: KeyState | None) -> str:
    """Every key with where it counted, as one text: all receipts must tell the same."""
    if keys is None:
        return "none"
    return ", ".join(
        f"{k.role} {k.keyid[:16]} {k.start}-{'' if k.until is None else k.until}"
        for k in keys.intervals()
    )


def _table(rows: list[list[str]]) -> str:
    """Rows as the writer of a bundle spells them."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _is_plain(text: str) -> bool:
    """No control characters but line feeds: what acts on a screen is written out."""
    return all(c >= " " or c == "\n" for c in text)


def _row_problem(row: ItemRow, listed: set[str]) -> str:
    """What is wrong with an item's row, "" if nothing."""
    if row.receipt not in listed or not row.receipt.startswith("receipts/"):
        return "its receipt is not in the bundle"
    if row.payload is not None and (row.payload not in listed or not is_payload(row.payload)):
        return "its original is not in the bundle"
    if row.withheld is not None and row.payload is not None:
        return "withheld, and yet its original is there"
    return ""
