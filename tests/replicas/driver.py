"""One command on a world, in a process of its own that a test kills."""

from __future__ import annotations

import sys
from pathlib import Path

from evidence_vault.seal import keyring
from evidence_vault.vault.keeping import keep

from .worlds import World

keyring.LOG_N = 10
world, command = World(Path(sys.argv[1])), sys.argv[2]
if command == "add":
    world.add()
elif command == "sync":
    world.sync()
elif command == "keep":
    trust = [world.base / "known.json", world.base / "known-partner.json"]
    keep(world.base / "keeper", trust, world.base / "update")
elif command == "restore":
    world.restore(world.place("usb-1"))
