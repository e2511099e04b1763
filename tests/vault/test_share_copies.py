"""Share copies through the public doors: taken in, recorded, given out, recomputed, verified."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from evidence_vault.core.derivation import parse_statement
from evidence_vault.core.findings import Report
from evidence_vault.core.trust import parse_trust
from evidence_vault.errors import UsageError
from evidence_vault.vault import derivatives
from evidence_vault.vault.exits import get_item, write_receipts
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.queries import history, show_item
from evidence_vault.vault.records import item_history
from evidence_vault.vault.trusting import export_trust
from evidence_vault.verify.bundle import verify_bundle

from .vaults import PASSPHRASE, ROOT, Made, run

ARTIST = "Daw Planted Name"
LATITUDE = (16.0, 51.0, 58.64)
BROKEN = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01"


def picture(path: Path, shade: int = 90) -> Path:
    """A small JPEG that names a person and a place."""
    exif = Image.Exif()
    exif[0x013B] = ARTIST
    exif[0x8825] = {1: "N", 2: LATITUDE, 3: "E", 4: (96.0, 7.0, 12.5)}
    Image.new("RGB", (64, 48), (shade, 120, 30)).save(path, exif=exif)
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return picture(tmp_path / "in" / "photo.jpg")


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.jpg"
    path.write_bytes(BROKEN)
    return path


def exported(vault: Made, out: Path, **wanted: Any) -> dict[str, Any]:
    request: dict[str, Any] = {"items": None, "clear": True, "folder": True, **wanted}
    with vault.open() as opened:
        return export(opened, ExportRequest(out=out, **request))


def verified(vault: Made, bundle: Path) -> Report:
    trust = bundle.with_name("trust.json")
    trust.unlink(missing_ok=True)
    with vault.open() as opened:
        export_trust(opened, trust)
    return verify_bundle(bundle, parse_trust(trust.read_bytes()))


def by_shell(vault: Made, bundle: Path) -> tuple[int, str]:
    """What the second verifier says; ``-c``: an old OpenSSL does without one signature."""
    trust = bundle.with_name("trust.json")
    script = ROOT / "src" / "evidence_vault" / "verify" / "verify.sh"
    done = subprocess.run(
        ["sh", str(script), "-c", "-t", str(trust), str(bundle)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def kinds(vault: Made) -> list[str]:
    return [event.type for event in vault.entries()]


def only(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


# -- taking in ---------------------------------------------------------------------------------


def test_strip_keeps_the_original_and_a_copy_without_names_and_places(
    vault: Made, photo: Path, tmp_path: Path
) -> None:
    result = vault.ingest(photo, metadata="strip")
    (taken,) = result["taken_in"]
    assert result["exit"] == 0
    assert result["copies"] == {"clean": 1}
    assert kinds(vault)[-3:] == ["ingested", "derived", "accession-closed"]
    with vault.open() as opened:
        get_item(opened, taken["id"], tmp_path / "original")
        get_item(opened, taken["id"], tmp_path / "copy", share_copy=True)
    assert (tmp_path / "original").read_bytes() == photo.read_bytes()
    copy = (tmp_path / "copy").read_bytes()
    assert ARTIST.encode() not in copy and b"Exif" not in copy
    same = [Image.open(io.BytesIO(data)).tobytes() for data in (photo.read_bytes(), copy)]
    assert same[0] == same[1]
    vault.assert_sound()


def test_the_statement_names_tags_and_no_value_and_the_original_by_its_commitment(
    vault: Made, photo: Path
) -> None:
    vault.ingest(photo, metadata="strip")
    ingested, derived = (e for e in vault.entries() if e.type in ("ingested", "derived"))
    with vault.open() as opened:
        item = opened.catalogue.item_ids()[0]
        events = list(item_history(opened, item))
        data = derivatives.read_statement(opened, events[1])
    report, parent = parse_statement(data)
    assert parent.sha256 == ingested.commitments["content_sha256"]
    assert {"EXIF:IFD0:Artist", "EXIF:GPS:GPSLatitude"} <= {r["name"] for r in report["removed"]}
    digest = hashlib.sha256(photo.read_bytes()).hexdigest()
    for hidden in (ARTIST, digest, "photo.jpg", "16.86", str(photo)):
        assert hidden.encode() not in data
    assert derived.units[1].kind == "statement"
    assert events[1].values["parent"]["commitment"] == parent.sha256


def test_what_can_not_be_proved_is_taken_in_without_a_copy_and_the_record_says_why(
    vault: Made, broken: Path
) -> None:
    result = vault.ingest(broken, metadata="strip")
    assert result["exit"] == 3
    assert result["copies"] == {"not-checked": 1}
    assert result["without_copy"][0]["reason"]
    assert "derivation-refused" in kinds(vault) and "derived" not in kinds(vault)
    with vault.open() as opened:
        (told,) = show_item(opened, result["taken_in"][0]["id"])["derivatives"]
    assert told["outcome"] == "not-checked" and told["sha256"] is None


def test_a_type_nobody_understands_is_never_nothing_to_strip(vault: Made, tmp_path: Path) -> None:
    (tmp_path / "thing").write_bytes(bytes(range(256)) * 9)
    result = vault.ingest(tmp_path / "thing", metadata="strip")
    assert result["copies"] == {"not-checked": 1}
    assert "not understood" in result["without_copy"][0]["reason"]


def test_strip_only_stores_the_copy_and_never_the_original(
    vault: Made, photo: Path, tmp_path: Path
) -> None:
    before = photo.read_bytes()
    result = vault.ingest(photo, metadata="strip-only")
    (taken,) = result["taken_in"]
    assert photo.read_bytes() == before
    arrival, derived = (e for e in vault.entries() if e.type in ("ingested", "derived"))
    assert [unit.kind for unit in arrival.units] == ["record"]
    assert [unit.kind for unit in derived.units] == ["content", "statement", "record"]
    with vault.open() as opened:
        shown = show_item(opened, taken["id"])
        assert shown["digests"]["sha256"] == hashlib.sha256(before).hexdigest()
        assert shown["metadata"]["status"] == "not-kept"
        with pytest.raises(UsageError, match="not kept"):
            get_item(opened, taken["id"], tmp_path / "no")
        get_item(opened, taken["id"], tmp_path / "copy", share_copy=True)
        assert fixity(opened, all=True)["exit"] == 0
    assert not (tmp_path / "no").exists()
    vault.assert_sound()


def test_strip_only_refuses_what_has_no_clean_copy_and_stores_nothing_of_it(
    vault: Made, photo: Path, broken: Path
) -> None:
    result = vault.ingest(photo, broken, metadata="strip-only")
    assert result["exit"] == 3
    assert [(r["code"], r["name"]) for r in result["refused"]] == [("E-NOT-CHECKED", "broken.jpg")]
    assert len(result["taken_in"]) == 1
    assert broken.read_bytes() == BROKEN
    vault.assert_sound()


@pytest.mark.parametrize("mode", ["strip", "strip-only"])
def test_a_second_run_is_a_resume(vault: Made, photo: Path, mode: str) -> None:
    vault.ingest(photo, metadata=mode)
    again = vault.ingest(photo, metadata=mode)
    assert again["already_in"] == 1 and not again["taken_in"]
    assert kinds(vault).count("derived") == 1


@pytest.mark.parametrize("mode", ["strip", "strip-only"])
def test_the_same_bytes_by_another_path_are_received_again(
    vault: Made, photo: Path, tmp_path: Path, mode: str
) -> None:
    vault.ingest(photo, metadata=mode)
    other = tmp_path / "other.jpg"
    other.write_bytes(photo.read_bytes())
    assert len(vault.ingest(other, metadata=mode)["received_again"]) == 1
    assert kinds(vault)[-2:] == ["received-again", "accession-closed"]
    vault.assert_sound()


def test_what_strip_only_left_out_is_stored_when_it_comes_to_be_retained(
    vault: Made, photo: Path, tmp_path: Path
) -> None:
    """The bytes are not in, so "in already" would lose them."""
    vault.ingest(photo, metadata="strip-only")
    result = vault.ingest(photo, metadata="retain")
    (taken,) = result["taken_in"]
    with vault.open() as opened:
        get_item(opened, taken["id"], tmp_path / "original")
    assert (tmp_path / "original").read_bytes() == photo.read_bytes()


@pytest.mark.sweep
@pytest.mark.parametrize(
    "step", ["2-adopted", "2-durable", "3-built", "4-committed", "5-catalogue"]
)
@pytest.mark.parametrize("mode", ["strip", "strip-only"])
def test_killed_at_a_step_the_same_command_finishes_the_rest(
    vault: Made, photo: Path, step: str, mode: str
) -> None:
    picture(photo.with_name("second.jpg"), 30)
    environment = {"EVIDENCE_VAULT_FAULT": step, "EVIDENCE_TEST_METADATA": mode}
    with pytest.raises(AssertionError, match="status -9"):
        run("ingest", vault.folder, photo.parent, environment=environment)
    result = vault.ingest(photo.parent, metadata=mode)
    assert result["exit"] == 0
    assert kinds(vault).count("derived") == 2
    vault.assert_sound()


# -- afterwards --------------------------------------------------------------------------------


def test_derive_makes_the_copy_later_and_check_recomputes_it(vault: Made, photo: Path) -> None:
    item = vault.ingest(photo)["taken_in"][0]["id"]
    with vault.open() as opened:
        made = derivatives.derive(opened, [item])
        assert (made["exit"], made["derived"][0]["outcome"]) == (0, "clean")
        checked = derivatives.check(opened, [item])
        assert (checked["exit"], checked["checked"][0]["outcome"]) == (0, "matches")
    assert kinds(vault)[-2:] == ["derived", "accessed"]
    vault.assert_sound()


def test_derived_at_ingest_or_later_it_is_the_same_copy(vault: Made, photo: Path) -> None:
    item = vault.ingest(photo, metadata="strip")["taken_in"][0]["id"]
    with vault.open() as opened:
        made = derivatives.derive(opened, [item])["derived"][0]
        first = show_item(opened, item)["derivatives"][0]
    assert made["sha256"] == first["sha256"]


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"structures": ["something else"]}, "differs"),
        ({"copy": {"sha256": "0" * 64, "sha512": "0" * 128, "size": 1}}, "differs"),
        ({"tools": [{"name": "other", "parameters": [], "version": "9"}]}, "unchecked"),
    ],
)
def test_check_has_three_outcomes(
    vault: Made,
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    outcome: str,
) -> None:
    """A statement that says something else than what comes out now."""
    item = vault.ingest(photo, metadata="strip")["taken_in"][0]["id"]
    real = parse_statement
    monkeypatch.setattr(
        derivatives, "parse_statement", lambda data: ({**real(data)[0], **change}, real(data)[1])
    )
    with vault.open() as opened:
        assert derivatives.check(opened, [item])["checked"][0]["outcome"] == outcome


def test_the_copies_survive_a_rebuild(vault: Made, photo: Path, tmp_path: Path) -> None:
    from evidence_vault.vault.rebuilding import rebuild

    item = vault.ingest(photo, metadata="strip-only")["taken_in"][0]["id"]
    rebuild(vault.folder, lambda: PASSPHRASE)
    with vault.open() as opened:
        get_item(opened, item, tmp_path / "copy", share_copy=True)
    assert vault.ingest(photo, metadata="strip-only")["already_in"] == 1


# -- giving out --------------------------------------------------------------------------------


def test_the_share_copy_leaves_and_nothing_tells_what_the_original_is(
    vault: Made, photo: Path, tmp_path: Path
) -> None:
    vault.ingest(photo, metadata="strip")
    result = exported(vault, tmp_path / "out")
    assert result["copies"] == 1 and result["sensitive"] == []
    original = photo.read_bytes()
    digests = [hashlib.new(name, original).hexdigest() for name in ("sha256", "sha512")]
    for path in (p for p in (tmp_path / "out").rglob("*") if p.is_file()):
        data = path.read_bytes()
        for hidden in (*digests, ARTIST, "photo.jpg"):
            assert hidden.encode() not in data, path
    report = verified(vault, tmp_path / "out")
    assert report.exit_status() == 0
    assert "B-COPIES-OK" in {finding.code for finding in report.findings}
    status, text = by_shell(vault, tmp_path / "out")
    assert status == 0, text
    assert "is NOT the original" in text


def test_an_original_with_a_share_copy_leaves_only_when_named(
    vault: Made, photo: Path, tmp_path: Path
) -> None:
    item = vault.ingest(photo, metadata="strip")["taken_in"][0]["id"]
    held = exported(vault, tmp_path / "all", originals=True)
    assert (held["copies"], held["held_back"]) == (1, [item])
    named = exported(vault, tmp_path / "named", originals=True, items=[item])
    assert (named["copies"], named["held_back"]) == (0, [])
    assert only(tmp_path / "named" / "data").read_bytes() == photo.read_bytes()
    assert any("position" in each["what"] for each in named["sensitive"])
    assert verified(vault, tmp_path / "named").exit_status() == 0


@pytest.mark.parametrize("again", [False, True], ids=["", "made twice"])
def test_a_copy_with_the_bytes_of_its_original_is_called_a_copy(
    vault: Made, tmp_path: Path, again: bool
) -> None:
    plain = tmp_path / "plain.txt"
    plain.write_text("nothing to take out of this\n")
    item = vault.ingest(plain, metadata="strip")["taken_in"][0]["id"]
    if again:
        with vault.open() as opened:
            derivatives.derive(opened, [item])
    exported(vault, tmp_path / "out", disclose=["all"])
    report = verified(vault, tmp_path / "out")
    codes = {finding.code for finding in report.findings}
    assert report.exit_status() == 0 and "B-COPIES-OK" in codes, codes
    status, text = by_shell(vault, tmp_path / "out")
    assert status == 0 and "is NOT the original" in text, text


def test_without_a_copy_and_without_originals_only_the_receipt_leaves(
    vault: Made, photo: Path, broken: Path, tmp_path: Path
) -> None:
    vault.ingest(photo, broken, metadata="strip")
    result = exported(vault, tmp_path / "out")
    assert len(result["withheld"]) == 1
    assert verified(vault, tmp_path / "out").exit_status() == 0


def test_the_instructions_for_stock_tools_say_what_a_copy_is(
    vault: Made, photo: Path, tmp_path: Path
) -> None:
    from evidence_vault.bundle.howto import how_to_verify

    vault.ingest(photo, metadata="strip")
    exported(vault, tmp_path / "out")
    lines = how_to_verify().decode().splitlines()
    script = "\n".join(line[4:] for line in lines if line.startswith("    "))
    done = subprocess.run(
        ["sh", "-s"],
        input=script,
        cwd=tmp_path / "out",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "is NOT the original, but the copy the archive made of it" in done.stdout, done.stdout
    assert "DOES NOT MATCH" not in done.stdout


# -- attacks on what was given out ---------------------------------------------------------------


@pytest.fixture
def bundle(vault: Made, photo: Path, tmp_path: Path) -> Iterator[Path]:
    vault.ingest(photo, metadata="strip")
    exported(vault, tmp_path / "out")
    assert verified(vault, tmp_path / "out").exit_status() == 0
    yield tmp_path / "out"


def swap_in_the_original(bundle: Path) -> None:
    copy = only(bundle / "data")
    copy.write_bytes((bundle.parent / "in" / "photo.jpg").read_bytes())


def drop_the_statement(bundle: Path) -> None:
    only(bundle / "copies").unlink()


def soften_the_statement(bundle: Path) -> None:
    path = only(bundle / "copies")
    value = json.loads(path.read_bytes())
    value["also_in_content"] = ["EXIF:IFD0:Artist"]
    path.write_bytes(json.dumps(value).encode())


def add_a_statement(bundle: Path) -> None:
    path = only(bundle / "copies")
    (bundle / "copies" / "ABCD-0000009.json").write_bytes(path.read_bytes())


def call_the_copy_an_original(bundle: Path) -> None:
    copy = only(bundle / "data")
    os.rename(copy, copy.with_name(copy.name.replace("-share-copy", "")))


@pytest.mark.parametrize(
    "attack",
    [
        swap_in_the_original,
        drop_the_statement,
        soften_the_statement,
        add_a_statement,
        call_the_copy_an_original,
    ],
    ids=lambda attack: attack.__name__,
)
def test_both_verifiers_notice(vault: Made, bundle: Path, attack: Any) -> None:
    attack(bundle)
    assert verified(vault, bundle).exit_status() == 10
    status, text = by_shell(vault, bundle)
    assert status == 10, text


def test_the_record_calls_a_copy_a_copy(vault: Made, photo: Path) -> None:
    item = vault.ingest(photo, metadata="strip")["taken_in"][0]["id"]
    with vault.open() as opened:
        text = history(opened, item)["text"]
    first, _, second = text.partition("A copy was made from the original")
    assert "SHA-256 of the original" in first
    assert "SHA-256 of the copy" in second and "SHA-256 of the original" not in second


def test_a_receipt_is_for_the_copy_unless_the_digests_of_the_original_are_asked_for(
    vault: Made, photo: Path, tmp_path: Path
) -> None:
    item = vault.ingest(photo, metadata="strip")["taken_in"][0]["id"]
    digest = hashlib.sha256(photo.read_bytes()).hexdigest()
    with vault.open() as opened:
        told = write_receipts(opened, [item], tmp_path / "copy.txt")
        write_receipts(opened, [item], tmp_path / "both.txt", ["content_sha256"])
    assert told["copies"] == [item]
    assert digest not in (tmp_path / "copy.txt").read_text()
    assert digest in (tmp_path / "both.txt").read_text()


def test_revealing_a_digest_of_the_original_beside_its_copy_is_said(
    vault: Made, photo: Path, tmp_path: Path
) -> None:
    vault.ingest(photo, metadata="strip")
    shown = exported(vault, tmp_path / "out", disclose=["content_sha256", "source_times"])
    said = " ".join(each["what"] for each in shown["sensitive"])
    assert "digests of the original" in said and "source_times" in said
