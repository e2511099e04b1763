"""Lost and stolen keys: what came before the last good entry stays good, the rest is void."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.keys import acts
from tests.vault.vaults import Made

from evidence_vault.core.keystate import ENROLLED, REVOKED, format_enrolled, format_revoked
from evidence_vault.errors import Exit, KeyProblem, UsageError
from evidence_vault.seal.keyring import Ed25519Signer
from evidence_vault.vault import keychanges
from evidence_vault.vault.checking import log_status
from evidence_vault.vault.describing import describe
from evidence_vault.vault.doctor import doctor
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.keys import key_state
from evidence_vault.vault.queries import history, show_item
from evidence_vault.vault.writer import writing


class LongAgo:
    """A clock that claims a time before anything else in the log."""

    def now(self) -> str:
        return "2001-01-01T00:00:00Z"


def stolen(vault: Made, sources: Path) -> tuple[str, int]:
    """(keyid, last good entry): three items before, three back-dated ones after the theft."""
    vault.ingest(sources / "one")
    key, last_good = acts.key_in_use(vault), acts.size_of(vault) - 1
    with vault.open(clock=LongAgo()) as opened:
        ingest(opened, IngestRequest([bytes(sources / "two")]))
        describe(opened, [opened.catalogue.item_ids()[0]], {"title": "what the thief says"})
    return key, last_good


def test_what_came_after_the_last_good_entry_is_refused_whatever_time_it_claims(
    vault: Made, sources: Path, tmp_path: Path
) -> None:
    key, last_good = stolen(vault, sources)
    items = acts.items_of(vault)
    good, bad = items[1], items[3]
    made_before = {i: acts.receipt(vault, i, tmp_path / f"before-{i}") for i in (good, bad)}
    done = acts.revoke(vault, key, last_good)
    # Each item got an `exported` event since: that, too, was signed by the key.
    assert set(done["items"]) == {items[0], good, *items[3:]}
    acts.rotate(vault)
    trusted = acts.trust(vault, tmp_path / "t")
    refused = acts.check_receipt(made_before[bad], trusted)
    assert acts.wrong(refused) == {"W-KEY-INTERVAL"}
    assert refused.exit_status() == Exit.EVIDENCE
    # A receipt made now carries the revocation: it is refused even without a trust file.
    again = acts.receipt(vault, bad, tmp_path / "again")
    assert acts.wrong(acts.check_receipt(again, None)) == {"R-KEY-INTERVAL"}
    assert "R-KEY-INTERVAL" in acts.wrong(acts.check_receipt(again, trusted))
    # Before the theft: untouched, by old and new key.
    untouched = acts.receipt(vault, items[2], tmp_path / "untouched")
    path = acts.bundle(vault, tmp_path / "b.zip", [items[2]])
    trusted = acts.trust(vault, tmp_path / "newest")
    assert acts.check_receipt(untouched, trusted).exit_status() == Exit.OK
    assert acts.check_bundle(path, trusted).exit_status() == Exit.OK


def test_the_archive_marks_what_is_void_and_goes_on_without_it(
    vault: Made, sources: Path, tmp_path: Path
) -> None:
    key, last_good = stolen(vault, sources)
    acts.revoke(vault, key, last_good)
    acts.rotate(vault)
    with vault.open() as opened:
        first = opened.catalogue.item_ids()[0]
        shown = show_item(opened, first)
        told = history(opened, first)
        describe(opened, [first], {"title": "what the keeper says"})
        assert show_item(opened, first)["fields"]["title"] == "what the keeper says"
    assert shown["void"] == [1]
    assert "title" not in shown["fields"]
    assert [e["void"] for e in told["events"]] == [False, True]
    assert "VOID" in told["text"]
    report = vault.audit()
    assert (report["exit"], report["findings"]) == (0, [])
    assert any(key in note and f"entry {last_good + 1}" in note for note in report["notices"])


def test_a_vault_whose_key_was_revoked_says_so_and_signs_nothing(
    vault: Made, sources: Path
) -> None:
    vault.ingest(sources / "one")
    done = acts.revoke(vault, acts.key_in_use(vault), acts.size_of(vault) - 1, "lost")
    assert done["void_entries"] == 0
    assert any("key rotate" in note for note in done["notices"])
    with pytest.raises(KeyProblem) as caught:
        vault.ingest(sources / "two")
    assert (caught.value.code, caught.value.exit_status) == ("E-KEY-REVOKED", Exit.KEY)
    with vault.open() as opened:
        status = log_status(opened)
        assert (status["state"], status["may_sign"]) == ("no-key", False)
    problems = [c for c in doctor(vault.folder, acts.secret)["checks"] if c["outcome"] == "problem"]
    assert [c["name"] for c in problems] == ["may sign"]
    assert vault.audit()["exit"] == 0
    acts.rotate(vault)
    vault.ingest(sources / "two")
    assert vault.assert_sound() == 6


def test_exports_stop_when_the_statements_key_was_revoked(
    vault: Made, sources: Path, tmp_path: Path
) -> None:
    vault.ingest(sources / "one")
    before = acts.bundle(vault, tmp_path / "before.zip")
    after = acts.bundle(vault, tmp_path / "after.zip")
    exported = [i for i, e in enumerate(vault.entries()) if e.type == "exported"]
    done = acts.revoke(vault, acts.key_in_use(vault, "statements"), exported[0])
    assert (done["role"], done["void_entries"]) == ("statements", 1)
    with pytest.raises(KeyProblem):
        acts.bundle(vault, tmp_path / "now.zip")
    acts.rotate(vault, "statements")
    trusted = acts.trust(vault, tmp_path / "t")
    assert acts.check_bundle(before, trusted).exit_status() == Exit.OK
    assert acts.wrong(acts.check_bundle(after, trusted)) == {"W-KEY-INTERVAL"}
    now = acts.bundle(vault, tmp_path / "now.zip")
    assert acts.check_bundle(now, acts.trust(vault, tmp_path / "t2")).exit_status() == Exit.OK


def test_thief_of_the_events_key_can_neither_enrol_nor_revoke(
    vault: Made, sources: Path, tmp_path: Path
) -> None:
    thief = Ed25519Signer(b"\7" * 32)
    vault.ingest(sources / "one")
    honest = acts.key_in_use(vault)
    with vault.open() as opened, writing(opened) as writer:
        for role in ("events", "statements"):
            own = Ed25519Signer((b"%s" % role.encode()).ljust(32))
            writer.vault_event(ENROLLED, {}, format_enrolled(role, own.public))
        writer.vault_event(ENROLLED, {}, format_enrolled("events", thief.public))
        writer.vault_event(REVOKED, {}, format_revoked("events", honest, 1, "lost"))
        writer.commit()
        writer.vault_event("accession-closed", {}, signer=thief)
        writer.commit()
        writer.checkpoint()
    with vault.open() as opened:
        assert {k.keyid for k in key_state(opened).current("events")} == {honest}
    trusted = acts.trust(vault, tmp_path / "t")
    assert thief.keyid not in {k.keyid for k in trusted.origins[0].keys}
    item = acts.items_of(vault)[0]
    report = acts.check_receipt(acts.receipt(vault, item, tmp_path / "r"), trusted)
    assert "R-SIGNER" in acts.wrong(report)
    codes = {f["code"] for f in vault.audit()["findings"]}
    assert codes == {"E-SIGNER"}


def test_a_revocation_is_planned_before_it_is_done(vault: Made, sources: Path) -> None:
    key, last_good = stolen(vault, sources)
    size = acts.size_of(vault)
    with vault.open() as opened:
        plan = keychanges.plan_revocation(opened, key[:12], last_good)
        items = opened.catalogue.item_ids()
    assert acts.size_of(vault) == size
    assert plan["keyid"] == key
    assert plan["items"] == [items[0], *items[3:]]
    assert plan["void_entries"] == size - last_good - 1


def test_revocations_that_can_not_be(vault: Made, sources: Path) -> None:
    vault.ingest(sources / "one")
    key = acts.key_in_use(vault)
    with vault.open() as opened:
        root = next(k["keyid"] for k in keychanges.list_keys(opened)["keys"] if k["role"] == "root")
        for name, last_good in (
            (key, 10_000),
            (key[:7], 1),
            ("0" * 64, 1),
            (root, 1),
        ):
            with pytest.raises(UsageError):
                keychanges.plan_revocation(opened, name, last_good)
    acts.revoke(vault, key, 2)
    with pytest.raises(UsageError) as caught:
        acts.revoke(vault, key, 3)
    assert caught.value.code == "E-KEY-REVOKED"
    acts.revoke(vault, key, 1)  # an earlier one may still be learned
