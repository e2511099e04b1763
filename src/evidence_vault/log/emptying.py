"""Emptying commits (step 8 of the write order): only once all they hold was read elsewhere.

What was read back when it was published may have rotted since: a group of entries can be complete
long before the last commit that it stands in is covered. So a commit is compared, right before it
is emptied, with the entry bundle, the sealed pack and the header pack of each of its groups as
they lie there now. A header pack is made good from the commits; anything else that differs keeps
the commit as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from evidence_vault.core.commit import Commit, Committed, format_stub
from evidence_vault.core.event import peek
from evidence_vault.core.packs import format_header_pack, parse_header_pack, parse_sealed_pack
from evidence_vault.core.tiles import TILE_WIDTH, entries_path, parse_entry_bundle
from evidence_vault.errors import EvidenceError, FormatError, NotFound
from evidence_vault.log.logstore import LogStore

_Indexed = list[tuple[int, Committed]]


def empty_commits(log: LogStore, first: int, covered: int, passed: Callable[[str], None]) -> None:
    """Step 8, after the checkpoint is stored: empty commits whose groups are all published.

    ``first``: start of the oldest commit that may still be full; ``covered``: size of the stored
    checkpoint; ``passed`` is told of each commit emptied. Raises EvidenceError (E-NOT-EMPTIED)
    where what is published of a commit is not what the commit holds: nothing is emptied then.
    """
    complete = covered - covered % TILE_WIDTH
    log.forget()  # another process may have destroyed headers since
    for commit in log.commits(first):
        if commit.end > complete:
            return
        if not commit.is_stub:
            for group, mine in _by_group(commit):
                _demand_published(log, group, mine)
                if not log.plaintext:
                    _settle_headers(log, commit, group, mine)
            log.control.replace(log.commit_key(commit.start), format_stub(commit))
            passed("8-emptied")


def _by_group(commit: Commit) -> Iterator[tuple[int, _Indexed]]:
    """The entries of a commit with their indexes, a group at a time."""
    indexed = list(enumerate(commit.entries, commit.start))
    for group in range(commit.start // TILE_WIDTH, (commit.end - 1) // TILE_WIDTH + 1):
        yield group, [each for each in indexed if each[0] // TILE_WIDTH == group]


def _demand_published(log: LogStore, group: int, mine: _Indexed) -> None:
    """Entries and records of a commit as they are published, which only a repair touches."""
    store, key = log.records(group)
    bundle_key = log.tile_key(entries_path(group))
    try:
        bundle = parse_entry_bundle(log.read(log.archive, bundle_key), TILE_WIDTH)
    except (NotFound, FormatError) as error:
        raise _kept(bundle_key, error.message) from error
    try:
        records = parse_sealed_pack(log.read(store, key), group)
    except (NotFound, FormatError) as error:
        raise _kept(key, error.message) from error
    for index, committed in mine:
        if bundle[index % TILE_WIDTH] != committed.entry:
            raise _kept(bundle_key, f"entry {index} differs from the commit")
        if records[index % TILE_WIDTH] != committed.record:
            raise _kept(key, f"the record of entry {index} differs from the commit")


def _settle_headers(log: LogStore, commit: Commit, group: int, mine: _Indexed) -> None:
    """Compare the header pack of a group with a commit; make it good where the commit is right.

    A header that the commit does not hold any more was destroyed, in the pack as well: it is never
    put back; one that is in the pack alone keeps the commit as it is, for somebody to look at.
    """
    key = log.headers_key(group)
    try:
        there = parse_header_pack(log.read(log.control, key), group)
    except (NotFound, FormatError) as error:
        # Headers of the other entries are in it as well: only from all of their commits.
        there = _headers_of_group(log, commit, group, _kept(key, error.message))
        changed = True
    else:
        changed = False
    for index, committed in mine:
        for unit, wanted in _wanted(committed, index, key).items():
            ours = committed.headers.get(unit)
            good = _is(there.get(unit), wanted)
            if ours is None:
                if unit in there:
                    raise _kept(key, f"a header of entry {index} is in it, not in the commit")
            elif not good and not _is(ours, wanted):
                raise _kept(key, f"a header of entry {index} is damaged in the commit, too")
            elif not good:
                there[unit] = ours
                changed = True
    if not changed:
        return
    data = format_header_pack(group, there)
    log.control.replace(key, data)
    log.control.flush()
    if log.read(log.control, key) != data:
        raise _kept(key, "it was not stored as written")


def _wanted(committed: Committed, index: int, key: str) -> dict[str, str]:
    """Digest of each header that an entry names, by unit."""
    try:
        units = peek(committed.entry)["units"]
        return {unit["id"]: unit["header"] for unit in units if unit["header"] is not None}
    except (ValueError, LookupError, TypeError) as error:
        raise _kept(key, f"entry {index} can't be read") from error


def _headers_of_group(
    log: LogStore, last: Commit, group: int, otherwise: EvidenceError
) -> dict[str, bytes]:
    """All headers of a group, where each of its commits still holds them; else ``otherwise``."""
    first, found = group * TILE_WIDTH, dict[str, bytes]()
    if last.start > first:
        raise otherwise  # the commits before this one are emptied, in order
    for commit in log.commits(last.start):
        if commit.is_stub:
            raise otherwise
        for index, committed in enumerate(commit.entries, commit.start):
            if index // TILE_WIDTH == group:
                found.update(committed.headers)
        if commit.end >= first + TILE_WIDTH:
            return found
    raise otherwise


def _is(header: bytes | None, digest: str) -> bool:
    return header is not None and hashlib.sha256(header).hexdigest() == digest


def _kept(key: str, said: str) -> EvidenceError:
    return EvidenceError(
        f"what was written is committed, but {key} is damaged ({said}): the commit that holds the "
        "same is kept",
        code="E-NOT-EMPTIED",
        hint="run `evidence-vault fixity --all --repair`",
    )
