"""Thumbnails of what leaves in one export: each payload is read once for it, whoever asks."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from evidence_vault.bundle.model import BundleItem
from evidence_vault.capture.privatefolder import PrivateFolder
from evidence_vault.capture.thumbnail import ThumbnailMaker

OFF, NOTHING_LEAVES = "off", "none"


class Thumbnails:
    """Called with an item, gives its JPEG or None; ``why`` says why None. Use ``with``.

    What was made is kept in a private folder in memory, as the share copies are while they are
    made, and is gone at the end. ``wanted``: False makes none.
    """

    def __init__(self, wanted: bool = True) -> None:
        self._wanted = wanted
        self._stack = ExitStack()
        self._tools: tuple[ThumbnailMaker, Path] | None = None
        self._why: dict[str, str] = {}

    def __call__(self, item: BundleItem) -> bytes | None:
        if self.why(item):
            return None
        assert self._tools is not None
        return (self._tools[1] / item.id).read_bytes()

    def why(self, item: BundleItem) -> str:
        """Empty where there is one; else a code of bundle.gallery.Thumbnails."""
        if item.payload is None:
            return NOTHING_LEAVES
        if not self._wanted:
            return OFF
        if item.id not in self._why:
            self._why[item.id] = self._make(item)
        return self._why[item.id]

    def _make(self, item: BundleItem) -> str:
        assert item.payload is not None
        if self._tools is None:
            self._tools = self._start()
        maker, folder = self._tools
        with item.payload.open() as stream:
            made = maker.make(stream, item.payload.size)
        if made.jpeg is not None:
            (folder / item.id).write_bytes(made.jpeg)
        return made.why

    def _start(self) -> tuple[ThumbnailMaker, Path]:
        maker = self._stack.enter_context(ThumbnailMaker())
        private = PrivateFolder()
        self._stack.callback(private.remove)
        folder = Path(private.path, "made")
        folder.mkdir()
        return maker, folder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
