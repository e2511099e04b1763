"""May this vault sign? Old copies, cut stores and swapped keyrings are noticed here.

Compared are: the pin inside and outside the folder, the committed log, the stored checkpoint and
the keyring's digest (DESIGN §4, "A restored copy may be old"). What cannot be noticed: a whole
old vault put on another machine together with its pins; only a partner's checkpoint shows that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from evidence_vault.core.checkpoint import Checkpoint, OpenedCheckpoint, open_checkpoint
from evidence_vault.core.keystate import CHANGING_ROLES
from evidence_vault.core.merkle import EMPTY_ROOT, Frontier, leaf_hash
from evidence_vault.core.note import parse_vkey
from evidence_vault.core.tile_reader import TileReader
from evidence_vault.core.tiles import TILE_WIDTH, entries_path
from evidence_vault.errors import (
    EvidenceError,
    FormatError,
    LogInconsistent,
    NotFound,
    Unchecked,
)
from evidence_vault.vault.keys import names_keys, signer_for, unusable_keys
from evidence_vault.vault.opening import KEYRING, Vault
from evidence_vault.vault.pins import MOVED, Pin, outside_path, pin_bytes, read_pins, write_pins

OK, RESTORED, ROLLED_BACK, NO_KEY = "ok", "restored", "rolled-back", "no-key"

_MOVED_AWAY = "it was moved to another place, and the vault.toml here names the old one"
_MOVED_PERHAPS = (
    "the catalogue knows of a move to another place that the store does not know of: vault.toml "
    "here names the old place, or that store is a copy from before the move"
)
_WAYS_ON = (
    "ask a partner for the newest checkpoint of this vault and run `evidence-vault log checkpoint "
    "--expect FILE`, or begin a new log with `evidence-vault log succeed`"
)
_JOINING = (
    "a machine that joins a vault on servers: run `evidence-vault log checkpoint` on one that "
    "works with it, and with what that prints `evidence-vault log checkpoint --expect FILE` here "
    "(docs/servers.md, More machines); otherwise "
)
_COMMANDS = "evidence-vault log checkpoint --expect FILE, or evidence-vault log succeed"
_GONE = (
    "get the new vault.toml from whoever moved it, and put it into this folder; do not begin a new "
    "log (if nobody moved it: put the newest copy of control/ back)"
)


@dataclass(frozen=True)
class Standing:
    """What was found. ``state``: ok, restored, rolled-back, or no-key when all is well but a
    signing key was revoked; ``reasons`` in plain words; ``moved``: rolled back, since the vault
    went to another place.
    """

    state: str
    reasons: tuple[str, ...]
    inside: Pin | None
    outside: Pin | None
    moved: bool = False

    def way(self) -> str:
        """What to do where it is not OK."""
        return _GONE if self.moved else _COMMANDS


@dataclass(frozen=True)
class Stood:
    """How log and records stood: while nothing differs, one process need not compare again."""

    size: int
    root: bytes
    records: tuple[bytes | None, ...]
    keyring: tuple[int, int]

    @staticmethod
    def now(vault: Vault, frontier: Frontier) -> Stood:
        """The state at this moment. Cost: two small records and one stat."""
        records = pin_bytes(vault, vault.keyring)
        found = (vault.folder / KEYRING).stat()
        state = (found.st_mtime_ns, found.st_size)
        return Stood(frontier.size, frontier.root(), (*records, vault.log.checkpoint()), state)

    def grew_into(self, now: Stood) -> bool:
        """Whether nothing but the log is another, and that is longer: others have written."""
        same = (self.records, self.keyring) == (now.records, now.keyring)
        return same and now.size > self.size


def demand_stands(vault: Vault, frontier: Frontier, by_root: bool = False) -> None:
    """As :func:`demand_may_sign`, and short where this process looked before.

    Where others have written since and nobody has signed, the store must hold the newest commit
    that the catalogue knows; that is all which can differ. Cost then: one commit is read.
    """
    before, now = vault.stood, Stood.now(vault, frontier)
    if before == now:
        return
    grew = isinstance(before, Stood) and before.grew_into(now)
    if by_root or not grew or _behind_catalogue(vault):
        demand_may_sign(vault, frontier, by_root)


def committed(vault: Vault) -> Frontier:
    """The committed state, for whoever only looks: commits that a crash or power cut kept out of
    the catalogue count, too. Writes nothing; raises LogInconsistent or FormatError for a commit
    that does not follow.
    """
    frontier = vault.catalogue.frontier()
    for commit in vault.log.commits(frontier.size):
        frontier.extend(leaf_hash(each.entry) for each in vault.log.contents(commit))
        if (frontier.size, frontier.root()) != (commit.end, commit.root):
            raise LogInconsistent(
                f"commit {commit.start} states another root than its entries give",
                code="E-COMMIT-ROOT",
            )
    return frontier


def standing(vault: Vault, frontier: Frontier) -> Standing:
    """Compare pins, log, checkpoint and keyring; ``frontier`` is the committed state.

    (That of the catalogue alone would make a crash between commit and catalogue look like an old
    copy of ``control/``.) Under the writer lock; others use ``looking.look``.
    """
    reasons: list[str] = []
    inside = outside = None
    try:
        inside, outside = read_pins(vault, vault.keyring)
        away = _moved_away(vault, inside)
        if away is not None:
            return Standing(ROLLED_BACK, (away,), inside, outside, moved=True)
        reasons += _missing(vault, inside, outside)
    except LogInconsistent as error:
        reasons.append(error.message)
    stored = vault.checkpoint()
    # Of a shared vault another machine may have signed since: only the inner one must be newest.
    dated = {"inside": inside} if vault.shared else {"inside": inside, "outside": outside}
    reasons += _older_pins(stored, dated)
    # Of two alike in size the inside one counts: it is written first.
    newest = max((p for p in (inside, outside) if p), key=lambda p: p.size, default=None)
    rolled = _behind_catalogue(vault)
    if stored is not None and stored.checkpoint.size > frontier.size:
        rolled.append(
            f"the stored checkpoint covers {stored.checkpoint.size} entries, control/ has commits "
            f"for {frontier.size} only"
        )
    if not rolled:
        rolled += _behind_archive(vault, frontier)
    if newest is not None:
        if not rolled:
            rolled += _behind_pin(vault, stored, newest, frontier)
        digest = hashlib.sha256(vault.keyring_bytes()).hexdigest()
        if digest not in (newest.keyring, newest.next_keyring):
            reasons.append("the keyring is not the one that was in use when this vault last signed")
    if not rolled:
        rolled += _other_logs(vault, frontier, {"inside": inside, "outside": outside})
    if not rolled:  # else entries about keys may be gone, too
        reasons += _other_keys(vault)
    if rolled:
        return Standing(ROLLED_BACK, (*rolled, *reasons), inside, outside)
    if reasons:
        return Standing(RESTORED, tuple(reasons), inside, outside)
    unusable = tuple(unusable_keys(vault))
    return Standing(NO_KEY if unusable else OK, unusable, inside, outside)


def _moved_away(vault: Vault, inside: Pin | None) -> str | None:
    """What is said of a place that a move left: its mark, or a catalogue that knows of it."""
    if inside is not None and inside.root == MOVED:
        return _MOVED_AWAY
    for told in vault.catalogue.indexes_of(["migrated"])[-1:]:
        try:
            vault.log.commit(vault.catalogue.entry(told).commit_start)
        except NotFound:
            return _MOVED_PERHAPS
        except (EvidenceError, FormatError):  # something else is wrong with it
            break
    return None


def _other_keys(vault: Vault) -> list[str]:
    """What is said when the keyring's keys are not those that this log names."""
    zero, keyring = vault.entry_zero(), vault.keyring
    log_keys = tuple(signer.vkey for signer in keyring.log_signers())
    same = zero.origin == keyring.origin and log_keys == zero.log_vkeys() and names_keys(vault)
    return [] if same else [f"the keyring has other keys than the log {zero.origin} names"]


