"""What a hold has begun and not finished: ``control/holding``, one page, under the writer lock.

Canonical JSON and LF:

    {"doomed":[[key, version or null],…],"off":[[sha256, version],…],"open":null or
      {"copies":[[item, number],…],"hold":id,"items":[id,…],"kind":"place" or "release"},"v":1}

``open``: what is being done; the log says whether it was. ``off``: objects whose legal hold is to
be taken off, ``doomed``: copies of headers to be destroyed, as soon as the store allows it.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

from evidence_vault.core.canonical import canonical, parse_canonical
from evidence_vault.errors import FormatError, NotFound
from evidence_vault.vault.opening import Vault

KEY = "holding"
PLACE, RELEASE = "place", "release"


@dataclass(frozen=True)
class Begun:
    """``copies``: (item, number) of the copies of headers that are being made."""

    kind: str
    hold: str
    items: tuple[str, ...]
    copies: tuple[tuple[str, int], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "copies": [list(each) for each in self.copies],
            "hold": self.hold,
            "items": list(self.items),
            "kind": self.kind,
        }


@dataclass
class Page:
    """``lost``: digests of objects whose hold was to come off and whose version the store does not
    have; not written, for whoever asks just now."""

    begun: Begun | None = None
    off: list[tuple[str, str]] = field(default_factory=list)
    doomed: list[tuple[str, str | None]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return self.begun is None and not self.off and not self.doomed


def read_page(vault: Vault) -> Page:
    """What is unfinished; an empty page where nothing is. Raises FormatError (E-HOLDING)."""
    try:
        with vault.control.open(KEY) as stream:
            data = stream.read()
    except NotFound:
        return Page()
    value = parse_canonical(data.removesuffix(b"\n"), "control/holding")
    try:
        begun = value["open"]
        return Page(
            None
            if begun is None
            else Begun(
                str(begun["kind"]),
                str(begun["hold"]),
                tuple(map(str, begun["items"])),
                tuple((str(item), int(number)) for item, number in begun["copies"]),
            ),
            [(str(digest), str(version)) for digest, version in value["off"]],
            [(str(key), version) for key, version in value["doomed"]],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            "control/holding is damaged",
            code="E-HOLDING",
            hint="put it back from a copy of control/; it says what is locked and not logged",
        ) from error


def write_page(vault: Vault, page: Page) -> None:
    """Durable on return; an empty page is removed."""
    if page.empty:
        with contextlib.suppress(NotFound):
            vault.control.delete(KEY)
        return
    value = {
        "doomed": [list(each) for each in page.doomed],
        "off": [list(each) for each in page.off],
        "open": None if page.begun is None else page.begun.to_json(),
        "v": 1,
    }
    vault.control.replace(KEY, canonical(value) + b"\n")
