"""The only reader of ``vault.toml`` and of the environment.

``vault.toml`` says where things are; nothing in it decides whom we encrypt to or trust.
"""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from evidence_vault.errors import KeyProblem, UsageError

FORMAT = 1
FILE = "vault.toml"
_SETTINGS = frozenset(["format", "log", "plaintext", "archive", "control", "catalogue", "station"])


@dataclass(frozen=True)
class VaultConfig:
    """Where a vault's parts are: paths relative to its folder, or URLs of servers.

    ``log``: number of the current log.

    ``station``: a hint for whoever looks at the folder; the keyring decides.
    """

    log: int
    plaintext: bool
    archive: str = "archive"
    control: str = "control"
    catalogue: str = "catalogue.db"
    station: bool = False


@dataclass(frozen=True)
class Places:
    """The three places of a vault, as ``vault.toml`` names them."""

    archive: str = "archive"
    control: str = "control"
    catalogue: str = "catalogue.db"

    @staticmethod
    def of(config: VaultConfig) -> Places:
        return Places(config.archive, config.control, config.catalogue)

    def put_into(self, config: VaultConfig) -> VaultConfig:
        """``config`` with these places."""
        return replace(config, **asdict(self))

    def told(self) -> dict[str, str]:
        """For the log and for people: without what names credentials."""
        return {name: _without_profile(place) for name, place in asdict(self).items()}


def format_config(config: VaultConfig) -> str:
    """The text of ``vault.toml``; the inverse of :func:`read_config`."""
    return (
        "# Where the parts of this vault are. Keys and recipients are in keyring.age, not here.\n"
        f"format = {FORMAT}\n"
        f"log = {config.log}\n"
        f"plaintext = {str(config.plaintext).lower()}\n"
        f"archive = {_text(config.archive)}\n"
        f"control = {_text(config.control)}\n"
        f"catalogue = {_text(config.catalogue)}\n"
    ) + ("station = true\n" if config.station else "")


def is_url(place: str) -> bool:
    """Whether a place is on a server; else it is a path in the vault's folder."""
    return "://" in place


def _without_profile(place: str) -> str:
    base, question, query = place.partition("?")
    kept = [part for part in query.split("&") if not part.startswith("profile=")]
    return base + question + "&".join(kept) if kept and question else base


def _text(value: str) -> str:
    """A basic string of TOML; JSON's escapes are among TOML's."""
    return json.dumps(value, ensure_ascii=False)


def read_config(folder: Path) -> VaultConfig:
    """Raises UsageError when the folder is no vault, KeyProblem when it is a newer one."""
    path = folder / FILE
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"there is no vault in {folder}",
            code="E-NO-VAULT",
            hint="name it with --vault DIR or EVIDENCE_VAULT, or make one with "
            "`evidence-vault init DIR --org NAME`",
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"{path} can't be read: {error}",
            code="E-CONFIG",
            hint="check the disk; a lost vault.toml can be put back from any copy of the vault",
        ) from error
    if isinstance(value.get("format"), int) and value["format"] > FORMAT:
        raise KeyProblem(
            f"this vault was made by a newer version (format {value['format']})",
            code="E-NEWER",
            hint="install the newest evidence-vault and run the command again",
        )
    try:
        config = VaultConfig(
            value["log"],
            value["plaintext"],
            value["archive"],
            value["control"],
            value["catalogue"],
            value.get("station", False),
        )
    except KeyError as error:
        raise UsageError(f"{path} lacks {error}", code="E-CONFIG") from None
    paths = (config.archive, config.control, config.catalogue)
    good = (
        value.get("format") == FORMAT
        and type(config.log) is int
        and config.log >= 0
        and type(config.plaintext) is bool
        and type(config.station) is bool
        and all(isinstance(path, str) and path for path in paths)
    )
    unknown = sorted(set(value) - _SETTINGS)
    if unknown:
        raise UsageError(
            f"{path} has a setting that is not known: {unknown[0]}",
            code="E-CONFIG",
            hint="somebody may have changed it; put the old file back",
        )
    if not good:
        raise UsageError(f"{path} is damaged", code="E-CONFIG")
    return config


def exiftool_setting() -> str | None:
    """EVIDENCE_VAULT_EXIFTOOL: a program, ``off``, or None to search PATH."""
    return os.environ.get("EVIDENCE_VAULT_EXIFTOOL") or None


def state_folder() -> Path | None:
    """Where pins are copied outside the vault, or None when there is no home folder."""
    named = os.environ.get("EVIDENCE_VAULT_STATE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_STATE_HOME")
    if base:
        return Path(base) / "evidence-vault"
    try:
        return Path.home() / ".local" / "state" / "evidence-vault"
    except RuntimeError:
        return None


def fault_point() -> str | None:
    """EVIDENCE_VAULT_FAULT: the numbered step at which a test wants this process to die."""
    return os.environ.get("EVIDENCE_VAULT_FAULT") or None
