"""Classes of the tamper table about share copies: bundles whose archive itself lies about them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.tamper.classes import OPEN, tampers
from tests.tamper.world import Case, Small

from evidence_vault.core.canonical import canonical
from evidence_vault.core.receipt import format_receipt

COPY, OTHER = b"a share copy", b"another share copy"
_FOUND = {"found": ["GPS"], "tool": {"name": "x", "parameters": [], "version": "1"}}


def _world(*items: int, then: Callable[[Small], object] = bool, count: int = 2) -> Small:
    def derive(world: Small) -> None:
        for item in items:
            world.maker.derive(world.items[item], COPY + b" %d" % item)
        then(world)

    return Small.make(items=count, then=derive)


def _bundle(name: str, world: Small) -> Case:
    return Case(name, files=world.files, trust=world.trust)


def _with(name: str, **derived: Any) -> Case:
    """A bundle whose first item has a copy with a bent entry."""
    statement = derived.pop("statement", None)

    def then(world: Small) -> None:
        item = world.items[0]
        told = statement(world, item) if callable(statement) else statement
        data = told if told is None or isinstance(told, bytes) else canonical(told)
        values = derived.get("values")
        values = values(world, item) if callable(values) else values
        world.maker.derive(item, COPY, data, values)

    return _bundle(name, _world(then=then))


@tampers("nothing (bundles with share copies)", good=True)
def copies() -> Iterator[Case]:
    yield _bundle("one of two", _world(0))
    yield _bundle("all", _world(0, 1))
    yield _bundle("made twice", _world(0, 0))
    world = _world(0)
    data = format_receipt(world.receipt())
    yield Case("receipt with the copy", receipt=data, trust=world.trust, original=COPY + b" 0")
    original = world.maker.contents[world.items[0]]
    yield Case("receipt with the original", receipt=data, trust=world.trust, original=original)
    taken = Small.make(
        arrival="transfer-accepted",
        then=lambda world: world.maker.derive(world.items[0], COPY),
    )
    yield _bundle("taken over", taken)


@tampers("the share copies of two items swapped")
def copies_swapped() -> Iterator[Case]:
    world = _world(0, 1)
    one, two = (f"data/{item}-share-copy.bin" for item in world.items)
    files = {**world.files, one: world.files[two], two: world.files[one]}
    yield Case("listed as they were", files=files, trust=world.trust)
    change = {one: world.files[two], two: world.files[one]}
    yield Case("listed anew", files=world.relisted(change), trust=world.trust)
    one, two = (f"copies/{item}.json" for item in world.items)
    change = {one: world.files[two], two: world.files[one]}
    yield Case("their statements, listed anew", files=world.relisted(change), trust=world.trust)


@tampers("the statement of another item, copy or original logged for a share copy")
def copies_other_statement() -> Iterator[Case]:
    def say(world: Small, item: str, copy: bytes = COPY, /, **other: Any) -> dict[str, Any]:
        return world.maker.statement_of(item, copy, **other)

    yield _with("of another item", statement=lambda w, i: say(w, w.items[1]))
    yield _with("of another copy", statement=lambda w, i: say(w, i, OTHER))
    for member, value in (
        ("home", "another-log-0001"),
        ("item", "QVRM-0000002"),
        ("seq", 1),
        ("commitments", {"content_sha256": "0" * 64, "content_sha512": "0" * 64}),
    ):
        yield _with(
            f"another {member}",
            statement=lambda w, i, m=member, v=value: say(
                w, i, original={**say(w, i)["original"], m: v}
            ),
        )
    size = {"size": len(COPY) + 1}
    yield _with(
        "another size", statement=lambda w, i: say(w, i, copy={**say(w, i)["copy"], **size})
    )


@tampers("a share copy whose statement or entry does not say that it is clean")
def copies_not_clean() -> Iterator[Case]:
    def say(world: Small, item: str, **other: Any) -> dict[str, Any]:
        return world.maker.statement_of(item, COPY, **other)

    for outcome in ("not-clean", "not-checked"):
        yield _with(f"{outcome} stated", statement=lambda w, i, o=outcome: say(w, i, outcome=o))
        yield _with(
            f"{outcome} logged",
            values=lambda w, i, o=outcome: {
                "statement": {
                    "outcome": o,
                    "sha256": _sha256(canonical(w.maker.statement_of(i, COPY))),
                }
            },
        )
    for look in ("exiftool", "second"):
        yield _with(
            f"clean, and yet found by {look}",
            statement=lambda w, i, n=look: say(w, i, residual={**say(w, i)["residual"], n: _FOUND}),
        )
    inner: dict[str, Any] = {"outcome": "not-clean"}
    yield _with(
        "clean around what is not",
        statement=lambda w, i: say(
            w, i, embedded=[{"name": "a file", "report": {**_report(say(w, i)), **inner}}]
        ),
    )
    differs = {"identical": "no", "method": "", "what": ""}
    yield _with("another content", statement=lambda w, i: say(w, i, decoded=differs))
    yield _with("no looks", statement=lambda w, i: say(w, i, residual=None))
    yield _with("reasons against it", statement=lambda w, i: say(w, i, reasons=["GPS is there"]))


@tampers("a statement on a share copy that is none")
def copies_no_statement() -> Iterator[Case]:
    yield _with("empty object", statement=b"{}")
    yield _with("text", statement=b"it is clean, believe me")
    yield _with(
        "not canonical", statement=lambda w, i: canonical(w.maker.statement_of(i, COPY)) + b"\n"
    )
    yield _with("another kind", statement=lambda w, i: w.maker.statement_of(i, COPY, kind="x"))
    yield _with("more members", statement=lambda w, i: w.maker.statement_of(i, COPY, more=1))
    yield _with("a count of -1", statement=lambda w, i: w.maker.statement_of(
        i, COPY, removed=[{"count": -1, "name": "x"}]
    ))  # fmt: skip


@tampers("a share copy that is said to be made from something else, or for something else")
def copies_other_parent() -> Iterator[Case]:
    def parent(world: Small, item: str, **other: Any) -> dict[str, Any]:
        shown = world.maker.shown[world.maker.history[item][0].index]
        right = {"commitment": shown["content_sha256"].digest, "field": "content_sha256", "seq": 0}
        return {"parent": {**right, **other}}

    yield _with("another commitment", values=lambda w, i: parent(w, i, commitment="0" * 64))
    yield _with("another item's", values=lambda w, i: parent(w, w.items[1]))
    yield _with("another event", values=lambda w, i: parent(w, i, seq=1))
    yield _with("another field", values=lambda w, i: parent(w, i, field="content_sha512"))
    yield _with("a search copy", values=lambda w, i: {"kind": "search-copy"})


@tampers("a share copy without its statement, or with that of nothing")
def copies_statement_missing() -> Iterator[Case]:
    world = _world(0)
    files = dict(world.files)
    path = f"copies/{world.items[0]}.json"
    del files[path]
    yield Case("dropped", files=files, trust=world.trust)
    extra = {f"copies/{world.items[1]}.json": files.get(path, world.files[path])}
    yield Case("one for an original", files=world.relisted(extra), trust=world.trust)


@tampers("what stands in the entry of a share copy kept back", wanted=OPEN)
def copies_hidden() -> Iterator[Case]:
    world = _world(0)
    rows = tuple(row for row in world.statement.files if not row.path.startswith("copies/"))
    files = {p: d for p, d in world.files.items() if not p.startswith("copies/")}
    sealed = world.maker.seal(files, replace(world.statement, files=rows))
    yield Case("the statement, in a bundle listed anew", files=sealed, trust=world.trust)


@tampers("a share copy where the original should be, and the original where the copy should be")
def copies_as_originals() -> Iterator[Case]:
    world = _world(0)
    item = world.items[0]
    path = f"data/{item}-share-copy.bin"
    original = world.maker.contents[item]
    files = {**world.files, path: original}
    yield Case("original as copy", files=files, trust=world.trust)
    yield Case("listed anew", files=world.relisted({path: original}), trust=world.trust)


@tampers("a refused copy handed out as a copy")
def copies_refused() -> Iterator[Case]:
    def then(world: Small) -> None:
        maker, item = world.maker, world.items[0]
        statement = canonical(maker.statement_of(item, COPY, outcome="not-clean"))
        told = {"outcome": "not-clean", "sha256": _sha256(statement)}
        maker.about(item, "derivation-refused", {"kind": "share-copy", "statement": told})
        maker.copies[item] = COPY, statement

    yield _bundle("with its statement", _world(then=then))


@tampers("a share copy logged under a key that did not count")
def copies_by_other_keys() -> Iterator[Case]:
    for role in ("statements", "root"):

        def then(world: Small, role: str = role) -> None:
            world.maker.derive(world.items[0], COPY, role=role)

        yield _bundle(f"the {role} key", _world(then=then))


def _report(statement: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in statement.items() if name not in ("kind", "original")}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
