"""One strip from end to end: copy, compare, look again three ways, say what came of it.

The report says names of tags and parts, never a value; a name that stands only in the file (a
custom property, a namespace) is a value and is counted without being told. Its form:
docs/format-derivative.md.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from evidence_vault.capture.strip.bench import Bench, Tag
from evidence_vault.capture.strip.model import (
    Comparison,
    Format,
    Kept,
    NotChecked,
    Outcome,
    Scan,
    Secret,
    View,
    Work,
    refusal,
)
from evidence_vault.capture.strip.needles import FORMS, Search, is_telling, needles, search
from evidence_vault.capture.strip.registry import format_of

OWN_NAME = "(a name of the file's own)"
_UNKNOWN = re.compile(r"[A-Za-z0-9-]{1,24}_?0x[0-9a-f]+\Z")
_CHUNK = 32 * 1024 * 1024
_OVERLAP = 4096
_CALCULATED = ("Composite:",)  # from other tags of the same file
_SHAPE = {
    "FileType": "what the content is",
    "FileTypeExtension": "what the content is",
    "MIMEType": "what the content is",
    "ImageWidth": "size of the picture",
    "ImageHeight": "size of the picture",
    "EncodingProcess": "how it is coded",
    "BitsPerSample": "how it is coded",
    "ColorComponents": "how it is coded",
    "YCbCrSubSampling": "how it is coded",
    "ExifByteOrder": "how it is coded",
}


def strip(source: Path, target: Path, bench: Bench) -> dict[str, Any]:
    """Make a share copy of ``source`` at ``target`` and prove it; returns the report.

    ``target`` exists afterwards only if the outcome is ``clean``. Never raises for trouble with
    the file: whatever goes wrong makes the outcome ``not-checked``, with the reason.
    """
    mime = "application/octet-stream"
    try:
        mime = bench.mime(source)
        report = _strip(source, target, bench, mime)
    except NotChecked as why:
        report = refusal(mime, str(why))
    except Exception as error:  # hostile input: a parser may raise anything
        report = refusal(mime, f"a parser gave up ({type(error).__name__})")
    if report["outcome"] != "clean":
        target.unlink(missing_ok=True)
    return report


def _strip(source: Path, target: Path, bench: Bench, mime: str) -> dict[str, Any]:
    form = format_of(mime)
    work = form.strip(source, target, bench)
    if bench.mime(target) != mime:
        raise NotChecked("the copy would be of another type than the original")
    before = bench.tags(source)
    after = bench.tags(target)
    removed = _removed(form, before, after)
    residues, kept = _stays(form, after, bench)
    scan = form.scan(target, bench)
    secrets = [*_secrets(removed, bench.tags(source, numeric=True), after), *work.secrets]
    secrets, in_content = _apart_from_content(secrets, form.visible_text(source, bench))
    secrets = [each for each in secrets if each.value not in work.ordinary]
    found = _search(form, source, target, secrets, bench)
    comparison = form.compare(source, target, bench)
    outcome, reasons = _judge(residues, scan, found, comparison, work)
    return {
        "also_in_content": sorted({_told(name, bench) for name in in_content}),
        "copy": _digests(target),
        "decoded": comparison.to_json(),
        "embedded": [{"name": name, "report": report} for name, report in work.nested],
        "format": mime,
        "kept": [{"name": each.name, "why": each.why} for each in (*kept, *work.kept)],
        "outcome": outcome,
        "reasons": reasons,
        "removed": _counted(removed, bench),
        "residual": {
            "exiftool": {"found": residues, "tool": bench.exiftool.to_json()},
            "search": _search_json(found, bench),
            "second": {"found": sorted(set(scan.residues)), "tool": scan.parser.to_json()},
        },
        "structures": list(work.structures),
        "tools": [tool.to_json() for tool in work.tools],
        "v": 1,
    }


# -- what ExifTool says before and after ----------------------------------------------------------


def _removed(form: Format, before: Sequence[Tag], after: Sequence[Tag]) -> list[Tag]:
    """Tags of the original that the copy does not hold with that value."""
    left = Counter((tag.key, tag.value) for tag in after)
    removed = []
    for tag in before:
        if tag.key.startswith(_CALCULATED):
            continue
        if left[tag.key, tag.value] > 0:
            left[tag.key, tag.value] -= 1
        elif _why_it_may_stay(form, tag.key) is None:
            removed.append(tag)
    return removed


def _stays(form: Format, after: Sequence[Tag], bench: Bench) -> tuple[list[str], list[Kept]]:
    """(names that must not be in the copy, names that stay for a reason)."""
    residues, kept = set(), {}
    for tag in after:
        if tag.key.startswith(_CALCULATED):
            continue
        why = _why_it_may_stay(form, tag.key)
        if why is None:
            residues.add(_told(tag.key, bench))
        else:
            kept[_told(tag.key, bench)] = why
    return sorted(residues), [Kept(name, why) for name, why in sorted(kept.items())]


def _why_it_may_stay(form: Format, key: str) -> str | None:
    group, _, name = key.rpartition(":")
    if group.split(":")[0] == "File" and name in _SHAPE:
        return _SHAPE[name]
    return form.may_stay(key)


def _told(key: str, bench: Bench) -> str:
    """A tag's name as a report may say it: one that the file itself gave is not told.

    A name without groups is none of ExifTool's but a format module's own words.
    """
    if ":" not in key:
        return key
    group, _, name = key.rpartition(":")
    known = name in bench.known_names or _UNKNOWN.match(name) is not None
    first = group.split(":")[0]
    if not known and not _known_inside(name, bench):
        return f"{first}:{OWN_NAME}"
    return f"{group}:{name}" if not first.startswith("XMP") else f"{first}:{name}"


def _known_inside(name: str, bench: Bench) -> bool:
    """Names of values in structures are made of two known names."""
    return any(
        name[:at] in bench.known_names and name[at:] in bench.known_names
        for at in range(3, len(name) - 2)
    )


def _counted(removed: Iterable[Tag], bench: Bench) -> list[dict[str, Any]]:
    counts = Counter(_told(tag.key, bench) for tag in removed)
    return [{"count": counts[name], "name": name} for name in sorted(counts)]


# -- the search ----------------------------------------------------------------------------------


def _secrets(removed: Sequence[Tag], numeric: Sequence[Tag], after: Sequence[Tag]) -> list[Secret]:
    """Values that were taken out, as printed and as stored, apart from those that stay."""
    gone = {tag.key for tag in removed}
    staying = {tag.value for tag in after}
    values = [*removed, *(tag for tag in numeric if tag.key in gone)]
    chosen = dict.fromkeys((tag.key, tag.value) for tag in values if tag.value not in staying)
    return [Secret(key, value) for key, value in chosen]


def _apart_from_content(secrets: Sequence[Secret], visible: str) -> tuple[list[Secret], list[str]]:
    """Secrets that nobody sees in the content, and names of those that anybody sees there."""
    text = " ".join(visible.split())
    hidden, seen = [], []
    for secret in secrets:
        value = secret.value
        if isinstance(value, str) and is_telling(value) and " ".join(value.split()) in text:
            seen.append(secret.name)
        else:
            hidden.append(secret)
    return hidden, seen


def _search(
    form: Format, source: Path, target: Path, secrets: Sequence[Secret], bench: Bench
) -> Search:
    original = source.read_bytes() if source.stat().st_size <= _CHUNK else b""
    wanted = needles(secrets, original)
    return search(_all_views(form, target, bench), wanted)


def _all_views(form: Format, target: Path, bench: Bench) -> Iterator[View]:
    with target.open("rb") as stream:
        tail = b""
        while block := stream.read(_CHUNK):
            yield View("the file as it is", tail + block)
            tail = block[-_OVERLAP:]
    yield from form.views(target, bench)


def _search_json(found: Search, bench: Bench) -> dict[str, Any]:
    hits = {f"{_told(hit.name, bench)} ({hit.form}, in {hit.view})" for hit in found.found}
    return {
        "bytes": found.size,
        "forms": list(FORMS),
        "found": sorted(hits),
        "patterns": found.patterns,
        "values": found.values,
    }


# -- the outcome ---------------------------------------------------------------------------------


def _judge(
    residues: Sequence[str], scan: Scan, found: Search, comparison: Comparison, work: Work
) -> tuple[Outcome, list[str]]:
    """Clean only if every look found nothing and the content is proved to be the same."""
    reasons = []
    if residues:
        reasons.append(f"ExifTool still finds {', '.join(residues[:20])}")
    if scan.residues:
        reasons.append(
            f"{scan.parser.name} still finds {', '.join(sorted(set(scan.residues))[:20])}"
        )
    if found.found:
        reasons.append("a removed value is still in the bytes")
    if comparison.identical == "no":
        reasons.append("the decoded content would not be the same")
    unclean = [name for name, report in work.nested if report["outcome"] == "not-clean"]
    reasons += [f"{name} is not clean" for name in unclean]
    if reasons:
        return "not-clean", reasons
    if comparison.identical == "not-comparable":
        reasons.append("the content could not be decoded, so nothing shows that it is the same")
    unchecked = [name for name, report in work.nested if report["outcome"] == "not-checked"]
    reasons += [f"{name} could not be checked" for name in unchecked]
    return ("not-checked", reasons) if reasons else ("clean", [])


def _digests(path: Path) -> dict[str, str | int]:
    one, two, size = hashlib.sha256(), hashlib.sha512(), 0
    with path.open("rb") as stream:
        while block := stream.read(1024 * 1024):
            one.update(block)
            two.update(block)
            size += len(block)
    return {"sha256": one.hexdigest(), "sha512": two.hexdigest(), "size": size}
