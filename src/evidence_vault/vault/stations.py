"""Field vaults (stations): the desk's card, a vault made from it, and what such a vault can't do.

A station's keyring holds signing keys and the desk's recipients, and no key that reads. Whom it
encrypts to is decided once, by the card whose fingerprint somebody compared, and stands in the
keyring under the passphrase: nothing outside the keyring changes it.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from evidence_vault import osfiles
from evidence_vault.core.card import MAX_CARD, Card, format_card, parse_card, readers_digest
from evidence_vault.core.event import parse_entry
from evidence_vault.core.keys import fingerprint_words
from evidence_vault.errors import NotFound, UsageError
from evidence_vault.seal.keyring import Ed25519Signer, Keyring, Peer
from evidence_vault.seal.recovery import Recovery
from evidence_vault.vault.checking import publish_and_sign
from evidence_vault.vault.creation import (
    begin_log,
    check_new_vault,
    make_folder,
    neutral_origin,
    neutral_prefix,
    write_recovery,
)
from evidence_vault.vault.files import demand_absent, write_new
from evidence_vault.vault.fingerprints import check_fingerprint
from evidence_vault.vault.keys import signer_for
from evidence_vault.vault.opening import Vault, demand_desk, open_vault
from evidence_vault.vault.records import committed_at

# -- the desk's side -------------------------------------------------------------------------------


def write_card(vault: Vault, out: Path) -> dict[str, Any]:
    """Write this desk's card for its field vaults.

    Raises UsageError for a vault that is not encrypted, PolicyRefused on a field vault,
    KeyProblem when the statements key was revoked.
    """
    keyring = vault.keyring
    demand_desk(vault, "make a card")
    if keyring.plaintext:
        raise UsageError(
            "this vault is not encrypted: a field vault could encrypt to nobody", code="E-PLAINTEXT"
        )
    demand_absent(out)
    zero = vault.entry_zero()
    signer = signer_for(vault, "statements")
    card = Card(
        org=keyring.org,
        origin=keyring.origin,
        prefix=keyring.prefix,
        fingerprint=zero.fingerprint.hex(),
        log_keys=zero.log_vkeys(),
        recipients=keyring.recipients,
        recovery=keyring.has_recovery,
        key=signer.public,
        issued_at=vault.clock.now(),
    )
    write_new(out, format_card(card, signer.sign))
    return {"file": str(out), **describe_card(card)}


def describe_card(card: Card) -> dict[str, Any]:
    """What to show and read aloud of a card."""
    notices = []
    if not card.recovery:
        notices.append(
            "the desk has NO recovery recipient: if it loses its keyring, what field vaults took "
            "in is lost for ever"
        )
    return {
        "fingerprint": card.digest().hex(),
        "fingerprint_words": fingerprint_words(card.digest()),
        "issued_at": card.issued_at,
        "notices": notices,
        "org": card.org,
        "origin": card.origin,
        "readers": readers_of(card.recipients),
    }


def readers_of(recipients: tuple[str, ...]) -> dict[str, Any]:
    """How many can read what is encrypted from now on, and words to compare them by."""
    digest = readers_digest(recipients)
    return {
        "count": len(recipients),
        "fingerprint": digest.hex(),
        "fingerprint_words": fingerprint_words(digest),
    }


# -- the station's side ----------------------------------------------------------------------------


def read_card(path: Path) -> Card:
    """Raises UsageError for what can't be read, FormatError or SignatureInvalid for no card."""
    try:
        with path.open("rb") as stream:
            return parse_card(stream.read(MAX_CARD + 1))
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error


