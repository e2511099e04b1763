"""Where data of the program lies: in the source tree, or inside the installed package."""

from __future__ import annotations

from pathlib import Path

from evidence_vault.errors import NotFound

_PACKAGE = Path(__file__).resolve().parent


def demo_folder() -> Path:
    """The folder of demonstration files, read-only material with its own README.

    An installed wheel carries it as ``evidence_vault/_seeds/demo``; a checkout has it as
    ``seeds/demo`` beside ``src``. Raises NotFound when neither is there.
    """
    candidates = (_PACKAGE / "_seeds" / "demo", _PACKAGE.parent.parent / "seeds" / "demo")
    for folder in candidates:
        if (folder / "sheet.csv").is_file():
            return folder
    raise NotFound(
        "the demonstration material is missing: looked for "
        + " and ".join(str(folder) for folder in candidates),
        code="E-DEMO-MISSING",
        hint="install the package again, or run the command from a complete source checkout",
    )


def places_file() -> Path:
    """The list of places of Myanmar with their codes and spellings (seeds/places/README.md).

    Raises NotFound when it is in neither place.
    """
    name = Path("places", "myanmar.csv")
    candidates = (_PACKAGE / "_seeds" / name, _PACKAGE.parent.parent / "seeds" / name)
    for file in candidates:
        if file.is_file():
            return file
    raise NotFound(
        "the list of places is missing: looked for " + " and ".join(map(str, candidates)),
        code="E-PLACES-MISSING",
        hint="install the package again, or run the command from a complete source checkout",
    )


def fonts_folder() -> Path:
    """The folder of the fonts that reports are set in (seeds/fonts/README.md).

    Raises NotFound when it is in neither place.
    """
    candidates = (_PACKAGE / "_seeds" / "fonts", _PACKAGE.parent.parent / "seeds" / "fonts")
    for folder in candidates:
        if (folder / "NotoSansMyanmar-Regular.ttf").is_file():
            return folder
    raise NotFound(
        "the fonts of the reports are missing: looked for " + " and ".join(map(str, candidates)),
        code="E-FONTS-MISSING",
        hint="install the package again, or run the command from a complete source checkout",
    )
