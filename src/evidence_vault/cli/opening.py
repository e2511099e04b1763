"""open: decrypt what was encrypted to you. Needs no vault."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

import click

from evidence_vault.cli import render_leaving as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import command
from evidence_vault.cli.options import PATH, out_option
from evidence_vault.cli.progress import Progress
from evidence_vault.cli.session import Session
from evidence_vault.errors import EvidenceError, FormatError, KeyProblem, UsageError

if TYPE_CHECKING:
    from evidence_vault.core.age import Identity
    from evidence_vault.verify.volumes import Volumes

_AGE = b"age-encryption.org/"
_MAX_IDENTITIES = 1 << 20  # bytes


@command("open")
@click.argument("bundle", type=PATH, metavar="BUNDLE.age")
@out_option("The new file to write.")
@click.option("--identity", type=PATH, metavar="FILE", help="Your age key file.")
@click.option("--verify", "verifying", is_flag=True, help="Verify it at once, as `verify` does.")
@click.option("--trust", type=PATH, metavar="FILE", help="Trust file, for --verify.")
@click.option("--expect", metavar="ID", help="Bundle id that its sender told you, for --verify.")
def open_bundle(
    session: Session,
    bundle: Path,
    out: Path,
    identity: Path | None,
    verifying: bool,
    trust: Path | None,
    expect: str | None,
) -> Answer:
    """Decrypt BUNDLE.age with your key file or, if it was made with one, the passphrase.

    Of a bundle in volumes name the first (BUNDLE.001), their folder, or BUNDLE. The passphrase is
    asked for, or read from --passphrase-file. An existing file is never overwritten, and nothing
    stays behind when the bundle was changed on its way. The stock program `age` opens it, too.
    """
    if not verifying and (trust is not None or expect is not None):
        raise UsageError("--trust and --expect go with --verify")
    from evidence_vault import osfiles
    from evidence_vault.core import age
    from evidence_vault.vault.files import new_file
    from evidence_vault.verify.volumes import find_volumes

    osfiles.private_umask()
    volumes = find_volumes(bundle)
    with _source(bundle, volumes) as stream, _named(volumes):
        total = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        keys = _keys(session, age.read_header(stream), identity)
        stream.seek(0)
        with session.progress("decrypting") as progress, new_file(out) as target:
            sink = _Counted(target, progress, total)
            age.decrypt_stream(keys, stream, sink)
    opened = {"file": str(out), "size": sink.written}
    if not verifying:
        return answer({**opened, "verified": None}, render.opened)
    from evidence_vault.cli.verifying import verified

    checked = verified(session, out, None, trust, expect)
    document = {**opened, "verified": checked.document}

    def text(_: dict[str, object]) -> str:
        return f"{render.decrypted(opened)}\n\n{checked.text()}"

    return Answer(document, text, checked.exit, findings=checked.findings)


@contextmanager
def _named(volumes: Volumes | None) -> Iterator[None]:
    """When a split bundle was changed: which volume it was, if a list beside them tells."""
    try:
        yield
    except (EvidenceError, FormatError) as error:
        changed = [] if volumes is None else volumes.changed()
        if changed:
            names = ", ".join(each.subject for each in changed)
            error.hint = f"not the volumes that the list beside them names: {names}"
        raise


def _source(bundle: Path, volumes: Volumes | None) -> BinaryIO:
    """The opened file, which begins like an age file. Raises UsageError or FormatError."""
    from evidence_vault.core.messages import message

    if volumes is not None and (problems := volumes.problems()):
        names = "; ".join(f"{p.subject}: {message('en', p.code, p.details)}" for p in problems)
        raise EvidenceError(names, code="E-VOLUMES", hint="copy the volumes again, then open them")
    try:
        stream = bundle.open("rb") if volumes is None else volumes.open()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UsageError(f"{bundle}: {error.strerror}", code="E-NO-FILE") from error
    start = stream.read(len(_AGE))
    stream.seek(0)
    if start == _AGE:
        return stream
    stream.close()
    hint = "a bundle that is not encrypted is verified as it is: evidence-vault verify"
    if start.startswith(b"-----BEGIN"):
        hint = "a text (armored) age file is opened with `age --decrypt`"
    raise FormatError(f"{bundle} is not an encrypted bundle", code="E-NOT-AGE", hint=hint)


def _keys(session: Session, header: bytes, identity: Path | None) -> list[Identity]:
    from evidence_vault.core import age

    stanzas = age.parse_header(header).stanzas
    if any(stanza.type == "scrypt" for stanza in stanzas):
        if identity is not None:
            raise UsageError(
                "this bundle was encrypted with a passphrase: --identity does not open it",
                hint="give --passphrase-file, or leave both away to be asked",
            )
        return [age.ScryptIdentity(session.passphrase())]
    if identity is None:
        raise KeyProblem(
            "this bundle was encrypted to a key",
            code="E-IDENTITY-NEEDED",
            hint="name the file with your secret key: --identity FILE",
        )
    return list(age.parse_identity_file(_identities(identity)))


def _identities(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_IDENTITIES + 1).decode("utf-8")
    except OSError as error:
        raise KeyProblem(
            f"the key file {path} can't be read: {error.strerror}", code="E-IDENTITY-FILE"
        ) from error
    except UnicodeDecodeError:
        raise KeyProblem(f"{path} is not a key file", code="E-IDENTITY-FILE") from None


class _Counted:
    """A sink that counts and reports the bytes that pass."""

    def __init__(self, target: IO[bytes], progress: Progress, total: int) -> None:
        self._target = target
        self._progress = progress
        self._total = total
        self.written = 0

    def write(self, data: bytes | memoryview, /) -> int:
        done = self._target.write(data)
        self.written += done
        self._progress.about(self.written, self._total)
        return done
