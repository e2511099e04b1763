"""Calls the public doors in a process of its own; prints one JSON document.

driver.py ingest VAULT PATH… | checkpoint VAULT | passphrase VAULT NEW | succeed VAULT RECOVERY |
          rotate VAULT RECOVERY ROLE | grant VAULT RECIPIENT | withdraw VAULT
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from evidence_vault.errors import VaultError
from evidence_vault.vault.checking import log_checkpoint
from evidence_vault.vault.creation import change_passphrase
from evidence_vault.vault.grants import grant, withdraw
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.keychanges import Ceremony, rotate
from evidence_vault.vault.opening import open_vault
from evidence_vault.vault.succession import succeed

PASSPHRASE = "correct horse battery"


def peak_kib() -> int:
    """Peak memory of this program alone: ru_maxrss would count the process that started it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise RuntimeError("this system does not tell the peak memory")


def main(command: str, folder: Path, *rest: str) -> dict[str, Any]:
    if command == "passphrase":
        return change_passphrase(folder, lambda: PASSPHRASE, lambda: rest[0])
    if command == "succeed":
        return succeed(folder, lambda: PASSPHRASE, Path(rest[0]), "the test lost the log")
    with open_vault(folder, lambda: PASSPHRASE) as vault:
        if command == "checkpoint":
            return log_checkpoint(vault)
        if command == "rotate":
            ceremony = Ceremony(Path(rest[0]), lambda: PASSPHRASE, lambda: PASSPHRASE)
            return rotate(vault, rest[1], ceremony)
        if command == "grant":
            return grant(vault, rest[0], "partner-1", lambda: PASSPHRASE)
        if command == "withdraw":
            return withdraw(vault, "partner-1", lambda: PASSPHRASE)
        assert command == "ingest"
        _ = vault.keyring
        print("open", file=sys.stderr, flush=True)
        paths = [os.fsencode(path) for path in rest]
        metadata = os.environ.get("EVIDENCE_TEST_METADATA", "retain")
        return ingest(vault, IngestRequest(paths, metadata=metadata))


def die_before_write(number: int) -> None:
    """Kill this process before its write number ``number`` (from 0) to a store."""
    import signal

    from evidence_vault.store.filesystem import FilesystemStore

    left = [number]

    def counted(write: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return write(*arguments, **named)

        return call

    for name in ("create", "replace"):
        setattr(FilesystemStore, name, counted(getattr(FilesystemStore, name)))


if __name__ == "__main__":
    from evidence_vault.seal import keyring
    from evidence_vault.vault import ingest as taking_in

    keyring.LOG_N = 10
    if "EVIDENCE_TEST_GROUP" in os.environ:  # smaller commits, so that there are several
        taking_in._GROUP_ITEMS = int(os.environ["EVIDENCE_TEST_GROUP"])
    if "EVIDENCE_TEST_WRITES" in os.environ:
        die_before_write(int(os.environ["EVIDENCE_TEST_WRITES"]))
    try:
        result = main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
        status = int(result.get("exit", 0))
    except VaultError as error:
        result = {"code": error.code, "message": error.message, "hint": error.hint}
        status = int(error.exit_status)
    result["peak_kib"] = peak_kib()
    json.dump(result, sys.stdout)
    sys.exit(status)
