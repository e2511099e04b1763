"""The sender's log in the file of a hand-over, judged before a byte of it is kept.

1 signatures   checkpoint under both log keys that were pinned by hand
2 entries      entry 0 names those keys; each entry signed by a key in force at its place
3 the root     of all entries is that of the checkpoint
4 memory       every state of that log known here is a state of this one, or the other way round
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from evidence_vault.core.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from evidence_vault.core.entry0 import EntryZero, parse_entry0
from evidence_vault.core.event import Entry, pae, parse_entry
from evidence_vault.core.handover import wrong
from evidence_vault.core.keys import verify_ed25519
from evidence_vault.core.keystate import KEY_EVENTS, KeyState, role_for
from evidence_vault.core.merkle import Frontier, leaf_hash
from evidence_vault.core.note import parse_note
from evidence_vault.core.tiles import TILE_WIDTH
from evidence_vault.errors import (
    EvidenceError,
    LogInconsistent,
    ProofInvalid,
    UsageError,
    VaultError,
)
from evidence_vault.log.publisher import publish_copy
from evidence_vault.seal.keyring import Peer
from evidence_vault.vault.countersigning import (
    foreign_notes,
    keep,
    learn,
    store_foreign,
)
from evidence_vault.vault.faults import step
from evidence_vault.vault.foreign import ForeignStore
from evidence_vault.vault.offerfile import OfferFile
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.policies import known_peers, log_keys


@dataclass
class ForeignLog:
    """A log whose signatures and root hold. ``places``: entries about one item, by (home, id)."""

    point: Checkpoint
    zero: EntryZero
    keys: KeyState
    places: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    roots: dict[int, bytes] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return self.point.size

    def demand_counts(self, index: int, entry: Entry) -> None:
        """Raises SignatureInvalid for an entry that a later revocation made void."""
        self.keys.key_of(role_for(entry.event.type, index), entry.keyid, index)


def pinned(vault: Vault, origin: str) -> Peer:
    """The peer of that origin; raises UsageError when nobody pinned it here."""
    for peer in known_peers(vault):
        if peer.origin == origin:
            return peer
    raise UsageError(
        f"the vault {origin} is not pinned here, so its signatures count for nothing",
        code="E-TRANSFER-UNPINNED",
        hint="get its trust file by another way than this file, compare the words by telephone, "
        "and run `evidence-vault transfer pin TRUST-FILE`",
    )


def check_log(vault: Vault, offer: OfferFile) -> ForeignLog:
    """Steps 1 to 4. Raises EvidenceError or FormatError for a log that does not hold,
    LogInconsistent (E-FORK) for one that contradicts what is known of it, which is kept."""
    origin = offer.told.origin
    peer = pinned(vault, origin)
    # 1.
    opened = open_checkpoint(offer.note, log_keys(peer))
    point = opened.checkpoint
    if point.origin != origin or not offer.told.offer < point.size:
        raise wrong("its checkpoint is not about the log and the offer that it names")
    # 2. and 3.
    known = _known_states(vault, origin, peer)
    log = _read_log(offer, point, peer, {size for size, _ in known})
    # 4.
    _demand_consistent(vault, offer, log, peer, known)
    return log


def bundles(offer: OfferFile, size: int) -> Iterator[list[bytes]]:
    """All entries of a log of ``size`` entries, some at a time."""
    for number in range(-(-size // TILE_WIDTH)):
        yield offer.bundle(number, size)


def keep_log(vault: Vault, offer: OfferFile, log: ForeignLog) -> None:
    """Store the log whole, its checkpoint last; a log known to be longer is left as it is."""
    store = ForeignStore(vault, log.point.origin)
    peer = pinned(vault, log.point.origin)
    known = store.checkpoint(log_keys(peer))
    publish_copy(vault.archive, store.log, bundles(offer, log.size), log.size)
    tiles = store.tiles(log.size, log.point.root)
    for number in range(-(-log.size // TILE_WIDTH)):  # what was kept is what was judged
        tiles.entries(number)
    step("transfer-log-kept")
    if known is None or known.checkpoint.size < log.size:
        vault.archive.replace(store.log + "checkpoint", offer.note)
    store_foreign(vault, log.point.origin, log.size, offer.note)
    learn(vault, offer.note)
    step("transfer-log-signed")


# -- inside ----------------------------------------------------------------------------------------


def _read_log(offer: OfferFile, point: Checkpoint, peer: Peer, sizes: set[int]) -> ForeignLog:
    zero = parse_entry0(offer.entry(0, point.size))
    if zero.origin != point.origin or tuple(zero.log_vkeys()) != tuple(peer.log_keys):
        raise EvidenceError(
            f"entry 0 of this log names other keys than those pinned for {peer.origin}",
            code="E-PEER-KEYS",
            hint="this is not the vault that was pinned: ask its people by telephone",
        )
    log = ForeignLog(point, zero, KeyState(zero))
    frontier = Frontier()
    for entries in bundles(offer, point.size):
        for data in entries:
            _read_entry(log, frontier.size, data)
            frontier.append(leaf_hash(data))
            if frontier.size in sizes:
                log.roots[frontier.size] = frontier.root()
    if frontier.root() != point.root:
        raise ProofInvalid(
            f"the entries give the root {frontier.root().hex()}, the checkpoint says "
            f"{point.root.hex()}",
            code="E-TRANSFER-ROOT",
        )
    return log


def _read_entry(log: ForeignLog, index: int, data: bytes) -> None:
    try:
        entry = parse_entry(data)
        event = entry.event
        public = log.keys.key_of(role_for(event.type, index), entry.keyid, index)
        verify_ed25519(public, entry.signature, pae(entry.payload))
        if event.type in KEY_EVENTS:
            log.keys.apply(index, event)
    except VaultError as error:
        raise EvidenceError(
            f"entry {index} of the sender's log: {error.message}", code=error.code
        ) from error
    if event.origin != log.point.origin:
        raise EvidenceError(f"entry {index} belongs to another log", code="E-ORIGIN")
    if event.subject["kind"] == "item":
        place = (event.subject["home"], event.subject["id"])
        log.places.setdefault(place, []).append(index)


def _known_states(vault: Vault, origin: str, peer: Peer) -> list[tuple[int, bytes]]:
    """(size, root) of every state of that log that was seen here, its signatures checked."""
    found = []
    for note in foreign_notes(vault, origin):
        point = open_checkpoint(note, log_keys(peer)).checkpoint
        found.append((point.size, point.root))
    stored = ForeignStore(vault, origin).checkpoint(log_keys(peer))
    if stored is not None:
        found.append((stored.checkpoint.size, stored.checkpoint.root))
    return sorted(found)


def _demand_consistent(
    vault: Vault,
    offer: OfferFile,
    log: ForeignLog,
    peer: Peer,
    known: list[tuple[int, bytes]],
) -> None:
    for size, root in known:
        if size <= log.size and log.roots[size] != root:
            raise _fork(vault, offer, log, size, root)
    store = ForeignStore(vault, log.point.origin)
    stored = store.checkpoint(log_keys(peer))
    if stored is None or stored.checkpoint.size <= log.size:
        return
    if store.root_at(stored, log.size) != log.point.root:
        raise _fork(vault, offer, log, stored.checkpoint.size, stored.checkpoint.root)


def _fork(
    vault: Vault, offer: OfferFile, log: ForeignLog, size: int, root: bytes
) -> LogInconsistent:
    """Keep what the file shows, and say it."""
    page = {
        "held": {"root": root.hex(), "size": size},
        "kind": "fork",
        "proven": True,
        "root": log.point.root.hex(),
        "size": log.size,
    }
    key = keep(vault, log.point.origin, offer.note, page)
    if key is not None:
        aside = f"{ForeignStore(vault, log.point.origin).base}forks/{key.rsplit('/', 1)[1]}/"
        publish_copy(vault.archive, aside, bundles(offer, log.size), log.size)
    signed = parse_checkpoint(parse_note(offer.note).text)
    return LogInconsistent(
        f"the log of {signed.origin} in this file ({signed.size} entries) contradicts the one seen "
        f"before ({size} entries): it was rolled back or shows two histories",
        code="E-FORK",
        hint="nothing was taken over; both are kept as evidence; keep that machine as it is",
    )
