"""``report``, ``certificate`` and ``trust export --print`` as people run them, on a real vault."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from tests.pdfa import check_pdfa, colours_of, text_of

from evidence_vault.bundle.paper.certificate import commands

from .conftest import Desk, item_named
from .runner import check_schema

LANGUAGES = ("en", "my")


@pytest.fixture(scope="module")
def papers(desk: Desk) -> Path:
    """A report and a certificate in each language, a trust file with all that goes with it."""
    base = desk.base / "papers"
    base.mkdir()
    item = item_named(desk, "note.txt")
    for lang in LANGUAGES:
        told = ("--disclose", "source_path", "--lang", lang, "--by", "d", "--json")
        made = desk.call("report", *desk.items(), "-o", base / f"report-{lang}.pdf", *told)
        assert made.status == 0, made.err
        check_schema("report", made.json())
        assert made.json()["items"] == len(desk.items())
        out = base / f"certificate-{lang}.pdf"
        made = desk.call("certificate", item, "-o", out, "--lang", lang, "--by", "d", "--json")
        assert made.status == 0, made.err
        check_schema("certificate", made.json())
        assert made.json()["compared"] is True
        assert made.json()["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    exported = desk.call(
        *("trust", "export", "-o", base / "trust.json", "--print", base / "contact.pdf"),
        *("--verifier", base / "to", "--json"),
    )
    assert exported.status == 0, exported.err
    check_schema("trust-export", exported.json())
    return base


@pytest.mark.parametrize("name", ["report-en", "report-my", "certificate-en", "certificate-my"])
def test_papers_are_pdfa_in_grey_and_verify(papers: Path, desk: Desk, name: str) -> None:
    file = papers / f"{name}.pdf"
    pdf = check_pdfa(file.read_bytes())
    if name.startswith("certificate"):
        assert len(pdf.pages) == 1
    verified = desk.call("verify", "--trust", papers / "trust.json", file, "--json")
    assert verified.status == 0, verified.out
    check_schema("verify", verified.json())
    assert verified.json()["kind"] == "document"
    assert desk.call("verify", file).status == 3  # nobody can say whose key it is


def test_a_certificate_says_process_digests_custody_and_leaves_room_to_sign(
    papers: Path, desk: Desk, tmp_path: Path
) -> None:
    data = (papers / "certificate-en.pdf").read_bytes()
    text = text_of(data, tmp_path)
    content = (desk.source / "note.txt").read_bytes()
    for digest in (hashlib.sha256(content), hashlib.sha512(content)):
        assert digest.hexdigest() in text.replace(" ", "")
    for part in ("read the file once", "read again, whole", "902(13)", "Signature", "Name"):
        assert part in text
    assert "without a gap in their numbers" in text
    assert "Test House" not in text and "note.txt" not in text  # neither was asked for
    assert colours_of(data, tmp_path) == 0


def test_the_commands_that_it_prints_check_it(papers: Path, desk: Desk, tmp_path: Path) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is absent")
    source = papers / "certificate-en.pdf"
    for ending in ("", ".sig", ".sshsig"):
        shutil.copyfile(f"{source}{ending}", tmp_path / f"CERTIFICATE.pdf{ending}")
    shutil.copyfile(papers / "to" / "allowed_signers", tmp_path / "allowed_signers")
    shutil.copyfile(desk.source / "note.txt", tmp_path / "FILE")
    printed = text_of(source.read_bytes(), tmp_path)
    found = re.search("BEGIN PUBLIC KEY-+ ?([A-Za-z0-9+/=]{60}) -+END", printed)
    assert found is not None
    pem = f"-----BEGIN PUBLIC KEY-----\n{found[1]}\n-----END PUBLIC KEY-----\n"
    (tmp_path / "KEY.pem").write_text(pem)
    origin = desk.call("trust", "show", papers / "trust.json", "--json").json()["origins"][0]
    for command in commands(origin["origin"]):
        assert command in printed
        done = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False,
            timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    digests = subprocess.run(["sha256sum", tmp_path / "FILE"], capture_output=True, check=True)
    assert digests.stdout[:64].decode() in printed


def test_each_left_as_an_event_of_its_kind(papers: Path, desk: Desk) -> None:
    history = desk.call("history", item_named(desk, "note.txt"), "--json").json()
    kinds = [e["fields"].get("kind") for e in history["events"] if e["type"] == "exported"]
    assert kinds.count("report") == 2 and kinds.count("certificate") == 2


ATTACKS = {
    "page": (".pdf", 10),
    "bare signature": (".pdf.sig", 10),
    "ssh signature": (".pdf.sshsig", 10),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_one_changed_byte_does_not_match(
    papers: Path, desk: Desk, tmp_path: Path, attack: str
) -> None:
    for ending in (".pdf", ".pdf.sig", ".pdf.sshsig"):
        shutil.copyfile(papers / f"certificate-en{ending}", tmp_path / f"c{ending}")
    target = tmp_path / f"c{ATTACKS[attack][0]}"
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 1
    target.write_bytes(bytes(data))
    done = desk.call("verify", "--trust", papers / "trust.json", tmp_path / "c.pdf")
    assert done.status == ATTACKS[attack][1], done.out


@pytest.mark.parametrize("gone", [".pdf.sig", ".pdf.sshsig"])
def test_a_missing_signature_is_never_a_match(
    papers: Path, desk: Desk, tmp_path: Path, gone: str
) -> None:
    for ending in {".pdf", ".pdf.sig", ".pdf.sshsig"} - {gone}:
        shutil.copyfile(papers / f"certificate-en{ending}", tmp_path / f"c{ending}")
    done = desk.call("verify", "--trust", papers / "trust.json", tmp_path / "c.pdf")
    assert done.status == 3 and f"c{gone}: is missing" in done.out


def test_a_signature_by_somebody_elses_key_is_not_the_archives(
    papers: Path, own_desk: Desk, tmp_path: Path
) -> None:
    out = tmp_path / "forged.pdf"
    assert own_desk.call("certificate", own_desk.items()[0], "-o", out).status == 0
    done = own_desk.call("verify", "--trust", papers / "trust.json", out)
    assert done.status == 3 and "V-DOC-KEY-UNKNOWN" in done.out


def test_a_signature_of_a_statement_is_none_of_a_document(papers: Path, desk: Desk) -> None:
    """The purposes of a key are kept apart: an SSH signature names what it is for."""
    bundle = desk.base / "for-purposes"
    assert desk.call("export", "--all", "--clear", "--folder", "-o", bundle).status == 0
    for name in ("statement.sshsig", "statement.sig"):
        ending = name.removeprefix("statement")
        shutil.copyfile(bundle / name, bundle.parent / f"purpose.pdf{ending}")
    statement = (bundle / "statement.json").read_bytes()
    (bundle.parent / "purpose.pdf").write_bytes(b"%PDF-" + statement)
    done = desk.call("verify", bundle.parent / "purpose.pdf")
    assert done.status == 10 and "V-DOC-FORM" in done.out


def test_damage_in_the_store_is_noticed_before_anything_is_certified(own_desk: Desk) -> None:
    item = item_named(own_desk, "note.txt")
    for stored in (own_desk.vault / "archive" / "objects").rglob("*"):
        if stored.is_file():
            data = bytearray(stored.read_bytes())
            data[-1] ^= 1
            stored.chmod(0o600)
            stored.write_bytes(bytes(data))
    out = own_desk.base / "certificate.pdf"
    before = own_desk.call("log", "status", "--json").json()
    assert own_desk.call("certificate", item, "-o", out).status == 10
    assert not list(own_desk.base.glob("certificate*"))
    assert own_desk.call("log", "status", "--json").json() == before


def test_nothing_is_written_over(papers: Path, desk: Desk) -> None:
    item = desk.items()[0]
    (papers / "new.pdf.sig").write_text("mine")
    assert desk.call("report", item, "-o", papers / "new.pdf").status == 2
    assert desk.call("certificate", item, "-o", papers / "report-en.pdf").status == 2
    again = ("-o", papers / "t2.json", "--print", papers / "contact.pdf")
    assert desk.call("trust", "export", *again).status == 2
    assert not (papers / "new.pdf").exists() and not (papers / "t2.json").exists()


def test_the_contact_sheet_has_every_word_on_one_page(
    papers: Path, desk: Desk, tmp_path: Path
) -> None:
    data = (papers / "contact.pdf").read_bytes()
    assert len(check_pdfa(data).pages) == 1 and colours_of(data, tmp_path) == 0
    text = text_of(data, tmp_path)
    shown = desk.call("trust", "show", papers / "trust.json", "--json").json()
    for told in (shown, shown["origins"][0]):
        words = told["words"]
        for number, word in enumerate(words if isinstance(words, list) else words.split(), 1):
            assert f"{number}. {word}" in text
        assert told["fingerprint"] in text.replace(" ", "")
    assert "Test House" in text
    for name in ("verify.html", "verify.sh"):
        digest = hashlib.sha256((papers / "to" / name).read_bytes()).hexdigest()
        assert name in text and digest in text


def test_every_bundle_has_both_reports(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    export = ("export", "--all", "--originals", "--clear", "--folder", "-o", out)
    assert desk.call(*export).status == 0
    for lang in LANGUAGES:
        data = (out / "reports" / f"custody-report-{lang}.pdf").read_bytes()
        check_pdfa(data)
    text = text_of((out / "reports" / "custody-report-en.pdf").read_bytes(), tmp_path)
    assert f"Files that leave: {len(desk.items())}." in text
    assert "Test House" not in text and "note.txt" not in text
    trust = tmp_path / "trust.json"
    assert desk.call("trust", "export", "-o", trust).status == 0
    assert desk.call("verify", "--trust", trust, out).status == 0


def test_a_share_copy_is_certified_without_the_digests_of_its_original(
    own_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVIDENCE_VAULT_EXIFTOOL")  # a copy is proved clean by it, too
    picture = own_desk.base / "picture.jpg"
    exif = Image.Exif()
    exif[0x013B] = "Daw Planted Name"
    Image.new("RGB", (64, 48), (9, 90, 180)).save(picture, exif=exif)
    taken = own_desk.call("ingest", picture, "--metadata", "strip")
    assert taken.status == 0, taken.out
    item = item_named(own_desk, "picture.jpg")
    digest = hashlib.sha256(picture.read_bytes()).hexdigest()
    copy, original = tmp_path / "copy.pdf", tmp_path / "original.pdf"
    assert own_desk.call("certificate", item, "-o", copy).status == 0
    named = ("--original", "--name-org")
    assert own_desk.call("certificate", item, "-o", original, *named).status == 0
    text = text_of(copy.read_bytes(), tmp_path)
    assert "Digests of the share copy" in text and digest not in text.replace(" ", "")
    text = text_of(original.read_bytes(), tmp_path)
    assert digest in text.replace(" ", "") and "Test House" in text
