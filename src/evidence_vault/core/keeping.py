"""What passes between a vault and the keeper of its ``control/``: docs/format-replica.md, "Keeper".

An *update* is one file, read from its beginning to its end:

    "evidence-vault/update/v1" LF
    JCS {"acknowledgements","commits","origin","since","size"} LF
    checkpoint, orders, each acknowledgement, each commit: u64 length || bytes
    32 bytes: SHA-256 of everything before

No part of it names a file. An *order* is what the vault shows of one ``removed`` event. An
*answer* is the keeper's signed word, one line of canonical JSON.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from evidence_vault.core.canonical import b64, canonical, is_hex, parse_canonical, unb64
from evidence_vault.core.disclosure import Disclosure, parse_disclosure
from evidence_vault.core.keys import check_ed25519_key, verify_ed25519
from evidence_vault.core.shapes import is_count, is_origin
from evidence_vault.errors import FormatError, SignatureInvalid, VaultError

PREFIX = "keeper:"
MAGIC = b"evidence-vault/update/v1\n"
MAX_HEAD = 4096
MAX_PART = 2**32
MAX_ANSWER = 16 * 1024 * 1024
_DIGEST, _BLOCK = 32, 1024 * 1024

_ANSWER = "evidence-vault/keeper-answer"
_ANSWER_MEMBERS = frozenset(
    [
        *("destroyed", "findings", "headers", "keeper", "kind", "origin"),
        *("refused", "root", "signature", "size", "v"),
    ]
)


@dataclass(frozen=True, slots=True)
class UpdateHead:
    """Entries ``since`` ≤ i < ``size`` are in, as ``commits`` commits; so many acknowledgements."""

    origin: str
    since: int
    size: int
    commits: int
    acknowledgements: int


@dataclass(frozen=True, slots=True)
class Shown:
    """What is revealed of the entry at ``index``."""

    index: int
    reveals: tuple[Disclosure, ...]


@dataclass(frozen=True, slots=True)
class OrderItem:
    """An item to be given up: ``offer``, index of the offer that the other vault answered, and
    ``entries``, indexes of the item's own entries that name what is given up."""

    home: str
    id: str
    offer: int
    entries: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """One ``removed`` event, the ``transfer-acknowledged`` events it rests on, and its items."""

    removed: Shown
    acknowledged: tuple[Shown, ...]
    items: tuple[OrderItem, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a keeper says it holds.

    ``keeper``: its raw public key. ``destroyed``: indexes of the ``removed`` events carried out;
    ``refused``: those it did not carry out, or only in part. ``headers``: how many it holds;
    ``findings``: how many things it found wrong in the last update.
    """

    origin: str
    keeper: bytes
    size: int
    root: bytes
    headers: int
    destroyed: tuple[int, ...]
    refused: tuple[int, ...]
    findings: int


# -- a keeper's place ------------------------------------------------------------------------------


def keeper_place(public: bytes) -> str:
    """How a replica in other hands is named where another one has its place."""
    return PREFIX + public.hex()


def is_keeper(place: str) -> bool:
    """Whether a place is no place of ours, but the key of somebody who keeps a copy."""
    return place.startswith(PREFIX)


def parse_keeper(place: str) -> bytes:
    """The raw public key in ``keeper:HEX``; raises FormatError, SignatureInvalid."""
    text = place.removeprefix(PREFIX)
    if not is_keeper(place) or not is_hex(text, 64):
        raise FormatError("a keeper is named as keeper: and 64 hex digits", code="E-KEEPER-KEY")
    public = bytes.fromhex(text)
    check_ed25519_key(public)
    return public


# -- an update -------------------------------------------------------------------------------------


class UpdateWriter:
    """Writes an update: the head, then each part, then :meth:`finish`."""

    def __init__(self, stream: BinaryIO, head: UpdateHead) -> None:
        self._stream, self._hash = stream, hashlib.sha256()
        value = {
            "acknowledgements": head.acknowledgements,
            "commits": head.commits,
            "origin": head.origin,
            "since": head.since,
            "size": head.size,
        }
        self._write(MAGIC + canonical(value) + b"\n")

    def part(self, data: bytes) -> None:
        self._write(len(data).to_bytes(8, "big"))
        self._write(data)

    def finish(self) -> None:
        self._stream.write(self._hash.digest())

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._stream.write(data)


class UpdateReader:
    """Reads an update; every method raises FormatError (E-UPDATE) for a file that is none."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._hash = stream, hashlib.sha256()
        line = stream.readline(len(MAGIC))
        told = stream.readline(MAX_HEAD)
        self._hash.update(line + told)
        if line != MAGIC or not told.endswith(b"\n"):
            raise _wrong("it does not begin as one")
        self.head = _parse_head(told[:-1])

    def part(self) -> bytes:
        length = int.from_bytes(self._take(8), "big")
        if length > MAX_PART:
            raise _wrong("a part of it is too large")
        return self._take(length)

    def finish(self) -> None:
        """The end: the digest, and nothing after it."""
        if self._stream.read(_DIGEST) != self._hash.digest() or self._stream.read(1):
            raise _wrong("it is cut or was changed")

    def _take(self, count: int) -> bytes:
        data = self._stream.read(count)
        if len(data) != count:
            raise _wrong("it is cut")
        self._hash.update(data)
        return data


def demand_whole(stream: BinaryIO) -> None:
    """Compare the digest at the end, then go back to the beginning: a file that was cut or damaged
    on its way is told from one that says something wrong. Raises FormatError (E-UPDATE)."""
    size, found = stream.seek(0, 2), hashlib.sha256()
    stream.seek(0)
    left = size - _DIGEST
    while left > 0 and (block := stream.read(min(_BLOCK, left))):
        found.update(block)
        left -= len(block)
    if stream.read(_DIGEST) != found.digest():
        raise _wrong("it is cut or was changed")
    stream.seek(0)


def _parse_head(data: bytes) -> UpdateHead:
    value = parse_canonical(data, "an update")
    names = ("acknowledgements", "commits", "since", "size")
    good = (
        isinstance(value, dict)
        and set(value) == {*names, "origin"}
        and all(is_count(value[name]) for name in names)
        and is_origin(value["origin"])
        and value["since"] <= value["size"]
        and value["size"] > 0
    )
    if not good:
        raise _wrong("its head is malformed")
    return UpdateHead(
        value["origin"],
        value["since"],
        value["size"],
        value["commits"],
        value["acknowledgements"],
    )


# -- orders ----------------------------------------------------------------------------------------


def format_orders(orders: list[Order]) -> bytes:
    """Canonical JSON; the inverse of :func:`parse_orders`."""
    return canonical(
        [
            {
                "acknowledged": [_shown(each) for each in order.acknowledged],
                "items": [
                    {"entries": list(i.entries), "home": i.home, "id": i.id, "offer": i.offer}
                    for i in order.items
                ],
                "removed": _shown(order.removed),
            }
            for order in orders
        ]
    )


def parse_orders(data: bytes) -> list[Order]:
    """Raises FormatError."""
    value = parse_canonical(data, "the orders of an update")
    if not isinstance(value, list):
        raise _wrong("its orders are malformed")
    return [_parse_order(each) for each in value]


def _parse_order(value: Any) -> Order:
    good = (
        isinstance(value, dict)
        and set(value) == {"acknowledged", "items", "removed"}
        and isinstance(value["acknowledged"], list)
        and isinstance(value["items"], list)
    )
    if not good:
        raise _wrong("an order is malformed")
    return Order(
        _parse_shown(value["removed"]),
        tuple(_parse_shown(each) for each in value["acknowledged"]),
        tuple(_parse_item(each) for each in value["items"]),
    )


def _parse_item(value: Any) -> OrderItem:
    good = (
        isinstance(value, dict)
        and set(value) == {"entries", "home", "id", "offer"}
        and isinstance(value["home"], str)
        and isinstance(value["id"], str)
        and is_count(value["offer"])
        and isinstance(value["entries"], list)
        and all(is_count(each) for each in value["entries"])
    )
    if not good:
        raise _wrong("an item of an order is malformed")
    return OrderItem(value["home"], value["id"], value["offer"], tuple(value["entries"]))


def _shown(shown: Shown) -> dict[str, Any]:
    return {"index": shown.index, "reveals": [d.raw.decode("utf-8") for d in shown.reveals]}


def _parse_shown(value: Any) -> Shown:
    good = (
        isinstance(value, dict)
        and set(value) == {"index", "reveals"}
        and is_count(value["index"])
        and isinstance(value["reveals"], list)
        and all(isinstance(each, str) for each in value["reveals"])
    )
    if not good:
        raise _wrong("what an order shows is malformed")
    try:
        reveals = tuple(parse_disclosure(each.encode("utf-8")) for each in value["reveals"])
    except UnicodeEncodeError as error:
        raise _wrong("what an order shows is no text") from error
    return Shown(value["index"], reveals)


# -- an answer -------------------------------------------------------------------------------------


def format_answer(answer: Answer, sign: Callable[[bytes], bytes]) -> bytes:
    """The keeper's word, signed over its canonical JSON without the signature."""
    body = _body(answer)
    return canonical({**body, "signature": b64(sign(_message(body)))}) + b"\n"


def parse_answer(data: bytes) -> Answer:
    """Raises FormatError, SignatureInvalid unless the key that it names signed it."""
    value = parse_canonical(data.removesuffix(b"\n"), "a keeper's answer")
    good = (
        isinstance(value, dict)
        and set(value) == _ANSWER_MEMBERS
        and value["kind"] == _ANSWER
        and value["v"] == 1
        and is_origin(value["origin"])
        and is_hex(value["keeper"], 64)
        and is_hex(value["root"], 64)
        and all(is_count(value[name]) for name in ("findings", "headers", "size"))
        and all(_is_indexes(value[name]) for name in ("destroyed", "refused"))
        and isinstance(value["signature"], str)
    )
    if not good:
        raise FormatError(
            "this is no keeper's answer (docs/format-replica.md)",
            code="E-KEEPER-ANSWER",
            hint="`evidence-vault replica keep … -o FILE` writes one",
        )
    signature = unb64(value.pop("signature"), "a signature", 64)
    try:
        verify_ed25519(bytes.fromhex(value["keeper"]), signature, _message(value))
    except VaultError as error:
        raise SignatureInvalid(
            "the keeper's answer was changed: its signature does not hold", code="E-KEEPER-ANSWER"
        ) from error
    return Answer(
        value["origin"],
        bytes.fromhex(value["keeper"]),
        value["size"],
        bytes.fromhex(value["root"]),
        value["headers"],
        tuple(value["destroyed"]),
        tuple(value["refused"]),
        value["findings"],
    )


def _is_indexes(value: Any) -> bool:
    return (
        isinstance(value, list)
        and all(is_count(each) for each in value)
        and value == sorted(set(value))
    )


def _body(answer: Answer) -> dict[str, Any]:
    return {
        "destroyed": list(answer.destroyed),
        "findings": answer.findings,
        "headers": answer.headers,
        "keeper": answer.keeper.hex(),
        "kind": _ANSWER,
        "origin": answer.origin,
        "refused": list(answer.refused),
        "root": answer.root.hex(),
        "size": answer.size,
        "v": 1,
    }


def _message(body: dict[str, Any]) -> bytes:
    return _ANSWER.encode() + b"/v1\n" + canonical(body)


def _wrong(what: str) -> FormatError:
    return FormatError(
        f"this is no whole update for a keeper: {what} (docs/format-replica.md)",
        code="E-UPDATE",
        hint="nothing was changed here; ask for the file again",
    )
