"""One writer: driver.py VAULT PATH… takes in, in small commits; prints the result as JSON.

EVIDENCE_TEST_STOP=STEP stops it (SIGSTOP) when it first passes that step of the write order; told
to go on (SIGCONT), it knows nothing of the time between.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from evidence_vault.errors import VaultError
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.opening import open_vault

PASSPHRASE = "correct horse battery"


def stop_instead() -> None:
    """The step that is named stops this process instead of killing it, once."""
    os.environ["EVIDENCE_VAULT_FAULT"] = os.environ["EVIDENCE_TEST_STOP"]
    really = os.kill

    def stop(process: int, number: int) -> None:
        os.environ.pop("EVIDENCE_VAULT_FAULT", None)
        print("stopped", file=sys.stderr, flush=True)
        really(process, signal.SIGSTOP if number == signal.SIGKILL else number)

    os.kill = stop


if __name__ == "__main__":
    from evidence_vault.seal import keyring
    from evidence_vault.vault import ingest as taking_in

    keyring.LOG_N = 10
    taking_in._GROUP_ITEMS = int(os.environ.get("EVIDENCE_TEST_GROUP", "1024"))
    if "EVIDENCE_TEST_STOP" in os.environ:
        stop_instead()
    try:
        with open_vault(Path(sys.argv[1]), lambda: PASSPHRASE) as vault:
            paths = [os.fsencode(path) for path in sys.argv[2:]]
            result = ingest(vault, IngestRequest(paths, by="clerk-1", workers=1))
        status = int(result["exit"])
    except VaultError as error:
        result = {"code": error.code, "message": error.message, "hint": error.hint}
        status = int(error.exit_status)
    json.dump(result, sys.stdout)
    sys.exit(status)
