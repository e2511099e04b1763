"""What the adversary of these tests holds: every public artefact of a vault, opened as far as
it goes.

More than anybody outside would get: the whole of ``archive/`` *and* ``control/``, sealed headers
included, the pins, the sealed keyring, file times, and what was sent to others. Not the index
tables of the catalogue, which are readable text and stay on a desk, and no key.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from evidence_vault.core.event import Event, parse_entry

_HEX = re.compile(rb"[0-9a-fA-F]{16,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")


@dataclass
class Public:
    """``files``: bytes by name; ``times``: modification in nanoseconds; ``entries``: of the log.

    ``sent``: what left for others (requests, answers, sealed bundles, stripped receipts, output of
    verifiers), by name.
    """

    files: dict[str, bytes]
    times: dict[str, int]
    entries: list[bytes]
    sent: dict[str, bytes] = field(default_factory=dict)

    @cached_property
    def events(self) -> list[Event]:
        return [parse_entry(entry).event for entry in self.entries]

    @cached_property
    def commitments(self) -> list[tuple[str, str]]:
        """(field, commitment in hex) of every entry, in order."""
        return [
            (name, digest)
            for event in self.events
            for name, digest in event.commitments.items()
            if digest is not None
        ]

    @cached_property
    def blob(self) -> bytes:
        """Everything in a row: names, contents, sizes, times, entries and their payloads opened."""
        parts = [parse_entry(entry).payload for entry in self.entries]
        for name, data in {**self.files, **self.sent}.items():
            parts += [name.encode(), data, str(len(data)).encode()]
        parts += [str(time).encode() for time in self.times.values()]
        return b"\n".join(parts)

    @cached_property
    def tokens(self) -> Counter[bytes]:
        """The first 8 bytes of every hex or base64 word of 16 characters or more, decoded."""
        found: Counter[bytes] = Counter()
        for word in _HEX.findall(self.blob):
            found[bytes.fromhex(word[:16].decode())] += 1
        for word in _BASE64.findall(self.blob):
            text = word.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
            found[base64.b64decode(text[:12])[:8]] += 1
        return found

    @cached_property
    def values(self) -> list[bytes]:
        """Every 16- and 32-byte value that stands anywhere: what a lazy maker could use as salt."""
        found = {bytes(16), bytes(32), b""}
        for event in self.events:
            found |= set(_values(event.to_json()))
            found.add(json.dumps(event.subject).encode())
            found.add(event.origin.encode())
            found.add(str(event.subject.get("id", "")).encode())
            found.add(event.recorded_at.encode())
        found |= {str(number).encode() for number in range(64)}
        found |= {number.to_bytes(8, "big") for number in range(64)}
        found |= {number.to_bytes(32, "big") for number in range(64)}
        return sorted(found)

    @cached_property
    def objects(self) -> dict[str, bytes]:
        return {n.rsplit("/", 1)[1]: d for n, d in self.files.items() if "/objects/" in n}

    @cached_property
    def content_objects(self) -> list[str]:
        """The first stored part of each original, in the order in which items came."""
        return [u.objects[0] for e in self.events for u in e.units if u.kind == "content"]


def collect(folder: Path, state: Path, entries: list[bytes]) -> Public:
    """Everything of a vault on disk that needs no key, but for the catalogue."""
    files: dict[str, bytes] = {}
    times: dict[str, int] = {}
    for root, prefix in ((folder, "vault"), (state, "state")):
        for path in sorted(root.rglob("*")):
            if path.is_file() and not path.name.startswith("catalogue.db"):
                name = f"{prefix}/{path.relative_to(root).as_posix()}"
                files[name] = path.read_bytes()
                times[name] = path.stat().st_mtime_ns
    return Public(files, times, entries)


def _values(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _values(each)
    elif isinstance(value, list):
        for each in value:
            yield from _values(each)
    elif isinstance(value, str) and re.fullmatch("[0-9a-f]{32}|[0-9a-f]{64}", value):
        yield bytes.fromhex(value)
