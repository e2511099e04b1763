"""Sets a page: a template of ours and values, by Typst, into the bytes of a PDF/A-2a file.

Values reach the template as JSON and are shown as they are: nothing in them is ever source, markup
or a path. The templates name no file and no package, so nothing is read but the fonts and nothing
is fetched. The same template, values, fonts and time give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from evidence_vault.errors import InternalError

STANDARD: Final = "a-2a"
_COMMON = "common.typ"


def make_pdf(template: str, values: Mapping[str, Any], made_at: str, fonts: Path) -> bytes:
    """The PDF/A file of ``template`` (a file beside this module) with ``values``.

    ``made_at``: YYYY-MM-DDTHH:MM:SSZ, the time that the file bears. Raises InternalError when it
    can't be set: values have to be printable before they come here (printable.py).
    """
    import typst  # 80 MB of machine code: only for whoever makes a report

    moment = datetime.fromisoformat(made_at)
    compiler = typst.Compiler(
        _source(template),
        font_paths=_fonts(fonts),
        ignore_system_fonts=True,
        sys_inputs={"values": json.dumps(values, ensure_ascii=False)},
    )
    try:
        made = compiler.compile(format="pdf", pdf_standards=STANDARD, timestamp=moment)
    except typst.TypstError as error:
        raise InternalError(f"{template} can't be set: {error.message}") from error
    if not isinstance(made, bytes):
        raise InternalError(f"{template} gave no file")
    return made


@cache
def _source(template: str) -> bytes:
    folder = files("evidence_vault.bundle.paper")
    return b"\n".join(folder.joinpath(name).read_bytes() for name in (_COMMON, template))


@cache
def _fonts(folder: Path) -> Any:
    import typst

    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=True, font_paths=[str(folder)]
    )
