"""A vault made again from one replica: ``replica restore``; and the longer log taken over.

1 read        where the replica is, its logs, whose recovery file opens it
2 learned     the catalogue made from the replica's own bytes, checked against every root
3 tombstones  what its log gave up is known before one header is copied
4 copied      as in mirroring.py, into the new vault; compared as it is copied
5 stands      nothing was signed here: the vault does not sign until a partner's checkpoint shows
              that the copy is not old, or ``log succeed``

A run that was ended goes on in the same folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from evidence_vault import osfiles
from evidence_vault.config import FILE, VaultConfig, format_config
from evidence_vault.core.replicas import ARCHIVE, CONTROL, Position
from evidence_vault.errors import NotFound, StoreError, UsageError
from evidence_vault.log.catalogue import Catalogue
from evidence_vault.log.logstore import LogStore
from evidence_vault.log.sequencer import Sequencer
from evidence_vault.store.naming import object_key
from evidence_vault.store.opening import Store
from evidence_vault.vault.besidecheck import check_beside, held_copies
from evidence_vault.vault.cosignatures import relearn_cosignatures
from evidence_vault.vault.countersigning import relearn_peers
from evidence_vault.vault.digesting import digest_committed
from evidence_vault.vault.faults import step
from evidence_vault.vault.mirroring import Mirror
from evidence_vault.vault.mirrorparts import Head, Mirrored, Source, Target
from evidence_vault.vault.opening import KEYRING, Vault, open_vault
from evidence_vault.vault.rebuilding import recover
from evidence_vault.vault.replicaplaces import open_part, read_marker, whole_place
from evidence_vault.vault.stamping import collect_stamps
from evidence_vault.vault.standing import confirm, standing
from evidence_vault.vault.tombstones import tombstones

Progress = Callable[[int, int], None]

_WAY = (
    "it does not sign until a partner's newest checkpoint shows that it is not old: "
    "`evidence-vault log checkpoint --expect FILE`; without one: `evidence-vault log succeed`"
)
_LOST_KEYS = (
    "the keys that signed were in the keyring, and are gone: once a partner's checkpoint has shown "
    "that nothing is missing (`evidence-vault rebuild --expect FILE`), `evidence-vault log succeed "
    "--recovery FILE` begins a log that names this one"
)


def restore(
    place: str,
    folder: Path,
    passphrase: Callable[[], str],
    *,
    control: str | None = None,
    recovery: Path | None = None,
    keyring: Path | None = None,
    expect: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make a vault in ``folder`` from the replica at ``place`` and a recovery file alone.

    ``control``: another replica, which holds ``control/``. ``keyring``: a kept keyring.age, in
    place of the recovery file: then the log can go on. ``expect``: a partner's checkpoint.
    Raises UsageError where there is no replica or the folder holds something else, KeyProblem for
    another vault's recovery file, LogInconsistent for a replica that contradicts itself or is
    older than the partner has seen.
    """
    if (recovery is None) == (keyring is None):
        raise UsageError("give either --recovery or --keyring")
    osfiles.private_umask()
    folder = folder.absolute()
    place = whole_place(place)  # relative to where the command was typed, not to the new folder
    archive = open_part(place, ARCHIVE, folder)
    headers = open_part(whole_place(control) if control else place, CONTROL, folder)
    plaintext = _demand_replica(archive, headers)  # 1.
    _make(folder, plaintext, _newest_log(headers, plaintext, archive), keyring)
    with open_vault(folder, passphrase) as vault:
        with reading(vault, archive, headers):
            if recovery is not None and not (folder / KEYRING).exists():
                recover(vault, recovery, passphrase)
            _ = vault.keyring
        with vault.locked():
            with reading(vault, archive, headers):
                source = _learn(vault, archive, headers, plaintext, progress)  # 2. and 3.
            found = _bring(vault, source, progress)  # 4.
    with open_vault(folder, passphrase) as vault, vault.locked():
        return _told(vault, folder, found, expect, recovery is not None)  # 5.


def take_over(vault: Vault, archive: Store, control: Store, progress: Progress | None) -> Mirrored:
    """Take over the longer of two consistent logs from a replica into this vault, in place.

    Under the writer lock. What the log gives up is not copied. The vault does not sign afterwards
    until a partner's checkpoint shows that it is new.
    """
    plaintext = vault.config.plaintext
    with reading(vault, archive, control):
        source = _learn(vault, archive, control, plaintext, progress)
    return _bring(vault, replace(source, check=check_beside(vault)), progress)


@contextmanager
def reading(vault: Vault, archive: Store, control: Store) -> Iterator[None]:
    """The vault with a replica's roots in place of its own, to be read."""
    own = vault.archive, vault.control
    vault.archive, vault.control = archive, control
    vault.log = vault.log_number(vault.config.log)
    try:
        yield
    finally:
        vault.archive, vault.control = own
        vault.log = vault.log_number(vault.config.log)


