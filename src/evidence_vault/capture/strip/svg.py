"""Share copies of SVG drawings (SVG 2): what draws stays; editors' data, scripts, texts that are
not drawn and references to the outside go.
"""

from __future__ import annotations

import base64
import binascii
import platform
import re
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from lxml import etree

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.model import (
    Comparison,
    NotChecked,
    Scan,
    Secret,
    ToolUse,
    View,
    Work,
)
from evidence_vault.capture.strip.nested import Nest
from evidence_vault.capture.strip.ooxmlparts import Scrubbed
from evidence_vault.capture.strip.xmlparts import (
    local,
    parse_xml,
    remove,
    space,
    strings,
    words,
    xml_bytes,
)

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_XML = "http://www.w3.org/XML/1998/namespace"
_LEFT_OUT = frozenset("metadata title desc script foreignObject handler".split())
_LEADS = re.compile(r"(https?|mailto):", re.IGNORECASE)
_OUTSIDE = re.compile(r"@import|url\(\s*['\"]?(?!#)", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_ATTRIBUTE = re.compile(r"on[a-z]+\Z|data-.*|base\Z|author\Z", re.IGNORECASE)
_LINK = "href"
_MOST_BYTES = 64 * 1024 * 1024
_UNDRAWN = re.compile(r"title|desc|metadata|script|rdf|inkscape|sodipodi", re.IGNORECASE)
ORDINARY: frozenset[str | bytes] = frozenset(["image/svg+xml", "image", "black", "Layer 1"])


class Svg:
    """Drawings; entities, style sheets and fonts from outside are refused."""

    name = "SVG"

    def __init__(self) -> None:
        self._nest = Nest()

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        """Write the elements that draw anew."""
        if source.stat().st_size > _MOST_BYTES:
            raise NotChecked("it is too large")
        root = parse_xml(source.read_bytes())
        if local(root) != "svg":
            raise NotChecked("it is no SVG drawing")
        gone = Scrubbed()
        self._scrub(root, gone, bench)
        etree.cleanup_namespaces(root)
        target.write_bytes(xml_bytes(root))
        left = set(strings(root))
        return Work(
            structures=tuple(f"{kind}: {count}" for kind, count in sorted(gone.counts.items())),
            secrets=tuple(
                Secret(kind, value)
                for kind, value in gone.secrets
                if value not in left and not value.startswith("http://")
            ),
            tools=(ToolUse("lxml", etree.__version__, ("no entities", "no network")),),
            nested=tuple(self._nest.reports),
            ordinary=ORDINARY | words([root]),
        )

    def _scrub(self, root: Any, gone: Scrubbed, bench: Bench) -> None:
        used = set(re.findall(r"#([^\s\"')]+)", etree.tostring(root, encoding="unicode")))
        for element in list(root.iter(etree.Element)):
            if element.getparent() is None and element is not root:
                continue
            name = local(element)
            if space(element.tag) != _SVG or name in _LEFT_OUT:
                kind = name if name in _LEFT_OUT else "data of drawing programs"
                gone.take(kind, *[each.text for each in element.iter(etree.Element)])
                remove(element)
            elif _is_hidden(element) and root.find(f".//{{{_SVG}}}animate") is None:
                gone.take("hidden elements", *[each.text for each in element.iter(etree.Element)])
                remove(element)
            else:
                self._attributes(element, used, gone, bench)
                if name == "style":
                    element.text = _style(element.text or "")

    def _attributes(self, element: Any, used: set[str], gone: Scrubbed, bench: Bench) -> None:
        for key in list(element.attrib):
            where, plain, value = space(key), key.rpartition("}")[2], element.get(key)
            if plain == _LINK and where in ("", _XLINK):
                self._link(element, key, value, gone, bench)
            elif where not in ("", _XML, _XLINK) or _ATTRIBUTE.match(plain):
                gone.take("data of drawing programs", value)
                del element.attrib[key]
            elif (plain == "id" and value not in used) or (where == _XLINK and plain == "title"):
                gone.take("names of elements", value)
                del element.attrib[key]
            elif plain == "style" or "url(" in value:
                element.set(key, _style(value))

    def _link(self, element: Any, key: str, value: str, gone: Scrubbed, bench: Bench) -> None:
        if value.startswith("#"):
            return
        if value.startswith("data:"):
            element.set(key, self._picture(value, bench))
        elif local(element) != "a" or not _LEADS.match(value):
            gone.take("links to other files", value)
            del element.attrib[key]

    def _picture(self, value: str, bench: Bench) -> str:
        head, _, coded = value[5:].partition(",")
        try:
            if head.endswith(";base64"):
                data = base64.b64decode("".join(coded.split()), validate=True)
            else:
                data = urllib.parse.unquote_to_bytes(coded)
        except (binascii.Error, ValueError) as error:
            raise NotChecked("an embedded picture can't be read") from error
        kind = re.match(r"image/[a-z0-9.+-]+", head)
        if kind is None:
            raise NotChecked("an embedded file is no picture")
        cleaned = self._nest.clean("picture", data, bench)
        return f"data:{kind.group()};base64,{base64.b64encode(cleaned).decode()}"

    def compare(self, source: Path, target: Path, bench: Bench) -> Comparison:
        """Every element that draws, with its attributes and text."""
        method = "elements that draw, read with Python's xml.etree; not painted"
        before, after = _drawn(source), _drawn(target)
        return Comparison("yes" if before == after else "no", method, f"{len(before)} elements")

    def scan(self, target: Path, bench: Bench) -> Scan:
        """The copy read by the standard library."""
        found = []
        data = target.read_bytes()
        if b"<!--" in data or b"<!DOCTYPE" in data:
            found.append("comments or DOCTYPE")
        for element in _parsed(target).iter():
            where, _, name = str(element.tag).rpartition("}")
            if where[1:] != _SVG or name in _LEFT_OUT:
                found.append("an element that does not draw")
            for key, value in element.attrib.items():
                plain = key.rpartition("}")[2]
                if _ATTRIBUTE.match(plain) or space(key) not in ("", _XML, _XLINK):
                    found.append("an attribute that does not draw")
                if plain == _LINK and not value.startswith(("#", "data:")) and name != "a":
                    found.append("a link to a file")
        tool = ToolUse("Python xml.etree", platform.python_version())
        return Scan(tool, tuple(sorted(set(found))))

    def views(self, path: Path, bench: Bench) -> Iterator[View]:
        """Embedded pictures, decoded."""
        for coded in re.findall(rb";base64,([A-Za-z0-9+/=]+)", path.read_bytes()):
            yield View("an embedded picture", base64.b64decode(coded + b"=" * (-len(coded) % 4)))

    def visible_text(self, source: Path, bench: Bench) -> str:
        """The text that is drawn."""
        return "\n".join(text for _, _, text in _drawn(source) if text)

    def may_stay(self, tag: str) -> str | None:
        group, _, name = tag.rpartition(":")
        if group.split(":")[0] == "SVG" and not _UNDRAWN.search(name):
            return "an element or attribute that draws"
        return self._nest.may_stay(tag)


def _is_hidden(element: Any) -> bool:
    style = "".join(element.get("style", "").split())
    return element.get("display") == "none" or "display:none" in style


def _style(text: str) -> str:
    """CSS without comments and editors' properties; raises NotChecked if it leads outside."""
    plain = _COMMENT.sub("", text)
    plain = re.sub(r"(^|;)\s*-(inkscape|adobe)[^;]*", "", plain)
    if _OUTSIDE.search(plain):
        raise NotChecked("its style leads to other files")
    return plain


def _parsed(path: Path) -> Any:
    data = path.read_bytes()
    if b"<!ENTITY" in data:
        raise NotChecked("its XML declares entities")
    try:
        return ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise NotChecked("its XML can't be read") from error


def _drawn(path: Path) -> list[tuple[str, str, str]]:
    """(name, geometry and paint, text) of every element that draws, in order."""
    found: list[tuple[str, str, str]] = []

    def walk(element: Any) -> None:
        where, _, name = str(element.tag).rpartition("}")
        if where[1:] != _SVG or name in _LEFT_OUT or _is_hidden(element):
            return
        kept = sorted(
            (key, "".join(_style_of(value).split()))
            for key, value in element.attrib.items()
            if "}" not in key and key not in ("id", _LINK) and not _ATTRIBUTE.match(key)
        )
        text = (element.text or "").strip()
        found.append((name, repr(kept), "" if name == "style" else text))
        for each in element:
            walk(each)

    walk(_parsed(path))
    return found


def _style_of(value: str) -> str:
    return re.sub(r"(^|;)\s*-(inkscape|adobe)[^;]*", "", _COMMENT.sub("", value))
