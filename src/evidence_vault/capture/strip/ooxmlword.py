"""Word parts: tracked changes, comments, hidden text, fields and settings (ECMA-376 Part 1, 17)."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from evidence_vault.capture.strip.model import NotChecked
from evidence_vault.capture.strip.ooxmlparts import Scrubbed
from evidence_vault.capture.strip.xmlparts import local, remove, unwrap

_DELETED = frozenset("del moveFrom".split())
_INSERTED = frozenset("ins moveTo".split())
_WRAPPERS = frozenset("smartTag customXml sdtContent".split())
_LEFT_OUT = frozenset(
    "moveFromRangeStart moveFromRangeEnd moveToRangeStart moveToRangeEnd customXmlInsRangeStart "
    "customXmlInsRangeEnd customXmlDelRangeStart customXmlDelRangeEnd customXmlMoveFromRangeStart "
    "customXmlMoveFromRangeEnd customXmlMoveToRangeStart customXmlMoveToRangeEnd permStart permEnd "
    "proofErr cellIns cellDel cellMerge customXmlPr smartTagPr sdtPr sdtEndPr delText "
    "delInstrText nsid tmpl rsid rsids helpText statusText entryMacro exitMacro tblCaption "
    "tblDescription".split()
)
_COMMENTS = frozenset("commentRangeStart commentRangeEnd commentReference annotationRef".split())
_SETTINGS = frozenset(
    "zoom mirrorMargins alignBordersAndEdges bordersDoNotSurroundHeader "
    "bordersDoNotSurroundFooter gutterAtTop evenAndOddHeaders bookFoldRevPrinting bookFoldPrinting "
    "bookFoldPrintingSheets defaultTabStop autoHyphenation consecutiveHyphenLimit hyphenationZone "
    "doNotHyphenateCaps characterSpacingControl noLineBreaksAfter noLineBreaksBefore "
    "displayBackgroundShape footnotePr endnotePr compat mathPr themeFontLang clrSchemeMapping "
    "decimalSymbol listSeparator strictFirstAndLastChars drawingGridHorizontalSpacing "
    "drawingGridVerticalSpacing displayHorizontalDrawingGridEvery "
    "displayVerticalDrawingGridEvery".split()
)
_FIELDS = re.compile(
    r"\s*(=|PAGE|NUMPAGES|SECTION|SECTIONPAGES|TOC|INDEX|REF|PAGEREF|NOTEREF|SEQ|STYLEREF|"
    r"SYMBOL|EQ|FORMTEXT|FORMCHECKBOX|FORMDROPDOWN|LISTNUM|QUOTE|ADVANCE|"
    r"HYPERLINK\s+(\\l\s+\"|\"(https?|mailto|ftp|tel):|\"#))(\W|$)?",
    re.IGNORECASE,
)
_OWN_BOOKMARK = re.compile(r"(_GoBack|_(Toc|Ref|Hlk|Hlt|PictureBullets)[0-9]*|place[0-9]+)\Z")
_REFERENCE = re.compile(
    r"\b(?:REF|PAGEREF|NOTEREF|HYPERLINK\s+\\l|HYPERLINK(?=\s+\"#))\s+"
    r"\"?#?(?P<name>[^\s\"\\]+)",
    re.IGNORECASE,
)


def scrub_word(root: Any, gone: Scrubbed) -> None:
    """The text as it reads with every change accepted; no comments, no hidden text."""
    if local(root) == "settings":
        _settings(root, gone)
    _bookmarks(root, gone)
    _fields(root, gone)
    _changes(root, gone)
    for element in list(root.iter(etree.Element)):
        name = local(element)
        if name in _COMMENTS:
            gone.counts["marks of comments"] += 1
            run = element.getparent()
            remove(element)
            if local(run) == "r" and not [each for each in run if local(each) != "rPr"]:
                remove(run)
        elif name in _LEFT_OUT:
            if name in ("delText", "delInstrText"):
                gone.take("deleted text", element.text)
            elif name in ("sdtPr", "tblCaption", "tblDescription"):
                values = [each.get(key) for each in element.iter() for key in each.attrib]
                gone.take("names of controls", *[each for each in values if each and " " in each])
            remove(element)
        elif name == "r" and _is_hidden(element):
            gone.take("hidden text", _text(element))
            remove(element)
        elif name in ("embedRegular", "embedBold", "embedItalic", "embedBoldItalic"):
            gone.counts["embedded fonts"] += 1
            remove(element)
        elif name == "altChunk":
            raise NotChecked("it holds a part in another format that is not understood")
        elif name == "name" and local(element.getparent()) == "ffData":
            gone.take("names of fields", *element.attrib.values())
            remove(element)
        for key in list(element.attrib):
            if key.rpartition("}")[2] in ("tplc",):
                del element.attrib[key]
            elif name == "hyperlink" and key.rpartition("}")[2] in ("tooltip", "docLocation"):
                gone.take("notes on links", element.attrib.pop(key))
    for element in list(root.iter(etree.Element)):
        if local(element) in _WRAPPERS | {"sdt"}:
            unwrap(element)


def _bookmarks(root: Any, gone: Scrubbed) -> None:
    """Names of bookmarks (17.13.6.2) that people gave become numbers, where they lead to, too.

    A reference to a name of another part becomes its result.
    """
    names: dict[str, str] = {}
    for element in root.iter(etree.Element):
        for key, value in element.attrib.items():
            if local(element) == "bookmarkStart" and key.endswith("}name"):
                if _OWN_BOOKMARK.match(value):
                    names[value] = value
                elif value not in names:
                    names[value] = f"place{len(names) + 1}"
                    gone.take("names of places", value)
                element.set(key, names[value])
    for element in list(root.iter(etree.Element)):
        for key, value in list(element.attrib.items()):
            if local(element) == "hyperlink" and key.endswith("}anchor"):
                if value in names or _OWN_BOOKMARK.match(value):
                    element.set(key, names.get(value, value))
                else:
                    gone.take("names of places", element.attrib.pop(key))
            elif local(element) == "fldSimple" and key.endswith("}instr"):
                element.set(key, _renamed(value, names))
        if local(element) == "instrText" and element.text:
            element.text = _renamed(element.text, names)


def _renamed(code: str, names: dict[str, str]) -> str:
    """A field code that names a place by its new name; one of another part is none any more."""
    found = _REFERENCE.search(code)
    if found is None:
        return code
    name = found["name"]
    if name in names or _OWN_BOOKMARK.match(name):
        return code[: found.start("name")] + names.get(name, name) + code[found.end("name") :]
    return f"AUTHOR {name}"  # a field that becomes its result


def _settings(root: Any, gone: Scrubbed) -> None:
    for element in list(root):
        if local(element) not in _SETTINGS:
            values = [value for each in element.iter() for value in each.attrib.values()]
            kind = "identifiers of editing sessions" if local(element) == "rsids" else "settings"
            gone.take(kind, *[each for each in values if " " in each or local(element) == "rsids"])
            remove(element)


def _changes(root: Any, gone: Scrubbed) -> None:
    """Tracked changes (17.13.5) accepted: deletions out, insertions in, old properties out."""
    for element in list(root.iter(etree.Element)):
        name = local(element)
        parent = element.getparent()
        if parent is None:
            continue
        if name.endswith("PrChange") or name in (
            "numberingChange",
            "tblGridChange",
            "tblPrExChange",
        ):
            _authors(element, gone, "changed properties")
            remove(element)
        elif name in _DELETED | _INSERTED and local(parent) == "rPr":
            _authors(element, gone, "changed paragraphs")
            remove(element)
            if name in _DELETED:
                _join(parent)
        elif name in _DELETED | _INSERTED and local(parent) == "trPr":
            _authors(element, gone, "changed rows")
            remove(element)
            if name in _DELETED:
                gone.take("deleted text", _text(parent.getparent()))
                remove(parent.getparent())
        elif name in _DELETED:
            _authors(element, gone, "deletions")
            gone.take("deleted text", _text(element))
            remove(element)
        elif name in _INSERTED:
            _authors(element, gone, "insertions")
            unwrap(element)


def _authors(element: Any, gone: Scrubbed, kind: str) -> None:
    gone.counts[f"tracked changes: {kind}"] += 1
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] in ("author", "date", "initials", "dateUtc"):
            gone.take("authors and dates", value)


def _join(properties: Any) -> None:
    """A paragraph whose end was deleted goes on with the next one; an empty one goes."""
    paragraph = properties.getparent()
    paragraph = paragraph.getparent() if paragraph is not None else None
    if paragraph is None or local(paragraph) != "p":
        return
    following = paragraph.getnext()
    left = [each for each in paragraph if local(each) not in ("pPr", *_DELETED)]
    if following is None or local(following) != "p":
        if not left and following is not None:
            remove(paragraph)
        return
    at = 1 if len(following) and local(following[0]) == "pPr" else 0
    for each in left:
        following.insert(at, each)
        at += 1
    for each in list(paragraph):
        if local(each) in _DELETED:
            following.insert(at, each)
    remove(paragraph)


def _is_hidden(run: Any) -> bool:
    for properties in run:
        if local(properties) == "rPr":
            for each in properties:
                if local(each) == "vanish":
                    values = [value.lower() for value in each.attrib.values()]
                    return not any(value in ("0", "false", "off") for value in values)
    return False


def _text(element: Any) -> str:
    return "".join(each.text or "" for each in element.iter() if local(each) in ("t", "delText"))


def _fields(root: Any, gone: Scrubbed) -> None:
    """Fields (17.16) that tell of files, people or sources become their results."""
    for element in list(root.iter(etree.Element)):
        if local(element) == "fldSimple":
            code = next((v for k, v in element.attrib.items() if k.endswith("}instr")), "")
            if not _FIELDS.match(code):
                gone.take("field codes", code)
                unwrap(element)
    open_fields: list[list[Any]] = []
    for element in list(root.iter(etree.Element)):
        name = local(element)
        if name == "fldChar":
            kind = next((v for k, v in element.attrib.items() if k.endswith("}fldCharType")), "")
            if kind == "begin":
                open_fields.append([])
            if open_fields:
                open_fields[-1].append(element)
            if kind == "end" and open_fields:
                _close(open_fields.pop(), gone)
        elif name == "instrText" and open_fields:
            open_fields[-1].append(element)


def _close(parts: list[Any], gone: Scrubbed) -> None:
    code = "".join(each.text or "" for each in parts if local(each) == "instrText")
    if _FIELDS.match(code):
        return
    gone.take("field codes", code)
    for each in parts:
        remove(each)
