"""Bundles of one vault taken into another: custody kept beneath, hostile bundles left alone."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.cli.runner import SCHEMAS, call

from evidence_vault.core.receipt import Receipt
from evidence_vault.errors import EvidenceError, Exit, FormatError, UsageError
from evidence_vault.vault.bundlein import ingest_bundle
from evidence_vault.vault.derivatives import derive
from evidence_vault.vault.describing import describe
from evidence_vault.vault.exits import get_item, write_receipts
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.vault.ingest import IngestRequest
from evidence_vault.vault.queries import history
from evidence_vault.vault.rebuilding import rebuild
from evidence_vault.vault.revealing import Revealing
from evidence_vault.vault.trusting import export_trust
from evidence_vault.verify import load_trust, verify_bundle, verify_receipt
from evidence_vault.verify.bundlekind import is_bundle

from .test_share_copies import picture
from .vaults import PASSPHRASE, ROOT, Made, write_files

MakeVault = Callable[..., Made]
VERIFIER = ROOT / "src" / "evidence_vault" / "verify" / "verify.sh"


class Pair:
    """A vault that gave a bundle out, and one that gets it."""

    def __init__(self, home: Made, here: Made, base: Path) -> None:
        self.home, self.here, self.base = home, here, base
        self.items: list[str] = []
        self.trust = base / "trust.json"

    def export(self, name: str = "bundle.zip", **options: Any) -> Path:
        out = self.base / name
        with self.home.open() as vault:
            request = {"originals": True, "clear": True, "by": "home-1", **options}
            export(vault, ExportRequest(request.pop("items", None), out, **request))
            self.trust.unlink(missing_ok=True)
            export_trust(vault, self.trust)
        return out

    def take(self, path: Path, trusted: bool = True, **options: Any) -> dict[str, Any]:
        request = IngestRequest([os.fsencode(path)], by="desk-7", workers=1, **options)
        trust = load_trust(self.trust) if trusted else None
        with self.here.open() as vault:
            result = ingest_bundle(vault, path, request, trust)
        document = dict(result)
        if result["exit"]:
            document |= {"code": "E-X", "message": "x", "hint": "", "findings": []}
        jsonschema.validate(document, json.loads((SCHEMAS / "ingest.json").read_text("utf-8")))
        return result

    def history(self, item: str) -> dict[str, Any]:
        with self.here.open() as vault:
            result = history(vault, item)
        jsonschema.validate(result, json.loads((SCHEMAS / "history.json").read_text("utf-8")))
        return result


@pytest.fixture
def pair(make_vault: MakeVault, tmp_path: Path) -> Pair:
    home, here = make_vault("home"), make_vault("here")
    made = Pair(home, here, tmp_path)
    result = home.ingest(*write_files(tmp_path / "files", 3), by="home-1")
    made.items = [each["id"] for each in result["taken_in"]]
    with home.open() as vault:
        describe(vault, made.items[:1], {"place": "MMR001"}, "home-1")
    return made


def ours(result: dict[str, Any]) -> dict[str, str]:
    """Our item by theirs."""
    return {each["foreign"]: each["id"] for each in result["foreign"]["items"]}


@pytest.mark.parametrize("form", ["zip", pytest.param("folder", marks=pytest.mark.slow)])
def test_items_come_in_with_their_record_beneath(pair: Pair, form: str) -> None:
    bundle = pair.export("b", folder=form == "folder", disclose=["place"])
    assert is_bundle(os.fsencode(bundle))
    result = pair.take(bundle)
    assert result["exit"] == 0 and result["refused"] == []
    assert [each["outcome"] for each in result["foreign"]["items"]] == ["taken in"] * 3
    assert result["foreign"]["verified"]["outcome"] == "matches"
    mine = ours(result)
    assert set(mine) == set(pair.items) and not set(mine.values()) & set(pair.items)
    told = pair.history(mine[pair.items[0]])
    types = [event["type"] for event in told["events"]]
    assert types == ["ingested", "foreign-custody-recorded"]
    (before,) = told["foreign"]
    assert [e["type"] for e in before["events"]] == ["ingested", "described", "exported"]
    assert before["events"][1]["fields"]["place"] == "MMR001"
    assert before["reason"] == "" and before["verified"]["outcome"] == "matches"
    assert before["verified"]["trust"] is not None
    assert "as another log tells it (not this archive)" in told["text"]
    assert pair.items[0] in told["events"][0]["fields"]["custody_before"][0]
    assert pair.here.assert_sound() == 4


@pytest.mark.slow
def test_bundle_can_be_put_together_again(pair: Pair) -> None:
    """Proofs and items are together every byte of the bundle."""
    bundle = pair.export()
    result = pair.take(bundle)
    with pair.here.open() as vault:
        get_item(vault, result["foreign"]["proofs"], pair.base / "proofs.zip")
        with zipfile.ZipFile(pair.base / "proofs.zip") as archive:
            archive.extractall(pair.base / "again")
        (top,) = (pair.base / "again").iterdir()
        (top / "data").mkdir()
        for theirs, item in ours(result).items():
            get_item(vault, item, top / "data" / f"{theirs}.txt")
    with zipfile.ZipFile(bundle) as archive:
        names = [n for n in archive.namelist() if not n.endswith("/")]
        for name in names:
            found = (pair.base / "again" / name).read_bytes()
            assert found == archive.read(name), name
    report = verify_bundle(top, load_trust(pair.trust))
    assert report.exit_status() == Exit.OK


def test_without_trust_file_who_is_open_and_recorded_as_open(pair: Pair) -> None:
    result = pair.take(pair.export(), trusted=False)
    assert result["exit"] == 3
    assert result["foreign"]["verified"]["unchecked"] == ["W-NO-TRUST"]
    told = pair.history(next(iter(ours(result).values())))
    verified = told["foreign"][0]["verified"]
    assert verified == {
        "outcome": "could not be checked",
        "trust": None,
        "unchecked": ["W-NO-TRUST"],
    }
    assert "no trust file was given" in told["text"]


def test_second_run_changes_nothing_and_known_bytes_are_received_again(pair: Pair) -> None:
    known = pair.here.ingest(pair.base / "files" / "file-0001.bin")["taken_in"][0]["id"]
    bundle = pair.export()
    result = pair.take(bundle)
    outcomes = {each["id"]: each["outcome"] for each in result["foreign"]["items"]}
    assert outcomes[known] == "received again"
    types = [event["type"] for event in pair.history(known)["events"]]
    assert types == ["ingested", "received-again", "foreign-custody-recorded"]
    again = pair.take(bundle)
    assert (again["taken_in"], again["received_again"], again["already_in"]) == ([], [], 4)
    assert ours(again) == ours(result) and again["foreign"]["proofs"] == result["foreign"]["proofs"]
    assert len(pair.history(known)["events"]) == 3


@pytest.mark.slow
def test_withheld_items_are_listed_and_not_invented(pair: Pair) -> None:
    result = pair.take(pair.export(originals=False))
    assert result["foreign"]["items"] == []
    withheld = {each["id"] for each in result["foreign"]["withheld"]}
    assert withheld == set(pair.items)
    assert len(result["taken_in"]) == 1  # the proofs


@pytest.mark.slow
def test_dry_run_takes_nothing_in(pair: Pair) -> None:
    bundle = pair.export()
    with pair.here.open() as vault:
        before = vault.catalogue.frontier().size
    result = pair.take(bundle, dry_run=True)
    assert len(result["taken_in"]) == 3 and result["foreign"]["proofs"] is None
    with pair.here.open() as vault:
        assert vault.catalogue.frontier().size == before


# -- hostile bundles ---------------------------------------------------------------------------


def assert_untouched(pair: Pair, path: Path, raised: type[Exception] = EvidenceError) -> None:
    with pair.here.open() as vault:
        before = vault.catalogue.frontier().size
    with pytest.raises(raised) as error:
        pair.take(path)
    assert getattr(error.value, "exit_status", None) in (Exit.EVIDENCE, Exit.UNCHECKED)
    with pair.here.open() as vault:
        assert vault.catalogue.frontier().size == before
    assert pair.here.audit()["exit"] == 0


@pytest.mark.parametrize(
    "victim",
    [
        "data/{}.txt",
        "receipts/{}.txt",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("statement.json", "verify.sh")),
    ],
)
def test_nothing_comes_in_from_a_changed_bundle(pair: Pair, victim: str) -> None:
    bundle = pair.export("b", folder=True)
    path = bundle / victim.format(pair.items[1])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert is_bundle(os.fsencode(bundle))
    assert_untouched(pair, bundle)


def test_bomb_and_added_file_and_names_that_lead_out(pair: Pair) -> None:
    bundle = pair.export()
    for number, (name, data) in enumerate(
        [("data/bomb.bin", bytes(60_000_000)), ("../../out.txt", b"x"), ("receipts/x.txt", b"x")]
    ):
        changed = pair.base / f"changed-{number}.zip"
        with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(changed, "w") as new:
            for info in old.infolist():
                new.writestr(info, old.read(info))
            top = old.namelist()[0].split("/")[0]
            new.writestr(f"{top}/{name}", data, zipfile.ZIP_DEFLATED)
        assert is_bundle(os.fsencode(changed))
        assert_untouched(pair, changed)
    assert not (pair.base.parent / "out.txt").exists()


@pytest.mark.slow
def test_bundle_of_a_stranger_under_a_known_name(pair: Pair, make_vault: MakeVault) -> None:
    """The trust file names another archive: who made it does not match or is not known."""
    bundle = pair.export()
    stranger = make_vault("stranger")
    stranger.ingest(*write_files(pair.base / "other", 1))
    pair.trust.unlink()
    with stranger.open() as vault:
        export_trust(vault, pair.trust)
    result_or_error: Any
    try:
        result_or_error = pair.take(bundle)
    except EvidenceError:
        return
    assert result_or_error["exit"] == 3
    assert result_or_error["foreign"]["verified"]["outcome"] == "could not be checked"


def test_file_swapped_after_the_check_is_left_out(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evidence_vault.vault import bundlein
    from evidence_vault.verify import picking

    bundle = pair.export("b", folder=True)
    plain = picking.demand_sound

    def swap(path: Path, trust: Any) -> Any:
        report = plain(path, trust)
        (path / "data" / f"{pair.items[0]}.txt").write_bytes(b"another file")
        return report

    monkeypatch.setattr(bundlein, "demand_sound", swap)
    result = pair.take(bundle)
    assert result["exit"] == 3
    assert [each["code"] for each in result["refused"]] == ["E-SOURCE-CHANGED"]
    assert len(result["taken_in"]) == 3  # two of three, and the proofs


def test_own_bundle_and_strip_only_are_refused(pair: Pair) -> None:
    bundle = pair.export()
    request = IngestRequest([os.fsencode(bundle)], workers=1)
    with pair.home.open() as vault, pytest.raises(UsageError) as error:
        ingest_bundle(vault, bundle, request, None)
    assert error.value.code == "E-OWN-BUNDLE"
    with pytest.raises(UsageError):
        pair.take(bundle, metadata="strip-only")


def test_what_looks_like_a_bundle(pair: Pair, tmp_path: Path) -> None:
    assert not is_bundle(os.fsencode(tmp_path / "nothing"))
    (tmp_path / "x.zip").write_bytes(b"PK\3\4 cut")
    assert not is_bundle(os.fsencode(tmp_path / "x.zip"))
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("statement.json", b"{}")
    (tmp_path / "y.zip").write_bytes(data.getvalue())
    assert not is_bundle(os.fsencode(tmp_path / "y.zip"))
    huge = bytearray(data.getvalue())
    end = huge.rfind(b"PK\5\6")
    huge[end + 12 : end + 16] = (0xFFFFFFF0).to_bytes(4, "little")
    (tmp_path / "z.zip").write_bytes(huge)
    assert not is_bundle(os.fsencode(tmp_path / "z.zip"))


# -- on the way out again ----------------------------------------------------------------------


def foreign_of(bundle: Path) -> dict[str, bytes]:
    return {
        path.relative_to(bundle).as_posix(): path.read_bytes()
        for path in bundle.rglob("*")
        if path.parent.name == "foreign"
    }


def test_the_receipt_of_the_archive_before_goes_along(pair: Pair) -> None:
    result = pair.take(pair.export(disclose=["place", "actor"]))
    mine = ours(result)
    item = mine[pair.items[0]]
    out, trust = pair.base / "onward", pair.base / "trust-here.json"
    with pair.here.open() as vault:
        announced: list[Any] = []
        request = ExportRequest([item], out, originals=True, clear=True, folder=True)
        export(vault, request, announce=announced.extend)
        export_trust(vault, trust)
    assert any("another archive" in each["what"] for each in announced)
    report = verify_bundle(out, load_trust(trust))
    assert report.exit_status() == Exit.OK
    shell = ["sh", str(VERIFIER), "-c", "-t", str(trust), str(out)]
    assert subprocess.run(shell, capture_output=True, check=False).returncode == 0
    (receipt,) = foreign_of(out).values()
    assert b"MMR001" not in receipt and b"home-1" not in receipt  # not asked for, so not told
    payload = next((out / "data").iterdir())
    with payload.open("rb") as stream:
        checked = verify_receipt(receipt, stream, load_trust(pair.trust))
    assert checked.exit_status() == Exit.OK
    assert [event["type"] for event in checked.events][1] == "ingested"
    # A changed one is found by the signed list.
    path = next((out / "foreign").iterdir())
    path.write_bytes(receipt.replace(b"made ", b"mode ", 1))
    assert verify_bundle(out, load_trust(trust)).exit_status() == Exit.EVIDENCE


@pytest.mark.slow
def test_what_was_asked_for_is_told_of_both_records(pair: Pair) -> None:
    result = pair.take(pair.export(disclose=["place"]))
    item = ours(result)[pair.items[0]]
    with pair.here.open() as vault:
        announced: list[Any] = []
        out = pair.base / "onward"
        request = ExportRequest([item], out, clear=True, folder=True, disclose=["place"])
        export(vault, request, announce=announced.extend)
    assert any(each["what"].startswith("field place in that log") for each in announced)
    (receipt,) = foreign_of(out).values()
    assert b"reveal" in receipt
    checked = verify_receipt(receipt, None, load_trust(pair.trust))
    assert {"place": "MMR001"} in [event["revealed"] for event in checked.events]


@pytest.mark.slow
def test_digests_stay_where_a_share_copy_leaves(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody with the original on a seized phone finds it by the foreign receipt either."""
    monkeypatch.delenv("EVIDENCE_VAULT_EXIFTOOL")
    theirs = pair.home.ingest(picture(tmp_path / "photo.jpg"))["taken_in"][0]
    result = pair.take(pair.export())
    item = ours(result)[theirs["id"]]
    with pair.here.open() as vault:
        assert derive(vault, [item])["exit"] == 0
        out = tmp_path / "onward"
        export(vault, ExportRequest([item], out, clear=True, folder=True))
    everything = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert theirs["sha256"].encode() not in everything
    (receipt,) = foreign_of(out).values()
    assert b"payload_manifest" not in receipt
    assert verify_receipt(receipt, None, load_trust(pair.trust)).exit_status() == Exit.OK


