"""One step of a hand-over in a process of its own, so that it can be killed.

python -m transfer.driver BASE offer|accept|acknowledge|remove, from the folder of the tests
"""

from __future__ import annotations

import sys
from pathlib import Path

from evidence_vault.seal import keyring

from .worlds import World

if __name__ == "__main__":
    keyring.LOG_N = 10
    world = World(Path(sys.argv[1]))
    {
        "offer": world.offer,
        "accept": lambda: world.accept(out=world.answer),
        "acknowledge": world.acknowledge,
        "remove": world.remove,
    }[sys.argv[2]]()
