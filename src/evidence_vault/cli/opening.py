"""open: decrypt what was encrypted to you. Needs no vault."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from evidence_vault.cli import render_leaving as render
from evidence_vault.cli.answer import Answer, answer
from evidence_vault.cli.base import command
from evidence_vault.cli.options import PATH, out_option
from evidence_vault.cli.progress import Progress
from evidence_vault.cli.session import Session
from evidence_vault.errors import FormatError, KeyProblem, UsageError

if TYPE_CHECKING:
    from evidence_vault.core.age import Identity

_AGE = b"age-encryption.org/"
_MAX_IDENTITIES = 1 << 20  # bytes


@command("open")
@click.argument("bundle", type=PATH, metavar="BUNDLE.age")
@out_option("The new file to write.")
@click.option("--identity", type=PATH, metavar="FILE", help="Your age key file.")
def open_bundle(session: Session, bundle: Path, out: Path, identity: Path | None) -> Answer:
    """Decrypt BUNDLE.age with your key file or, if it was made with one, the passphrase.

    The passphrase is asked for, or read from --passphrase-file. An existing file is never
    overwritten, and nothing stays behind when the bundle was changed on its way.
    """
    from evidence_vault import osfiles
    from evidence_vault.core import age
    from evidence_vault.vault.files import new_file

    osfiles.private_umask()
    with _source(bundle) as stream:
        keys = _keys(session, age.read_header(stream), identity)
        stream.seek(0)
        with session.progress("decrypting") as progress, new_file(out) as target:
            sink = _Counted(target, progress)
            age.decrypt_stream(keys, stream, sink)
    return answer({"file": str(out), "size": sink.written}, render.opened)


def _source(bundle: Path) -> io.BufferedReader:
    """The opened file, which begins like an age file. Raises UsageError or FormatError."""
    try:
        stream = bundle.open("rb")
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

    def __init__(self, target: IO[bytes], progress: Progress) -> None:
        self._target = target
        self._progress = progress
        self.written = 0

    def write(self, data: bytes | memoryview, /) -> int:
        done = self._target.write(data)
        self.written += done
        self._progress.counted(0, self.written)
        return done
