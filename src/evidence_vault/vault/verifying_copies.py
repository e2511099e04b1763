"""``replica verify``: a replica's own bytes against the log, and good bytes taken from one.

What the replica holds is read from the replica; only the part it does not hold comes from the
vault. Nothing is mended here: `replica sync --whole` does that.
"""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from evidence_vault.core.event import peek
from evidence_vault.core.keeping import is_keeper
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.core.packs import parse_header_pack
from evidence_vault.core.replicas import ARCHIVE, CONTROL, Position
from evidence_vault.core.tile_reader import TileReader
from evidence_vault.core.tiles import TILE_WIDTH, new_tiles
from evidence_vault.errors import FormatError, NotFound, StoreError, VaultError
from evidence_vault.log.logstore import LogStore
from evidence_vault.log.replicaindex import SAMPLED, VERIFIED
from evidence_vault.prove import damage as codes
from evidence_vault.prove.audit import audit_log
from evidence_vault.prove.damage import Damage
from evidence_vault.prove.objects import (
    ObjectCheck,
    Slice,
    SliceFound,
    check_object,
    check_slice,
)
from evidence_vault.store.naming import object_key
from evidence_vault.store.opening import Store
from evidence_vault.vault.besidecheck import Check, check_beside, folders_of, held_copies
from evidence_vault.vault.mirrorparts import Target, read_all
from evidence_vault.vault.opening import Vault, demand_desk
from evidence_vault.vault.removing import removed_entries
from evidence_vault.vault.replicacheck import examine, root_at_end
from evidence_vault.vault.replicalist import Enrolled, chosen, enrolled
from evidence_vault.vault.replicaplaces import demand_marker, log_of, open_target, stores_of
from evidence_vault.vault.replicas import note, told_of
from evidence_vault.vault.spreading import spread
from evidence_vault.vault.writer import writing

Progress = Callable[[int, int], None]

_SLICE = 1024  # entries
_HEADERS = (codes.HEADER_MISSING, codes.HEADER_CHANGED, codes.HEADER_SWAPPED)


