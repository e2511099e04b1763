"""key grant and key withdraw: who opens new units, and what the log says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.keys import acts
from tests.vault.conftest import MakeVault
from tests.vault.vaults import Made

from evidence_vault.core import age
from evidence_vault.core.age import padding
from evidence_vault.core.event import parse_entry
from evidence_vault.errors import KeyProblem, UsageError
from evidence_vault.store.naming import object_key
from evidence_vault.vault.grants import grant, withdraw
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.keychanges import list_keys
from evidence_vault.vault.records import committed_at, open_record


def granted(made: Made, reader: age.PQIdentity, name: str = "partner-1") -> dict[str, Any]:
    with made.open() as vault:
        return grant(vault, str(reader.to_recipient()), name, acts.secret, "keeper-1")


def withdrawn(made: Made, name: str = "partner-1") -> dict[str, Any]:
    with made.open() as vault:
        return withdraw(vault, name, acts.secret, "keeper-1")


def opened_with(made: Made, reader: age.PQIdentity) -> list[bytes]:
    """What a reader opens of all items with nothing but own key and both roots of the store."""
    found = []
    with made.open() as vault:
        for item in vault.catalogue.item_ids():
            committed = committed_at(vault, vault.catalogue.history(item)[0])
            unit = parse_entry(committed.entry).event.units[0]
            try:
                key = age.unwrap_file_key(committed.headers[unit.id], [reader])
            except KeyProblem:
                continue
            with vault.archive.open(object_key(unit.objects[0])) as stream:
                found.append(padding.unpad(age.decrypt_payload(key, stream.read()), "media"))
    return found


def events(made: Made) -> list[tuple[str, Any]]:
    """(type, reader) of what the log says about readers."""
    told = []
    with made.open() as vault:
        for index in vault.catalogue.indexes_of(("granted", "withdrawn")):
            committed = committed_at(vault, index)
            event = parse_entry(committed.entry).event
            assert event.subject == {"kind": "vault"}
            assert event.clear == {}
            told.append((event.type, open_record(vault, committed, event)["reader"].value))
    return told


def test_a_reader_opens_what_comes_in_between_grant_and_withdrawal(
    vault: Made, sources: Path
) -> None:
    reader = age.PQIdentity.generate()
    vault.ingest(sources / "one")
    granted(vault, reader)
    (sources / "mid").write_bytes(b"between")
    vault.ingest(sources / "mid")
    with vault.open() as opened:
        rows = list_keys(opened)["readers"]
    assert [(r["kind"], r["name"]) for r in rows] == [
        ("this vault", None),
        ("recovery", None),
        ("granted", "partner-1"),
    ]
    done = withdrawn(vault)
    assert "can still be read" in " ".join(done["notices"])
    vault.ingest(sources / "two")
    assert opened_with(vault, reader) == [b"between"]
    who = {"name": "partner-1", "recipient": str(reader.to_recipient())}
    assert events(vault) == [("granted", who), ("withdrawn", who)]
    assert vault.assert_sound() == 7


def test_names_and_keys_of_readers_are_taken_once(vault: Made, make_vault: MakeVault) -> None:
    one, two = age.PQIdentity.generate(), age.PQIdentity.generate()
    granted(vault, one)
    size = acts.size_of(vault)
    weak = age.X25519Identity.generate()
    with vault.open() as opened:
        own = list_keys(opened)["readers"][0]["recipient"]
        for recipient, name in (
            (str(one.to_recipient()), "partner-2"),
            (str(two.to_recipient()), "partner-1"),
            (str(two.to_recipient()), "Daw Hla"),
            (str(weak.to_recipient()), "partner-2"),
            (own, "partner-2"),
        ):
            with pytest.raises(UsageError):
                grant(opened, recipient, name, acts.secret)
        with pytest.raises(KeyProblem):
            grant(opened, "age1pq1nonsense", "partner-2", acts.secret)
        with pytest.raises(UsageError):
            withdraw(opened, "partner-9", acts.secret)
    assert acts.size_of(vault) == size
    plain = make_vault("plain", plaintext=True)
    with plain.open() as opened, pytest.raises(UsageError):
        grant(opened, str(two.to_recipient()), "partner-2", acts.secret)


def test_a_withdrawal_that_was_cut_short_is_recorded_by_the_next_one(vault: Made) -> None:
    from evidence_vault.vault.creation import replace_keyring

    granted(vault, age.PQIdentity.generate())
    with vault.open() as opened:  # what a crash leaves: the keyring changed, the log did not
        replace_keyring(opened, opened.keyring.withdrawing("partner-1"), acts.secret())
    withdrawn(vault)
    assert [kind for kind, _ in events(vault)] == ["granted", "withdrawn"]
    with pytest.raises(UsageError):
        withdrawn(vault)


def test_readers_stay_when_keys_are_rotated(vault: Made, sources: Path) -> None:
    reader = age.PQIdentity.generate()
    granted(vault, reader)
    acts.rotate(vault)
    (sources / "later").write_bytes(b"later")
    with vault.open() as opened:
        ingest(opened, IngestRequest([bytes(sources / "later")]))
    assert opened_with(vault, reader) == [b"later"]
