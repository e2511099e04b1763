"""The classes of the tamper table: every kind of change that somebody might make, by name.

A class is a function that yields cases, entered with ``@tampers("what is done")``. It is put into
the table, and into the tests, by being here or in another module that ``table.MODULES`` names. A
class that can't be tried yet is entered with ``absent``, so that the table says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from tests.tamper.world import Case, Small

from evidence_vault.core.bagtext import STATEMENT
from evidence_vault.core.receipt import format_receipt

Makes = Callable[[], Iterator[Case]]

RIGHT, WRONG, OPEN = "right", "wrong", "could not be checked"


@dataclass(frozen=True)
class TamperClass:
    """``wanted``: what both verifiers must say. ``flips``: so many cases that a verifier may be
    given a part of them. ``absent``: why nothing is tried."""

    title: str
    make: Makes | None
    wanted: str = WRONG
    flips: bool = False
    absent: str = ""

    @property
    def good(self) -> bool:
        """Nothing is tampered with, so any finding is a false alarm."""
        return self.wanted == RIGHT


REGISTRY: dict[str, TamperClass] = {}


def tampers(
    title: str, *, good: bool = False, flips: bool = False, wanted: str = WRONG
) -> Callable[[Makes], Makes]:
    """Enter a class under the name of the function that makes its cases."""

    def enter(make: Makes) -> Makes:
        name = make.__name__
        assert name not in REGISTRY
        REGISTRY[name] = TamperClass(title, make, RIGHT if good else wanted, flips)
        return make

    return enter


def absent(name: str, title: str, reason: str) -> None:
    """Enter a class that can't be tried yet."""
    REGISTRY[name] = TamperClass(title, None, absent=reason)


# ---- good ones -------------------------------------------------------------------------------


@tampers("nothing (good bundles and receipts of many shapes)", good=True)
def untouched() -> Iterator[Case]:
    for count in (1, 2, 3, 5, 9):
        world = Small.make(items=count, then=_fixity)
        yield from world.whole(f"{count} items")
        bundle_id = world.statement.bundle_id
        yield Case("announced", files=world.files, trust=world.trust, expect=bundle_id)
        original = world.maker.contents[world.items[0]]
        data = format_receipt(world.receipt())
        yield Case("with its file", receipt=data, trust=world.trust, original=original)
        vault = format_receipt(world.maker.receipt(None))
        yield Case("about the vault", receipt=vault, trust=world.trust)
    for number, other in enumerate(({"originals": False}, {"withheld": ["QVRM-0000002"]})):
        world = Small.make(items=3)
        # Spoiled on purpose, or keywords of several types.
        files = world.maker.bundle(world.items, **other)  # type: ignore[arg-type]
        yield Case(f"shape {number}", files=files, trust=world.trust)
    junk = {".DS_Store": b"x", "data/Thumbs.db": b"x", "__MACOSX/data/._x": b"x"}
    world = Small.make()
    yield Case("what systems add", files={**world.files, **junk}, trust=world.trust)


def _fixity(world: Small) -> None:
    world.maker.about_set(world.items, "fixity-checked", {"actor": "desk-1", "method": "sha256"})


# ---- files -----------------------------------------------------------------------------------


def _flipped(data: bytes) -> Iterator[tuple[int, bytes]]:
    for place in range(len(data)):
        yield place, data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@tampers("one byte flipped, each byte of a small bundle in turn", flips=True)
def bundle_bytes() -> Iterator[Case]:
    world = Small.make()
    for path, data in sorted(world.files.items()):
        for place, bad in _flipped(data):
            yield Case(f"{path} {place}", files={**world.files, path: bad}, trust=world.trust)


@tampers("one byte flipped, each byte of a receipt in turn", flips=True)
def receipt_bytes() -> Iterator[Case]:
    world = Small.make()
    for place, bad in _flipped(format_receipt(world.receipt())):
        yield Case(f"byte {place}", receipt=bad, trust=world.trust)


def _each_file(change: Callable[[dict[str, bytes], str], object]) -> Iterator[Case]:
    world = Small.make(items=2, then=_fixity)
    for path in sorted(world.files):
        files = dict(world.files)
        change(files, path)
        yield Case(path, files=files, trust=world.trust)


@tampers("a file dropped")
def files_dropped() -> Iterator[Case]:
    return _each_file(lambda files, path: files.pop(path))


@tampers("a file emptied")
def files_emptied() -> Iterator[Case]:
    return _each_file(lambda files, path: files.update({path: b""}))


@tampers("a file cut by its last byte, or grown by a line feed")
def files_cut() -> Iterator[Case]:
    yield from _each_file(lambda files, path: files.update({path: files[path][:-1]}))
    yield from _each_file(lambda files, path: files.update({path: files[path] + b"\n"}))


@tampers("a file duplicated under another name")
def files_duplicated() -> Iterator[Case]:
    yield from _each_file(lambda files, path: files.update({path + ".copy": files[path]}))
    yield from _each_file(lambda files, path: files.update({"data/0-copy": files[path]}))


