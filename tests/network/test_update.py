"""``trust update``: an older pinned trust file learns only what somebody vouches for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.core.checkpoint import Checkpoint, sign_checkpoint
from evidence_vault.core.keys import fingerprint_words
from evidence_vault.core.policy import parse_policy
from evidence_vault.core.trust import (
    TrustFile,
    TrustKey,
    TrustOrigin,
    format_trust,
    parse_trust,
    trust_fingerprint,
)
from evidence_vault.core.trustsigned import format_chain, format_signed, parse_chain
from evidence_vault.errors import EvidenceError, FormatError
from evidence_vault.vault.opening import open_vault

from .desks import PASSPHRASE, Desk, agree, call, checked, good, words
from .holders import Holder, after, document, signed
from .test_vaults import Network, accept

TIME = "2026-11-23T10:00:00Z"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Three vaults through three versions; the first has a trust file and a receipt of each.

    Files of the first desk: ``trust-N.json``, ``receipt-N.txt``; of the network: ``doc-N.json``.
    """
    base = tmp_path_factory.mktemp("made")
    network = Network(base, 3, 2, 1)
    desk, document = network.desks[0], network.first
    shutil.copyfile(document, base / "doc-1.json")
    for version in (1, 2, 3):
        if version > 1:
            draft = base / f"draft-{version}.json"
            quorum = 3 - version if version < 3 else 0
            command = ("trust", "network", "next", document, "--quorum", quorum)
            good(call(*command, "-o", draft))
            document = agree(
                base,
                draft,
                network.desks[:2],
                f"doc-{version}.json",
                base / f"doc-{version - 1}.json",
            )
        accept(desk, document, *(("--fingerprint", words(document)) if version == 1 else ()))
        source = desk.file(f"file-{version}.txt")
        source.write_text(f"what was seen, {version}\n")
        good(desk.call("ingest", source, "--by", "d"))
        item = desk.call("search", "--name", source.name, "--json").json()["items"][0]["id"]
        good(desk.call("receipt", item, "-o", desk.file(f"receipt-{version}.txt"), "--by", "d"))
        desk.export(f"trust-{version}.json")
    return network


def update(old: Path, new: Path, out: Path, *more: object, status: int = 0) -> dict[str, Any]:
    """The result of a run, or the error it ended with."""
    done = good(call("trust", "update", old, new, "-o", out, *more, "--json"), status)
    if status in (0, 3) and out.exists():
        return checked("trust-update", done, status)
    return done.json()


def spoken(path: Path) -> str:
    """The words that the sender of a trust file reads aloud."""
    return " ".join(fingerprint_words(trust_fingerprint(path.read_bytes())))


def refused(old: Path, new: Path, code: str, status: int, *more: object) -> dict[str, Any]:
    out = old.with_name("refused.json")
    failure = update(old, new, out, *more, status=status)
    assert failure["code"] == code, failure
    assert not out.exists()
    return failure


def verify(trust: Path, receipt: Path) -> int:
    return call("verify", "--trust", trust, receipt).status


# -- along the chain ----------------------------------------------------------------------------


def chain_file(made: Network, target: Path, *versions: int) -> Path:
    target.write_bytes(b"".join((made.base / f"doc-{v}.json").read_bytes() for v in versions))
    return target


def test_old_file_follows_three_versions_along_the_chain(made: Network, tmp_path: Path) -> None:
    desk, out = made.desks[0], tmp_path / "updated.json"
    old = desk.file("trust-1.json")
    result = update(old, chain_file(made, tmp_path / "chain", 2, 3), out)
    assert len(result["taken"]) == 2
    assert (result["network"]["first"], result["network"]["version"]) == (1, 3)
    before, now = (parse_trust(path.read_bytes()) for path in (old, out))
    assert now.origins[0].size == before.origins[0].size
    assert now.origins[0].keys == before.origins[0].keys
    assert [parse_policy(t.origins[0].policy).counted()[0] for t in (before, now)] == [1, 0]
    assert verify(out, desk.file("receipt-2.txt")) == 3, "the log state is still the old one"
    assert update(out, chain_file(made, tmp_path / "again", 1, 2), tmp_path / "same")["taken"] == []


