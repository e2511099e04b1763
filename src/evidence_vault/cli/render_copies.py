"""Text forms of replica."""

from __future__ import annotations

from typing import Any

from evidence_vault.cli.words import block, notices, number, shown, size, table

_STATES = {
    "absent": "NOT THERE",
    "ahead": "AHEAD OF THIS VAULT",
    "behind": "behind",
    "current": "up to date",
    "foreign": "ANOTHER COPY LIES THERE",
    "forked": "SHOWS ANOTHER HISTORY",
    "unreachable": "not reachable",
}


def added(result: dict[str, Any]) -> str:
    part = "both parts" if result["part"] == "both" else f"{result['part']}/"
    lines = [
        f"Replica {shown(result['name'])} enrolled: {part}, {shown(result['place'])}.",
        f"  event:  {result['event']}",
    ]
    return "\n".join([*lines, *notices(result["notices"])])


def synced(result: dict[str, Any]) -> str:
    """Each replica: what was copied, what was destroyed, what was found."""
    lines: list[str] = []
    for row in result["replicas"]:
        if row["error"] is not None:
            lines += [f"{shown(row['name'])}: NOT SYNCED: {shown(row['error']['message'])}"]
            if row["error"]["hint"]:
                lines.append(f"  what to do: {shown(row['error']['hint'])}")
        else:
            lines.append(
                f"{shown(row['name'])}: holds {number(row['entries'], 'entry', 'entries')}"
            )
        lines.append(
            f"  copied:     {number(int(row['objects']), 'object')}, {size(int(row['bytes']))}"
        )
        for name, words in (
            ("healed", "mended"),
            ("destroyed", "destroyed"),
            ("pending", "PENDING"),
            ("lacking", "LACKING"),
        ):
            if row[name]:
                lines.append(f"  {words + ':':<11} {row[name]}{_MORE[name]}")
        lines += _found(row["findings"])
    return "\n".join([*lines, *notices(result["notices"])])


_MORE = {
    "healed": " damaged parts of the replica",
    "destroyed": " logged destructions carried out",
    "pending": " logged destructions not carried out yet",
    "lacking": " payloads that this vault could not give",
}


def _found(findings: list[dict[str, str]]) -> list[str]:
    rows = [f"{each['code']} {shown(each['where'])}: {shown(each['message'])}" for each in findings]
    return [f"  {line}" for line in block("found:", rows)]


def hint_of(result: dict[str, Any]) -> str:
    hints = [row["error"]["hint"] for row in result["replicas"] if row["error"] is not None]
    return next(iter(hints), "")


def findings_of(result: dict[str, Any]) -> list[dict[str, str]]:
    found = []
    for row in result["replicas"]:
        found += row["findings"]
        if row["error"] is not None:
            error = row["error"]
            found.append({"code": error["code"], "message": error["message"], "where": row["name"]})
    return found


def adopted(result: dict[str, Any]) -> str:
    lines = [
        f"Taken over from {shown(result['name'])}: "
        f"{number(result['new'], 'new entry', 'new entries')}, {result['entries']} in all.",
        f"  state:  {result['state']}",
        *_found(result["findings"]),
    ]
    return "\n".join([*lines, *notices(result["notices"])])


def status(result: dict[str, Any]) -> str:
    """A table of the replicas, and what is to be done about them."""
    rows = [
        ("name", "part", "state", "entries", "items", "last sync", "last verified", "to destroy")
    ]
    for row in result["replicas"]:
        rows.append(
            (
                shown(row["name"]),
                row["part"],
                _STATES[row["state"]],
                str(row["entries"]),
                f"{row['items']} of {result['items']}",
                _age(row["synced_days"]),
                _age(row["verified_days"]),
                str(row["pending"]),
            )
        )
    lines = table(rows) if len(rows) > 1 else ["There is no replica."]
    lines += [
        f"  {shown(row['name'])}: {shown(row['why'])}" for row in result["replicas"] if row["why"]
    ]
    whole = number(result["copies"], "replica holds", "replicas hold")
    lines += ["", f"{whole} everything that this vault does."]
    return "\n".join([*lines, *notices(result["notices"])])


