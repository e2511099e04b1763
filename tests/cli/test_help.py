"""Every command and every option of the synopsis is there, and nothing that does not work."""

from __future__ import annotations

import click
import pytest

from evidence_vault.cli.main import group
from evidence_vault.cli.table import COMMANDS
from evidence_vault.core.fields import FIELDS

from .runner import SCHEMAS, call, spawn

FIELD_OPTIONS = ["--" + name.replace("_", "-") for name in FIELDS]

# The synopsis: each command with its options.
OPTIONS: dict[tuple[str, ...], list[str]] = {
    ("init",): [
        *("--org", "--prefix", "--origin", "--recovery", "--no-recovery", "--plaintext"),
        *("--station", "--fingerprint", "--store", "--database"),
    ],
    ("ingest",): [
        *("--sheet", "--sheet-template", "--metadata", "--dry-run", "--trust", "--as-files"),
        *FIELD_OPTIONS,
    ],
    ("describe",): ["--sheet", *FIELD_OPTIONS],
    ("link",): ["--purpose"],
    ("unlink",): ["--purpose"],
    ("list",): ["--held", "--limit", "--offset"],
    ("show",): [],
    ("history",): [],
    ("search",): ["--digest", "--name", "--date", "--source-code", "--case", "--accession"],
    ("derive",): ["--share-copy", "--search-copy", "--check", "--purpose"],
    ("get",): ["-o", "--share-copy", "--purpose"],
    ("receipt",): ["-o", "--disclose", "--purpose"],
    ("report",): ["-o", "--disclose", "--purpose"],
    ("certificate",): ["-o", "--original", "--name-org", "--purpose"],
    ("verify",): ["--trust", "--expect"],
    ("open",): ["-o", "--identity", "--verify", "--trust", "--expect"],
    ("bundle", "diff"): ["--trust"],
    ("bundle", "pick"): ["-o", "--trust"],
    ("export",): [
        *("--all", "--case", "--query", "--for", "--originals", "--disclose", "--to", "--clear"),
        *(
            "--export-passphrase-file",
            "--folder",
            "--trust-documents",
            "--recipient-name",
            "--purpose",
            "-o",
        ),
        *("--volume-size", "--no-thumbnails", "--contact", "--agreement", "--condition"),
        *("--dry-run", "--resume", "--abandon"),
    ],
    ("exports",): ["--item", "--items", "--csv"],
    ("fixity",): [
        "--all",
        "--locks",
        "--repair",
        "--repair-from",
        "--sample",
        "--since",
        "--slice",
    ],
    ("log", "checkpoint"): ["--expect"],
    ("log", "status"): [],
    ("log", "anchor"): ["--beacon", "--round", "--value"],
    ("log", "prove"): ["--index", "--old-size", "-o"],
    ("log", "audit"): [],
    ("log", "compare"): ["--trust"],
    ("witness", "init"): ["--name"],
    ("witness", "add"): ["--url", "--quorum"],
    ("witness", "request"): ["--for", "--old", "-o"],
    ("witness", "cosign"): ["-o"],
    ("witness", "import"): [],
    ("witness", "ask"): ["--for"],
    ("witness", "serve"): ["--host", "--port"],
    ("witness", "status"): [],
    ("log", "succeed"): ["--recovery", "--reason"],
    ("trust", "export"): ["-o", "--verifier", "--print"],
    ("trust", "show"): [],
    ("timestamp", "add"): ["--root", "--login-file"],
    ("timestamp", "remove"): [],
    ("timestamp", "stamp"): ["--size", "--timeout"],
    ("timestamp", "request"): ["-o", "--size", "--authority", "--renew"],
    ("timestamp", "import"): ["--authority", "--size"],
    ("timestamp", "status"): [],
    ("timestamp", "verify"): [],
    ("timestamp", "renew"): ["--size", "--timeout"],
    ("trust", "update"): ["--fingerprint", "-o"],
    ("trust", "network", "entry"): ["--next", "--root", "-o"],
    ("trust", "network", "new"): ["--threshold", "--quorum", "--authority", "-o"],
    ("trust", "network", "sign"): ["--recovery", "--previous", "-o"],
    ("trust", "network", "merge"): ["--previous", "-o"],
    ("trust", "network", "next"): [
        *("--add", "--replace", "--remove", "--retire", "--threshold", "--quorum", "--authority"),
        *("--drop-authority", "-o"),
    ],
    ("trust", "network", "accept"): ["--fingerprint", "--purpose"],
    ("trust", "network", "show"): [],
    ("key", "card"): ["-o"],
    ("key", "passphrase"): ["--new-passphrase-file"],
    ("key", "list"): [],
    ("key", "enrol"): ["--role", "--recovery", "--recovery-passphrase-file", "--purpose"],
    ("key", "rotate"): ["--role", "--recovery", "--recovery-passphrase-file", "--purpose"],
    ("key", "revoke"): ["--last-good", "--reason", "--recovery", "--yes", "--purpose"],
    ("key", "backup"): ["--recovery", "--shares", "--threshold", "-o"],
    ("key", "restore"): ["-o"],
    ("key", "grant"): ["--name", "--purpose"],
    ("key", "withdraw"): ["--purpose"],
    ("transfer", "pin"): [],
    ("transfer", "offer"): ["--all", "--to", "-o", "--purpose"],
    ("transfer", "accept"): ["-o"],
    ("transfer", "acknowledge"): [],
    ("transfer", "remove"): ["--all-acknowledged", "--yes", "--purpose"],
    ("transfer", "list"): [],
    ("hold", "place"): ["--case", "--query", "--reason"],
    ("hold", "release"): ["--reason"],
    ("hold", "list"): ["--all"],
    ("retention", "set"): ["--case", "--all", "--until", "--mode", "--reason"],
    ("retention", "list"): ["--ending"],
    ("replica", "add"): ["--part", "--reason"],
    ("replica", "sync"): ["--whole", "--adopt"],
    ("replica", "status"): [],
    ("replica", "verify"): ["--all", "--sample"],
    ("replica", "retire"): ["--reason"],
    ("replica", "update"): ["-o", "--whole"],
    ("replica", "keep"): ["--trust", "-o"],
    ("replica", "acknowledge"): [],
    ("replica", "restore"): ["--recovery", "--keyring", "--control", "--expect"],
    ("rebuild",): ["--recovery", "--expect", "--no-index"],
    ("migrate",): [
        *("--store", "--folder", "--database", "--sqlite", "--schema", "--purpose", "--dry-run"),
    ],
    ("doctor",): [],
    ("demo",): [],
}
GLOBALS = ["--vault", "--json", "--lang", "-q", "-v", "--passphrase-file", "--by"]


