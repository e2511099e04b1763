"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from evidence_vault.core.fields import FIELDS, parse_fields

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

#: A path that is not looked at while the command line is read.
PATH = click.Path(path_type=Path, readable=False)


def out_option(help: str) -> Callable[[Decorated], Decorated]:
    """``-o``, required; the named thing must not exist yet."""
    return click.option("-o", "--out", "out", type=PATH, required=True, metavar="OUT", help=help)


def field_options(function: Decorated) -> Decorated:
    """One option for each descriptive field, in their order."""
    for field in reversed(FIELDS.values()):
        several = " May stand several times." if field.multiple else ""
        function = click.option(
            "--" + field.name.replace("_", "-"),
            field.name,
            multiple=field.multiple,
            metavar="TEXT",
            help=field.help + "." + several,
        )(function)
    return function


def given_fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """The parsed values of the field options that were given. Raises UsageError."""
    given: dict[str, str | list[str]] = {}
    for name in FIELDS:
        value = options.get(name)
        if isinstance(value, tuple) and value:
            given[name] = list(value)
        elif isinstance(value, str):
            given[name] = value
    return parse_fields(given)


def purpose_option(function: Decorated) -> Decorated:
    """``--purpose``: stands in the custody record."""
    return click.option("--purpose", metavar="TEXT", help="Why; stands in the record.")(function)


def disclose_option(function: Decorated) -> Decorated:
    """``--disclose``, several times or parted by commas."""
    return click.option(
        "--disclose",
        multiple=True,
        metavar="FIELDS",
        help="Fields to reveal, parted by commas, or 'all'. Without it only digests, size and "
        "type are revealed.",
    )(function)


def field_names(disclose: tuple[str, ...]) -> list[str]:
    """``--disclose a,b --disclose source-code`` as field names."""
    names = [name.strip() for each in disclose for name in each.split(",")]
    return [name.replace("-", "_") for name in names if name]
