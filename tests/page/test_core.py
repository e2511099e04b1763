"""The core of the verifier page: published vectors, hostile containers, the program as oracle."""

from __future__ import annotations

import json
import unicodedata
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from tests.network.holders import HOLDERS, document, signed
from tests.page.asking import ask_bundle, ask_receipt, call, wrong
from tests.verify.forge import Maker, write_folder, write_zip
from tests.verify.test_zip_attacks import ATTACKS, TOP, zipped

from evidence_vault.core.eventtypes import FIELDS
from evidence_vault.core.receipt import format_receipt
from evidence_vault.core.trust import TrustFile as Trust
from evidence_vault.core.trust import _encode, format_trust
from evidence_vault.core.words import WORDS
from evidence_vault.verify import load_trust, report_to_json, verify_bundle, verify_receipt

RELEASED = Path(__file__).parents[1] / "released" / "bundle-1a"
VIDEO = 50_000_000


class World:
    """A small bundle and what it is checked with, in files."""

    def __init__(self, base: Path) -> None:
        maker = Maker()
        items = [maker.ingest(f"content {n} ".encode() * 20) for n in range(2)]
        self.base, self.files = base, maker.bundle(items)
        self.trust, self.known = base / "trust.json", maker.trust()
        self.trust.write_bytes(format_trust(self.known))
        self.receipt = base / "r.txt"
        self.receipt.write_bytes(format_receipt(maker.receipt(items[0])))
        self.good = write_zip(self.files, base / "good.zip").read_bytes()

    def ask(self, data: bytes) -> Any:
        path = self.base / "b.zip"
        path.write_bytes(data)
        return ask_bundle(path, self.trust)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("page-core"))


def without_sentences(report: dict[str, Any]) -> Any:
    """What both verifiers must say alike; reasons are each one's own words."""
    steps = []
    for step in report["steps"]:
        found = [
            (f["code"], f["outcome"], f["subject"], f["clause"], sorted(f["details"]))
            for f in step["findings"]
        ]
        steps.append((step["code"], step["number"], step["required"], step["outcome"], found))
    plain = {name: report[name] for name in ("events", "exit_status", "facts", "kind", "outcome")}
    return json.loads(json.dumps([plain, steps, [note["code"] for note in report["notes"]]]))


@pytest.mark.parametrize("trusted", [True, False])
def test_the_report_on_a_released_bundle_is_that_of_the_program(trusted: bool) -> None:
    path, trust = RELEASED / "bundle.zip", RELEASED / "trust.json"
    known = load_trust(trust) if trusted else None
    found = ask_bundle(path, trust if trusted else None)
    assert found["exit_status"] == (0 if trusted else 3)
    assert without_sentences(found) == without_sentences(report_to_json(verify_bundle(path, known)))


def test_the_report_on_a_released_receipt_is_that_of_the_program() -> None:
    receipt, file = RELEASED / "receipt.txt", RELEASED / "original.jpg"
    found = ask_receipt(receipt, file, RELEASED / "trust.json")
    with file.open("rb") as stream:
        told = verify_receipt(receipt.read_bytes(), stream, load_trust(RELEASED / "trust.json"))
    assert without_sentences(found) == without_sentences(report_to_json(told))


