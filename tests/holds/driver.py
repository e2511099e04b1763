"""One step in a process of its own, so that it can be killed.

python -m holds.driver BASE place|release|extend|retain, from the folder of the tests
"""

from __future__ import annotations

import sys
from pathlib import Path

from evidence_vault.seal import keyring

from .worlds import World


def main(world: World, doing: str) -> None:
    keyring.LOG_N = 10
    first = world.items()[0]
    if doing == "place":
        world.place(*world.items()[:2])
    elif doing == "release":
        world.release(world.holds()[0]["hold"])
    elif doing == "extend":
        world.describe(first)
    else:
        world.retain("2050-01-01", first)


if __name__ == "__main__":
    main(World(Path(sys.argv[1])), sys.argv[2])