def _missing(vault: Vault, inside: Pin | None, outside: Pin | None) -> list[str]:
    """What is said of pins that are gone, or older inside: the vault's folder was put back."""
    absent = []
    if inside is None:
        absent.append("inside")
    if outside is None and outside_path(vault.keyring.origin) is not None:
        absent.append("outside")
    if absent:
        return [f"the record of what was signed ({name} the vault) is missing" for name in absent]
    if inside is not None and outside is not None and inside.size < outside.size:
        # (Older outside is what a crash between the two leaves; never older than the stored
        # checkpoint, see below.)
        return ["the record of what was signed is older inside the vault than outside it"]
    return []


def _older_pins(stored: OpenedCheckpoint | None, pins: Mapping[str, Pin | None]) -> list[str]:
    """What is said of a pin older than the stored checkpoint: pins are always written first."""
    if stored is None:
        return []
    return [
        f"the record of what was signed ({name} the vault) is older than the stored checkpoint"
        for name, pin in pins.items()
        if pin is not None and pin.size < stored.checkpoint.size
    ]


def _behind_archive(vault: Vault, frontier: Frontier) -> list[str]:
    """What is said when archive/ has published more than control/ has commits for.

    Entries are committed before they are published, so no crash leaves that. One short listing
    and two looks: the group at the end of the log and the one after it.
    """
    group, width = divmod(frontier.size, TILE_WIDTH)
    ahead = [
        key
        for number in (group, group + 1)
        for key in vault.archive.keys(vault.log.tile_key(f"{entries_path(number)}.p"))
        if number > group or int(key.rsplit("/", 1)[1]) > width
    ]
    for number in (group, group + 1):
        try:
            vault.archive.open(vault.log.tile_key(entries_path(number))).close()
            ahead.append(entries_path(number))
        except NotFound:
            continue
    if not ahead:
        return []
    return [
        f"archive/ has published more than the {frontier.size} entries that control/ holds: "
        "control/ is older"
    ]


