"""``doctor``, the stores: buckets, locks, and whatever was left half done in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

from evidence_vault.errors import NotFound, StoreError, VaultError
from evidence_vault.vault.countersigning import posix
from evidence_vault.vault.handovers import REMOVED
from evidence_vault.vault.mending import NOTE
from evidence_vault.vault.opening import Vault

_SOON = 90 * 24 * 3600  # seconds


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
    for look in (_behind, _left_half_done, _locks):
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
    for index in vault.catalogue.indexes_of((REMOVED,)):
        if not _is_there(vault, f"removed/{index}"):
            said = (
                f"a removal is logged (entry {index}) and not finished: some bytes are still here"
            )
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


def _locks(vault: Vault) -> Iterator[Seen]:
    """Locks that end within three months, as they are recorded."""
    if not vault.archive.locks:
        return
    ends = cast(Any, vault.catalogue).lock_ends()
    now = posix(vault.clock.now())
    soon = [(until, count) for until, count in ends if posix(until) - now < _SOON]
    count = sum(each[1] for each in soon)
    if not ends:
        yield Seen("locks", None, "no lock of any object is recorded", "evidence-vault rebuild")
    elif count:
        said = f"the locks of {count} objects end within 90 days, the first on {soon[0][0]}"
        yield Seen("locks", False, said, "evidence-vault retention set --all --until DATE")
    else:
        yield Seen("locks", True, f"the first lock ends on {ends[0][0]}")
