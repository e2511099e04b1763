"""A PDF built anew from its pages: what is not on the lists here does not reach the copy.

Each kind of dictionary of ISO 32000-2 has its list of keys, and each key the kind of its value.
Nothing is copied that no page reaches. Layers that are switched off are left out, links lead to
pages or addresses, forms become what they look like.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.model import NotChecked
from evidence_vault.capture.strip.pdfcontent import Content, rewrite
from evidence_vault.capture.strip.pdfstreams import Streams

_DEEPEST = 60
_SIMPLE, _STRINGS = "simple", "strings"


def _keys(names: str, kind: str = _SIMPLE) -> dict[str, str]:
    return {f"/{name}": kind for name in names.split()}


SHAPES: dict[str, dict[str, str]] = {
    "font": {
        **_keys("Type Subtype BaseFont FirstChar LastChar Widths DW W DW2 W2 FontBBox FontMatrix"),
        **_keys("CIDSystemInfo", _STRINGS),
        "/FontDescriptor": "descriptor",
        "/Encoding": "encoding",
        "/ToUnicode": "map",
        "/DescendantFonts": "font",
        "/CIDToGIDMap": "data",
    },
    "descriptor": {
        **_keys(
            "Type FontName FontStretch FontWeight Flags FontBBox ItalicAngle Ascent Descent "
            "Leading CapHeight XHeight StemV StemH AvgWidth MaxWidth MissingWidth"
        ),
        **_keys("FontFile FontFile2 FontFile3", "fontfile"),
    },
    "fontfile": {},
    "encoding": {
        **_keys("Type BaseEncoding Differences CMapName WMode"),
        **_keys("CIDSystemInfo", _STRINGS),
        "/UseCMap": "encoding",
    },
    "map": {**_keys("Type CMapName WMode"), **_keys("CIDSystemInfo", _STRINGS), "/UseCMap": "map"},
    "data": {},
    "profile": {**_keys("N Range"), "/Alternate": "space"},
    "function": {
        **_keys("FunctionType Domain Range Size BitsPerSample Order Encode Decode C0 C1 N Bounds"),
        "/Functions": "function",
    },
    "shading": {
        **_keys(
            "ShadingType Background BBox AntiAlias Coords Domain Extend Matrix BitsPerCoordinate "
            "BitsPerComponent BitsPerFlag Decode VerticesPerRow"
        ),
        "/ColorSpace": "space",
        "/Function": "function",
    },
    "pattern": {
        **_keys("Type PatternType Matrix"),
        "/Shading": "shading",
        "/ExtGState": "state",
    },
    "tiling": _keys("Type PatternType PaintType TilingType BBox XStep YStep Matrix"),
    "state": {
        **_keys("Type LW LC LJ ML D RI OP op OPM FL SM SA BM CA ca AIS TK UseBlackPtComp"),
        **_keys("BG BG2 UCR UCR2 TR TR2", "function"),
        "/Font": "fontpair",
        "/SMask": "softmask",
    },
    "softmask": {**_keys("Type S BC"), "/G": "form", "/TR": "function"},
    "image": {
        **_keys(
            "Type Subtype Width Height BitsPerComponent Intent ImageMask Decode Interpolate "
            "SMaskInData Matte"
        ),
        "/ColorSpace": "space",
        "/SMask": "image",
        "/Mask": "image",
    },
    "form": {**_keys("Type Subtype FormType BBox Matrix"), "/Group": "group"},
    "group": {**_keys("Type S I K"), "/CS": "space"},
}
_RESOURCES = {
    "/ExtGState": "state",
    "/ColorSpace": "space",
    "/Pattern": "pattern",
    "/Shading": "shading",
    "/XObject": "xobject",
    "/Font": "font",
}
_DEFAULT_SPACES = ("/DefaultGray", "/DefaultRGB", "/DefaultCMYK")
_COMPONENTS = {
    "/DeviceGray": 1, "/CalGray": 1, "/Indexed": 1, "/Separation": 1, "/G": 1, "/I": 1,
    "/DeviceRGB": 3, "/CalRGB": 3, "/Lab": 3, "/RGB": 3, "/DeviceCMYK": 4, "/CMYK": 4,
}  # fmt: skip


class Builder:
    """Copies by kind from one document to another; ``counts`` tells what was left out."""

    def __init__(self, source: pikepdf.Pdf, target: pikepdf.Pdf, bench: Bench) -> None:
        self.target = target
        self.streams = Streams(target, bench)
        self.counts: Counter[str] = Counter()
        self._made: dict[tuple[Any, ...], Any] = {}
        self._off = _layers_off(source)
        self._depth = 0

    # -- by kind -------------------------------------------------------------------------------

    def copy(self, value: Any, kind: str, inherited: Any = None) -> Any | None:
        """``value`` as it may stand in the copy; None where nothing of it may.

        ``inherited``: the resources of the page for a form that has none of its own (8.10).
        """
        if not isinstance(value, Stream | Dictionary | Array):
            return self._scalar(value, kind)
        key = None
        if value.is_indirect:
            own = isinstance(value, Stream) and "/Resources" not in value and inherited is not None
            key = (value.objgen, kind, inherited.objgen if own and inherited.is_indirect else own)
            if key in self._made:
                return self._made[key]
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotChecked("its objects are nested too deep")
        try:
            return self._copy(value, kind, inherited, key)
        finally:
            self._depth -= 1

    def _copy(self, value: Any, kind: str, inherited: Any, key: Any) -> Any | None:
        if kind == "xobject":
            kind = "image" if value.get("/Subtype") == Name.Image else "form"
        if kind in ("form", "image") and self.is_off(value.get("/OC")):
            self.counts["hidden layers"] += 1
            return self._empty_form()
        if kind == "pattern" and isinstance(value, Stream):
            kind = "tiling"
        if kind == "font" and isinstance(value, Dictionary) and value.get("/Subtype") == "/Type3":
            return self._type3(value, inherited, key)
        if isinstance(value, Stream):
            return self._stream(value, kind, inherited, key)
        if isinstance(value, Array):
            return self._array(value, kind)
        if kind in (_SIMPLE, _STRINGS):
            return self._simple_dictionary(value, kind)
        new = Dictionary()
        if key is not None:
            new = self._made[key] = self.target.make_indirect(new)
        self._fill(value, new, kind)
        return new

    def _scalar(self, value: Any, kind: str) -> Any | None:
        if isinstance(value, bool | int | Decimal | float):
            return value
        if isinstance(value, Name):
            return Name(str(value))
        if isinstance(value, pikepdf.String) and kind == _STRINGS:
            return pikepdf.String(bytes(value))
        return None

    def _simple_dictionary(self, value: Any, kind: str) -> Any:
        parts = {each: self.copy(value[each], kind) for each in value.keys()}
        return Dictionary({each: part for each, part in parts.items() if part is not None})

    def _array(self, value: Any, kind: str) -> Any:
        if kind == "space":
            return self._space(value)
        if kind == "fontpair":
            return Array([self.copy(value[0], "font"), *[self._scalar(value[1], _SIMPLE)]])
        if kind == "image":
            kind = _SIMPLE  # /Mask may be a range of colours (8.9.6.4)
        return Array([self.copy(each, kind) for each in value])

    def _fill(self, value: Any, new: Any, kind: str) -> None:
        for name, inner in SHAPES.get(kind, {}).items():
            if name in value:
                part = self.copy(value[name], inner)
                if part is not None:
                    new[name] = part

    def _space(self, value: Any) -> Any:
        """Colour spaces that are arrays (8.6): what stands at each place."""
        kinds = {
            "/ICCBased": ["profile"],
            "/Indexed": ["space", _SIMPLE, "table"],
            "/I": ["space", _SIMPLE, "table"],
            "/Separation": [_SIMPLE, "space", "function"],
            "/DeviceN": [_SIMPLE, "space", "function"],
            "/Pattern": ["space"],
        }.get(str(value[0]), [_SIMPLE])
        parts: list[Any] = [Name(str(value[0]))]
        for each, kind in zip(list(value)[1:], kinds, strict=False):
            if kind == "table":
                table = isinstance(each, pikepdf.String)
                parts.append(pikepdf.String(bytes(each)) if table else self.copy(each, "data"))
            else:
                parts.append(self.copy(each, kind))
        return Array(parts)

    # -- streams -------------------------------------------------------------------------------

    def _stream(self, value: Any, kind: str, inherited: Any, key: Any) -> Any:
        new = self.target.make_stream(b"")
        if key is not None:
            self._made[key] = new
        self._fill(value, new, kind)
        if kind in ("form", "tiling"):
            resources = value.get("/Resources", inherited)
            self.content(value, resources, new)
        elif kind == "image":
            self.streams.image(value, new, self._components(value))
        elif kind == "fontfile":
            self.streams.font(value, new)
        elif kind == "profile":
            self.streams.profile(value, new)
        elif kind in ("map", "encoding") or (
            kind == "function" and value.get("/FunctionType") == 4
        ):
            self.streams.program(value, new)
        elif kind in ("function", "shading", "data"):
            self.streams.data(value, new)
        else:
            raise NotChecked("a stream stands where none is expected")
        return new

    def content(self, stream: Any, resources: Any, new: Any) -> Content:
        """Rewrite a content stream into ``new`` with the resources that it uses, and no others."""
        properties = resources.get("/Properties") if isinstance(resources, Dictionary) else None

        def hidden(name: str) -> bool:
            return isinstance(properties, Dictionary) and self.is_off(properties.get(name))

        content = rewrite(stream, hidden)
        self.counts["hidden layers"] += content.hidden
        self.counts["invisible text"] += content.invisible_text
        target = self.target.make_stream(b"") if new is None else new
        self.streams.size += len(content.data)
        self.streams.fill(target, content.data)
        if new is not None:
            new["/Resources"] = self.resources(resources, content)
        self._last = target
        return content

    @property
    def last_content(self) -> Any:
        """The stream that ``content`` made when it was given none."""
        return self._last

    def resources(self, resources: Any, content: Content) -> Any:
        """Resources (7.8.3) by the names that a content stream uses."""
        new = Dictionary()
        if not isinstance(resources, Dictionary):
            return new
        for category, kind in _RESOURCES.items():
            given = resources.get(category)
            names = set(content.used.get(category, ()))
            if category == "/ColorSpace":
                names |= set(_DEFAULT_SPACES)
            if not isinstance(given, Dictionary):
                continue
            parts = {}
            for name in sorted(names):
                if name in given:
                    part = self.copy(given[name], kind, resources)
                    if part is not None:
                        parts[name] = part
            if parts:
                new[category] = Dictionary(parts)
        return new

    def _empty_form(self) -> Any:
        empty = self.target.make_stream(b"")
        empty["/Type"], empty["/Subtype"] = Name.XObject, Name.Form
        empty["/BBox"] = Array([0, 0, 0, 0])
        return empty

    def _type3(self, value: Any, inherited: Any, key: Any) -> Any:
        """A font whose letters are content streams (9.6.4)."""
        new = Dictionary()
        if key is not None:
            new = self._made[key] = self.target.make_indirect(new)
        self._fill(value, new, "font")
        resources = value.get("/Resources", inherited)
        together = Content(b"")
        letters = {}
        for name in value.get("/CharProcs", Dictionary()).keys():
            content = self.content(value["/CharProcs"][name], resources, None)
            letters[name] = self.last_content
            for category, names in content.used.items():
                together.used.setdefault(category, set()).update(names)
        new["/CharProcs"] = Dictionary(letters)
        new["/Resources"] = self.resources(resources, together)
        return new

    def _components(self, image: Any) -> int | None:
        if image.get("/ImageMask") is True:
            return 1
        space = image.get("/ColorSpace")
        if isinstance(space, Array) and len(space) > 1:
            if space[0] == "/ICCBased":
                count = space[1].get("/N")
                return count if isinstance(count, int) else None
            if space[0] == "/DeviceN":
                return len(space[1])
            space = space[0]
        return _COMPONENTS.get(str(space))

    # -- layers (8.11) -------------------------------------------------------------------------

    def is_off(self, layer: Any) -> bool:
        """Whether an optional content group, or a membership dictionary, is not shown."""
        if not isinstance(layer, Dictionary):
            return False
        if layer.get("/Type") != "/OCMD":
            return layer.is_indirect and layer.objgen in self._off
        if "/VE" in layer:
            raise NotChecked("its layers are shown by rules that are not understood")
        groups = layer.get("/OCGs")
        listed = list(groups) if isinstance(groups, Array) else [groups]
        off = [self.is_off(each) for each in listed if isinstance(each, Dictionary)]
        if not off:
            return False
        policy = str(layer.get("/P", "/AnyOn"))
        shown = {"/AllOn": not any(off), "/AnyOff": any(off), "/AllOff": all(off)}
        return not shown.get(policy, not all(off))


def _layers_off(source: pikepdf.Pdf) -> frozenset[tuple[int, int]]:
    """Groups that the default configuration switches off."""
    properties = source.Root.get("/OCProperties")
    if not isinstance(properties, Dictionary):
        return frozenset()
    default = properties.get("/D", Dictionary())
    everything = {each.objgen for each in properties.get("/OCGs", Array())}
    off = everything if default.get("/BaseState") == "/OFF" else set()
    off |= {each.objgen for each in default.get("/OFF", Array())}
    off -= {each.objgen for each in default.get("/ON", Array())}
    return frozenset(off)
