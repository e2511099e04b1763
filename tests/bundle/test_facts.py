"""Facts say what a receipt reveals of an item, nothing that it withholds; extras are listed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from evidence_vault.bundle.facts import item_facts
from evidence_vault.bundle.model import BundlePlan
from evidence_vault.bundle.sinks import FolderSink
from evidence_vault.bundle.writer import write_bundle
from evidence_vault.verify.bundle import verify_bundle

Plans = Callable[..., BundlePlan]
CONTENT = ("content_sha256", "content_sha512", "content_size", "format")


def test_only_what_is_revealed_is_told(plans: Plans) -> None:
    shown = list(item_facts(plans(reveal=(*CONTENT, "title"))))
    assert [each.number for each in shown] == [1, 2, 3][: len(shown)]
    assert "title" in shown[0].described
    hidden = list(item_facts(plans(reveal=CONTENT)))
    assert "title" not in hidden[0].described
    assert "title" in hidden[0].withheld
    assert hidden[0].content["content_sha256"] == hidden[0].arrival.revealed["content_sha256"]


class _Note:
    def files(self, plan: BundlePlan) -> Iterator[tuple[str, Iterable[bytes]]]:
        yield "NOTE.txt", [plan.bundle_id.encode()]


def test_further_files_are_listed_signed_and_checked(plans: Plans, tmp_path: Path) -> None:
    plan = replace(plans(), first=[_Note()])
    written = write_bundle(plan, FolderSink(tmp_path / "b"))
    assert "NOTE.txt" in {row.path for row in written.files}
    assert verify_bundle(tmp_path / "b", None).exit_status() == 3
    (tmp_path / "b" / "NOTE.txt").write_text("another")
    assert verify_bundle(tmp_path / "b", None).exit_status() == 10
