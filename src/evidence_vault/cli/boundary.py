"""The one error boundary: every way a command can end becomes an exit status and a message."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

import click

from evidence_vault.cli.answer import Answer, Document, describe_error, error_document, to_json
from evidence_vault.cli.session import Session
from evidence_vault.core.text import escape_for_display
from evidence_vault.errors import Exit, VaultError


def guarded(session: Session, work: Callable[[], object]) -> int:
    """Run ``work``, put its answer out and return the exit status; nothing escapes.

    A reader that closes its pipe early (``| head``) changes nothing about the status.
    """
    prepare_streams()
    status, text, document = _run(session, work)
    if document is not None and session.json:
        text = to_json(document)
    elif document is not None:
        session.complain(error_text(document))
    if not _put_out(text) and status == Exit.OK:
        status = Exit.UNREACHABLE
    return int(status)


def _run(session: Session, work: Callable[[], object]) -> tuple[int, str, Document | None]:
    """(status, result as text, failure)."""
    try:
        result = work()
        if isinstance(result, Answer):
            return result.exit, result.json() if session.json else result.text(), None
        return Exit.OK, "", None
    except VaultError as error:
        _trace(session)
        return error.exit_status, "", describe_error(error)
    except click.exceptions.NoArgsIsHelpError as error:
        if not session.json:
            session.complain(error.format_message())
            return Exit.USAGE, "", None
        return Exit.USAGE, "", error_document("E-USAGE", "no command is given")
    except click.ClickException as error:
        return Exit.USAGE, "", usage_document(error)
    except click.exceptions.Exit as ended:
        return ended.exit_code, "", None
    except (KeyboardInterrupt, EOFError, click.Abort):
        hint = "run the same command again to go on; what was reported as done is done"
        return Exit.INTERRUPTED, "", error_document("E-INTERRUPTED", "stopped", hint)
    except BrokenPipeError:  # help or version, written by click to a reader that went away
        return Exit.OK, "", None
    except OSError as error:
        _trace(session)
        return Exit.UNREACHABLE, "", describe_os_error(error)
    except Exception as error:  # the boundary: anything else is a bug, and is called one
        return Exit.BUG, "", _bug(session, error)


def usage_document(error: click.ClickException) -> Document:
    """A wrong command line, with where its help is."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "evidence-vault"
    message = error.format_message()
    message = (message[:1].lower() + message[1:]).rstrip(".")
    return error_document("E-USAGE", escape_for_display(message), f"see `{path} --help`")


def describe_os_error(error: OSError) -> Document:
    """What the operating system refused; no room had a better sentence for it."""
    where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    return error_document(
        "E-SYSTEM",
        escape_for_display(f"{where}{error.strerror or error}"),
        "look at free space, permissions and cables, then run the same command again",
    )


def error_text(document: Document) -> str:
    """``error: …`` and, where there is one, ``hint: …``."""
    lines = [f"error: {document['message']} ({document['code']})"]
    if document["hint"]:
        lines.append(f"hint: {document['hint']}")
    return "\n".join(escape_for_display(line) for line in lines)


def prepare_streams() -> None:
    """No text may crash a stream. What is no terminal gets UTF-8 and plain line feeds."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is None:
            continue
        if stream.isatty():
            reconfigure(errors="backslashreplace")
        else:
            reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")


def _put_out(text: str) -> bool:
    """Write the result; False when it could not be written although somebody is reading."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
    except OSError as error:
        _silence_stdout()
        sys.stderr.write(error_text(describe_os_error(error)) + "\n")
        return False
    return True


def _silence_stdout() -> None:
    """Keep the interpreter from failing again when it flushes at its end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # standard output is not a file of the system
        return


def _trace(session: Session) -> None:
    if session.verbose:
        session.complain(escape_lines(traceback.format_exc()))


def _bug(session: Session, error: Exception) -> Document:
    """Without -v only types and places are printed: a message might name evidence."""
    if session.verbose:
        session.complain(escape_lines(traceback.format_exc()))
    else:
        frames = traceback.extract_tb(error.__traceback__)
        places = [f"  {os.path.basename(f.filename)}:{f.lineno} in {f.name}" for f in frames[-6:]]
        session.complain("\n".join([*places, f"  {type(error).__name__}"]))
    hint = "the places are printed on standard error" + (
        "; please report them" if session.verbose else "; -v prints the whole traceback"
    )
    return error_document("E-BUG", "this is a bug in evidence-vault", hint)


def escape_lines(text: str) -> str:
    """Escape each line for a terminal and keep the lines apart."""
    return "\n".join(escape_for_display(line) for line in text.rstrip("\n").split("\n"))