def _demand_replica(archive: Store, control: Store) -> bool:
    """Whether it is one of a vault without encryption. Markers are only a hint here."""
    plain = set()
    for store, part in ((archive, ARCHIVE), (control, CONTROL)):
        try:
            marker, _ = read_marker(store, None)
        except NotFound:
            raise UsageError(
                f"there is no replica of {part}/ here",
                code="E-NO-REPLICA",
                hint="name the place as it was given to `replica add`; where another replica holds "
                "control/, give it with --control",
            ) from None
        plain.add((marker.origin, marker.plaintext))
    if len(plain) != 1:
        raise UsageError(
            "these are replicas of two vaults", code="E-REPLICA-FOREIGN", hint="take the right two"
        )
    return plain.pop()[1]


def _newest_log(control: Store, plaintext: bool, archive: Store) -> int:
    number = 0
    while True:
        log = LogStore(archive, control, number + 1, plaintext)
        try:
            control.open(log.commit_key(0)).close()
        except NotFound:
            return number
        number += 1


def _make(folder: Path, plaintext: bool, log: int, keyring: Path | None) -> None:
    """The folder, or the one that a run which was ended began."""
    settings = format_config(VaultConfig(log, plaintext)).encode()
    path = folder / FILE
    if folder.exists() and any(folder.iterdir()):
        if not path.is_file() or path.read_bytes() != settings or not _begun(folder):
            raise UsageError(
                f"{folder} is not empty", code="E-EXISTS", hint="name a folder that does not exist"
            )
        return
    if not folder.parent.is_dir():
        raise UsageError(f"the folder {folder.parent} does not exist", code="E-NO-FOLDER")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / _BEGUN).write_bytes(b"")
        for name in ("archive", "control"):
            (folder / name).mkdir(mode=0o700)
        if keyring is not None:
            osfiles.replace_file(folder / KEYRING, keyring.read_bytes())
        osfiles.replace_file(path, settings)
    except OSError as error:
        raise StoreError(
            f"{folder} can't be made: {error.strerror}", code="E-NOT-WRITABLE"
        ) from error


_BEGUN = "restoring"


def _begun(folder: Path) -> bool:
    return (folder / _BEGUN).is_file()


def _learn(
    vault: Vault, archive: Store, control: Store, plaintext: bool, progress: Progress | None
) -> Source:
    """Steps 2 and 3: the catalogue from the replica's bytes; raises LogInconsistent."""
    place, current = vault.place, vault.config.log
    there = not isinstance(place, Path) or place.is_file()
    catalogue = vault.catalogue if there else Catalogue.create(place, 0)
    heads = []
    try:
        for number in range(current + 1):
            catalogue.add_log(number)
            vault.use(catalogue, number)
            sequencer = Sequencer(vault.log, catalogue)
            sequencer.catch_up(lambda *a: digest_committed(vault, *a), progress)
            frontier = sequencer.frontier
            stored = vault.checkpoint(vault.log)
            point = None if stored is None else stored.checkpoint
            if point is None or point.size > frontier.size:
                heads.append(Head(frontier.size, frontier.root()))
            else:
                heads.append(Head(frontier.size, frontier.root(), point.size, point.root))
        vault.use(catalogue, current)
        stones, held = tombstones(vault), held_copies(vault)
    except BaseException:  # Ctrl-C, too: the vault goes on with its own catalogue
        vault.use(None, current)
        catalogue.close()
        raise
    step("restore-learned")
    return Source(
        archive,
        control,
        plaintext,
        lambda digest: archive.open(object_key(digest)),
        heads,
        stones,
        held=held,
    )


def _bring(vault: Vault, source: Source, progress: Progress | None) -> Mirrored:
    """Step 4, into the vault's own stores."""
    vault.archive.clear_leftovers()
    vault.control.clear_leftovers()
    target = Target(vault.archive, vault.control)
    mirror = Mirror(source, target, Position(), lambda at: step("restore-slice"), progress)
    found = mirror.run()
    _late_checkpoint(vault, source)
    vault.log.forget()
    return found


def _late_checkpoint(vault: Vault, source: Source) -> None:
    """A checkpoint over more entries than the replica's control/ holds shows what is missing."""
    for number in range(len(source.heads)):
        note = source.log(number).checkpoint()
        log = vault.log_number(number)
        if note is not None and log.checkpoint() is None:
            vault.archive.replace(log.checkpoint_key(), note)


def _told(
    vault: Vault, folder: Path, found: Mirrored, expect: Path | None, recovered: bool
) -> dict[str, Any]:
    frontier = vault.catalogue.frontier()
    for number in range(vault.config.log + 1):
        vault.use(vault.catalogue, number)
        collect_stamps(vault)
    relearn_peers(vault)
    relearn_cosignatures(vault)
    if expect is not None:
        confirm(vault, frontier, expect)
    stood = standing(vault, frontier)
    (folder / _BEGUN).unlink(missing_ok=True)
    notices = list(stood.reasons)
    if expect is None:
        notices.append(_WAY)
    if recovered:
        notices.append(_LOST_KEYS)
    return {
        **found.counts(),
        "entries": frontier.size,
        "exit": 10 if found.findings else 0,
        "findings": found.findings,
        "items": vault.catalogue.count_items(),
        "notices": notices,
        "origin": vault.entry_zero().origin,
        "state": stood.state,
        "vault": str(folder),
    }
