"""Share copies of Word, Excel and PowerPoint documents (Office Open XML, ECMA-376).

A new package holds the parts that relationships on the list lead to, each written anew; embedded
files go through the same strip.
"""

from __future__ import annotations

import platform
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from lxml import etree

from evidence_vault.capture.strip import ooxmllook
from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.model import (
    Comparison,
    Kept,
    NotChecked,
    Scan,
    Secret,
    ToolUse,
    View,
    Work,
)
from evidence_vault.capture.strip.nested import Nest
from evidence_vault.capture.strip.ooxmlparts import Scrubbed, scrub
from evidence_vault.capture.strip.ooxmlsheet import (
    hidden_sheets,
    is_hidden_slide,
    scrub_presentation,
    scrub_shared_strings,
    scrub_sheet,
    scrub_workbook,
    used_strings,
)
from evidence_vault.capture.strip.ooxmlword import scrub_word
from evidence_vault.capture.strip.xmlparts import local, parse_xml, strings, words, xml_bytes
from evidence_vault.capture.strip.zipparts import (
    Member,
    read_members,
    write_members,
    zip_may_stay,
    zip_views,
)

_LEADS = frozenset(
    "officeDocument styles fontTable settings numbering theme themeOverride header footer "
    "footnotes endnotes image hyperlink chart chartEx chartUserShapes chartStyle chartColorStyle "
    "diagramData diagramLayout diagramQuickStyle diagramColors diagramDrawing drawing vmlDrawing "
    "worksheet chartsheet dialogsheet sharedStrings table slide slideLayout slideMaster "
    "notesSlide notesMaster handoutMaster tableStyles package oleObject media video audio "
    "aFChunk".split()
)
_TOLD = {
    "core-properties": "document properties",
    "extended-properties": "document properties",
    "custom-properties": "custom properties",
    "thumbnail": "thumbnails",
    "customXml": "custom XML",
    "comments": "comments",
    "commentAuthors": "authors of comments",
    "people": "people",
    "person": "people",
    "threadedComment": "comments",
    "printerSettings": "printer settings",
    "vbaProject": "macros",
    "pivotTable": "pivot tables (their cells stay)",
    "pivotCacheDefinition": "pivot caches",
    "pivotCacheRecords": "pivot caches",
    "externalLink": "links to other files",
    "origin": "signatures (they no longer hold)",
    "attachedTemplate": "links to other files",
    "glossaryDocument": "building blocks",
    "font": "embedded fonts",
}
_EMBEDDED = frozenset("package oleObject".split())
_MEDIA = frozenset("media video audio".split())
_ADDRESS = re.compile(r"(https?|mailto|ftp|tel):", re.IGNORECASE)
_USUAL_NAME = re.compile(r"[A-Za-z]{1,24}[0-9]{0,6}\.[a-z0-9]{1,5}\Z")
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_MACROS = re.compile(r"application/vnd\.ms-(word|excel|powerpoint)\.(\w+)\.macroEnabled")
_HEAD = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
ORDINARY: frozenset[str | bytes] = frozenset(
    "Normal None false true Title Titles Table Object object Words Pages Lines Theme Sheet "
    "Default Custom Color Picture Image Document Worksheets version Microsoft".split()
)


@dataclass
class _Relation:
    id: str
    type: str
    target: str
    external: bool

    @property
    def kind(self) -> str:
        return self.type.rstrip("/").rpartition("/")[2]


@dataclass
class _Part:
    """A part on its way into the copy; ``root`` for XML, else ``data``."""

    name: str
    kind: str
    type: str
    root: Any = None
    data: bytes = b""
    relations: list[_Relation] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)