def _other_logs(vault: Vault, frontier: Frontier, pins: Mapping[str, Pin | None]) -> list[str]:
    """What is said when the log is shorter than what was signed, or another one."""
    said = []
    for name, pin in pins.items():
        if pin is None:
            continue
        if pin.size > frontier.size:
            said.append(
                f"this vault once signed {pin.size} entries ({name} record), "
                f"its store holds {frontier.size}"
            )
        elif root_at(vault, pin.size, frontier) != pin.root:
            said.append(f"the log differs from the one signed at {pin.size} entries ({name})")
    return said


def _behind_catalogue(vault: Vault) -> list[str]:
    """What is said when control/ ends before the state that the catalogue knows."""
    frontier = vault.catalogue.frontier()
    if frontier.size == 0:
        return []
    start = vault.catalogue.entry(frontier.size - 1).commit_start
    try:
        newest = vault.log.commit(start)
    except NotFound:
        return [
            f"the catalogue knows {frontier.size} entries, control/ lacks the commit at {start}: "
            "control/ is older"
        ]
    if (newest.end, newest.root) != (frontier.size, frontier.root()):
        return [f"the commit at entry {start} is not the one that the catalogue knows"]
    return []


def _behind_pin(
    vault: Vault, stored: OpenedCheckpoint | None, newest: Pin, frontier: Frontier
) -> list[str]:
    """What is said when archive/ lacks what was published before the newest signature.

    A crash between pin and checkpoint leaves an older checkpoint too, but the tiles are there.
    """
    published = 0 if stored is None else stored.checkpoint.size
    if published >= newest.size or newest.size > frontier.size:
        return []
    try:
        TileReader(newest.size, newest.root, vault.log.tile).frontier()
    except (NotFound, LogInconsistent, EvidenceError, FormatError):
        return [
            f"this vault once signed {newest.size} entries, archive/ has published {published} "
            "only: archive/ is older"
        ]
    return []


