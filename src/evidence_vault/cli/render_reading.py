"""Text forms of list, search, show and history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evidence_vault.cli import render_deriving, render_holding
from evidence_vault.cli.words import NOT_ENCRYPTED, UNKNOWN, number, shown, size, table
from evidence_vault.verify.moments import span

_TYPE_WIDTH = 24  # characters of a media type in a list


def listing(result: dict[str, Any]) -> str:
    """One line an item, then how many there are."""
    items = result["items"]
    lines = []
    if items:
        head = ("ITEM", "SIZE", "TYPE", "TAKEN IN", "HAPPENED", "NAME")
        lines = table([head, *(_row(each) for each in items)])
        lines.append("")
    total = result["total"]
    count = number(len(items), "item") + (f" of {total}" if total != len(items) else "")
    lines.append(f"{count}." if items else "No items.")
    if result.get("station"):
        lines.append("This is a field vault: what the items are is read at the desk.")
    if not result["sealed"]:
        lines.append(NOT_ENCRYPTED)
    return "\n".join(lines)


def found(result: dict[str, Any]) -> str:
    """The items found, and which places a name was taken to mean."""
    meant = [
        f"{place['pcode']} ({shown(place['kind'])} {shown(place['name_en'])}, {place['name_my']})"
        for place in result["places"]
    ]
    lines = [f"Places of that name: {', '.join(meant)}."] if meant else []
    return "\n".join([listing(result), *lines])


def _row(item: Mapping[str, Any]) -> tuple[str, ...]:
    title = item.get("title")
    name = shown(item.get("name")) + (f" - {shown(title)}" if title else "")
    return (
        shown(item["id"]),
        size(int(item["size"])) if item.get("size") is not None else UNKNOWN,
        _short(media_type(item.get("format"))),
        shown(item.get("recorded_at")),
        shown(item.get("occurred_at")),
        name,
    )


def _short(text: str) -> str:
    return text if len(text) <= _TYPE_WIDTH else text[: _TYPE_WIDTH - 1] + "…"


def media_type(given: Any) -> str:
    """The media type of a format, or its name."""
    if isinstance(given, Mapping):
        return shown(given.get("mime") or given.get("name"))
    return shown(given)


def item(result: dict[str, Any]) -> str:
    """One item without its metadata tags."""
    return _item(result, tags=False)


def item_in_full(result: dict[str, Any]) -> str:
    """One item with every metadata tag."""
    return _item(result, tags=True)


def _stored(result: dict[str, Any]) -> str:
    """What stands in clear of an item in a field vault."""
    lines = [f"item {shown(result['id'])} (log {shown(result['home'])})", ""]
    lines += table(
        [
            ("EVENT", "RECORDED", "TYPE"),
            *(
                (str(each["seq"]), shown(each["recorded_at"]), shown(each["type"]))
                for each in result["events"]
            ),
        ]
    )
    lines.append("")
    for unit in result["units"]:
        stored = unit["stored_bytes"]
        told = "NOT THERE" if stored is None else f"{size(stored)} as stored, encrypted and padded"
        lines.append(f"{shown(unit['kind'])}: {told}")
    lines.append("This is a field vault: everything else is read at the desk.")
    return "\n".join(lines)


def _item(result: dict[str, Any], tags: bool) -> str:
    if result.get("station"):
        return _stored(result)
    digests, source = result["digests"], result["source"]
    rows = [
        ("item", f"{shown(result['id'])} (log {shown(result['home'])})"),
        ("accession", shown(result["accession"])),
        ("original name", original_name(source["path"])),
        ("times of the source", shown(source["times"])),
        ("type", media_type(result["format"])),
        ("size", f"{size(digests['size'])} ({digests['size']})"),
        ("SHA-256", shown(digests["sha256"])),
        ("SHA-512", shown(digests["sha512"])),
        ("taken in (our clock)", shown(result["time"]["recorded_at"])),
        *_bracket(result["time"]),
        ("device clock says", shown(result["time"]["device_clock"])),
        ("last checked", shown(result["fixity"]["last_checked"] or "never")),
        ("events", str(result["events"])),
        ("at rest", "encrypted" if result["at_rest"] == "sealed" else "NOT encrypted"),
    ]
    rows += [(name.replace("_", " "), shown(value)) for name, value in result["fields"].items()]
    rows += [*_relations(result), *render_holding.standing(result), *_handed(result)]
    lines = table(rows)
    if result["void"]:
        numbers = ", ".join(str(n) for n in result["void"])
        lines += ["", f"VOID: event {numbers} was signed by a key that no longer counted."]
    if result["superseded"]:
        lines += ["", "Superseded, and kept in the history:"]
        lines += [
            f"  {shown(each['field'])}: {shown(each['value'])} ({shown(each['recorded_at'])})"
            for each in result["superseded"]
        ]
    lines += render_deriving.listed(result["derivatives"])
    lines += _metadata(result["metadata"], tags)
    return "\n".join(lines)


def _relations(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the item is to others, and what others are to it; as somebody said."""
    rows = []
    for each in result["relations"]:
        words = each["relation"].replace("-", " ")
        if each["direction"] == "from" and words.endswith(" of"):
            words = "its " + words.removesuffix(" of")
        rows.append((words, shown(each["id"])))
    return rows