def test_the_public_gets_nothing_of_another_log() -> None:
    receipt = Receipt("copper-meadow-lantern-4417", ("vault",), "", (), b"")
    revealing = Revealing(frozenset(("place",)), ("place",))
    assert revealing.of_other_log("QVRM-0000001", receipt) == receipt
    revealing.public = frozenset()
    assert revealing.of_other_log("QVRM-0000001", receipt) is None


def test_receipt_command_writes_both(pair: Pair) -> None:
    result = pair.take(pair.export())
    items = sorted(ours(result).values())
    with pair.here.open() as vault:
        one = write_receipts(vault, items[:1], pair.base / "one.txt")
        many = write_receipts(vault, items, pair.base / "many")
    assert [Path(each["file"]).name for each in one["foreign"]] == ["one-foreign.txt"]
    assert len(many["foreign"]) == 3
    schema = json.loads((SCHEMAS / "receipt.json").read_text("utf-8"))
    for told in (one, many):
        jsonschema.validate(told, schema)
        for each in told["foreign"]:
            data = Path(each["file"]).read_bytes()
            report = verify_receipt(data, None, load_trust(pair.trust))
            assert report.exit_status() == Exit.OK


@pytest.mark.slow
def test_a_third_vault_keeps_both_records(pair: Pair, make_vault: MakeVault) -> None:
    result = pair.take(pair.export(items=pair.items[:1]))
    item = ours(result)[pair.items[0]]
    second = pair.base / "second"
    trust = pair.base / "trust-here.json"
    with pair.here.open() as vault:
        export(vault, ExportRequest([item], second, originals=True, clear=True, folder=True))
        export_trust(vault, trust)
    third = make_vault("third")
    request = IngestRequest([os.fsencode(second)], workers=1)
    with third.open() as vault:
        taken = ingest_bundle(vault, second, request, load_trust(trust))
        told = history(vault, ours(taken)[item])
        get_item(vault, taken["foreign"]["proofs"], pair.base / "p.zip")
    types = [event["type"] for event in told["foreign"][0]["events"]]
    assert types == ["ingested", "foreign-custody-recorded", "exported"]
    with zipfile.ZipFile(pair.base / "p.zip") as archive:
        assert any("/foreign/" in name for name in archive.namelist())


