"""The lists of a bag that is not one of ours: read, and held against each other.

No list is believed: a path that leads out of the bag on any system is refused, and what two
readers would take in two ways is said.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from evidence_vault.core.bagtext import fold_key, is_os_junk, is_payload, unsafe_path_reason
from evidence_vault.core.findings import ReportBuilder
from evidence_vault.errors import EvidenceError, FormatError
from evidence_vault.verify.bagtags import (
    Declaration,
    Manifest,
    Row,
    escape_of,
    manifest_kind,
    parse_fetch,
    parse_rows,
)
from evidence_vault.verify.container import Container
from evidence_vault.verify.hashing import CHUNK

LISTS = "S-BAG-LISTS"
RULE = "RFC 8493"
_FETCH = "fetch.txt"
_MAX_TAG = 512 * 1024 * 1024  # bytes of one tag file


@dataclass(slots=True)
class Bag:
    """What has been read of a bag so far."""

    container: Container
    report: ReportBuilder
    declared: Declaration
    manifests: list[Manifest] = field(default_factory=list)
    tag_manifests: list[Manifest] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    broken: bool = False

    @property
    def files(self) -> Mapping[str, int]:
        return self.container.listing.files

    def folder(self) -> Names:
        return Names(self.files)


@dataclass
class Names:
    """Finds a listed path among the files that are there, and says how it had to be read."""

    files: Mapping[str, int]

    @cached_property
    def _normal(self) -> dict[str, str]:
        return {canonical_name(path): path for path in self.files}

    def find(self, row: Row) -> tuple[str | None, str]:
        """(path that is there or None, code of a warning or "")."""
        if row.path in self.files:
            return row.path, ""
        if row.written in self.files:
            return row.written, "PB-PERCENT"
        other = self._normal.get(canonical_name(row.path))
        return other, "PB-SPELLING" if other is not None else ""


def canonical_name(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def read_lists(bag: Bag) -> None:
    """Manifests and fetch.txt: they can be read, and no path in them leads out of the bag."""
    report = bag.report
    for name in sorted(bag.files):
        kind = manifest_kind(name)
        if kind is None:
            continue
        manifest = _manifest(bag, name)
        if manifest is not None:
            (bag.tag_manifests if kind[0] else bag.manifests).append(manifest)
    if not bag.manifests and not report.failed(LISTS):
        report.differ(LISTS, "PB-NO-MANIFEST", bag.container.name, f"{RULE} 2.1.3")
    if _FETCH in bag.files:
        _read_fetch(bag)
    bag.broken = report.failed(LISTS)
    if not bag.broken:
        rows = sum(len(m.rows) for m in (*bag.manifests, *bag.tag_manifests))
        report.match(LISTS, "PB-LISTS-OK", bag.container.name, count=rows)


def _manifest(bag: Bag, name: str) -> Manifest | None:
    data = read_tag_file(bag.container, bag.report, LISTS, name)
    if data is None:
        return None
    try:
        manifest = parse_rows(name, data, bag.declared)
    except FormatError as error:
        bag.report.differ(LISTS, "PB-LIST", name, f"{RULE} 2.1.3", reason=error.message)
        return None
    for row in manifest.rows:
        if row.dotted and bag.declared.version >= (0, 97):
            bag.report.inform(LISTS, "PB-DOTTED", f"{name}: {row.written}")
    _check_rows(bag, manifest)
    _demand_inside(bag, name, [row.path for row in manifest.rows])
    return manifest


def _check_rows(bag: Bag, manifest: Manifest) -> None:
    """No name twice, no two spellings of one name but of the same bytes, digests of one length."""
    hasher = manifest.hasher()
    length = None if hasher is None else 2 * hasher().digest_size
    seen: dict[str, Row] = {}
    for row in manifest.rows:
        before = seen.setdefault(canonical_name(row.path), row)
        where = f"{manifest.name}: {row.path}"
        if length is not None and len(row.digest) != length:
            bag.report.differ(
                LISTS, "PB-LIST", manifest.name, f"{RULE} 2.4", reason=f"a digest of {row.path}"
            )
        if before is row:
            continue
        if before.digest != row.digest:
            bag.report.differ(LISTS, "PB-TWICE", where, f"{RULE} 2.1.3")
        elif before.path != row.path:
            bag.report.inform(LISTS, "PB-SPELLINGS", where)
        elif bag.declared.strict:
            bag.report.differ(LISTS, "PB-TWICE", where, f"{RULE} 2.1.3")
        else:
            bag.report.inform(LISTS, "PB-TWICE-SAME", where)


def _demand_inside(bag: Bag, name: str, paths: Sequence[str]) -> None:
    kind = manifest_kind(name)
    for path in paths:
        system = escape_of(path)
        if system is not None:
            bag.report.differ(LISTS, "PB-OUTSIDE", f"{name}: {path}", f"{RULE} 5.1", system=system)
        elif is_payload(path) == (kind is not None and kind[0]):
            code = "PB-NOT-A-TAG" if is_payload(path) else "PB-NOT-PAYLOAD"
            bag.report.differ(LISTS, code, f"{name}: {path}", RULE)


def _read_fetch(bag: Bag) -> None:
    data = read_tag_file(bag.container, bag.report, LISTS, _FETCH)
    if data is None:
        return
    try:
        bag.fetched = parse_fetch(data, bag.declared)
    except FormatError as error:
        bag.report.differ(LISTS, "PB-LIST", _FETCH, f"{RULE} 2.2.3", reason=error.message)
        return
    _demand_inside(bag, _FETCH, bag.fetched)
    listed = {canonical_name(row.path) for m in bag.manifests for row in m.rows}
    for path in bag.fetched:
        if bag.manifests and escape_of(path) is None and canonical_name(path) not in listed:
            bag.report.differ(LISTS, "PB-FETCH-UNLISTED", f"{_FETCH}: {path}", f"{RULE} 2.2.3")


def check_names(bag: Bag) -> None:
    """What the bag's names will suffer on other systems: warnings, whether or not it is there."""
    listed = {row.path for m in bag.manifests for row in m.rows}
    folded: dict[str, str] = {}
    for path in sorted(listed | {p for p in bag.files if is_payload(p)}):
        other = folded.setdefault(fold_key(path), path)
        if other != path and canonical_name(other) != canonical_name(path):
            bag.report.inform(LISTS, "PB-CASE", path, other=other)
        if is_os_junk(path):
            bag.report.inform(LISTS, "PB-SYSTEM-FILE", path)
        elif escape_of(path) is None and "%" not in path:
            reason = unsafe_path_reason(path)
            if reason is not None:
                bag.report.inform(LISTS, "PB-NAME", path, reason=reason)


def read_tag_file(
    container: Container, report: ReportBuilder, step: str, path: str
) -> bytes | None:
    """A tag file whole, None with a finding when that fails."""
    if container.listing.files[path] > _MAX_TAG:
        report.unchecked(step, "PB-TOO-LARGE", path, limit=_MAX_TAG)
        return None
    try:
        with container.open(path) as stream:
            return b"".join(iter(lambda: stream.read(CHUNK), b""))
    except (EvidenceError, OSError) as error:
        unreadable(report, step, path, error)
        return None


def unreadable(report: ReportBuilder, step: str, path: str, error: Exception) -> None:
    """Damaged inside the ZIP is changed; a disk that fails is not the evidence's fault."""
    if isinstance(error, EvidenceError):
        report.differ(step, "B-DAMAGED", path, RULE)
    else:
        reason = error.strerror or type(error).__name__ if isinstance(error, OSError) else ""
        report.unchecked(step, "B-UNREADABLE", path, reason=reason)
