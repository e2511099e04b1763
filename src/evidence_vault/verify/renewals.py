"""Renewed time stamps: lists of digests that were stamped later (docs/format-time.md).

``format_renewal`` and ``parse_renewal`` undo each other. ``check_renewals`` follows a chain of
them: each list names what the one before it stood for, and was stamped while that still held.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evidence_vault.core.findings import Outcome
from evidence_vault.core.receipt import MAX_NOTE, MAX_RENEWALS, Renewal, Tokens, is_authority
from evidence_vault.errors import FormatError
from evidence_vault.verify.timestamps import TokenCheck, check_token

CHECKPOINT = "checkpoint"

_LINE = re.compile(r"([0-9a-f]{128})  ([a-z0-9-]{1,60}(?:[./][a-z0-9-]{1,60}){0,3})\n")


@dataclass(frozen=True, slots=True)
class RenewalCheck:
    """What was found out about one renewal; ``number`` from 1.

    ``stamps`` are the checks of its time stamps over the list, by authority; ``gen_time`` is the
    earliest time of those that match. ``listed``: how many files it names; ``absent``: those that
    were not at hand to be compared.
    """

    number: int
    outcome: Outcome
    code: str
    reason: str
    listed: int = 0
    absent: tuple[str, ...] = ()
    stamps: tuple[tuple[str, TokenCheck], ...] = field(default=())

    @property
    def gen_time(self) -> int | None:
        """POSIX seconds, or None when no stamp of it matches."""
        good = [c.gen_time for _, c in self.stamps if c.outcome is Outcome.MATCHES]
        return min((t for t in good if t is not None), default=None)

    def to_json(self) -> dict[str, Any]:
        """What a report says of the renewal."""
        return {
            "absent": list(self.absent),
            "code": self.code,
            "gen_time": self.gen_time,
            "listed": self.listed,
            "number": self.number,
            "outcome": self.outcome.value,
            "reason": self.reason,
            "stamps": [{"authority": name, **c.to_json()} for name, c in self.stamps],
        }


def renewal_name(number: int) -> str:
    """The file name of a renewal's list, ``renewal-0001.sha512`` for the first."""
    return f"renewal-{number:04d}.sha512"


def token_name(authority: str, renewal: int | None = None) -> str:
    """The file name of a time stamp over the checkpoint, or over the list of a renewal."""
    prefix = "" if renewal is None else f"renewal-{renewal:04d}."
    return f"{prefix}{authority}.tsr"


def format_renewal(files: Mapping[str, bytes]) -> bytes:
    """The list: a line for ``sha512sum -c`` for each file, in order of their names."""
    lines = [f"{hashlib.sha512(content).hexdigest()}  {name}\n" for name, content in files.items()]
    text = "".join(sorted(lines, key=lambda line: line[130:])).encode("ascii")
    parse_renewal(text)
    return text


def parse_renewal(manifest: bytes) -> dict[str, str]:
    """Digest (hex) by name. Raises FormatError for any other spelling, order or size."""
    if len(manifest) > MAX_NOTE:
        raise FormatError("the list of a renewal is over 1,000,000 bytes (docs/format-time.md)")
    text = manifest.decode("ascii", "replace")
    found = {m[2]: m[1] for m in _LINE.finditer(text)}
    if not found or "".join(f"{found[n]}  {n}\n" for n in sorted(found)) != text:
        raise FormatError(
            "the list of a renewal is lines of a SHA-512, two spaces and a name, sorted by name "
            "(docs/format-time.md)"
        )
    return found


