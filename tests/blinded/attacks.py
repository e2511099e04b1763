"""The attacks: each takes what is public and a candidate file and scores how well they go together.

A score means nothing by itself. In the game (game.py) the adversary compares the scores of two
candidates of which one is in the vault and names the higher one; equal scores are no answer. So
an attack
need not be sure, only better than a coin.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from tests.blinded.public import Public

from evidence_vault.core import age
from evidence_vault.core.age.padding import TRAILER_SIZE, padded_length
from evidence_vault.core.age.payload import sealed_size
from evidence_vault.core.canonical import b64url, canonical
from evidence_vault.errors import EvidenceError, FormatError, KeyProblem


@dataclass(frozen=True)
class Candidate:
    """A plain file as the adversary holds it, with all that may be known of it."""

    name: str
    content: bytes
    fields: tuple[tuple[str, str], ...] = ()
    time_ns: int = 0

    @property
    def values(self) -> list[tuple[str, object]]:
        """(field, value) as an event would state them."""
        raw = self.name.encode()
        path = {"b64": base64.b64encode(raw).decode(), "display": self.name}
        return [
            ("content_sha256", hashlib.sha256(self.content).hexdigest()),
            ("content_sha512", hashlib.sha512(self.content).hexdigest()),
            ("content_size", str(len(self.content))),
            ("source_path", path),
            *self.fields,
        ]


@dataclass(frozen=True)
class World:
    """``vault`` is attacked. ``own``: vaults that the adversary made with the same program, by
    candidate: one that took in the first of each pair, one that took in the second."""

    vault: Public
    own: tuple[Public, Public]
    candidates: tuple[Candidate, ...]

    @cached_property
    def standing(self) -> frozenset[bytes]:
        """Of all digests of all candidates in all encodings, the beginnings that stand somewhere.

        One pass over everything instead of a search for each of some 100,000 values.
        """
        wanted = {form for candidate in self.candidates for form in plain_forms(candidate)}
        blob = self.vault.blob
        return frozenset(
            word for at in range(len(blob)) if (word := blob[at : at + BEGINNING]) in wanted
        )


BEGINNING = 12  # bytes of an encoded digest that are looked for: 48 bits at the least

Attack = Callable[[World, Candidate, int], int]
"""(what is known, candidate, which of the pair it is: 0 or 1) → score."""

_HASHES = tuple(sorted(h for h in hashlib.algorithms_available if not h.startswith("shake")))


@lru_cache(maxsize=4096)
def digests(data: bytes) -> tuple[bytes, ...]:
    """Every digest this machine can compute, at least 8 bytes long."""
    found = []
    for name in _HASHES:
        try:
            found.append(hashlib.new(name, data, usedforsecurity=False).digest())
        except ValueError:  # listed, and not offered after all
            continue
    return tuple(dict.fromkeys(d for d in found if len(d) >= 8))


def plain_inputs(candidate: Candidate) -> Iterator[bytes]:
    """What of a candidate might have been hashed as it is."""
    raw = candidate.name.encode()
    yield from (candidate.content, raw, raw.rsplit(b"/", 1)[-1], raw + candidate.content)
    yield candidate.content + raw
    yield str(len(candidate.content)).encode()
    for _, value in candidate.values:
        yield str(value).encode()
        yield canonical(value)
    yield from (candidate.content[:4096], candidate.content[-4096:])
    yield from (f"blob {len(candidate.content)}\0".encode() + candidate.content,)  # as git does


def encodings(digest: bytes) -> Iterator[bytes]:
    """A digest as it may stand in a file, shortened to what is still telling."""
    yield digest[:16]
    yield digest.hex()[:24].encode()
    yield digest.hex()[:24].upper().encode()
    yield digest.hex()[:12].encode("utf-16-le")
    yield base64.b32encode(digest)[:16]
    yield base64.b32encode(digest)[:16].lower()
    yield str(int.from_bytes(digest, "big"))[:18].encode()
    yield digest[::-1][:16]
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + digest)
        inner = coded[4 if shift else 0 :][:16]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


@lru_cache(maxsize=4096)
def plain_forms(candidate: Candidate) -> frozenset[bytes]:
    """The beginnings of all digests of a candidate in all encodings."""
    return frozenset(
        form[:BEGINNING]
        for data in plain_inputs(candidate)
        for digest in digests(data)
        if len(digest) >= 16
        for form in encodings(digest)
    )


def attack_plain_digests(world: World, candidate: Candidate, which: int) -> int:
    """Any digest of the content, name, path, field or size, in any encoding, in any artefact."""
    return len(plain_forms(candidate) & world.standing)


def attack_plain_values(world: World, candidate: Candidate, which: int) -> int:
    """Name, fields and pieces of the content as they are, in hex, base64 and UTF-16."""
    pieces = [candidate.name.encode(), *(str(v).encode() for _, v in candidate.fields)]
    pieces += [candidate.content[at : at + 24] for at in (0, 100, 1000) if len(candidate.content)]
    score = 0
    for piece in pieces:
        forms = [piece, piece.hex().encode(), piece.decode("utf-8", "ignore").encode("utf-16-le")]
        forms += [base64.b64encode(bytes(shift) + piece)[4:-4] for shift in range(3)]
        score += sum(len(form) >= 8 and form in world.vault.blob for form in forms)
    return score


def attack_exact_size(world: World, candidate: Candidate, which: int) -> int:
    """The exact length of the file, plain or sealed without padding, among the sizes of objects."""
    n = len(candidate.content)
    exact = {n, n + TRAILER_SIZE, sealed_size(n), sealed_size(n + TRAILER_SIZE)}
    return int(len(_stored(world.vault, _number(world, candidate))) in exact)


def attack_size_class(world: World, candidate: Candidate, which: int) -> int:
    """The padded length: both candidates are of one class, so this must not decide."""
    size = sealed_size(padded_length(len(candidate.content), "media"))
    return sum(len(data) == size for data in world.vault.objects.values())


def _salted(salt: str, name: str, value: object) -> str:
    return hashlib.sha256(canonical([salt, name, value])).hexdigest()


def attack_commitments_without_salt(world: World, candidate: Candidate, which: int) -> int:
    """Commitments to a value without salt, with an empty one, or with one of zeros."""
    known = {digest for _, digest in world.vault.commitments}
    guesses = set()
    for name, value in candidate.values:
        text = value.encode() if isinstance(value, str) else canonical(value)
        guesses |= {hashlib.sha256(canonical(form)).hexdigest() for form in (value, [name, value])}
        guesses |= {
            hashlib.sha256(text).hexdigest(),
            hashlib.sha256(name.encode() + text).hexdigest(),
        }
        guesses |= {_salted(salt, name, value) for salt in ("", "A" * 43, b64url(bytes(32)))}
    return len(known & guesses)


def attack_commitments_with_guessed_salts(world: World, candidate: Candidate, which: int) -> int:
    """Salts taken or derived from anything public: ids, digests, positions, origin, the file
    itself."""
    known = {digest for _, digest in world.vault.commitments}
    own = [
        hashlib.sha256(candidate.content).digest(),
        hashlib.sha256(candidate.name.encode()).digest(),
    ]
    seeds = [*world.vault.values, *own]
    score = 0
    for seed in seeds:
        forms = {seed.ljust(32, b"\0")[:32], hashlib.sha256(seed).digest()}
        for name, value in candidate.values:
            named = hmac.digest(seed or b"\0", name.encode(), "sha256")
            salts = [b64url(form) for form in (*forms, named)]
            score += sum(_salted(salt, name, value) in known for salt in salts)
    return score


def attack_salts_seen_elsewhere(world: World, candidate: Candidate, which: int) -> int:
    """Salts of values that were revealed once (in a receipt somebody published) used again."""
    known = {digest for _, digest in world.vault.commitments}
    salts = {
        line.split(b'"')[1].decode()
        for data in world.vault.sent.values()
        for line in data.split(b"\n")
        if line.startswith(b'reveal ["')
    }
    return sum(
        _salted(salt, name, value) in known for salt in salts for name, value in candidate.values
    )


def attack_hmac_and_prefixes(world: World, candidate: Candidate, which: int) -> int:
    """Keyed or prefixed digests under anything public, whole or cut to 8 bytes, in any word."""
    digest = hashlib.sha256(candidate.content).digest()
    tokens = world.vault.tokens
    score = 0
    for value in world.vault.values:
        key = value or b"\0"
        for data in (digest, digest.hex().encode(), candidate.name.encode()):
            score += tokens[hmac.digest(key, data, "sha256")[:8]]
            score += tokens[hashlib.sha256(value + data).digest()[:8]]
            score += tokens[hashlib.sha256(data + value).digest()[:8]] if value else 0
    return score


def attack_file_keys(world: World, candidate: Candidate, which: int) -> int:
    """Opens objects with file keys that a maker could have derived from the content or reused."""
    digest = hashlib.sha256(candidate.content).digest()
    keys = {digest[:16], digest[16:], hashlib.md5(candidate.content).digest(), bytes(16)}
    keys |= {hmac.digest(name, candidate.content, "sha256")[:16] for name in (b"\0", b"file key")}
    number = _number(world, candidate)
    event = [event for event in world.vault.events if event.type == "ingested"][number]
    keys |= {bytes.fromhex(unit.id) for unit in event.units}
    score = 0
    for key in keys:
        try:
            opened = age.decrypt_payload(key, _stored(world.vault, number))
        except (FormatError, EvidenceError, KeyProblem):
            continue
        score += opened.startswith(candidate.content[:64])
    return score


def _number(world: World, candidate: Candidate) -> int:
    """Which pair a candidate is of; where its item stands is told to the adversary."""
    return world.candidates.index(candidate) // 2


def _stored(public: Public, number: int) -> bytes:
    """The first stored part of the original of an item, by its number."""
    name = public.content_objects[number]
    return public.objects.get(name, b"")


def _item(world: World, public: Public, candidate: Candidate) -> set[str]:
    """Commitments, ids and object names of the entry in which the candidate's pair stands."""
    number = _number(world, candidate)
    event = [event for event in public.events if event.type == "ingested"][number]
    found = {digest for digest in event.commitments.values() if digest is not None}
    for unit in event.units:
        found |= {unit.id, unit.header or "", *unit.objects}
    return found - {""}


