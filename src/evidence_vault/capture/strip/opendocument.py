"""Share copies of OpenDocument files (OASIS OpenDocument 1.3): content and styles written anew.

Properties, printer settings, versions, thumbnails, macros, RDF and signatures stay behind;
tracked changes are accepted, annotations go, pictures go through the same strip.
"""

from __future__ import annotations

import platform
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from lxml import etree

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.fonts import clean_font
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
    unwrap,
    words,
    xml_bytes,
)
from evidence_vault.capture.strip.zipparts import (
    Member,
    container_residues,
    read_members,
    write_members,
    zip_may_stay,
    zip_views,
)

_OASIS = "urn:oasis:names:tc:opendocument:xmlns:"
_KNOWN = frozenset(
    [
        "",
        "http://www.w3.org/1999/xlink",
        "http://www.w3.org/1998/Math/MathML",
        "http://www.w3.org/XML/1998/namespace",
        "urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0",
        "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0",
    ]
)
_OLD_SPACE = "http://openoffice.org/2000/"
_LEFT_OUT = {
    **dict.fromkeys("annotation annotation-end".split(), "annotations"),
    **dict.fromkeys("tracked-changes change change-start change-end".split(), "tracked changes"),
    **dict.fromkeys("script scripts event-listeners event-listener".split(), "macros"),
    **dict.fromkeys("title desc".split(), "names and descriptions of objects"),
    **dict.fromkeys(
        "dde-source table-source section-source dde-connection-decls dde-connection "
        "cell-range-source database-source-sql database-source-query database-source-table".split(),
        "links to other files",
    ),
    **dict.fromkeys("meta user-field-decls".split(), "document properties"),
    **dict.fromkeys("hidden-text".split(), "hidden text"),
}
_FIELDS = re.compile(
    r"(sender-.*|author-.*|file-name|template-name|initial-creator|creator|description|keywords|"
    r"subject|printed-by|editing-.*|user-defined|user-field-.*|print-.*|creation-.*|"
    r"modification-.*|database-.*|dde-connection|execute-macro|meta-field|title)\Z"
)
_FIELD_SPACES = (_OASIS + "text:1.0", _OLD_SPACE + "text")
_ATTRIBUTES = re.compile(r"(.*rsid|id|change-id|title|protection-key.*|filter-name|user-name)\Z")
_REPLACEMENTS = "objectreplacements/"
_ADDRESS = re.compile(r"(https?|mailto|ftp|tel):", re.IGNORECASE)
_SETTING_TYPES = frozenset(["boolean"])
ORDINARY: frozenset[str | bytes] = frozenset(
    "Normal None false true Default Table Title Standard Unknown version 1.0000".split()
)


class OpenDocument:
    """Texts, sheets, presentations, drawings and formulas; encrypted ones are refused."""

    name = "OpenDocument"

    def __init__(self) -> None:
        self._nest = Nest()

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        """Write the package anew, ``mimetype`` first and stored (Part 2, 3.3)."""
        package = _Package(read_members(source), self._nest, bench)
        members = package.members()
        write_members(target, members, stored=["mimetype"])
        left = {text for root in package.roots.values() for text in strings(root)}
        gone = package.gone
        return Work(
            structures=tuple(
                f"{kind}: {gone.counts[kind]}" for kind in sorted(gone.counts) if gone.counts[kind]
            ),
            secrets=tuple(
                Secret(kind, value)
                for kind, value in gone.secrets
                if value not in left and "opendocument" not in value
            ),
            tools=(
                ToolUse("lxml", etree.__version__, ("no entities", "no network")),
                ToolUse("Python zipfile", platform.python_version(), ("dates of 1980",)),
            ),
            nested=tuple(self._nest.reports),
            ordinary=ORDINARY | words(package.roots.values()),
        )

    def compare(self, source: Path, target: Path, bench: Bench) -> Comparison:
        """The text of content and styles; pictures were compared by their own kind."""
        before, after = _texts(source), _texts(target)
        method = (
            "text read with Python's xml.etree, tracked changes accepted, without annotations, "
            "apart from white space; "
            "layout was not drawn"
        )
        what = f"text of {len(before)} parts, {sum(map(len, before))} characters"
        embedded = [report["decoded"]["identical"] for _, report in self._nest.reports]
        if embedded:
            what += f"; {embedded.count('yes')} of {len(embedded)} embedded files by themselves"
        same = [_closed(each) for each in before] == [_closed(each) for each in after]
        return Comparison("yes" if same else "no", method, what)

    def scan(self, target: Path, bench: Bench) -> Scan:
        """The copy read by the standard library alone."""
        tool = ToolUse("Python zipfile and xml.etree", platform.python_version())
        return Scan(tool, tuple(_residues(target)))

    def views(self, path: Path, bench: Bench) -> Iterator[View]:
        """Every member, and members of embedded documents."""
        return zip_views(path.read_bytes())

    def visible_text(self, source: Path, bench: Bench) -> str:
        """The text of content, headers and footers."""
        return "\n".join(_texts(source))

    def may_stay(self, tag: str) -> str | None:
        return zip_may_stay(tag) or self._nest.may_stay(tag)


