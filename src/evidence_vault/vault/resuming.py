"""What a field vault knows of an accession while it is open: enough to resume, and no more.

It can't read what it took in, so it keeps no index. For each source one row is written, durably,
before the commit (write order, step 3):

    K      = 32 random bytes of this accession, stored encrypted under a key of the keyring
    path   = HMAC-SHA-256(K, "path" NUL path key)              path key: digesting.absolute_key
    check  = HMAC-SHA-256(K, "check" NUL path key NUL sha256 NUL item NUL leaf hash)

A row counts only if the log holds the signed entry of that item with that leaf hash, and the
stored original is there: a row without a commit, an edited or a copied one is nothing. When the
accession is closed, K and the rows are overwritten and deleted; afterwards nothing on the disk
can tell whether a file is in, and the same file is stored again.

``resuming/<accession>`` = header LF *( row LF ), each RFC 8785 JSON; locked while its run lives.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from evidence_vault import osfiles
from evidence_vault.core.canonical import b64, canonical, is_hex, parse_canonical, unb64
from evidence_vault.core.event import parse_entry
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.errors import FormatError, NotFound, StoreError, VaultError
from evidence_vault.vault.faults import step
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.presence import Presence
from evidence_vault.vault.records import committed_at, unit_of
from evidence_vault.vault.writer import Writer, writing

FOLDER = "resuming"
_NONCE = 12
_KEY = 32
_CLOSED, _OPENED = "accession-closed", "accession-opened"


class Resuming(Presence):
    """What presence.Presence is on a vault that can't read."""

    links = False

    def __init__(self, vault: Vault, by: str | None, copies_suffice: bool = False) -> None:
        """``copies_suffice``: as of presence.Presence."""
        super().__init__(vault, copies_suffice)
        self._by = by
        self._open: _OpenAccession | None = None
        self._rows: dict[str, list[tuple[str, str]]] = {}  # (check, item) by path tag
        self._new: list[dict[str, str]] = []

    # -- the answers ---------------------------------------------------------------------------

    def arrivals(self, path_keys: Sequence[str]) -> Mapping[tuple[str, str], str]:
        """As of presence.Presence, with an empty digest: which bytes came is not to be seen."""
        if self._open is None or not self._rows:
            return {}
        found = ((key, self._rows.get(self._open.path_tag(key))) for key in path_keys)
        return {(key, ""): rows[0][1] for key, rows in found if rows}

    def by_digests(self, digests: Sequence[str]) -> Mapping[str, list[str]]:
        """Nothing: bytes are not recognised."""
        return {}

    def came_by(
        self, arrivals: Mapping[tuple[str, str], str], path_keys: Iterable[str], sha256: str
    ) -> str | None:
        """The item for which these bytes came by this path in the accession that goes on."""
        accession = self._open
        if accession is None or not self._rows:
            return None
        for key in path_keys:
            for check, item in self._rows.get(accession.path_tag(key), ()):
                if self._holds(accession, check, item, key, sha256):
                    return item
        return None

    def holds(self, item: str, sha256: str) -> bool:
        """False: what an item holds can't be seen here."""
        return False

    def differs(self, item: str, fields: Mapping[str, Any]) -> bool:
        """False: what was recorded can't be seen here."""
        return False

    # -- the course of one run -----------------------------------------------------------------

    def resume(self, path_keys: Sequence[str], terms: Sequence[Any], dry: bool) -> str | None:
        """Go on with the accession that an ended run left open, if this run brings the same.

        The same are: the terms (by whom, from whom, when, how), and a path that came in it. Any
        other one is closed as interrupted, its key destroyed (not in a dry run).
        """
        for left in left_open(self._vault):
            rows = left.rows()
            known = {row["path"] for row in rows}
            same = left.terms == left.terms_tag(terms) and any(
                left.path_tag(key) in known for key in path_keys
            )
            if same and self._open is None:
                self._open = left
                if dry:
                    left.release()
                for row in rows:
                    self._rows.setdefault(row["path"], []).append((row["check"], row["item"]))
            elif dry:
                left.release()
            else:
                close_left_open(self._vault, left, self._by)
                self.notices.append(
                    f"accession {left.name}, which a run that was ended had left open, is closed "
                    "now: its files would be stored a second time if they were given again"
                )
        return None if self._open is None else self._open.name

    def opened(self, accession: str, terms: Sequence[Any]) -> None:
        """Make the file of a new accession, before its opening is committed."""
        if self._open is not None:  # its opening was not committed
            self._open.destroy()
        self._open = _OpenAccession.create(self._vault, accession, terms)

    def note(self, path_keys: Sequence[str], sha256: str, item: str, leaf: bytes) -> None:
        """Remember a source whose entry has this leaf hash; written by :meth:`keep`."""
        assert self._open is not None
        key = path_keys[0]
        check = self._open.check_tag(key, sha256, item, leaf)
        self._new.append({"check": check, "item": item, "path": self._open.path_tag(key)})

    def keep(self) -> None:
        """Write what was noted, durable on return. Without a commit after it, it is nothing."""
        rows, self._new = self._new, []
        if rows and self._open is not None:
            self._open.append(rows)
            step("station-noted")

    def closed(self) -> None:
        """Destroy key and rows."""
        if self._open is not None:
            step("station-closed")
            self._open.destroy()
            self._open = None
            self._rows = {}

    def end(self) -> None:
        """This run is over, whatever ended it: another one may go on with its accession."""
        if self._open is not None:
            self._open.release()

    def stays_open(self, outcome: str) -> bool:
        """An interrupted accession stays open, so that the same command goes on with it."""
        if outcome != "interrupted" or self._open is None:
            return False
        self.notices.append(
            f"accession {self._open.name} is still open: run the same command again to finish it"
        )
        self._open.release()
        return True

    # -- inside --------------------------------------------------------------------------------

    def _holds(
        self, accession: _OpenAccession, check: str, item: str, key: str, sha256: str
    ) -> bool:
        place = (check, sha256)
        if place not in self._known:
            leaf = _leaf_of(self._vault, item, self._copies_suffice)
            self._known[place] = leaf is not None and hmac.compare_digest(
                check, accession.check_tag(key, sha256, item, leaf)
            )
        return self._known[place]


