"""Interchange both ways with three other implementations of age.

- Debian's ``age`` (Go): X25519 and passphrases; before release 1.3 it knows no post-quantum keys
- ``pyrage`` (Rust): X25519 and passphrases
- npm ``age-encryption`` (JavaScript): post-quantum keys, X25519 and passphrases

What is absent is skipped by name. The npm package is installed, with the versions and digests
of ``node/package-lock.json``, into the folder EVIDENCE_VAULT_NODE_MODULES names, or else into
``.cache/node`` of the repository.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from evidence_vault.core.age import (
    Identity,
    PQIdentity,
    Recipient,
    ScryptIdentity,
    ScryptRecipient,
    X25519Identity,
    decrypt_stream,
    encrypt_stream,
    parse_identity_file,
)

from .helpers import pattern

HERE = Path(__file__).resolve().parent
SIZES = [0, 1, 65535, 65536, 65537, 131072, 200_000]
NODE_VERSION = "0.3.1"
PASSPHRASE = "correct horse လူ"

Node = Callable[[str, str, bytes], bytes]


def sealed(recipients: list[Recipient], plaintext: bytes) -> bytes:
    sink = io.BytesIO()
    encrypt_stream(recipients, io.BytesIO(plaintext), sink)
    return sink.getvalue()


def opened(identities: list[Identity], data: bytes) -> bytes:
    sink = io.BytesIO()
    decrypt_stream(identities, io.BytesIO(data), sink)
    return sink.getvalue()


# --- the age program -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def age() -> str:
    program = shutil.which("age")
    if program is None or shutil.which("age-keygen") is None:
        pytest.skip("the programs age and age-keygen are absent (Debian package: age)")
    return program


def run(*command: str | Path, data: bytes = b"") -> bytes:
    return subprocess.run(command, input=data, capture_output=True, check=True, timeout=120).stdout


def run_with_passphrase(command: list[str], passphrase: str) -> None:
    """Run a program on a terminal of its own, giving the passphrase at every prompt for one."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(command[0], command)  # the child becomes the program
    shown = b""
    try:
        while piece := os.read(terminal, 1024):
            shown += piece
            if piece.rstrip().endswith(b":"):
                os.write(terminal, passphrase.encode() + b"\n")
    except OSError:
        pass  # the program has closed its terminal
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, shown


def test_age_keygen_agrees_on_keys(age: str) -> None:
    text = run("age-keygen").decode()
    [identity] = parse_identity_file(text)
    assert f"# public key: {identity.to_recipient()}\n" in text
    ours = X25519Identity.generate()
    assert run("age-keygen", "-y", data=f"{ours}\n".encode()) == f"{ours.to_recipient()}\n".encode()


@pytest.mark.parametrize("size", SIZES)
def test_age_opens_ours_and_we_open_its(age: str, tmp_path: Path, size: int) -> None:
    identity = X25519Identity.generate()
    key_file = tmp_path / "key"
    key_file.write_text(f"{identity}\n")
    recipients = [X25519Identity.generate().to_recipient(), identity.to_recipient()]
    ours = sealed([*recipients], pattern(size))
    assert run(age, "-d", "-i", key_file, data=ours) == pattern(size)
    theirs = run(age, "-r", str(recipients[0]), "-r", str(recipients[1]), data=pattern(size))
    assert opened([identity], theirs) == pattern(size)


def test_age_opens_our_passphrase_file_and_we_open_its(age: str, tmp_path: Path) -> None:
    plain, ours, theirs = tmp_path / "plain", tmp_path / "ours", tmp_path / "theirs"
    ours.write_bytes(sealed([ScryptRecipient(PASSPHRASE, 10)], pattern(70_000)))
    run_with_passphrase([age, "-d", "-o", str(plain), str(ours)], PASSPHRASE)
    assert plain.read_bytes() == pattern(70_000)
    run_with_passphrase([age, "-p", "-o", str(theirs), str(plain)], PASSPHRASE)
    assert opened([ScryptIdentity(PASSPHRASE)], theirs.read_bytes()) == pattern(70_000)


# --- pyrage --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_pyrage_opens_ours_and_we_open_its(size: int) -> None:
    pyrage = pytest.importorskip("pyrage", reason="the Python package pyrage is absent")
    identity = X25519Identity.generate()
    their_identity = pyrage.x25519.Identity.from_str(str(identity))
    assert str(their_identity.to_public()) == str(identity.to_recipient())
    ours = sealed([identity.to_recipient()], pattern(size))
    assert pyrage.decrypt(ours, [their_identity]) == pattern(size)
    theirs = pyrage.encrypt(pattern(size), [their_identity.to_public()])
    assert opened([identity], theirs) == pattern(size)


# --- npm age-encryption --------------------------------------------------------------------


@pytest.fixture(scope="module")
def node() -> Node:
    """Runs ``node/age.mjs`` with an action, a key, and the bytes to work on."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        pytest.skip("the programs node and npm are absent (Node.js 20 or later)")
    named = os.environ.get("EVIDENCE_VAULT_NODE_MODULES")
    folder = Path(named) if named else HERE.parent.parent / ".cache" / "node"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:  # several test processes may come here at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        install(npm, folder)
    return lambda action, key, data: run(program, folder / "age.mjs", action, key, data=data)


def install(npm: str, folder: Path) -> None:
    for name in ("package.json", "package-lock.json", "age.mjs"):
        shutil.copyfile(HERE / "node" / name, folder / name)
    if (folder / "node_modules" / "age-encryption" / "package.json").is_file():
        return
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts"], cwd=folder, capture_output=True, timeout=300, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"npm could not install age-encryption {NODE_VERSION} into {folder}")


def test_the_lock_file_names_the_version_and_no_registry() -> None:
    lock = (HERE / "node" / "package-lock.json").read_text("utf-8")
    assert f'"age-encryption": "{NODE_VERSION}"' in lock
    assert "resolved" not in lock and "https://" not in lock


def test_node_agrees_on_keys(node: Node) -> None:
    for identity in (PQIdentity.generate(), X25519Identity.generate()):
        assert node("recipient", str(identity), b"").decode() == str(identity.to_recipient())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", [PQIdentity, X25519Identity])
def test_node_opens_ours_and_we_open_its(
    node: Node, kind: type[PQIdentity] | type[X25519Identity], size: int
) -> None:
    identity = kind.generate()
    ours = sealed([identity.to_recipient()], pattern(size))
    assert node("decrypt", str(identity), ours) == pattern(size)
    theirs = node("encrypt", str(identity.to_recipient()), pattern(size))
    assert opened([identity], theirs) == pattern(size)


def test_node_opens_our_passphrase_file_and_we_open_its(node: Node) -> None:
    ours = sealed([ScryptRecipient(PASSPHRASE, 10)], pattern(70_000))
    assert node("decrypt-passphrase", PASSPHRASE, ours) == pattern(70_000)
    theirs = node("encrypt-passphrase", PASSPHRASE, pattern(70_000))
    assert opened([ScryptIdentity(PASSPHRASE)], theirs) == pattern(70_000)
