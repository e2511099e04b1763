"""Moves a vault in a process of its own: driver.py VAULT [store|folder|database|sqlite=VALUE]…"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from evidence_vault.errors import VaultError
from evidence_vault.vault import movingcopy
from evidence_vault.vault.moving import migrate
from evidence_vault.vault.movingplan import MoveRequest

PASSPHRASE = "correct horse battery"


def request(arguments: list[str]) -> MoveRequest:
    values: dict[str, Any] = dict(each.partition("=")[::2] for each in arguments)
    if "folder" in values:
        values["folder"] = Path(values["folder"])
    if "sqlite" in values:
        values["sqlite"] = True
    return MoveRequest(**values, by="clerk-1", purpose="a larger disk")


if __name__ == "__main__":
    from evidence_vault.seal import keyring

    keyring.LOG_N = 10
    movingcopy._BATCH_OBJECTS = 3  # small batches, so that there are several
    movingcopy._BATCH_FILES = 4
    try:
        result = migrate(Path(sys.argv[1]), lambda: PASSPHRASE, request(sys.argv[2:]))
        status = int(result["exit"])
    except VaultError as error:
        result = {"code": error.code, "message": error.message, "hint": error.hint}
        status = int(error.exit_status)
    json.dump(result, sys.stdout)
    sys.exit(status)
