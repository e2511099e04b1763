"""The BagIt manifests of a bundle: exactly the files they must, as a writer makes them.

Digests of files that were already found missing or changed are taken as the manifest states
them, so that one edited file is named once and not again through each manifest.
"""

from __future__ import annotations

from collections.abc import Mapping

from evidence_vault.core.bagtext import (
    MANIFESTS,
    STATEMENT_FILES,
    TAG_MANIFESTS,
    is_payload,
    manifest_text,
    parse_manifest,
)
from evidence_vault.core.findings import ReportBuilder
from evidence_vault.core.statement import Statement
from evidence_vault.errors import EvidenceError, FormatError
from evidence_vault.verify.container import Container
from evidence_vault.verify.hashing import Digests

MAX_MANIFEST = 512 * 1024 * 1024
_RULE = "docs/format-bundle.md rule 4"


def check_manifests(
    container: Container,
    report: ReportBuilder,
    step: str,
    statement: Statement,
    good: Mapping[str, Digests],
) -> None:
    """Rule 4. ``good`` holds the digests of files that are as the statement says."""
    listed = [row.path for row in statement.files]
    payload = [p for p in listed if is_payload(p)]
    tags = [p for p in listed if not is_payload(p)] + list(STATEMENT_FILES)
    for names, paths in ((MANIFESTS, payload), (TAG_MANIFESTS, tags)):
        for name, algorithm in zip(names, ("sha256", "sha512"), strict=True):
            if name not in container.listing.files:
                continue  # named as missing
            reason = _manifest_problem(container, name, algorithm, paths, good)
            if reason:
                report.differ(step, "B-MANIFEST", name, _RULE, reason=reason)
    missing = [n for n in (*MANIFESTS, *TAG_MANIFESTS) if n not in container.listing.files]
    if missing:
        report.unchecked(step, "B-MANIFEST-MISSING", missing[0], _RULE)
    elif not report.failed(step):
        report.match(step, "B-MANIFESTS-OK", container.name, count=len(payload) + len(tags))


def digest_listed(container: Container, name: str, algorithm: str) -> dict[str, str]:
    """The rows of a manifest, empty when it is missing or malformed."""
    data = _read(container, name)
    if data is None:
        return {}
    try:
        return parse_manifest(data, algorithm)
    except FormatError:
        return {}


def _manifest_problem(
    container: Container,
    name: str,
    algorithm: str,
    paths: list[str],
    good: Mapping[str, Digests],
) -> str:
    """What is wrong with one manifest, "" if nothing."""
    data = _read(container, name)
    if data is None:
        return "unreadable"
    try:
        rows = parse_manifest(data, algorithm)
    except FormatError as error:
        return error.message
    for path in sorted({*rows, *paths}):
        if path not in rows:
            return f"does not list {path}"
        if path not in paths:
            return f"lists {path}"
        digests = good.get(path)
        if digests is not None and getattr(digests, algorithm) != rows[path]:
            return f"states another digest of {path}"
    # Nothing but the digests of files already named can differ now.
    if manifest_text(rows.items()) != data:
        return "not in its one spelling"
    return ""


def _read(container: Container, name: str) -> bytes | None:
    size = container.listing.files.get(name)
    if size is None or size > MAX_MANIFEST:
        return None
    try:
        with container.open(name) as stream:
            return b"".join(iter(lambda: stream.read(1 << 20), b""))
    except (EvidenceError, OSError):
        return None
