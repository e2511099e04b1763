"""Takes in files in a process of its own, which a test may kill or whose disk calls it may bend.

``python driver.py`` reads one JSON order per line from standard input, forks a child for each,
tells its process number, and tells how it ended when asked (``{"wait": PID}``). A child writes JSON
lines into the file ``out``: ``{"ack": [[id, name, sha256], …]}`` as soon as a group is committed
and its items are in the result, and at the end ``{"results": […]}`` or ``{"error": …}``.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from evidence_vault.cli.boundary import describe_os_error
from evidence_vault.errors import Exit, VaultError
from evidence_vault.seal import keyring
from evidence_vault.store import filesystem
from evidence_vault.vault import ingest as taking_in
from evidence_vault.vault import pins, writer
from evidence_vault.vault.batching import Batch
from evidence_vault.vault.checking import log_checkpoint
from evidence_vault.vault.creation import create_vault
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.opening import Vault, open_vault
from evidence_vault.vault.rebuilding import rebuild

PASSPHRASE = "correct horse battery"


def tell_shim(command: str) -> None:
    """Order the library of powercut.c, if it was loaded; else nothing happens."""
    with contextlib.suppress(OSError):
        os.rmdir("/.powercut/" + command)


class Teller:
    """Writes lines that survive this process; each is also a mark in the shim's journal."""

    def __init__(self, path: str) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._count = 0

    def __call__(self, **line: Any) -> None:
        os.write(self._handle, json.dumps(line).encode() + b"\n")
        tell_shim(f"mark/line {self._count}")
        self._count += 1


def watch_groups(tell: Teller) -> None:
    """Tell what is acknowledged as soon as a group's commit has returned."""
    real = Batch.commit

    def commit(self: Batch) -> None:
        before = len(self.taken_in)
        real(self)
        fresh = [[row["id"], row["name"], row["sha256"]] for row in self.taken_in[before:]]
        if fresh:
            tell(ack=fresh)

    Batch.commit = commit  # type: ignore[method-assign]  # watched on purpose


def work(order: dict[str, Any]) -> None:
    """One child: open the vault and take in each list of paths in turn."""
    os.environ.update(order.get("environment", {}))
    os.environ["EVIDENCE_VAULT_STATE"] = order["state"]
    os.environ["EVIDENCE_VAULT_EXIFTOOL"] = "off"
    keyring.LOG_N = 10
    taking_in._GROUP_ITEMS = order.get("group", 3)
    if "part_bytes" in order:
        filesystem.FilesystemStore.__init__.__defaults__ = (order["part_bytes"],)
    if "skew" in order:
        skew_clock(order["skew"])
    if "stop_at" in order:
        stop_at(order["stop_at"])
    if "wait_seconds" in order:
        # What contextmanager wraps.
        Vault.locked.__wrapped__.__defaults__ = (order["wait_seconds"],)  # type: ignore[attr-defined]
    tell = Teller(order["out"])
    watch_groups(tell)
    folder = Path(order["vault"])
    for command in order.get("shim", ()):
        tell_shim(command)
    try:
        results = [doing(folder, act) for act in order["acts"]]
        tell_shim("told")
        tell(results=results)
    except VaultError as error:
        tell(
            error={
                "code": error.code,
                "message": error.message,
                "hint": error.hint,
                "exit": int(error.exit_status),
            }
        )
    except OSError as error:  # what the command line makes of it
        told = describe_os_error(error)
        tell(error={**told, "exit": int(Exit.UNREACHABLE)})
    except BaseException as error:  # a crash is what the judge wants to hear of
        tell(crash=f"{type(error).__name__}: {error}", trace=traceback.format_exc())


def stop_at(name: str) -> None:
    """Stop this process (SIGSTOP) at the first passage of a step under the writer lock."""
    left = [name]

    def step(name: str) -> None:
        if name in left:
            left.clear()
            os.kill(os.getpid(), signal.SIGSTOP)

    setattr(writer, "step", step)  # noqa: B010 - mypy knows no such attribute
    setattr(pins, "step", step)  # noqa: B010 - mypy knows no such attribute


def skew_clock(seconds: int) -> None:
    """Let requests be signed with a clock that is wrong by so much."""
    import datetime

    import botocore.auth

    def wrong(remove_tzinfo: bool = True) -> datetime.datetime:
        now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
        return now.replace(tzinfo=None) if remove_tzinfo else now

    botocore.auth.get_current_datetime = wrong


def doing(folder: Path, act: dict[str, Any]) -> dict[str, Any]:
    if act["do"] == "init":
        create_vault(folder, org="Test House", passphrase=PASSPHRASE, **act.get("options", {}))
        return {}
    if act["do"] == "rebuild":
        return rebuild(folder, lambda: PASSPHRASE)
    with open_vault(folder, lambda: PASSPHRASE) as vault:
        if act["do"] == "checkpoint":
            return log_checkpoint(vault)
        return ingest(vault, IngestRequest([os.fsencode(path) for path in act["paths"]]))


def serve() -> None:
    if "AWS_SHARED_CREDENTIALS_FILE" in os.environ:
        import boto3  # noqa: F401 - once, not in each child
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            answer = {"status": os.waitstatus_to_exitcode(status)}
        else:
            child = os.fork()
            if child == 0:
                try:
                    work(order)
                finally:
                    os._exit(0)
            answer = {"pid": child}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve()
