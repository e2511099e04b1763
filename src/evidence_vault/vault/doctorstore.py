"""``doctor``, the stores: buckets, locks, and whatever was left half done in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

from evidence_vault.errors import NotFound, StoreError, VaultError
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.removing import unfinished_removals
from evidence_vault.vault.repairnote import NOTE


class Seen(NamedTuple):
    """``good``: None where it could not be found out. ``command``: what mends it."""

    name: str
    good: bool | None
    detail: str
    command: str = ""


@runtime_checkable
class _Bucket(Protocol):
    def examine(self, root: str) -> list[Any]: ...

    def same_user(self, other: Any) -> bool: ...


def storage(vault: Vault) -> Iterator[Seen]:
    """What is wrong with the two roots, or was left half done; asks servers a few questions."""
    for name, store in (("archive", vault.archive), ("control", vault.control)):
        if isinstance(store, _Bucket):
            try:
                yield from (Seen(*told) for told in store.examine(name))
            except StoreError as error:
                yield Seen(f"{name}: reached", None, error.message, error.hint)
    yield from _credentials(vault)
    for look in (_behind, _left_half_done):
        try:
            yield from look(vault)
        except VaultError as error:
            yield Seen("what was left half done", None, error.message, error.hint)


def _credentials(vault: Vault) -> Iterator[Seen]:
    archive, control = vault.archive, vault.control
    if not (isinstance(archive, _Bucket) and isinstance(control, _Bucket)):
        return
    name = "credentials"
    try:
        same = archive.same_user(control)
    except StoreError as error:
        yield Seen(name, None, error.message, error.hint)
        return
    if same:
        said = "archive/ and control/ use the same ones: whoever has them can delete every header"
        yield Seen(name, False, said, "make a second user, and name its profile in vault.toml")
    else:
        yield Seen(name, True, "archive/ and control/ use different ones")


def _behind(vault: Vault) -> Iterator[Seen]:
    known = vault.catalogue.frontier().size
    try:
        vault.log.commit(known)
    except NotFound:
        return
    said = f"entries from {known} on are committed and not in the catalogue yet"
    yield Seen("catalogue", False, said, "evidence-vault log checkpoint")


def _left_half_done(vault: Vault) -> Iterator[Seen]:
    """Removals and repairs that were interrupted."""
    for number, index in unfinished_removals(vault):
        where = f"entry {index}" if number == vault.config.log else f"log {number}, entry {index}"
        said = f"a removal is logged ({where}) and not finished: some bytes are still here"
        yield Seen("removal", False, said, "evidence-vault log checkpoint")
    if _is_there(vault, NOTE):
        said = "a repair was interrupted: what it mended is not recorded yet"
        yield Seen("repair", False, said, "evidence-vault fixity --all --repair")


def _is_there(vault: Vault, key: str) -> bool:
    try:
        vault.control.open(key).close()
    except NotFound:
        return False
    return True