def create_station(
    folder: Path,
    *,
    card: Card,
    fingerprint: str,
    passphrase: str,
    prefix: str | None = None,
    origin: str | None = None,
    recovery: Path | None = None,
    no_recovery: bool = False,
    by: str | None = None,
) -> dict[str, Any]:
    """Make a field vault in a new or empty folder that encrypts to the recipients of a card.

    ``fingerprint``: of the card, as the desk said it (words or hex); raises EvidenceError when it
    is another. The recovery file holds the root key, to continue the log, and reads nothing.
    """
    osfiles.private_umask()
    folder = folder.absolute()
    check_fingerprint(fingerprint, card.digest(), "the card")
    prefix = prefix or neutral_prefix()
    origin = origin or neutral_origin()
    if prefix == card.prefix or origin == card.origin:
        raise UsageError(
            "a field vault needs a prefix and a log of its own, others than those of its desk",
            code="E-PREFIX-TAKEN",
        )
    check_new_vault(folder, card.org, prefix, origin, passphrase)
    beside = folder.with_name(folder.name + "-recovery.txt")
    target = None if no_recovery else (recovery or beside)
    if target is not None:
        demand_absent(target)
    root_seed = secrets.token_bytes(32)
    root = Ed25519Signer(root_seed)
    desk = Peer(card.org, card.origin, card.log_keys)
    keyring = Keyring.station(origin, card.org, prefix, card.recipients, desk)
    if target is not None:
        rescue = Recovery(None, root_seed)
        write_recovery(target, rescue, None if recovery else passphrase, origin)
    make_folder(folder, keyring, passphrase)
    with open_vault(folder) as vault:
        vault.adopt_keyring(keyring)
        begin_log(vault, root, by, None)
        publish_and_sign(vault)
        zero = vault.entry_zero()
    return {
        "desk": {"org": card.org, "origin": card.origin},
        "fingerprint": zero.fingerprint.hex(),
        "fingerprint_words": fingerprint_words(zero.fingerprint),
        "notices": _notices(target, recovery is not None),
        "origin": origin,
        "prefix": prefix,
        "readers": readers_of(card.recipients),
        "recovery_file": None if target is None else str(target),
        "recovery_sealed": target is not None and recovery is None,
        "sealed": True,
        "station": True,
        "vault": str(folder),
    }


def _notices(target: Path | None, elsewhere: bool) -> list[str]:
    said = ["this vault takes in and reads nothing: only the desk opens what it holds"]
    if target is None:
        said.append(
            "there is NO recovery file: if the passphrase is lost, this log can never be "
            "continued; what was taken in is still read at the desk"
        )
    elif elsewhere:
        said.append(
            f"{target} continues this vault's log and reads nothing: keep it at the desk, not "
            "with this machine"
        )
    else:
        said.append(
            f"the recovery file {target} opens with the same passphrase: move it to the desk now; "
            "it continues the log and reads nothing"
        )
    return said


# -- what can be seen without reading --------------------------------------------------------------


def list_stored(
    vault: Vault, limit: int | None, offset: int, after: str | None = None
) -> tuple[list[dict[str, Any]], int]:
    """Items by identifier with the time they were taken in; and how many there are in all."""
    rows = []
    for item in vault.catalogue.page_of_items(after, limit, offset):
        found = vault.catalogue.home(item)
        assert found is not None
        _, log, index = found
        rows.append({"id": item, "recorded_at": vault.catalogue.entry(index, log).recorded_at})
    return rows, vault.catalogue.count_items()


def show_stored(vault: Vault, item: str) -> dict[str, Any]:
    """What stands in clear of an item: its events, and its units with the sizes stored."""
    found = vault.catalogue.home(item)
    if found is None:
        raise UsageError(
            f"there is no item {item} in this vault",
            code="E-NO-ITEM",
            hint="`evidence-vault list` shows the items",
        )
    events, units = [], []
    for number in range(vault.config.log + 1):
        for seq, index in enumerate(vault.catalogue.history(item, number)):
            event = parse_entry(committed_at(vault, index, number).entry).event
            events.append(
                {"index": index, "recorded_at": event.recorded_at, "seq": seq, "type": event.type}
            )
            units += [
                {**u.to_json(), "stored_bytes": _stored(vault, u.objects)}
                for u in event.units
                if u.kind != "record"
            ]
    return {"events": events, "home": found[0], "id": item, "station": True, "units": units}


def _stored(vault: Vault, digests: tuple[str, ...]) -> int | None:
    """Bytes of a unit's objects as they are stored, padding included; None when one is gone."""
    total = 0
    for digest in digests:
        try:
            with vault.open_object(digest) as stream:
                total += stream.seek(0, 2)
        except NotFound:
            return None
    return total