class _Package:
    def __init__(self, members: list[Member], nest: Nest, bench: Bench) -> None:
        self._old = {each.name: each.data for each in members}
        self._nest, self._bench = nest, bench
        self.gone = Scrubbed()
        self.roots: dict[str, Any] = {}
        self._files: dict[str, bytes] = {}
        self._new: dict[str, str] = {}
        manifest = self._old.get("META-INF/manifest.xml", b"")
        if b"encryption-data" in manifest:
            raise NotChecked("it is encrypted")
        self._types = _manifest(manifest)
        if "content.xml" not in self._old:
            raise NotChecked("it has no content")
        self._document("")
        self._rest()

    def _document(self, folder: str, depth: int = 0) -> None:
        """content, styles and settings of the document or of one embedded in it."""
        if depth > 5:
            raise NotChecked("its objects are nested too deep")
        for name in ("content.xml", "styles.xml", "settings.xml"):
            data = self._old.get(folder + name)
            if not data:
                continue
            root = parse_xml(data)
            if name == "settings.xml":
                _settings(root, self.gone)
            self._scrub(root, folder, depth)
            self.roots[folder + name] = root

    def _scrub(self, root: Any, folder: str, depth: int) -> None:
        for element in list(root.iter(etree.Element)):
            if element.getparent() is None and element is not root:
                continue
            name, where = local(element), space(element.tag)
            is_math = where.endswith("MathML")
            if not _is_known(where):
                self.gone.counts["private data of programs"] += 1
                unwrap(element) if element is not root else None
                continue
            if name in _LEFT_OUT and not is_math and not (name == "title" and _is_field(where)):
                self.gone.take(_LEFT_OUT[name], *_element_texts(element))
                remove(element)
                continue
            if _is_field(where) and _FIELDS.match(name):
                self.gone.take("fields that tell of people and files", *element.attrib.values())
                unwrap(element)
                continue
            self._attributes(element)
            self._link(element, folder, depth)

    def _attributes(self, element: Any) -> None:
        for key in list(element.attrib):
            where, plain = space(key), key.rpartition("}")[2]
            if not _is_known(where) or (_ATTRIBUTES.match(plain) and where != ""):
                if plain == "id" and where.endswith(("MathML", "drawing:1.0")):
                    continue
                self.gone.take("identifiers of changes and sessions", element.attrib.pop(key))
            elif plain == "name" and where.endswith("drawing:1.0") and _is_object(element):
                self.gone.take("names and descriptions of objects", element.attrib.pop(key))

    def _link(self, element: Any, folder: str, depth: int) -> None:
        key = "{http://www.w3.org/1999/xlink}href"
        target = element.get(key)
        if not target or target.startswith("#") or _ADDRESS.match(target):
            if target and _ADDRESS.match(target) and local(element) not in ("a", "form"):
                self.gone.take("links to other files", target)
                remove(element)
            return
        path = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
        if path.lower().startswith(_REPLACEMENTS):
            self.gone.counts["previews of objects"] += 1
            remove(element)
        elif path + "/content.xml" in self._old:
            element.set(key, "./" + path)
            if path + "/content.xml" not in self.roots:
                self._document(path + "/", depth + 1)
        elif path in self._old:
            element.set(key, self._file(path, element))
        else:
            self.gone.take("links to other files", target)
            del element.attrib[key]
            if local(element) in ("image", "object", "object-ole", "plugin", "font-face-uri"):
                remove(element)

    def _file(self, path: str, element: Any) -> str:
        """Take an embedded file in, under a name that says nothing; returns that name."""
        if path not in self._new:
            data = self._old[path]
            if local(element) == "font-face-uri":
                self._files[path] = clean_font(data)
                kind = "Fonts/font"
            else:
                self._files[path] = self._nest.clean("picture", data, self._bench)
                kind = "Pictures/picture"
            suffix = re.sub(r"[^a-z0-9]", "", posixpath.splitext(path)[1].lower())[:5] or "bin"
            self._new[path] = f"{kind}{len(self._new) + 1}.{suffix}"
        return self._new[path]

    def _rest(self) -> None:
        """Count and remember what stays behind."""
        told = {
            "meta.xml": "document properties",
            "manifest.rdf": "RDF",
            "Thumbnails/": "thumbnails",
            "Versions/": "versions",
            "VersionList.xml": "versions",
            "Basic/": "macros",
            "Scripts/": "macros",
            "Configurations2/": "settings of the program",
            "META-INF/documentsignatures.xml": "signatures (they no longer hold)",
            "ObjectReplacements/": "previews of objects",
        }
        for name, data in self._old.items():
            if name in self.roots or name in self._new or name == "mimetype":
                continue
            base = name.rpartition("/")[2]
            for start, kind in told.items():
                if name.startswith(start) or base == start:
                    self.gone.counts[kind] += 1
                    break
            else:
                self.gone.counts["other files"] += name != "META-INF/manifest.xml"
            if base in ("meta.xml", "VersionList.xml") and data:
                try:
                    self.gone.take("document properties", *_element_texts(parse_xml(data)))
                except NotChecked:
                    continue

    def members(self) -> list[Member]:
        mime = self._old.get("mimetype", b"").strip()
        members = [Member("mimetype", mime)] if mime else []
        for name, root in self.roots.items():
            members.append(Member(name, xml_bytes(root)))
        for path, name in self._new.items():
            members.append(Member(name, self._files[path]))
        members.append(Member("META-INF/manifest.xml", self._manifest_xml(mime.decode("ascii"))))
        return members

    def _manifest_xml(self, mime: str) -> bytes:
        rows = [
            f'<manifest:file-entry manifest:full-path="/" manifest:media-type={quoteattr(mime)}/>'
        ]
        entries = dict.fromkeys(self.roots, "text/xml")
        for name in self.roots:
            folder = name.rpartition("/")[0]
            if folder:
                entries[folder + "/"] = self._types.get(folder + "/", "")
        entries |= {new: self._types.get(old, "") for old, new in self._new.items()}
        for name, kind in entries.items():
            rows.append(
                f"<manifest:file-entry manifest:full-path={quoteattr(name)} "
                f"manifest:media-type={quoteattr(kind)}/>"
            )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<manifest:manifest xmlns:manifest="{_OASIS}manifest:1.0" manifest:version="1.2">'
            f"{''.join(rows)}</manifest:manifest>"
        ).encode()


