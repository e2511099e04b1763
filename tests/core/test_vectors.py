"""The bytes of the formats that must not change, against a file written once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.core.samples import artefacts

VECTORS = Path(__file__).parent / "vectors" / "formats.json"


def test_every_format_gives_the_bytes_written_down() -> None:
    written = json.loads(VECTORS.read_text(encoding="utf-8"))
    made = artefacts()
    assert set(made) == set(written)
    assert len(written) == 14
    for name, data in made.items():
        assert hashlib.sha256(data).hexdigest() == written[name]["sha256"], name
        if "text" in written[name]:
            assert data.decode("utf-8") == written[name]["text"], name
        else:
            assert data.hex() == written[name].get("hex", data.hex()), name
