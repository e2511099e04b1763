"""Verifies a bag that is not one of ours: BagIt 0.93 to 1.0, folder or ZIP, as found in the wild.

What a plain bag can show is that its files are as listed. Who made the list, what happened to the
files before and when, it can't show: anybody can make the list anew. So at best the answer is
*could not be checked* (exit 3); damage is 10. Nothing is ever fetched. Where tools disagree,
docs/decisions/0025 says what counts here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from evidence_vault.core.bagtext import PAYLOAD, SHELL_VERIFIER, STATEMENT_FILES, is_payload
from evidence_vault.core.findings import Outcome, Report, ReportBuilder
from evidence_vault.errors import EvidenceError, FormatError, Unchecked
from evidence_vault.verify.baglists import (
    LISTS,
    RULE,
    Bag,
    Names,
    canonical_name,
    check_names,
    read_lists,
    read_tag_file,
    unreadable,
)
from evidence_vault.verify.bagtags import (
    WEAK,
    Declaration,
    Manifest,
    manifest_kind,
    parse_declaration,
    parse_info,
    parse_oxum,
)
from evidence_vault.verify.container import Container
from evidence_vault.verify.hashing import CHUNK

CONTAINER, DECLARED = "S-CONTAINER", "S-BAG-DECLARED"
FILES, TAGS, INFO = "S-BAG-PAYLOAD", "S-BAG-TAGS", "S-BAG-INFO"
CUSTODY, WHO, TIME = "S-BAG-CUSTODY", "S-WHO", "S-TIME"
NOTES = ("N-BAG", "N-TRUTH", "N-AUTHOR")
# Valid, and yet something that will not survive every system, or that two tools read in two ways.
WARNINGS = frozenset(
    (
        *("PB-DOTTED", "PB-TWICE-SAME", "PB-SPELLING", "PB-SPELLINGS", "PB-PERCENT"),
        *("PB-CASE", "PB-SYSTEM-FILE", "PB-NAME"),
    )
)
_DECLARATION, _INFO = "bagit.txt", ("bag-info.txt", "package-info.txt")
# Any of these makes it a bundle of ours, whatever else was taken away: never judged as less.
_OURS = frozenset((*STATEMENT_FILES, SHELL_VERIFIER, "custody.csv", "custody.txt"))


def is_plain_bag(files: Iterable[str]) -> bool:
    """True for a bag without a trace of a bundle of ours in it.

    A bundle whose statement was taken away stays a bundle, and is damaged.
    """
    names = set(files)
    ours = names & _OURS or any(n.startswith(("receipts/", "keys/")) for n in names)
    return not ours and any(n == _DECLARATION or manifest_kind(n) for n in names)


def verify_bag(container: Container) -> Report:
    """Check an opened plain bag. Never raises for bad evidence; OSError never passes through."""
    steps = [
        (CONTAINER, True),
        (DECLARED, True),
        (LISTS, True),
        (FILES, True),
        (TAGS, False),
        (INFO, False),
        (CUSTODY, True),
        (WHO, True),
        (TIME, True),
    ]
    report = ReportBuilder("bag", steps, NOTES)
    report.facts["trust"] = None
    for problem in container.listing.problems:
        report.add(CONTAINER, problem)
    if not container.listing.problems:
        report.match(CONTAINER, "C-OK", container.name, count=len(container.listing.files))
        _check(container, report)
    report.unchecked(CUSTODY, "PB-NO-CUSTODY")
    report.unchecked(WHO, "PB-NO-WHO")
    report.unchecked(TIME, "PB-NO-TIME")
    built = report.build()
    report.facts["bag"] = {"verdict": verdict(built), **report.facts.pop("bag", {})}
    return built


def verdict(report: Report) -> str:
    """Of the bag as a bag: "valid", "valid with warning", "invalid" or "could not be checked"."""
    findings = [f for s in report.steps if s.code not in (CUSTODY, WHO, TIME) for f in s.findings]
    outcomes = {f.outcome for f in findings}
    if Outcome.DIFFERS in outcomes:
        return "invalid"
    if Outcome.UNCHECKED in outcomes:
        return "could not be checked"
    return "valid with warning" if {f.code for f in findings} & WARNINGS else "valid"


def _check(container: Container, report: ReportBuilder) -> None:
    declared = _declaration(container, report)
    if declared is None:
        return
    bag = Bag(container, report, declared)
    read_lists(bag)
    check_names(bag)
    algorithms = sorted({m.algorithm for m in bag.manifests})
    report.facts["bag"] = {
        "algorithms": algorithms,
        "bytes": sum(size for path, size in bag.files.items() if is_payload(path)),
        "encoding": declared.encoding,
        "files": sum(is_payload(path) for path in bag.files),
        "version": declared.text,
    }
    if not bag.broken:
        _check_payload(bag)
        _check_tags(bag)
    _check_info(bag)


def _declaration(container: Container, report: ReportBuilder) -> Declaration | None:
    if _DECLARATION not in container.listing.files:
        report.differ(DECLARED, "PB-NO-DECLARATION", _DECLARATION, f"{RULE} 2.1.1")
        return None
    data = read_tag_file(container, report, DECLARED, _DECLARATION)
    if data is None:
        return None
    try:
        declared = parse_declaration(data)
    except FormatError as error:
        report.differ(
            DECLARED, "PB-DECLARATION", _DECLARATION, f"{RULE} 2.1.1", reason=error.message
        )
        return None
    except Unchecked as error:
        report.unchecked(DECLARED, "PB-ENCODING", _DECLARATION, reason=error.message)
        return None
    if not (0, 93) <= declared.version <= (1, 0):
        report.unchecked(DECLARED, "PB-VERSION", _DECLARATION, version=declared.text)
        return None
    report.match(
        DECLARED,
        "PB-DECLARED-OK",
        _DECLARATION,
        version=declared.text,
        encoding=declared.encoding,
    )
    return declared


# -- the files ---------------------------------------------------------------------------------


def _check_payload(bag: Bag) -> None:
    """Every listed file is there and unchanged; every file that is there is listed."""
    report, names = bag.report, bag.folder()
    wanted, known = _wanted(bag, FILES, bag.manifests, names)
    if not any(p.startswith(PAYLOAD) for p in (*bag.files, *bag.container.listing.folders)) and (
        "data" not in bag.container.listing.folders
    ):
        report.differ(FILES, "PB-NO-DATA", "data/", f"{RULE} 2.1.2")
    for path in sorted(p for p in bag.files if is_payload(p)):
        missing = [m.name for m in bag.manifests if path not in known[m.name]]
        if missing and (bag.declared.strict or len(missing) == len(bag.manifests)):
            report.differ(FILES, "PB-UNLISTED", path, f"{RULE} 3", list=missing[0])
    count = _compare(bag, FILES, wanted)
    for algorithm in sorted({m.algorithm for m in bag.manifests} & WEAK):
        report.inform(FILES, "PB-WEAK", bag.container.name, algorithm=algorithm)
    if not report.failed(FILES):
        report.match(FILES, "PB-FILES-OK", bag.container.name, count=count)


def _check_tags(bag: Bag) -> None:
    report = bag.report
    if not bag.tag_manifests:
        report.inform(TAGS, "PB-NO-TAG-MANIFEST", bag.container.name)
        return
    wanted, known = _wanted(bag, TAGS, bag.tag_manifests, bag.folder())
    for manifest in bag.tag_manifests:
        for row in manifest.rows:
            kind = manifest_kind(row.path)
            if kind is not None and kind[0]:
                report.differ(TAGS, "PB-LIST", manifest.name, RULE, reason=f"it lists {row.path}")
        for payload in bag.manifests:
            if bag.declared.strict and payload.name not in known[manifest.name]:
                report.differ(
                    TAGS, "PB-UNLISTED", payload.name, f"{RULE} 2.2.1", list=manifest.name
                )
    count = _compare(bag, TAGS, wanted)
    listed = set().union(*known.values())
    loose = [p for p in bag.files if not is_payload(p) and p not in listed]
    loose = [p for p in loose if not (manifest_kind(p) or (False,))[0]]
    if loose:
        report.inform(TAGS, "PB-TAGS-LOOSE", loose[0], count=len(loose))
    if not report.failed(TAGS):
        report.match(TAGS, "PB-TAGS-OK", bag.container.name, count=count)


_Wanted = dict[str, list[tuple[Manifest, str]]]


def _wanted(
    bag: Bag, step: str, manifests: Sequence[Manifest], names: Names
) -> tuple[_Wanted, dict[str, set[str]]]:
    """What each file must be, by path; and the files that each manifest lists."""
    report = bag.report
    wanted: _Wanted = {}
    known: dict[str, set[str]] = {}
    elsewhere = {canonical_name(path) for path in bag.fetched}
    said: set[str] = set()
    for manifest in manifests:
        found = known.setdefault(manifest.name, set())
        for row in manifest.rows:
            path, code = names.find(row)
            if path is None:
                if row.path in said:
                    continue
                said.add(row.path)
                if canonical_name(row.path) in elsewhere:
                    report.unchecked(step, "PB-FETCH", row.path, f"{RULE} 2.2.3")
                else:
                    report.differ(step, "PB-MISSING", row.path, f"{RULE} 3", list=manifest.name)
                continue
            if code and path not in found:
                report.inform(step, code, row.path, found=path)
            found.add(path)
            wanted.setdefault(path, []).append((manifest, row.digest))
    return wanted, known


def _compare(bag: Bag, step: str, wanted: _Wanted) -> int:
    """Hash each file once with every algorithm that lists it; returns how many were compared."""
    report = bag.report
    count = 0
    for manifest in {m.name: m for rows in wanted.values() for m, _ in rows}.values():
        if manifest.hasher() is None:
            report.unchecked(step, "PB-ALGORITHM", manifest.name, algorithm=manifest.algorithm)
    for path, rows in sorted(wanted.items()):
        digests = _digests(bag, step, path, [m for m, _ in rows])
        if digests is None:
            continue
        count += bool(digests)
        for manifest, expected in rows:
            found = digests.get(manifest.algorithm)
            if found is not None and found != expected:
                report.differ(
                    step,
                    "PB-CHANGED",
                    path,
                    f"{RULE} 3",
                    algorithm=manifest.algorithm,
                    expected=expected,
                    found=found,
                )
                break
    return count


def _digests(
    bag: Bag, step: str, path: str, manifests: Sequence[Manifest]
) -> dict[str, str] | None:
    hashers: dict[str, Any] = {}
    for manifest in manifests:
        make = manifest.hasher()
        if make is not None:
            hashers.setdefault(manifest.algorithm, make())
    try:
        with bag.container.open(path) as stream:
            while chunk := stream.read(CHUNK):
                for hasher in hashers.values():
                    hasher.update(chunk)
    except (EvidenceError, OSError) as error:
        unreadable(bag.report, step, path, error)
        return None
    return {name: hasher.hexdigest() for name, hasher in hashers.items()}


# -- bag-info ----------------------------------------------------------------------------------


def _check_info(bag: Bag) -> None:
    """Of the bag's own description only the size and number of payload files can be compared."""
    report = bag.report
    name = next((n for n in _INFO if n in bag.files), None)
    if name is None:
        report.inform(INFO, "PB-NO-INFO", bag.container.name)
        return
    data = read_tag_file(bag.container, report, INFO, name)
    if data is None:
        return
    try:
        rows = parse_info(data, bag.declared)
        stated = [parse_oxum(v) for label, v in rows if label.casefold() == "payload-oxum"]
    except FormatError as error:
        report.differ(INFO, "PB-INFO", name, f"{RULE} 2.2.2", reason=error.message)
        return
    payload = [size for path, size in bag.files.items() if is_payload(path)]
    found = (sum(payload), len(payload))
    absent = [p for p in bag.fetched if p not in bag.files]
    for octets, files in stated:
        if (octets, files) == found:
            continue
        if absent:
            report.unchecked(INFO, "PB-OXUM-FETCH", name)
        else:
            report.differ(
                INFO,
                "PB-OXUM",
                name,
                f"{RULE} 2.2.2",
                expected=f"{octets}.{files}",
                found=f"{found[0]}.{found[1]}",
            )
    if not report.failed(INFO):
        report.match(INFO, "PB-INFO-OK", name, count=len(rows))
