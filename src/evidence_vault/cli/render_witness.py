"""Text forms of witness: countersigning and being countersigned."""

from __future__ import annotations

from typing import Any

from evidence_vault.cli.render_checking import countersigners
from evidence_vault.cli.render_setup import wrapped_words
from evidence_vault.cli.words import block, notices, number, shown, table

STATUS_HINT = "keep everything as it is, tell your partners, and compare what each of you holds"
ASK_HINT = "run it again when they can be reached, or exchange files: witness request, import"


def init(result: dict[str, Any]) -> str:
    lines = [
        f"This vault countersigns as {shown(result['name'])}.",
        *(f"  key: {shown(key[:60])}…" for key in result["keys"]),
        *notices(result["notices"]),
    ]
    return "\n".join(lines)


def added(result: dict[str, Any]) -> str:
    """Who was pinned, with the words to compare, and who must countersign from now on."""
    lines = []
    for each in result["added"]:
        lines += [
            f"Pinned {shown(each['org'])}",
            f"  log:            {shown(each['origin'])}",
            f"  countersigner:  {shown(each['countersigner'] or 'none')}",
            f"  address:        {shown(each['url'] or 'none: by file')}",
            f"  fingerprint:    {each['fingerprint']}",
            *wrapped_words(each["words"], " " * 18),
        ]
    return "\n".join([*lines, _quorum(result["quorum"]), *notices(result["notices"])])


def request(result: dict[str, Any]) -> str:
    whom = shown(result["for"]) if result["for"] else "any countersigner"
    size = number(result["size"], "entry", "entries")
    return (
        f"Wrote {shown(result['file'])}: a request over {size}, after {result['old']}, "
        f"for {whom}.\n"
        "Next: they run `evidence-vault witness cosign REQUEST -o ANSWER` and send the answer back."
    )


_VERDICTS = {
    200: "Countersigned.",
    409: "NOT countersigned: the request starts from another size than was countersigned last.",
    422: "DOES NOT MATCH: NOT countersigned, the request is not consistent with what was.",
}


def cosigned(result: dict[str, Any]) -> str:
    """The verdict on a request and, where it speaks against the log, what was kept."""
    held = result["held"]
    lines = [
        _VERDICTS[result["status"]],
        f"  log:           {shown(result['origin'])} ({shown(result['org'])})",
        f"  it shows:      {number(result['size'], 'entry', 'entries')}, root {result['root']}",
        f"  it starts at:  {number(result['old'], 'entry', 'entries')}",
    ]
    if held is not None:
        lines.append(
            f"  before:        {number(held['size'], 'entry', 'entries')}, root {held['root']}"
        )
    if result["file"] is not None:
        lines.append(f"  answer:        {shown(result['file'])}")
    lines += [f"{shown(each['message'])} ({each['code']})" for each in result["findings"]]
    if result["evidence"] is not None:
        lines.append(f"Kept as evidence: archive/{shown(result['evidence'])}")
    hint = cosign_hint(result)
    return "\n".join([*lines, f"hint: {hint}"] if hint else lines)


def cosign_hint(result: dict[str, Any]) -> str:
    if result["exit"] >= 10:
        return STATUS_HINT
    if result["exit"]:
        return "send the answer back: `witness request --old N` makes a request that fits"
    return ""


def imported(result: dict[str, Any]) -> str:
    """What was taken in, what not, and whether it is enough."""
    rows = [
        [
            shown(each["org"]),
            shown(each["name"]),
            each["key_id"],
            number(each["size"], "entry", "entries"),
            shown(each["at"]),
            "was here already" if each["already"] else "",
        ]
        for each in result["stored"]
    ]
    lines = block(f"Countersignatures: {len(rows)}", table(rows)) if rows else []
    for each in result["sizes"]:
        lines.append(
            f"{shown(each['from'])}: it countersigned {number(each['size'], 'entry', 'entries')} "
            f"last; make a request from there: witness request --old {each['size']}"
        )
    lines += block(
        "Ignored, by keys that are not pinned:",
        [f"{shown(e['from'])}: {shown(e['name'])} {e['key_id']}" for e in result["unknown"]],
    )
    lines += block(
        "DOES NOT MATCH:",
        [f"{shown(e['where'])}: {shown(e['message'])} ({e['code']})" for e in result["findings"]],
    )
    if not result["stored"] and not lines:
        lines.append("Nothing was taken in.")
    return "\n".join([*lines, _quorum(result["quorum"])])


def asked(result: dict[str, Any]) -> str:
    rows = [
        [shown(each["org"]), shown(each["origin"]), each["outcome"], _detail(each["detail"])]
        for each in result["asked"]
    ]
    lines = block("Asked:", table(rows)) if rows else ["No countersigner is pinned."]
    return "\n".join([*lines, _quorum(result["quorum"])])


def status(result: dict[str, Any]) -> str:
    """Both sides of countersigning."""
    own = result["self"]
    lines = ["This vault's log:", *countersigners(result["countersigned_by"], "  ")]
    lines.append("  " + _quorum(result["quorum"]))
    if own is None:
        lines.append("This vault does not countersign others (evidence-vault witness init).")
    else:
        able = "" if own["may_sign"] else ", but it does NOT sign now"
        lines.append(f"It countersigns others as {shown(own['name'])}{able}:")
        rows = [
            [
                shown(each["org"]),
                shown(each["origin"]),
                "nothing yet"
                if each["size"] is None
                else f"{number(each['size'], 'entry', 'entries')}, {shown(each['at'])}",
            ]
            for each in result["countersigns"]
        ]
        lines += [f"  {line}" for line in table(rows)] if rows else ["  nobody is pinned"]
    lines += block(
        "Requests seen:",
        [
            f"{shown(each['origin'])}: status {each['status']}, {number(each['count'], 'time')}, "
            f"last {shown(each['at'])} over {number(each['size'], 'entry', 'entries')}"
            for each in result["asked"]
        ],
    )
    lines += block("MISBEHAVIOUR:", [_misbehaviour(page) for page in result["misbehaviour"]])
    return "\n".join([*lines, *notices(result["notices"])])


_KINDS = {
    "fork": "showed two histories",
    "rollback": "showed fewer entries than before (set back, or an old request)",
    "no-proof": "sent a proof that does not lead to its signed root",
    "clock": "countersigned with a clock that went back",
    "unknown": "sent what was refused",
}


def _misbehaviour(page: dict[str, Any]) -> str:
    proven = "proven" if page["proven"] else "not proven"
    return (
        f"{shown(page['org'])} {_KINDS[page['kind']]}: {proven}, {shown(page['kept_at'])}, "
        f"archive/{shown(page['evidence'])}"
    )


def _detail(text: str) -> str:
    return shown(text) if text else ""


def _quorum(quorum: dict[str, Any]) -> str:
    if not quorum["of"]:
        return "No countersigner counts yet, so no number is asked for."
    said = f"At least {quorum['needed']} of {len(quorum['of'])} must countersign"
    if "size" not in quorum:
        return said + "."
    if quorum["size"] is None:
        return said + "; no checkpoint has that many yet."
    return f"{said}; the newest that has: {number(quorum['size'], 'entry', 'entries')}."
