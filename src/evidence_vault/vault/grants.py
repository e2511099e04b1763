"""key grant and key withdraw: who else can read what comes in from now on."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from evidence_vault.core import age
from evidence_vault.core.event import parse_entry
from evidence_vault.errors import UsageError
from evidence_vault.vault.creation import replace_keyring
from evidence_vault.vault.faults import step
from evidence_vault.vault.opening import Vault, demand_desk
from evidence_vault.vault.records import committed_at, open_record
from evidence_vault.vault.writer import writing

GRANTED, WITHDRAWN = "granted", "withdrawn"
RUNNING = "a command that is running now still encrypts to the readers it began with"

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


def grant(
    vault: Vault,
    recipient: str,
    name: str,
    passphrase: Callable[[], str],
    by: str | None = None,
    purpose: str | None = None,
) -> dict[str, Any]:
    """Encrypt every new unit to one more reader, too.

    The event comes first, then the keyring: a crash between them leaves a log that says more
    than is so, never less. Raises UsageError for a name or recipient that is taken or can't be.
    """
    keyring = vault.keyring
    demand_desk(vault, "choose who reads: its desk's card does")
    if keyring.plaintext:
        raise UsageError("this vault is not encrypted: whoever has the disk reads everything")
    if not _CODE.match(name):
        raise UsageError("--name is a code of letters, digits, '.', '_' and '-', never a name")
    if not isinstance(age.parse_recipient(recipient), age.PQRecipient):
        raise UsageError(
            "a reader of a vault needs a post-quantum key (age1pq1…)",
            code="E-RECIPIENT",
            hint="`age-keygen -pq` of age 1.3 or later makes one",
        )
    if recipient in keyring.recipients or name in dict(keyring.granted):
        raise UsageError(
            f"{name} or its key is a reader already", code="E-GRANTED", hint="`key list` shows them"
        )
    reader = {"name": name, "recipient": recipient}
    index = _record(vault, GRANTED, {"actor": by, "purpose": purpose, "reader": reader})
    step("grant-recorded")
    fresh = keyring.granting(name, recipient)
    replace_keyring(vault, fresh, passphrase())
    vault.adopt_keyring(fresh)
    return {
        "event": index,
        "name": name,
        "notices": [
            f"{name} can read what comes in from now on, and nothing that is in already",
            "reading outside of this program leaves no trace in the log",
            RUNNING,
        ],
        "recipient": recipient,
    }


def withdraw(
    vault: Vault,
    name: str,
    passphrase: Callable[[], str],
    by: str | None = None,
    purpose: str | None = None,
) -> dict[str, Any]:
    """No longer encrypt new units to a reader.

    The keyring comes first, then the event: a crash between them leaves a log that still names
    the reader, and running the command again records it. Raises UsageError for nobody's name.
    """
    keyring = vault.keyring
    recipient = dict(keyring.granted).get(name)
    if recipient is not None:
        fresh = keyring.withdrawing(name)
        replace_keyring(vault, fresh, passphrase())
        vault.adopt_keyring(fresh)
        step("withdraw-done")
    else:
        recipient = _recorded(vault).get(name)
    if recipient is None:
        raise UsageError(f"there is no reader {name}", code="E-NO-READER", hint="see `key list`")
    reader = {"name": name, "recipient": recipient}
    index = _record(vault, WITHDRAWN, {"actor": by, "purpose": purpose, "reader": reader})
    return {
        "event": index,
        "name": name,
        "notices": [
            f"{name} can't read what comes in from now on; what {name} could read before can "
            "still be read, for ever, by whoever has that key and a copy of the store",
            RUNNING,
        ],
        "recipient": recipient,
    }


def _record(vault: Vault, kind: str, values: dict[str, Any]) -> int:
    with writing(vault) as writer:
        writer.vault_event(kind, values)
        index = writer.commit()
        writer.checkpoint()
    return index


def _recorded(vault: Vault) -> dict[str, str]:
    """Readers by name who were granted and not withdrawn, as the log says."""
    found: dict[str, str] = {}
    for index in vault.catalogue.indexes_of((GRANTED, WITHDRAWN)):
        committed = committed_at(vault, index)
        event = parse_entry(committed.entry).event
        reader = open_record(vault, committed, event)["reader"].value
        if event.type == WITHDRAWN:
            found.pop(reader["name"], None)
        elif event.subject == {"kind": "vault"}:
            found[reader["name"]] = reader["recipient"]
    return found
