"""Thirteen real vaults agree on a trust document, follow it, and change it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evidence_vault.core.event import parse_entry
from evidence_vault.core.policy import format_policy, parse_policy, plain_policy
from evidence_vault.core.trust import parse_trust
from evidence_vault.seal.keyring import Peer
from evidence_vault.vault.creation import replace_keyring
from evidence_vault.vault.documents import stored_chain
from evidence_vault.vault.policies import known_peers, policy_of

from .conftest import MakeDesk
from .desks import PASSPHRASE, Desk, agree, call, checked, good, make_desk, newest, words

COUNT, THRESHOLD, QUORUM = 13, 9, 8


class Network:
    """The desks of a network and its document, version 1, accepted by none yet."""

    def __init__(self, base: Path, count: int, threshold: int, quorum: int) -> None:
        self.base = base
        self.desks = [make_desk(base, f"House {n:02d} of Planted Names") for n in range(count)]
        entries = [desk.entry() for desk in self.desks]
        self.draft = base / "draft-1.json"
        made = call(
            *("trust", "network", "new", *entries, "--threshold", threshold, "--quorum", quorum),
            *("-o", self.draft, "--json"),
        )
        checked("trust-network-new", made)
        self.first = agree(base, self.draft, self.desks[:threshold], "trust-1.json")


@pytest.fixture(scope="module")
def thirteen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    yield Network(tmp_path_factory.mktemp("thirteen"), COUNT, THRESHOLD, QUORUM)


@pytest.fixture
def three(tmp_path: Path) -> Network:
    return Network(tmp_path, 3, 2, 1)


def accept(desk: Desk, document: Path, *more: object) -> None:
    done = desk.call("trust", "network", "accept", document, *more, "--by", "d", "--json")
    checked("trust-network-accept", done)


def test_thirteen_vaults_accept_it_and_take_their_policy_and_peers_from_it(
    thirteen: Network,
) -> None:
    spoken = words(thirteen.first)
    for desk in thirteen.desks:
        accept(desk, thirteen.first, "--fingerprint", spoken)
        with desk.open() as vault:
            policy, peers = policy_of(vault), known_peers(vault)
            needed, names = policy.counted()
            assert (needed, len(names)) == (QUORUM, COUNT - 1)
            assert vault.keyring.origin not in names
            assert (vault.keyring.peers, vault.keyring.quorum) == (peers, QUORUM)
            assert len(peers) == COUNT - 1
            assert vault.keyring.origin not in {peer.origin for peer in peers}
            assert all(len(peer.witness_keys) == 2 for peer in peers)
            assert vault.keyring.network == (1, newest(thirteen.first).digest.hex())
        trust = parse_trust(desk.export("trust.json").read_bytes())
        assert trust.document == newest(thirteen.first).document
        assert trust.origins[0].policy == format_policy(policy)
        assert good(desk.call("log", "audit")).status == 0


def test_the_acceptance_is_an_entry_that_names_version_and_digest(three: Network) -> None:
    desk = three.desks[0]
    accept(desk, three.first, "--fingerprint", newest(three.first).digest.hex())
    with desk.open() as vault:
        entries = [
            parse_entry(each.entry).event
            for commit in vault.log.commits(0)
            for each in vault.log.contents(commit)
        ]
    recorded = [event for event in entries if event.type == "trust-recorded"]
    assert [dict(event.clear) for event in recorded] == [
        {"sha256": newest(three.first).digest.hex(), "version": 1}
    ]
    again = desk.call("trust", "network", "accept", three.first, "--by", "d", "--json")
    assert checked("trust-network-accept", again)["recorded"] == []


def test_nothing_readable_on_disk_names_the_organisations(three: Network) -> None:
    desk = three.desks[0]
    accept(desk, three.first, "--fingerprint", words(three.first))
    needles = [b"Planted Names", base64.b64encode(b"xPlanted Names")[2:-4]]
    files = [path for path in desk.vault.rglob("*") if path.is_file()]
    assert (desk.vault / "archive" / "trust" / "1.age") in files
    for path in files:
        data = path.read_bytes()
        assert not any(needle in data for needle in needles), path


def test_the_first_document_counts_only_by_its_fingerprint(three: Network) -> None:
    desk = three.desks[0]
    done = desk.call("trust", "network", "accept", three.first, "--by", "d", "--json")
    assert good(done, 2).json()["code"] == "E-FINGERPRINT-NEEDED"
    other = " ".join(reversed(words(three.first).split()))
    done = desk.call("trust", "network", "accept", three.first, "--fingerprint", other, "--json")
    assert good(done, 10).json()["code"] == "E-FINGERPRINT"
    with desk.open() as vault:
        assert vault.keyring.network is None
        assert stored_chain(vault) == ()
        assert policy_of(vault) == plain_policy(vault.entry_zero().log_keys())


def test_an_unsigned_draft_is_not_accepted(three: Network) -> None:
    desk = three.desks[0]
    done = desk.call(
        *("trust", "network", "accept", three.draft, "--fingerprint", words(three.draft)),
        "--json",
    )
    assert good(done, 10).json()["code"] == "E-TRUST-THRESHOLD"


def test_hand_pinned_peers_give_way_to_the_document(three: Network) -> None:
    desk = three.desks[0]
    with desk.open() as vault:
        theirs = newest(three.first).document.organisations[1]
        stale = Peer("old name", theirs.origins[0].origin, ("x",), (), "https://peer.example")
        extra = Peer("friend", "quiet-harbour-1", ("y",))
        keyring = vault.keyring
        replace_keyring(vault, replace(keyring, peers=(stale, extra), quorum=1), PASSPHRASE)
    accept(desk, three.first, "--fingerprint", words(three.first))
    with desk.open() as vault:
        peers = {peer.origin: peer for peer in known_peers(vault)}
    found = peers[theirs.origins[0].origin]
    assert found.log_keys == theirs.origins[0].log_keys
    assert (found.org, found.url) == (theirs.name, "https://peer.example")
    assert peers["quiet-harbour-1"] == extra
    assert len(peers) == 3


def test_policy_from_hand_pinned_peers(new_desk: MakeDesk) -> None:
    ours, theirs = new_desk("ours"), new_desk("theirs")
    with theirs.open() as vault:
        witness = vault.keyring.witness
        assert witness is not None
        peer = Peer("theirs", vault.keyring.origin, vault.entry_zero().log_vkeys(), witness.vkeys())
    with ours.open() as vault:
        replace_keyring(vault, replace(vault.keyring, peers=(peer,), quorum=1), PASSPHRASE)
    with ours.open() as vault:
        policy = policy_of(vault)
        assert policy.counted() == (1, (peer.origin,))
        assert parse_policy(format_policy(policy)) == policy
        assert known_peers(vault) == (peer,)


def test_root_replaced_organisation_removed_and_added(three: Network, tmp_path: Path) -> None:
    for desk in three.desks:
        accept(desk, three.first, "--fingerprint", words(three.first))
    turning, leaving = three.desks[0], three.desks[2]
    joining = make_desk(tmp_path, "House 99 that joins")
    renewed = turning.entry(
        "entry-2.json", "--root", turning.next_root, "--next", turning.file("next-2.txt")
    )
    with leaving.open() as vault:
        gone, opened = vault.keyring.origin, vault.checkpoint()
        assert opened is not None
        size = opened.checkpoint.size
    draft = tmp_path / "draft-2.json"
    command = (
        *("trust", "network", "next", three.first, "--replace", renewed),
        *("--remove", leaving.name, "--add", joining.entry()),
    )
    refused = call(*command, "-o", draft, "--json")
    assert good(refused, 2).json()["code"] == "E-RETIRE"
    drafted = call(*command, "--retire", f"{gone}={size}", "-o", draft, "--json")
    assert checked("trust-network-next", drafted)["changes"] == [
        f"root key replaced: {turning.name}",
        f"added: {joining.name}",
        f"removed: {leaving.name}",
        f"log over: {gone}, good up to {size} entries",
    ]
    # The replaced key signs for version 1's threshold, its successor for version 2's.
    previous = ("--previous", three.first)
    parts = [
        turning.sign(draft, turning.recovery, *previous),
        turning.sign(draft, turning.next_root),
        three.desks[1].sign(draft),
    ]
    second = tmp_path / "trust-2.json"
    merged = call("trust", "network", "merge", *parts, *previous, "-o", second, "--json")
    assert checked("trust-network-merge", merged)["complete"]
    for desk in three.desks:
        accept(desk, second)
        assert (desk.vault / "archive" / "trust" / "2.age").is_file()
    accept(joining, second, "--fingerprint", words(second))
    with three.desks[1].open() as vault:
        assert [each.version for each in stored_chain(vault)] == [1, 2]
        assert gone not in {peer.origin for peer in known_peers(vault)}
        assert joining.name in {peer.org for peer in known_peers(vault)}
    with joining.open() as vault:
        assert [each.version for each in stored_chain(vault)] == [2]
    over = parse_trust(leaving.export("trust-over.json").read_bytes())
    assert all(key.until == size for key in over.origins[0].keys)
    back = three.desks[1].call("trust", "network", "accept", three.first, "--by", "d")
    assert good(back).out.startswith("Trust document 2 is followed already")


def test_a_stranger_root_key_does_not_sign(three: Network, new_desk: MakeDesk) -> None:
    stranger = new_desk("stranger")
    done = call(
        *("trust", "network", "sign", three.draft, "--recovery", stranger.recovery),
        *("-o", stranger.file("signed.json"), "--json"),
    )
    assert good(done, 13).json()["code"] == "E-NOT-A-ROOT"
    assert not stranger.file("signed.json").exists()


def test_copies_of_two_drafts_are_not_merged(three: Network, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    entries = [desk.file("entry.json") for desk in three.desks]
    command = ("trust", "network", "new", *entries, "--threshold", 2, "--quorum", 2)
    good(call(*command, "-o", other))
    done = call(
        *("trust", "network", "merge", three.first, other),
        *("-o", tmp_path / "merged.json", "--json"),
    )
    assert good(done, 2).json()["code"] == "E-TRUST-OTHER"


def test_a_network_that_signs_two_second_versions_is_found_out(
    three: Network, tmp_path: Path
) -> None:
    desk = three.desks[0]
    accept(desk, three.first, "--fingerprint", words(three.first))
    made = []
    for number, quorum in ((1, 2), (2, 0)):
        draft = tmp_path / f"draft-2-{number}.json"
        command = ("trust", "network", "next", three.first, "--quorum", quorum, "-o", draft)
        good(call(*command))
        made.append(agree(tmp_path, draft, three.desks[:2], f"second-{number}.json", three.first))
    accept(desk, made[0])
    done = desk.call("trust", "network", "accept", made[1], "--by", "d", "--json")
    assert good(done, 11).json()["code"] == "E-TRUST-FORK"
    with desk.open() as vault:
        assert vault.keyring.network == (2, newest(made[0]).digest.hex())


def test_a_document_that_names_this_vault_with_other_keys_is_refused(
    three: Network, new_desk: MakeDesk
) -> None:
    """A vault restored under another name: the document speaks of somebody else."""
    desk = three.desks[0]
    with desk.open() as vault:
        replace_keyring(vault, replace(vault.keyring, org="Another House"), PASSPHRASE)
    done = desk.call(
        *("trust", "network", "accept", three.first, "--fingerprint", words(three.first)),
        "--json",
    )
    assert good(done, 10).json()["code"] == "E-TRUST-OWN"


def test_a_stored_document_that_was_exchanged_is_noticed(three: Network, tmp_path: Path) -> None:
    desk, other = three.desks[0], three.desks[1]
    accept(desk, three.first, "--fingerprint", words(three.first))
    accept(other, three.first, "--fingerprint", words(three.first))
    place = desk.vault / "archive" / "trust" / "1.age"
    place.unlink()
    place.write_bytes((other.vault / "archive" / "trust" / "1.age").read_bytes())
    done = desk.call("trust", "export", "-o", tmp_path / "trust.json", "--json")
    assert done.status in (10, 13)
    place.unlink()
    done = desk.call("trust", "export", "-o", tmp_path / "trust.json", "--json")
    assert good(done, 10).json()["code"] == "E-TRUST-MISSING"


def test_a_vault_without_encryption_keeps_the_document_as_it_is(tmp_path: Path) -> None:
    network = Network(tmp_path, 2, 2, 1)
    plain = Desk(tmp_path, "plain")
    (tmp_path / "plain").mkdir()
    plain.file("passphrase").write_text(PASSPHRASE + "\n")
    good(plain.call("init", plain.vault, "--org", "plain", "--plaintext", "--no-recovery"))
    accept(plain, network.first, "--fingerprint", words(network.first))
    stored = (plain.vault / "archive" / "trust" / "1.json").read_bytes()
    assert stored + b"\n" == network.first.read_bytes()


def test_acceptance_that_was_cut_off_is_finished_by_the_next_run(
    three: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored and recorded, not yet pinned: the vault still follows nothing, and can go on."""
    desk = three.desks[0]
    command = ("trust", "network", "accept", three.first, "--fingerprint", words(three.first))

    def dead(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("evidence_vault.vault.network.replace_keyring", dead)
        good(desk.call(*command), 130)
    with desk.open() as vault:
        assert vault.keyring.network is None
        assert stored_chain(vault) == ()
    accept(desk, three.first, "--fingerprint", words(three.first))
    with desk.open() as vault:
        assert [each.version for each in stored_chain(vault)] == [1]
    good(desk.call("log", "audit"))


def test_log_that_succeeds_the_named_one_never_counts_its_own_organisation(
    three: Network, tmp_path: Path
) -> None:
    desk = three.desks[0]
    for each in three.desks:
        accept(each, three.first, "--fingerprint", words(three.first))
    with desk.open() as vault:
        old = vault.keyring.origin
    good(desk.call("log", "succeed", "--recovery", desk.recovery, "--reason", "lost", "--by", "d"))
    with desk.open() as vault:
        new = vault.keyring.origin
        assert old not in {peer.origin for peer in known_peers(vault)}
        assert policy_of(vault).counted()[0] == 1
        assert not set(policy_of(vault).counted()[1]) & {old, new}
    # The next version names the new log; the end of the old one is read from entry 0 of the new.
    entry = desk.entry("entry-2.json", "--json")
    draft = tmp_path / "draft-2.json"
    command = ("trust", "network", "next", three.first, "--replace", entry, "-o", draft, "--json")
    retired = checked("trust-network-next", call(*command))["retired"]
    assert [each["origin"] for each in retired] == [old]
    second = agree(tmp_path, draft, three.desks[:2], "trust-2.json", three.first)
    for each in three.desks:
        accept(each, second)
    assert {log.origin for log in newest(second).document.organisations[0].origins} == {new}


def test_show_says_all_of_it_to_people(three: Network) -> None:
    desk = three.desks[0]
    accept(desk, three.first, "--fingerprint", words(three.first))
    shown = good(call("trust", "show", desk.export("trust-shown.json"))).out
    for piece in (
        "made at",
        "today",
        "countersign:   1 of 2",
        "in network:    yes",
        "Trust document, version 1",
        "2 of 3 must sign",
        three.desks[1].name,
        " ".join(words(three.first).split()[:8]),
    ):
        assert piece in shown, piece
    draft = good(call("trust", "network", "show", three.draft)).out
    assert "0 of 2 needed, NOT enough yet" in draft
    document = good(call("trust", "network", "show", three.first)).out
    assert "2 of 2 needed, enough" in document
