"""key backup and key restore: the recovery file among several people. Neither needs a vault."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evidence_vault import osfiles
from evidence_vault.errors import StoreError, UsageError
from evidence_vault.seal.recovery import Recovery, open_recovery, read_recovery
from evidence_vault.seal.shares import MAX_SHARE_FILE, join_shares, split_recovery
from evidence_vault.vault.files import demand_absent, write_new

_MAX_RECOVERY = 64 * 1024


def backup(
    recovery: Path, out: Path, shares: int, threshold: int, passphrase: Callable[[], str]
) -> dict[str, Any]:
    """Write the shares of a recovery file into a new folder, one text file each.

    The folder gets its name only after the files were read back and each share was used once to
    put the recovery file together. Raises UsageError for numbers that can't be, FormatError for
    another file, KeyProblem for a wrong passphrase, StoreError when the reading back differs.
    """
    osfiles.private_umask()
    demand_absent(out)
    plain = open_recovery(_read(recovery, _MAX_RECOVERY), passphrase)
    texts = split_recovery(plain, shares, threshold)
    width = len(str(shares))
    names = [f"share-{n:0{width}d}-of-{shares}.txt" for n in range(1, shares + 1)]
    temporary = out.with_name(f".{out.name[:200]}.{secrets.token_hex(4)}.partial")
    try:
        temporary.mkdir(mode=0o700)
        for name, text in zip(names, texts, strict=True):
            write_new(temporary / name, text.encode("utf-8"))
        _test_combine(temporary, names, threshold, plain)
        demand_absent(out)
        os.rename(temporary, out)
        osfiles.sync_folder(out.absolute().parent)
    except OSError as error:
        raise StoreError(f"{out} can't be written: {error.strerror}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return {
        "files": [str(out / name) for name in names],
        "folder": str(out),
        "notices": [
            "each file goes to another person or place, and the folder is destroyed when they are "
            "handed over: whoever has all of it has the recovery file",
            "the recovery file itself still opens everything: keep it as safe, or destroy it",
        ],
        "recipient": read_recovery(plain, passphrase).recipient(),
        "shares": shares,
        "threshold": threshold,
    }


def _test_combine(folder: Path, names: Sequence[str], threshold: int, plain: bytes) -> None:
    """Put it together from what was written, each share used at least once."""
    for start in range(0, len(names), threshold):
        chosen = [names[(start + i) % len(names)] for i in range(threshold)]
        written = {name: _read(folder / name, MAX_SHARE_FILE) for name in chosen}
        if join_shares(written) != plain:
            raise StoreError("the shares do not give the recovery file back", code="E-READ-BACK")


def restore(shares: Sequence[Path], out: Path) -> dict[str, Any]:
    """Put a recovery file together from shares, into a new file.

    Raises KeyProblem (E-SHARES) for shares that are too few, mixed or damaged; nothing is written
    then.
    """
    osfiles.private_umask()
    demand_absent(out)
    if len({str(path) for path in shares}) != len(shares):
        raise UsageError("a share file is named twice")
    plain = join_shares({str(path): _read(path, MAX_SHARE_FILE) for path in shares})
    found: Recovery = read_recovery(plain, lambda: "")
    write_new(out, plain)
    return {
        "file": str(out),
        "notices": [f"{out} opens everything in the vault: destroy it when it was used"],
        "recipient": found.recipient(),
        "shares": len(shares),
    }


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    if len(data) > limit:
        raise UsageError(f"{path} is larger than {limit} bytes: it is another file")
    return data
