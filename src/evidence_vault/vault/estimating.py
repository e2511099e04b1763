"""How much room sources will take in the store, and about how long taking them in will last."""

from __future__ import annotations

import time
from collections.abc import Sequence

from evidence_vault import osfiles
from evidence_vault.capture.sources import Source
from evidence_vault.config import exiftool_setting
from evidence_vault.core.age import padding
from evidence_vault.core.age.payload import sealed_size
from evidence_vault.errors import ToolMissing
from evidence_vault.seal.units import SealingWriter, UnitMaker
from evidence_vault.vault.opening import Vault

_ONCE = 128 * 1024  # accession, checkpoint and the catalogue's own log
_BESIDE = 16 * 1024  # entry, record, headers and catalogue rows of one item
_SAMPLE_BYTES = 4 * 1024 * 1024
_SAMPLE_KEYS = 4
_SAMPLE_FILES = 4
_UNITS = 3  # content, metadata, record


def stored_bytes(size: int, plaintext: bool) -> int:
    """Bytes that the stored original of ``size`` bytes takes: padded and sealed, or as it is."""
    if plaintext:
        return size
    return sealed_size(padding.padded_length(size, "media"))


def room_needed(sizes: Sequence[int], plaintext: bool) -> int:
    """Bytes on disk for originals of these sizes, with what is kept beside each."""
    beside = _BESIDE
    if not plaintext and exiftool_setting() != "off":
        beside += padding.METADATA_FLOOR
    return sum(stored_bytes(size, plaintext) + beside for size in sizes) + (_ONCE if sizes else 0)


def seconds_needed(vault: Vault, sources: Sequence[Source], files: int, size: int) -> float:
    """Seconds that sealing, key wrapping and metadata of ``files`` new files will take, about.

    Measured on samples on this machine now; ``size``: bytes of them all. Reading and hashing are
    not in it (the dry run did both), nor is a disk that writes more slowly than this seals.
    """
    cores = osfiles.usable_cores()
    return (_sealing(vault, files, size) + _metadata(sources, files)) / cores


def _sealing(vault: Vault, files: int, size: int) -> float:
    keyring = vault.keyring
    maker = UnitMaker(keyring.recipients, keyring.plaintext)
    begun = time.monotonic()
    keys = [maker.new() for _ in range(_SAMPLE_KEYS)]
    wrapped = time.monotonic()
    writer = SealingWriter(keys[0], "media", _Nowhere())
    writer.write(bytes(_SAMPLE_BYTES))
    writer.close()
    sealed = time.monotonic()
    each_key, each_byte = (wrapped - begun) / _SAMPLE_KEYS, (sealed - wrapped) / _SAMPLE_BYTES
    return files * _UNITS * each_key + size * each_byte


def _metadata(sources: Sequence[Source], files: int) -> float:
    """Seconds for the metadata of ``files`` files, by some of the sources; 0 without ExifTool."""
    setting = exiftool_setting()
    if setting == "off" or not files:
        return 0.0
    from evidence_vault.capture.confine import roots
    from evidence_vault.capture.metadata import MetadataReader

    sample = sources[:: max(1, len(sources) // _SAMPLE_FILES)][:_SAMPLE_FILES]
    try:
        begun = time.monotonic()
        readable = roots(source.path for source in sample)
        with MetadataReader(setting, readable=readable) as reader:
            started = time.monotonic()
            reader.read_many([source.path for source in sample])
            done = time.monotonic()
    except ToolMissing:
        return 0.0
    return (started - begun) + files * (done - started) / max(1, len(sample))


class _Nowhere:
    def write(self, data: bytes | memoryview) -> int:
        return len(data)
