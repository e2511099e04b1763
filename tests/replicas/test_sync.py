"""Replicas added, synced, looked at and retired."""

from __future__ import annotations

from .worlds import World, files


def test_synced_replica_holds_both_roots_byte_for_byte(world: World) -> None:
    place = world.add()
    row = world.synced()
    assert row["objects"] == "3"
    for part in ("archive", "control"):
        ours, theirs = files(world.vault / part), files(place / part, ["replica.json"])
        # Narrower tiles of earlier checkpoints follow from the wider ones.
        assert {k: v for k, v in ours.items() if ".p/" not in k or k in theirs} == theirs
