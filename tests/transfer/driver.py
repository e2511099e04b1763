"""One step of a hand-over in a process of its own, so that it can be killed.

driver.py BASE offer|accept|acknowledge|remove
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from evidence_vault.seal import keyring
from transfer.worlds import World  # type: ignore[import-not-found]

if __name__ == "__main__":
    keyring.LOG_N = 10
    world = World(Path(sys.argv[1]))
    {
        "offer": world.offer,
        "accept": lambda: world.accept(out=world.answer),
        "acknowledge": world.acknowledge,
        "remove": world.remove,
    }[sys.argv[2]]()