class _OpenAccession:
    """One file below ``resuming/``, locked by this process."""

    def __init__(self, stream: IO[bytes], path: Path, name: str, key: bytes, terms: str) -> None:
        self._stream = stream
        self._path = path
        self._key = key
        self.name = name
        self.terms = terms

    @staticmethod
    def create(vault: Vault, name: str, terms: Sequence[Any]) -> _OpenAccession:
        """A new file with a fresh key; an unlocked one of that name is of a run that died."""
        folder = vault.folder / FOLDER
        key, nonce = secrets.token_bytes(_KEY), secrets.token_bytes(_NONCE)
        path = folder / name
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            stream = open(path, "w+b")  # noqa: SIM115 - held until the accession is closed
        except OSError as error:
            raise _not_written(error) from error
        made = _OpenAccession(stream, path, name, key, "")
        made.terms = made.terms_tag(terms)
        sealed = nonce + ChaCha20Poly1305(_wrapping(vault, name)).encrypt(nonce, key, name.encode())
        header = {"accession": name, "key": b64(sealed), "terms": made.terms, "v": 1}
        osfiles.try_lock(stream)
        made._write(canonical(header) + b"\n")
        osfiles.sync_folder(folder)
        return made

    @staticmethod
    def read(vault: Vault, path: Path) -> _OpenAccession | None:
        """Open and lock one; None when another process has it, or it is none of this keyring's."""
        try:
            stream = open(path, "r+b")  # noqa: SIM115 - held until the accession is closed
        except OSError:
            return None
        if not osfiles.try_lock(stream):
            stream.close()
            return None
        try:
            header = parse_canonical(stream.readline().removesuffix(b"\n"), "an open accession")
            name, terms = str(header["accession"]), str(header["terms"])
            sealed = unb64(header["key"], "a key", _NONCE + _KEY + 16)
            box = ChaCha20Poly1305(_wrapping(vault, name))
            key = box.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())
        except (FormatError, InvalidTag, KeyError, TypeError):
            name = ""
            key, terms = b"", ""
        return _OpenAccession(stream, path, name if name == path.name else "", key, terms)

    def path_tag(self, key: str) -> str:
        return self._mac(b"path\0" + key.encode())

    def check_tag(self, key: str, sha256: str, item: str, leaf: bytes) -> str:
        return self._mac(b"\0".join([b"check", *(t.encode() for t in (key, sha256, item))]) + leaf)

    def terms_tag(self, terms: Sequence[Any]) -> str:
        return self._mac(b"terms\0" + canonical(list(terms)))

    def rows(self) -> list[dict[str, str]]:
        """Every whole row; one that was torn is cut off."""
        self._stream.seek(0)
        self._stream.readline()
        found = []
        good = self._stream.tell()
        for line in self._stream:
            row = _parse_row(line)
            if row is None:
                break
            good += len(line)
            found.append(row)
        self._stream.seek(good)
        self._stream.truncate()
        return found

    def append(self, rows: Sequence[Mapping[str, str]]) -> None:
        self._write(b"".join(canonical(dict(row)) + b"\n" for row in rows))

    def release(self) -> None:
        """Leave it for another run."""
        self._stream.close()

    def destroy(self) -> None:
        """Overwrite and delete it; a disk that wears evenly may still hold the old bytes."""
        try:
            if self._stream.closed:
                return
            self._stream.seek(0, 2)
            length = self._stream.tell()
            self._stream.seek(0)
            self._stream.write(bytes(length))
            osfiles.sync_file(self._stream)
            self._stream.close()
            self._path.unlink(missing_ok=True)
            osfiles.sync_folder(self._path.parent)
        except OSError as error:
            raise _not_written(error) from error

    def _write(self, data: bytes) -> None:
        try:
            self._stream.seek(0, 2)
            self._stream.write(data)
            osfiles.sync_file(self._stream)
        except OSError as error:
            raise _not_written(error) from error

    def _mac(self, message: bytes) -> str:
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


