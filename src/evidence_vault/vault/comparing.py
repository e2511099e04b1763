"""``log compare``: do two hands hold signed states of one history?

Both files are opened under the log's keys. Contradictory hashes for the same entries, each under
a root that the log signed, prove a fork whatever else is known; a proof from one to the other
shows that they agree; else nothing is claimed. No quorum is needed for any of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from evidence_vault.core.checkpoint import (
    OpenedCheckpoint,
    open_checkpoint,
    parse_checkpoint,
)
from evidence_vault.core.merkle import edge_subtrees, node_hash
from evidence_vault.core.note import VerifierKey, parse_note, parse_vkey
from evidence_vault.core.tile_reader import TileReader
from evidence_vault.core.treeview import Range, TreeView
from evidence_vault.errors import KeyProblem, ProofInvalid, Unchecked
from evidence_vault.seal.keyring import Keyring
from evidence_vault.vault.countersigning import spoken
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.policies import log_keys, witness_keys
from evidence_vault.vault.shown import Keys, Shown, ShownFile, of_trust, read_shown
from evidence_vault.verify import load_trust

SAME, CONSISTENT, FORK, UNCHECKED = "same", "consistent", "fork", "could not be checked"
_BY_TRUST, _BY_VAULT, _BY_FILES = "trust file", "this vault", "the files themselves"
_GRAVITY = (11, 10, 3, 0)


@dataclass(frozen=True)
class _State:
    """A signed state and what is known of its tree; states alike share one view."""

    where: str
    opened: OpenedCheckpoint
    view: TreeView

    @property
    def size(self) -> int:
        return self.opened.checkpoint.size

    @property
    def root(self) -> bytes:
        return self.opened.checkpoint.root


class _LogView(TreeView):
    """The tree of a whole log: gives the root of every earlier size."""

    def __init__(self, size: int, root: bytes, tiles: TileReader) -> None:
        super().__init__(size, root)
        self._tiles = tiles

    def root(self, size: int) -> bytes | None:
        if not 0 < size < self.size:
            return super().root(size)
        hashes = self._tiles(edge_subtrees(0, size))
        result = hashes[-1]
        for left in reversed(hashes[:-1]):
            result = node_hash(left, result)
        return result


class _Keyholder:
    """Whose keys count for an origin: the trust file, else this vault, else what the files name."""

    def __init__(self, vault: Vault | None, trust: Path | None, files: Sequence[ShownFile]) -> None:
        self._vault = vault
        self._trust = None if trust is None else of_trust(trust, load_trust(trust))
        self._files = files

    def log_keys(self, origin: str) -> tuple[Keys, str]:
        """(keys, where from). Raises Unchecked when nobody names them, or two name others."""
        if self._trust is not None and origin in self._trust.keys:
            return self._trust.keys[origin], _BY_TRUST
        known = self._of_vault(origin)
        if known:
            return known, _BY_VAULT
        named = {file.keys[origin] for file in self._files if origin in file.keys}
        if len(named) == 1:
            return named.pop(), _BY_FILES
        if named:
            raise Unchecked(
                f"the two files name different keys for the log {origin}: two logs under one name",
                code="E-OTHER-KEYS",
                hint="say which is meant with --trust FILE",
            )
        raise Unchecked(
            f"nothing names the keys of the log {origin}",
            code="E-NO-KEYS",
            hint="give the trust file of that log with --trust FILE",
        )

    def cosigners(self, origin: str) -> Keys:
        """Every countersigner key that is known for a log, each once."""
        found: dict[bytes, VerifierKey] = {}
        sources = [*self._files, *([] if self._trust is None else [self._trust])]
        keys = [key for file in sources for key in file.cosigners.get(origin, ())]
        keyring = self._keyring()
        if keyring is not None:
            keys += [key for peer in keyring.peers for key in witness_keys(peer)]
            if keyring.witness is not None:
                keys += [parse_vkey(text) for text in keyring.witness.vkeys()]
        for key in keys:
            found.setdefault(key.public_key, key)
        return tuple(found.values())

    def _of_vault(self, origin: str) -> Keys | None:
        vault = self._vault
        if vault is None:
            return None
        zero = vault.entry_zero()
        if zero.origin == origin:
            return zero.log_keys()
        keyring = self._keyring()
        peers = () if keyring is None else keyring.peers
        return next((log_keys(peer) for peer in peers if peer.origin == origin), None)

    def _keyring(self) -> Keyring | None:
        """None without a vault, or without its passphrase: then its peers are unknown."""
        try:
            return None if self._vault is None else self._vault.keyring
        except KeyProblem as error:
            if error.code != "E-PASSPHRASE-NEEDED":
                raise
            return None


def log_compare(
    a: Path, b: Path, trust: Path | None = None, vault: Vault | None = None
) -> dict[str, Any]:
    """Compare every log that both files show.

    Raises Unchecked when there is none, or nobody names its keys; SignatureInvalid or
    ProofInvalid when a file is not what the log signed.
    """
    files = (read_shown(a), read_shown(b))
    common = sorted(files[0].logs.keys() & files[1].logs.keys())
    if not common:
        raise Unchecked(
            "the two files are about different logs: "
            + " and ".join(", ".join(sorted(file.logs)) for file in files),
            code="E-OTHER-LOG",
        )
    holder = _Keyholder(vault, trust, files)
    logs = [_compare(origin, files, holder, vault) for origin in common]
    findings = [found for log in logs for found in log.pop("findings")]
    statuses = [log.pop("exit") for log in logs]
    status = next(each for each in _GRAVITY if each in statuses)
    return {"exit": status, "files": [str(a), str(b)], "findings": findings, "logs": logs}


def _compare(
    origin: str, files: Sequence[ShownFile], holder: _Keyholder, vault: Vault | None
) -> dict[str, Any]:
    keys, keys_from = holder.log_keys(origin)
    cosigners = holder.cosigners(origin)
    views: dict[tuple[int, bytes], TreeView] = {}
    own = _own_state(vault, origin, keys, views)
    sides = [
        [_state(str(file.path), shown, keys, cosigners, views) for shown in file.logs[origin]]
        for file in files
    ]
    everything = [*sides[0], *sides[1], *own]
    for shown in (shown for file in files for shown in file.logs[origin]):
        _learn_roots(shown, views)
    newest = [max(side, key=lambda state: state.size) for side in sides]
    findings = _clock_findings(everything)
    fork = _find_fork(everything)
    if fork is not None:
        outcome, how, status = FORK, "", 11
        one, two, range_ = fork
        message = (
            f"{origin} signed two histories: entries {range_[0]} to {range_[1] - 1} differ between "
            f"its states of {one.size} and {two.size} entries"
        )
        findings.append(_finding("E-FORK", message, origin))
    else:
        outcome, how = _agreement(newest[0], newest[1], everything)
        status = 3 if outcome == UNCHECKED else 10 if findings else 0
        if outcome == UNCHECKED:
            findings.append(_finding("E-NOT-COMPARED", how, origin))
    return {
        "a": _side(files[0], newest[0]),
        "b": _side(files[1], newest[1]),
        "exit": status,
        "findings": findings,
        "fork": None if fork is None else _fork_json(*fork),
        "how": how,
        "keys_from": keys_from,
        "origin": origin,
        "outcome": outcome,
    }


def _state(
    where: str,
    shown: Shown,
    keys: Keys,
    cosigners: Keys,
    views: dict[tuple[int, bytes], TreeView],
) -> _State:
    opened = open_checkpoint(shown.note, keys, cosigners)
    point = opened.checkpoint
    view = views.setdefault((point.size, point.root), TreeView(point.size, point.root))
    for index, leaf, path in shown.inclusions:
        view.add_inclusion(index, leaf, path)
    for old, proof in shown.consistencies:
        # One that does not lead to the signed root says nothing; nor, by itself, does one from a
        # power of two, whose old root it leaves out.
        with contextlib.suppress(ProofInvalid):
            view.add_consistency(old, proof)
    return _State(where, opened, view)


def _learn_roots(shown: Shown, views: dict[tuple[int, bytes], TreeView]) -> None:
    """A proof from a power of two leaves the old root out: try those that were signed."""
    point = parse_checkpoint(parse_note(shown.note).text)
    view = views[point.size, point.root]
    for old, proof in shown.consistencies:
        for size, root in list(views):
            if size == old:
                with contextlib.suppress(ProofInvalid):
                    view.add_consistency(old, proof, root)


def _own_state(
    vault: Vault | None, origin: str, keys: Keys, views: dict[tuple[int, bytes], TreeView]
) -> list[_State]:
    """The state that this vault signed last, when it holds that very log."""
    if vault is None or vault.entry_zero().origin != origin:
        return []
    if vault.entry_zero().log_keys() != keys:
        return []
    opened = vault.checkpoint()
    if opened is None:
        return []
    point = opened.checkpoint
    view = _LogView(point.size, point.root, vault.tiles(opened))
    views[point.size, point.root] = view
    return [_State(_BY_VAULT, opened, view)]


def _find_fork(states: Sequence[_State]) -> tuple[_State, _State, Range] | None:
    for one, two in combinations(states, 2):
        range_ = one.view.contradiction(two.view)
        if range_ is not None:
            return one, two, range_
    return None


def _agreement(a: _State, b: _State, states: Sequence[_State]) -> tuple[str, str]:
    """(outcome, how it is known) when nothing contradicts."""
    if (a.size, a.root) == (b.size, b.root):
        return SAME, "the same size and root"
    smaller, larger = sorted((a, b), key=lambda state: state.size)
    if smaller.size == 0:
        return CONSISTENT, "an empty log is the beginning of every log"
    reached = [smaller]
    for state in sorted(states, key=lambda each: each.size):
        if any(_extends(state, known) for known in reached):
            reached.append(state)
    if any((r.size, r.root) == (larger.size, larger.root) for r in reached[1:]):
        return CONSISTENT, "a proof leads from the smaller to the larger state"
    own = next((r for r in states if r.where == _BY_VAULT), None)
    if own is not None and own.view.extends(a.view) and own.view.extends(b.view):
        return CONSISTENT, "this vault's log leads through both states"
    return UNCHECKED, (
        f"nothing at hand leads from {smaller.size} to {larger.size} entries; ask whoever holds "
        "the log for `evidence-vault log prove --old-size`, or compare with --vault of that log"
    )


def _extends(state: _State, known: _State) -> bool:
    return state.size > known.size and state.view.extends(known.view)


def _clock_findings(states: Iterable[_State]) -> list[dict[str, str]]:
    """Countersigners that gave a larger state an earlier time."""
    said: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for state in states:
        for each in state.opened.cosignatures:
            key = (each.key.name, each.key.key_id.hex())
            said.setdefault(key, []).append((state.size, each.timestamp or 0))
    findings = []
    for (name, _key), times in said.items():
        for one, two in combinations(sorted(set(times)), 2):
            if one[0] < two[0] and one[1] > two[1]:
                message = (
                    f"it says {spoken(two[1])} of {two[0]} entries and {spoken(one[1])} of "
                    f"{one[0]}: its clock went back"
                )
                findings.append(_finding("E-COSIGNATURE-CLOCK", message, name))
                break
    return findings


def _fork_json(one: _State, two: _State, range_: Range) -> dict[str, Any]:
    names = [{each.key.name for each in state.opened.cosignatures} for state in (one, two)]
    return {
        "countersigned_both": sorted(names[0] & names[1]),
        "entries": [range_[0], range_[1] - 1],
        "states": [
            {"from": state.where, "root": state.root.hex(), "size": state.size}
            for state in (one, two)
        ],
    }


def _side(file: ShownFile, state: _State) -> dict[str, Any]:
    return {
        "countersigned_by": sorted({each.key.name for each in state.opened.cosignatures}),
        "file": str(file.path),
        "kind": file.kind,
        "root": state.root.hex(),
        "size": state.size,
    }


def _finding(code: str, message: str, where: str) -> dict[str, str]:
    return {"code": code, "message": message, "where": where}