def demand_may_sign(vault: Vault, frontier: Frontier, by_root: bool = False) -> None:
    """Raises LogInconsistent unless the vault stands where it last signed.

    Raises KeyProblem when a signing key of the keyring was revoked, unless ``by_root``: what is
    written now is signed by the root key.
    """
    found = standing(vault, frontier)
    if found.state == NO_KEY and not by_root:
        for role in CHANGING_ROLES:
            signer_for(vault, role)
    demand_not_moved(found)
    if found.state == ROLLED_BACK:
        raise LogInconsistent(
            "this vault is behind what it has signed: " + "; ".join(found.reasons),
            code="E-ROLLED-BACK",
            hint="put the newest copy of the vault back; if it is lost: " + _WAYS_ON,
        )
    if found.state == RESTORED:
        joins = vault.shared and found.inside is not None and found.outside is None
        raise LogInconsistent(
            "this vault may be an old copy, so it does not sign: " + "; ".join(found.reasons),
            code="E-RESTORED",
            hint=(_JOINING if joins else "") + _WAYS_ON,
        )


def demand_not_moved(found: Standing) -> None:
    """Raises LogInconsistent (E-MOVED) where the vault went on at another place."""
    if found.moved:
        said = f"this vault does not sign here: {found.reasons[0]}"
        raise LogInconsistent(said, code="E-MOVED", hint=_GONE)


def confirm(vault: Vault, frontier: Frontier, expected: Path) -> Checkpoint:
    """Accept the vault as complete because a partner's checkpoint shows nothing missing.

    Raises LogInconsistent when entries are missing or differ, Unchecked when the partner's
    checkpoint is older than what is stored here, FormatError for no checkpoint of this log.
    """
    opened = _partner_checkpoint(vault, expected)
    point = opened.checkpoint
    if point.size > frontier.size:
        raise LogInconsistent(
            f"the partner has seen {point.size} entries, this copy holds {frontier.size}",
            code="E-ROLLED-BACK",
            hint="this is an old copy; put a newer one back, or `evidence-vault log succeed`",
        )
    if root_at(vault, point.size, frontier) != point.root:
        raise LogInconsistent(
            f"the partner's checkpoint at {point.size} entries shows another log",
            code="E-FORK",
            hint="keep both copies as evidence and tell your partners",
        )
    stored = vault.checkpoint()
    try:
        known = [p.size for p in read_pins(vault, vault.keyring) if p]
    except LogInconsistent:  # by another keyring: the partner's word is what counts
        known = []
    newest = max([*known, 0 if stored is None else stored.checkpoint.size])
    if point.size < newest:
        raise Unchecked(
            f"the partner's checkpoint covers {point.size} entries, this vault signed {newest}: "
            "it can't show that nothing is missing",
            code="E-EXPECT-OLD",
            hint="ask for a newer one",
        )
    digest = hashlib.sha256(vault.keyring_bytes()).hexdigest()
    write_pins(
        vault,
        Pin(vault.keyring.origin, point.size, point.root, digest),
        vault.keyring,
    )
    return point


def root_at(vault: Vault, size: int, frontier: Frontier) -> bytes:
    """Root of the committed log at an earlier size, from the store."""
    if size == frontier.size:
        return frontier.root()
    if size == 0:
        return EMPTY_ROOT
    stored = vault.checkpoint()
    part = Frontier()
    if stored is not None and stored.checkpoint.size <= size:
        part = vault.tiles(stored).frontier()
    elif stored is not None:
        with suppress(NotFound, EvidenceError, FormatError):  # then from the commits
            part = vault.tiles(stored).earlier(size)
    if part.size < size:
        known = vault.catalogue.frontier().size
        start = vault.catalogue.entry(min(part.size, known - 1)).commit_start if known else 0
        for commit in vault.log.commits(start):
            for offset, item in enumerate(vault.log.contents(commit)):
                if part.size == commit.start + offset < size:
                    part.append(leaf_hash(item.entry))
            if part.size == size:
                break
    if part.size != size:
        raise LogInconsistent(f"the store can't give the root at {size} entries")
    return part.root()


def _partner_checkpoint(vault: Vault, path: Path) -> OpenedCheckpoint:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FormatError(f"{path} can't be read: {error.strerror}", code="E-EXPECT") from error
    # Entry 0 names the log's keys; a keyring made from a recovery file has others.
    keys = [parse_vkey(text) for text in vault.entry_zero().log_vkeys()]
    return open_checkpoint(data, keys)
