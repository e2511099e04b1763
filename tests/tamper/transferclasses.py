"""Classes of the tamper table about items that were taken over from another vault."""

from __future__ import annotations

from collections.abc import Iterator

from tests.tamper.classes import tampers
from tests.tamper.world import Case, Small

from evidence_vault.core.receipt import format_receipt

_TAKEN = "transfer-accepted"


@tampers("nothing (items taken over from another vault)", good=True)
def taken_over() -> Iterator[Case]:
    for count in (1, 3):
        world = Small.make(items=count, arrival=_TAKEN)
        yield from world.whole(f"{count} taken over")
        original = world.maker.contents[world.items[0]]
        data = format_receipt(world.receipt())
        yield Case("with its file", receipt=data, trust=world.trust, original=original)


@tampers("another file shown as the one that was taken over")
def taken_over_other_file() -> Iterator[Case]:
    world = Small.make(items=2, arrival=_TAKEN)
    data = format_receipt(world.receipt())
    right = world.maker.contents[world.items[0]]
    other = world.maker.contents[world.items[1]]
    for name, original in (("another item's", other), ("cut", right[:-1]), ("empty", b"")):
        yield Case(name, receipt=data, trust=world.trust, original=original)


@tampers("an item that comes in twice: taken in and taken over")
def arrived_twice() -> Iterator[Case]:
    for first, second in (("ingested", _TAKEN), (_TAKEN, "ingested"), (_TAKEN, _TAKEN)):

        def again(world: Small, kind: str = second) -> None:
            world.maker.about(world.items[0], kind, {})

        yield from Small.make(arrival=first, then=again).whole(f"{first}, then {second}")
