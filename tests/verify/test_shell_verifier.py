"""verify.sh under the shells and awks there are: right, wrong, open, and hostile input."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.tamper.keyclasses import entry_signatures, log_signature_quantum
from tests.tamper.proofclasses import cosignatures_quantum
from tests.tamper.table import VERIFIER, lay_out
from tests.tamper.world import Case, Small
from tests.verify.forge import write_folder
from tests.verify.test_states import scene

from evidence_vault.core.event import BESIDE_ITEMS, FIELDS
from evidence_vault.core.receipt import format_receipt
from evidence_vault.core.trust import format_trust
from evidence_vault.verify import shell_verifier

TOOLS: tuple[str, ...] = (
    "sed",
    "od",
    "base64",
    "sha256sum",
    "sha512sum",
    "openssl",
    "mktemp",
    "mkdir",
    "rm",
    "cat",
)
TOOLS += ("tr", "wc", "head", "tail")
SHELLS = [s for s in ("dash", "bash", "busybox") if shutil.which(s)]
AWKS = [a for a in ("mawk", "gawk", "busybox", "original-awk") if shutil.which(a)]


@pytest.fixture(scope="module")
def world() -> Small:
    return Small.make(items=3, then=lambda w: w.maker.about_set(w.items, "fixity-checked", {}))


def run(*arguments: object, path: Path | None = None, shell: str | Path = "sh") -> tuple[int, str]:
    environment = {**os.environ, **({"PATH": str(path)} if path else {})}
    done = subprocess.run(
        [shell, VERIFIER, *map(str, arguments)],
        capture_output=True,
        env=environment,
        timeout=300,
        check=False,
    )
    assert done.stderr == b"", done.stderr
    text = done.stdout.decode("ascii")
    assert re.fullmatch(r"[\n -~]*", text)  # nothing that acts on a screen
    return done.returncode, text


def laid(case: Case, folder: Path) -> Path:
    folder.mkdir()
    lay_out(case, folder)
    return folder


def tool_folder(folder: Path, shell: str, awk: str, **other: str) -> Path:
    """A PATH with the announced tools only; ``sh`` and ``awk`` are the chosen ones."""
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(Path(str(shutil.which(name))))
    for name, tool in {"sh": shell, "awk": awk, **other}.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(Path(str(shutil.which(tool))))
    return folder


@pytest.mark.parametrize("awk", AWKS)
@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_and_awk_with_the_announced_tools_alone(
    shell: str, awk: str, world: Small, tmp_path: Path
) -> None:
    tools = tool_folder(tmp_path / "tools", shell, awk)
    good = laid(Case("", files=world.files, trust=world.trust), tmp_path / "good")
    bundle_id = world.statement.bundle_id
    options = ("-c", "-t", good / "trust.json")
    status, text = run(*options, "-e", bundle_id, good / "b", path=tools, shell=tools / "sh")
    assert status == 0, text
    assert "B-EXPECTED-OK" in text and "RESULT: OK" in text
    made = scene()
    case = Case("", receipt=format_receipt(made.receipt), trust=format_trust(made.trust))
    folder = laid(case, tmp_path / "receipt")
    arguments = ("-c", "-t", folder / "trust.json", folder / "r.txt")
    status, text = run(*arguments, path=tools, shell=tools / "sh")
    assert status == 0, text
    assert "R-COSIGN-OK" in text
    for number, bad in enumerate(list(entry_signatures())[2:8:3]):
        folder = laid(bad, tmp_path / f"bad {number}")
        target = folder / ("r.txt" if bad.receipt is not None else "b")
        arguments = ("-c", "-t", folder / "trust.json", target)
        status, text = run(*arguments, path=tools, shell=tools / "sh")
        assert status == 10, text


def test_shasum_stands_in_for_the_sums(world: Small, tmp_path: Path) -> None:
    if shutil.which("shasum") is None:
        pytest.skip("shasum is absent")
    tools = tool_folder(tmp_path / "tools", "dash", "awk", shasum="shasum", perl="perl")
    for name in ("sha256sum", "sha512sum"):
        (tools / name).unlink()
    good = laid(Case("", files=world.files, trust=world.trust), tmp_path / "good")
    status, text = run("-c", "-t", good / "trust.json", good / "b", path=tools, shell="/bin/sh")
    assert status == 0, text


def test_without_post_quantum_or_a_trust_file_it_is_open(world: Small, tmp_path: Path) -> None:
    folder = laid(Case("", files=world.files, trust=world.trust), tmp_path / "good")
    status, text = run("-c", folder / "b")
    assert status == 3 and "W-NO-TRUST" in text
    if not _knows_quantum():
        status, text = run("-t", folder / "trust.json", folder / "b")
        assert status == 3
        assert "R-CHECKPOINT-UNCHECKED" in text and "DOES NOT MATCH" not in text


def _knows_quantum() -> bool:
    said = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True)
    major, minor = map(int, said.stdout.split()[1].split(".")[:2])
    return (major, minor) >= (3, 5)


STAND_IN = """#!{python}
# Says that it is OpenSSL 3.5, and checks ML-DSA-44 as that one would, with another library.
import subprocess, sys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
words = sys.argv[1:]
if words == ["version"]:
    print("OpenSSL 3.5.0 1 Apr 2025")