@pytest.mark.slow
def test_proofs_that_are_gone_are_said_and_nothing_is_claimed(pair: Pair) -> None:
    result = pair.take(pair.export())
    item = ours(result)[pair.items[0]]
    with pair.here.open() as vault:
        proofs = result["foreign"]["proofs"]
        from evidence_vault.vault.records import ingested_event, unit_of

        unit = unit_of(ingested_event(vault, proofs).event, "content")
        assert unit is not None
        digest = unit.objects[0]
    (path,) = (pair.here.folder / "archive").rglob(digest)
    path.chmod(0o600)
    path.unlink()
    told = pair.history(item)["foreign"][0]
    assert told["events"] == [] and "missing" in told["reason"]
    assert told["verified"]["outcome"] == "matches"  # what was found then, and said so
    with pair.here.open() as vault:
        announced: list[Any] = []
        out = pair.base / "onward"
        export(
            vault,
            ExportRequest([item], out, originals=True, clear=True, folder=True),
            announce=announced.extend,
        )
    assert any("can't be read here any more" in each["what"] for each in announced)
    assert foreign_of(out) == {}


@pytest.mark.slow
def test_rebuilt_catalogue_knows_it(pair: Pair) -> None:
    result = pair.take(pair.export())
    item = ours(result)[pair.items[0]]
    before = pair.history(item)
    (pair.here.folder / "catalogue.db").unlink()
    rebuild(pair.here.folder, lambda: PASSPHRASE)
    assert pair.history(item) == before


