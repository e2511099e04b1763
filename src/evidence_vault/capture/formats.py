"""What kind of file it is, told by its content and never by its name.

A table of signatures and a few closer looks (containers, office files, text). It says what a
file *claims to be* by its first and last bytes; it does not validate. The cost is a few
microseconds a file, so that 20,000 small files do not wait for it. What is not in the table is
``application/octet-stream`` with basis ``unknown``, and said so.
"""

from __future__ import annotations

from evidence_vault.capture import containers, textkinds
from evidence_vault.capture.signatures import PREFIXES, REST, Format, Kind

__all__ = ["HEAD_SIZE", "TAIL_SIZE", "UNKNOWN", "Format", "identify"]

#: How many first and last bytes of a file :func:`identify` can make use of.
HEAD_SIZE = 65_536
TAIL_SIZE = 65_536

UNKNOWN = Format("application/octet-stream", "bin", "unknown", "unknown")
EMPTY = Format("application/x-empty", "bin", "empty file", "size")


def identify(head: bytes, tail: bytes = b"", size: int = -1) -> Format:
    """The format of a file from its first and (optionally) last bytes.

    ``head``: up to the first ``HEAD_SIZE`` bytes; ``tail``: up to the last ``TAIL_SIZE``, only
    needed where ``head`` is not the whole file; ``size``: length of the whole file, -1 if not
    known. Never raises on any input; ``basis`` says what the answer rests on.
    """
    if not head:
        return EMPTY if size <= 0 else UNKNOWN
    kind = _by_signature(head)
    if kind is not None:
        return containers.look_closer(kind, head, tail) or Format(*kind, "signature")
    return containers.without_signature(head, size) or textkinds.identify_text(head) or UNKNOWN


def _by_signature(head: bytes) -> Kind | None:
    for signature, kind in PREFIXES.get(head[0], ()):
        if head.startswith(signature):
            return kind
    for offset, signature, kind in REST:
        if head.startswith(signature, offset):
            return kind
    return None
