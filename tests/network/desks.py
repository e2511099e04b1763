"""Real vaults of a network, run through the command line."""

from __future__ import annotations

import io
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema

from evidence_vault.cli.main import run
from evidence_vault.core.trustsigned import Signed, parse_chain
from evidence_vault.seal.keyring import WitnessKeys
from evidence_vault.vault.creation import replace_keyring
from evidence_vault.vault.opening import Vault, open_vault

SCHEMAS = Path(__file__).resolve().parent.parent.parent / "schemas" / "cli"
PASSPHRASE = "correct horse battery staple"


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document


def call(*arguments: object) -> Result:
    """One command line in this process; standard input is no terminal."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with (
        mock.patch("sys.stdout", out),
        mock.patch("sys.stderr", err),
        mock.patch("sys.stdin", io.StringIO()),
    ):
        status = run([os.fsdecode(a) if isinstance(a, os.PathLike) else str(a) for a in arguments])
    texts = []
    for stream in (out, err):
        stream.flush()
        raw = stream.buffer
        assert isinstance(raw, io.BytesIO)
        texts.append(raw.getvalue().decode("utf-8"))
    return Result(status, texts[0], texts[1])


def good(result: Result, status: int = 0) -> Result:
    assert result.status == status, f"{result.status}: {result.err}{result.out}"
    return result


def checked(name: str, result: Result, status: int = 0) -> dict[str, Any]:
    """The document of a --json run, after its schema."""
    document = good(result, status).json()
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(document)
    return document


@dataclass(frozen=True)
class Desk:
    """A vault of one organisation, with its recovery file and next root key beside it."""

    base: Path
    name: str

    @property
    def vault(self) -> Path:
        return self.base / self.name / "vault"

    @property
    def recovery(self) -> Path:
        return self.base / self.name / "recovery.txt"

    @property
    def next_root(self) -> Path:
        return self.base / self.name / "next-root.txt"

    def file(self, name: str) -> Path:
        return self.base / self.name / name

    def call(self, *arguments: object) -> Result:
        passphrase = self.file("passphrase")
        return call("--vault", self.vault, "--passphrase-file", passphrase, *arguments)

    def open(self) -> Vault:
        return open_vault(self.vault, lambda: PASSPHRASE)

    def entry(self, name: str = "entry.json", *more: object) -> Path:
        """The entry for a document, made now."""
        out = self.file(name)
        options = more or ("--next", self.next_root)
        checked(
            "trust-network-entry",
            self.call("trust", "network", "entry", *options, "-o", out, "--json"),
        )
        return out

    def sign(self, draft: Path, root: Path | None = None, *more: object) -> Path:
        out = self.file(f"signed-{secrets.token_hex(4)}.json")
        good(call("trust", "network", "sign", draft, "--recovery", root or self.recovery, *more,
                  "-o", out))  # fmt: skip
        return out

    def export(self, name: str) -> Path:
        out = self.file(name)
        checked("trust-export", self.call("trust", "export", "-o", out, "--json"))
        return out


def make_desk(base: Path, name: str) -> Desk:
    """A vault that has countersigner keys."""
    desk = Desk(base, name)
    (base / name).mkdir()
    desk.file("passphrase").write_text(PASSPHRASE + "\n")
    good(desk.call("init", desk.vault, "--org", name, "--recovery", desk.recovery, "--by", "d"))
    with desk.open() as vault:
        word = f"lamp-{secrets.token_hex(4)}"
        keys = WitnessKeys(word, secrets.token_bytes(32), secrets.token_bytes(32))
        replace_keyring(vault, replace(vault.keyring, witness=keys), PASSPHRASE)
    return desk


def agree(
    base: Path,
    draft: Path,
    desks: Sequence[Desk],
    name: str,
    previous: Path | None = None,
) -> Path:
    """A draft signed by every desk and put together; checks that it is complete."""
    more = () if previous is None else ("--previous", previous)
    signed = [desk.sign(draft, None, *more) for desk in desks]
    out = base / name
    merged = call("trust", "network", "merge", *signed, *more, "-o", out, "--json")
    assert checked("trust-network-merge", merged)["complete"]
    return out


def newest(path: Path) -> Signed:
    return parse_chain(path.read_bytes())[-1]


def words(path: Path) -> str:
    """What one holder reads to another."""
    shown = checked("trust-network-show", call("trust", "network", "show", path, "--json"))
    return " ".join(shown["words"])