def _element_texts(root: Any) -> list[str]:
    return [each.text.strip() for each in root.iter(etree.Element) if each.text]


def _is_known(where: str) -> bool:
    return where.startswith((_OASIS, _OLD_SPACE)) or where in _KNOWN


def _is_field(where: str) -> bool:
    return where in _FIELD_SPACES


def _is_object(element: Any) -> bool:
    return local(element) in (
        "frame",
        "custom-shape",
        "rect",
        "line",
        "g",
        "ellipse",
        "circle",
        "polygon",
        "polyline",
        "path",
        "connector",
        "control",
        "caption",
        "measure",
        "regular-polygon",
    )


def _settings(root: Any, gone: Scrubbed) -> None:
    """Only settings that are yes or no: a printer's name or a path can't be one."""
    for element in list(root.iter(etree.Element)):
        if local(element) == "config-item":
            kind = next((v for k, v in element.attrib.items() if k.endswith("}type")), "")
            if kind not in _SETTING_TYPES or (element.text or "").strip() not in ("true", "false"):
                gone.take("settings", element.text if kind == "string" else None)
                remove(element)
        elif local(element).startswith("config-item-map"):
            remove(element)


def _manifest(data: bytes) -> dict[str, str]:
    if not data:
        return {}
    found = {}
    for each in parse_xml(data):
        values = {key.rpartition("}")[2]: value for key, value in each.attrib.items()}
        kind = str(values.get("media-type", ""))
        if re.fullmatch(r"[a-z]+/[a-z0-9.+-]{1,80}", kind):
            found[str(values.get("full-path", ""))] = kind
    return found