@tampers("a file renamed")
def files_renamed() -> Iterator[Case]:
    yield from _each_file(lambda files, path: files.update({path + "x": files.pop(path)}))
    yield from _each_file(lambda files, path: files.update({"data/0-moved": files.pop(path)}))


@tampers("two files exchanged")
def files_exchanged() -> Iterator[Case]:
    world = Small.make(items=2)
    paths = sorted(world.files)
    for one, two in pairwise(paths):
        if world.files[one] != world.files[two]:
            files = {**world.files, one: world.files[two], two: world.files[one]}
            yield Case(f"{one}, {two}", files=files, trust=world.trust)


@tampers("a file or folder added")
def files_added() -> Iterator[Case]:
    world = Small.make()
    names: tuple[str, ...] = ("README", ".hidden", "data/more.bin", "keys/a.pem")
    names += ("receipts/QVRM-0000009.txt", "a b", "-rf", "data/x\ny", "data/\x1b[2J")
    names += ("INDEX.CSV", "a/b/c/d", "trust.json")
    for name in names:
        files = {**world.files, name: b"more"}
        yield Case(repr(name), files=files, trust=world.trust)
    for folder in ("more", "data/more", "receipts/a/b"):
        yield Case(folder, files=world.files, trust=world.trust, folders=(folder,))
    for name in ("trust.json", "receipts/trust.txt"):
        files = world.relisted({name: world.trust})
        yield Case(f"{name} listed anew", files=files, trust=world.trust)


@tampers("an original exchanged, all lists and signatures made anew by the statements key")
def originals_exchanged() -> Iterator[Case]:
    world = Small.make(items=2)
    one, two = (f"data/{item}.bin" for item in world.items)
    swapped = {one: world.files[two], two: world.files[one]}
    for change in ({one: b"another"}, {two: b""}, swapped):
        yield Case(str(sorted(change)), files=world.relisted(change), trust=world.trust)


# ---- entries ---------------------------------------------------------------------------------


def _rearranged(change: Callable[[tuple[object, ...], int], tuple[object, ...]]) -> Iterator[Case]:
    world = Small.make(items=2, then=_fixity)
    receipt = world.receipt()
    for place in range(len(receipt.events)):
        events = change(receipt.events, place)
        if events == receipt.events[:-1]:
            # A receipt without its last entries is an earlier receipt: that nothing follows is what
            # none can show. In a bundle the statement says how many there must be.
            data = format_receipt(replace(receipt, events=receipt.events[:-1]))
            files = world.relisted({world.path(): data})
            yield Case("the last entry", files=files, trust=world.trust)
        elif events and events != receipt.events:
            # Spoiled on purpose, or keywords of several types.
            changed = replace(receipt, events=events)  # type: ignore[arg-type]
            yield from world.with_receipt(changed, f"entry {place}")


@tampers("an entry dropped from a receipt")
def entries_dropped() -> Iterator[Case]:
    return _rearranged(lambda events, at: events[:at] + events[at + 1 :])


@tampers("an entry duplicated in a receipt")
def entries_duplicated() -> Iterator[Case]:
    return _rearranged(lambda events, at: events[: at + 1] + events[at:])


@tampers("two entries of a receipt exchanged")
def entries_exchanged() -> Iterator[Case]:
    yield from _rearranged(
        lambda e, at: (*e[:at], e[at + 1], e[at], *e[at + 2 :]) if at + 1 < len(e) else ()
    )


@tampers("the number or path of an entry exchanged for that of another one")
def entries_moved() -> Iterator[Case]:
    world = Small.make(items=2, then=_fixity)
    receipt = world.receipt()
    for place, event in enumerate(receipt.events):
        other = receipt.events[(place + 1) % len(receipt.events)]
        for what, moved in (
            ("number", replace(event, index=other.index)),
            ("path", replace(event, path=other.path)),
            ("shorter path", replace(event, path=event.path[:-1])),
            ("longer path", replace(event, path=(*event.path, bytes(32)))),
        ):
            if moved != event:
                events = (*receipt.events[:place], moved, *receipt.events[place + 1 :])
                yield from world.with_receipt(replace(receipt, events=events), f"{what} {place}")


@tampers("prev or item_seq broken, signed anew by the vault's own keys")
def history_bent() -> Iterator[Case]:
    ways: tuple[dict[str, object], ...] = (
        {"item_seq": 3},
        {"item_seq": 1},
        {"item_seq": 0, "prev": None},
        {"prev": "0" * 64},
        {"prev": "f" * 64, "item_seq": 9},
    )
    for number, bent in enumerate(ways):

        def bend(world: Small, bent: dict[str, object] = bent) -> None:
            world.maker.about(world.items[0], "described", {"actor": "desk-1"}, **bent)

        yield from Small.make(then=bend).whole(f"bend {number}")
    yield from Small.make(then=lambda w: w.maker.about(w.items[0], "ingested", {})).whole("again")