class OfficeOpenXml:
    """Documents, workbooks and presentations; macros go, what can't be read is refused."""

    name = "Office Open XML"

    def __init__(self) -> None:
        self._nest = Nest()

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        """Write the package anew."""
        package = _Package(read_members(source), self._nest, bench)
        write_members(target, package.members())
        gone = package.gone
        left = {
            text
            for part in package.parts.values()
            if part.root is not None
            for text in strings(part.root)
        }
        left |= {each.target for part in package.parts.values() for each in part.relations}
        secrets = [
            Secret(kind, value)
            for kind, value in gone.secrets
            if value not in left and not value.startswith("http://schemas.")
        ]
        structures = [
            f"{kind}: {gone.counts[kind]}" for kind in sorted(gone.counts) if gone.counts[kind] > 0
        ]
        return Work(
            structures=tuple(structures),
            secrets=tuple(secrets),
            kept=package.kept(),
            tools=(
                ToolUse("lxml", etree.__version__, ("no entities", "no network")),
                ToolUse("Python zipfile", platform.python_version(), ("dates of 1980",)),
            ),
            nested=tuple(self._nest.reports),
            ordinary=ORDINARY | words(each.root for each in package.parts.values()),
        )

    def compare(self, source: Path, target: Path, bench: Bench) -> Comparison:
        """The text of every part that is shown; embedded files were compared by their own kind."""
        before, after = ooxmllook.texts(source), ooxmllook.texts(target)
        method = (
            "text read with Python's xml.etree, tracked changes accepted, without comments and "
            "hidden text; layout was not drawn"
        )
        if not before:
            return Comparison("not-comparable", method, "no part with text could be read")
        what = f"text of {len(before)} parts, {sum(map(len, before))} characters"
        embedded = [report["decoded"]["identical"] for _, report in self._nest.reports]
        if embedded:
            what += f"; {embedded.count('yes')} of {len(embedded)} embedded files by themselves"
        return Comparison("yes" if before == after else "no", method, what)

    def scan(self, target: Path, bench: Bench) -> Scan:
        """The copy read by the standard library alone."""
        tool = ToolUse("Python zipfile and xml.etree", platform.python_version())
        return Scan(tool, tuple(ooxmllook.residues(target)))

    def views(self, path: Path, bench: Bench) -> Iterator[View]:
        """Every member, and members of embedded documents."""
        return zip_views(path.read_bytes())

    def visible_text(self, source: Path, bench: Bench) -> str:
        """The text of all parts that are shown."""
        return "\n".join(ooxmllook.texts(source))

    def may_stay(self, tag: str) -> str | None:
        return zip_may_stay(tag) or self._nest.may_stay(tag)