# -- the second look -----------------------------------------------------------------------------

_UNSEEN = frozenset(
    "annotation tracked-changes script scripts title desc event-listeners hidden-text meta "
    "user-field-decls dde-connection-decls".split()
)
_MUST_NOT = frozenset(
    "annotation tracked-changes change change-start change-end creator script change-info "
    "event-listener meta dde-source".split()
)


def _parsed(data: bytes) -> Any:
    if b"<!DOCTYPE" in data and b"[" in data.partition(b"<!DOCTYPE")[2][:400]:
        raise NotChecked("its XML declares entities")
    try:
        return ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise NotChecked("its XML can't be read") from error


def _texts(path: Path) -> list[str]:
    """The text of each content and style part, in order of their names."""
    parts = {each.name: each.data for each in read_members(path)}
    found = []
    for name in sorted(parts):
        if name.rpartition("/")[2] in ("content.xml", "styles.xml") and parts[name]:
            if name.startswith(("Configurations2/", "Versions/")):
                continue
            found.append("".join(_text(_parsed(parts[name]))))
    return found


def _closed(text: str) -> str:
    return "".join(text.split())


def _text(element: Any) -> Iterator[str]:
    where, _, name = str(element.tag).rpartition("}")
    is_text_title = name == "title" and where.endswith("text:1.0")
    if name not in _UNSEEN or where.endswith("MathML") or is_text_title:
        if element.text and element.text.strip():
            yield element.text
        for each in element:
            yield from _text(each)
    if element.tail and element.tail.strip():
        yield element.tail


def _residues(path: Path) -> Iterator[str]:
    yield from container_residues(path)
    for member in read_members(path):
        base = member.name.rpartition("/")[2]
        if base in ("meta.xml", "manifest.rdf", "VersionList.xml", "documentsignatures.xml"):
            yield "a part that must not be there"
        if member.name.startswith(("Thumbnails/", "Configurations2/", "Basic/", "Scripts/")):
            yield "a part that must not be there"
        if base.endswith(".xml"):
            if b"<!--" in member.data or b"<!DOCTYPE" in member.data:
                yield "comments in XML"
            for element in _parsed(member.data).iter():
                where, _, name = str(element.tag).rpartition("}")
                if name in _MUST_NOT and not where.endswith("MathML"):
                    yield f"element {name}"
                for key in element.attrib:
                    if key.endswith("rsid") or key.endswith("}change-id"):
                        yield "identifiers of sessions"
                if name == "config-item" and (element.text or "") not in ("true", "false"):
                    yield "settings"
