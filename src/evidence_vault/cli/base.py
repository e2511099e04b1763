"""The classes of our commands: loaded when used, and the same global options on each."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

from evidence_vault import __version__
from evidence_vault.cli.session import Session
from evidence_vault.cli.table import COMMANDS, SECTIONS

_SURROGATES = re.compile("[\ud800-\udfff]")
LANGUAGES = ("en", "my")
_EPILOG = "Options of every command (--vault, --json, --passphrase-file, --by …): see "
_EPILOG += "evidence-vault --help."


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    session = context.find_object(Session)
    if value and session is not None and parameter.name is not None:
        setattr(session, parameter.name, as_text(value) if parameter.name == "by" else value)


def _option(
    names: list[str], help: str, hidden: bool, envvar: str | None = None, **more: Any
) -> click.Option:
    return click.Option(
        names,
        help=help,
        hidden=hidden,
        envvar=None if hidden else envvar,
        show_envvar=envvar is not None,
        expose_value=False,
        callback=_remember,
        **more,
    )


def global_options(hidden: bool) -> list[click.Parameter]:
    """Fresh options that write into the session: in view on the group, hidden on each command.

    Only those of the group read the environment, so that an option beats it wherever it stands.
    """
    return [
        _option(["--vault"], "The vault's folder.", hidden, "EVIDENCE_VAULT", metavar="DIR"),
        _option(["--json"], "One JSON document as the result.", hidden, is_flag=True),
        _option(
            ["--lang"],
            "Language of verification reports: en or my.",
            hidden,
            type=click.Choice(LANGUAGES),
            metavar="LANG",
        ),
        _option(["-q", "--quiet"], "Results and errors only.", hidden, is_flag=True),
        _option(["-v", "--verbose"], "More detail, also of errors.", hidden, is_flag=True),
        _option(
            ["--passphrase-file"],
            "File with the passphrase; else it is asked for on a terminal.",
            hidden,
            "EVIDENCE_VAULT_PASSPHRASE_FILE",
            metavar="FILE",
        ),
        _option(
            ["--by"],
            "Code of who is doing this; never a name.",
            hidden,
            "EVIDENCE_VAULT_BY",
            metavar="CODE",
        ),
    ]


class VaultCommand(click.Command):
    """A command that takes the global options, too."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        named.setdefault("epilog", _EPILOG)
        super().__init__(*positional, **named)
        self.params += global_options(hidden=True)

    def invoke(self, ctx: click.Context) -> Any:
        ctx.params = {name: as_text(value) for name, value in ctx.params.items()}
        return super().invoke(ctx)


class VaultGroup(click.Group):
    """A group below the main one (``log``, ``trust``, ``key``)."""

    command_class = VaultCommand

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        self.params += global_options(hidden=True)


class Lazy(click.Group):
    """The main group: imports a command's module only when that command is used."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.params += global_options(hidden=False)
        self.params.append(_version_option())

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module = import_module(f"evidence_vault.cli.{place.module}")
        command: click.Command = getattr(module, place.attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"there is no command {args[0]!r}{_meant(args[0])}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in SECTIONS:
            with formatter.section(title):
                width = max(map(len, COMMANDS))
                formatter.write_dl([(n.ljust(width), p.help) for n, p in commands.items()])


def command(name: str, **named: Any) -> Callable[[Callable[..., Any]], VaultCommand]:
    """A command of the main group; its first parameter is the :class:`Session`."""

    def decorate(function: Callable[..., Any]) -> VaultCommand:
        made = click.command(name, cls=VaultCommand, **named)(with_session(function))
        assert isinstance(made, VaultCommand)
        return made

    return decorate


with_session = click.make_pass_decorator(Session)


def as_text(value: Any) -> Any:
    """Text arguments as the text that was typed, also where the system's locale is none.

    Python keeps bytes it can't decode as lone surrogates. Paths and everything else stay as they
    are. Raises click.UsageError for what is not UTF-8.
    """
    if isinstance(value, tuple):
        return tuple(as_text(each) for each in value)
    if not isinstance(value, str) or not _SURROGATES.search(value):
        return value
    try:
        return os.fsencode(value).decode("utf-8")
    except UnicodeError:
        raise click.UsageError(f"{value!r} is not UTF-8 text") from None


class RawPath(click.ParamType[bytes]):
    """A path as the bytes that were typed: not looked at, not normalised, UTF-8 or not."""

    name = "path"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        if isinstance(value, bytes):
            return value
        if not value:
            self.fail("an empty path", param, ctx)
        return os.fsencode(value)


RAW_PATH = RawPath()


def _meant(typed: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(typed, COMMANDS, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _version_option() -> click.Option:
    def show(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if value and not context.resilient_parsing:
            click.echo(f"evidence-vault {__version__}")
            context.exit()

    return click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="Show the version.",
    )