class _Package:
    """The parts of a copy, cleaned; built when made."""

    def __init__(self, members: list[Member], nest: Nest, bench: Bench) -> None:
        self._old = {each.name.lower(): each.data for each in members}
        self._nest, self._bench = nest, bench
        self.gone = Scrubbed()
        self.parts: dict[str, _Part] = {}
        self._types = _content_types(self._old)
        self._hidden: list[Kept] = []
        self._root = self._relations("")
        main = [each for each in self._root if each.kind == "officeDocument"]
        if not main:
            raise NotChecked("it has no main part")
        self._tell(self._root)
        self._root = main[:1]
        self._reach("", main[:1])
        self._scrub()
        self._secrets_of_rest()
        self._names = self._new_names()

    # -- reading -------------------------------------------------------------------------------

    def _relations(self, part: str) -> list[_Relation]:
        folder, _, base = part.rpartition("/")
        data = self._old.get(posixpath.join(folder, "_rels", base + ".rels"))
        if data is None:
            return []
        return [
            _Relation(
                each.get("Id", ""),
                each.get("Type", ""),
                each.get("Target", ""),
                each.get("TargetMode") == "External",
            )
            for each in parse_xml(data)
            if local(each) == "Relationship"
        ]

    def _tell(self, relations: list[_Relation]) -> None:
        for each in relations:
            if each.kind not in _LEADS:
                self.gone.counts[_TOLD.get(each.kind, "other parts")] += 1

    def _reach(self, part: str, relations: list[_Relation]) -> None:
        """Follow relationships from part to part; what none on the list leads to stays behind."""
        ahead = [(part, each) for each in relations]
        while ahead:
            origin, relation = ahead.pop(0)
            where = _resolve(origin, relation.target)
            if where in self.parts or not self._old.get(where):
                continue
            new = self._part(where, relation.kind)
            self.parts[where] = new
            for each in self._relations(where):
                if self._may_lead(where, each):
                    new.relations.append(each)
                    if not each.external:
                        ahead.append((where, each))
                else:
                    new.dropped.add(each.id)
                    self._tell([each] if each.kind not in _LEADS else [])

    def _may_lead(self, origin: str, relation: _Relation) -> bool:
        if relation.external:
            if relation.kind == "hyperlink" and _ADDRESS.match(relation.target):
                return True
            self.gone.take("links to other files", relation.target)
            return False
        if relation.kind not in _LEADS or relation.target.startswith("#"):
            return False
        if relation.kind == "vmlDrawing" and self._holds_notes(origin):
            return False
        return bool(self._old.get(_resolve(origin, relation.target)))

    def _holds_notes(self, sheet: str) -> bool:
        """A sheet's VML drawing shows its comments if it has any (Part 4, 19)."""
        return any(each.kind == "comments" for each in self._relations(sheet))

    def _part(self, where: str, kind: str) -> _Part:
        data = self._old[where]
        declared = self._types(where)
        if kind in _EMBEDDED:
            return _Part(
                where, kind, declared, data=self._nest.clean("embedded file", data, self._bench)
            )
        if kind == "image" or kind in _MEDIA:
            name = "picture" if kind == "image" else "recording"
            return _Part(where, kind, declared, data=self._nest.clean(name, data, self._bench))
        if kind == "aFChunk":
            raise NotChecked("it holds a part in another format that is not understood")
        return _Part(where, kind, _MACROS.sub(_without_macros, declared), root=parse_xml(data))

    # -- cleaning ------------------------------------------------------------------------------

    def _scrub(self) -> None:
        sheets = [each.root for each in self.parts.values() if each.kind == "worksheet"]
        used = used_strings(sheets)
        slides = 0
        for part in self.parts.values():
            if part.root is None:
                continue
            if "wordprocessingml" in str(part.root.tag):
                scrub_word(part.root, self.gone)
            if part.kind == "sharedStrings":
                scrub_shared_strings(part.root, used, self.gone)
            elif local(part.root) == "workbook":
                scrub_workbook(part.root, self.gone)
                if count := hidden_sheets(part.root):
                    why = f"{count} sheets are there that are not shown until somebody asks"
                    self._hidden.append(Kept("hidden sheets", why))
            elif "spreadsheetml" in str(part.root.tag):
                scrub_sheet(part.root, self.gone)
            elif "presentationml" in str(part.root.tag):
                scrub_presentation(part.root, self.gone)
                slides += is_hidden_slide(part.root)
            scrub(part.root, frozenset(part.dropped), self.gone)
        if slides:
            self._hidden.append(Kept("hidden slides", f"{slides} are left out of the show"))
        if any(each.kind == "notesSlide" for each in self.parts.values()):
            self._hidden.append(Kept("speaker notes", "they are text of the presentation"))

    def _secrets_of_rest(self) -> None:
        """Values of the parts that stay behind: properties, comments, people, custom XML."""
        for name, data in self._old.items():
            if name in self.parts or name.endswith(".rels") or name == "[content_types].xml":
                continue
            if name.endswith((".xml", ".vml")) and _tells(name):
                try:
                    found = list(strings(parse_xml(data)))
                except NotChecked:
                    continue
                for value in found:
                    self.gone.secrets["text of a part that was left out", value] = None

    # -- writing -------------------------------------------------------------------------------

    def _new_names(self) -> dict[str, str]:
        """Old name → name in the copy: usual names stay, others are numbered."""
        names, count = {}, 0
        for where in self.parts:
            folder, _, base = where.rpartition("/")
            if _USUAL_NAME.match(base):
                names[where] = where
            else:
                count += 1
                suffix = re.sub(r"[^a-z0-9]", "", base.rpartition(".")[2])[:5] or "bin"
                names[where] = f"{folder}/part{count}x.{suffix}".lstrip("/")
        if len(set(names.values())) != len(names):
            raise NotChecked("its parts have names that can't be told apart")
        return names

    def members(self) -> Iterator[Member]:
        """All members of the copy: types, relationships, parts."""
        yield Member("[Content_Types].xml", self._types_xml())
        yield Member("_rels/.rels", self._relations_xml("", self._root))
        for where, part in self.parts.items():
            name = self._names[where]
            yield Member(name, part.data if part.root is None else xml_bytes(part.root))
            if part.relations:
                folder, _, base = name.rpartition("/")
                path = posixpath.join(folder, "_rels", base + ".rels")
                yield Member(path, self._relations_xml(where, part.relations))

    def _types_xml(self) -> bytes:
        rows = [
            '<Default Extension="rels" ContentType='
            '"application/vnd.openxmlformats-package.relationships+xml"/>',
            '<Default Extension="xml" ContentType="application/xml"/>',
        ]
        for where, part in self.parts.items():
            name = quoteattr("/" + self._names[where])
            rows.append(f"<Override PartName={name} ContentType={quoteattr(part.type)}/>")
        return _HEAD + f'<Types xmlns="{_TYPES}">{"".join(rows)}</Types>'.encode()

    def _relations_xml(self, origin: str, relations: list[_Relation]) -> bytes:
        rows = []
        for each in relations:
            target = each.target
            mode = ' TargetMode="External"' if each.external else ""
            if not each.external:
                target = "/" + self._names[_resolve(origin, each.target)]
            rows.append(
                f"<Relationship Id={quoteattr(each.id)} Type={quoteattr(each.type)} "
                f"Target={quoteattr(target)}{mode}/>"
            )
        return (
            _HEAD + f'<Relationships xmlns="{_RELATIONS}">{"".join(rows)}</Relationships>'.encode()
        )

    def kept(self) -> tuple[Kept, ...]:
        """What stays although it is not seen at once."""
        return tuple(self._hidden)


