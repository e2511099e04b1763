"""Where the demonstration material lies: in the source tree, or inside the installed package."""

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
