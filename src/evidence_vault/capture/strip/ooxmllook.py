"""What a reader sees in Office Open XML documents, and what a copy must not hold.

Read with the standard library alone, by rules of its own: the maker uses lxml.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from evidence_vault.capture.strip.model import NotChecked
from evidence_vault.capture.strip.zipparts import container_residues, read_members

_UNSEEN = re.compile(
    r"comment|person|people|custom|/core-|extended-prop|thumbnail|signature|glossary|"
    r"printerSettings|vba|attachedTemplate|mailMerge|pivot|externalLink|tags?$|authors",
    re.IGNORECASE,
)
_SHOWN = frozenset(
    "document hdr ftr footnotes endnotes sld sldMaster sldLayout notes notesMaster worksheet "
    "chartSpace dataModel drawing wsDr workbook".split()
)
_SKIPPED = frozenset(
    "del moveFrom instrText delText delInstrText sdtPr extLst rPrChange pPrChange".split()
)
_FORBIDDEN_PARTS = re.compile(
    r"docProps/|customXml|comments|people\.xml|persons?/|printerSettings|vbaProject|thumbnail|"
    r"_xmlsignatures|commentAuthors|pivotCache|externalLinks|activeX|glossary",
    re.IGNORECASE,
)
_FORBIDDEN_ELEMENTS = frozenset(
    "del moveFrom delText delInstrText comment commentReference commentRangeStart rsids rsid nsid "
    "docVars mailMerge attachedTemplate customXmlPr smartTagPr fileSharing externalReference "
    "absPath documentProtection rPrChange pPrChange creationId externalBook".split()
)
_FORBIDDEN_ATTRIBUTES = re.compile(
    r"rsid.*|paraId|textId|author|initials|dateUtc|userId|userName|uid|lastEdited", re.IGNORECASE
)
_ADDRESS = re.compile(r"(https?|mailto|ftp|tel):", re.IGNORECASE)


def texts(path: Path) -> list[str]:
    """The text of every part that is shown, each as one string; sorted."""
    parts = {each.name.lower(): each.data for each in read_members(path)}
    roots = {name: _parse(parts[name]) for name in _reached(parts)}
    strings = [
        "".join(each.text or "" for each in item.iter() if _local(each) == "t")
        for root in roots.values()
        if root is not None and _local(root) == "sst"
        for item in root
    ]
    found = []
    for root in roots.values():
        if root is not None and _local(root) in _SHOWN:
            text = _sheet(root, strings) if _local(root) == "worksheet" else _text(root)
            found.append(text)
    return sorted(found)


def _parse(data: bytes) -> Any | None:
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or b"<\0!\0" in data:
        return None
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError):
        return None


def _reached(parts: dict[str, bytes]) -> list[str]:
    """Names of parts that relationships lead to, without those that nobody sees."""
    found: dict[str, None] = {}
    ahead = [""]
    while ahead:
        name = ahead.pop()
        folder, _, base = name.rpartition("/")
        root = _parse(parts.get(posixpath.join(folder, "_rels", base + ".rels"), b""))
        for each in () if root is None else root:
            if each.get("TargetMode") == "External" or _UNSEEN.search(each.get("Type", "")):
                continue
            where = posixpath.normpath(posixpath.join("/" + folder, each.get("Target", "")))
            where = where.lstrip("/").lower()
            if where in parts and where not in found:
                found[where] = None
                ahead.append(where)
    return list(found)


def _local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _text(element: Any) -> str:
    """Text of runs in order, with tracked changes accepted; a workbook's names of sheets."""
    name = _local(element)
    if name in _SKIPPED or (name == "r" and _vanishes(element)):
        return ""
    if name == "tr" and any(_local(one) == "del" for row in element for one in row):
        return ""
    if name == "sheet":
        return str(element.get("name", "")) + "\n"
    if name == "AlternateContent":
        choices = [one for one in element if _local(one) == "Choice"] or list(element)
        return _text(choices[0]) if choices else ""
    if name in ("t", "v"):
        return element.text or ""
    return "".join(_text(each) for each in element)


def _vanishes(run: Any) -> bool:
    for properties in run:
        for each in properties if _local(properties) == "rPr" else ():
            if _local(each) == "vanish":
                return not set(map(str.lower, each.attrib.values())) & {"0", "false", "off"}
    return False


def _sheet(root: Any, strings: list[str]) -> str:
    cells = []
    for cell in root.iter():
        if _local(cell) != "c":
            continue
        value = next((one.text or "" for one in cell if _local(one) == "v"), "")
        inline = "".join(one.text or "" for one in cell.iter() if _local(one) == "t")
        if cell.get("t") == "s" and value.strip().isdigit() and int(value) < len(strings):
            value = strings[int(value)]
        if value or inline:
            cells.append(f"{cell.get('r', '')}\t{value}{inline}")
    return "\n".join(cells)


# -- the second look -----------------------------------------------------------------------------


def residues(path: Path) -> Iterator[str]:
    """Names of what a copy must not hold; raises NotChecked if it can't be read."""
    try:
        yield from container_residues(path)
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if _FORBIDDEN_PARTS.search(name):
                    yield "a part that must not be there"
                if name.endswith((".xml", ".rels", ".vml")):
                    yield from _of_part(archive.read(name), name.endswith(".rels"))
    except (zipfile.BadZipFile, ElementTree.ParseError) as error:
        raise NotChecked("the copy can't be read") from error


def _of_part(data: bytes, relations: bool) -> Iterator[str]:
    if b"<!--" in data or b"<!DOCTYPE" in data:
        yield "comments in XML"
        return
    for element in ElementTree.fromstring(data).iter():
        name = _local(element)
        if relations and element.get("TargetMode") == "External":
            if not _ADDRESS.match(element.get("Target", "")):
                yield "a link to a file"
        elif name in _FORBIDDEN_ELEMENTS:
            yield f"element {name}"
        for key, value in element.attrib.items():
            plain = key.rpartition("}")[2]
            if _FORBIDDEN_ATTRIBUTES.fullmatch(plain) and value:
                yield "attributes with authors or sessions"
            if name in ("cNvPr", "docPr") and plain in ("name", "descr") and value != "object":
                yield "names and descriptions of objects"
