"""What the tamper table is made from: a small vault, its bundle, and ways to bend both.

Whoever attacks holds, from class to class, more: only the files; the statements key, so that lists
and signatures fit again (``Small.relisted``); the vault's own keys (``Small.bent``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.verify.forge import Maker

from evidence_vault.core.bagtext import STATEMENT
from evidence_vault.core.receipt import Receipt, format_receipt
from evidence_vault.core.statement import FileRow, Statement, parse_statement
from evidence_vault.core.trust import TrustFile, format_trust

Files = dict[str, bytes]


@dataclass(frozen=True)
class Case:
    """One attack: a bundle (``files``) or a receipt, and what the reader has to check it with.

    ``trust``: bytes of the trust file, None to go without. ``folders``: empty folders to add.
    """

    name: str
    files: Mapping[str, bytes] | None = None
    receipt: bytes | None = None
    trust: bytes | None = None
    original: bytes | None = None
    expect: str | None = None
    folders: tuple[str, ...] = ()


@dataclass
class Small:
    """A vault of a few items and one good bundle of it."""

    maker: Maker
    items: list[str]
    files: Files = field(default_factory=dict)

    @staticmethod
    def make(
        seed: str = "one",
        items: int = 1,
        then: Callable[[Small], object] = bool,
        arrival: str = "ingested",
    ) -> Small:
        """``then`` may bend the log after the items were taken in, before the export."""
        maker = Maker(seed=seed)
        contents = [f"content {n}".encode() for n in range(items)]
        world = Small(maker, [maker.ingest(content, arrival) for content in contents])
        maker.about(world.items[0], "described", {"actor": "desk-1", "place": "MMR001"})
        then(world)
        world.files = maker.bundle(world.items)
        return world

    @property
    def trust_file(self) -> TrustFile:
        return self.maker.trust()

    @property
    def trust(self) -> bytes:
        return format_trust(self.trust_file)

    @property
    def statement(self) -> Statement:
        return parse_statement(self.files[STATEMENT])

    def receipt(self, item: int = 0) -> Receipt:
        """The receipt as it stands in the bundle."""
        return self.maker.receipt(self.items[item])

    def path(self, item: int = 0) -> str:
        return f"receipts/{self.items[item]}.txt"

    def relisted(self, change: Mapping[str, bytes], **statement: Any) -> Files:
        """The bundle with changed files, listed and signed anew by the statements key."""
        rows = {r.path: r for r in self.statement.files}
        for path, data in change.items():
            rows[path] = FileRow(path, hashlib.sha256(data).hexdigest(), len(data))
        told = replace(
            self.statement,
            files=tuple(rows[p] for p in sorted(rows)),
            **statement,
        )
        return self.maker.seal({**self.files, **change}, told)

    def with_receipt(self, receipt: Receipt | bytes, name: str, item: int = 0) -> Iterator[Case]:
        """A changed receipt, alone and inside a bundle that lists it."""
        data = receipt if isinstance(receipt, bytes) else format_receipt(receipt)
        yield Case(f"{name}, receipt alone", receipt=data, trust=self.trust)
        files = self.relisted({self.path(item): data})
        yield Case(f"{name}, in a bundle listed anew", files=files, trust=self.trust)

    def whole(self, name: str) -> Iterator[Case]:
        """This world's own bundle and first receipt under its own trust file."""
        yield Case(f"{name}, bundle", files=self.files, trust=self.trust)
        data = format_receipt(self.receipt())
        yield Case(f"{name}, receipt", receipt=data, trust=self.trust)
