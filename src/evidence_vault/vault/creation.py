"""Making a vault, and changing its passphrase."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from evidence_vault import osfiles
from evidence_vault.config import FILE, Places, VaultConfig, format_config, is_url
from evidence_vault.core import age
from evidence_vault.core.disclosure import make_disclosure
from evidence_vault.core.entry0 import NamedKey, format_clear
from evidence_vault.core.event import FIELDS, is_prefix
from evidence_vault.core.keys import fingerprint_words
from evidence_vault.core.merkle import EMPTY_ROOT
from evidence_vault.core.shapes import is_origin
from evidence_vault.core.text import escape_for_display
from evidence_vault.core.words import WORDS
from evidence_vault.errors import (
    InternalError,
    LogInconsistent,
    StoreError,
    UsageError,
    VaultBusy,
    VaultError,
)
from evidence_vault.log.catalogue import Catalogue, IndexRows
from evidence_vault.log.postgres import is_server
from evidence_vault.log.sequencer import Prepared, Sequencer
from evidence_vault.log.writerlock import server_lock
from evidence_vault.seal.keyring import Ed25519Signer, Keyring, seal_keyring
from evidence_vault.seal.recovery import Recovery, format_recovery, read_recovery
from evidence_vault.seal.units import UnitMaker
from evidence_vault.vault.checking import publish_and_sign
from evidence_vault.vault.entrymaking import build_entry
from evidence_vault.vault.faults import step
from evidence_vault.vault.files import demand_absent, new_file
from evidence_vault.vault.newplaces import (
    choose_places,
    demand_empty_database,
    made_in,
    place_notices,
    place_of,
    prepare,
)
from evidence_vault.vault.opening import KEYRING, Vault, open_vault
from evidence_vault.vault.pins import Pin, outside_path, read_pins, write_pins
from evidence_vault.vault.undoing import Undo, told_with_buckets

_CONSONANTS = "BCDFGHJKLMNPQRSTVWXZ"
MIN_PASSPHRASE = 8
_WAIT_SECONDS = 60.0


def create_vault(
    folder: Path,
    *,
    org: str,
    passphrase: str,
    prefix: str | None = None,
    origin: str | None = None,
    recovery: Path | None = None,
    no_recovery: bool = False,
    plaintext: bool = False,
    by: str | None = None,
    store: str | None = None,
    database: str | None = None,
) -> dict[str, Any]:
    """Make a vault in a new or empty folder.

    ``store``: an ``s3://`` URL (newplaces.py). ``database``: URL of a PostgreSQL database for its
    catalogue, which holds no other vault's. Everything is tried before anything is made, and what
    a failure leaves is taken away again, but for buckets. Raises UsageError for a folder that holds
    something, a malformed prefix or origin, a short passphrase, a place that can't be used.
    """
    osfiles.private_umask()
    folder = folder.absolute()
    prefix = prefix or neutral_prefix()
    origin = origin or neutral_origin()
    check_new_vault(folder, org, prefix, origin, passphrase)
    beside = folder.with_name(folder.name + "-recovery.txt")
    target = None if no_recovery else (recovery or beside)
    if target is not None:
        demand_absent(target)
    places = choose_places(store, database, plaintext)
    if database is not None:
        demand_empty_database(database)
    prepared = prepare(places)
    buckets = made_in(prepared)
    root_seed = secrets.token_bytes(32)
    root = Ed25519Signer(root_seed)
    rescue = Recovery(age.PQIdentity.generate(), root_seed)
    pinned = None if no_recovery else rescue.recipient()
    keyring = Keyring.create(origin, org, prefix, plaintext, pinned)
    undo = Undo(folder, places, origin, root.public)
    try:
        undo.claim_folder()
        if target is not None:
            write_recovery(target, rescue, None if recovery else passphrase, origin)
            undo.recovery = target
        with _alone(places):
            undo.schema = make_folder(folder, keyring, passphrase, places)
            _begin(folder, keyring, root, by, places)
        with open_vault(folder) as vault:
            vault.adopt_keyring(keyring)
            publish_and_sign(vault)
            zero = vault.entry_zero()
    except VaultError as error:
        undo.run()
        raise told_with_buckets(error, buckets) from error
    except BaseException:  # Ctrl-C, too: nothing half made stays
        undo.run()
        raise
    return {
        "buckets_made": buckets,
        "fingerprint": zero.fingerprint.hex(),
        "fingerprint_words": fingerprint_words(zero.fingerprint),
        "notices": _notices(target, recovery is not None, plaintext)
        + prepared.notices
        + place_notices(places),
        "origin": origin,
        "places": places.told(),
        "prefix": prefix,
        "recovery_file": None if target is None else str(target),
        "recovery_sealed": target is not None and recovery is None,
        "sealed": not plaintext,
        "vault": str(folder),
    }


@contextmanager
def _alone(places: Places) -> Iterator[None]:
    """Nobody else makes a vault in the same database, or writes into one there."""
    if not is_server(places.catalogue):
        yield
        return
    told = f"process {os.getpid()} making a vault"
    with server_lock(places.catalogue, told, _WAIT_SECONDS) as held:
        yield
        held.demand_held()


def _begin(
    folder: Path, keyring: Keyring, root: Ed25519Signer, by: str | None, places: Places
) -> None:
    """Entry 0, the first thing in a store: create-only, so of two that begin there one does.

    Raises UsageError (E-NOT-EMPTY) for the other. Nothing was written there by it.
    """
    with open_vault(folder) as vault:
        vault.adopt_keyring(keyring)
        taken = is_url(places.archive) and next(iter(vault.archive.keys("")), None) is not None
        try:
            if not taken:
                begin_log(vault, root, by, None)
        except LogInconsistent as error:
            if error.code != "E-COMMIT-TAKEN":
                raise
            taken = True
    if taken:
        raise UsageError(
            "another process has begun a vault in that store meanwhile",
            code="E-NOT-EMPTY",
            hint="name a store for this vault alone",
        )


def begin_log(
    vault: Vault, root: Ed25519Signer, by: str | None, succeeds: dict[str, Any] | None
) -> None:
    """Commit entry 0, signed by the root key: it names every key of the vault."""
    keyring = vault.keyring
    log, log_pq = keyring.log_signers()
    keys = [
        NamedKey("root", root.public),
        NamedKey("events", keyring.events_signer().public),
        NamedKey("statements", keyring.statements_signer().public),
        NamedKey("log", log.public),
        NamedKey("log-pq", log_pq.public),
    ]
    disclosures = [] if by is None else [make_disclosure(secrets.token_bytes(32), "actor", by)]
    seen = () if succeeds is None else (succeeds,)
    entry: Prepared = build_entry(
        kind="vault-created",
        origin=keyring.origin,
        subject={"kind": "vault"},
        seq=None,
        prev=None,
        seen=seen,
        recorded_at=vault.clock.now(),
        signer=root,
        names=FIELDS["vault-created"],
        disclosures=disclosures,
        units=(),
        record=UnitMaker(keyring.recipients, keyring.plaintext).new(),
        members=(),
        clear=format_clear(keys, keyring.prefix, succeeds),
    )
    sequencer = Sequencer(vault.log, vault.catalogue, step)
    if sequencer.frontier.size:
        raise InternalError("entry 0 of a log that has entries")
    sequencer.append([entry], IndexRows())
    pin_beginning(vault)


def pin_beginning(vault: Vault) -> None:
    """Pin a log of which nothing is signed yet."""
    keyring = vault.keyring
    digest = hashlib.sha256(vault.keyring_bytes()).hexdigest()
    write_pins(vault, Pin(keyring.origin, 0, EMPTY_ROOT, digest), keyring)


def change_passphrase(
    folder: Path, old: Callable[[], str], new: Callable[[], str]
) -> dict[str, Any]:
    """Seal the keyring under another passphrase; the previous file is kept beside it."""
    with open_vault(folder, old) as vault:
        keyring = vault.keyring
        fresh = new()
        check_passphrase(fresh)
        previous = replace_keyring(vault, keyring, fresh)
    return {"keyring": str(folder / KEYRING), "previous": str(previous)}


def replace_keyring(vault: Vault, keyring: Keyring, passphrase: str) -> Path:
    """Write a keyring, keeping the previous file.

    A pin that named the previous one is made to name the new one; a keyring that was not the
    pinned one stays noticed, and so does one with other keys. Raises VaultBusy when another
    process replaced the one that was opened.
    """
    path = vault.folder / KEYRING
    with vault.locked():
        previous = _free_name(vault)
        data = seal_keyring(keyring, passphrase)
        fresh = hashlib.sha256(data).hexdigest()
        pin = _pin_of_current(vault, keyring)
        if pin is not None:
            write_pins(vault, replace(pin, next_keyring=fresh), keyring)
        step("key-announced")
        temporary = path.with_name(f"keyring.new.{secrets.token_hex(4)}")
        with open(temporary, "xb") as stream:
            stream.write(data)
            osfiles.sync_file(stream)
        if path.exists():
            _copy(path, previous)
        os.replace(temporary, path)
        osfiles.sync_folder(vault.folder)
        step("key-replaced")
        if pin is not None:
            write_pins(vault, replace(pin, keyring=fresh, next_keyring=None), keyring)
        vault.keyring_digest = fresh
    return previous


def _free_name(vault: Vault) -> Path:
    """Where the present keyring will be kept, after making sure it is the one that was opened."""
    opened = vault.keyring_digest
    if opened is not None and hashlib.sha256(vault.keyring_bytes()).hexdigest() != opened:
        raise VaultBusy(
            "another process has changed the keyring in the meantime", hint="run the command again"
        )
    number = 1
    while (previous := vault.folder / f"keyring.{number}.age").exists():
        number += 1
    return previous


def _pin_of_current(vault: Vault, keyring: Keyring) -> Pin | None:
    """The newest pin, if nothing is wrong with it and it names the keyring that is there now."""
    try:
        inside, outside = read_pins(vault, keyring)
    except LogInconsistent:  # other keys: the log can't be continued with this keyring anyway
        return None
    if inside is None or (outside is None and outside_path(keyring.origin) is not None):
        return None
    if outside is not None and outside.size > inside.size:
        return None
    digest = hashlib.sha256(vault.keyring_bytes()).hexdigest()
    return inside if digest in (inside.keyring, inside.next_keyring) else None


def _copy(source: Path, target: Path) -> None:
    with open(target, "xb") as stream:
        stream.write(source.read_bytes())
        osfiles.sync_file(stream)


def check_new_vault(folder: Path, org: str, prefix: str, origin: str, passphrase: str) -> None:
    """Raises UsageError for a folder that holds something, or a name that can't be one."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} is not empty",
            code="E-EXISTS",
            hint="name a folder that does not exist yet",
        )
    if not folder.parent.is_dir():
        raise UsageError(f"the folder {folder.parent} does not exist", code="E-NO-FOLDER")
    if not org.strip():
        raise UsageError("--org must name the organisation")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in org):
        raise UsageError(
            f"--org holds a control character: {escape_for_display(org)}", hint="one line of text"
        )
    if not is_prefix(prefix):
        raise UsageError("--prefix must be 2 to 12 capital letters and digits, a letter first")
    if not is_origin(origin):
        raise UsageError("--origin must be one word without spaces or plus signs")
    check_passphrase(passphrase)