def test_chain_in_a_bundle_counts_when_it_connects(made: Network, tmp_path: Path) -> None:
    folder = tmp_path / "loose"
    (folder / "trust").mkdir(parents=True)
    for version in (2, 3):
        shutil.copyfile(made.base / f"doc-{version}.json", folder / "trust" / f"{version}.json")
    old = made.desks[0].file("trust-1.json")
    assert update(old, folder, tmp_path / "a.json")["network"]["version"] == 3
    desk = made.desks[0]
    command = ("export", "--all", "--clear", "--trust-documents", "--by", "d")
    good(desk.call(*command, "-o", tmp_path / "bundle.zip"))
    assert update(old, tmp_path / "bundle.zip", tmp_path / "b.json")["network"]["version"] == 3
    last = desk.export("trust-bundled.json")
    assert verify(last, tmp_path / "bundle.zip") == 0
    good(desk.call(*command, "--folder", "-o", tmp_path / "bundle"))
    shown = parse_chain((tmp_path / "bundle" / "trust" / "3.json").read_bytes())
    assert shown == parse_trust(last.read_bytes()).network[2:]


def test_chain_in_a_bundle_that_does_not_connect(made: Network, tmp_path: Path) -> None:
    own = [Holder(number) for number in range(40, 53)]
    first = signed(document(own), own)
    second = signed(after(first, own), own)
    third = signed(after(second, own), own)
    (tmp_path / "trust").mkdir()
    old = made.desks[0].file("trust-1.json")
    place = tmp_path / "trust" / "3.json"
    place.write_bytes(format_chain([third]))
    refused(old, tmp_path, "E-TRUST-CHAIN", 10)
    place.write_bytes(format_chain([second, third]))
    refused(old, tmp_path, "E-TRUST-THRESHOLD", 10)
    place.write_bytes((made.base / "doc-3.json").read_bytes())
    refused(old, tmp_path, "E-TRUST-CHAIN", 10)
    place.write_bytes(b"{}\n")
    assert update(old, tmp_path, tmp_path / "out", status=10)["code"] == "E-FORMAT"
    place.unlink()
    assert update(old, tmp_path, tmp_path / "out", status=2)["code"] == "E-USAGE"


def test_fork_of_the_chain_is_told_from_a_forgery(made: Network, tmp_path: Path) -> None:
    old = made.desks[0].file("trust-2.json")
    draft = tmp_path / "draft.json"
    command = ("trust", "network", "next", made.base / "doc-1.json", "--quorum", 2, "-o", draft)
    good(call(*command))
    one = made.desks[0].sign(draft)
    refused(old, one, "E-TRUST-THRESHOLD", 10)
    both = agree(tmp_path, draft, made.desks[:2], "both.json", made.base / "doc-1.json")
    refused(old, both, "E-TRUST-FORK", 11)


# -- states and keys, by word of mouth ------------------------------------------------------------


def test_newer_file_is_taken_over_when_its_words_were_read_aloud(
    made: Network, tmp_path: Path
) -> None:
    desk, out = made.desks[0], tmp_path / "updated.json"
    old, new = desk.file("trust-1.json"), desk.file("trust-3.json")
    assert verify(old, desk.file("receipt-3.txt")) == 3
    result = update(old, new, out, "--fingerprint", spoken(new))
    assert result["left"] == []
    for version in (1, 2, 3):
        assert verify(out, desk.file(f"receipt-{version}.txt")) == 0
    now, theirs = (parse_trust(path.read_bytes()) for path in (out, new))
    assert (now.origins, now.network) == (theirs.origins, theirs.network)
    bundle = desk.file("bundle.zip")
    good(desk.call("export", "--all", "--clear", "-o", bundle, "--by", "d"))
    assert verify(out, bundle) == 3, "the export itself is beyond what the file knows"
    newer = desk.export("trust-after.json")
    update(out, newer, tmp_path / "last.json", "--fingerprint", spoken(newer))
    assert verify(tmp_path / "last.json", bundle) == 0


def test_newer_file_without_its_words_gives_documents_and_no_keys(
    made: Network, tmp_path: Path
) -> None:
    desk, out = made.desks[0], tmp_path / "updated.json"
    old = desk.file("trust-1.json")
    result = update(old, desk.file("trust-3.json"), out, status=3)
    assert result["code"] == "E-PARTLY"
    assert len(result["taken"]) == 2
    assert len(result["left"]) == 1
    assert result["network"]["version"] == 3
    assert (
        parse_trust(out.read_bytes()).origins[0].size
        == parse_trust(old.read_bytes()).origins[0].size
    )
    assert verify(out, desk.file("receipt-3.txt")) == 3


def test_wrong_words_are_refused(made: Network) -> None:
    desk = made.desks[0]
    old, new = desk.file("trust-1.json"), desk.file("trust-3.json")
    refused(old, new, "E-FINGERPRINT", 10, "--fingerprint", spoken(old))
    refused(old, new, "E-FINGERPRINT-WORDS", 10, "--fingerprint", "lamp lamp")


