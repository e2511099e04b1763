"""Classes of the tamper table about logs, signatures and keys."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.tamper.classes import tampers
from tests.tamper.world import Case, Small
from tests.verify.forge import Maker, Stood

from evidence_vault.core.bagtext import STATEMENT_SIGNATURE, STATEMENT_SSHSIG
from evidence_vault.core.canonical import b64, canonical
from evidence_vault.core.disclosure import make_disclosure
from evidence_vault.core.entry0 import parse_entry0
from evidence_vault.core.event import format_entry, pae, parse_entry
from evidence_vault.core.keys import public_pem
from evidence_vault.core.keystate import format_enrolled, format_revoked, read_key_events
from evidence_vault.core.merkle import MemoryTree, leaf_hash, prove_inclusion
from evidence_vault.core.note import format_note, parse_note
from evidence_vault.core.receipt import ReceiptEvent, format_receipt
from evidence_vault.core.sshsig import format_sshsig, sign_sshsig
from evidence_vault.core.trust import TrustKey, format_trust

VAULT = {"kind": "vault"}
NEW_KEY = hashlib.sha256(b"the next key").digest()


# ---- logs ------------------------------------------------------------------------------------


@tampers("the log cut: a smaller, signed state under the same entries")
def log_truncated() -> Iterator[Case]:
    world = Small.make(items=2)
    full = world.receipt()
    for size in range(1, len(world.maker.leaves)):
        note = world.maker.note(size)
        yield from world.with_receipt(replace(full, note=note), f"size {size}, old paths")
        tree = MemoryTree(leaf_hash(leaf) for leaf in world.maker.leaves[:size])
        events = tuple(
            replace(e, path=tuple(prove_inclusion(e.index, size, tree)))
            if e.index < size
            else replace(e, path=())
            for e in full.events
        )
        yield from world.with_receipt(replace(full, note=note, events=events), f"size {size}")


@tampers("the log forked: two signed histories of one size")
def log_forked() -> Iterator[Case]:
    one = Small.make(items=2)
    maker = Maker()
    for n in range(2):
        maker.ingest(f"content {n}".encode(), title="another title")
    maker.about("QVRM-0000001", "described", {"actor": "desk-1"})
    two = Small(maker, ["QVRM-0000001", "QVRM-0000002"])
    two.files = maker.bundle(two.items)
    yield Case("trust file of the one, bundle of the other", files=two.files, trust=one.trust)
    yield Case("the reverse", files=one.files, trust=two.trust)
    data = format_receipt(two.receipt())
    yield Case("receipt of the other", receipt=data, trust=one.trust)


@tampers("the log rolled back: an entry whose signer had seen another state of the same size")
def log_rolled_back() -> Iterator[Case]:
    for size in (2, 3, 4, 5):
        seen = ({"origin": Maker().origin, "root": "0" * 64, "size": size},)

        def bend(world: Small, seen: Any = seen) -> None:
            world.maker.about(world.items[0], "described", {"actor": "desk-1"}, seen=seen)

        world = Small.make(then=bend)
        known = len(world.maker.leaves)
        if size == known:
            yield from world.whole(f"seen at {size}, the state of the receipt")
        elif size < known:
            trust = world.maker.trust(size)
            data = format_receipt(world.receipt())
            yield Case(f"seen at {size}", receipt=data, trust=format_trust(trust))


@tampers("entries, paths and states spliced in from another vault")
def spliced() -> Iterator[Case]:
    world, other = Small.make(items=2), Small.make(seed="stranger", items=2)
    mine, theirs = world.receipt(), other.receipt()
    yield from world.with_receipt(theirs, "the whole receipt")
    yield from world.with_receipt(replace(mine, note=theirs.note), "the state")
    yield from world.with_receipt(replace(theirs, note=mine.note), "the entries")
    for place, (a, b) in enumerate(zip(mine.events, theirs.events, strict=True)):
        for what, spliced_in in (
            ("entry", b),
            ("path", replace(a, path=b.path)),
            ("leaf", replace(a, leaf=b.leaf)),
            ("revealed", replace(a, reveals=b.reveals)),
            ("opening", replace(a, opening=b.opening)),
        ):
            if spliced_in != a:
                events = (*mine.events[:place], spliced_in, *mine.events[place + 1 :])
                yield from world.with_receipt(replace(mine, events=events), f"{what} {place}")
    yield Case("the whole bundle", files=other.files, trust=world.trust)
    for path in ("statement.json", "statement.sig", "custody.txt"):
        if world.files[path] != other.files[path]:
            files = {**world.files, path: other.files[path]}
            yield Case(f"{path} of the other", files=files, trust=world.trust)


# ---- revealed fields -------------------------------------------------------------------------


@tampers("a second value for one field, a value changed, or one for a field that is not there")
def disclosures() -> Iterator[Case]:
    world = Small.make(items=2)
    receipt = world.receipt()
    for place, event in enumerate(receipt.events):
        for number, shown in enumerate(event.reveals):
            lie = make_disclosure(bytes(32), shown.name, "another value")
            rest = (*event.reveals[:number], *event.reveals[number + 1 :])
            for what, reveals in (
                ("second", (*event.reveals[: number + 1], lie, *event.reveals[number + 1 :])),
                ("twice", (*event.reveals[: number + 1], *event.reveals[number:])),
                ("changed", (*event.reveals[:number], lie, *event.reveals[number + 1 :])),
                ("unknown", (*rest, make_disclosure(bytes(32), "zzz", "x"))),
            ):
                bad = replace(event, reveals=reveals)
                events = (*receipt.events[:place], bad, *receipt.events[place + 1 :])
                name = f"{what} {shown.name} of entry {place}"
                yield from world.with_receipt(replace(receipt, events=events), name)


# ---- signatures ------------------------------------------------------------------------------


@tampers("a signature of the statement removed, emptied, exchanged or made by another key")
def statement_signatures() -> Iterator[Case]:
    world, other = Small.make(), Small.make(seed="stranger")
    body = world.files["statement.json"]
    keys = {**world.maker.keys, "stranger": other.maker.keys["statements"]}
    for path in (STATEMENT_SIGNATURE, STATEMENT_SSHSIG):
        files = {p: d for p, d in world.files.items() if p != path}
        yield Case(f"{path} removed", files=files, trust=world.trust)
        for data in (b"", bytes(64), world.files[path][:-1], other.files[path]):
            yield Case(f"{path} replaced", files={**files, path: data}, trust=world.trust)
    for role, key in keys.items():
        if role == "statements":
            continue
        raw = key.public_key().public_bytes_raw()
        ssh = sign_sshsig(body, raw, key.sign, "evidence-vault-statement@v1")
        for change in (
            {STATEMENT_SIGNATURE: key.sign(body)},
            {STATEMENT_SSHSIG: ssh},
            {STATEMENT_SIGNATURE: key.sign(body), STATEMENT_SSHSIG: ssh},
        ):
            yield Case(f"by {role}", files={**world.files, **change}, trust=world.trust)
    own = world.maker.keys["statements"]
    raw = world.maker.public("statements")
    for name, data in (
        ("another purpose", sign_sshsig(body, raw, own.sign, "file")),
        ("zeroes", format_sshsig(raw, bytes(64), "evidence-vault-statement@v1")),
        ("a line feed more", world.files[STATEMENT_SSHSIG] + b"\n"),
        ("other lines", world.files[STATEMENT_SSHSIG].replace(b"\n", b"\r\n")),
    ):
        yield Case(name, files={**world.files, STATEMENT_SSHSIG: data}, trust=world.trust)


@tampers("the signature of an entry removed, emptied, exchanged or made by another key")
def entry_signatures() -> Iterator[Case]:
    world = Small.make(items=2)
    receipt = world.receipt()
    for place, event in enumerate(receipt.events):
        sig = event.leaf[-92:-4]
        other = receipt.events[place - 1].leaf[-92:-4]
        for number, leaf in enumerate(
            (
                event.leaf.replace(sig, base64.b64encode(bytes(64))),
                event.leaf.replace(sig, other),
                event.leaf.replace(sig, b""),
                event.leaf.replace(b'"signatures":[', b'"signatures":[],"x":['),
            )
        ):
            events = (
                *receipt.events[:place],
                replace(event, leaf=leaf),
                *receipt.events[place + 1 :],
            )
            yield from world.with_receipt(replace(receipt, events=events), f"{place}, {number}")
    for role in ("log", "statements", "root"):
        yield from _signed_by(role).whole(f"an entry signed by the key for {role}")


def _signed_by(role: str) -> Small:
    def bend(world: Small) -> None:
        maker, item = world.maker, world.items[0]
        seq, prev = maker.place(item)
        subject = {"home": maker.origin, "id": item, "kind": "item"}
        values = {"actor": "desk-1"}
        index = maker.add("described", subject, values, role=role, item_seq=seq, prev=prev)
        maker.history[item].append(Stood(index, None))

    return Small.make(then=bend)


@tampers("a signature of the log removed, doubled, exchanged or made by another key")
def log_signatures() -> Iterator[Case]:
    world, other = Small.make(), Small.make(seed="stranger")
    receipt = world.receipt()
    note, foreign = parse_note(receipt.note), parse_note(other.receipt().note)
    ed, pq = note.signatures
    strange = foreign.signatures
    zero = replace(ed, signature=bytes(64))
    for name, lines in (
        ("Ed25519 removed", (pq,)),
        ("ML-DSA-44 removed", (ed,)),
        ("Ed25519 doubled", (ed, ed, pq)),
        ("ML-DSA-44 doubled", (ed, pq, pq)),
        ("Ed25519 emptied", (zero, pq)),
        ("both by a stranger", strange),
        ("Ed25519 by a stranger", (strange[0], pq)),
        ("ML-DSA-44 by a stranger", (ed, strange[1])),
        ("Ed25519 of a stranger under the own key ID", (replace(strange[0], key_id=ed.key_id), pq)),
        ("ML-DSA-44 too short", (ed, replace(pq, signature=pq.signature[:-1]))),
        ("exchanged", (replace(ed, signature=pq.signature), replace(pq, signature=ed.signature))),
    ):
        bad = format_note(replace(note, signatures=lines))
        yield from world.with_receipt(replace(receipt, note=bad), name)


@tampers("the ML-DSA-44 signature of the log changed and nothing else")
def log_signature_quantum() -> Iterator[Case]:
    world, other = Small.make(), Small.make(seed="stranger")
    receipt = world.receipt()
    note = parse_note(receipt.note)
    ed, pq = note.signatures
    strange = parse_note(other.receipt().note).signatures[1]
    wrong = bytearray(pq.signature)
    wrong[900] ^= 1
    for name, changed in (
        ("one bit", replace(pq, signature=bytes(wrong))),
        ("of a stranger", replace(pq, signature=strange.signature)),
        ("another time", replace(pq, signature=bytes(8) + pq.signature[8:])),
    ):
        bad = format_note(replace(note, signatures=(ed, changed)))
        yield from world.with_receipt(replace(receipt, note=bad), name)


# ---- keys ------------------------------------------------------------------------------------


def revoke(maker: Maker, role: str, last_good: int) -> None:
    """A key-revoked event by the root key."""
    clear = format_revoked(role, maker.keyid(role), last_good, "compromised")
    maker.add("key-revoked", VAULT, {"actor": "founder"}, clear, role="root")


def beside(world: Small, *listed: str) -> Small:
    """The receipts of the world's bundle with the key events of its log among their entries.

    ``listed``: further files of the bundle that its statement must list.
    """
    maker = world.maker
    tree = maker.tree()
    extra = [i for i, leaf in enumerate(maker.leaves) if i and _kind(leaf).startswith("key-")]
    files = {path: world.files[path] for path in listed}
    for place in range(len(world.items)):
        receipt = world.receipt(place)
        more = tuple(
            ReceiptEvent(i, maker.leaves[i], tuple(prove_inclusion(i, tree.size, tree)))
            for i in extra
        )
        events = tuple(sorted((*receipt.events, *more), key=lambda e: e.index))
        files[world.path(place)] = format_receipt(replace(receipt, events=events))
    world.files = world.relisted(files)
    return world


def _kind(leaf: bytes) -> str:
    return str(json.loads(base64.b64decode(json.loads(leaf)["payload"]))["type"])


@tampers("a key used after it was revoked, by the log or by the trust file")
def keys_revoked() -> Iterator[Case]:
    for last_good in (0, 1, 2):

        def bend(world: Small, last_good: int = last_good) -> None:
            revoke(world.maker, "events", last_good)

        world = beside(Small.make(then=bend))
        data = world.files[world.path()]
        yield Case(f"good until {last_good}", files=world.files, trust=world.trust)
        yield Case(f"good until {last_good}, receipt", receipt=data, trust=world.trust)
    world = Small.make(items=2)
    for role in ("events", "statements"):
        for until in (2, 3):
            origin = world.trust_file.origins[0]
            keys = tuple(replace(k, until=until) if k.role == role else k for k in origin.keys)
            trust = replace(world.trust_file, origins=(replace(origin, keys=keys),))
            name = f"{role} until {until} by the trust file"
            yield Case(name, files=world.files, trust=format_trust(trust))


def rotated() -> Small:
    """A good world: a new key for events was enrolled, the old one retired, the new one used."""

    def bend(world: Small) -> None:
        maker = world.maker
        new = Ed25519PrivateKey.from_private_bytes(NEW_KEY)
        clear = format_enrolled("events", new.public_key().public_bytes_raw())
        maker.add("key-enrolled", VAULT, {"actor": "founder"}, clear, role="root")
        revoke(maker, "events", len(maker.leaves) - 1)
        maker.keys["events"] = new
        maker.about(world.items[0], "described", {"actor": "desk-1"})

    old = Maker().keys["events"].public_key().public_bytes_raw()
    world = Small.make(items=2, then=bend)
    maker = world.maker
    # The key events themselves stand in every receipt, with one withheld field each.
    extra = 2 * len(world.items)
    maker.leaves.pop()
    maker.shown.pop()
    for stood in maker.history.values():
        stood.pop()
    world.files = maker.bundle(world.items, more_withheld=extra)
    world.files = {**world.files, f"keys/{_keyid(old)}.pem": public_pem(old).encode()}
    return beside(world, f"keys/{_keyid(old)}.pem")


def rotated_trust(world: Small) -> bytes:
    """The trust file of such a world, with the interval of each key."""
    maker = world.maker
    entries = ((i, parse_entry(leaf)) for i, leaf in enumerate(maker.leaves))
    state = read_key_events(parse_entry0(maker.leaves[0]), entries)
    keys = tuple(TrustKey(k.role, k.keyid, k.public, k.start, k.until) for k in state.intervals())
    return format_trust(maker.trust(keys=keys))


@tampers("nothing (a key rotated, and the old one revoked)", good=True)
def untouched_rotation() -> Iterator[Case]:
    world = rotated()
    trust = rotated_trust(world)
    yield Case("bundle", files=world.files, trust=trust)
    for place in range(len(world.items)):
        yield Case("receipt", receipt=world.files[world.path(place)], trust=trust)


@tampers("a key used before it was enrolled, or enrolled by somebody else than the root key")
def keys_enrolled() -> Iterator[Case]:
    def late(world: Small) -> None:
        maker = world.maker
        own = maker.keys["events"]
        maker.keys["events"] = Ed25519PrivateKey.from_private_bytes(NEW_KEY)
        maker.about(world.items[0], "described", {"actor": "desk-1"})
        clear = format_enrolled("events", maker.public("events"))
        maker.add("key-enrolled", VAULT, {"actor": "founder"}, clear, role="root")
        maker.keys["events"] = own

    def forged(world: Small) -> None:
        maker = world.maker
        own = maker.keys["events"]
        key = Ed25519PrivateKey.from_private_bytes(NEW_KEY)
        clear = format_enrolled("events", key.public_key().public_bytes_raw())
        maker.add("key-enrolled", VAULT, {"actor": "thief"}, clear, role="events")
        maker.keys["events"] = key
        maker.about(world.items[0], "described", {"actor": "desk-1"})
        maker.keys["events"] = own

    for name, bend in (("before", late), ("by the events key", forged)):
        world = beside(Small.make(then=bend))
        yield Case(name, files=world.files, trust=world.trust)
        yield Case(f"{name}, receipt", receipt=world.files[world.path()], trust=world.trust)


P = 2**255 - 19
WEAK = (
    *(y.to_bytes(32, "little") for y in (0, 1, P - 1, P, P + 1)),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    (1 + 2**255).to_bytes(32, "little"),
)
# Under the identity point this signature verifies for every message.
ANYBODY = (1).to_bytes(32, "little") + bytes(32)


@tampers("keys of small order or in a spelling that is not canonical")
def small_order() -> Iterator[Case]:
    for number, weak in enumerate(WEAK):
        for role in ("root", "events", "statements", "log"):
            world = Small(_weak_maker(role, weak), [])
            item = world.maker.ingest(b"content")
            data = format_receipt(world.maker.receipt(item))
            yield Case(f"{role} {number} in entry 0", receipt=data)

        def bend(world: Small, weak: bytes = weak) -> None:
            clear = {"alg": "ed25519", "public": b64(weak), "role": "events"}
            world.maker.add("key-enrolled", VAULT, {"actor": "x"}, clear, role="root")

        world = beside(Small.make(then=bend))
        yield Case(f"{number} enrolled", files=world.files, trust=world.trust)
        world = Small.make()
        for role in ("root", "events", "statements"):
            own = world.maker.public(role)
            text = world.trust.replace(b64(own).encode(), b64(weak).encode())
            text = text.replace(world.maker.keyid(role).encode(), _keyid(weak).encode())
            yield Case(f"{role} {number} in the trust file", files=world.files, trust=text)


def _keyid(raw: bytes) -> str:
    return hashlib.sha256(bytes.fromhex("302a300506032b6570032100") + raw).hexdigest()


def _weak_maker(role: str, weak: bytes) -> Maker:
    """A vault whose entry 0 names ``weak`` in a role; ``core`` would refuse to write it."""
    maker = Maker()
    zero = maker.leaves[0]
    event = json.loads(base64.b64decode(json.loads(zero)["payload"]))
    for key in event["clear"]["keys"]:
        if key["role"] == role:
            key["public"] = b64(weak)
    signer = _keyid(weak) if role == "root" else maker.keyid("root")
    event["signer"] = signer
    payload = canonical(event)
    sig = ANYBODY if role == "root" else maker.keys["root"].sign(pae(payload))
    maker.leaves[0] = format_entry(payload, signer, sig)
    return maker