def _handed(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where it came from, where it went, and what else has the same bytes."""
    rows = []
    given, before = result["transfer"]["given"], result["transfer"]["from"]
    if before is not None:
        rows.append(("taken over from", f"log {shown(before['origin'])}"))
    if given is not None:
        state = given["state"]
        if state == "open":
            state = f"OPEN GAP IN CUSTODY for {given['age_days']} days, not acknowledged"
        rows.append(("handed over to", f"{shown(given['receiver']['name'])}: {state}"))
    if result["same_bytes"]:
        rows.append(("same bytes as", shown(result["same_bytes"])))
    return rows


def _bracket(time: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What others prove of the time, and how far the two edges are apart."""
    rows = []
    for name in ("not_before", "not_after"):
        edge = time[name]
        said = "not proved" if edge is None else f"{edge['time']} (time stamp of {edge['by']})"
        rows.append((name.replace("_", " "), shown(said)))
    if time["gap_seconds"] is not None:
        rows.append(("between the two", span(time["gap_seconds"])))
    return rows


def _metadata(metadata: Mapping[str, Any], in_full: bool) -> list[str]:
    tags = metadata.get("tags") or {}
    apart = ("tags", "content_credentials", "text")
    said = ", ".join(
        f"{shown(str(k))} {shown(v)}" for k, v in metadata.items() if k not in apart and v
    )
    lines = ["", f"Metadata of camera or document: {said or UNKNOWN}; {number(len(tags), 'tag')}."]
    if in_full:
        lines += ["  " + line for line in table([(shown(k), shown(v)) for k, v in tags.items()])]
    elif tags:
        lines[-1] += " -v shows them."
    lines += [_burmese(note) for note in metadata.get("text") or ()]
    credentials = metadata.get("content_credentials")
    return lines if credentials is None else [*lines, *_credentials(credentials, in_full)]


def _credentials(found: Mapping[str, Any], in_full: bool) -> list[str]:
    """Content credentials: the outcome and what it means; -v adds signer and codes."""
    reason = f" ({shown(found['reason'])})" if found["reason"] else ""
    rows = [("remote manifest, not fetched", found["remote"])]
    if in_full:
        rows += [(f"signer {key}", value) for key, value in found["signer"].items()]
        rows += [(kind, ", ".join(codes)) for kind, codes in found["codes"].items()]
        rows += [
            ("of what it was made from", ", ".join(found["ingredient_failures"])),
            ("made with", found["generator"]),
            ("manifest store SHA-256", found["store_sha256"] or UNKNOWN),
            ("trust list", found["trust_list"]),
            ("read by", found["tool"]),
        ]
    else:
        rows.append(("signed with the key of", found["signer"].get("common_name", "")))
    told = [(shown(name), shown(value)) for name, value in rows if value]
    return [
        "",
        f"Content credentials (C2PA): {shown(found['outcome'])}{reason}. {shown(found['meaning'])}",
        *("  " + line for line in table(told)),
    ]


_ENCODINGS = {"unicode": "Unicode", "zawgyi": "Zawgyi (an older font encoding)"}


def _burmese(note: Mapping[str, Any]) -> str:
    """One line on how a text is encoded; an unknown word is shown as it is."""
    what = f"Text in the Myanmar script ({shown(note['of'])}): "
    if note["encoding"] == "cannot-be-told":
        return f"{what}Unicode or Zawgyi could not be told ({shown(note['basis'])})."
    named = _ENCODINGS.get(note["encoding"], shown(note["encoding"]))
    return f"{what}{named}, confidence {shown(note['confidence'])} ({shown(note['basis'])})."


def original_name(path: Any) -> str:
    """A name as it was found, from ``{"b64", "display"}``."""
    return shown(path["display"]) if isinstance(path, Mapping) else shown(path)


def history(result: dict[str, Any]) -> str:
    """The record for a clerk, as the vault wrote it."""
    return str(result["text"])
