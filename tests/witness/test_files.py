"""Countersigning by file: the exchange, every refusal, and what is kept of a cheat."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence_vault.core.exchange import format_request, make_request, parse_request
from evidence_vault.core.note import Note, NoteSignature, add_signatures, format_note, parse_note
from evidence_vault.errors import FormatError, SignatureInvalid, Unchecked, UsageError
from evidence_vault.vault.checking import log_status
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.rebuilding import rebuild

from .conftest import MakeHouse
from .houses import House, SetClock, secret, size_of


def test_a_request_goes_and_an_answer_comes_back(log: House, witness: House) -> None:
    size = log.grow()
    request = log.request(witness)
    result, answer = witness.cosign(request)
    assert (result["status"], result["exit"], result["old"], result["size"]) == (200, 0, 0, size)
    taken = log.take(answer)
    assert taken["exit"] == 0
    assert [line["size"] for line in taken["stored"]] == [size, size]
    assert taken["quorum"] == {"needed": 1, "of": [witness.origin()], "size": size}
    with log.open() as vault:
        status = log_status(vault)
    assert (status["cosignatures"], status["countersigned"]) == ("present", size)
    assert [each["behind"] for each in status["countersigners"]] == [0]

    grown = log.grow(2)
    with log.open() as vault:
        status = log_status(vault)
    assert (status["cosignatures"], status["countersigned"]) == ("pending", size)
    assert status["countersigners"][0]["behind"] == grown - size
    assert any("since" in notice for notice in status["notices"])
    again = log.request(witness)
    assert parse_request(again.read_bytes()).old == size
    assert witness.cosign(again)[0]["status"] == 200


def test_what_was_learned_survives_a_rebuilt_catalogue(log: House, witness: House) -> None:
    log.grow()
    log.countersign_by(witness)
    before = log.status()
    for house in (log, witness):
        (house.vault / "catalogue.db").unlink()
        assert rebuild(house.vault, secret)["exit"] == 0
    assert log.status() == before
    with witness.open() as vault:
        (peer,) = vault.catalogue.peers()
        assert peer.origin == log.origin()


def test_an_unknown_log_is_not_judged(make_house: MakeHouse, witness: House) -> None:
    stranger = make_house("stranger")
    with pytest.raises(Unchecked) as caught:
        witness.cosign(stranger.request())
    assert caught.value.code == "E-UNKNOWN-LOG"


def test_a_vault_does_not_countersign_itself(witness: House) -> None:
    with pytest.raises(UsageError) as caught:
        witness.pin(witness)
    assert caught.value.code == "E-OWN-LOG"
    with pytest.raises(Unchecked):
        witness.cosign(witness.request(old=0))


def test_a_request_by_other_keys_is_refused_and_not_kept(log: House, witness: House) -> None:
    cheat = log.evil()
    point = parse_request(log.request(witness).read_bytes())
    note = parse_note(point.checkpoint)
    flipped = [
        NoteSignature(s.name, s.key_id, s.signature[:-1] + bytes([s.signature[-1] ^ 1]))
        for s in note.signatures
    ]
    for lines in ([flipped[0], note.signatures[1]], [note.signatures[0]], flipped):
        spoilt = make_request(0, (), format_note(Note(note.text, tuple(lines))))
        path = cheat.save(format_request(spoilt))
        with pytest.raises(SignatureInvalid):
            witness.cosign(path)
    assert witness.status()["misbehaviour"] == []


def test_wrong_old_is_answered_with_the_size_and_is_no_misbehaviour(
    log: House, witness: House
) -> None:
    size = log.grow()
    log.countersign_by(witness)
    log.grow()
    result, answer = witness.cosign(log.request(witness, old=0))
    assert (result["status"], result["exit"]) == (409, 3)
    assert answer.read_bytes() == b"%d\n" % size
    taken = log.take(answer)
    assert (taken["sizes"][0]["size"], taken["exit"]) == (size, 3)
    assert witness.status()["misbehaviour"] == []
    assert witness.cosign(log.request(witness, old=size))[0]["status"] == 200


def test_a_lost_answer_is_asked_for_again(log: House, witness: House) -> None:
    size = log.grow()
    witness.cosign(log.request(witness))  # and the answer is lost
    result, _ = witness.cosign(log.request(witness))
    assert result["status"] == 409
    result, answer = witness.cosign(log.request(witness, old=size))
    assert result["status"] == 200
    assert log.take(answer)["quorum"]["size"] == size


def test_a_log_rolled_back_is_refused_and_kept(log: House, witness: House) -> None:
    log.grow()
    log.grow()
    log.countersign_by(witness)
    cheat = log.evil()
    request = cheat.request(cheat.leaves[:3], 0)
    result, _ = witness.cosign(request)
    assert (result["status"], result["exit"], result["proven"]) == (409, 11, False)
    assert_kept(witness, request, "rollback", result["evidence"])


def test_an_old_request_that_comes_again_is_no_rollback(log: House, witness: House) -> None:
    log.grow()
    first = log.request(witness)
    witness.cosign(first)
    log.grow()
    witness.cosign(log.request(witness, old=size_of(first)))
    result, _ = witness.cosign(first)
    assert (result["status"], result["exit"], result["evidence"]) == (409, 3, None)


def test_a_fork_at_the_same_size_is_refused_and_proven(log: House, witness: House) -> None:
    size = log.grow()
    log.countersign_by(witness)
    cheat = log.evil()
    for old, status in ((size, 422), (0, 409)):
        request = cheat.request(cheat.branch(2, size, f"fork {old}"), old)
        result, _ = witness.cosign(request)
        assert (result["status"], result["exit"], result["proven"]) == (status, 11, True)
        assert_kept(witness, request, "fork", result["evidence"])
    assert witness.status()["exit"] == 11


def test_a_fork_further_on_proves_itself_by_its_own_proof(log: House, witness: House) -> None:
    size = log.grow(2)  # five entries: a proof from there shows the old root
    assert size & (size - 1)
    log.countersign_by(witness)
    cheat = log.evil()
    request = cheat.request(cheat.branch(3, size + 4), size)
    result, _ = witness.cosign(request)
    assert (result["status"], result["exit"], result["proven"]) == (422, 11, True)
    assert_kept(witness, request, "fork", result["evidence"])


def test_a_worthless_proof_is_refused_and_proves_nothing(log: House, witness: House) -> None:
    size = log.grow()
    log.countersign_by(witness)
    cheat = log.evil()
    leaves = cheat.leaves + cheat.branch(0, 3)
    request = cheat.request(leaves, size, [bytes(32)] * 3)
    result, _ = witness.cosign(request)
    assert (result["status"], result["exit"], result["proven"]) == (422, 10, False)
    assert_kept(witness, request, "no-proof", result["evidence"])
    assert witness.status()["exit"] == 0


def assert_kept(witness: House, request: Path, kind: str, key: str) -> None:
    assert (witness.vault / "archive" / key).read_bytes() == request.read_bytes()
    kinds = {page["evidence"]: page["kind"] for page in witness.status()["misbehaviour"]}
    assert kinds[key] == kind


def test_a_clock_set_back_gives_no_countersignature(log: House, witness: House) -> None:
    witness.clock = SetClock("2026-11-23T10:00:00Z")
    size = log.grow()
    assert witness.cosign(log.request(witness))[0]["status"] == 200
    log.grow()
    witness.clock = SetClock("2026-11-23T09:59:59Z")
    with pytest.raises(Unchecked) as caught:
        witness.cosign(log.request(witness, old=size))
    assert caught.value.code == "E-WITNESS-CLOCK"
    witness.clock = SetClock("2026-11-23T10:00:00Z")
    assert witness.cosign(log.request(witness, old=size))[0]["status"] == 200


# -- what comes back -----------------------------------------------------------------------------


def test_answers_by_unknown_keys_are_ignored_and_said(
    make_house: MakeHouse, log: House, witness: House
) -> None:
    other = make_house("other")
    other.init_witness()
    other.pin(log)
    log.grow()
    _, answer = other.cosign(log.request(old=0))
    taken = log.take(answer)
    assert (taken["exit"], taken["stored"], len(taken["unknown"])) == (3, [], 2)
    with log.open() as vault:
        assert log_status(vault)["cosignatures"] == "pending"


def test_a_cosignature_of_another_log_does_not_count(
    make_house: MakeHouse, log: House, witness: House
) -> None:
    other = make_house("other")
    witness.pin(other)
    _, answer = witness.cosign(other.request(old=0))
    taken = log.take(answer)
    assert (taken["exit"], taken["stored"]) == (10, [])
    assert {found["code"] for found in taken["findings"]} == {"E-COSIGNATURE"}


def test_a_replayed_answer_counts_for_its_own_size_only(log: House, witness: House) -> None:
    size = log.grow()
    _, answer = witness.cosign(log.request(witness))
    log.take(answer)
    log.grow()
    taken = log.take(answer)
    assert [(line["size"], line["already"]) for line in taken["stored"]] == [(size, True)] * 2
    with log.open() as vault:
        assert log_status(vault)["cosignatures"] == "pending"


def test_half_a_countersignature_is_none(log: House, witness: House) -> None:
    """Both keys of an organisation must have signed: no stripping of the post-quantum one."""
    log.grow()
    _, answer = witness.cosign(log.request(witness))
    answer.write_bytes(answer.read_bytes().splitlines(keepends=True)[0])
    taken = log.take(answer)
    assert (len(taken["stored"]), taken["quorum"]["size"]) == (1, None)


def test_a_countersigner_whose_clock_goes_back_is_caught(log: House, witness: House) -> None:
    log.grow()
    first = log.request(witness)
    log.grow()
    second = log.request(witness)
    answers = []
    for request, time in ((first, "2026-11-23T10:00:00Z"), (second, "2026-11-22T10:00:00Z")):
        answers.append(lying_cosigner(witness, request, time))
    assert log.take(answers[0])["exit"] == 0
    taken = log.take(answers[1])
    assert (taken["exit"], taken["stored"]) == (10, [])
    assert {found["code"] for found in taken["findings"]} == {"E-COSIGNATURE-CLOCK"}
    pages = log.status()["misbehaviour"]
    assert {page["kind"] for page in pages} == {"clock"}
    assert all(page["proven"] for page in pages)


def lying_cosigner(witness: House, request: Path, time: str) -> Path:
    """An answer by somebody who signs whatever is put before them, at whatever time."""
    from evidence_vault.core.checkpoint import Checkpoint, sign_line
    from evidence_vault.core.exchange import format_answer
    from evidence_vault.vault.countersigning import posix

    wanted = parse_request(request.read_bytes())
    point = Checkpoint(wanted.origin, wanted.size, wanted.root)
    with witness.open() as vault:
        keys = vault.keyring.witness
        assert keys is not None
        lines = [sign_line(point, signer, timestamp=posix(time)) for signer in keys.signers()]
    path = witness.file("answer.txt")
    path.write_bytes(format_answer(lines))
    return path


def test_a_bad_file_does_not_keep_the_others_out(log: House, witness: House) -> None:
    log.grow()
    _, answer = witness.cosign(log.request(witness))
    bad = witness.file("bad")
    bad.write_bytes(b"nothing\n")
    taken = log.take(bad, answer)
    assert (taken["exit"], len(taken["stored"])) == (10, 2)


def test_a_whole_note_is_taken_like_an_answer(log: House, witness: House) -> None:
    log.grow()
    _, answer = witness.cosign(log.request(witness))
    from evidence_vault.core.exchange import parse_answer

    whole = add_signatures(parse_note(log.checkpoint()), parse_answer(answer.read_bytes()))
    answer.write_bytes(format_note(whole))
    taken = log.take(answer)
    assert (len(taken["stored"]), len(taken["unknown"])) == (2, 2)  # the log's own are no answer


# -- pinning -------------------------------------------------------------------------------------


def test_one_request_fits_all_who_stand_alike(make_house: MakeHouse, log: House) -> None:
    houses = [make_house(name) for name in "ab"]
    for house in houses:
        house.init_witness()
        house.pin(log)
        log.pin(house)
    log.grow()
    request = log.request()
    answers = [house.cosign(request)[1] for house in houses]
    assert log.take(answers[0])["exit"] == 0
    log.grow()
    with pytest.raises(UsageError, match="different sizes"):
        log.request()
    assert log.take(answers[1])["quorum"]["size"] is not None
    assert size_of(log.request()) > 0


def test_a_quorum_that_cannot_be_met_is_refused(log: House, make_house: MakeHouse) -> None:
    house = make_house("a")
    house.init_witness()
    with pytest.raises(UsageError) as caught:
        log.pin(house, quorum=2)
    assert caught.value.code == "E-QUORUM"
    assert log.pin(house, quorum=1)["quorum"]["needed"] == 1


def test_a_log_that_comes_back_with_other_keys_is_refused(log: House, witness: House) -> None:
    from evidence_vault.core.trust import parse_trust
    from evidence_vault.errors import EvidenceError
    from evidence_vault.vault.creation import create_vault
    from evidence_vault.vault.witness_setup import witness_add

    forged = House(log.folder.parent / "forged")
    forged.folder.mkdir()
    create_vault(
        forged.vault, org="Forger", passphrase="correct horse battery", origin=log.origin()
    )
    trust = forged.trust()
    assert parse_trust(trust.read_bytes()).origins[0].origin == log.origin()
    with witness.open() as vault, pytest.raises(EvidenceError) as caught:
        witness_add(vault, secret, trust)
    assert caught.value.code == "E-PEER-KEYS"


def test_the_trust_file_carries_countersigner_keys_and_policy(log: House, witness: House) -> None:
    from evidence_vault.core.trust import parse_trust

    theirs = parse_trust(witness.trust().read_bytes()).origins[0]
    ours = parse_trust(log.trust().read_bytes()).origins[0]
    with witness.open() as vault:
        assert vault.keyring.witness is not None
        assert theirs.witness == vault.keyring.witness.vkeys()
    assert [key.name for key in ours.countersigning().witness_keys] == [
        text.partition("+")[0] for text in theirs.witness
    ]
    assert ours.countersigning().counted() == (1, (witness.origin(),))


def test_malformed_requests_are_refused(log: House, witness: House) -> None:
    good = log.request(witness).read_bytes()
    for bad in (b"", b"old 0\n", good[:-1], good.replace(b"old 0", b"old 00"), b"x" + good):
        path = log.file("bad")
        path.write_bytes(bad)
        with pytest.raises(FormatError):
            witness.cosign(path)


def test_cosignatures_that_are_lost_or_changed_are_found_by_fixity(
    log: House, witness: House
) -> None:
    size = log.grow()
    log.countersign_by(witness)
    log.grow()
    folder = log.vault / "archive/evidence" / str(size)
    first, second = sorted((folder / "cosignatures").iterdir())
    first.unlink()
    second.write_bytes(second.read_bytes()[:-8] + b"AAAAAA=="[-7:] + b"\n")
    (folder / "checkpoint").unlink()
    with log.open() as vault:
        found = fixity(vault, all=True)
    assert found["exit"] == 10
    named = {(each["code"], Path(each["object"]).name) for each in found["damaged"]}
    assert named == {
        ("E-EVIDENCE-MISSING", first.name),
        ("E-EVIDENCE-CHANGED", second.name),
        ("E-EVIDENCE-MISSING", "checkpoint"),
    }
