"""Calls the public doors in a process of its own.

driver.py cosign VAULT REQUEST ANSWER | init VAULT | import VAULT ANSWER
"""

from __future__ import annotations

import sys
from pathlib import Path

from evidence_vault.seal import keyring
from evidence_vault.vault.cosignatures import witness_import
from evidence_vault.vault.opening import open_vault
from evidence_vault.vault.witness_setup import witness_init
from evidence_vault.vault.witnessing import witness_cosign

PASSPHRASE = "correct horse battery"


def main(command: str, folder: Path, *rest: Path) -> None:
    keyring.LOG_N = 10
    with open_vault(folder, lambda: PASSPHRASE) as vault:
        if command == "cosign":
            witness_cosign(vault, *rest)
        elif command == "init":
            witness_init(vault, lambda: PASSPHRASE, None)
        else:
            witness_import(vault, rest)


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
