"""export --for court and --for public: what each holds, and what neither lets out."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.bundle.test_loadfile import assert_fits
from tests.bundle.test_loadfile import values as labelled
from tests.cli.runner import ROOT, call, check_schema

from evidence_vault.bundle.custody import custody_events
from evidence_vault.bundle.loadfile import TABLES
from evidence_vault.cli.exporting import export as export_command
from evidence_vault.core.places import is_coarse
from evidence_vault.core.receipt import parse_receipt
from evidence_vault.vault.profilerules import KEPT_BACK, NO_COPY, handling_of
from evidence_vault.vault.profiles import PROFILE_FIELDS, PROFILES

from .conftest import FILES, House

needs_exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="a share copy needs ExifTool's look"
)


def load(bundle: Path) -> dict[str, list[dict[str, str]]]:
    import csv

    found = {}
    for name in TABLES:
        with (bundle / "loadfile" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            found[name] = list(csv.DictReader(stream, strict=True))
    assert_fits(found)
    return found


def extras(bundle: Path, item: str) -> list[dict[str, str]]:
    return [row for row in load(bundle)["export_extras"] if row["Document_ID"] == item]


def told(bundle: Path, item: str) -> dict[str, Any]:
    """Every value that the item's receipt reveals, by event type and field."""
    receipt = parse_receipt((bundle / "receipts" / f"{item}.txt").read_bytes())
    return {
        f"{event.type} {name}": value
        for event in custody_events(receipt)
        for name, value in event.revealed.items()
    }