def _tells(name: str) -> bool:
    return any(
        mark in name
        for mark in ("docprops", "comment", "people", "person", "customxml", "external", "revision")
    )


def _resolve(origin: str, target: str) -> str:
    folder = origin.rpartition("/")[0]
    path = posixpath.normpath(posixpath.join("/" + folder, target))
    return path.lstrip("/").lower()


def _without_macros(found: re.Match[str]) -> str:
    kinds = {
        "word": "application/vnd.openxmlformats-officedocument.wordprocessingml",
        "excel": "application/vnd.openxmlformats-officedocument.spreadsheetml",
        "powerpoint": "application/vnd.openxmlformats-officedocument.presentationml",
    }
    return f"{kinds[found[1]]}.{found[2]}"


def _content_types(parts: dict[str, bytes]) -> Any:
    """A function from part names to content types (Part 2, 7.2.3)."""
    data = parts.get("[content_types].xml")
    if data is None:
        raise NotChecked("it has no list of content types")
    defaults, overrides = {}, {}
    for each in parse_xml(data):
        declared = each.get("ContentType", "")
        if local(each) == "Default":
            defaults[each.get("Extension", "").lower()] = declared
        elif local(each) == "Override":
            overrides[each.get("PartName", "").lstrip("/").lower()] = declared

    def of(name: str) -> str:
        found = overrides.get(name) or defaults.get(name.rpartition(".")[2])
        if not found:
            raise NotChecked("the type of a part is not stated")
        return str(found)

    return of
