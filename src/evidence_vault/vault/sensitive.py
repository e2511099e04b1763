"""What in a bundle could point to people: said before anything leaves, and what isn't known, too.

A warning, not a filter: a classification or caveat that is on record is said, too; consent and
redaction come with later records. The rule:
never silent. An original whose metadata was never read is named as one that could not be checked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from evidence_vault.core.text import escape_for_display
from evidence_vault.vault.foreignproofs import carried_receipts
from evidence_vault.vault.handling import handling_of
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.receipts import ReceiptMaker
from evidence_vault.vault.records import ItemEvent, read_metadata

NEVER_READ = (
    "could not be checked: metadata of the original was never read, "
    "it may hold a position, serial numbers, names"
)

DIGEST_OF_ORIGINAL = (
    "digests of the original, though its share copy leaves: they match a file on a seized device"
)

_OF_ANOTHER_LOG = "its record in the log of another archive"
_UNREADABLE_THERE = (
    "could not be checked: the receipt of another archive can't be read here any more, so it does "
    "not go along"
)

_PERSONAL_FIELDS = {
    "actor": "who acted",
    "case": "a case",
    "caveats": "handling caveats",
    "collector_code": "who collected it",
    "custody_before": "earlier holders",
    "description": "free text",
    "foreign": "another archive that held it",
    "place": "a place",
    "purpose": "why somebody acted, free text",
    "reader": "who may read",
    "received_from": "who gave it",
    "received_via": "how it came",
    "refused": "names of files that did not come in",
    "recipient": "who received a copy",
    "source_code": "a source",
    "source_path": "the original file name",
    "source_times": "when the source file was made or changed",
    "terms": "on what terms it was deposited, free text",
    "title": "free text",
}
# By parts of tag names, in lower case.
_TAGS = (
    (
        "a position",
        ("latitude", "longitude", "gpsposition", "gpscoordinates", "location", "city", "geotag"),
    ),
    ("a serial number", ("serialnumber", "uniqueid", "deviceid", "cameraid", "imei")),
    (
        "a name",
        (
            "artist",
            "author",
            "by-line",
            "byline",
            "company",
            "contact",
            "copyright",
            "creator",
            "credit",
            "editor",
            "lastmodifiedby",
            "manager",
            "owner",
            "personinimage",
            "photographer",
            "regioninfo",
            "rights",
        ),
    ),
)
# Of programs and of colour profiles, which stand in most pictures.
_HARMLESS = frozenset(("copyrightflag", "creatortool", "profilecopyright", "profilecreator"))


def sensitive_findings(
    vault: Vault, maker: ReceiptMaker, originals: Collection[str]
) -> list[dict[str, str]]:
    """(item, what) of positions, serial numbers, names and revealed fields that would leave.

    ``originals``: items whose original leaves. Those whose metadata was not read, or not to its
    end, come first.
    """
    unread: list[dict[str, str]] = []
    found: list[dict[str, str]] = []
    for item, events in maker.histories():
        revealed = {d.name for e in events for d in maker.reveals(e) if d.value is not None}
        found += personal_fields(item, revealed)
        found += [{"id": item, "what": what} for what in handling_of(events).warnings()]
        if maker.is_copy(item) and revealed_digest(maker, events[0]):
            found.append({"id": item, "what": DIGEST_OF_ORIGINAL})
        if item in originals:
            document = read_metadata(vault, events[0]) or {}
            if document.get("status") != "read":
                unread.append({"id": item, "what": NEVER_READ})
            found += [{"id": item, "what": what} for what in _in_tags(document.get("tags", {}))]
    return unread + found + list(_of_other_logs(vault, maker))


def _of_other_logs(vault: Vault, maker: ReceiptMaker) -> Iterator[dict[str, str]]:
    """What receipts of other logs would tell, that they go along at all included."""
    for item, _, receipt in carried_receipts(vault, maker):
        if receipt is None:
            yield {"id": item, "what": _UNREADABLE_THERE}
            continue
        yield {"id": item, "what": f"{_OF_ANOTHER_LOG}: {escape_for_display(receipt.origin)}"}
        names = {d.name for e in receipt.events for d in e.reveals if d.value is not None}
        for name in sorted(names & set(_PERSONAL_FIELDS)):
            what = f"field {name} in that log: {_PERSONAL_FIELDS[name]}"
            yield {"id": item, "what": what}


def personal_fields(of: str, revealed: Collection[str]) -> list[dict[str, str]]:
    """Those of the revealed fields of an item or an accession that could point to people."""
    return [
        {"id": of, "what": f"field {name}: {_PERSONAL_FIELDS[name]}"}
        for name in sorted(_PERSONAL_FIELDS.keys() & set(revealed))
    ]


def revealed_digest(maker: ReceiptMaker, arrival: ItemEvent) -> bool:
    """Whether an item's receipt shows a plain digest of its original."""
    return any(d.name in ("content_sha256", "content_sha512") for d in maker.reveals(arrival))


def _in_tags(tags: dict[str, Any]) -> list[str]:
    names = {n for n in _names(tags) if "chromaticity" not in n} - _HARMLESS  # holds "city"
    found = []
    for what, parts in _TAGS:
        hits = sorted(n for n in names if any(part in n for part in parts))
        if hits:
            found.append(f"the original holds {what} ({', '.join(hits[:4])})")
    return found


def _names(tags: dict[str, Any]) -> Iterator[str]:
    """Names of the tags that hold something, and of what structures hold, in lower case."""
    for name, value in tags.items():
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        yield name.rsplit(":", 1)[-1].partition("#")[0].lower()
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                yield from _names(inner)
