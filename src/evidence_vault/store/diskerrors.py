"""What goes wrong with a disk, in the store's own errors."""

from __future__ import annotations

import errno

from evidence_vault.errors import NotFound, StoreError


class translating:
    """Turns OSError into the store's own errors, naming the key."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise store_error(error, self._key) from error


def store_error(error: OSError, key: str) -> StoreError:
    if error.errno == errno.ENOENT:
        return NotFound(f"{key} is not in the store")
    hint = {
        errno.ENOSPC: "the disk is full: free some space and run the same command again",
        errno.EDQUOT: "the disk quota is used up: free some space and run it again",
        errno.EROFS: "the disk is read-only",
        errno.EACCES: "check who owns the vault's folder",
        errno.EPERM: "check who owns the vault's folder",
    }.get(error.errno or 0, "check the disk, then run `evidence-vault doctor`")
    code = {errno.ENOSPC: "E-DISK-FULL", errno.EDQUOT: "E-DISK-FULL"}.get(error.errno or 0)
    return StoreError(f"store: {error.strerror or error} ({key})", code=code, hint=hint)
