"""``log succeed``: a new log that names the old one, when the old one can't be continued.

The old log stays whole where it is and readable; items keep their identifiers and home. The new
log has new signing keys, enrolled by the same root key from the recovery file.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from evidence_vault import osfiles
from evidence_vault.config import FILE, format_config
from evidence_vault.core.keys import fingerprint_words
from evidence_vault.errors import UsageError
from evidence_vault.log.sequencer import Sequencer
from evidence_vault.vault.checking import publish_and_sign
from evidence_vault.vault.creation import (
    begin_log,
    neutral_origin,
    pin_beginning,
    replace_keyring,
)
from evidence_vault.vault.digesting import digest_committed
from evidence_vault.vault.faults import step
from evidence_vault.vault.keys import root_signer
from evidence_vault.vault.opening import Vault, open_vault
from evidence_vault.vault.standing import demand_not_moved, standing


def succeed(
    folder: Path,
    passphrase: Callable[[], str],
    recovery: Path,
    reason: str,
    org: str | None = None,
) -> dict[str, Any]:
    """Begin a new log in this vault; the old one's size and root stand in its entry 0.

    ``recovery``: the recovery file, which holds the root key. Raises KeyProblem when it is
    another vault's, UsageError without a reason. ``org``: the organisation's name, which a
    keyring made from a recovery file does not know.
    """
    if not reason.strip():
        raise UsageError("--reason must say why the log is succeeded")
    with open_vault(folder, passphrase) as vault:
        zero = vault.entry_zero()
        root = root_signer(zero, recovery, passphrase)
        with vault.locked():
            sequencer = Sequencer(vault.log, vault.catalogue)
            sequencer.catch_up(lambda *a: digest_committed(vault, *a))
            demand_not_moved(standing(vault, sequencer.state()))
            old = sequencer.state()
        succeeds = {"origin": zero.origin, "root": old.root().hex(), "size": old.size}
        # Each step is one that a second run passes over when the first was ended in between;
        # the configuration, which makes the new log the current one, comes last.
        keyring = vault.keyring
        if keyring.origin == zero.origin:
            keyring = keyring.renewed(neutral_origin(), org or keyring.org)
            replace_keyring(vault, keyring, passphrase())
            vault.adopt_keyring(keyring)
        step("succeed-keyring")
        number = vault.config.log + 1
        with vault.locked():
            vault.catalogue.add_log(number)
            vault.use(vault.catalogue, number)
            if any(vault.log.commits(0)):
                pin_beginning(vault)
            else:
                begin_log(vault, root, reason, succeeds)
        step("succeed-begun")
        _make_current(vault, number)
    with open_vault(folder, passphrase) as vault:
        publish_and_sign(vault)
        zero = vault.entry_zero()
    return {
        "fingerprint": zero.fingerprint.hex(),
        "origin": zero.origin,
        "succeeds": succeeds,
        "words": fingerprint_words(zero.fingerprint),
    }


def _make_current(vault: Vault, number: int) -> None:
    temporary = vault.folder / f"{FILE}.{secrets.token_hex(4)}"
    with open(temporary, "xb") as stream:
        stream.write(format_config(replace(vault.config, log=number)).encode())
        osfiles.sync_file(stream)
    os.replace(temporary, vault.folder / FILE)
    osfiles.sync_folder(vault.folder)
