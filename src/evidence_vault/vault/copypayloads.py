"""Payload objects copied from one store to another: hashed as they go, read back, side by side.

A block of each object is in memory at a time; what is on its way lies in the target's spool, at
most ``_GROUP_BYTES`` and one object of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from evidence_vault.errors import Locked, NotFound, StoreError, VaultError
from evidence_vault.prove.objects import ObjectCheck, check_object
from evidence_vault.store.naming import object_key
from evidence_vault.store.opening import Store
from evidence_vault.vault.faults import step

_BLOCK = 1 << 20
_GROUP, _GROUP_BYTES = 64, 256 << 20
_AHEAD = 4  # objects waiting for each thread


@dataclass(frozen=True)
class Copied:
    """``problem``: empty when the object is in the target, read back; ``size``: bytes copied, 0
    where it was there; ``healed``: other bytes lay under its name in the target."""

    digest: str
    problem: str = ""
    size: int = 0
    healed: bool = False


@dataclass(frozen=True)
class _Staged:
    done: Copied
    parts: tuple[tuple[str, str], ...] = ()


def copy_objects(
    open_object: Callable[[str], BinaryIO],
    target: Store,
    digests: Iterable[str],
    threads: int,
) -> Iterator[Copied]:
    """Copy what the target lacks; durable when the last was given back.

    What can't be read at the source, or is not what its name says, is a ``problem`` and is not
    copied. Raises StoreError where the target can't be written.
    """
    target.spool.session_folder()
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[_Staged]] = deque()
        staged: list[_Staged] = []
        size = 0
        for digest in digests:
            waiting.append(pool.submit(_stage, open_object, target, digest))
            if len(waiting) < threads * _AHEAD:
                continue
            staged.append(waiting.popleft().result())
            size += staged[-1].done.size
            if len(staged) >= _GROUP or size >= _GROUP_BYTES:
                yield from _adopt(target, staged, pool)
                staged, size = [], 0
        while waiting:
            staged.append(waiting.popleft().result())
        yield from _adopt(target, staged, pool)


def _stage(open_object: Callable[[str], BinaryIO], target: Store, digest: str) -> _Staged:
    found = check_object(target, ObjectCheck("", digest, object_key(digest)))
    if not found.finding:
        return _Staged(Copied(digest))
    if found.finding.startswith("could not be checked"):
        raise StoreError(f"{digest}: {found.finding}", code="E-REPLICA-UNREADABLE")
    size, problem = 0, ""
    with target.stage() as parts:
        for block in _blocks(open_object, digest):
            if isinstance(block, str):
                problem = block
                break
            parts.write(block)
            size += len(block)
        names = parts.close() if not problem else ()
    if not problem and names != (digest,):
        problem = "bytes changed: found " + ", ".join(names)
    if problem:
        parts.discard()
        return _Staged(Copied(digest, problem))
    changed = found.finding != "object missing"
    return _Staged(Copied(digest, "", size, changed), tuple(parts.handle()))


def _blocks(open_object: Callable[[str], BinaryIO], digest: str) -> Iterator[bytes | str]:
    """The object's bytes, or why they can't be read, as text, last."""
    try:
        with open_object(digest) as stream:
            while block := stream.read(_BLOCK):
                yield block
    except NotFound:
        yield "object missing"
    except (VaultError, OSError) as error:
        yield f"could not be read: {error}"


def _adopt(target: Store, staged: list[_Staged], pool: ThreadPoolExecutor) -> list[Copied]:
    for each in staged:
        if each.done.healed:  # bytes that are not what their name says
            with suppress(NotFound, Locked):  # locked: the right bytes come to lie over it
                target.delete(object_key(each.done.digest))
    parts = [part for each in staged for part in each.parts]
    if parts:
        target.adopt(parts)
        step("replica-adopted")
        target.flush()
    fresh = [each.done.digest for each in staged if each.parts]
    back = dict(zip(fresh, pool.map(lambda d: _read_back(target, d), fresh), strict=True))
    for problem in back.values():
        if problem:
            raise StoreError(problem, code="E-READ-BACK", hint="the medium may be failing")
    return [each.done for each in staged]


def _read_back(target: Store, digest: str) -> str:
    found = check_object(target, ObjectCheck("", digest, object_key(digest)))
    return f"{digest} was not stored as written: {found.finding}" if found.finding else ""
