"""What belongs together goes along in a hand-over, and is taken back by whoever has it then."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence_vault.errors import PolicyRefused
from evidence_vault.vault.checking import log_audit
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.vault.linking import link, relations_of, unlink
from evidence_vault.vault.queries import show_item

from .copies import join
from .worlds import World, make_desk, opened


def two_desks(base: Path) -> World:
    """A sender and a receiver that reads with it; two items at the sender."""
    world = World(base)
    (base / "source").mkdir()
    for folder, prefix in ((world.desk, "DESK"), (world.field, "FLD")):
        make_desk(folder, prefix)
    join(base, world.field, world.desk)
    for name in ("whole.txt", "part.txt"):
        world.take_in(name, name.encode())
    return world


def test_a_relation_goes_over_with_its_items_and_still_counts(tmp_path: Path) -> None:
    world = two_desks(tmp_path)
    whole, part = world.items()
    with opened(world.field) as vault:
        link(vault, part, "excerpt-of", whole)
    world.handed_over()
    with opened(world.desk) as vault:
        assert [each.id for each in relations_of(vault, part)] == [whole]
        for one, other, way in ((part, whole, "to"), (whole, part, "from")):
            (told,) = show_item(vault, one)["relations"]
            assert (told["relation"], told["id"], told["direction"]) == ("excerpt-of", other, way)
        link(vault, part, "excerpt-of", whole, purpose="told here, too, so that receipts tell it")
        alone = ExportRequest([part], tmp_path / "no", profile="court", originals=True, clear=True)
        with pytest.raises(PolicyRefused, match="excerpt"):
            export(vault, alone)
        unlink(vault, part, "excerpt-of", whole, purpose="it is the whole")
        assert relations_of(vault, part) == []
        export(vault, alone)
        assert log_audit(vault)["findings"] == []


def test_a_field_vault_reads_nothing_and_links_nothing(world: World) -> None:
    one, other = world.items()[:2]
    with opened(world.field) as vault, pytest.raises(PolicyRefused):
        link(vault, one, "part-of", other)
