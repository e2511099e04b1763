"""``bundle diff``: two bundles, each verified first, then held against each other.

That two bundles differ is no fault: it is told. A fault is what contradicts: two entries at one
place of one log, or two roots of one size. That is a fork, shown with both sides (exit 11).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evidence_vault.core.findings import Outcome, Report, ReportBuilder
from evidence_vault.core.trust import TrustFile
from evidence_vault.errors import VaultError
from evidence_vault.verify.bundle import verify_bundle
from evidence_vault.verify.reading import Side, SideItem, read_side

FIRST, SECOND, LOG = "S-DIFF-FIRST", "S-DIFF-SECOND", "S-DIFF-LOG"
ITEMS, FIELDS, FILES = "S-DIFF-ITEMS", "S-DIFF-FIELDS", "S-DIFF-FILES"
NOTES = ("N-DIFF", "N-TAIL", "N-TRUTH")


def compare_bundles(first: Path, second: Path, trust: TrustFile | None) -> Report:
    """Compare two bundles. Never raises for bad evidence; UsageError for what is not there.

    Where one does not verify nothing is compared: what it says could be anybody's. OSError when
    a disk fails.
    """
    steps = [(FIRST, True), (SECOND, True), (LOG, False)]
    steps += [(ITEMS, False), (FIELDS, False), (FILES, False)]
    report = ReportBuilder("bundle-diff", steps, NOTES)
    report.facts["trust"] = None
    sides = [
        _verified(report, step, path, trust) for step, path in ((FIRST, first), (SECOND, second))
    ]
    one, two = sides
    if one is not None and two is not None:
        report.facts["first"], report.facts["second"] = _facts(one), _facts(two)
        _compare_logs(report, one, two)
        _compare_items(report, one, two)
        _compare_files(report, one, two)
    return report.build()


def _verified(report: ReportBuilder, step: str, path: Path, trust: TrustFile | None) -> Side | None:
    """One side read, or None with a finding that says why it is not compared."""
    checked = verify_bundle(path, trust)
    report.facts["trust"] = checked.facts.get("trust")
    bad = sorted({f.code for f in checked.findings if f.outcome is Outcome.DIFFERS})
    left = sorted({f.code for f in checked.findings if f.outcome is Outcome.UNCHECKED})
    for finding in checked.findings:
        if finding.code == "W-NO-TRUST":
            report.add(step, finding)
    if bad:
        report.differ(step, "BD-FAILED", path.name, codes=", ".join(bad))
        return None
    if checked.kind != "bundle" or "bundle_id" not in checked.facts:
        report.unchecked(step, "BD-NOT-A-BUNDLE", path.name, codes=", ".join(left))
        return None
    try:
        side = read_side(path)
    except VaultError as error:
        report.differ(step, "BD-CHANGED", path.name, reason=error.message)
        return None
    if left:
        report.unchecked(step, "BD-PARTLY", path.name, codes=", ".join(left))
    else:
        report.match(step, "BD-VERIFIED", path.name, id=side.statement.bundle_id)
    return side


def _facts(side: Side) -> dict[str, Any]:
    s = side.statement
    return {
        "bundle_id": s.bundle_id,
        "checkpoint": {"root": s.checkpoint_root, "size": s.checkpoint_size},
        "fingerprint": side.fingerprint,
        "made_at": s.made_at,
        "origin": s.origin,
    }


# -- the logs ----------------------------------------------------------------------------------


def _compare_logs(report: ReportBuilder, one: Side, two: Side) -> None:
    a, b = one.statement, two.statement
    report.facts["same_log"] = False
    if a.origin != b.origin:
        report.inform(LOG, "BD-OTHER-LOG", a.origin, other=b.origin)
        return
    if one.fingerprint != two.fingerprint:
        report.differ(LOG, "BD-OTHER-KEYS", a.origin, first=one.fingerprint, second=two.fingerprint)
        return
    report.facts["same_log"] = True
    if _report_forks(report, one, two):
        return
    small, large = sorted((one, two), key=lambda side: side.statement.checkpoint_size)
    size = small.statement.checkpoint_size
    root = large.root_at(size)
    larger = large.statement.checkpoint_size
    if size == larger:
        report.match(LOG, "BD-SAME-STATE", a.origin, size=size)
    elif root is None:
        both = one.ranges.keys() & two.ranges.keys()
        common = sum(end - first == 1 for first, end in both)
        report.unchecked(LOG, "BD-NOT-PROVED", a.origin, count=common, size=size, larger=larger)
    elif root.hex() == small.statement.checkpoint_root:
        report.match(LOG, "BD-GROWN", a.origin, size=size, larger=larger)
    else:
        found = root.hex()
        _fork(report, a.origin, f"0-{size - 1}", small.statement.checkpoint_root, found)


def _report_forks(report: ReportBuilder, one: Side, two: Side) -> bool:
    """Every stretch of the log that both show, and not as the same; single entries first."""
    forks = sorted(
        (
            key
            for key in one.ranges.keys() & two.ranges.keys()
            if one.ranges[key] != two.ranges[key]
        ),
        key=lambda key: (key[1] - key[0], key),
    )
    for first, end in forks:
        where = str(first) if end - first == 1 else f"{first}-{end - 1}"
        pair = one.ranges[first, end].hex(), two.ranges[first, end].hex()
        _fork(report, one.statement.origin, where, *pair)
    return bool(forks)


def _fork(report: ReportBuilder, origin: str, entries: str, first: str, second: str) -> None:
    report.differ(LOG, "BD-FORK", origin, entries=entries, first=first, second=second)


# -- items and fields --------------------------------------------------------------------------


def _compare_items(report: ReportBuilder, one: Side, two: Side) -> None:
    told: dict[str, list[Any]] = {name: [] for name in ("both", "first_only", "second_only")}
    same = 0
    for key in sorted(one.items.keys() | two.items.keys()):
        a, b = one.items.get(key), two.items.get(key)
        name = {"home": key[0], "id": key[1]}
        if a is None or b is None:
            only, code = ("second", "BD-ONLY-SECOND") if a is None else ("first", "BD-ONLY-FIRST")
            told[f"{only}_only"].append(name)
            report.inform(ITEMS, code, key[1])
            continue
        payload = _compare_payload(report, key[1], a, b)
        newer = _compare_events(report, key[1], a, b) if report.facts["same_log"] else None
        fields = _compare_fields(report, key[1], a, b) if report.facts["same_log"] else []
        told["both"].append({**name, "fields": fields, "newer": newer, "payload": payload})
        same += payload != "different" and not newer and not fields
    report.facts["items"] = told
    report.inform(ITEMS, "BD-ITEMS", count=len(told["both"]), same=same)


def _compare_payload(report: ReportBuilder, item: str, a: SideItem, b: SideItem) -> str:
    """ "same", "different", "first only", "second only" or "none", by SHA-256."""
    if a.payload is None and b.payload is None:
        return "none"
    if a.payload is None or b.payload is None:
        only = "first" if b.payload is None else "second"
        code = "BD-FILE-FIRST" if only == "first" else "BD-FILE-SECOND"
        report.inform(ITEMS, code, item)
        return f"{only} only"
    if a.payload == b.payload:
        return "same"
    report.inform(ITEMS, "BD-PAYLOAD-OTHER", item, first=a.payload, second=b.payload)
    return "different"


def _compare_events(
    report: ReportBuilder, item: str, a: SideItem, b: SideItem
) -> dict[str, Any] | None:
    """Which side knows more of an item's history, and what."""
    if len(a.events) == len(b.events):
        return None
    more, fewer, side = (a, b, "first") if len(a.events) > len(b.events) else (b, a, "second")
    newer = more.events[len(fewer.events) :]
    code = "BD-NEWER-FIRST" if side == "first" else "BD-NEWER-SECOND"
    types = ", ".join(event.type for event in newer)
    report.inform(ITEMS, code, item, count=len(newer), types=types)
    events = [{"index": event.index, "type": event.type} for event in newer]
    return {"events": events, "side": side}