def test_older_file_changes_nothing(made: Network, tmp_path: Path) -> None:
    desk = made.desks[0]
    old, new = desk.file("trust-3.json"), desk.file("trust-1.json")
    result = update(old, new, tmp_path / "out.json", "--fingerprint", spoken(new))
    assert result["taken"] == []
    assert len(result["kept"]) == 1
    assert parse_trust((tmp_path / "out.json").read_bytes()) == replace(
        parse_trust(old.read_bytes()), made_at=result["made_at"]
    )


def test_old_file_is_never_written_over(made: Network) -> None:
    desk = made.desks[0]
    old = desk.file("trust-1.json")
    assert update(old, desk.file("trust-3.json"), old, status=2)["code"] == "E-EXISTS"


# -- what is refused whoever vouches for it -------------------------------------------------------


def bend(
    desk: Desk, source: Path, target: Path, change: Callable[[TrustOrigin], TrustOrigin]
) -> Path:
    """A trust file with its log changed and, as a thief of the log keys could, signed again."""
    trust = parse_trust(source.read_bytes())
    origin = change(trust.origins[0])
    with open_vault(desk.vault, lambda: PASSPHRASE) as vault:
        note = sign_checkpoint(
            Checkpoint(origin.origin, origin.size, origin.root),
            vault.keyring.log_signers(),
            timestamp=1_800_000_000,
        )
    target.write_bytes(format_trust(replace(trust, origins=(replace(origin, checkpoint=note),))))
    return target


def test_two_roots_for_one_size_are_a_fork(made: Network, tmp_path: Path) -> None:
    desk = made.desks[0]
    old = desk.file("trust-1.json")
    new = bend(desk, old, tmp_path / "new.json", lambda o: replace(o, root=bytes(32)))
    refused(old, new, "E-FORK", 11)
    refused(old, new, "E-FORK", 11, "--fingerprint", spoken(new))


def keys_of(origin: TrustOrigin, **ends: int | None) -> tuple[TrustKey, ...]:
    return tuple(
        TrustKey(k.role, k.keyid, k.public, k.start, ends.get(k.role, k.until)) for k in origin.keys
    )


def with_key(origin: TrustOrigin, start: int) -> tuple[TrustKey, ...]:
    from evidence_vault.core.keys import keyid

    public = Holder(77).public()
    keys = (*origin.keys, TrustKey("events", keyid(public), public, start, None))
    return tuple(sorted(keys, key=lambda k: (k.role, k.start, k.keyid)))


def test_key_intervals_only_end_and_new_keys_begin_later(made: Network, tmp_path: Path) -> None:
    desk = made.desks[0]
    old, source = desk.file("trust-1.json"), desk.file("trust-3.json")
    size = parse_trust(old.read_bytes()).origins[0].size
    ended = bend(desk, source, tmp_path / "ended", lambda o: replace(o, keys=keys_of(o, events=5)))
    added = bend(desk, source, tmp_path / "added", lambda o: replace(o, keys=with_key(o, size + 1)))
    for name, new in (("a", ended), ("b", added)):
        assert update(old, new, tmp_path / name, status=3)["left"]
        done = update(old, new, tmp_path / (name + "2"), "--fingerprint", spoken(new))
        assert done["left"] == []
    # Taken over, the revoked key no longer signs the later entries, and never does again.
    assert verify(tmp_path / "a2", desk.file("receipt-3.txt")) == 10
    refused(tmp_path / "a2", source, "E-TRUST-KEYS", 10, "--fingerprint", spoken(source))
    early = bend(desk, source, tmp_path / "early", lambda o: replace(o, keys=with_key(o, size)))
    refused(old, early, "E-TRUST-KEYS", 10, "--fingerprint", spoken(early))
    refused(tmp_path / "b2", source, "E-TRUST-KEYS", 10)


def test_another_log_under_the_same_name(made: Network, tmp_path: Path) -> None:
    desk, other = made.desks[0], Desk(tmp_path, "other")
    old = tmp_path / "old.json"
    trust = parse_trust(desk.file("trust-1.json").read_bytes())
    from evidence_vault.core.policy import format_policy, plain_policy

    own = trust.origins[0]
    keys = [log.key for log in own.countersigning().logs]
    alone = replace(own, policy=format_policy(plain_policy(keys)))
    old.write_bytes(format_trust(TrustFile(TIME, (alone,))))
    (tmp_path / "other").mkdir()
    other.file("passphrase").write_text(PASSPHRASE + "\n")
    good(other.call("init", other.vault, "--org", own.org, "--origin", own.origin, "--no-recovery"))
    new = other.export("trust.json")
    refused(old, new, "E-TRUST-FINGERPRINT", 10)
    refused(old, new, "E-TRUST-FINGERPRINT", 10, "--fingerprint", spoken(new))


