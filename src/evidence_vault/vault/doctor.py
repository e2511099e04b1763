"""``doctor``: what is wrong with a vault or this machine, and the command that mends it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from evidence_vault import osfiles
from evidence_vault.config import exiftool_setting
from evidence_vault.errors import StoreError, VaultError
from evidence_vault.log.sequencer import Sequencer
from evidence_vault.vault.cosignatures import standings
from evidence_vault.vault.countersigning import demand_ready, posix
from evidence_vault.vault.digesting import digest_committed
from evidence_vault.vault.doctorstore import storage
from evidence_vault.vault.exportjob import job_ids, unfinished
from evidence_vault.vault.looking import look
from evidence_vault.vault.opening import Vault, open_vault
from evidence_vault.vault.pins import inside_words, outside_path
from evidence_vault.vault.standing import NO_KEY
from evidence_vault.vault.stations import readers_of

OK, PROBLEM, UNCHECKED = "ok", "problem", "could not be checked"
_LOW_SPACE = 1 << 30
_HOSTILE = "read docs/hostile-files.md; take in files of strangers on a machine that has it"
_QUIET = 7 * 24 * 3600  # seconds


class _Visit:
    def __init__(self) -> None:
        self.checks: list[dict[str, str]] = []
        self.exit = 0

    def note(
        self, name: str, outcome: str, detail: str, command: str = "", status: int = 3
    ) -> None:
        self.checks.append({"command": command, "detail": detail, "name": name, "outcome": outcome})
        if outcome != OK:
            self.exit = max(self.exit, status if outcome == PROBLEM else 3)

    def run(self, name: str, check: Callable[[], str], command: str = "") -> bool:
        """Run one check; a VaultError is a problem with its own message and exit status."""
        try:
            self.note(name, OK, check())
            return True
        except VaultError as error:
            detail = f"{error.message} ({error.code})"
            self.note(name, PROBLEM, detail, command or error.hint, int(error.exit_status))
            return False


def doctor(folder: Path, passphrase: Callable[[], str] | None) -> dict[str, Any]:
    """Look at the machine, the folder, the catalogue, and, with a passphrase, keys and log."""
    visit = _Visit()
    visit.run("post-quantum signatures", _signatures)
    visit.run("ExifTool", _exiftool)
    _confinement(visit)
    try:
        vault = open_vault(folder, passphrase)
    except VaultError as error:
        visit.note("vault", PROBLEM, error.message, error.hint, int(error.exit_status))
        return {"checks": visit.checks, "exit": visit.exit, "notices": []}
    with vault:
        visit.note("vault", OK, "vault.toml is readable")
        free = osfiles.free_bytes(folder)
        visit.note(
            "free space",
            OK if free > _LOW_SPACE else PROBLEM,
            f"{free} bytes free",
            "" if free > _LOW_SPACE else "free some space before the next ingest",
        )
        visit.run("writing", lambda: _writing(vault))
        whole = visit.run("catalogue", lambda: _catalogue(vault), "evidence-vault rebuild")
        visit.run("checkpoint", lambda: _checkpoint(vault), "evidence-vault log audit")
        notices: list[str] = []
        if whole:
            for seen in storage(vault):
                outcome = UNCHECKED if seen.good is None else OK if seen.good else PROBLEM
                visit.note(seen.name, outcome, seen.detail, seen.command)
        _keys(visit, vault, passphrase, whole, notices)
        _exports(visit, vault, passphrase is not None)
        if vault.config.plaintext:
            notices.append("this vault is NOT encrypted (--plaintext)")
    return {"checks": visit.checks, "exit": visit.exit, "notices": notices}


def _exports(visit: _Visit, vault: Vault, has_key: bool) -> None:
    """Bundles that were cut off: each can go on, and keeps a sealed key until it does."""
    waiting = job_ids(vault)
    if not waiting:
        return
    name, found = "exports cut off", f"{len(waiting)} exports were cut off, or are running now"
    way = "evidence-vault export --resume OUT (or --abandon OUT)"
    if not has_key:
        visit.note(name, PROBLEM, f"{found}; the passphrase shows which", way)
        return
    try:
        files = [each["file"] for each in unfinished(vault)]
    except VaultError as error:
        visit.note(name, PROBLEM, error.message, error.hint, int(error.exit_status))
        return
    visit.note(name, PROBLEM, f"{found}: {', '.join(files)}", way)


def _keys(
    visit: _Visit,
    vault: Vault,
    passphrase: Callable[[], str] | None,
    whole: bool,
    notices: list[str],
) -> None:
    if passphrase is None:
        visit.note("keyring", UNCHECKED, "no passphrase was given")
        visit.note("may sign", UNCHECKED, "no passphrase was given")
        return
    opened = visit.run("keyring", lambda: f"opens; log {vault.keyring.origin}")
    if not opened or not whole:
        visit.note("may sign", UNCHECKED, "needs the keyring and the catalogue")
        return
    if vault.keyring.desk is not None:
        readers = readers_of(vault.keyring.recipients)
        words = " ".join(readers["fingerprint_words"])
        visit.note(
            "field vault",
            OK,
            f"encrypts to {readers['count']} readers of {vault.keyring.desk.org}, reads nothing; "
            f"compare with `key card` at the desk: {words}",
        )
    elif vault.keyring.has_recovery:
        visit.note("recovery", OK, "every new unit is also encrypted to the recovery recipient")
    else:
        notices.append("there is NO recovery recipient: a lost passphrase loses everything")
    try:
        _catch_up(vault)
        _, found = look(vault)
    except VaultError as error:
        visit.note("may sign", PROBLEM, error.message, error.hint, int(error.exit_status))
        return
    if found.state == "ok":
        visit.note("may sign", OK, "the log stands where this vault last signed")
    elif found.state == NO_KEY:
        way = "evidence-vault key rotate --role ROLE --recovery FILE"
        visit.note("may sign", PROBLEM, "; ".join(found.reasons), way, 13)
    else:
        visit.note(
            "may sign",
            PROBLEM,
            "; ".join(found.reasons),
            found.way(),
            11,
        )
    _stamps(visit, vault)
    _countersigners(visit, vault)
    _custody(visit, vault)
    _holds(visit, vault)
    _copies(visit, vault, notices)
    visit.note(
        "record of what was signed",
        OK,
        f"inside: {inside_words(vault)}; outside: {outside_path(vault.keyring.origin)}",
    )


def _stamps(visit: _Visit, vault: Vault) -> None:
    from evidence_vault.vault.authorities import stamp_problems

    try:
        problems = stamp_problems(vault)
    except VaultError as error:
        visit.note("time stamps", PROBLEM, error.message, error.hint, int(error.exit_status))
        return
    for detail, command in problems:
        visit.note("time stamps", PROBLEM, detail, command)
    if not problems and vault.keyring.authorities:
        visit.note("time stamps", OK, "each authority stamps, no renewal is due")
    elif not problems:
        visit.note("time stamps", OK, "no time authority is configured")


def _countersigners(visit: _Visit, vault: Vault) -> None:
    """Who has not countersigned for a week; whether this vault may countersign others."""
    now = posix(vault.clock.now())
    for each in standings(vault):
        name = f"countersigner {each['origin']}"
        if each["at"] is not None and (now - posix(each["at"]) <= _QUIET or not each["behind"]):
            visit.note(name, OK, f"{each['org']} countersigned {each['size']} entries")
            continue
        since = "never" if each["at"] is None else f"not since {each['at']}"
        command = "evidence-vault witness ask" if each["url"] else "evidence-vault witness request"
        visit.note(name, PROBLEM, f"{each['org']} has countersigned {since}", command)
    if vault.keyring.witness is not None:

        def ready() -> str:
            demand_ready(vault)
            return "its state is the newest there was"

        visit.run("countersigning others", ready)


def _custody(visit: _Visit, vault: Vault) -> None:
    """Hand-overs that nobody acknowledged; after a week one is a problem."""
    from evidence_vault.vault.handovers import gap_sentence, open_gaps

    try:
        gaps, sentence = open_gaps(vault), gap_sentence(vault)
    except VaultError as error:
        visit.note("custody", PROBLEM, error.message, error.hint, int(error.exit_status))
        return
    if sentence is None:
        visit.note("custody", OK, "no hand-over waits for an acknowledgement")
        return
    old = posix(vault.clock.now()) - posix(gaps[0].offers[0][2]) > _QUIET
    way = "evidence-vault transfer acknowledge FILE, or evidence-vault transfer offer --all -o FILE"
    visit.note("custody", PROBLEM if old else OK, sentence, way if old else "")


def _holds(visit: _Visit, vault: Vault) -> None:
    """Holds as the log and the store tell of them; what ends soon."""
    from evidence_vault.vault.holdcheck import hold_notes

    try:
        for note in hold_notes(vault):
            outcome = UNCHECKED if note.good is None else OK if note.good else PROBLEM
            visit.note(note.name, outcome, note.detail, note.command)
    except VaultError as error:
        visit.note("holds", PROBLEM, error.message, error.hint, int(error.exit_status))


def _copies(visit: _Visit, vault: Vault, notices: list[str]) -> None:
    """Which replicas are old, damaged, or still hold what was given up; or that there is none."""
    from evidence_vault.vault.replicas import enrolled
    from evidence_vault.vault.replicas import notices as copy_notices

    if vault.keyring.is_station:
        notices.append("a field vault keeps no replicas: hand over often (transfer offer)")
        return
    try:
        known, said = enrolled(vault), copy_notices(vault)
    except VaultError as error:
        visit.note("replicas", PROBLEM, error.message, error.hint, int(error.exit_status))
        return
    if not known:
        notices += said
        return
    for each in said:
        visit.note("replicas", PROBLEM, each, "evidence-vault replica status")
    if not said:
        visit.note("replicas", OK, f"{len(known)} up to date with this vault")


def _signatures() -> str:
    from evidence_vault.core.note import KeyType
    from evidence_vault.seal.keyring import LogSigner

    LogSigner("self-test", bytes(32), KeyType.MLDSA44).sign(b"self-test")
    return "ML-DSA-44 is available"


def _exiftool() -> str:
    setting = exiftool_setting()
    if setting == "off":
        return "switched off by EVIDENCE_VAULT_EXIFTOOL"
    from evidence_vault.capture.metadata import MetadataReader

    with MetadataReader(setting) as reader:
        return f"version {reader.version}"


_LAYERS = {
    "limits": "limits of memory, processor time and file size",
    "network": "a network of their own, empty",
    "privileges": "no privileges",
    "parent": "end with this program",
    "files": "no files but those they are given",
    "calls": "no sockets, no other processes",
}


def _confinement(visit: _Visit) -> None:
    """What programs that read hostile files are denied here, layer by layer."""
    from evidence_vault.capture.confine import protection

    for layer, reason in protection().items():
        name = f"parsers: {_LAYERS[layer]}"
        if reason:
            visit.note(name, UNCHECKED, f"not on this system: {reason}", _HOSTILE)
        else:
            visit.note(name, OK, "tried, and it holds")


def _writing(vault: Vault) -> str:
    with vault.locked(wait_seconds=0.5):
        left = vault.archive.clear_leftovers() + vault.control.clear_leftovers()
    return f"the folder can be written; leftovers of dead processes removed: {left}"


def _catch_up(vault: Vault) -> None:
    """Apply what a crash kept out of the catalogue, where it may be written and nobody does."""
    if not any(True for _ in vault.log.commits(vault.catalogue.frontier().size)):
        return
    try:
        with vault.locked(wait_seconds=0.5):
            sequencer = Sequencer(vault.log, vault.catalogue)
            sequencer.catch_up(lambda *a: digest_committed(vault, *a), settle=True)
    except StoreError:  # "writing" has said so
        return


def _catalogue(vault: Vault) -> str:
    vault.catalogue.check()
    return f"{vault.catalogue.count_items()} items, {vault.catalogue.frontier().size} entries"


def _checkpoint(vault: Vault) -> str:
    opened = vault.checkpoint()
    if opened is None:
        return "there is none yet"
    vault.tiles(opened).frontier()
    return f"signed over {opened.checkpoint.size} entries; its tiles lead to its root"