def verify(house: House, bundle: Path) -> None:
    """Both verifiers; ``-c``: an old OpenSSL does without one signature."""
    trust = house.trust(bundle.with_name(bundle.name + ".trust"))
    result = call("verify", "--trust", trust, bundle)
    assert result.status == 0, result.out
    script = ROOT / "src" / "evidence_vault" / "verify" / "verify.sh"
    done = subprocess.run(
        ["sh", str(script), "-c", "-t", str(trust), str(bundle)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


# -- court -------------------------------------------------------------------------------------


def test_a_court_gets_four_tables_with_what_belongs_together(house: House, tmp_path: Path) -> None:
    ids, out = house.ids, tmp_path / "court"
    for one, relation, other in (
        ("part", "excerpt-of", "film"),
        ("words", "transcript-of", "film"),
        ("letter", "attachment-of", "words"),
        ("secret", "redacted-version-of", "picture"),
    ):
        assert house.call("link", ids[one], relation, ids[other]).status == 0
    house.call("describe", ids["film"], "--occurred-at", "2024-02", "--title", "ရုပ်ရှင်")
    house.call(
        "describe", ids["film"], "--classification", "under-seal", "--received-at", "2024-03"
    )
    made = house.export("court", "--all", "--originals", "--disclose", "profile", out=out)
    assert made.status == 0, made.err
    check_schema("export", made.json())
    tables = load(out)
    rows = {row["Document_ID"]: row for row in tables["export"]}
    assert set(rows) == set(ids.values())
    film = rows[ids["film"]]
    assert (film["Document_Date"], film["Estimated"]) == ("", "YES")
    assert film["Title"] == "ရုပ်ရှင်" and film["Document_Type"] == "Video"
    assert rows[ids["words"]]["Document_Type"] == "Transcript"
    assert rows[ids["letter"]]["Host_Reference"] == ids["words"]
    of_film = extras(out, ids["film"])
    assert labelled(of_film, "Main date as recorded") == ["2024-02"]
    assert labelled(of_film, "Confidentiality level") == ["Under seal"]
    assert labelled(of_film, "Date received") == []
    assert labelled(of_film, "Date received as recorded") == ["2024-03"]
    assert labelled(of_film, "SHA-256") == [hashlib.sha256(FILES["film"]).hexdigest()]
    assert labelled(of_film, "Provision package") == [made.json()["bundle_id"]]
    (chain,) = labelled(of_film, "Chain of Custody")
    assert "Taken into the archive" in chain and "Copy handed out" in chain
    assert labelled(extras(out, ids["words"]), "Transcript of") == [ids["film"]]
    assert labelled(extras(out, ids["part"]), "Excerpt of") == [ids["film"]]
    (status,) = labelled(extras(out, ids["secret"]), "Redaction version and status")
    assert status.startswith("Redacted version")
    assert {row["Persons"] for row in tables["parties"]} == {"S-1"}
    pages = {row["Document_ID"]: row["Image_File_Name"] for row in tables["pages"]}
    assert all((out / "data" / name).is_file() for name in pages.values())
    readme = (out / "loadfile" / "README.txt").read_text(encoding="utf-8")
    assert "map to" in readme and "compliant" not in readme.lower()
    verify(house, out)


def test_no_excerpt_leaves_alone_for_a_court(house: House, tmp_path: Path) -> None:
    ids = house.ids
    assert house.call("link", ids["part"], "excerpt-of", ids["film"]).status == 0
    before = house.call("log", "status", "--json").json()["committed"]
    # The whole is not chosen, or chosen and without its file.
    for number, arguments in enumerate((("part", "--originals"),)):
        refused = house.export("court", *arguments, out=tmp_path / f"no{number}")
        assert (refused.status, refused.json()["code"]) == (14, "E-EXCERPT-ALONE")
        assert ids["film"] in refused.json()["hint"]
        assert not (tmp_path / f"no{number}").exists()
    assert house.call("log", "status", "--json").json()["committed"] == before
    assert house.export("court", "part", "film", "--originals", out=tmp_path / "yes").status == 0
    # Its receipt alone shows nothing of the film, and for a partner it's the lawyer's decision.
    assert house.export("court", "part", out=tmp_path / "receipt").status == 0
    assert house.export("partner", "part", "--originals", out=tmp_path / "partner").status == 0
    assert house.call("unlink", ids["part"], "excerpt-of", ids["film"]).status == 0
    assert house.export("court", "part", "--originals", out=tmp_path / "free").status == 0


def test_what_is_read_beside_another_item_is_said_when_that_was_not_chosen(
    house: House, tmp_path: Path
) -> None:
    ids = house.ids
    house.call("link", ids["words"], "translation-of", ids["film"])
    made = house.export("court", "words", out=tmp_path / "a").json()
    assert len(made["notices"]) == 1 and ids["film"] in made["notices"][0]
    assert ids["film"] not in (tmp_path / "a" / "loadfile" / "export_extras.csv").read_text()
    assert house.export("court", "words", "film", out=tmp_path / "b").json()["notices"] == []


def test_a_load_file_says_no_more_than_the_receipts(house: House, tmp_path: Path) -> None:
    film, out = house.ids["film"], tmp_path / "court"
    house.call("describe", film, "--title", "Planted title", "--collector-code", "K-77")
    assert house.export("court", "film", "--originals", out=out).status == 0
    tables = (out / "loadfile").rglob("*.csv")
    assert not any(b"Planted" in p.read_bytes() or b"K-77" in p.read_bytes() for p in tables)
    (named,) = labelled(extras(out, film), "Withheld fields")
    assert "title" in named and "collector_code" in named
    assert load(out)["parties"] == []


def test_a_changed_load_file_is_found(house: House, tmp_path: Path) -> None:
    out = tmp_path / "court"
    assert house.export("court", "film", out=out).status == 0
    table = out / "loadfile" / "export.csv"
    table.write_bytes(table.read_bytes().replace(b"Video", b"Audio"))
    result = call("verify", "--trust", house.trust(tmp_path / "t"), out)
    assert result.status == 10 and "loadfile/export.csv" in result.out


# -- public ------------------------------------------------------------------------------------


@needs_exiftool
def test_the_public_gets_share_copies_and_nothing_of_originals(
    house: House, tmp_path: Path
) -> None:
    out = tmp_path / "public"
    made = house.export("public", "--all", out=out)
    assert made.status == 0, made.err
    check_schema("export", made.json())
    names = sorted(path.name for path in (out / "data").iterdir())
    copies = [house.ids["picture"], house.ids["secret"]]
    assert names == sorted(f"{item}-share-copy.jpg" for item in copies)
    reasons = {each["id"]: each["reason"] for each in made.json()["withheld"]}
    assert reasons == {house.ids[n]: NO_COPY for n in ("film", "part", "words", "letter")}
    # No digest, size or type of an original, by whatever name the exporter could be asked.
    for item in house.ids.values():
        fields = {name for name in told(out, item) if not name.startswith(("derived", "exported"))}
        assert fields == set(), (item, fields)
    digests = [
        hashlib.new(kind, path.read_bytes()).hexdigest()
        for path in (house.base / "source").iterdir()
        for kind in ("sha256", "sha512")
        # The picture without metadata is its own share copy: same bytes, and those do leave.
        if path.suffix != ".jpg"
    ]
    everything = b"".join(p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file())
    assert digests and not any(digest.encode() in everything for digest in digests)
    assert b"S-1" not in everything and not (out / "loadfile").exists()
    verify(house, out)


@needs_exiftool
def test_no_original_leaves_for_the_public_even_if_named(house: House, tmp_path: Path) -> None:
    before = house.call("log", "status", "--json").json()["committed"]
    for arguments, code in (
        (("film", "--originals"), "E-PUBLIC-ORIGINAL"),
        (("--all", "--originals"), "E-PUBLIC-ORIGINAL"),
        (("picture", "--originals"), "E-PUBLIC-ORIGINAL"),
        (("film", "--disclose", "all"), "E-PUBLIC-FIELD"),
        (("film", "--disclose", "content_sha256"), "E-PUBLIC-FIELD"),
        (("film", "--disclose", "content-sha512,title"), "E-PUBLIC-FIELD"),
        (("film", "--disclose", "content_size"), "E-PUBLIC-FIELD"),
    ):
        refused = house.export("public", *arguments, out=tmp_path / "out")
        assert (refused.status, refused.json()["code"]) == (14, code), arguments
        assert not (tmp_path / "out").exists()
    assert house.call("log", "status", "--json").json()["committed"] == before


@needs_exiftool
def test_what_was_classified_or_has_a_caveat_stays(house: House, tmp_path: Path) -> None:
    picture, secret = house.ids["picture"], house.ids["secret"]
    house.call("describe", secret, "--classification", "confidential")
    made = house.export("public", "picture", "secret", out=tmp_path / "a").json()
    assert {each["id"]: each["reason"] for each in made["withheld"]} == {secret: KEPT_BACK}
    assert len(made["notices"]) == 1
    # Nobody who finds the copy elsewhere learns that it is here, nor why it stayed.
    assert set(told(tmp_path / "a", secret)) == {
        f"exported {name}" for name in ("bundle_id", "counts", "payload_manifest", "proofs")
    }
    verify(house, tmp_path / "a")
    house.call("describe", secret, "--classification", "public", "--caveats", "minor")
    made = house.export("public", "secret", out=tmp_path / "b").json()
    assert made["counts"]["withheld"] == 1
    house.call("describe", secret, "--caveats", "")
    made = house.export("public", "picture", "secret", out=tmp_path / "c").json()
    assert made["counts"]["withheld"] == 0 and picture not in str(made["withheld"])


@needs_exiftool
def test_of_two_share_copies_only_the_one_that_leaves_is_told(house: House, tmp_path: Path) -> None:
    picture, out = house.ids["picture"], tmp_path / "out"
    assert house.call("derive", picture, "--share-copy").status == 0
    assert house.export("public", "picture", out=out).status == 0
    receipt = parse_receipt((out / "receipts" / f"{picture}.txt").read_bytes())
    made = [event for event in custody_events(receipt) if event.type == "derived"]
    assert [bool(event.revealed) for event in made] == [False, True]
    verify(house, out)


@needs_exiftool
def test_a_place_is_coarse_for_the_public_or_withheld(house: House, tmp_path: Path) -> None:
    picture, secret, out = house.ids["picture"], house.ids["secret"], tmp_path / "out"
    house.call("describe", picture, "--place", "MMR001D001")
    house.call("describe", secret, "--place", "MMR001001003")
    made = house.export("public", "picture", "secret", "--disclose", "place", out=out)
    assert made.status == 0 and len(made.json()["notices"]) == 1
    assert told(out, picture)["described place"] == "MMR001D001"
    assert "described place" not in told(out, secret)
    assert b"MMR001001003" not in b"".join(p.read_bytes() for p in out.rglob("*.*"))
    verify(house, out)


@pytest.mark.parametrize(
    ("place", "coarse"),
    [
        ("MMR001", True),
        ("MMR010D004", True),
        ("MMR015S001", True),
        (None, True),
        ("MMR001001", False),
        ("MMR001001003", False),
        ("Yangon", False),
        ("MMR001\n", False),
        ("", False),
        ({"x": 1}, False),
    ],
)
def test_only_state_and_district_are_coarse(place: Any, coarse: bool) -> None:
    assert is_coarse(place) is coarse


def test_the_stricter_handling_of_bytes_that_came_twice_counts() -> None:
    first = ("ingested", {"classification": "public", "caveats": ["minor"]})
    again = ("received-again", {"classification": "secret", "caveats": ["sgbv"]})
    later = ("described", {"classification": "public"})
    assert handling_of([first]) == ("public", ["minor"])
    assert handling_of([first, again]) == ("secret", ["minor", "sgbv"])
    assert handling_of([first, again, later]) == ("public", ["minor", "sgbv"])
    assert handling_of([first, ("described", {"caveats": None})]) == ("public", [])


# -- all ---------------------------------------------------------------------------------------


def test_the_command_line_names_the_profiles_that_there_are() -> None:
    choice = next(p for p in export_command.params if p.name == "profile").type
    assert tuple(choice.choices) == PROFILES  # type: ignore[attr-defined]
    assert set(PROFILE_FIELDS) == set(PROFILES)
    page = (ROOT / "docs" / "profiles.md").read_text(encoding="utf-8")
    for profile, fields in PROFILE_FIELDS.items():
        assert f"`{profile}`" in page
        assert all(f"`{name}`" in page for name in fields)


def test_the_words_for_a_court_are_not_those_of_a_verdict() -> None:
    page = (ROOT / "docs" / "profiles.md").read_text(encoding="utf-8")
    assert "maps to" in page and "compliant" not in page
    assert os.sep + "work" not in page