def check_renewals(
    checkpoint: bytes,
    tokens: Tokens,
    renewals: Sequence[Renewal],
    roots: Sequence[str],
    *,
    others: Mapping[str, bytes] | None = None,
    crls: Mapping[str, Sequence[bytes]] | None = None,
    now: int | None = None,
) -> tuple[list[tuple[str, TokenCheck]], list[RenewalCheck]]:
    """Check the time stamps over a checkpoint and the renewals that follow, in their order.

    ``checkpoint`` is the note as it was stamped, with the log's own signatures alone. ``tokens``
    and those of each renewal are (authority, reply). ``others``: further files of the same
    folder by name, compared where a list names them. ``crls``: revocation lists by authority.

    A renewal matches when its list has its one spelling, names the checkpoint and at least one
    stamp that matches (of the renewal before it: that list, too), every file at hand is as
    listed, one of its own stamps matches, and that stamp was made while the certificates of what
    it renews had not ended. Made too late, it could not be checked. Never raises for bad evidence.
    """
    known = crls or {}

    def checked(data: bytes, stamps: Tokens) -> list[tuple[str, TokenCheck]]:
        return [
            (name, check_token(reply, data, roots, now=now, crls=known.get(name, ())))
            for name, reply in stamps
        ]

    first = checked(checkpoint, tokens)
    files = {**(others or {}), CHECKPOINT: checkpoint}
    files.update((token_name(name), reply) for name, reply in tokens)
    found: list[RenewalCheck] = []
    before = [(token_name(name), check) for name, check in first]
    needed = [CHECKPOINT]
    for number, renewal in enumerate(renewals[:MAX_RENEWALS], start=1):
        stamps = checked(renewal.manifest, renewal.tokens)
        found.append(_check(number, renewal, files, needed, before, stamps))
        # What the next one must cover: this list and a stamp of it.
        needed = [CHECKPOINT, renewal_name(number)]
        before = [(token_name(name, number), check) for name, check in stamps]
        files[renewal_name(number)] = renewal.manifest
        files.update((token_name(name, number), reply) for name, reply in renewal.tokens)
    return first, found


def _check(
    number: int,
    renewal: Renewal,
    files: Mapping[str, bytes],
    needed: Sequence[str],
    before: Sequence[tuple[str, TokenCheck]],
    stamps: list[tuple[str, TokenCheck]],
) -> RenewalCheck:
    differs, unchecked = Outcome.DIFFERS, Outcome.UNCHECKED
    kept = tuple(stamps)
    if not all(is_authority(name) for name, _ in stamps):
        return RenewalCheck(number, differs, "T-LIST-FORM", "an authority's name is malformed")
    try:
        listed = parse_renewal(renewal.manifest)
    except FormatError as error:
        return RenewalCheck(number, differs, "T-LIST-FORM", error.message, stamps=kept)
    absent = tuple(name for name in listed if name not in files)

    def result(outcome: Outcome, code: str, reason: str) -> RenewalCheck:
        return RenewalCheck(number, outcome, code, reason, len(listed), absent, kept)

    for name, digest in listed.items():
        if name in files and hashlib.sha512(files[name]).hexdigest() != digest:
            return result(differs, "T-LIST-FILE", f"{name} is not the file that it lists")
    for name in needed:
        if name not in listed:
            return result(differs, "T-LIST-LACKS", f"it does not list {name}")
    later = next((name for name in listed if _number(name) >= number), None)
    if later is not None:
        return result(
            differs, "T-LIST-LEFT-OUT", f"it lists {later}, which does not stand before it"
        )
    covered = [check for name, check in before if name in listed]
    if not covered:
        return result(differs, "T-LIST-LACKS", "it lists no time stamp of what it renews")
    bad = next((c for _, c in stamps if c.outcome is differs), None)
    if bad is not None:
        return result(differs, "T-LIST-STAMP", bad.reason)
    good = [c for _, c in stamps if c.outcome is Outcome.MATCHES]
    if not good:
        reason = stamps[0][1].reason if stamps else "it has no time stamp"
        return result(unchecked, "T-LIST-STAMP", reason)
    proven = [c for c in covered if c.outcome is Outcome.MATCHES]
    if not proven:
        return result(unchecked, "T-LIST-BEFORE", "no time stamp that it renews could be checked")
    return _in_time(result, good, proven)


def _number(name: str) -> int:
    """Of which renewal a file is; 0 for the others."""
    found = re.match(r"renewal-([0-9]{4})\.", name)
    return 0 if found is None else int(found[1])


def _in_time(result: Any, good: list[TokenCheck], proven: list[TokenCheck]) -> RenewalCheck:
    """The order of times: after what it renews, and before the certificates of that ended."""
    made = min(c.gen_time or 0 for c in good)
    earlier = [c for c in proven if (c.gen_time or 0) <= max(c.gen_time or 0 for c in good)]
    if not earlier:
        outcome: RenewalCheck = result(
            Outcome.DIFFERS, "T-LIST-ORDER", "it was stamped before what it renews"
        )
    elif any(made <= (c.ends or 0) for c in earlier):
        outcome = result(Outcome.MATCHES, "T-LIST-OK", "the renewal matches")
    else:
        outcome = result(
            Outcome.UNCHECKED,
            "T-LIST-LATE",
            "it was stamped after the certificates of what it renews had ended",
        )
    return outcome