# -- files without a network -----------------------------------------------------------------------


def by_hand(source: Path, target: Path) -> Path:
    """The same trust file as if its keys were pinned by hand."""
    from evidence_vault.core.policy import format_policy, plain_policy

    trust = parse_trust(source.read_bytes())
    own = trust.origins[0]
    keys = [log.key for log in own.countersigning().logs]
    alone = replace(own, policy=format_policy(plain_policy(keys)))
    target.write_bytes(format_trust(TrustFile(trust.made_at, (alone,))))
    return target


def test_without_a_network_everything_needs_the_words(made: Network, tmp_path: Path) -> None:
    desk = made.desks[0]
    old = by_hand(desk.file("trust-1.json"), tmp_path / "old.json")
    new = by_hand(desk.file("trust-3.json"), tmp_path / "new.json")
    refused(old, new, "E-TRUST-UNVOUCHED", 3)
    update(old, new, tmp_path / "out.json", "--fingerprint", spoken(new))
    assert verify(tmp_path / "out.json", desk.file("receipt-3.txt")) == 0


def test_first_document_of_a_network_needs_the_words(made: Network, tmp_path: Path) -> None:
    desk = made.desks[0]
    old = by_hand(desk.file("trust-1.json"), tmp_path / "old.json")
    full = desk.file("trust-3.json")
    refused(old, full, "E-TRUST-UNVOUCHED", 3)
    refused(old, made.base / "doc-3.json", "E-TRUST-UNVOUCHED", 3)
    done = update(old, full, tmp_path / "a.json", "--fingerprint", spoken(full))
    assert done["network"]["version"] == 3
    document = made.base / "doc-3.json"
    done = update(old, document, tmp_path / "b.json", "--fingerprint", words(document))
    assert (done["network"]["first"], done["network"]["version"]) == (3, 3)


def test_new_log_of_a_member_needs_the_words(made: Network, tmp_path: Path) -> None:
    desk, other = made.desks[:2]
    accept(other, made.base / "doc-1.json", "--fingerprint", words(made.base / "doc-1.json"))
    old, new = desk.file("trust-1.json"), other.export("trust-other.json")
    refused(old, new, "E-TRUST-UNVOUCHED", 3)
    done = update(old, new, tmp_path / "both.json", "--fingerprint", spoken(new))
    assert [origin["org"] for origin in sorted(done["origins"], key=lambda o: o["org"])] == [
        desk.name,
        other.name,
    ]
    assert all(origin["in_network"] for origin in done["origins"])


# -- the trust file itself ------------------------------------------------------------------------


def test_trust_file_must_agree_with_its_newest_document(made: Network) -> None:
    trust = parse_trust(made.desks[0].file("trust-3.json").read_bytes())
    own = trust.origins[0]
    older = parse_trust(made.desks[0].file("trust-1.json").read_bytes()).origins[0]
    for wrong in (replace(own, policy=older.policy), replace(own, org="Somebody Else")):
        with pytest.raises(EvidenceError) as caught:
            format_trust(replace(trust, origins=(wrong,)))
        assert caught.value.code == "E-TRUST"


def test_trust_file_with_a_gap_or_an_unsigned_document_is_refused(made: Network) -> None:
    trust = parse_trust(made.desks[0].file("trust-3.json").read_bytes())
    first, second, third = trust.network
    for chain, code in (
        ((first, third), "E-TRUST-SKIPPED"),
        ((first, second, replace(third, signatures=third.signatures[:1])), "E-TRUST-THRESHOLD"),
        ((first, replace(second, signatures=()), third), "E-TRUST-THRESHOLD"),
    ):
        with pytest.raises(EvidenceError) as caught:
            format_trust(replace(trust, network=chain))
        assert caught.value.code == code
    format_trust(replace(trust, network=(second, third)))


def test_trust_file_with_a_damaged_network_member_is_refused(made: Network) -> None:
    data = made.desks[0].file("trust-3.json").read_bytes()
    text = format_signed(parse_trust(data).network[0]).decode().replace('"', '\\"').encode()
    assert text in data
    for bad in (b"", b"x", text[:-1]):
        with pytest.raises(FormatError):
            parse_trust(data.replace(text, bad, 1))
