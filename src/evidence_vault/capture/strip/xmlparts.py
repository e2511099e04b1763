"""XML read without entities, network or external files, and written anew without comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from lxml import etree

from evidence_vault.capture.strip.model import NotChecked

_ENTITY = re.compile(rb"<!\s*ENTITY|<\x00!\x00E\x00N\x00T\x00I\x00T\x00Y", re.IGNORECASE)
_MOST_ELEMENTS = 5_000_000


def parse_xml(data: bytes) -> Any:
    """The root element; raises NotChecked if it isn't well-formed or declares entities."""
    if _ENTITY.search(data):
        raise NotChecked("its XML declares entities")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        strip_cdata=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotChecked("its XML can't be read") from error
    if next(root.iter(etree.Entity), None) is not None:
        raise NotChecked("its XML uses entities")
    for count, _ in enumerate(root.iter()):
        if count > _MOST_ELEMENTS:
            raise NotChecked("its XML is too long")
    return root


def xml_bytes(root: Any) -> bytes:
    """The element as a document: UTF-8, no DOCTYPE, nothing around it."""
    root.tail = None
    text: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, with_tail=False)
    return text


def local(element: Any) -> str:
    """The name of an element without its namespace."""
    return str(etree.QName(element).localname)


def space(name: str) -> str:
    """The namespace of a name in Clark's notation, or nothing."""
    return name[1:].partition("}")[0] if name.startswith("{") else ""


def remove(element: Any) -> None:
    """Take an element out with all it holds; text behind it stays."""
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        before = element.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + element.tail
        else:
            parent.text = (parent.text or "") + element.tail
    parent.remove(element)


def unwrap(element: Any) -> None:
    """Put what an element holds into its place."""
    parent = element.getparent()
    if parent is None:
        return
    at = parent.index(element)
    if element.text:
        before = element.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + element.text
        else:
            parent.text = (parent.text or "") + element.text
    for child in list(element):
        parent.insert(at, child)
        at += 1
    element.text = None
    remove(element)


def strings(root: Any) -> Iterator[str]:
    """Every text and attribute value."""
    for element in root.iter():
        if element.text and element.text.strip():
            yield element.text.strip()
        if element.tail and element.tail.strip():
            yield element.tail.strip()
        for value in element.attrib.values():
            if value.strip():
                yield str(value).strip()


def words(roots: Iterable[Any]) -> frozenset[str | bytes]:
    """Words of the format: names of elements and attributes that stand in these parts."""
    found: set[str | bytes] = set()
    for root in roots:
        for element in () if root is None else root.iter(etree.Element):
            for name in (local(element), *(key.rpartition("}")[2] for key in element.attrib)):
                found.update((name, *name.split("-")))
    return frozenset(found)
