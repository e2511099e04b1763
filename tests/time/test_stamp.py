"""A vault and its authorities: honest, down, slow, lying, talking rubbish."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.time.authority import DAY, LocalAuthority, openssl_verdict
from tests.time.conftest import MakeAuthority, know
from tests.vault.vaults import PASSPHRASE, Made, write_files

from evidence_vault.errors import FormatError, UsageError
from evidence_vault.log.proofs import TIMESTAMP
from evidence_vault.store.filesystem import FilesystemStore
from evidence_vault.vault import authorities, stamping
from evidence_vault.vault.asking import import_reply, stamp, write_request
from evidence_vault.vault.authorities import add_authority, remove_authority, status
from evidence_vault.vault.checking import log_checkpoint, log_status
from evidence_vault.vault.doctor import doctor
from evidence_vault.vault.rebuilding import rebuild
from evidence_vault.vault.stamping import timestamp_state, tokens_of


def asked(made: Made, **options: Any) -> dict[str, Any]:
    with made.open() as opened:
        return stamp(opened, **{"timeout": 10.0, **options})


def state(made: Made) -> str:
    with made.open() as opened:
        return timestamp_state(opened)


def counted(made: Made) -> list[tuple[int, str]]:
    with made.open() as opened:
        return [(row.size, row.name) for row in opened.catalogue.proofs(TIMESTAMP)]


def files(made: Made, size: int = 1) -> list[str]:
    folder = made.folder / "archive" / "evidence" / str(size)
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def grow(made: Made) -> int:
    """Sign a checkpoint over one more file; returns its size."""
    name = f"more-{len(list(made.folder.parent.glob('more-*')))}"
    made.ingest(write_files(made.folder.parent / name, 1)[0])
    with made.open() as opened:
        return int(log_checkpoint(opened)["size"])


class FixedClock:
    """A machine whose clock is elsewhere."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def now(self) -> str:
        return (datetime.now(UTC) + self._ahead).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_stamp_is_checked_stored_and_counted(
    vault: Made, authority: LocalAuthority, tmp_path: Path
) -> None:
    assert state(vault) == "pending"
    result = asked(vault)
    assert result["exit"] == 0
    assert [each["state"] for each in result["results"]] == ["present"]
    assert files(vault) == ["checkpoint", "tsa.pem", "tsa.tsq", "tsa.tsr"]
    folder = vault.folder / "archive" / "evidence" / "1"
    reply, note = (folder / "tsa.tsr").read_bytes(), (folder / "checkpoint").read_bytes()
    assert reply == authority.answered[-1]  # raw, as it came
    assert (folder / "tsa.tsq").read_bytes() == authority.seen[-1]
    pem = (folder / "tsa.pem").read_text()
    assert pem.endswith(authority.root_pem)
    assert openssl_verdict(reply, note, pem, tmp_path) is True
    with vault.open() as opened:
        row = opened.catalogue.proofs(TIMESTAMP)[0]
        assert (row.size, row.name, row.sha256) == (1, "tsa", hashlib.sha256(reply).hexdigest())
        assert tokens_of(opened, 1) == (("tsa", reply),)
        assert log_status(opened)["timestamps"] == "present"
    assert asked(vault)["exit"] == 0
    assert len(authority.seen) == 1  # nobody is asked twice


def test_what_the_authority_learns_is_one_digest(vault: Made, authority: LocalAuthority) -> None:
    asked(vault)
    note = (vault.folder / "archive" / "evidence" / "1" / "checkpoint").read_bytes()
    request = authority.seen[0]
    assert hashlib.sha512(note).digest() in request
    assert len(request) < 120


def test_a_later_checkpoint_waits_for_its_own_stamp(vault: Made) -> None:
    asked(vault)
    size = grow(vault)
    assert state(vault) == "pending"
    assert asked(vault)["size"] == size
    assert state(vault) == "present"
    assert counted(vault) == [(1, "tsa"), (size, "tsa")]


