"""HOW-TO-VERIFY.txt: its commands, extracted exactly as printed, run by shells of their own."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.tamper.keyclasses import keys_enrolled, keys_revoked, rotated
from tests.verify.forge import write_folder

from evidence_vault.bundle.howto import HOW_TO_VERIFY_NAMES, commands, how_to_verify
from evidence_vault.bundle.model import BundlePlan
from evidence_vault.bundle.sinks import FolderSink
from evidence_vault.bundle.writer import write_bundle
from evidence_vault.core import bagtext
from evidence_vault.core.merkle import prove_consistency
from evidence_vault.core.receipt import ReceiptState, format_receipt, parse_receipt
from evidence_vault.core.sshsig import STATEMENT_NAMESPACE, sign_sshsig

Plans = Callable[..., BundlePlan]
SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)]
FIRST = "receipts/QVRM-0000001.txt"


MAC = re.compile(r"^  (shasum -a 256 -c \S+)$", re.MULTILINE)


def test_both_languages_print_the_same_commands() -> None:
    english, burmese = (how_to_verify(name) for name in HOW_TO_VERIFY_NAMES)
    assert commands(english) == commands(burmese) != ""
    for form in (MAC, re.compile(r"^  (?:ssh-keygen|certutil|foreach|Get-|if|sh |\$).*", re.M)):
        found = [form.findall(text.decode()) for text in (english, burmese)]
        assert found[0] == found[1] != []


def test_the_burmese_text_runs_as_printed(bundle: Path) -> None:
    (line,) = re.findall(r"^  (sed -n .*)$", how_to_verify(HOW_TO_VERIFY_NAMES[1]).decode(), re.M)
    done = subprocess.run(["sh", "-c", line], cwd=bundle, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "RESULT: OK" in done.stdout


def test_the_commands_for_macos_run_as_printed(bundle: Path) -> None:
    if shutil.which("shasum") is None:
        pytest.skip("shasum is absent")
    lines = MAC.findall(how_to_verify().decode())
    assert len(lines) == 2
    for line in lines:
        assert subprocess.run(["sh", "-c", line], cwd=bundle).returncode == 0
    next((bundle / "data").iterdir()).write_bytes(b"another")
    assert subprocess.run(["sh", "-c", lines[0]], cwd=bundle).returncode == 1


def test_padding_is_zero_bytes_or_it_is_added(bundle: Path) -> None:
    (bundle / "padding").write_bytes(bytes(70_000))
    assert run(bundle)[0] == 0
    (bundle / "padding").write_bytes(bytes(70_000) + b"x")
    status, said = run(bundle)
    assert status == 1 and "padding: added" in said


def test_a_folder_counts_only_where_the_statement_lists_files_in_it(
    plan: BundlePlan, tmp_path: Path
) -> None:
    folder = tmp_path / "more"
    write_bundle(replace(plan, extras=[_Deep()]), FolderSink(folder))
    status, said = run(folder)
    assert status == 0, said
    (folder / "thumbs2").mkdir()
    assert run(folder)[0] == 1


class _Deep:
    def files(self, plan: BundlePlan) -> Iterator[tuple[str, Iterable[bytes]]]:
        yield "thumbs/one.jpg", [b"one"]


def run(folder: Path, shell: str = SHELLS[0], script: str | None = None) -> tuple[int, str]:
    """Exit status and output of the printed commands, run inside the bundle folder."""
    text = commands((folder / "HOW-TO-VERIFY.txt").read_bytes()) if script is None else script
    done = subprocess.run(
        [shell], input=text.encode(), capture_output=True, cwd=folder, timeout=300, check=False
    )
    return done.returncode, done.stdout.decode() + done.stderr.decode()


@pytest.fixture
def bundle(plan: BundlePlan, tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    write_bundle(plan, FolderSink(folder))
    return folder


def reseal(folder: Path, statement_key: str = "a statements") -> None:
    """Make manifests and statement agree with the files again, as a thief of that key could."""
    names = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    kept = (*bagtext.STATEMENT_FILES, "tagmanifest-sha256.txt", "tagmanifest-sha512.txt")
    for algorithm in ("sha256", "sha512"):
        name = f"manifest-{algorithm}.txt"
        rows = [
            f"{hashlib.new(algorithm, data).hexdigest()}  {path}\n"
            for path, data in names.items()
            if path.startswith("data/")
        ]
        names[name] = "".join(rows).encode()
    statement = json.loads(names["statement.json"])
    statement["files"] = [
        {"path": path, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for path, data in sorted(names.items())
        if path not in kept
    ]
    seed = hashlib.sha256(statement_key.encode()).digest()
    body = json.dumps(statement, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    names["statement.json"] = body
    key = Ed25519PrivateKey.from_private_bytes(seed)
    names["statement.sig"] = key.sign(body)
    public = key.public_key().public_bytes_raw()
    names["statement.sshsig"] = sign_sshsig(body, public, key.sign, STATEMENT_NAMESPACE)
    for algorithm in ("sha256", "sha512"):
        rows = [
            f"{hashlib.new(algorithm, data).hexdigest()}  {path}\n"
            for path, data in sorted(names.items())
            if not path.startswith(("data/", "tagmanifest-"))
        ]
        names[f"tagmanifest-{algorithm}.txt"] = "".join(rows).encode()
    for path, data in names.items():
        (folder / path).write_bytes(data)


def edit(path: Path, pattern: str, new: str, count: int = 1) -> None:
    """Replace a regular expression in a text file; the edit must change something."""
    before = path.read_text()
    after = re.sub(pattern, new, before, count=count)
    assert after != before
    path.write_text(after)


def flip(path: Path, position: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("shell", SHELLS)
def test_an_untouched_bundle_passes(bundle: Path, shell: str) -> None:
    status, output = run(bundle, shell)
    assert status == 0, output
    assert "DOES NOT MATCH" not in output
    for item in (1, 2, 3):
        assert f"OK: receipts/QVRM-000000{item}.txt" in output


@pytest.mark.parametrize("shell", SHELLS)
def test_the_single_line_it_recommends_works(bundle: Path, shell: str) -> None:
    (line,) = (x.strip() for x in how_to_verify().decode().splitlines() if x.startswith("  sed"))
    status, output = run(bundle, shell, line.replace("| sh", f"| {shell}"))
    assert status == 0, output
    assert "RESULT: OK" in output


def test_only_the_announced_tools_are_needed(bundle: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sha256sum", "openssl", "sed", "base64", "od", "mkdir", "cat", "rm"):
        (tools / name).symlink_to(Path(str(shutil.which(name))))
    shell = str(shutil.which("dash"))
    done = subprocess.run(
        [shell, "-c", commands(how_to_verify())],
        env={"PATH": str(tools)},
        cwd=bundle,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""


def test_nothing_is_left_behind(bundle: Path, tmp_path: Path) -> None:
    before = sorted(bundle.rglob("*"))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    run(bundle, script=f"TMPDIR={scratch}; {commands(how_to_verify())}")
    assert sorted(bundle.rglob("*")) == before
    assert list(scratch.iterdir()) == []


def test_a_bundle_without_originals_passes(plans: Plans, tmp_path: Path) -> None:
    write_bundle(plans(originals=False), FolderSink(tmp_path / "b"))
    status, output = run(tmp_path / "b")
    assert status == 0, output
    assert "OK: manifest: no original files in this bundle" in output


def test_a_withheld_item_passes(plans: Plans, tmp_path: Path) -> None:
    plan = plans(withheld={"QVRM-0000002": "under a hold, until it is released"})
    write_bundle(plan, FolderSink(tmp_path / "b"))
    status, output = run(tmp_path / "b")
    assert status == 0, output


@pytest.mark.parametrize("items", [1, 2, 5, 12])
def test_paths_of_many_shapes_pass(plans: Plans, tmp_path: Path, items: int) -> None:
    contents = {f"QVRM-{i:07}": (b"%d" % i, "bin") for i in range(1, items + 1)}
    write_bundle(plans(contents), FolderSink(tmp_path / "b"))
    status, output = run(tmp_path / "b")
    assert status == 0, output
    assert output.count("OK: receipts/") == items


def test_one_receipt_can_be_named(bundle: Path) -> None:
    script = commands(how_to_verify()).replace("R='receipts/*.txt'", f"R={FIRST}")
    status, output = run(bundle, script=script)
    assert status == 0, output
    assert output.count("OK: receipts/") == 1
    script = script.replace(FIRST, "receipts/QVRM-0000099.txt")
    status, output = run(bundle, script=script)
    assert status != 0
    assert "no receipt was checked" in output


def _delete(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _flip(name: str, position: int = 3) -> Callable[[Path], None]:
    return lambda folder: flip(folder / name, position)


def _add(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text("new")


SINGLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "payload edited": (_flip("data/QVRM-0000001.jpg"), "data/QVRM-0000001.jpg"),
    "payload missing": (_delete("data/QVRM-0000002.txt"), "data/QVRM-0000002.txt: missing"),
    "payload added": (_add("data/QVRM-0000009.jpg"), "data/QVRM-0000009.jpg: added"),
    "hidden file added": (_add(".hidden"), ".hidden: added"),
    "receipt edited": (_flip(FIRST, 40), FIRST),
    "receipt missing": (_delete(FIRST), FIRST),
    "index edited": (_flip("index.csv"), "index.csv"),
    "custody record missing": (_delete("custody.txt"), "custody.txt: missing"),
    "manifest missing": (_delete("manifest-sha256.txt"), "manifest-sha256.txt"),
    "manifest edited": (_flip("manifest-sha512.txt"), "manifest-sha512.txt"),
    "tag manifest edited": (_flip("tagmanifest-sha512.txt"), "tagmanifest-sha512.txt"),
    "tag manifest missing": (_delete("tagmanifest-sha256.txt"), "tagmanifest"),
    "statement edited": (_flip("statement.json", 14), "statement.sig"),
    "signature edited": (_flip("statement.sig"), "statement.sig"),
    "signature missing": (_delete("statement.sig"), "statement.sig"),
}


@pytest.mark.parametrize("case", SINGLE)
def test_one_change_is_named(bundle: Path, case: str) -> None:
    script = commands(how_to_verify())
    change, named = SINGLE[case]
    change(bundle)
    status, output = run(bundle, script=script)
    assert status != 0, output
    assert any(
        line.startswith("DOES NOT MATCH: ") and named in line for line in output.splitlines()
    ), output


def test_a_payload_cut_short_by_its_last_byte_is_named(bundle: Path) -> None:
    target = bundle / "data/QVRM-0000001.jpg"
    target.write_bytes(target.read_bytes()[:-1])
    status, output = run(bundle)
    assert status != 0
    assert "DOES NOT MATCH: data/QVRM-0000001.jpg: changed" in output


def test_two_payloads_exchanged_are_named(bundle: Path) -> None:
    one, two = bundle / "data/QVRM-0000001.jpg", bundle / "data/QVRM-0000002.txt"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    reseal(bundle)
    status, output = run(bundle)
    assert status != 0
    assert "DOES NOT MATCH: data/QVRM-0000001.jpg: not the file that was taken in" in output


@pytest.mark.parametrize("name", ["/dev/zero", "data/../../../../../../dev/zero", "../outside"])
def test_a_manifest_can_not_make_it_read_outside_the_bundle(bundle: Path, name: str) -> None:
    (bundle.parent / "outside").write_bytes(b"")
    for manifest in ("manifest-sha256.txt", "manifest-sha512.txt"):
        with (bundle / manifest).open("a") as file:
            file.write(f"{'0' * 64}  {name}\n")
    status, output = run(bundle)
    assert status != 0
    assert "manifest-sha256.txt: a path that is not allowed" in output
    assert "manifest-sha512.txt: a path that is not allowed" in output


def test_what_an_operating_system_drops_is_only_noted(bundle: Path) -> None:
    (bundle / ".DS_Store").write_bytes(b"x")
    (bundle / "data" / "Thumbs.db").write_bytes(b"x")
    (bundle / "data" / "._QVRM-0000001.jpg").write_bytes(b"x")
    status, output = run(bundle)
    assert status == 0, output
    assert output.count("NOTE: ") == 3


@pytest.mark.parametrize("folder", [".DS_Store", "Thumbs.db", "data/._dir", "keys/desktop.ini"])
def test_a_folder_with_the_name_of_a_dropped_file_is_not_let_pass(
    bundle: Path, folder: str
) -> None:
    (bundle / folder).mkdir()
    (bundle / folder / "x.jpg").write_bytes(b"planted")
    status, output = run(bundle)
    assert status != 0
    assert f"{folder}: added" in output


def test_folders_that_operating_systems_make_are_only_noted(bundle: Path) -> None:
    for folder in ("__MACOSX", ".Trashes", "data/.fseventsd"):
        (bundle / folder / "501").mkdir(parents=True)
        (bundle / folder / "501" / "x").write_bytes(b"x")
    status, output = run(bundle)
    assert status == 0, output
    assert output.count("NOTE: ") == 3


def test_a_file_name_with_control_characters_is_not_printed_raw(bundle: Path) -> None:
    (bundle / "data" / "a\x1b[2Jb").write_bytes(b"x")
    status, output = run(bundle)
    assert status != 0
    assert "\x1b" not in output


def _receipt_edit(pattern: str, new: str) -> Callable[[Path], None]:
    return lambda folder: edit(folder / FIRST, pattern, new)


def _last_sig(folder: Path) -> None:
    """Another, well-formed signature under the last entry."""
    text = (folder / FIRST).read_text()
    place = text.rindex('"sig":"') + 7
    other = base64.b64encode(bytes(64)).decode()
    (folder / FIRST).write_text(text[:place] + other + text[place + 88 :])


def _drop_event(number: int) -> Callable[[Path], None]:
    def drop(folder: Path) -> None:
        head, *events = (folder / FIRST).read_text().split("\nevent ")
        del events[number]
        (folder / FIRST).write_text("\nevent ".join([head, *events]))

    return drop


def _payload_byte(folder: Path) -> None:
    """One letter inside a signed event."""
    text = (folder / FIRST).read_text()
    leaves = [line for line in text.splitlines() if line.startswith("leaf ")]
    encoded = json.loads(leaves[1][5:])["payload"]
    event = base64.b64decode(encoded).replace(b"evidence-vault 0.1.0", b"evidence-vault 0.1.1")
    (folder / FIRST).write_text(text.replace(encoded, base64.b64encode(event).decode()))


def _other_receipt(folder: Path) -> None:
    shutil.copy(folder / "receipts/QVRM-0000002.txt", folder / FIRST)


RESEALED: dict[str, tuple[Callable[[Path], None], str]] = {
    "log signature": (
        _receipt_edit(r"(— \S+ [A-Za-z0-9+/]{20})[A-Za-z0-9+/]{71}=\n", r"\1" + "A" * 71 + "=\n"),
        "the log's signature over the checkpoint",
    ),
    "log signature removed": (
        _receipt_edit(r"— \S+ [A-Za-z0-9+/]{91}=\n", ""),
        "the log's signature over the checkpoint",
    ),
    "checkpoint size": (_receipt_edit(r"\n8\n", "\n9\n"), "checkpoint"),
    "checkpoint root": (
        _receipt_edit(r"(\n8\n).{44}", "\\1" + base64.b64encode(bytes(32)).decode()),
        "checkpoint",
    ),
    "entry signature": (_last_sig, "the signature of entry 6"),
    "entry content": (_payload_byte, "the signature of entry 1"),
    "path element": (
        _receipt_edit(r"\npath \S{44}", "\npath " + base64.b64encode(bytes(32)).decode()),
        "the path of entry 0",
    ),
    "path cut": (_receipt_edit(r"(\npath \S{44} \S{44}) \S{44}", r"\1"), "the path of entry 0"),
    "entry index": (_receipt_edit(r"\nevent 1\n", "\nevent 2\n"), "the path of entry 2"),
    "revealed value": (
        _receipt_edit(r'"content_size","\d+"', '"content_size","7"'),
        "the revealed field content_size of entry 1",
    ),
    "revealed name": (
        _receipt_edit(r'"content_size","', '"content_sizes","'),
        "the revealed field content_sizes of entry 1",
    ),
    "revealed twice": (
        _receipt_edit(r"(reveal \[[^\n]*content_size[^\n]*\n)", r"\1\1"),
        "entry 1 shows content_size twice",
    ),
    "digest not revealed": (
        _receipt_edit(r"reveal \[[^\n]*content_sha256[^\n]*\n", ""),
        "data/QVRM-0000001.jpg: not the file that was taken in",
    ),
    "entry left out": (_drop_event(2), "does not follow the one before"),
    "first entry left out": (_drop_event(0), "the signature of entry 1"),
    "last entry left out": (_drop_event(-1), FIRST),
    "member opening": (
        _receipt_edit(r'(member \{"index":\d+,"leaf":\[")[^"]{43}', r"\1" + "A" * 43),
        "the member line of entry 5",
    ),
    "member left out": (_receipt_edit(r"member [^\n]*\n", ""), FIRST),
    "receipt of another item": (_other_receipt, FIRST),
    "arithmetic that would run a command": (
        _receipt_edit(r"\nevent 1\n", "\nevent a[$(touch ran)]\n"),
        FIRST,
    ),
    "member size that would run a command": (
        _receipt_edit(r'"size":\d+\}', '"size":a[$(touch ran)]}'),
        FIRST,
    ),
    "checkpoint size that would run a command": (
        _receipt_edit(r"\n8\n", "\na[$(touch ran)]\n"),
        FIRST,
    ),
    "unknown line": (_receipt_edit(r"\nmade [^\n]*", "\nmade x\nfoo bar"), FIRST),
    "text after the origin": (_receipt_edit(r"\norigin ", "\norigin x"), FIRST),
}


@pytest.mark.parametrize("case", RESEALED)
def test_a_changed_receipt_is_named_though_the_statement_lists_it(bundle: Path, case: str) -> None:
    change, named = RESEALED[case]
    change(bundle)
    reseal(bundle)
    # Only bash runs what stands in an array index, so those cases go there.
    status, output = run(bundle, SHELLS[-1 if "run a command" in case else 0])
    assert status != 0, output
    findings = [line for line in output.splitlines() if line.startswith("DOES NOT MATCH: ")]
    assert any(named in line for line in findings), output
    assert "OK: manifest-sha256.txt" in output  # so it was the receipt that gave it away
    assert not (bundle / "ran").exists()


def test_an_untouched_bundle_passes_after_resealing(bundle: Path) -> None:
    before = {p: p.read_bytes() for p in bundle.rglob("*") if p.is_file()}
    reseal(bundle)
    assert {p: p.read_bytes() for p in bundle.rglob("*") if p.is_file()} == before


def test_a_statement_signed_by_another_key_of_the_archive_is_refused(bundle: Path) -> None:
    keys = {p.stem: p.read_bytes() for p in (bundle / "keys").iterdir()}
    statement = json.loads((bundle / "statement.json").read_bytes())
    seed = hashlib.sha256(b"a events").digest()
    raw = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    (events,) = (keyid for keyid, pem in keys.items() if base64.b64encode(raw) in pem)
    edit(bundle / "statement.json", statement["key"], events)
    reseal(bundle, "a events")
    status, output = run(bundle)
    assert status != 0
    assert "the key of the statement did not count when this was exported" in output


def test_a_perfect_bundle_by_a_stranger_shows_another_fingerprint(
    plans: Plans, tmp_path: Path
) -> None:
    shown = []
    for name in ("a", "stranger"):
        write_bundle(plans(name=name), FolderSink(tmp_path / name))
        status, output = run(tmp_path / name)
        assert status == 0, output
        shown.append(re.findall(r"^COMPARE: .* fingerprint ([0-9a-f]{64})$", output, re.MULTILINE))
    assert shown[0] != shown[1]
    assert "compare" in output.lower()


def test_a_receipt_of_a_strangers_archive_is_named(plans: Plans, tmp_path: Path) -> None:
    write_bundle(plans(), FolderSink(tmp_path / "a"))
    write_bundle(plans(name="stranger"), FolderSink(tmp_path / "b"))
    shutil.copy(tmp_path / "b" / FIRST, tmp_path / "a" / FIRST)
    reseal(tmp_path / "a")
    status, output = run(tmp_path / "a")
    assert status != 0
    assert FIRST in output


def test_the_text_says_what_it_does_not_prove() -> None:
    text = how_to_verify().decode()
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 120
    for phrase in ("What it doesn't show", "BY ANOTHER CHANNEL", "OpenSSL 3.5", "ML-DSA-44"):
        assert phrase in text
    assert "admissible" not in text


def test_receipts_with_key_events_and_states_pass(tmp_path: Path) -> None:
    """A key was enrolled and another one retired; a receipt carries a countersigned state."""
    world = rotated()
    receipt = parse_receipt(world.files[world.path()])
    tree = world.maker.tree()
    state = ReceiptState(2, world.maker.note(2), tuple(prove_consistency(2, tree.size, tree)))
    entries = [replace(e, seen=(bytes(32),)) if e.index == 1 else e for e in receipt.events]
    shown = replace(receipt, events=tuple(entries), states=(state,), peers=(b"a note",))
    world.files = world.relisted({world.path(): format_receipt(shown)})
    folder = write_folder(world.files, tmp_path / "b")
    status, output = run(folder, script=commands(how_to_verify()))
    assert status == 0, output


def test_an_entry_by_a_key_that_was_revoked_before_it_is_named(tmp_path: Path) -> None:
    cases = [c for make in (keys_revoked, keys_enrolled) for c in make() if c.files is not None]
    told = [c for c in cases if "trust file" not in c.name and "until 2" not in c.name]
    assert len(told) >= 4
    for number, case in enumerate(told):
        assert case.files is not None
        folder = write_folder(case.files, tmp_path / str(number))
        status, output = run(folder, script=commands(how_to_verify()))
        assert status == 1, (case.name, output)
        assert "DOES NOT MATCH: receipts/" in output