def attack_common_with_own_vault(world: World, candidate: Candidate, which: int) -> int:
    """Takes the candidate into a vault of one's own: which values do the two entries share?"""
    own = world.own[which]
    return len(_item(world, world.vault, candidate) & _item(world, own, candidate))


def attack_sizes_like_own_vault(world: World, candidate: Candidate, which: int) -> int:
    """Compares the sizes of the stored original, and of the entry, with those of one's own
    vault."""
    number = _number(world, candidate)

    def sizes(public: Public) -> list[int]:
        event = [event for event in public.events if event.type == "ingested"][number]
        # Without the names that each vault draws for itself, and how far its log had come.
        told = {**event.to_json(), "origin": "", "subject": "", "seen": ""}
        return [len(_stored(public, number)), len(canonical(told))]

    pairs = zip(sizes(world.vault), sizes(world.own[which]), strict=True)
    return sum(one == other for one, other in pairs)


def attack_order(world: World, candidate: Candidate, which: int) -> int:
    """Whether objects, units or commitments are in the order of something that the file
    determines."""
    digest = hashlib.sha256(candidate.content).hexdigest()
    names = sorted(world.vault.objects)
    below = sum(name < digest for name in names)
    at = names.index(min(names, key=lambda name: abs(int(name, 16) - int(digest, 16))))
    return int(abs(below - at) == 0 and digest in names)


def attack_file_times(world: World, candidate: Candidate, which: int) -> int:
    """The time of the source on anything that is stored."""
    return sum(time == candidate.time_ns for time in world.vault.times.values()) + sum(
        str(candidate.time_ns).encode() in data for data in world.vault.sent.values()
    )


ATTACKS: dict[str, Attack] = {
    name.removeprefix("attack_"): made
    for name, made in sorted(globals().items())
    if name.startswith("attack_")
}
