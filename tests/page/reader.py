"""Somebody who uses the page: gives files, checks, reads what it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE = 10_000  # milliseconds


@dataclass
class Reader:
    """A page in a browser. ``requests``: every address that it asked for, itself included."""

    page: Any
    url: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def of(cls, browser: Any, path: Path, **options: Any) -> Iterator[Reader]:
        """Opens the page in a context of its own; errors in the page fail at the end."""
        context = browser.new_context(viewport={"width": 1000, "height": 800}, **options)
        reader = cls(context.new_page(), path.as_uri())
        reader.watch()
        reader.page.goto(reader.url)
        try:
            yield reader
            assert reader.errors == []
            assert reader.dialogs == []
        finally:
            context.close()

    def watch(self) -> None:
        def dismiss(dialog: Any) -> None:
            self.dialogs.append(dialog.message)
            dialog.dismiss()

        self.page.set_default_timeout(PATIENCE)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", dismiss)

    def give(self, *files: Path) -> None:
        """Choose files, as in the browser's window for that."""
        self.page.evaluate("() => document.querySelector('#said').replaceChildren()")
        self.page.set_input_files("#files", [str(path) for path in files])
        self.page.wait_for_function("() => document.querySelector('#said').textContent !== ''")

    def check(self) -> Sequence[str]:
        """Press the button; the headlines of the results, in order."""
        self.page.click("#start")
        self.page.wait_for_selector("#results article")
        return self.headlines()

    def headlines(self) -> list[str]:
        found: list[str] = self.page.locator("article .headline").all_inner_texts()
        return found

    def text(self, selector: str = "body") -> str:
        """Its text with every run of white space as one space, hidden parts included."""
        raw: str = self.page.locator(selector).first.evaluate("each => each.textContent")
        return " ".join(raw.split())

    def said(self) -> str:
        return self.text("#said")

    def drop(self, *paths: Path, at: tuple[int, int] = (300, 250)) -> None:
        """Drop real files or folders from outside, as the operating system does."""
        session = self.page.context.new_cdp_session(self.page)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            session.send(
                "Input.dispatchDragEvent",
                {"type": kind, "x": at[0], "y": at[1], "data": data},
            )
