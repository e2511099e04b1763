"""check_token: right, wrong, could not be checked, and never the wrong one of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import tsp
from tests.time.authority import DAY, LocalAuthority, openssl, openssl_verdict

from evidence_vault.core.findings import Outcome
from evidence_vault.seal.timestamping import make_request
from evidence_vault.verify import tokens
from evidence_vault.verify.timestamps import TokenCheck, check_token
from evidence_vault.verify.tokens import sorted_copy

MATCHES, DIFFERS, UNCHECKED = Outcome.MATCHES, Outcome.DIFFERS, Outcome.UNCHECKED
DATA = b"a checkpoint\n"

# The suite: (folder, reply, stamped bytes or their file, outcome, code).
VECTORS = [
    ("test_tsa", "response.tsr", b"hello", MATCHES, "T-OK"),
    ("test_tsa", "response-injected-certs.tsr", b"hello", MATCHES, "T-OK"),
    ("test_tsa", "other_response.tsr", b"hello", UNCHECKED, "T-AUTHORITY"),
    ("sigstage", "response-sha256.tsr", b"hello", MATCHES, "T-OK"),
    ("sigstage", "response-invalid-signature.tsr", b"hello", DIFFERS, "T-SIGNATURE"),
    ("sigstore.mock", "response-expired.tsr", "payload", MATCHES, "T-OK"),
]


def certificates(folder: Path) -> list[str]:
    """The chain of a vector folder, one PEM text each, the root last."""
    begin = "-----BEGIN"
    return [begin + part for part in (folder / "ts_chain.pem").read_text().split(begin)[1:]]


@pytest.fixture
def vectors(shared: Path) -> Path:
    return shared / "conformance" / "rfc3161"


def test_every_reply_of_the_suite_is_in_the_table(vectors: Path) -> None:
    replies = sorted(p.relative_to(vectors).as_posix() for p in vectors.rglob("*.tsr"))
    assert len(replies) == 6
    assert replies == sorted(f"{folder}/{name}" for folder, name, *_ in VECTORS)
    assert [v[3] for v in VECTORS].count(MATCHES) == 4


@pytest.mark.parametrize(("folder", "name", "data", "outcome", "code"), VECTORS)
def test_vectors_of_rfc3161_client(
    vectors: Path,
    tmp_path: Path,
    folder: str,
    name: str,
    data: bytes | str,
    outcome: Outcome,
    code: str,
) -> None:
    stamped = data if isinstance(data, bytes) else (vectors / folder / data).read_bytes()
    reply = (vectors / folder / name).read_bytes()
    *chain, root = certificates(vectors / folder)
    found = check_token(reply, stamped, [root], certificates=chain)
    assert (found.outcome, found.code) == (outcome, code)
    assert found.gen_time is not None
    if folder != "sigstore.mock":  # openssl reads no reply without certificates
        agreed = openssl_verdict(reply, stamped, root, tmp_path, found.gen_time, chain)
        assert agreed is (outcome is MATCHES)
    assert check_token(reply, stamped + b"!", [root], certificates=chain).code == "T-IMPRINT"
    assert check_token(reply, stamped, []).outcome is not MATCHES


def test_vectors_of_requests(vectors: Path) -> None:
    folder = vectors / "test_tsa"
    reply = (folder / "response.tsr").read_bytes()
    *chain, root = certificates(folder)

    def code(request: Path) -> str:
        asked = request.read_bytes()
        return check_token(reply, b"hello", [root], request=asked, certificates=chain).code

    assert len(list(vectors.rglob("*.der"))) == 3
    assert code(folder / "request.der") == "T-OK"
    assert code(folder / "other_request.der") == "T-NONCE"
    assert code(vectors / "sigstage" / "ts_chain.pem") == "T-REQUEST"
    assert code(vectors / "sigstage" / "request.der") == "T-NONCE"


@pytest.mark.parametrize(
    ("mode", "outcome", "code"),
    [
        ("good", MATCHES, "T-OK"),
        ("unordered", MATCHES, "T-OK"),
        ("clock", MATCHES, "T-OK"),
        ("lying", DIFFERS, "T-IMPRINT"),
        ("rubbish", DIFFERS, "T-FORM"),
        ("wrong-nonce", DIFFERS, "T-NONCE"),
        ("wrong-purpose", DIFFERS, "T-PURPOSE"),
        ("refuses", DIFFERS, "T-REFUSED"),
        ("no-certificate", UNCHECKED, "T-NO-CERTIFICATE"),
        ("granted-with-mods", UNCHECKED, "T-UNREADABLE"),
    ],
)
def test_what_an_authority_may_reply(
    resting: LocalAuthority, tmp_path: Path, mode: str, outcome: Outcome, code: str
) -> None:
    request = make_request(DATA)
    resting.mode = mode
    reply = resting.reply(request)
    resting.mode = "good"
    found = check_token(reply, DATA, [resting.root_pem], request=request)
    assert (found.outcome, found.code) == (outcome, code)
    # openssl is told of no request here, and takes what was granted with changes.
    differently = {"wrong-nonce", "granted-with-mods"}
    expected = outcome is MATCHES or mode in differently
    assert openssl_verdict(reply, DATA, resting.root_pem, tmp_path, found.gen_time) is expected


def test_what_a_good_stamp_says(resting: LocalAuthority) -> None:
    found = check_token(resting.stamp(DATA), DATA, [resting.root_pem])
    assert found.outcome is MATCHES
    assert found.gen_time is not None
    assert abs(found.gen_time - datetime.now(UTC).timestamp()) < 120
    assert (found.accuracy, found.policy, found.algorithm) == (1.0, "1.3.6.1.4.1.99999.1", "sha512")
    assert (found.signer, [c.subject for c in found.chain]) == (
        "CN=tsa signer",
        ["CN=tsa signer", "CN=tsa root"],
    )
    assert found.ends == int(resting.valid[1].timestamp())
    assert found.revocation_as_of is None


@pytest.mark.parametrize(
    ("algorithm", "code"),
    [("-sha1", "T-WEAK"), ("-sha256", "T-OK"), ("-sha384", "T-OK"), ("-sha512", "T-OK")],
)
def test_only_strong_digests_count(resting: LocalAuthority, algorithm: str, code: str) -> None:
    reply = resting.stamp_with(DATA, algorithm=algorithm)
    assert check_token(reply, DATA, [resting.root_pem]).code == code


def test_accuracy_in_fractions_of_a_second(resting: LocalAuthority) -> None:
    reply = resting.stamp_with(DATA, accuracy={"seconds": 0, "millis": 500, "micros": 20})
    found = check_token(reply, DATA, [resting.root_pem])
    assert found.outcome is MATCHES
    assert found.accuracy == pytest.approx(0.50002)


def test_a_fraction_of_a_second_is_rounded_up(resting: LocalAuthority) -> None:
    """Nothing is claimed to be earlier than stated."""
    whole = datetime.now(UTC).replace(microsecond=0)
    reply = resting.stamp_with(DATA, gen_time=whole + timedelta(microseconds=250_000))
    found = check_token(reply, DATA, [resting.root_pem])
    assert found.gen_time == int(whole.timestamp()) + 1
    assert found.outcome is MATCHES


def test_an_unknown_authority_is_neither_right_nor_wrong(
    resting: LocalAuthority, tmp_path: Path
) -> None:
    other = LocalAuthority(tmp_path / "other", "other")
    other.stop()
    reply = resting.stamp(DATA)
    for roots, code in (([], "T-NO-ROOT"), (["no PEM"], "T-NO-ROOT")):
        found = check_token(reply, DATA, roots)
        assert (found.outcome, found.code) == (UNCHECKED, code)
        assert found.gen_time is not None  # shown as a claim
    assert check_token(reply, DATA, [other.root_pem]).code == "T-AUTHORITY"
    both = check_token(reply, DATA, [other.root_pem, resting.root_pem])
    assert both.outcome is MATCHES


def test_an_attackers_authority_of_the_same_name_does_not_count(
    resting: LocalAuthority, tmp_path: Path
) -> None:
    """Same names in all certificates, and its own root put into the token."""
    forger = LocalAuthority(tmp_path / "forger", "tsa")
    forger.stop()
    forger.mode = "unordered"
    reply = forger.reply(make_request(DATA))
    assert check_token(reply, DATA, [forger.root_pem]).outcome is MATCHES
    assert check_token(reply, DATA, [resting.root_pem]).outcome is not MATCHES


@pytest.mark.parametrize("purpose", ["signs-mail", "both-purposes"])
def test_a_certificate_for_other_purposes_does_not_count(tmp_path: Path, purpose: str) -> None:
    made = LocalAuthority(tmp_path / "ca", purpose=purpose)
    made.stop()
    reply = made.resigned(LocalAuthority(tmp_path / "tsa").stamp(DATA))
    found = check_token(reply, DATA, [made.root_pem])
    assert (found.outcome, found.code) == (DIFFERS, "T-PURPOSE")
    assert openssl_verdict(reply, DATA, made.root_pem, tmp_path) is False


def test_without_the_name_of_its_certificate_a_stamp_does_not_count(
    resting: LocalAuthority, tmp_path: Path
) -> None:
    reply = resting.stamp(DATA)
    info = tsp.TimeStampResp.load(reply)["time_stamp_token"]["content"]["encap_content_info"]
    folder = resting.folder
    token = openssl(
        "cms", "-sign", "-binary", "-nodetach", "-md", "sha256", "-outform", "DER",
        "-econtent_type", "1.2.840.113549.1.9.16.1.4",
        "-signer", folder / "signer.pem", "-inkey", folder / "signer.key",
        data=info["content"].parsed.dump(),
    )  # fmt: skip
    made = bytes.fromhex("30820000") + bytes.fromhex("3003020100") + token
    made = made[:2] + (len(made) - 4).to_bytes(2, "big") + made[4:]
    assert check_token(made, DATA, [resting.root_pem]).code == "T-CERTIFICATE"
    assert openssl_verdict(made, DATA, resting.root_pem, tmp_path) is False


# ---- time ----


def test_the_clock_fifteen_years_on(resting: LocalAuthority, tmp_path: Path) -> None:
    reply = resting.stamp(DATA)
    now = int(datetime.now(UTC).timestamp())
    later = now + 15 * 365 * 86400
    today = check_token(reply, DATA, [resting.root_pem], now=now)
    assert today.outcome is MATCHES
    assert today.ends is not None and today.ends < later  # its certificates have ended by then
    assert check_token(reply, DATA, [resting.root_pem], now=later) == today
    pem = resting.root_pem
    assert openssl_verdict(reply, DATA, pem, tmp_path, later) is False
    assert openssl_verdict(reply, DATA, pem, tmp_path, today.gen_time) is True


@pytest.mark.parametrize(
    ("begin", "end", "stated", "code"),
    [
        (-2000, -1000, -1500, "T-OK"),  # has ended since, held when it stamped
        (-2000, -1000, -500, "T-VALIDITY"),  # had ended before it stamped
        (-100, 1000, -500, "T-VALIDITY"),  # was not valid yet
        (500, 1000, 0, "T-VALIDITY"),
    ],
)
def test_certificates_count_as_of_the_stated_time(
    tmp_path: Path, begin: int, end: int, stated: int, code: str
) -> None:
    now = datetime.now(UTC)
    root = (now - 4000 * DAY, now + 4000 * DAY)
    valid = (now + begin * DAY, now + end * DAY)
    made = LocalAuthority(tmp_path / "ca", valid=valid, root_valid=root)
    made.stop()
    reply = made.stamp(DATA, now + stated * DAY)
    found = check_token(reply, DATA, [made.root_pem])
    assert found.code == code
    assert found.outcome is (MATCHES if code == "T-OK" else DIFFERS)
    verdict = openssl_verdict(reply, DATA, made.root_pem, tmp_path, found.gen_time)
    assert verdict is (code == "T-OK")


def test_a_root_that_had_ended_does_not_count(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    made = LocalAuthority(
        tmp_path / "ca",
        valid=(now - 100 * DAY, now + 100 * DAY),
        root_valid=(now - 200 * DAY, now - 50 * DAY),
    )
    made.stop()
    assert check_token(made.stamp(DATA, now - 80 * DAY), DATA, [made.root_pem]).code == "T-OK"
    assert check_token(made.stamp(DATA), DATA, [made.root_pem]).code == "T-VALIDITY"


def test_a_stamp_of_the_future_is_not_passed(resting: LocalAuthority) -> None:
    reply = resting.stamp(DATA, datetime.now(UTC) + timedelta(days=30))
    now = int(datetime.now(UTC).timestamp())
    found = check_token(reply, DATA, [resting.root_pem], now=now)
    assert (found.outcome, found.code) == (UNCHECKED, "T-FUTURE")


@pytest.mark.parametrize(
    ("when", "reason", "outcome"),
    [
        (-2, "superseded", DIFFERS),  # before it stamped: whatever the reason
        (-2, None, DIFFERS),
        (0, "superseded", MATCHES),
        (0, "cessationOfOperation", MATCHES),
        (0, "keyCompromise", DIFFERS),
        (0, "CACompromise", DIFFERS),
        (0, None, DIFFERS),  # RFC 3161 §4.1: no reason given, so nothing it signed counts
    ],
)
def test_revocation(tmp_path: Path, when: int, reason: str | None, outcome: Outcome) -> None:
    now = datetime.now(UTC)
    made = LocalAuthority(tmp_path / "ca", valid=(now - 9 * DAY, now + 9 * DAY))
    made.stop()
    reply = made.stamp(DATA, now - DAY)
    clean = check_token(reply, DATA, [made.root_pem], crls=[made.crl()])
    assert clean.outcome is MATCHES
    assert clean.revocation_as_of is not None
    revoked = made.revoke(now + when * DAY, reason)
    found = check_token(reply, DATA, [made.root_pem], crls=[revoked])
    assert found.outcome is outcome
    assert found.code == ("T-OK" if outcome is MATCHES else "T-REVOKED")
    der = openssl("crl", "-outform", "DER", data=revoked)
    assert check_token(reply, DATA, [made.root_pem], crls=[b"rubbish", der]) == found


def test_another_authoritys_revocation_list_says_nothing(
    resting: LocalAuthority, tmp_path: Path
) -> None:
    forger = LocalAuthority(tmp_path / "ca", "tsa")
    forger.stop()
    lists = forger.revoke(datetime.now(UTC) - 5 * DAY, "keyCompromise")
    found = check_token(resting.stamp(DATA), DATA, [resting.root_pem], crls=[lists])
    assert (found.outcome, found.revocation_as_of) == (MATCHES, None)


# ---- hostile bytes ----


def same_meaning(found: TokenCheck, good: TokenCheck) -> bool:
    return (found.gen_time, found.algorithm, found.serial, found.signer, found.policy) == (
        good.gen_time,
        good.algorithm,
        good.serial,
        good.signer,
        good.policy,
    )


@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_every_byte_flipped_is_never_passed_with_another_meaning(
    resting: LocalAuthority, bit: int
) -> None:
    reply = resting.stamp(DATA)
    good = check_token(reply, DATA, [resting.root_pem])
    assert good.outcome is MATCHES
    passed = 0
    for at in range(len(reply)):
        changed = bytearray(reply)
        changed[at] ^= bit
        found = check_token(bytes(changed), DATA, [resting.root_pem])
        if found.outcome is MATCHES:
            assert same_meaning(found, good), at
            passed += 1
    assert passed < len(reply) // 20  # only what the signature does not cover


def test_cut_and_lengthened_replies_do_not_match(resting: LocalAuthority) -> None:
    reply = resting.stamp(DATA)
    for size in range(0, len(reply), 7):
        assert check_token(reply[:size], DATA, [resting.root_pem]).outcome is not MATCHES
    assert check_token(reply + b"\0", DATA, [resting.root_pem]).outcome is not MATCHES
    huge = check_token(bytes(1_000_001), DATA, [resting.root_pem])
    assert (huge.outcome, huge.code) == (DIFFERS, "T-FORM")


def test_the_sorted_copy_changes_nothing_but_the_order(resting: LocalAuthority) -> None:
    resting.mode = "unordered"
    reply = resting.reply(make_request(DATA))
    resting.mode = "good"
    copy = sorted_copy(reply)
    assert copy is not None and copy != reply
    assert sorted(copy) == sorted(reply)
    assert sorted_copy(copy) == copy


@pytest.mark.slow
def test_certificates_of_every_length_are_sorted(tmp_path: Path) -> None:
    """A length that ends in 0x80 looks like none to the parser; lengths vary with the signature."""
    for number in range(40):
        made = LocalAuthority(tmp_path / str(number))
        made.stop()
        made.mode = "unordered"
        reply = made.reply(make_request(DATA))
        assert check_token(reply, DATA, [made.root_pem]).outcome is MATCHES


def test_what_the_library_cannot_read_is_not_passed_and_not_called_wrong(
    resting: LocalAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = resting.stamp(DATA)
    monkeypatch.setattr(tokens, "decode", lambda _: None)
    found = check_token(reply, DATA, [resting.root_pem])
    assert (found.outcome, found.code) == (UNCHECKED, "T-UNREADABLE")
    assert "openssl ts -verify" in found.reason


def test_a_signer_named_by_key_is_not_called_wrong(resting: LocalAuthority, tmp_path: Path) -> None:
    """RFC 5652 allows it, the library does not read it, openssl does."""
    reply = resting.resigned(resting.stamp(DATA), "-keyid")
    found = check_token(reply, DATA, [resting.root_pem])
    assert (found.outcome, found.code) == (UNCHECKED, "T-UNREADABLE")
