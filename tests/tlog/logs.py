"""Keys and logs for the tests of the transparency log: the test material of the format page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from evidence_vault.core.checkpoint import Checkpoint, sign_checkpoint
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.core.note import KeyType, VerifierKey, format_vkey
from evidence_vault.core.tile_reader import TileReader
from evidence_vault.core.tiles import BundleBuilder, TileBuilder
from evidence_vault.errors import NotFound

ORIGIN = "log.example/vault"
WITNESS = "witness.example/one"
TIME = 1_800_000_000


class LocalSigner:
    """A private key in memory, of any of the three types."""

    def __init__(self, name: str, key_type: KeyType, seed: bytes) -> None:
        self.name = name
        if key_type is KeyType.MLDSA44:
            pq_key = MLDSA44PrivateKey.from_seed_bytes(seed)
            self._sign: Callable[[bytes], bytes] = pq_key.sign
            public = pq_key.public_key().public_bytes_raw()
        else:
            key = Ed25519PrivateKey.from_private_bytes(seed)
            self._sign = key.sign
            public = key.public_key().public_bytes_raw()
        self.key = VerifierKey(name, key_type, public)

    @property
    def vkey(self) -> str:
        return format_vkey(self.key)

    def sign(self, message: bytes, /) -> bytes:
        return self._sign(message)


def signer(name: str, key_type: KeyType, secret: str) -> LocalSigner:
    """A signer whose seed is the SHA-256 of ``secret``."""
    return LocalSigner(name, key_type, sha256(secret.encode()).digest())


def log_signer() -> LocalSigner:
    return signer(ORIGIN, KeyType.ED25519, "test log key")


def pq_signer() -> LocalSigner:
    return signer(ORIGIN, KeyType.MLDSA44, "test pq key")


def witness_signer() -> LocalSigner:
    return signer(WITNESS, KeyType.COSIGNATURE_ED25519, "test witness key")


def entry(index: int) -> bytes:
    return f"entry-{index}".encode()


def leaves(size: int) -> list[bytes]:
    return [leaf_hash(entry(index)) for index in range(size)]


class MemoryLog:
    """A tiled log in a dictionary. Refuses a second content for one path, as a store does."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self._tiles = TileBuilder()
        self._bundles = BundleBuilder()

    @property
    def size(self) -> int:
        return self._tiles.size

    def grow(self, entries: Iterable[bytes]) -> list[str]:
        """Append entries, write what is new, return the paths written."""
        batch = list(entries)
        written = self._bundles.extend(batch) + self._tiles.extend(map(leaf_hash, batch))
        for tile, data in written:
            assert self.files.setdefault(tile.path, data) == data
        return [tile.path for tile, _ in written]

    def fetch(self, path: str) -> bytes:
        self.fetched.append(path)
        if path not in self.files:
            raise NotFound(f"{path} is not there")
        return self.files[path]

    def reader(self, size: int, root: bytes) -> TileReader:
        return TileReader(size, root, self.fetch)


def write_folder(folder: Path, log: MemoryLog, root: bytes) -> None:
    """Lay a log out as C2SP tlog-tiles, its checkpoint signed with both log keys."""
    for path, data in log.files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    note = sign_checkpoint(
        Checkpoint(ORIGIN, log.size, root), [log_signer(), pq_signer()], timestamp=TIME
    )
    (folder / "checkpoint").write_bytes(note)