def test_ed25519_of_wycheproof(shared: Path) -> None:
    suite = json.loads((shared / "conformance" / "wycheproof" / "ed25519_test.json").read_text())
    count = 0
    for group in suite["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            answer = call("ed25519", key, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
            assert answer is (case["result"] == "valid"), case
            count += 1
    assert count == 151


def test_merkle_proofs_of_the_published_suite(shared: Path) -> None:
    folder = shared / "conformance" / "merkle"
    inclusion = json.loads((folder / "inclusion.json").read_text())
    consistency = json.loads((folder / "consistency.json").read_text())
    assert (len(inclusion), len(consistency)) == (63, 64)
    for c in inclusion:
        given = [c["leafHash"], c["leafIdx"], c["treeSize"], c["root"], c["proof"] or []]
        assert call("inclusion", *given) is not c["wantErr"], c["_case"]
    for c in consistency:
        given = [c["size1"], c["root1"], c["size2"], c["root2"], c["proof"] or []]
        # The one case with roots of 12 bytes is refused here.
        shorter = c["_case"].endswith("sizes-are-equal-one-and-proof-is-empty.json")
        assert call("consistency", *given) is (not c["wantErr"] and not shorter), c["_case"]


@pytest.mark.parametrize("name", ["french.json", "unicode.json"])
def test_canonical_json_of_the_published_suite(shared: Path, name: str) -> None:
    folder = shared / "conformance" / "jcs"
    wanted = (folder / "output" / name).read_bytes().rstrip(b"\n")
    assert call("parse", wanted) is True
    assert call("parse", (folder / "input" / name).read_bytes()) is False


@pytest.mark.parametrize(
    "data",
    [
        *(b'{"a":1.0}', b'{"a": 1}', b'{"b":1,"a":2}', b'{"a":1,"a":1}', b'{"a":1}\n', b"1.5"),
        *(b'"\\u0041"', b"9007199254740992", b"-0", b"01", b'"\xff"', b'"\\ud800"', b"", b"1e3"),
        *(b"\xef\xbb\xbf1", b"[" * 200 + b"]" * 200),
    ],
)
def test_other_spellings_of_json(data: bytes) -> None:
    assert call("parse", data) is False


VECTORS = [
    # Without the certificate between its signer and the root, which stands beside the reply.
    ("test_tsa", "response.tsr", "could not be checked", "T-AUTHORITY"),
    ("test_tsa", "response-injected-certs.tsr", "could not be checked", "T-AUTHORITY"),
    ("test_tsa", "other_response.tsr", "could not be checked", "T-AUTHORITY"),
    ("sigstage", "response-sha256.tsr", "matches", "T-OK"),
    ("sigstage", "response-invalid-signature.tsr", "does not match", "T-SIGNATURE"),
]


@pytest.mark.parametrize(("folder", "name", "outcome", "code"), VECTORS)
def test_time_stamps(shared: Path, folder: str, name: str, outcome: str, code: str) -> None:
    place = shared / "conformance" / "rfc3161" / folder
    chain = (place / "ts_chain.pem").read_text()
    root = "-----BEGIN" + chain.split("-----BEGIN")[-1]
    reply = (place / name).read_bytes()
    found = call("token", reply, b"hello", [root])
    assert (found["outcome"], found["code"]) == (outcome, code)
    if not name.startswith(("other", "response-invalid")):
        assert call("token", reply, b"hello", [chain])["code"] == "T-OK"
    assert call("token", reply, b"hello!", [root])["code"] == "T-IMPRINT"
    assert call("token", reply, b"hello", [])["outcome"] != "matches"


@pytest.mark.parametrize(("name", "code", "attack"), ATTACKS, ids=[a[0] for a in ATTACKS])
def test_zip_attacks(name: str, code: str, attack: Any, small: World) -> None:
    report = small.ask(attack(small.good))
    assert (report["exit_status"], wrong(report)) == (10, {code}), name


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *((TOP + "../../x", "C-UNSAFE-NAME"), (TOP + "a\\b", "C-UNSAFE-NAME")),
        *((TOP + "C:x", "C-UNSAFE-NAME"), (TOP + "aux.txt", "C-UNSAFE-NAME")),
        *((TOP + "INDEX.csv", "C-COLLISION"), ("other/x", "C-TOP-FOLDER"), ("x", "C-TOP-FOLDER")),
    ],
)
def test_unsafe_names(name: str, code: str, small: World) -> None:
    files = [(TOP + path, data) for path, data in small.files.items()]
    path = zipped(small.base / "bad.zip", [*files, (name, b"x")])
    report = ask_bundle(path, small.trust)
    assert (report["exit_status"], wrong(report)) == (10, {code})


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_repacked_zip_matches(method: int, small: World) -> None:
    files = [(TOP + path, data) for path, data in small.files.items()]
    path = zipped(small.base / f"{method}.zip", files, method=method)
    assert ask_bundle(path, small.trust)["exit_status"] == 0