def check_passphrase(passphrase: str) -> None:
    """Raises UsageError (E-PASSPHRASE-SHORT) for one that is too short to protect anything."""
    if len(passphrase) < MIN_PASSPHRASE:
        raise UsageError(
            f"the passphrase is shorter than {MIN_PASSPHRASE} characters",
            code="E-PASSPHRASE-SHORT",
            hint="take four or more random words",
        )


def neutral_prefix() -> str:
    """Four random consonants: no word in any language."""
    return "".join(secrets.choice(_CONSONANTS) for _ in range(4))


def neutral_origin() -> str:
    """Random neutral words: an origin says nothing about the organisation."""
    words = "-".join(secrets.choice(WORDS) for _ in range(3))
    return f"{words}-{secrets.randbelow(10_000):04d}"


def make_folder(
    folder: Path, keyring: Keyring, passphrase: str, places: Places | None = None
) -> int | None:
    """The folder with its settings, keyring and an empty catalogue (field vault: no index).

    Returns the number of the schema that was made on a server.
    """
    settings = VaultConfig(0, keyring.plaintext, station=keyring.is_station)
    settings = (places or Places()).put_into(settings)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for root in (settings.archive, settings.control):
            if not is_url(root):
                (folder / root).mkdir(mode=0o700)
        data = seal_keyring(keyring, passphrase)
        for path, content in (
            (folder / KEYRING, data),
            (folder / FILE, format_config(settings).encode()),
        ):
            with open(path, "xb") as stream:
                stream.write(content)
                osfiles.sync_file(stream)
        place = place_of(folder, settings.catalogue)
        catalogue = Catalogue.create(place, 0, index=not keyring.is_station)
        catalogue.close()
        osfiles.sync_folder(folder)
    except OSError as error:
        raise StoreError(
            f"{folder} can't be made: {error.strerror}",
            code="E-NOT-WRITABLE",
            hint="check free space and who owns the folder",
        ) from error
    return catalogue.made