def test_an_unordered_certificate_set_is_kept_as_it_came_and_counts(
    vault: Made, authority: LocalAuthority
) -> None:
    authority.mode = "unordered"
    assert asked(vault)["exit"] == 0
    stored = (vault.folder / "archive" / "evidence" / "1" / "tsa.tsr").read_bytes()
    assert stored == authority.answered[-1]
    assert state(vault) == "present"


@pytest.mark.parametrize("mode", ["down", "slow", "html", "huge", "redirect"])
def test_an_authority_that_gives_no_reply_is_said_and_waits(
    vault: Made, authority: LocalAuthority, mode: str
) -> None:
    authority.mode = mode
    if mode == "down":
        authority.stop()
    result = asked(vault, timeout=0.5 if mode == "slow" else 10.0)
    assert result["exit"] == 3
    assert result["results"][0]["state"] == "not reachable"
    assert files(vault) == ["checkpoint", "tsa.tsq"]
    assert (state(vault), counted(vault)) == ("pending", [])
    authority.mode = "good"
    if mode == "down":
        authority.start()
    request = (vault.folder / "archive" / "evidence" / "1" / "tsa.tsq").read_bytes()
    assert asked(vault)["exit"] == 0  # it resumes, with the same request
    assert authority.seen[-1] == request
    assert state(vault) == "present"


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        ("lying", "T-IMPRINT"),
        ("rubbish", "T-FORM"),
        ("wrong-nonce", "T-NONCE"),
        ("wrong-purpose", "T-PURPOSE"),
        ("refuses", "T-REFUSED"),
    ],
)
def test_a_wrong_reply_is_kept_aside_said_and_never_counted(
    vault: Made, authority: LocalAuthority, mode: str, code: str
) -> None:
    authority.mode = mode
    result = asked(vault)
    assert result["exit"] == 10
    assert (result["results"][0]["state"], result["results"][0]["code"]) == ("rejected", code)
    assert files(vault) == ["checkpoint", "tsa.rejected-1.tsr", "tsa.tsq"]
    kept = vault.folder / "archive" / "evidence" / "1" / "tsa.rejected-1.tsr"
    assert kept.read_bytes() == authority.answered[-1]
    assert (state(vault), counted(vault)) == ("pending", [])
    authority.mode = "good"
    assert asked(vault)["exit"] == 0
    assert state(vault) == "present"


def test_an_authority_whose_certificate_has_ended_is_not_counted(
    bare: Made, make_authority: MakeAuthority
) -> None:
    now = datetime.now(UTC)
    know(bare, make_authority("old", valid=(now - 900 * DAY, now - 500 * DAY)))
    result = asked(bare)
    assert (result["exit"], result["results"][0]["code"]) == (10, "T-VALIDITY")
    assert state(bare) == "pending"


def test_rejected_replies_do_not_fill_the_disk(vault: Made, authority: LocalAuthority) -> None:
    authority.mode = "lying"
    for _ in range(23):
        asked(vault)
    assert len(files(vault)) == 22


