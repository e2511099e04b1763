"""What the global options said, and the talk with whoever runs the command."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evidence_vault.cli.progress import Progress
from evidence_vault.cli.words import shown
from evidence_vault.errors import KeyProblem, UsageError

if TYPE_CHECKING:
    from evidence_vault.vault.opening import Vault

_MAX_PASSPHRASE_FILE = 64 * 1024


class Session:
    """One run of one command. Results are returned; only talk is written here."""

    def __init__(self) -> None:
        self.vault: str | None = None
        self.json = False
        self.lang = "en"
        self.quiet = False
        self.verbose = False
        self.passphrase_file: str | None = None
        self.by: str | None = None
        self._passphrase: str | None = None

    # -- talk: standard error --------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Talk, unless -q."""
        if not self.quiet:
            self.complain(text)

    def complain(self, text: str) -> None:
        """What must be seen; a reader that went away is no reason to stop."""
        try:
            print(text, file=sys.stderr, flush=True)
        except BrokenPipeError:
            return

    def progress(self, doing: str) -> Progress:
        """A bar on a terminal, lines in a pipe, nothing with -q."""
        return Progress(doing, None if self.quiet else sys.stderr)

    def confirm(self, question: str) -> bool:
        """Ask before something that can't be taken back; without a terminal, or with -q, go on."""
        if self.quiet or not _on_terminal():
            return True
        return click.confirm(question, err=True)

    def decide(self, question: str, yes: bool) -> None:
        """Go on only if somebody said yes; raises UsageError where nobody can be asked."""
        if yes:
            return
        if not _on_terminal():
            raise UsageError(
                "this can't be taken back, and there is no terminal to ask on",
                code="E-NOT-CONFIRMED",
                hint="look at what it would do, and give --yes",
            )
        if not click.confirm(question, err=True):
            raise click.Abort

    def compare(self, text: str, question: str) -> bool:
        """Show ``text`` on a terminal and ask; False where nobody can answer, never assumed."""
        if not _on_terminal():
            return False
        self.complain(text)
        return click.confirm(question, err=True)

    # -- the vault -------------------------------------------------------------------------------

    def folder(self) -> Path:
        """The vault's folder; raises UsageError when none is named."""
        if self.vault is None:
            raise UsageError(
                "no vault is named",
                code="E-NO-VAULT",
                hint="give --vault DIR, or set EVIDENCE_VAULT=DIR",
            )
        return Path(self.vault)

    def open(self) -> Vault:
        """The vault, to be used in a ``with``; the passphrase is asked for when it is needed."""
        from evidence_vault.vault.opening import open_vault

        return open_vault(self.folder(), self.passphrase_source())

    # -- passphrases -----------------------------------------------------------------------------

    def passphrase_source(self) -> Callable[[], str] | None:
        """Gives the passphrase when called; None when there is neither a file nor a terminal."""
        if self.passphrase_file is None and not _on_terminal():
            return None
        return self.passphrase

    def passphrase(self) -> str:
        """From the file, or asked for once. Raises KeyProblem."""
        return self._passphrase_once("Passphrase", confirm=False)

    def passphrase_to_set(self) -> str:
        """The same, for a keyring that is made now: typed twice on a terminal."""
        return self._passphrase_once("Passphrase of the vault", confirm=True)

    def _passphrase_once(self, prompt: str, confirm: bool) -> str:
        if self._passphrase is None:
            file = self.passphrase_file
            self._passphrase = _ask(prompt, confirm) if file is None else read_passphrase(file)
        return self._passphrase

    def new_passphrase(self, file: str | None) -> str:
        """Another passphrase than the present one: from a file, or typed twice."""
        return _ask("New passphrase", True) if file is None else read_passphrase(file)

    def warn_of_own(self, expect: Path) -> None:
        """Say that a checkpoint out of this vault's own folder is nobody else's word."""
        if expect.resolve().is_relative_to(self.folder().resolve()):
            self.say(
                f"warning: {shown(str(expect))} lies in this vault: it is not a partner's "
                "checkpoint, and does not show that this copy is new"
            )

    # -- who -------------------------------------------------------------------------------------

    def actor(self) -> str | None:
        """Code of who is doing this: --by, or asked once on a terminal, or unknown and said."""
        if self.by is None and _on_terminal():
            question = "Who is doing this? Your code, not your name (Enter: unknown)"
            typed = click.prompt(question, default="", show_default=False, err=True)
            self.by = typed.strip() or None
        if self.by is None:
            self.say("who does this: unknown (name them with --by CODE or EVIDENCE_VAULT_BY)")
        return self.by


def read_passphrase(file: str) -> str:
    """The content of a file without its final newline. Raises KeyProblem."""
    try:
        with open(file, "rb") as stream:
            data = stream.read(_MAX_PASSPHRASE_FILE + 1)
    except OSError as error:
        raise KeyProblem(
            f"the passphrase file {file} can't be read: {error.strerror}",
            code="E-PASSPHRASE-FILE",
        ) from error
    if len(data) > _MAX_PASSPHRASE_FILE:
        raise KeyProblem(
            f"the passphrase file {file} is longer than {_MAX_PASSPHRASE_FILE} bytes",
            code="E-PASSPHRASE-FILE",
        )
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError:
        raise KeyProblem(
            f"the passphrase file {file} is not UTF-8 text", code="E-PASSPHRASE-FILE"
        ) from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise KeyProblem(f"the passphrase file {file} is empty", code="E-PASSPHRASE-FILE")
    return text


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(prompt: str, confirm: bool) -> str:
    if not _on_terminal():
        raise KeyProblem(
            "a passphrase is needed, and there is no terminal to ask on",
            code="E-PASSPHRASE-NEEDED",
            hint="give it in a file: --passphrase-file FILE or EVIDENCE_VAULT_PASSPHRASE_FILE",
        )
    typed: str = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
    return typed
