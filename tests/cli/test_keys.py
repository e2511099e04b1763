"""The key commands on the command line: documents, exit statuses, no secret on the screen."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.core.age import PQIdentity
from evidence_vault.seal.keyring import open_keyring

from .conftest import Desk, item_named
from .runner import PASSPHRASE, Result, call, check_schema


def document(done: Result, schema: str) -> dict[str, Any]:
    assert done.status == 0, done.err
    check_schema(schema, done.json())
    return done.json()


def test_from_list_to_withdrawal(own_desk: Desk, tmp_path: Path) -> None:
    desk, recovery = own_desk, own_desk.base / "vault-recovery.txt"
    by = ("--by", "keeper-1", "--json")
    listed = document(desk.call("key", "list", "--json"), "key-list")
    old = next(k["keyid"] for k in listed["keys"] if k["role"] == "events")
    size = listed["size"]

    rotated = document(
        desk.call("key", "rotate", "--role", "events", "--recovery", recovery, *by), "key-rotate"
    )
    assert rotated["retired"] == old
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-out", tmp_path / "k"], check=True
    )
    subprocess.run(
        ["openssl", "pkey", "-in", tmp_path / "k", "-pubout", "-out", tmp_path / "p.pem"],
        check=True,
    )
    where = ("--role", "events", "--recovery", recovery)
    document(desk.call("key", "enrol", tmp_path / "p.pem", *where, *by), "key-enrol")
    again = desk.call("key", "enrol", tmp_path / "p.pem", *where, "--by", "keeper-1")
    assert (again.status, again.out) == (2, "")

    how = ("--last-good", size - 2, "--reason", "compromised", "--recovery", recovery)
    asked = desk.call("key", "revoke", old[:10], *how, *by)
    assert asked.status == 2
    assert asked.json()["code"] == "E-NOT-CONFIRMED"
    assert "--yes" in asked.json()["hint"]
    assert "Void: 1 entry" in asked.err
    revoked = document(desk.call("key", "revoke", old[:10], *how, "--yes", *by), "key-revoke")
    assert (revoked["void_entries"], revoked["this_keyring"]) == (1, False)

    reader = str(PQIdentity.generate().to_recipient())
    document(desk.call("key", "grant", reader, "--name", "partner-1", *by), "key-grant")
    text = desk.call("key", "list").out
    assert "partner-1" in text
    assert f"1 to {size - 2}" in text
    document(desk.call("key", "withdraw", "partner-1", *by), "key-withdraw")
    document(desk.call("key", "list", "--json"), "key-list")

    audit = desk.call("log", "audit", "--json")
    check_schema("log-audit", audit.json())
    assert audit.status == 0
    assert any("void" in note for note in audit.json()["notices"])
    assert "void" in desk.call("log", "audit").out
    item = item_named(desk, "note.txt")
    for words in (("show", item), ("history", item)):
        check_schema(words[0], desk.call(*words, "--json").json())
    desk.call("trust", "export", "-o", tmp_path / "t")
    assert f"{old}" in desk.call("trust", "show", tmp_path / "t").out


@pytest.mark.parametrize("form", ["text", "json"])
def test_shares_without_a_vault_and_without_secrets_on_the_screen(
    own_desk: Desk, tmp_path: Path, form: str
) -> None:
    recovery = own_desk.base / "vault-recovery.txt"
    more = ("--json",) if form == "json" else ()
    secret = ("--passphrase-file", own_desk.passphrase_file)
    numbers = ("--shares", "4", "--threshold", "2", "-o", tmp_path / "shares")
    split = call(*secret, "key", "backup", "--recovery", recovery, *numbers, *more)
    assert split.status == 0, split.err
    files = sorted((tmp_path / "shares").iterdir())
    joined = call("key", "restore", files[1], files[3], "-o", tmp_path / "r.txt", *more)
    assert joined.status == 0, joined.err
    if form == "json":
        check_schema("key-backup", split.json())
        check_schema("key-restore", joined.json())
    said = split.out + split.err + joined.out + joined.err
    plain = (tmp_path / "r.txt").read_text()
    for line in plain.splitlines():
        if line.startswith(("AGE-SECRET", "# root-seed")):
            assert line.removeprefix("# root-seed: ") not in said
    for file in files:
        words = file.read_text().split("SHARE WORDS-----\n")[1].split("\n")[0]
        assert words not in said
    few = call("key", "restore", files[0], "-o", tmp_path / "few.txt", *more)
    assert few.status == 13
    assert not (tmp_path / "few.txt").exists()


def test_recovery_file_with_another_passphrase_than_the_vault(
    own_desk: Desk, tmp_path: Path
) -> None:
    desk, recovery = own_desk, own_desk.base / "vault-recovery.txt"
    (tmp_path / "new").write_text("quite another passphrase\n")
    changed = desk.call("key", "passphrase", "--new-passphrase-file", tmp_path / "new")
    assert changed.status == 0
    head = ("--vault", desk.vault, "--passphrase-file", tmp_path / "new", "--by", "k")
    rotate = ("key", "rotate", "--role", "statements", "--recovery", recovery)
    assert call(*head, *rotate).status == 13
    first = ("--recovery-passphrase-file", desk.passphrase_file)
    assert call(*head, *rotate, *first).status == 0
    data = (desk.vault / "keyring.age").read_bytes()
    assert open_keyring(data, "quite another passphrase")
    assert PASSPHRASE not in call(*head, "key", "list").out


def test_log_keys_are_explained(desk: Desk) -> None:
    done = desk.call("key", "rotate", "--role", "log", "--recovery", "x", "--by", "k")
    assert done.status == 2
    assert "log succeed" in done.err