elif words[0] == "pkeyutl" and "-rawin" not in words:
    named = {{w: words[i + 1] for i, w in enumerate(words[:-1])}}
    read = lambda name: open(named[name], "rb").read()
    try:
        load_pem_public_key(read("-inkey")).verify(read("-sigfile"), read("-in"))
    except InvalidSignature:
        print("Signature Verification Failure")
        sys.exit(1)
    print("Signature Verified Successfully")
else:
    sys.exit(subprocess.run([{openssl!r}, *words]).returncode)
"""


def test_post_quantum_signatures_with_a_newer_openssl(world: Small, tmp_path: Path) -> None:
    """Messages and keys are those of FIPS 204 as OpenSSL 3.5 takes them: no step stays open."""
    tools = tool_folder(tmp_path / "tools", "dash", "awk")
    openssl = tools / "openssl"
    openssl.unlink()
    text = STAND_IN.format(python=sys.executable, openssl=shutil.which("openssl"))
    openssl.write_text(text)
    openssl.chmod(0o755)
    made = scene()
    countersigned = Case("", receipt=format_receipt(made.receipt), trust=format_trust(made.trust))
    for number, case in enumerate((Case("", files=world.files, trust=world.trust), countersigned)):
        folder = laid(case, tmp_path / f"good {number}")
        target = folder / ("b" if case.receipt is None else "r.txt")
        arguments = ("-t", folder / "trust.json", target)
        status, said = run(*arguments, path=tools, shell="/bin/sh")
        assert status == 0, said
    for number, case in enumerate((*log_signature_quantum(), *cosignatures_quantum())):
        folder = laid(case, tmp_path / f"bad {number}")
        target = folder / ("b" if case.receipt is None else "r.txt")
        arguments = ("-t", folder / "trust.json", target)
        status, said = run(*arguments, path=tools, shell="/bin/sh")
        assert status == 10, (case.name, said)


def test_other_kinds_of_file_and_wrong_calls(world: Small, tmp_path: Path) -> None:
    (tmp_path / "trust.json").write_bytes(world.trust)
    for name, data, status in (
        ("a", b"age-encryption.org/v1\n", 3),
        ("z", b"PK\3\4", 3),
        ("t", world.trust, 3),
        ("s", world.files["statement.json"], 3),
        ("e", b"", 3),
        ("h", b"hello\n", 10),
        ("n", b"evidence-vault/receipt/v1\n\0", 10),
    ):
        (tmp_path / name).write_bytes(data)
        assert run("-t", tmp_path / "trust.json", tmp_path / name)[0] == status, name
    assert run(tmp_path / "absent")[0] == 2
    (tmp_path / "bad.json").write_bytes(world.trust + b"\n")
    (tmp_path / "r.txt").write_bytes(format_receipt(world.receipt()))
    status, text = run("-c", "-t", tmp_path / "bad.json", tmp_path / "r.txt")
    assert status == 10 and "T-TRUST" in text
    for arguments in ((), ("-x", "a"), ("-t",), ("a", "b", "c")):
        done = subprocess.run(["sh", VERIFIER, *arguments], capture_output=True, check=False)
        assert done.returncode == 2 and b"usage" in done.stderr


def test_the_file_against_its_receipt(world: Small, tmp_path: Path) -> None:
    content = world.maker.contents[world.items[0]]
    data = format_receipt(world.receipt())
    case = Case("", receipt=data, trust=world.trust, original=content)
    folder = laid(case, tmp_path / "a")
    arguments = ("-c", "-t", folder / "trust.json", folder / "r.txt", folder / "f")
    status, text = run(*arguments)
    assert status == 0 and "R-FILE-OK" in text
    (folder / "f").write_bytes(content + b"x")
    status, text = run(*arguments)
    assert status == 10 and text.count("R-FILE-CHANGED") == 3


HOSTILE = (
    "event a[$(touch ran)]",
    "event $(touch ran)",
    "state `touch ran`",
    "made 2026-11-23T10:00:00Z; touch ran",
    "made %s%n\\0100",
    "leaf " + "A" * 70_000,
    "path " + "/" * 44,
    "checkpoint",
    "",
)


@pytest.mark.parametrize("line", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_lines_run_nothing(line: str, world: Small, tmp_path: Path) -> None:
    good = format_receipt(world.receipt()).split(b"\n")
    for place in (1, 2, 3, 5, 6, 7):
        bad = b"\n".join([*good[:place], line.encode(), *good[place + 1 :]])
        if bad == b"\n".join(good):
            continue
        (tmp_path / "r.txt").write_bytes(bad)
        shell = "bash" if shutil.which("bash") else "sh"  # runs what stands in an array index
        done = subprocess.run(
            [shell, VERIFIER, "-c", "r.txt"],
            capture_output=True,
            cwd=tmp_path,
            timeout=60,
            check=False,
        )
        assert done.returncode == 10, done.stdout
        assert not (tmp_path / "ran").exists()


def test_hostile_names_links_and_pipes_are_not_opened(world: Small, tmp_path: Path) -> None:
    """Names that are options, expansions, commands or escapes; links out; a pipe that blocks."""
    names = ("-rf", "$(touch ran)", "`touch ran`", "a b", "x\ny", "\x1b[2J", "*", "data/'\"", "%s")
    for number, name in enumerate(names):
        folder = write_folder({**world.files, name: b"x"}, tmp_path / str(number))
        status, text = run("-c", folder)
        assert status == 10, text
        assert re.search("B-ADDED|C-UNSAFE-NAME", text)
        assert not (folder / "ran").exists()
    folder = write_folder(world.files, tmp_path / "link")
    (folder / "custody.txt").unlink()
    (folder / "custody.txt").symlink_to(tmp_path / "0" / "custody.txt")
    status, text = run("-c", folder)
    assert status == 10 and "custody.txt: is a link" in text
    folder = write_folder(world.files, tmp_path / "pipe")
    os.mkfifo(folder / "pipe")
    status, text = run("-c", folder)
    assert status == 10 and "C-SPECIAL" in text


def test_nothing_is_left_behind(world: Small, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch dir's"
    scratch.mkdir()
    folder = write_folder(world.files, tmp_path / "b")
    before = sorted(folder.rglob("*"))
    subprocess.run(
        ["sh", VERIFIER, folder],
        env={**os.environ, "TMPDIR": str(scratch)},
        capture_output=True,
        check=False,
    )
    assert sorted(folder.rglob("*")) == before
    assert list(scratch.iterdir()) == []


def test_a_bundle_with_statement_lists_beyond_ascii_is_open(tmp_path: Path) -> None:
    world = Small.make()
    files = world.relisted({"ကျေးရွာ.txt": b"more"})
    folder = laid(Case("", files=files, trust=world.trust), tmp_path / "a")
    status, text = run("-c", "-t", folder / "trust.json", folder / "b")
    assert status != 0, text


def test_its_lists_of_fields_are_those_of_the_program() -> None:
    text = shell_verifier().decode("utf-8")
    found = dict(re.findall(r'^  FIELD\["([a-z-]+)"\] = "([a-z0-9_ ]+)"$', text, re.MULTILINE))
    assert found == {kind: " ".join(sorted(fields)) for kind, fields in FIELDS.items()}
    (line,) = re.findall(r"^  (BESIDE.*) = 1$", text, re.MULTILINE)
    assert set(re.findall(r'BESIDE\["([a-z-]+)"\]', line)) == set(BESIDE_ITEMS)


def test_it_is_plain_posix_and_says_what_a_copy_in_a_bundle_is_worth() -> None:
    text = shell_verifier().decode("ascii")
    assert text.startswith("#!/bin/sh\n")
    assert "proves nothing about" in text
    assert "eval" not in re.sub(r"[a-z]eval|eval[a-z]", "", text)
    for shell in SHELLS:
        command = [shell, "sh"] if shell == "busybox" else [shell]
        subprocess.run([*command, "-n", VERIFIER], check=True)


def test_many_items_and_an_announced_bundle(tmp_path: Path) -> None:
    world = Small.make(items=20, then=lambda w: w.maker.about_set(w.items, "fixity-checked", {}))
    folder = laid(Case("", files=world.files, trust=world.trust), tmp_path / "a")
    status, text = run("-c", "-t", folder / "trust.json", "-e", "0" * 32, folder / "b")
    assert status == 10
    assert re.findall(r"DOES NOT MATCH: .*\((\S+)\)", text) == ["B-EXPECTED"]
    assert text.count("R-FILE-OK") == 20


def test_the_first_receipt_of_two_vaults_does_not_vouch_for_the_other(tmp_path: Path) -> None:
    world, other = Small.make(items=2), Small.make(seed="stranger", items=2)
    mixed = replace(
        world.receipt(1), events=(other.receipt(1).events[0], *world.receipt(1).events[1:])
    )
    files = world.relisted({world.path(1): format_receipt(mixed)})
    folder = laid(Case("", files=files, trust=world.trust), tmp_path / "a")
    status, text = run("-c", "-t", folder / "trust.json", folder / "b")
    assert status == 10 and "R-SIGNER" in text
