"""``replica keep``: a copy of ``control/`` in other hands, which destroys only what it checked.

1 finished    what a run that was ended left to destroy
2 checked     the checkpoint under the keys of the trust file; the entries, from what is kept here
              to what was signed; the orders (verify/orders.py). Until here nothing is written
3 stored      new commits, each header compared with its signed entry
4 noted       what the orders give up
5 pinned      ``kept.json``: the new state, or still the old one
6 destroyed   the headers that were given up, and no other
7 answered    the keeper's signed word on all this

A header that the vault lost without an order stays, and is reported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from evidence_vault import osfiles
from evidence_vault.core.checkpoint import Checkpoint, open_checkpoint
from evidence_vault.core.commit import Commit, parse_commit
from evidence_vault.core.keeping import (
    Answer,
    Order,
    UpdateReader,
    demand_whole,
    format_answer,
    keeper_place,
    parse_orders,
)
from evidence_vault.core.keystate import read_key_events
from evidence_vault.core.note import parse_vkey
from evidence_vault.core.tiles import TILE_WIDTH
from evidence_vault.core.trust import TrustFile, TrustOrigin
from evidence_vault.errors import (
    EvidenceError,
    FormatError,
    LogInconsistent,
    UsageError,
    VaultError,
)
from evidence_vault.vault.faults import step
from evidence_vault.vault.keeperfolder import (
    KeeperFolder,
    KeptState,
    Page,
    damaged,
    keeper_folder,
)
from evidence_vault.vault.keepingmerge import Found, merged
from evidence_vault.vault.keepingwalk import Walk
from evidence_vault.verify import load_trust
from evidence_vault.verify.orders import (
    Judged,
    Kept,
    Receipt,
    digest_of,
    indexes_named,
    judge,
    read_acknowledgement,
    states_named,
)

_SAID = "what this folder holds can't be read without the vault's keys; keep it, and keep it apart"


@dataclass
class _Plan:
    """An update that holds: where it leads, what it gives up, the digests of its commits."""

    state: KeptState
    judged: list[Judged]
    commits: list[bytes]
    since: int


def keep(
    folder: Path, trust: Sequence[Path], update: Path | None = None, out: Path | None = None
) -> dict[str, Any]:
    """Steps 1 to 7; without ``update``, what is kept, and the key to be enrolled.

    ``trust``: files that name this log and those that take items over.

    Exit 10 when a header is not the one that was signed, is gone without an order, or an order was
    refused. Raises LogInconsistent (11) for an older or another history, EvidenceError and
    FormatError for an update that does not hold: nothing is changed then.
    """
    known = _known(trust)
    if out is not None and not out.absolute().parent.is_dir():
        raise UsageError(f"the folder {out.parent} does not exist", code="E-NO-FOLDER")
    with keeper_folder(folder) as here:
        state = here.state()
        if state is not None:
            _demand_pinned(state, known.origin(state.origin))
            state = _carry_out(here, state)  # 1.
        found, judged, before = Found(), [], 0 if state is None else state.size
        if update is not None:
            plan = _opened(update, lambda stream: _check(stream, here, state, known))  # 2.
            judged = plan.judged
            state = _take(update, here, state, plan, found)
        return _told(here, state, before, judged, found, out)  # 7.


def _known(paths: Sequence[Path]) -> TrustFile:
    """Several trust files as one; of a log that two name, the later state counts.

    Raises EvidenceError (E-KEEPER-TRUST) where two name other keys for one log.
    """
    files = [load_trust(path) for path in paths]
    found: dict[str, TrustOrigin] = {}
    for each in (origin for file in files for origin in file.origins):
        other = found.get(each.origin, each)
        if (other.fingerprint, other.log_keys) != (each.fingerprint, each.log_keys):
            raise EvidenceError(
                f"the trust files name different keys for {each.origin}", code="E-KEEPER-TRUST"
            )
        found[each.origin] = max(other, each, key=lambda o: o.size)
    authorities = {pem for file in files for pem in file.time_authorities}
    origins = tuple(found[name] for name in sorted(found))
    return TrustFile(max(f.made_at for f in files), origins, tuple(sorted(authorities)))


def _opened(update: Path, act: Any) -> Any:
    try:
        with update.open("rb") as stream:
            demand_whole(stream)
            return act(stream)
    except OSError as error:
        raise UsageError(f"{update} can't be read: {error.strerror or error}") from error


# -- 2. checked ------------------------------------------------------------------------------------


def _check(
    stream: BinaryIO, here: KeeperFolder, state: KeptState | None, trust: TrustFile
) -> _Plan:
    reader = UpdateReader(stream)
    head, known = reader.head, trust.origin(reader.head.origin)
    if known is None:
        raise EvidenceError(
            f"the trust file does not have {head.origin}: nobody can say whose update this is",
            code="E-KEEPER-UNKNOWN",
        )
    pinned = state or KeptState(head.origin, known.fingerprint.hex(), known.log_keys)
    if pinned.origin != head.origin:
        raise EvidenceError(
            f"this update is of the log {head.origin}; this folder keeps {pinned.origin}",
            code="E-KEEPER-OTHER",
            hint="keep each log in a folder of its own",
        )
    point = _checkpoint(reader.part(), known, head.size)
    _demand_new(point, pinned, known, head.since)
    orders = [o for o in parse_orders(reader.part()) if not _is_done(pinned, o)]
    receipts = {}
    for _ in range(head.acknowledgements):
        data = reader.part()
        receipts[digest_of(data)] = _read(data, trust)
    sizes = {pinned.size, known.size}
    for receipt in receipts.values():
        sizes |= set() if isinstance(receipt, str) else states_named(receipt, head.origin)
    wanted = set().union(*(indexes_named(order) for order in orders))
    walk = Walk(wanted, sizes)
    _walk_kept(here, walk, head.since, pinned)
    digests, recut = [], False
    for _ in range(head.commits):
        data = reader.part()
        commit = parse_commit(data)
        recut = recut or not _goes_on(commit, here, pinned)
        _follow(walk, commit, head.since)
        digests.append(hashlib.sha256(data).digest())
    reader.finish()
    _demand_root(walk, point, pinned, known, head.since)
    if recut:
        raise FormatError("its commits are cut in another way than before", code="E-UPDATE")
    judged = _judge(orders, receipts, walk, head.origin)
    fresh = replace(pinned, size=point.size, root=point.root.hex())
    return _Plan(fresh, judged, digests, head.since)


def _checkpoint(note: bytes, known: TrustOrigin, size: int) -> Checkpoint:
    point = open_checkpoint(note, [parse_vkey(key) for key in known.log_keys]).checkpoint
    if point.size != size:
        raise FormatError("the checkpoint of this update is of another size", code="E-UPDATE")
    return point


def _demand_pinned(state: KeptState, known: TrustOrigin | None) -> None:
    if known is None or (known.fingerprint.hex(), known.log_keys) != (
        state.fingerprint,
        state.log_keys,
    ):
        raise EvidenceError(
            f"the trust file does not name the keys of {state.origin} that were pinned here",
            code="E-KEEPER-PINNED",
            hint="use the trust file of the first run, or a later one of the same archive",
        )


def _demand_new(point: Checkpoint, pinned: KeptState, known: TrustOrigin, since: int) -> None:
    for seen, where in (
        (pinned.size, "this folder has seen"),
        (known.size, "the trust file names"),
    ):
        if point.size < seen:
            raise LogInconsistent(
                f"this update is older than what {where}: {point.size} entries, not {seen}",
                code="E-UPDATE-OLD",
                hint="nothing was changed; ask for a new update; if there is none, the vault was "
                "put back from an old copy, or its log was cut: keep this folder as it is",
            )
    if since > pinned.size:
        raise UsageError(
            f"this update begins at entry {since}, and this folder has {pinned.size}",
            code="E-UPDATE-GAP",
            hint="ask for everything: `evidence-vault replica update NAME --whole`",
        )


def _is_done(state: KeptState, order: Order) -> bool:
    index = order.removed.index
    return index in state.done and index not in state.refused


def _read(data: bytes, trust: TrustFile) -> Receipt | str:
    try:
        return read_acknowledgement(data, trust)
    except VaultError as error:
        return error.message


def _walk_kept(here: KeeperFolder, walk: Walk, since: int, pinned: KeptState) -> None:
    """The entries that are here already, recomputed."""
    for commit in here.commits(since):
        try:
            walk.take(commit)
        except FormatError as error:
            raise damaged(error.message) from error
    if since and since == pinned.size and walk.frontier.root().hex() != pinned.root:
        raise damaged("its entries lead to another root than was pinned")


def _goes_on(commit: Commit, here: KeeperFolder, pinned: KeptState) -> bool:
    """Whether a commit of the update that was here before has the same ends."""
    if commit.start >= pinned.size:
        return True
    try:
        old = here.commit(commit.start)
    except FormatError:
        old = None  # mended by this update
    return commit.end <= pinned.size and (old is None or old.end == commit.end)


def _follow(walk: Walk, commit: Commit, since: int) -> None:
    try:
        walk.take(commit)
    except FormatError as error:
        if since == 0:
            raise
        raise _another(walk.frontier.size) from error


def _demand_root(
    walk: Walk, point: Checkpoint, pinned: KeptState, known: TrustOrigin, since: int
) -> None:
    if (walk.frontier.size, walk.frontier.root()) != (point.size, point.root):
        if since:
            raise _another(point.size)
        raise EvidenceError(
            "the entries of this update are not those that the log signed", code="E-UPDATE-ENTRIES"
        )
    if walk.zero is None or walk.zero.fingerprint != known.fingerprint:
        raise EvidenceError("entry 0 is not the one of the trust file", code="E-KEEPER-PINNED")
    if pinned.size and walk.roots.get(pinned.size, b"").hex() != pinned.root:
        raise _another(pinned.size)
    if known.size and walk.roots[known.size] != known.root:
        raise _another(known.size)


def _another(size: int) -> LogInconsistent:
    return LogInconsistent(
        f"this update does not go on from what was seen before: another history at {size} entries, "
        "or the file was changed",
        code="E-FORK",
        hint="nothing was changed here; keep the update as evidence, and compare with others",
    )


def _judge(
    orders: list[Order], receipts: Mapping[str, Receipt | str], walk: Walk, origin: str
) -> list[Judged]:
    if not orders or walk.zero is None:
        return []
    keys = read_key_events(walk.zero, walk.keys)
    kept = Kept(origin, walk.frontier.size, keys, walk.entries, walk.roots)
    return [judge(order, receipts, kept) for order in orders]


# -- 3. to 6. --------------------------------------------------------------------------------------


def _take(
    update: Path, here: KeeperFolder, before: KeptState | None, plan: _Plan, found: Found
) -> KeptState:
    """Store, note, pin, destroy."""
    pages = _pages(here, plan)
    doomed: dict[int, frozenset[str]] = {}
    for page in pages.values():
        for index in page.entries:
            doomed[index] = doomed.get(index, frozenset()) | page.units
    old_size = 0 if before is None else before.size
    here.forget_beyond(old_size)
    groups = set(range(old_size // TILE_WIDTH, plan.state.size // TILE_WIDTH))
    with update.open("rb") as stream:
        for commit in _again(stream, plan):
            whole = merged(here, commit, old_size, doomed, found)
            if here.write_commit(whole):  # 3.
                groups |= {i // TILE_WIDTH for i in (commit.start, commit.end - 1)}
                groups |= set(range(commit.start // TILE_WIDTH, commit.end // TILE_WIDTH))
            step("keeper-commit")
    here.write_packs(groups, plan.state.size)
    state = plan.state
    for each in plan.judged:
        index, fresh = each.removed, pages[each.removed]
        known = index in (*state.due, *state.done)
        grown = each.units - here.page(index).units
        if grown or (not known and (each.units or not each.refused)):
            here.write_page(index, fresh)  # 4.
            state = replace(
                state,
                due=tuple(sorted({*state.due, index})),
                done=tuple(i for i in state.done if i != index),
            )
        refused = {i for i in state.refused if i != index} | ({index} if each.refused else set())
        state = replace(state, refused=tuple(sorted(refused)))
    step("keeper-noted")
    here.save(state)  # 5.
    here.write_marker(state.origin)
    step("keeper-pinned")
    return _carry_out(here, state)  # 6.


def _pages(here: KeeperFolder, plan: _Plan) -> dict[int, Page]:
    """By order, what it gives up, with what it gave up before."""
    pages = {i: here.page(i) for i in (*plan.state.due, *plan.state.done)}
    for each in plan.judged:
        old = pages.get(each.removed, Page(frozenset(), ()))
        entries = sorted({*old.entries, *each.entries})
        pages[each.removed] = Page(old.units | each.units, tuple(entries))
    return pages


def _again(stream: BinaryIO, plan: _Plan) -> Iterator[Commit]:
    """The commits of the update once more; raises FormatError if the file changed meanwhile."""
    reader = UpdateReader(stream)
    for _ in range(2 + reader.head.acknowledgements):
        reader.part()
    for digest in plan.commits:
        data = reader.part()
        if hashlib.sha256(data).digest() != digest:
            raise FormatError("the update was changed while it was read", code="E-UPDATE")
        yield parse_commit(data)


def _carry_out(here: KeeperFolder, state: KeptState) -> KeptState:
    """Destroy what is due; may be repeated."""
    for index in state.due:
        page = here.page(index)
        here.drop(page.units, page.entries)
        step("keeper-destroyed")
        state = replace(
            state,
            due=tuple(i for i in state.due if i != index),
            done=tuple(sorted({*state.done, index})),
        )
        here.save(state)
    return state


# -- 7. answered -----------------------------------------------------------------------------------


def _told(
    here: KeeperFolder,
    state: KeptState | None,
    before: int,
    judged: list[Judged],
    found: Found,
    out: Path | None,
) -> dict[str, Any]:
    refused = [
        {"code": "E-ORDER-REFUSED", "id": item, "reason": why, "removed": each.removed}
        for each in judged
        for item, why in each.refused
    ]
    place, headers = keeper_place(here.public), 0
    if state is not None:
        headers = sum(len(e.headers) for c in here.commits(state.size) for e in c.entries)
    destroyed = [] if state is None else [i for i in state.done if i not in state.refused]
    if out is not None:
        if state is None:
            raise UsageError("nothing is kept here yet: there is nothing to answer")
        answer = Answer(
            state.origin,
            here.public,
            state.size,
            bytes.fromhex(state.root),
            headers,
            tuple(destroyed),
            state.refused,
            len(found.findings),
        )
        osfiles.replace_file(out.absolute(), format_answer(answer, here.sign))
    size = 0 if state is None else state.size
    return {
        "destroyed": destroyed,
        "entries": size,
        "exit": 10 if refused or found.findings else 0,
        "findings": found.findings,
        "headers": headers,
        "keeper": place,
        "new": size - before,
        "notices": [_SAID]
        if state is not None
        else [
            "nothing is kept here yet; whoever runs the vault enrols this key: `evidence-vault "
            f"replica add NAME {place} --part control --reason TEXT`"
        ],
        "origin": None if state is None else state.origin,
        "refused": refused,
        "root": None if state is None else state.root,
    }
