"""The catalogue made anew from the two roots; a vault reopened with its recovery file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evidence_vault.errors import KeyProblem, UsageError
from evidence_vault.log.catalogue import Catalogue
from evidence_vault.log.sequencer import Sequencer
from evidence_vault.seal.keyring import Ed25519Signer, Keyring
from evidence_vault.seal.recovery import read_recovery
from evidence_vault.vault.cosignatures import relearn_cosignatures
from evidence_vault.vault.countersigning import relearn_peers
from evidence_vault.vault.creation import replace_keyring
from evidence_vault.vault.digesting import digest_committed
from evidence_vault.vault.opening import Vault, open_vault
from evidence_vault.vault.stamping import collect_stamps
from evidence_vault.vault.standing import NO_KEY, OK, confirm, standing

Progress = Callable[[int, int], None]


def rebuild(
    folder: Path,
    passphrase: Callable[[], str],
    *,
    recovery: Path | None = None,
    expect: Path | None = None,
    no_index: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Recreate the catalogue from ``archive/`` and ``control/`` alone.

    ``recovery``: a recovery file, when the keyring or its passphrase is lost; a new keyring is
    made under ``passphrase``, which reads everything and signs nothing until ``log succeed``.
    ``no_index``: leave out the searchable tables. The old catalogue is kept until the new one is
    complete. A store that ends early is replayed as far as it goes; ``state`` says so. Raises
    LogInconsistent when it contradicts itself.
    """
    with open_vault(folder, passphrase) as vault:
        if recovery is not None:
            _recover(vault, recovery, passphrase)
        _ = vault.keyring
        with vault.locked():
            entries, items = _replay(vault, not no_index, progress)
    with open_vault(folder, passphrase) as vault, vault.locked():
        frontier = vault.catalogue.frontier()
        if expect is not None:
            confirm(vault, frontier, expect)
        found = standing(vault, frontier)
        relearn_peers(vault)
        relearn_cosignatures(vault)
    return {
        "entries": entries,
        "exit": 0 if found.state in (OK, NO_KEY) else 11,
        "items": items,
        "notices": list(found.reasons),
        "state": found.state,
    }


def _replay(vault: Vault, with_index: bool, progress: Progress | None) -> tuple[int, int]:
    path = vault.folder / vault.config.catalogue
    fresh = path.with_name(path.name + ".rebuilding")
    for leftover in (fresh, *_companions(fresh)):
        leftover.unlink(missing_ok=True)
    current = vault.config.log
    catalogue = Catalogue.create(fresh, 0)
    entries = 0
    try:
        for number in range(current + 1):
            if number:
                catalogue.add_log(number)
            vault.use(catalogue, number)
            sequencer = Sequencer(vault.log, catalogue)
            entries += _replay_log(vault, sequencer, with_index, progress)
            collect_stamps(vault)
        items = catalogue.count_items()
    finally:
        catalogue.close()
        vault.use(None, current)
    for old in _companions(path):
        old.unlink(missing_ok=True)
    os.replace(fresh, path)
    return entries, items


def _replay_log(
    vault: Vault, sequencer: Sequencer, with_index: bool, progress: Progress | None
) -> int:
    return sequencer.catch_up(
        lambda at, start, item, rows: digest_committed(vault, at, start, item, rows, with_index),
        progress,
    )


def _recover(vault: Vault, recovery: Path, passphrase: Callable[[], str]) -> None:
    """Make a keyring from a recovery file: it reads what was sealed to the recovery recipient."""
    try:
        rescue = read_recovery(recovery.read_bytes(), passphrase)
    except OSError as error:
        raise UsageError(f"{recovery} can't be read: {error.strerror}") from error
    zero = vault.entry_zero()
    root = Ed25519Signer(rescue.root_seed)
    if root.keyid not in zero.with_role("root"):
        raise KeyProblem(
            "this recovery file belongs to another vault",
            code="E-RECOVERY-FOREIGN",
            hint="look for the file that names the log " + zero.origin,
        )
    keyring = Keyring.recovered(
        zero.origin,
        zero.prefix,
        vault.config.plaintext,
        str(rescue.identity),
        str(rescue.identity.to_recipient()),
    )
    replace_keyring(vault, keyring, passphrase())
    vault.adopt_keyring(keyring)


def _companions(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal")]