def write_recovery(path: Path, rescue: Recovery, passphrase: str | None, origin: str) -> None:
    """Write a recovery file, sealed under ``passphrase`` if there is one, and open it again."""
    data = format_recovery(rescue, origin)
    if passphrase is not None:
        sealed = io.BytesIO()
        from evidence_vault.seal.keyring import LOG_N

        age.encrypt_stream([age.ScryptRecipient(passphrase, LOG_N)], io.BytesIO(data), sealed)
        data = sealed.getvalue()
    with new_file(path) as stream:
        stream.write(data)
    # Test-open before the first ingest: a recovery file that can't be read is no recovery.
    back = read_recovery(path.read_bytes(), lambda: passphrase or "")
    if (str(back.identity), back.root_seed) != (str(rescue.identity), rescue.root_seed):
        path.unlink(missing_ok=True)
        raise StoreError(f"{path} could not be read back as written", code="E-READ-BACK")


def _notices(target: Path | None, elsewhere: bool, plaintext: bool) -> list[str]:
    notices = []
    if target is None:
        notices.append(
            "there is NO recovery file: if the keyring or its passphrase is lost, everything in "
            "this vault is lost for ever, and its log can never be continued"
        )
    elif elsewhere:
        notices.append(
            f"{target} opens everything in this vault: keep it on separate media, in a safe place"
        )
    else:
        notices.append(
            f"the recovery file {target} opens with the same passphrase: move it to separate "
            "media now; it does not help when the passphrase is forgotten (init --recovery FILE)"
        )
    if plaintext:
        notices.append("this vault is NOT encrypted: whoever has the disk reads everything")
    return notices