def left_open(vault: Vault) -> list[_OpenAccession]:
    """Accessions that a run which was ended left open, each locked for this process.

    What can be none (closed in the log, never opened there, not written by this keyring) is
    destroyed on the way.
    """
    folder = vault.folder / FOLDER
    kept = []
    with vault.locked():  # none is being made meanwhile
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            found = _OpenAccession.read(vault, path)
            if found is None:
                continue
            if found.name and _is_open(vault, found.name):
                kept.append(found)
            else:
                found.destroy()
    return kept


def close_left_open(vault: Vault, left: _OpenAccession, by: str | None = None) -> None:
    """Close an accession as interrupted, and destroy what was kept for resuming it."""
    taken = sum(1 for row in left.rows() if _leaf_of(vault, row["item"], True) is not None)
    with writing(vault) as writer:
        say_closed(writer, left.name, by, "interrupted", {"new": taken})
        writer.commit()
    left.destroy()


def close_all_left_open(vault: Vault, by: str | None = None) -> list[str]:
    """Close every accession that an ended run left open; their names. Needs no lock held."""
    names = []
    for left in left_open(vault):
        close_left_open(vault, left, by)
        names.append(left.name)
    return names


def say_closed(
    writer: Writer, accession: str, by: str | None, outcome: str, counts: Mapping[str, int]
) -> None:
    """Prepare the event that closes an accession of which no more is known."""
    subject = {"id": accession, "kind": "accession"}
    values = {"actor": by, "outcome": outcome, "taken_in": dict(counts)}
    writer.plain_event(_CLOSED, subject, values)


def _is_open(vault: Vault, accession: str) -> bool:
    """Whether the log opened it and did not close it; only entries about accessions are read."""
    return _names(vault, _OPENED, accession) and not _names(vault, _CLOSED, accession)


def _names(vault: Vault, kind: str, accession: str) -> bool:
    for index in reversed(vault.catalogue.indexes_of([kind])):
        event = parse_entry(committed_at(vault, index).entry).event
        if event.subject.get("id") == accession:
            return True
    return False


def _leaf_of(vault: Vault, item: str, copies_suffice: bool) -> bytes | None:
    """Leaf hash of the entry that took an item in, if its original can still be opened.

    ``copies_suffice``: or if it names no original, since only a copy was kept.
    """
    found = vault.catalogue.home(item)
    if found is None:
        return None
    _, log, index = found
    try:
        committed = committed_at(vault, index, log)
        event = parse_entry(committed.entry).event
        if event.type != "ingested" or event.subject.get("id") != item:
            return None
        unit = unit_of(event, "content")
        if unit is None:
            return leaf_hash(committed.entry) if copies_suffice else None
        if unit.id not in committed.headers:
            return None
        for digest in unit.objects:
            vault.open_object(digest).close()
    except (NotFound, VaultError):
        return None
    return leaf_hash(committed.entry)


def _parse_row(line: bytes) -> dict[str, str] | None:
    try:
        row = parse_canonical(line.removesuffix(b"\n"), "a row")
    except FormatError:
        return None
    good = (
        line.endswith(b"\n")
        and isinstance(row, dict)
        and set(row) == {"check", "item", "path"}
        and is_hex(row["check"], 64)
        and is_hex(row["path"], 64)
        and isinstance(row["item"], str)
    )
    return row if good else None


def _wrapping(vault: Vault, accession: str) -> bytes:
    return vault.keyring.mac("resuming", accession.encode())


def _not_written(error: OSError) -> StoreError:
    return StoreError(
        f"what is needed to resume can't be written: {error.strerror}",
        code="E-NOT-WRITABLE",
        hint="check free space and who owns the vault's folder",
    )
