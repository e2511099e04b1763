"""One small log, one bundle, and their trust file, shared by the tests of the verifier."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from evidence_vault.core.receipt import Receipt
from evidence_vault.core.trust import TrustFile

from .forge import Maker


@dataclass
class World:
    """A vault with three items; ``files`` is a good bundle of them."""

    maker: Maker
    items: list[str]
    files: dict[str, bytes]
    receipt: Receipt
    trust: TrustFile


@pytest.fixture(scope="session")
def world() -> World:
    maker = Maker()
    items = [maker.ingest(f"content {n} ".encode() * 20) for n in range(3)]
    maker.about(items[0], "described", {"actor": "desk-1", "place": "MMR001"})
    maker.about_set(items, "fixity-checked", {"actor": "desk-1", "method": "sha256"})
    files = maker.bundle(items)
    return World(maker, items, files, maker.receipt(items[0]), maker.trust())