def test_a_reply_that_could_not_be_checked_is_kept_and_looked_at_again(
    vault: Made, authority: LocalAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("evidence_vault.verify.tokens.decode", lambda _: None)
        results = [asked(vault) for _ in range(4)]
    assert [r["exit"] for r in results] == [3] * 4
    assert results[0]["results"][0]["state"] == "not checked"
    assert len(authority.seen) == 3  # then it is not asked any more
    assert "tsa.unchecked-1.tsr" in files(vault)
    assert (state(vault), counted(vault)) == ("pending", [])
    assert asked(vault)["exit"] == 0  # this program has learnt to read it
    assert len(authority.seen) == 3
    assert state(vault) == "present"


def test_one_of_two_authorities_is_down(
    vault: Made, authority: LocalAuthority, make_authority: MakeAuthority
) -> None:
    second = make_authority("second")
    know(vault, second)
    second.stop()
    result = asked(vault)
    assert result["exit"] == 3
    said = {each["authority"]: each["state"] for each in result["results"]}
    assert said == {"second": "not reachable", "tsa": "present"}
    assert state(vault) == "present"  # one good stamp is a stamp
    with vault.open() as opened:
        assert status(opened)["waiting"] == ["second"]
    second.start()
    assert asked(vault)["exit"] == 0
    assert counted(vault) == [(1, "second"), (1, "tsa")] or len(counted(vault)) == 2


def test_revocation_lists_are_fetched_and_kept(bare: Made, make_authority: MakeAuthority) -> None:
    authority = make_authority("crl", revocation_list=True)
    know(bare, authority)
    assert asked(bare)["exit"] == 0
    assert "crl.crl" in files(bare)
    with bare.open() as opened:
        stored = stamping.check_stored(opened, stamping.Slot(1, opened.keyring.authorities[0]))
    assert stored is not None and stored[1].revocation_as_of is not None


def test_a_revoked_authority_does_not_count(bare: Made, make_authority: MakeAuthority) -> None:
    authority = make_authority("crl", revocation_list=True)
    know(bare, authority)
    authority.revoke(datetime.now(UTC) - timedelta(hours=1), "keyCompromise")
    result = asked(bare)
    assert (result["exit"], result["results"][0]["code"]) == (10, "T-REVOKED")
    assert state(bare) == "pending"


def test_a_stored_stamp_that_was_changed_is_not_called_present(vault: Made) -> None:
    asked(vault)
    path = vault.folder / "archive" / "evidence" / "1" / "tsa.tsr"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert state(vault) == "pending"
    with vault.open() as opened:
        assert tokens_of(opened, 1) == ()
        checked = authorities.verify(opened)
    assert checked["exit"] == 10
    assert checked["findings"][0]["where"] == "evidence/1/tsa.tsr"
    assert asked(vault)["exit"] == 10


def test_a_catalogue_that_claims_a_stamp_is_not_believed(vault: Made) -> None:
    with vault.open() as opened:
        opened.catalogue.add_proof(1, TIMESTAMP, "tsa", 1_700_000_000, "00" * 32)
        assert timestamp_state(opened) == "pending"
        assert log_status(opened)["timestamps"] == "pending"


# ---- by stick ----


def test_request_and_reply_carried_by_stick(
    vault: Made, authority: LocalAuthority, tmp_path: Path
) -> None:
    authority.stop()
    with vault.open() as opened:
        written = write_request(opened, tmp_path / "out.tsq")
    assert written["sha512"] in (tmp_path / "out.tsq").read_bytes().hex()
    (tmp_path / "in.tsr").write_bytes(authority.reply((tmp_path / "out.tsq").read_bytes()))
    later = grow(vault)  # weeks later the log has grown
    with vault.open() as opened:
        result = import_reply(opened, tmp_path / "in.tsr")
    assert (result["exit"], result["size"]) == (0, 1)
    assert counted(vault) == [(1, "tsa")]
    with vault.open() as opened, pytest.raises(UsageError, match="already"):
        write_request(opened, tmp_path / "again.tsq", size=1)
    with vault.open() as opened:
        assert timestamp_state(opened, later) == "pending"
        assert timestamp_state(opened, 1) == "present"


@pytest.mark.parametrize("mode", ["lying", "wrong-nonce", "rubbish"])
def test_a_wrong_reply_by_stick_is_kept_aside(
    vault: Made, authority: LocalAuthority, tmp_path: Path, mode: str
) -> None:
    with vault.open() as opened:
        write_request(opened, tmp_path / "out.tsq")
    authority.mode = mode
    (tmp_path / "in.tsr").write_bytes(authority.reply((tmp_path / "out.tsq").read_bytes()))
    with vault.open() as opened:
        assert import_reply(opened, tmp_path / "in.tsr")["exit"] == 10
    assert "tsa.rejected-1.tsr" in files(vault)
    assert state(vault) == "pending"


def test_a_stick_needs_no_authority_named_when_there_is_one(
    vault: Made, make_authority: MakeAuthority, tmp_path: Path
) -> None:
    know(vault, make_authority("second"))
    with vault.open() as opened, pytest.raises(UsageError, match="second, tsa"):
        write_request(opened, tmp_path / "out.tsq")


# ---- authorities ----


def test_authorities_are_pinned_in_the_keyring(bare: Made, authority: LocalAuthority) -> None:
    know(bare, authority)
    with bare.open() as opened:
        found = opened.keyring.authorities
        assert [(a.name, a.url) for a in found] == [("tsa", authority.url)]
        assert log_status(opened)["state"] == "ok"
    know(bare, authority)  # again: nothing twice
    with bare.open() as opened:
        assert len(opened.keyring.authorities[0].roots) == 1


@pytest.mark.parametrize(
    ("name", "url", "match"),
    [
        ("TSA", "http://tsa.example/", "name"),
        ("renewal-0001", "http://tsa.example/", "name"),
        ("con", "http://tsa.example/", "name"),
        ("tsa", "file:///etc/passwd", "http"),
        ("tsa", "ftp://tsa.example/", "http"),
        ("tsa", "http://", "http"),
        ("tsa", "http://me:secret@tsa.example/", "login"),
        ("tsa", "http://tsa.example/ä", "ASCII"),
    ],
)
def test_bad_authorities_are_refused(
    bare: Made, authority: LocalAuthority, name: str, url: str, match: str
) -> None:
    with bare.open() as opened, pytest.raises(UsageError, match=match) as caught:
        add_authority(opened, name, url, [authority.root], lambda: PASSPHRASE)
    assert "secret" not in caught.value.message


def test_a_root_must_be_a_root(bare: Made, authority: LocalAuthority, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("no certificate")
    for file in (authority.folder / "signer.pem", tmp_path / "empty"):
        with bare.open() as opened, pytest.raises(FormatError):
            add_authority(opened, "tsa", authority.url, [file], lambda: PASSPHRASE)


def test_a_login_is_kept_in_the_keyring_and_never_shown(
    bare: Made, authority: LocalAuthority, tmp_path: Path
) -> None:
    (tmp_path / "login").write_text("house:very secret\n")
    with bare.open() as opened:
        with pytest.raises(UsageError, match="https only"):
            add_authority(
                opened, "tsa", authority.url, [authority.root], lambda: PASSPHRASE,
                tmp_path / "login",
            )  # fmt: skip
        shown = add_authority(
            opened, "tsa", "https://127.0.0.1:1/", [authority.root], lambda: PASSPHRASE,
            tmp_path / "login",
        )  # fmt: skip
        told = [shown, status(opened), stamp(opened, timeout=5.0)]
        assert "very" in opened.keyring.authorities[0].url
    assert "secret" not in repr(told) and "house" not in repr(told)


def test_a_removed_authority_is_not_asked_and_stays_checkable(
    vault: Made, authority: LocalAuthority
) -> None:
    asked(vault)
    with vault.open() as opened:
        assert remove_authority(opened, "tsa", lambda: PASSPHRASE)["kept"] is True
    with vault.open() as opened:
        assert timestamp_state(opened) == "present"
        assert authorities.verify(opened)["exit"] == 0
    grow(vault)
    assert state(vault) == "not configured"
    with pytest.raises(UsageError, match="no time authority"):
        asked(vault)
    know(vault, authority)
    assert asked(vault)["exit"] == 0


def test_an_authority_that_stamped_nothing_is_forgotten(vault: Made) -> None:
    with vault.open() as opened:
        assert remove_authority(opened, "tsa", lambda: PASSPHRASE)["kept"] is False
        assert opened.keyring.authorities == ()


# ---- looking after ----


def test_without_authorities_time_stamps_are_not_configured(bare: Made) -> None:
    assert state(bare) == "not configured"
    with bare.open() as opened:
        assert log_status(opened)["timestamps"] == "not configured"
        assert status(opened)["state"] == "not configured"


def test_rebuild_finds_the_stamps_again_without_listing(
    vault: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(vault)
    grow(vault)
    asked(vault)
    before = counted(vault)
    (vault.folder / "catalogue.db").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(FilesystemStore, "keys", lambda *_: iter(()))
        rebuild(vault.folder, lambda: PASSPHRASE)
    assert counted(vault) == before
    assert len(before) == 2


def test_rebuild_does_not_count_a_changed_stamp(vault: Made) -> None:
    asked(vault)
    path = vault.folder / "archive" / "evidence" / "1" / "tsa.tsr"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    rebuild(vault.folder, lambda: PASSPHRASE)
    assert counted(vault) == []


def visit(made: Made) -> list[str]:
    found = doctor(made.folder, lambda: PASSPHRASE)["checks"]
    return [c["detail"] for c in found if c["name"] == "time stamps" and c["outcome"] != "ok"]


def test_doctor_says_when_an_authority_has_not_stamped(
    vault: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert visit(vault) == ["tsa has not stamped anything yet"]
    asked(vault)
    assert visit(vault) == []
    grow(vault)
    assert visit(vault) == []
    monkeypatch.setattr("evidence_vault.vault.opening.SystemClock", lambda: FixedClock(8 * DAY))
    assert visit(vault) == ["tsa has not stamped for 8 days"]


def test_doctor_says_when_renewal_is_due(vault: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(vault)
    monkeypatch.setattr("evidence_vault.vault.opening.SystemClock", lambda: FixedClock(366 * DAY))
    assert "need their time stamps renewed" in visit(vault)[0]


def test_status_says_when_chains_end(vault: Made, authority: LocalAuthority) -> None:
    asked(vault)
    with vault.open() as opened:
        found = status(opened)
    ends = found["authorities"][0]["chain_ends"]
    assert ends == authority.valid[1].strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (found["state"], found["waiting"], found["renewals_due"]) == ("present", [], [])


def test_a_vault_put_back_from_a_backup_finds_what_was_stamped(
    vault: Made, authority: LocalAuthority, tmp_path: Path
) -> None:
    """Files of a newer copy of archive/ are found, though the catalogue does not know them."""
    saved = tmp_path / "catalogue.db"
    shutil.copyfile(vault.folder / "catalogue.db", saved)
    asked(vault)
    for end in ("", "-wal", "-shm"):
        (vault.folder / f"catalogue.db{end}").unlink(missing_ok=True)
    shutil.copyfile(saved, vault.folder / "catalogue.db")
    assert counted(vault) == []
    assert state(vault) == "present"
    assert asked(vault)["exit"] == 0
    assert counted(vault) == [(1, "tsa")]
    assert len(authority.seen) == 1


def test_a_clock_set_back_is_noticed_and_the_stamp_counts(vault: Made) -> None:
    with vault.open(clock=FixedClock(-400 * DAY)) as opened:
        result = stamp(opened, timeout=10.0)
    assert result["exit"] == 0
    assert "clock" in result["results"][0]["reason"]


def test_roots_of_a_successor_are_added_to_those_known(
    vault: Made, authority: LocalAuthority, make_authority: MakeAuthority
) -> None:
    asked(vault)
    successor = make_authority("next")
    with vault.open() as opened:
        add_authority(opened, "tsa", successor.url, [successor.root], lambda: PASSPHRASE)
        assert len(opened.keyring.authorities[0].roots) == 2
    assert state(vault) == "present"
    grow(vault)
    assert asked(vault)["exit"] == 0


def test_a_foreign_keyring_entry_with_another_scheme_is_not_asked(
    vault: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    with vault.open() as opened:
        bad = replace(opened.keyring.authorities[0], url="file:///etc/hostname")
        opened.adopt_keyring(replace(opened.keyring, authorities=(bad,)))
        result = stamp(opened, timeout=1.0)
    assert result["results"][0]["state"] == "not reachable"


def test_proxies_of_the_environment_are_not_used(
    vault: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    assert asked(vault)["exit"] == 0