def verify(
    vault: Vault,
    name: str,
    *,
    sample: int | None = None,
    by: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Hash what a replica holds, and recompute its log; ``sample``: that many items alone.

    Exit 11 for another history, 10 for anything missing or changed; recorded as an event of type
    ``replica-synced`` whose ``counts`` say that nothing was copied.
    """
    demand_desk(vault, "keep replicas")
    each = chosen(vault, [name])[0]
    target = open_target(each.replica.place, each.replica.part, vault.folder)
    at = demand_marker(vault, each.replica, target)
    found, entries = SliceFound(), 0
    if cut := examine(vault, each.replica, target, at).cut:
        _note(found, codes.COMMIT_MISSING, cut, "log", each.replica.name)
    wanted = None if sample is None else _sample(vault, at, sample)
    for number in range(at.log + 1):
        size = at.size if number == at.log else vault.catalogue.frontier(number).size
        entries += size
        _look(vault, target, number, size, wanted, found, progress)
        published = 0
        if sample is None:
            published = at.published if number == at.log else size
            _packs(vault, target, number, min(published, size) // TILE_WIDTH, found)
        if sample is None and not stores_missing(target):
            _audit(vault, target, number, size, found)
        if sample is None and target.control is None:
            _tiles(vault, target, number, published, found)
    if sample is None and target.archive is not None:
        folders = folders_of(vault.config.log + 1)
        _beside(vault.archive, target.archive, folders, check_beside(vault), found)
        _held(vault, target.archive, found)
    if sample is None and target.control is not None:
        folders = ["foreign/", "sets/"]
        _beside(vault.control, target.control, folders, lambda key, data: None, found)
    event = _record(vault, each, at, found, sample, entries, by)
    damaged = [each.to_log() for each in found.damaged if each.severity == codes.DAMAGED]
    unchecked = [each.to_log() for each in found.damaged if each.severity != codes.DAMAGED]
    return {
        "bytes": found.bytes,
        "damaged": damaged,
        "entries": entries,
        "event": event,
        "exit": 10 if damaged else 3 if unchecked else 0,
        "lacking": len(at.lacking),
        "name": name,
        "notices": [f"mend it from this vault: evidence-vault replica sync --whole {name}"]
        if damaged
        else [],
        "objects": found.objects,
        "sample": sample,
        "unchecked": unchecked,
    }


def _note(total: SliceFound, code: str, finding: str, where: str, what: str) -> None:
    total.damaged.append(Damage(code, where, what, finding))


def _code_of(error: VaultError, otherwise: str) -> str:
    """What can't be read is no damage; what is not there, or not what it should be, is."""
    asked = isinstance(error, NotFound) or not isinstance(error, StoreError)
    return otherwise if asked else codes.UNREADABLE


def stores_missing(target: Target) -> bool:
    """Whether this replica holds one part only."""
    return target.archive is None or target.control is None


def _look(
    vault: Vault,
    target: Target,
    number: int,
    size: int,
    wanted: dict[int, frozenset[int]] | None,
    total: SliceFound,
    progress: Progress | None,
) -> None:
    removed = removed_entries(vault, number)
    log = log_of(vault, target, number)
    chosen_here = None if wanted is None else wanted.get(number, frozenset())
    if target.archive is None:
        _headers(vault, log, number, size, chosen_here, removed, total)
        return
    slices = _slices(vault, log, number, size, chosen_here, removed)
    check = functools.partial(check_slice, object_key)
    for found in spread(check, slices, (check_slice.__module__, LogStore.__module__)):
        total.objects += found.objects
        total.bytes += found.bytes
        total.damaged += [
            each
            for each in found.damaged
            if target.control is not None or each.code not in _HEADERS
        ]
        if progress is not None:
            progress(total.objects, total.bytes)


def _slices(
    vault: Vault,
    log: LogStore,
    number: int,
    size: int,
    wanted: frozenset[int] | None,
    removed: frozenset[int],
) -> Iterator[Slice]:
    commits: list[tuple[int, int]] = []
    for start, end in vault.catalogue.commit_starts(number):
        if start >= size:
            break
        if wanted is not None and not any(i in wanted for i in range(start, end)):
            continue
        commits.append((start, end))
        if sum(e - s for s, e in commits) >= _SLICE:
            yield Slice(log, tuple(commits), wanted, removed)
            commits = []
    if commits:
        yield Slice(log, tuple(commits), wanted, removed)


def _headers(
    vault: Vault,
    log: LogStore,
    number: int,
    size: int,
    wanted: frozenset[int] | None,
    removed: frozenset[int],
    total: SliceFound,
) -> None:
    """A replica of control/ alone: commits and headers, against the entries."""
    for start, _ in vault.catalogue.commit_starts(number):
        if start >= size:
            return
        try:
            contents = log.contents(log.commit(start))
        except VaultError as error:
            _note(
                total,
                _code_of(error, codes.COMMIT_CHANGED),
                error.message,
                f"entries from {start}",
                log.commit_key(start),
            )
            continue
        for index, committed in enumerate(contents, start):
            if wanted is not None and index not in wanted:
                continue
            total.objects += 1
            for unit in peek(committed.entry)["units"]:
                header = committed.headers.get(unit["id"])
                if header is None and unit["header"] is not None and index not in removed:
                    _note(
                        total, codes.HEADER_MISSING, "header missing", f"entry {index}", unit["id"]
                    )
                elif header is not None and _hex(header) != unit["header"]:
                    _note(
                        total, codes.HEADER_CHANGED, "header changed", f"entry {index}", unit["id"]
                    )
                total.bytes += len(header or b"")


def _packs(vault: Vault, target: Target, number: int, groups: int, total: SliceFound) -> None:
    """The packs of every complete group: also of entries whose commits are whole still."""
    removed = removed_entries(vault, number)
    log = log_of(vault, target, number)
    for group in range(groups):
        try:
            entries = log.group(group)
            if target.control is not None and not vault.config.plaintext:
                log.read(target.control, log.headers_key(group))
        except VaultError as error:
            _note(
                total,
                _code_of(error, codes.PACK_CHANGED),
                error.message,
                f"group {group}",
                f"log {number}",
            )
            continue
        for index, committed in enumerate(entries, group * TILE_WIDTH):
            if leaf_hash(committed.entry) != vault.catalogue.entry(index, number).leaf:
                _note(
                    total, codes.BUNDLE_CHANGED, "entry changed", f"entry {index}", f"group {group}"
                )
                continue
            for unit in peek(committed.entry)["units"]:
                header = committed.headers.get(unit["id"])
                if unit["kind"] == "record" and _hex(committed.record) != unit["objects"][0]:
                    _note(
                        total, codes.RECORD_CHANGED, "record changed", f"entry {index}", unit["id"]
                    )
                if target.control is None or unit["header"] is None:
                    continue
                if header is None and index not in removed:
                    _note(
                        total, codes.HEADER_MISSING, "header missing", f"entry {index}", unit["id"]
                    )
                elif header is not None and _hex(header) != unit["header"]:
                    _note(
                        total, codes.HEADER_CHANGED, "header changed", f"entry {index}", unit["id"]
                    )


def _audit(vault: Vault, target: Target, number: int, size: int, found: SliceFound) -> None:
    """Roots, tiles, signatures and chains, from the replica alone."""
    log = log_of(vault, target, number)
    gone = removed_entries(vault, number)
    own = vault.log_number(number)
    report = audit_log(log, functools.partial(vault.entry_zero, own), None, map, gone)
    for each in report.findings:
        _note(found, each.code, each.message, each.where, f"log {number}")
    if report.entries != size:
        _note(
            found,
            codes.COMMIT_MISSING,
            f"its commits hold {report.entries} entries, its marker says {size}",
            "log",
            f"log {number}",
        )


def _tiles(vault: Vault, target: Target, number: int, size: int, found: SliceFound) -> None:
    """A replica of archive/ alone: hash tiles and bundles of its size against this log's root."""
    root = root_at_end(vault, number, size)
    if root is None:
        if size:
            _note(found, codes.UNREADABLE, "its tiles were not looked at", "log", f"log {number}")
        return
    reader = TileReader(size, root, log_of(vault, target, number).tile)
    for tile in new_tiles(0, size):
        try:
            if tile.level < 0:
                reader.entries(tile.index)
            else:
                reader.tile(tile.level, tile.index)
        except VaultError as error:
            code = codes.BUNDLE_CHANGED if tile.level < 0 else codes.TILE_CHANGED
            _note(found, _code_of(error, code), error.message, f"log {number}", tile.path)


def _beside(
    ours: Store, theirs: Store, folders: list[str], check: Check, found: SliceFound
) -> None:
    """Proofs, trust documents, foreign logs and notes of sets, against what this vault has."""
    for key in sorted(key for folder in folders for key in ours.keys(folder)):
        try:
            data = read_all(theirs, key)
            if data == read_all(ours, key):
                continue
            right = check(key, data)
        except VaultError as error:
            _note(found, _code_of(error, codes.EVIDENCE_MISSING), error.message, "beside", key)
            continue
        if right is None:
            text = "differs from the vault's, and nothing tells which is right"
            _note(found, codes.UNREADABLE, text, "beside", key)
        elif not right:
            _note(found, codes.EVIDENCE_CHANGED, "was changed", "beside", key)


def _held(vault: Vault, archive: Store, found: SliceFound) -> None:
    """The copies for holds that are on, and no others."""
    held = held_copies(vault)
    for key, copy in held.items():
        try:
            if _hex(read_all(archive, key)) != copy.sha256:
                _note(found, codes.EVIDENCE_CHANGED, "a copy for a hold was changed", "hold", key)
        except VaultError as error:
            _note(found, _code_of(error, codes.EVIDENCE_MISSING), error.message, "hold", key)
    for key in archive.keys("holds/"):
        if key not in held:
            text = "a copy for a hold that is not on lies there still"
            _note(found, codes.EVIDENCE_CHANGED, text, "hold", key)


def _sample(vault: Vault, at: Position, sample: int) -> dict[int, frozenset[int]]:
    items = vault.catalogue.item_ids()
    picked = random.SystemRandom().sample(items, min(sample, len(items)))
    return {
        number: frozenset(vault.catalogue.places(picked, number)) for number in range(at.log + 1)
    }


def _record(
    vault: Vault,
    each: Enrolled,
    at: Position,
    found: SliceFound,
    sample: int | None,
    entries: int,
    by: str | None,
) -> int:
    kind = VERIFIED if sample is None else SAMPLED
    damaged = len(found.damaged) + len(at.lacking)
    counts = {
        "bytes": str(found.bytes),
        "entries": entries,
        "kind": kind,
        "lacking": damaged,
        "objects": str(found.objects),
        "whole": False,
    }
    head = {
        "log": at.log,
        "origin": vault.entry_zero(vault.log_number(at.log)).origin,
        "root": at.frontier().root().hex(),
        "size": at.size,
    }
    with writing(vault) as writer:
        values = {
            "actor": by,
            "counts": counts,
            "head": head,
            "replica": told_of(each.replica),
        }
        writer.vault_event("replica-synced", values)
        note(writer, kind, each.replica, (at.log, at.size), damaged)
        event = writer.commit()
        writer.checkpoint()
    return event


# -- good bytes ------------------------------------------------------------------------------------


def good_copy(vault: Vault, digest: str) -> tuple[str, BinaryIO] | None:
    """(name of a replica, its open object) whose bytes match ``digest``; None where none has it.

    The whole object was hashed before it is handed out; whoever copies it hashes what arrives.
    """
    key = object_key(digest)
    for name, store in _parts(vault, ARCHIVE):
        if not check_object(store, ObjectCheck("", digest, key)).finding:
            return name, store.open(key)
    return None


def good_file(
    vault: Vault, part: str, key: str, accept: Callable[[bytes], bool]
) -> tuple[str, bytes] | None:
    """(name of a replica, bytes) of a small file that ``accept`` finds right: commits, packs,
    tiles. ``accept`` may raise FormatError for what it can't read.
    """
    for name, store in _parts(vault, part):
        try:
            with store.open(key) as stream:
                data = stream.read()
            if accept(data):
                return name, data
        except (StoreError, FormatError):
            continue
    return None


def good_header(
    vault: Vault, log: int, index: int, unit: str, digest: str
) -> tuple[str, bytes] | None:
    """(name of a replica, header) of a unit of entry ``index``; its SHA-256 is ``digest``."""
    start = vault.catalogue.entry(index, log).commit_start
    for name, store in _parts(vault, CONTROL):
        there = LogStore(vault.archive, store, log, vault.config.plaintext)
        try:
            commit = there.commit(start)
            if commit.is_stub:
                group = index // TILE_WIDTH
                data = there.read(store, there.headers_key(group))
                header = parse_header_pack(data, group).get(unit)
            else:
                header = commit.entries[index - start].headers.get(unit)
        except (NotFound, VaultError):
            continue
        if header is not None and _hex(header) == digest:
            return name, header
    return None


def _parts(vault: Vault, part: str) -> Iterator[tuple[str, Any]]:
    """Every replica that holds a part, is this vault's and can be reached."""
    for each in enrolled(vault):
        if part not in each.replica.parts or is_keeper(each.replica.place):
            continue
        target = open_target(each.replica.place, each.replica.part, vault.folder)
        try:
            demand_marker(vault, each.replica, target)
        except VaultError:
            continue
        yield each.replica.name, stores_of(target)[part]


def _hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
