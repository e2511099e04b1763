"""PDF content streams written anew from their operators: no comments, no stray operands, no
hidden layers, no marks of structure. Clauses are of ISO 32000-2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pikepdf
from pikepdf import ContentStreamInlineImage, ContentStreamInstruction, Name, Operator

from evidence_vault.capture.strip.barejpeg import is_bare
from evidence_vault.capture.strip.model import NotChecked

_ARITY = {
    **dict.fromkeys("q Q b B b* B* BT ET BX EX f F f* h n s S T* W W*".split(), 0),
    **dict.fromkeys("g G i j J M w gs cs CS Do sh ri Tc Tw Tz TL Ts Tr Tj TJ '".split(), 1),
    **dict.fromkeys("l m d Td TD Tf d0".split(), 2),
    **dict.fromkeys(("rg", "RG", '"'), 3),
    **dict.fromkeys("v y re k K".split(), 4),
    **dict.fromkeys("c cm Tm d1".split(), 6),
    **dict.fromkeys("sc scn SC SCN".split(), 33),
}
_SHOWS_TEXT = frozenset(["Tj", "TJ", "'", '"'])
_USES = {
    "gs": "/ExtGState",
    "cs": "/ColorSpace",
    "CS": "/ColorSpace",
    "Do": "/XObject",
    "sh": "/Shading",
    "Tf": "/Font",
    "scn": "/Pattern",
    "SCN": "/Pattern",
}
_MOST_OPERATORS = 5_000_000


@dataclass
class Content:
    """A stream as it goes into the copy, and the names of resources that it uses."""

    data: bytes
    used: dict[str, set[str]] = field(default_factory=dict)
    hidden: int = 0
    inline_images: int = 0
    invisible_text: bool = False

    def use(self, kind: str, name: str) -> None:
        self.used.setdefault(kind, set()).add(name)


def rewrite(stream: Any, hidden: Any) -> Content:
    """A content stream (or page) rewritten.

    ``hidden(name)``: whether the property list of that name is a layer that is switched off.
    """
    try:
        instructions = pikepdf.parse_content_stream(stream)
    except (pikepdf.PdfError, ValueError, TypeError, RuntimeError) as error:
        raise NotChecked("a content stream can't be read") from error
    if len(instructions) > _MOST_OPERATORS:
        raise NotChecked("a content stream is too long")
    content = Content(b"")
    out: list[Any] = []
    marks: list[bool] = []
    for each in instructions:
        operator = str(each.operator)
        if operator in ("BMC", "BDC"):
            marks.append(_is_hidden(each, hidden))
            content.hidden += marks[-1]
        elif operator == "EMC":
            if marks:
                marks.pop()
        elif not any(marks):
            kept = _kept(each, operator, content)
            if kept is not None:
                out.append(kept)
    content.data = bytes(pikepdf.unparse_content_stream(out))
    return content


def _is_hidden(each: Any, hidden: Any) -> bool:
    operands = each.operands
    if str(each.operator) != "BDC" or len(operands) < 2 or operands[-2] != Name.OC:
        return False
    return isinstance(operands[-1], Name) and bool(hidden(str(operands[-1])))


def _name(value: Any) -> Name:
    return Name(str(value))


def _kept(each: Any, operator: str, content: Content) -> Any | None:
    """One instruction with as many operands as its operator takes (Annex A); None: left out."""
    if isinstance(each, ContentStreamInlineImage):
        return _inline(each, content)
    arity = _ARITY.get(operator)
    if arity is None:
        return None
    operands = list(each.operands)[-arity:] if arity else []
    plain: list[Any] = [_operand(one, operator) for one in operands]
    if any(one is None for one in plain):
        return None
    if operator in _USES and plain:
        name = plain[0] if operator == "Tf" else plain[-1]
        if isinstance(name, Name):
            content.use(_USES[operator], str(name))
    if operator == "Tr" and plain and plain[0] == 3:
        content.invisible_text = True
    return ContentStreamInstruction(plain, Operator(operator))


def _operand(value: Any, operator: str) -> Any | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, Name):
        return _name(value)
    shows = operator in _SHOWS_TEXT
    if isinstance(value, pikepdf.String):
        return pikepdf.String(bytes(value)) if shows else None
    if isinstance(value, pikepdf.Array):
        parts = [_operand(one, operator) for one in value]
        return pikepdf.Array([one for one in parts if one is not None])
    return None


def _inline(each: Any, content: Content) -> Any:
    """An inline picture (8.9.7): its dictionary has no room for more; a JPEG must be bare."""
    content.inline_images += 1
    image = each.iimage
    filters = [str(one) for one in image.filters]
    if any(one in ("/DCTDecode", "/DCT") for one in filters):
        coded = image._data._inline_image_raw_bytes()
        if filters not in (["/DCTDecode"], ["/DCT"]) or not is_bare(coded):
            raise NotChecked("a picture inside a content stream can't be checked")
    space = image.obj.get("/ColorSpace", image.obj.get("/CS"))
    if isinstance(space, Name):
        content.use("/ColorSpace", str(space))
    for key in image.obj.keys():
        value = image.obj[key]
        if isinstance(value, pikepdf.String | pikepdf.Dictionary) and key not in (
            "/DecodeParms",
            "/DP",
        ):
            raise NotChecked("a picture inside a content stream can't be checked")
    return each
