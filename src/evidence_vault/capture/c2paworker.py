"""The confined process that reads content credentials: a line of JSON in, a line of JSON out.

Asked ``{"mime", "path"}``; answers ``{"state", "json", "results", "store_sha256", "library"}`` or
``{"error", "library"}``. Both switches that make the library call out are off, whatever this
machine's settings say; the process has no network besides.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any, BinaryIO

from evidence_vault.capture.jumbf import manifest_store

#: A manifest that is not in the file is not fetched, nor is the state of a certificate asked for:
#: either would tell an outsider that this file is held.
SETTINGS = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


def main() -> None:
    """Answer until standard input ends."""
    import c2pa

    context = c2pa.Context(c2pa.Settings.from_dict(SETTINGS))
    library = f"c2pa-python {c2pa.__version__}, c2pa {c2pa.sdk_version()}"
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        answer = {**_read(c2pa, context, asked["path"], asked["mime"]), "library": library}
        sys.stdout.buffer.write(json.dumps(answer).encode("ascii") + b"\n")
        sys.stdout.buffer.flush()


def _read(c2pa: Any, context: Any, path: str, mime: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as stream:
            store = _digest(stream, mime)
            stream.seek(0)
            with c2pa.Reader(mime, stream, context=context) as reader:
                return {
                    "json": json.loads(reader.json()),
                    "results": reader.get_validation_results() or {},
                    "state": str(reader.get_validation_state()),
                    "store_sha256": store,
                }
    except (c2pa.C2paError, OSError, ValueError, MemoryError, RecursionError) as error:
        return {"error": str(error) or type(error).__name__}


def _digest(stream: BinaryIO, mime: str) -> str | None:
    try:
        store = manifest_store(stream, mime)
    except (ValueError, IndexError, OverflowError, OSError):
        return None
    return None if store is None else hashlib.sha256(store).hexdigest()
