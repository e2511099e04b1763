"""Parts of Office Open XML documents (ECMA-376) without what points to people.

Elements and attributes of namespaces that draw or calculate stay; identifiers of sessions and
revisions, names and descriptions of objects, authors, dates and extension lists go.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from evidence_vault.capture.strip.xmlparts import local, remove, space, unwrap

_OOXML = ("http://schemas.openxmlformats.org/", "http://purl.oclc.org/ooxml/")
_DRAWS = frozenset(
    [
        "",
        "http://www.w3.org/XML/1998/namespace",
        "urn:schemas-microsoft-com:vml",
        "urn:schemas-microsoft-com:office:office",
        "urn:schemas-microsoft-com:office:word",
        "urn:schemas-microsoft-com:office:excel",
        "urn:schemas-microsoft-com:office:powerpoint",
    ]
    + [
        f"http://schemas.microsoft.com/office/{rest}"
        for rest in (
            "word/2010/wordprocessingShape",
            "word/2010/wordprocessingGroup",
            "word/2010/wordprocessingCanvas",
            "word/2010/wordprocessingDrawing",
            "drawing/2007/8/2/chart",
            "drawing/2008/diagram",
            "drawing/2010/main",
            "drawing/2010/chartDrawing",
            "drawing/2012/chart",
            "drawing/2012/chartStyle",
            "drawing/2016/SVG/main",
            "powerpoint/2010/main",
            "spreadsheetml/2009/9/main",
        )
    ]
)
_WORD14 = "http://schemas.microsoft.com/office/word/2010/wordml"
_WORD14_IDS = frozenset(["paraId", "textId", "conflictMode", "docId", "defaultImageDpi"])
_EXTENSIONS = frozenset(
    [
        "{96DAC541-7B7A-43D3-8B79-37D633B846F1}",  # a picture as SVG
        "{78C0D931-6437-407D-A8EE-F0AAD7539E65}",  # conditional formats
        "{B025F937-C7B1-47D3-B67F-A62EFF666E3E}",  # their identifiers
        "{05C60535-1F16-4FD2-B633-F4F36F0B64E0}",  # sparklines
        "{CCE6A557-97BC-4B89-ADB6-D9C93CAAB3DF}",  # what a cell may hold
        "{28A0092B-C50C-407E-A947-70E740481C1C}",  # resolution
    ]
)
_NAMES_OF_OBJECTS = frozenset(["cNvPr", "docPr"])
_VML_SHAPES = frozenset(
    "shape shapetype rect oval line polyline roundrect arc curve image group background".split()
)
_ATTRIBUTES = frozenset(
    "author initials date dateUtc userId userName user userInitials lastEdited lowestEdited "
    "rupBuild appName codeName macro publishToServer displayNameField uniqueName".split()
)
_ELEMENTS = frozenset(
    # spreadsheets
    "customSheetViews customWorkbookViews sheetProtection protectedRanges scenarios "
    "webPublishItems customProperties fileSharing fileVersion fileRecoveryPr workbookProtection "
    "pivotCaches externalReferences webPublishing smartTagPr smartTagTypes revisionPtr "
    "cellWatches smartTags "
    # presentations
    "custDataLst custData modifyVerifier embeddedFontLst smartTagLst photoAlbum tagLst "
    # charts and drawings
    "printSettings relSizeAnchorExt creationId".split()
)
_THEME_NAMES = frozenset("theme clrScheme fontScheme fmtScheme".split())
RELATIONS = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "http://purl.oclc.org/ooxml/officeDocument/relationships",
)
_RSID = re.compile(r"rsid", re.IGNORECASE)


@dataclass
class Scrubbed:
    """``counts``: kinds of things left out; ``secrets``: (kind, value) that went."""

    counts: Counter[str] = field(default_factory=Counter)
    secrets: dict[tuple[str, str], None] = field(default_factory=dict)

    def take(self, kind: str, *values: str | None) -> None:
        self.counts[kind] += 1
        for value in values:
            if value and value.strip():
                self.secrets[kind, value.strip()] = None


def scrub(root: Any, dropped: frozenset[str], gone: Scrubbed) -> None:
    """Clean one part of any kind. ``dropped``: relationship ids that lead nowhere any more."""
    _alternatives(root, gone)
    for element in list(root.iter(etree.Element)):
        if element.getparent() is None and element is not root:
            continue
        name = local(element)
        if not _is_known(element.tag) or name in _ELEMENTS:
            _drop(element, "private data of programs", gone)
        elif name == "ext" and element.get("uri") is not None:
            if element.get("uri", "").upper() not in _EXTENSIONS:
                _drop(element, "extension lists", gone)
        else:
            _attributes(element, name, gone)
            _relations(element, dropped, gone)
    for element in list(root.iter(etree.Element)):
        if local(element) == "extLst" and len(element) == 0:
            remove(element)


def _is_known(tag: str) -> bool:
    where = space(tag)
    return where.startswith(_OOXML) or where in _DRAWS or where == _WORD14


def _alternatives(root: Any, gone: Scrubbed) -> None:
    """AlternateContent (Part 3, 10.2.1) whose choice is not understood becomes its fallback.

    A fallback that says more than the choice that is shown goes: nobody sees it.
    """
    for element in list(root.iter(etree.Element)):
        if local(element) != "AlternateContent":
            continue
        known = [each for each in element if local(each) == "Choice" and _is_drawn(each)]
        if not known:
            for each in list(element):
                if local(each) == "Choice":
                    remove(each)
                elif local(each) == "Fallback":
                    unwrap(each)
            unwrap(element)
            continue
        shown = {text for each in known for text in part_texts(each)}
        for each in list(element):
            if local(each) == "Fallback" and not shown.issuperset(hidden := set(part_texts(each))):
                gone.take("text for other programs", *sorted(hidden - shown))
                remove(each)
    ignorable = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
    value = root.get(ignorable + "Ignorable")
    if value is not None:
        # Braces are part of the name.
        kept = [each for each in value.split() if _is_known("{%s}x" % root.nsmap.get(each, "?"))]  # noqa: UP031
        if kept:
            root.set(ignorable + "Ignorable", " ".join(kept))
        else:
            del root.attrib[ignorable + "Ignorable"]


def _is_drawn(choice: Any) -> bool:
    needed = choice.get("Requires", "").split()
    spaces = [choice.nsmap.get(each, "?") for each in needed]
    return bool(spaces) and all(_is_known(f"{{{each}}}x") for each in spaces)


def _drop(element: Any, kind: str, gone: Scrubbed) -> None:
    values = [value for each in element.iter() for value in each.attrib.values()]
    texts = [each.text for each in element.iter() if each.text]
    gone.take(kind, *[each for each in [*values, *texts] if _is_private(each)])
    remove(element)


def _is_private(value: str) -> bool:
    """Whether a value of a dropped element may point to somebody: no word or number of formats."""
    return any(mark in value for mark in ("\\", "/", "@", " ")) and "://schemas." not in value


def _attributes(element: Any, name: str, gone: Scrubbed) -> None:
    for key in list(element.attrib):
        where, plain = space(key), key.rpartition("}")[2]
        value = element.get(key)
        if _RSID.match(plain):
            gone.take("identifiers of editing sessions", value)
        elif where == _WORD14 and plain in _WORD14_IDS:
            gone.counts["identifiers of paragraphs"] += 1
        elif plain in _ATTRIBUTES and not (name == "functionGroup" or plain == "macro"):
            gone.take("authors and dates", value)
        elif plain == "macro" or not _is_known(f"{{{where}}}x" if where else "x"):
            gone.counts["private data of programs"] += 1
        elif name in _NAMES_OF_OBJECTS and plain in ("name", "descr", "title"):
            gone.take("names and descriptions of objects", value)
            if plain == "name":
                if value != "object":
                    element.set(key, "object")
                else:
                    gone.counts["names and descriptions of objects"] -= 1
                continue
        elif name in _THEME_NAMES and plain == "name":
            if value != "theme":
                gone.take("names of themes")
            element.set(key, "theme")
            continue
        elif plain in ("alt", "title", "href", "src") and _is_vml(element):
            gone.take("names and descriptions of objects", value)
        else:
            continue
        del element.attrib[key]


def _is_vml(element: Any) -> bool:
    return space(element.tag) == "urn:schemas-microsoft-com:vml"


def _relations(element: Any, dropped: frozenset[str], gone: Scrubbed) -> None:
    """References to parts that are no longer there go, and elements that are nothing else."""
    lost = [
        key
        for key, value in element.attrib.items()
        if (space(key) in RELATIONS or key.endswith("}relid")) and value in dropped
    ]
    if not lost:
        return
    for key in lost:
        del element.attrib[key]
    name = local(element)
    if name in _EMPTY_WITHOUT or (name not in ("hyperlink", "blip") and not element.attrib):
        gone.counts["references to what is left out"] += 1
        remove(element)


_EMPTY_WITHOUT = frozenset(
    "hlinkClick hlinkHover hlinkMouseOver legacyDrawing oleObject OLEObject control externalData "
    "attachedTemplate subDoc embedRegular embedBold embedItalic embedBoldItalic imagedata "
    "pivotCache externalReference tags videoFile audioFile wavAudioFile".split()
)


def part_texts(root: Any) -> Iterator[str]:
    """Texts of a part, element by element."""
    for element in root.iter(etree.Element):
        if element.text and element.text.strip():
            yield element.text
