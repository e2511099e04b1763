"""statement.sshsig: accepted by the real ssh-keygen, refused by it and by us when it is wrong."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.tamper.world import Small

from evidence_vault.core.keys import verify_ed25519
from evidence_vault.core.sshsig import (
    STATEMENT_NAMESPACE,
    allowed_signer,
    check_sshsig,
    format_sshsig,
    sign_sshsig,
    signed_message,
)
from evidence_vault.errors import FormatError, SignatureInvalid
from evidence_vault.vault.handing import allowed_signers

needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is absent")


def accepted(folder: Path, signers: bytes, who: str, signature: bytes, data: bytes) -> bool:
    """Whether ``ssh-keygen -Y verify`` accepts it, as HOW-TO-VERIFY.txt prints the command."""
    (folder / "allowed_signers").write_bytes(signers)
    (folder / "statement.sshsig").write_bytes(signature)
    done = subprocess.run(
        ["ssh-keygen", "-Y", "verify", "-f", folder / "allowed_signers", "-I", who, "-n",
         STATEMENT_NAMESPACE, "-s", folder / "statement.sshsig"],
        input=data, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode == 0


@needs_ssh
def test_ssh_keygen_accepts_the_statement_under_the_signers_of_the_trust_file(
    tmp_path: Path,
) -> None:
    world = Small.make()
    signers = allowed_signers(world.trust_file)
    body, signature = world.files["statement.json"], world.files["statement.sshsig"]
    assert accepted(tmp_path, signers, world.maker.origin, signature, body)
    assert not accepted(tmp_path, signers, world.maker.origin, signature, body + b" ")
    assert not accepted(tmp_path, signers, "another-vault-1", signature, body)
    stranger = Small.make(seed="stranger")
    strange = allowed_signers(stranger.trust_file)
    assert not accepted(tmp_path, strange, world.maker.origin, signature, body)
    key = world.maker.keys["statements"]
    other = sign_sshsig(body, world.maker.public("statements"), key.sign, "file")
    assert not accepted(tmp_path, signers, world.maker.origin, other, body)


@needs_ssh
def test_what_ssh_keygen_signs_is_accepted_here(tmp_path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", tmp_path / "key"],
        check=True,
        timeout=60,
    )
    (tmp_path / "data").write_bytes(b"a statement")
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", STATEMENT_NAMESPACE, "-f", tmp_path / "key",
         tmp_path / "data"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    public = base64.b64decode((tmp_path / "key.pub").read_text().split()[1])[-32:]
    made = (tmp_path / "data.sig").read_bytes()
    check_sshsig(made, b"a statement", public, STATEMENT_NAMESPACE)
    with pytest.raises(SignatureInvalid):
        check_sshsig(made, b"another", public, STATEMENT_NAMESPACE)


def test_each_flipped_byte_is_refused() -> None:
    world = Small.make()
    public, body = world.maker.public("statements"), world.files["statement.json"]
    good = world.files["statement.sshsig"]
    check_sshsig(good, body, public, STATEMENT_NAMESPACE)
    for place in range(len(good)):
        bad = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        with pytest.raises((FormatError, SignatureInvalid)):
            check_sshsig(bad, body, public, STATEMENT_NAMESPACE)
    for other in (b"", good[:-1], good + b"\n", good.replace(b"\n", b"\r\n"), good * 2):
        with pytest.raises(FormatError):
            check_sshsig(other, body, public, STATEMENT_NAMESPACE)


def test_the_bare_signature_inside_is_over_another_message_than_statement_sig() -> None:
    """One key, two forms: neither signature can be passed off as the other."""
    world = Small.make()
    public, body = world.maker.public("statements"), world.files["statement.json"]
    message = signed_message(body, STATEMENT_NAMESPACE)
    assert message.startswith(b"SSHSIG") and not body.startswith(b"SSHSIG")
    lifted = format_sshsig(public, world.files["statement.sig"], STATEMENT_NAMESPACE)
    with pytest.raises(SignatureInvalid):
        check_sshsig(lifted, body, public, STATEMENT_NAMESPACE)
    verify_ed25519(public, world.files["statement.sig"], body)


def test_names_that_would_widen_an_allowed_signers_file_are_refused() -> None:
    for name in ("", "*", "a,b", "a b", "!a", "a\nb", '"a"', "#a"):
        with pytest.raises(FormatError):
            allowed_signer(name, bytes(32), STATEMENT_NAMESPACE)