def test_folder_matches_and_a_link_is_named(small: World, tmp_path: Path) -> None:
    folder = write_folder(small.files, tmp_path / "b")
    (folder / "data" / ".DS_Store").write_bytes(b"junk")
    assert ask_bundle(folder, small.trust)["exit_status"] == 0
    (folder / "link").symlink_to("index.csv")
    report = ask_bundle(folder, small.trust)
    assert (report["exit_status"], wrong(report)) == (10, {"C-LINK"})


def test_a_bag_of_others_is_no_bundle_and_no_forgery(small: World, tmp_path: Path) -> None:
    bag = {"bagit.txt": b"BagIt-Version: 1.0\n", "data/x": b"x"}
    report = ask_bundle(write_folder(bag, tmp_path / "b"), small.trust)
    assert (report["exit_status"], wrong(report)) == (3, set())
    # A bundle whose statement was taken away stays a bundle, and is damaged.
    left = {path: data for path, data in small.files.items() if "statement" not in path}
    report = ask_bundle(write_folder(left, tmp_path / "c"), small.trust)
    assert report["exit_status"] == 10


def test_deflate_agrees_with_zlib() -> None:
    samples = [b"", b"a", bytes(300_000), bytes(range(256)) * 900, b"evidence " * 40_000]
    for data in samples:
        for level in (0, 1, 9):
            maker = zlib.compressobj(level, zlib.DEFLATED, -15)
            packed = maker.compress(data) + maker.flush()
            for step in (997, 1 << 20):
                found = call("inflate", packed, step)
                assert found is not None and zlib.crc32(data) == zlib.crc32(_unb64(found))
            assert call("inflate", packed + b"x", 1 << 20) is None
            assert call("inflate", packed[:-1], 1 << 20) is None


def test_large_files_pass_by_in_constant_memory() -> None:
    found = call("memory", VIDEO)
    assert found["size"] == VIDEO
    assert found["longest"] <= 1 << 20
    assert found["most"] < 400_000_000


def test_names_that_collide_for_the_program_collide_here() -> None:
    letters = [chr(n) for n in range(0x20, 0x2000)]
    groups: dict[str, set[str]] = {}
    for letter, key in zip(letters, call("folds", letters), strict=True):
        normal = unicodedata.normalize("NFD", letter).casefold()
        groups.setdefault(unicodedata.normalize("NFD", normal), set()).add(key)
    assert all(len(keys) == 1 for keys in groups.values())


def test_tables_are_those_of_the_formats() -> None:
    found = call("tables")
    assert {kind: set(names) for kind, names in found["fields"].items()} == {
        kind: set(names) for kind, names in FIELDS.items()
    }
    assert tuple(found["words"]) == WORDS


def test_a_wrong_trust_file_checks_nothing(small: World, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_bytes(small.trust.read_bytes().replace(b'"size":', b'"sizf":', 1))
    for report in (ask_receipt(small.receipt, None, bad), small_bundle(small, bad)):
        assert (report["exit_status"], wrong(report)) == (10, {"W-TRUST-WRONG"})


def small_bundle(small: World, trust: Path) -> Any:
    return ask_bundle(small.base / "good.zip", trust)


def test_documents_of_a_network_count_by_their_threshold(small: World, tmp_path: Path) -> None:
    made = document()
    good, few = signed(made), signed(made, HOLDERS[: made.threshold - 1])
    for chain, status in ((good, 0), (few, 10)):
        path = tmp_path / "trust.json"
        path.write_bytes(_encode(Trust(small.known.made_at, small.known.origins, (), (chain,))))
        assert ask_receipt(small.receipt, None, path)["exit_status"] == status


def _unb64(text: str) -> bytes:
    from base64 import b64decode

    return b64decode(text)
