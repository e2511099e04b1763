"""What ``doctor`` says of holds, of retention that ends soon, and of what waits for a lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evidence_vault.errors import NotFound, VaultError
from evidence_vault.vault.holdkeeping import ADDING
from evidence_vault.vault.holdpage import read_page
from evidence_vault.vault.holds import copies_problem, kept_of
from evidence_vault.vault.locks import each_or_error, later, lock_of
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.removing import waiting_removals
from evidence_vault.vault.retention import SOON_DAYS

LOOKED_AT = 200  # held items, the newest: a doctor's visit is short
_NAMED = 5
_ANY = "evidence-vault log checkpoint"


@dataclass(frozen=True)
class Note:
    """``good``: True, False, or None where it could not be checked."""

    name: str
    good: bool | None
    detail: str
    command: str = ""


def hold_notes(vault: Vault) -> Iterator[Note]:
    """Raises VaultError where the state can't be read at all."""
    yield from _unfinished(vault)
    yield from _held(vault)
    yield from _ending(vault)
    waiting = waiting_removals(vault)
    if waiting.locked:
        late = waiting.until is not None and waiting.until <= vault.clock.now()
        detail = (
            f"{waiting.locked} objects of removed items are still stored, locked until "
            f"{waiting.until or 'their legal hold is taken off'}; nobody can read them"
        )
        yield Note("removed items", not late, detail, _ANY if late else "")


def _unfinished(vault: Vault) -> Iterator[Note]:
    page = read_page(vault)
    if page.empty:
        return
    begun = page.begun
    if begun is not None:
        detail = (
            f"a hold was begun ({begun.kind}) on {len(begun.items)} items and not finished: "
            f"{_few(begun.items)}; what the log does not say is undone"
        )
    else:
        detail = (
            f"released, and not gone yet: {len(page.off)} legal holds and {len(page.doomed)} "
            "copies of headers"
        )
    yield Note("holds not finished", False, detail, _ANY)


def _held(vault: Vault) -> Iterator[Note]:
    items = vault.catalogue.held_ids()
    if not items:
        yield Note("holds", True, "no item is under a legal hold")
        return
    due = sorted({item for _, item in vault.catalogue.not_covered(ADDING)})
    if due:
        detail = f"something came to held items and is not on hold yet: {_few(due)}"
        yield Note("holds", False, detail, "evidence-vault fixity " + " ".join(due[:_NAMED]))
    some = items[-LOOKED_AT:]
    wrong, unsure = _look(vault, some)
    for found, good in ((wrong, False), (unsure, None)):
        if found:
            told = "; ".join(f"{item}: {why}" for item, why in sorted(found.items())[:_NAMED])
            more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            way = f"evidence-vault hold place {min(found)} --reason TEXT"
            yield Note("holds", good, f"held in the log, not in the store: {told}{more}", way)
    if not (due or wrong or unsure):
        rest = f"; {len(some)} of them looked at" if len(some) < len(items) else ""
        yield Note("holds", True, f"{len(items)} items under hold, as the log says{rest}")


def _look(vault: Vault, items: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """(what is wrong, what could not be checked) by item."""
    wrong: dict[str, str] = {}
    unsure: dict[str, str] = {}
    for row in vault.catalogue.hold_rows(items=items):
        if row.released is None:
            for item, why in copies_problem(vault, row.hold, [row.id]).items():
                (unsure if why.startswith("could not") else wrong).setdefault(item, why)
    if not vault.archive.locks:
        return wrong, unsure
    for item in items:
        digests = kept_of(vault, item).objects()
        placed = vault.catalogue.placed(digests)
        if len(placed) < len(digests):
            wrong.setdefault(item, "the version of an object is not recorded")
        for lock in each_or_error(lambda one: lock_of(vault, one), list(placed.values())):
            if isinstance(lock, NotFound):
                wrong.setdefault(item, "an object is gone")
            elif isinstance(lock, VaultError):
                unsure.setdefault(item, f"could not be checked: {lock.message}")
            elif not lock.hold:
                wrong.setdefault(item, "an object is without its legal hold")
    return wrong, unsure


def _ending(vault: Vault) -> Iterator[Note]:
    now = vault.clock.now()
    soon = later(now, days=SOON_DAYS)
    rows = vault.catalogue.retentions_ending(soon, after=now)
    # What an archive answered that the vault was moved away from holds nothing any more.
    locks = vault.catalogue.locks_ending(soon) if vault.archive.locks else {}
    way = f"evidence-vault retention list --ending {SOON_DAYS}"
    if rows:
        detail = (
            f"{len(rows)} items are kept for less than {SOON_DAYS} days more, the first until "
            f"{rows[0].until}"
        )
        yield Note("retention", False, detail, way)
    if locks:
        over = sum(until <= now for until in locks.values())
        detail = (
            f"the locks of {len(locks)} stored objects end within {SOON_DAYS} days, "
            f"{over} have ended"
        )
        yield Note("locks", False, detail, way + ", then retention set --all --until DATE")


def _few(items: Sequence[str]) -> str:
    more = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return ", ".join(items[:_NAMED]) + more