def _compare_fields(
    report: ReportBuilder, item: str, a: SideItem, b: SideItem
) -> list[dict[str, Any]]:
    """Fields of the same entry that one side reveals and the other withholds."""
    found = []
    for one, two in zip(a.events, b.events, strict=False):
        if one.leaf != two.leaf:
            break  # where histories part there is a fork, or a finding of its own
        for side, more in (
            ("first", one.reveals - two.reveals),
            ("second", two.reveals - one.reveals),
        ):
            if more:
                code = "BD-REVEALS-FIRST" if side == "first" else "BD-REVEALS-SECOND"
                names = ", ".join(sorted(more))
                report.inform(FIELDS, code, f"{item}, entry {one.index}", names=names)
                found.append({"entry": one.index, "names": sorted(more), "side": side})
    return found


# -- files -------------------------------------------------------------------------------------


def _compare_files(report: ReportBuilder, one: Side, two: Side) -> None:
    a = {row.path: row.sha256 for row in one.statement.files}
    b = {row.path: row.sha256 for row in two.statement.files}
    changed = [path for path in sorted(a.keys() & b.keys()) if a[path] != b[path]]
    lists = {
        "changed": changed,
        "first_only": sorted(a.keys() - b.keys()),
        "second_only": sorted(b.keys() - a.keys()),
        "same": len(a.keys() & b.keys()) - len(changed),
    }
    report.facts["files"] = lists
    _tell(report, "BD-FILE-CHANGED", changed)
    _tell(report, "BD-FILE-ONLY-FIRST", a.keys() - b.keys())
    _tell(report, "BD-FILE-ONLY-SECOND", b.keys() - a.keys())


def _tell(report: ReportBuilder, code: str, paths: Iterable[str]) -> None:
    for path in sorted(paths):
        report.inform(FILES, code, path)