@pytest.mark.slow
def test_killed_between_proofs_and_items_it_goes_on(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evidence_vault.vault import bundlein

    bundle = pair.export()

    def dies(self: Any, rows: Any, files: int) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(bundlein._Run, "_take", dies)
        with pytest.raises(RuntimeError):
            pair.take(bundle)
    result = pair.take(bundle)
    assert result["exit"] == 0 and len(result["taken_in"]) == 3 and result["already_in"] == 1
    assert pair.here.assert_sound() == 4


def test_command_line(pair: Pair, tmp_path: Path) -> None:
    bundle = pair.export()
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE)
    base = ("--vault", pair.here.folder, "--passphrase-file", passphrase, "--by", "desk-7")
    assert call(*base, "ingest", bundle, tmp_path / "files").status == 2
    assert call(*base, "ingest", tmp_path / "files", "--trust", pair.trust).status == 2
    done = call(*base, "ingest", bundle, "--trust", pair.trust)
    assert done.status == 0, done.err
    assert "everything matches" in done.out
    listed = call(*base, "list", "--json").json()["items"]
    assert len(listed) == 4
    shown = call(*base, "history", listed[1]["id"])
    assert "as another log tells it" in shown.out
    bad = tmp_path / "bad"
    shutil.copytree(pair.export("f", folder=True), bad)
    (bad / "custody.txt").write_text("another story")
    assert call(*base, "ingest", bad).status == 10
    plain = call(*base, "ingest", bad, "--as-files")
    assert plain.status == 0, plain.err


@pytest.mark.slow
def test_hostile_trust_file_is_no_trust_file(pair: Pair) -> None:
    bundle = pair.export()
    pair.trust.write_bytes(b"{}")
    with pytest.raises(FormatError):
        pair.take(bundle)