def _age(days: int | None) -> str:
    return "never" if days is None else "today" if not days else number(days, "day") + " ago"


def verified(result: dict[str, Any]) -> str:
    what = "everything" if result["sample"] is None else number(result["sample"], "item")
    verdict = {0: "matches the log", 3: "could not be checked whole"}.get(
        result["exit"], "DOES NOT MATCH THE LOG"
    )
    lines = [
        f"Replica {shown(result['name'])}: {verdict} ({what} looked at).",
        f"  objects:  {result['objects']}, {size(result['bytes'])}",
        f"  event:    {result['event']}",
    ]
    if result["lacking"]:
        lines.append(f"  LACKING:  {result['lacking']} payloads that the vault could not give")
    for head, kind in (("Damaged or missing:", "damaged"), ("Could not be checked:", "unchecked")):
        lines += block(
            head, [f"{shown(d['id'])} {d['object']}: {shown(d['finding'])}" for d in result[kind]]
        )
    return "\n".join([*lines, *notices(result["notices"])])


def retired(result: dict[str, Any]) -> str:
    lines = [f"Replica {shown(result['name'])} retired (event {result['event']})."]
    return "\n".join([*lines, *notices(result["notices"])])


def restored(result: dict[str, Any]) -> str:
    """What came back, and that nothing is signed yet."""
    lines = [
        f"Restored {shown(result['origin'])} into {shown(result['vault'])}.",
        f"  entries:  {result['entries']}",
        f"  items:    {result['items']}",
        f"  copied:   {result['objects']} objects, {size(int(result['bytes']))}",
        f"  state:    {result['state']}",
        *_found(result["findings"]),
    ]
    return "\n".join([*lines, *notices(result["notices"])])


def updated(result: dict[str, Any]) -> str:
    """The file for a keeper."""
    lines = [
        f"Written for {shown(result['name'])}: {shown(result['file'])}",
        f"  entries:  {result['since']} to {result['size']}",
        f"  size:     {size(int(result['bytes']))}",
        f"  orders:   {number(len(result['orders']), 'removal')}",
    ]
    return "\n".join([*lines, *notices(result["notices"])])


def kept(result: dict[str, Any]) -> str:
    """What a keeper holds, destroyed and refused."""
    whose = "nothing yet" if result["origin"] is None else f"control/ of {shown(result['origin'])}"
    lines = [
        f"Kept here: {whose}",
        f"  entries:    {result['entries']} ({result['new']} new)",
        f"  headers:    {result['headers']}",
        f"  destroyed:  {number(len(result['destroyed']), 'logged removal')} carried out",
        f"  key:        {result['keeper']}",
    ]
    for each in result["refused"]:
        lines.append(f"  REFUSED:    {shown(each['id'])}: {shown(each['reason'])}; it stays here")
    lines += _found(result["findings"])
    return "\n".join([*lines, *notices(result["notices"])])


def kept_findings(result: dict[str, Any]) -> list[dict[str, str]]:
    """Findings of an update, refused orders among them."""
    refused = [
        {"code": each["code"], "message": each["reason"], "where": each["id"]}
        for each in result["refused"]
    ]
    return [*result["findings"], *refused]


def acknowledged(result: dict[str, Any]) -> str:
    """What a keeper confirmed."""
    lines = [
        f"Recorded: {shown(result['name'])} holds {number(result['entries'], 'entry', 'entries')}, "
        f"{number(result['headers'], 'header')} (event {result['event']}).",
        f"  destroyed:  {number(len(result['destroyed']), 'logged removal')} carried out",
    ]
    if result["pending"]:
        lines.append(f"  PENDING:    {number(result['pending'], 'logged removal')}")
    return "\n".join([*lines, *notices(result["notices"])])