def commands() -> dict[tuple[str, ...], click.Command]:
    """Every command that does something, by its words."""
    found: dict[tuple[str, ...], click.Command] = {}
    context = click.Context(group)
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        found.update(below((name,), command))
    return found


def below(words: tuple[str, ...], command: click.Command) -> dict[tuple[str, ...], click.Command]:
    """A command by its words, or those of a group, however deep."""
    if not isinstance(command, click.Group):
        return {words: command}
    found: dict[tuple[str, ...], click.Command] = {}
    for name, each in command.commands.items():
        found.update(below((*words, name), each))
    return found


def test_commands_are_those_of_the_synopsis() -> None:
    assert set(commands()) == set(OPTIONS)


@pytest.mark.parametrize("words", OPTIONS, ids=" ".join)
def test_help_shows_every_option(words: tuple[str, ...]) -> None:
    shown = call(*words, "--help")
    assert shown.status == 0
    assert shown.err == ""
    options = {option for each in commands()[words].params for option in each.opts}
    for option in OPTIONS[words]:
        assert option in options
        assert option in shown.out


@pytest.mark.parametrize("words", OPTIONS, ids=" ".join)
def test_every_command_takes_the_global_options(words: tuple[str, ...]) -> None:
    options = {option for each in commands()[words].params for option in each.opts}
    assert set(GLOBALS) <= options


@pytest.mark.parametrize("words", OPTIONS, ids=" ".join)
def test_every_command_has_a_schema(words: tuple[str, ...]) -> None:
    assert (SCHEMAS / f"{'-'.join(words)}.json").is_file()


def test_every_schema_belongs_to_a_command() -> None:
    expected = {"-".join(words) for words in OPTIONS} | {
        "error",
        "ingest-sheet-template",
        "derive-check",
        "export-abandon",
        "export-dry-run",
    }
    assert {path.stem for path in SCHEMAS.glob("*.json")} == expected


def test_main_help_names_every_command_and_global_option() -> None:
    shown = spawn("--help")
    assert shown.status == 0
    for name in [*COMMANDS, *GLOBALS]:
        assert name in shown.out


def test_later_options_are_not_offered_yet() -> None:
    for option in ("--station", "--store", "--database"):
        assert call("init", "x", "--org", "O", option).status == 2


def test_version() -> None:
    from evidence_vault import __version__

    assert call("--version").out == f"evidence-vault {__version__}\n"
