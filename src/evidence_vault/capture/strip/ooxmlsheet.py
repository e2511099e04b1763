"""Workbook and presentation parts (ECMA-376 Part 1, 18 and 19): what only their own kind holds."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from evidence_vault.capture.strip.ooxmlparts import Scrubbed
from evidence_vault.capture.strip.xmlparts import local, remove

_OUTSIDE = re.compile(r"\[\d+\]|\[[^\]]+\.xls|[A-Za-z]:\\|\|'", re.IGNORECASE)


def used_strings(sheets: list[Any]) -> set[int]:
    """Numbers of the shared strings that any cell shows."""
    used = set()
    for root in sheets:
        for cell in root.iter(etree.Element):
            if local(cell) == "c" and cell.get("t") == "s":
                for each in cell:
                    if local(each) == "v" and (each.text or "").strip().isdigit():
                        used.add(int(each.text))
    return used


def scrub_shared_strings(root: Any, used: set[int], gone: Scrubbed) -> None:
    """Strings that no cell shows any more become empty: cells count on their places (18.4.9)."""
    items = [each for each in root if local(each) == "si"]
    for at, item in enumerate(items):
        text = "".join(each.text or "" for each in item.iter(etree.Element))
        if at not in used and text:
            gone.take("strings that no cell shows", text)
            tag = item.tag.replace("}si", "}t")
            for each in list(item):
                item.remove(each)
            etree.SubElement(item, tag)
            item.text = None


def scrub_workbook(root: Any, gone: Scrubbed) -> None:
    """Names that refer to other files go; hidden sheets are counted."""
    for element in list(root.iter(etree.Element)):
        if local(element) == "definedName":
            for key in ("comment", "description", "help", "statusBar", "customMenu"):
                if key in element.attrib:
                    gone.take("comments on names", element.attrib.pop(key))
            if _OUTSIDE.search(element.text or ""):
                gone.take("links to other files", element.text)
                remove(element)


def hidden_sheets(root: Any) -> int:
    """How many sheets a workbook does not show."""
    states = [each.get("state") for each in root.iter(etree.Element) if local(each) == "sheet"]
    return sum(state in ("hidden", "veryHidden") for state in states)


def scrub_sheet(root: Any, gone: Scrubbed) -> None:
    """Formulas that refer to other files become the values they had."""
    for element in list(root.iter(etree.Element)):
        name = local(element)
        if name == "f" and _OUTSIDE.search(element.text or ""):
            gone.take("links to other files", element.text)
            remove(element)
        elif name in ("dataRefs", "oleLink", "ddeLink", "dataConsolidate", "pivotSelection"):
            gone.counts["links to other files"] += 1
            remove(element)
        elif name == "c":
            for key in ("cm", "vm"):
                element.attrib.pop(key, None)
        elif name in ("table", "pageSetup", "legacyDrawing"):
            for key in ("connectionId", "queryTableFieldId", "comment"):
                element.attrib.pop(key, None)


def scrub_presentation(root: Any, gone: Scrubbed) -> None:
    """Slides in custom shows and sections stay; what synchronises them with a server goes."""
    for element in list(root.iter(etree.Element)):
        if local(element) in ("sldSyncPr", "modifyVerifier", "kioskUrl", "htmlPubPr"):
            gone.counts["private data of programs"] += 1
            remove(element)


def is_hidden_slide(root: Any) -> bool:
    """Whether a slide is left out of the show."""
    return local(root) == "sld" and root.get("show") in ("0", "false")