@tampers("an entry of another item, or about nothing, put into an item's history by the vault")
def history_of_others() -> Iterator[Case]:
    home = Small.make().maker.origin
    other = {"home": home, "id": "QVRM-0000009", "kind": "item"}
    for number, subject in enumerate((other, {**other, "home": "another-vault-1"})):

        def bend(world: Small, subject: dict[str, str] = subject) -> None:
            world.maker.about(world.items[0], "described", {"actor": "x"}, subject=subject)

        yield from Small.make(then=bend).whole(f"subject {number}")


@tampers("the place of an item in a set entry shown otherwise")
def openings_changed() -> Iterator[Case]:
    world = Small.make(items=3, then=_fixity)
    receipt = world.receipt()
    for place, event in enumerate(receipt.events):
        opening = event.opening
        if opening is None:
            continue
        member = opening.member
        for number, changed in enumerate(
            (
                None,
                replace(opening, index=opening.index + 1),
                replace(opening, size=8 * opening.size),
                replace(opening, path=opening.path[:-1]),
                replace(opening, salt="A" * 43),
                replace(opening, member=replace(member, item_seq=member.item_seq + 1)),
                replace(opening, member=replace(member, prev="0" * 64)),
                replace(opening, member=replace(member, id="QVRM-0000009")),
            )
        ):
            bad = replace(event, opening=changed)
            events = (*receipt.events[:place], bad, *receipt.events[place + 1 :])
            name = f"entry {place}, change {number}"
            yield from world.with_receipt(replace(receipt, events=events), name)


# ---- bundles for others ----------------------------------------------------------------------


@tampers("another valid bundle of the same vault in place of the announced one")
def bundle_replaced() -> Iterator[Case]:
    world = Small.make(items=2)
    other = Small(world.maker, world.items[:1])
    other.files = world.maker.bundle(other.items)
    expected = world.statement.bundle_id
    yield Case("a later one", files=other.files, trust=other.trust, expect=expected)
    announced = other.statement.bundle_id
    yield Case("an earlier one", files=world.files, trust=other.trust, expect=announced)
    yield Case("no id", files=world.files, trust=world.trust, expect="0" * 32)


@tampers("the statement says something else, signed by the statements key")
def statement_lies() -> Iterator[Case]:
    world = Small.make(items=2)
    s = world.statement
    one, two = s.items
    lies: dict[str, dict[str, object]] = {
        "bundle id": {"bundle_id": "0" * 32},
        "exported leaf": {"exported_leaf": "0" * 64},
        "exported index": {"exported_index": s.exported_index - 1},
        "size": {"checkpoint_size": s.checkpoint_size - 1},
        "root": {"checkpoint_root": "0" * 64},
        "counts": {"counts": {**s.counts, "fields_withheld": 0}},
        "one item less": {"items": (one,)},
        "last seq": {"items": (replace(one, last_seq=9), two)},
        "withheld": {"items": (replace(one, withheld="why"), two)},
        "payload": {"items": (replace(one, payload=None), two)},
        "payloads": {
            "items": (replace(one, payload=two.payload), replace(two, payload=one.payload))
        },
        "receipt": {"items": (replace(one, receipt=two.receipt), two)},
        "proofs": {"proofs": {**s.proofs, "cosignatures": "present"}},
        "origin": {"origin": "another-vault-1"},
        "key": {"key": world.maker.keyid("events")},
    }
    for name, lie in lies.items():
        yield Case(name, files=world.relisted({}, **lie), trust=world.trust)
    for path in (*sorted(world.files), "data/absent.bin"):
        if path.startswith(("statement", "tagmanifest")):
            continue
        unlisted = replace(s, files=tuple(f for f in s.files if f.path != path))
        files = world.maker.seal(world.files, unlisted)
        if path in world.files:
            yield Case(f"{path} not listed", files=files, trust=world.trust)
    raw = world.files[STATEMENT]
    for number, text in enumerate((raw + b"\n", raw.replace(b'"v":1', b'"v":2'), b"{}", b"[]")):
        files = {**world.files, STATEMENT: text}
        files["statement.sig"] = world.maker.keys["statements"].sign(text)
        yield Case(f"form {number}", files=files, trust=world.trust)


@tampers("the index for people says something else than the signed list of items")
def index_lies() -> Iterator[Case]:
    world = Small.make(items=2)
    text = world.files["index.csv"]
    for number, lie in enumerate(
        (
            text.replace(b"QVRM-0000002,", b"QVRM-0000009,"),
            text.replace(b",exported,,data/QVRM-0000002", b",withheld,,data/QVRM-0000002"),
            text.replace(b"TOTAL,2,", b"TOTAL,1,"),
            text.replace(b"withheld,0", b"withheld,1"),
            text.replace(b"item,home", b"home,item"),
            text.replace(b"item,home", b"item,home\nitem,home"),
            text.replace(b"\n", b"\r\n"),
            text.replace(b"QVRM-0000001,", b'"QVRM-0000001",'),
            text.replace(b"TOTAL", b"\xffOTAL"),
            text[: text.rindex(b"TOTAL")],
            b"\xef\xbb\xbf" + text,
            b"",
        )
    ):
        files = world.relisted({"index.csv": lie})
        yield Case(f"lie {number}", files=files, trust=world.trust)
