"""The pages of a PDF in its copy, with what lies on them and what leads to them."""

from __future__ import annotations

import re
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, OutlineItem

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.model import NotChecked
from evidence_vault.capture.strip.pdfbuild import Builder

MOST_PAGES = 20_000
_INHERITED = ("/MediaBox", "/CropBox", "/Rotate", "/Resources")
_PAGE = ("/BleedBox", "/TrimBox", "/ArtBox", "/UserUnit")
_LEADS = re.compile(r"(https?|ftp|mailto|tel):", re.IGNORECASE)
_HIDDEN, _NO_VIEW, _PRINT = 2, 32, 4
_ANNOTATION = (
    "Type Subtype Rect F C Border BS BE IC QuadPoints Vertices InkList L LE CA Q H RD Name AS LL "
    "LLE LLO Cap CP IT"
).split()
_ROOT_TOLD = {
    "/Metadata": "XMP of the document",
    "/AcroForm": "form fields (their look stays)",
    "/OpenAction": "actions",
    "/AA": "actions",
    "/StructTreeRoot": "structure for reading aloud",
    "/OCProperties": "names of layers",
    "/PieceInfo": "private data of programs",
    "/OutputIntents": "output intents",
    "/Threads": "threads",
    "/SpiderInfo": "where it was captured from",
    "/Perms": "permissions of signatures",
    "/Legal": "attestations",
    "/AF": "associated files",
    "/DSS": "proofs of signatures",
}
_PAGE_TOLD = {
    "/Metadata": "XMP of pages",
    "/PieceInfo": "private data of programs",
    "/LastModified": "dates of pages",
    "/Thumb": "thumbnails",
    "/AA": "actions",
    "/VP": "measures and positions on pages",
    "/AF": "associated files",
}


def rebuild(source: pikepdf.Pdf, bench: Bench) -> tuple[pikepdf.Pdf, Builder]:
    """The new document; raises NotChecked where it can't be one."""
    root = source.Root
    if "/Collection" in root:
        raise NotChecked("it is a folder of attached files, which can't be proved clean")
    if len(source.pages) > MOST_PAGES:
        raise NotChecked(f"it has more than {MOST_PAGES} pages")
    target = pikepdf.new()
    builder = Builder(source, target, bench)
    work = _Pages(source, target, builder)
    for old, new in work.pairs:
        work.fill(old, new)
    work.outlines()
    for key, told in _ROOT_TOLD.items():
        builder.counts[told] += key in root
    for key in ("/PageLayout", "/PageMode"):
        if isinstance(root.get(key), Name) and root[key] != "/UseAttachments":
            target.Root[key] = Name(str(root[key]))
    return target, builder


class _Pages:
    def __init__(self, source: pikepdf.Pdf, target: pikepdf.Pdf, builder: Builder) -> None:
        self.source, self.target, self.builder = source, target, builder
        self.pairs: list[tuple[Any, Any]] = []
        for page in source.pages:
            new = target.make_indirect(Dictionary(Type=Name.Page))
            target.pages.append(pikepdf.Page(new))
            self.pairs.append((page.obj, target.pages[-1].obj))
        self._by_old = {old.objgen: new for old, new in self.pairs}
        self._named = _named_destinations(source)

    def fill(self, old: Any, new: Any) -> None:
        for key in ("/MediaBox", "/CropBox", "/Rotate", *_PAGE):
            value = self.builder.copy(_inherited(old, key), "simple")
            if value is not None:
                new[key] = value
        if "/Group" in old:
            new["/Group"] = self.builder.copy(old["/Group"], "group")
        for key, told in _PAGE_TOLD.items():
            self.builder.counts[told] += key in old
        resources = _inherited(old, "/Resources")
        content = self.builder.content(old, resources, None)
        if content.data:
            new["/Contents"] = self.builder.last_content
        new["/Resources"] = self.builder.resources(resources, content)
        annotations = old.get("/Annots")
        if isinstance(annotations, Array):
            kept = [self._annotation(each, resources) for each in annotations]
            kept = [self.target.make_indirect(each) for each in kept if each is not None]
            if kept:
                new["/Annots"] = Array(kept)

    # -- annotations (12.5) --------------------------------------------------------------------

    def _annotation(self, old: Any, resources: Any) -> Any | None:
        """What an annotation looks like and where it leads; who wrote it and what stays behind."""
        if not isinstance(old, Dictionary) or not isinstance(old.get("/Subtype"), Name):
            return None
        subtype = str(old["/Subtype"])
        flags = old.get("/F", 0)
        flags = flags if isinstance(flags, int) else 0
        hidden = flags & _HIDDEN or (flags & _NO_VIEW and not flags & _PRINT)
        if subtype == "/Popup" or hidden or self.builder.is_off(old.get("/OC")):
            self.builder.counts["hidden annotations"] += subtype != "/Popup"
            return None
        self._tell(old, subtype)
        new = Dictionary()
        for name in _ANNOTATION:
            value = self.builder.copy(old.get("/" + name), "simple")
            if value is not None:
                new["/" + name] = value
        look = self._look(old, resources)
        if look is not None:
            new["/AP"] = Dictionary(N=look)
            if "/AS" in new:
                del new["/AS"]
        elif subtype == "/Widget" and _has_value(old):
            raise NotChecked("a form field has a value and no look of its own")
        if subtype == "/Widget":
            # Without its form a field is drawn by some readers and not by others; a stamp by all.
            if look is None:
                return None
            new["/Subtype"] = Name.Stamp
        if subtype == "/FreeText":
            for key in ("/Contents", "/DA"):
                value = self.builder.copy(old.get(key), "strings")
                if value is not None:
                    new[key] = value
        self._lead(old, new)
        return new

    def _tell(self, old: Any, subtype: str) -> None:
        counts = self.builder.counts
        counts["authors, dates and texts of annotations"] += any(
            key in old for key in ("/T", "/M", "/CreationDate", "/Subj", "/RC", "/NM")
        ) or ("/Contents" in old and subtype != "/FreeText")
        counts["attached files"] += "/FS" in old
        counts["actions"] += "/AA" in old
        if _field(old, "/FT") == "/Sig":
            counts["signatures (their look stays, they no longer hold)"] += 1

    def _look(self, old: Any, resources: Any) -> Any | None:
        looks = old.get("/AP")
        normal = looks.get("/N") if isinstance(looks, Dictionary) else None
        if isinstance(normal, Dictionary) and not isinstance(normal, pikepdf.Stream):
            state = old.get("/AS")
            normal = normal.get(str(state)) if isinstance(state, Name) else None
        if not isinstance(normal, pikepdf.Stream):
            return None
        look = self.builder.copy(normal, "form", resources)
        if look is not None:
            look["/Type"], look["/Subtype"] = Name.XObject, Name.Form
        return look

    def _lead(self, old: Any, new: Any) -> None:
        """A link's address or page; every other action goes."""
        action = old.get("/A")
        place = old.get("/Dest")
        if isinstance(action, Dictionary):
            kind = str(action.get("/S"))
            if kind == "/URI" and _LEADS.match(str(action.get("/URI", ""))):
                address = pikepdf.String(bytes(action["/URI"]))
                new["/A"] = Dictionary(S=Name.URI, URI=address)
            elif kind == "/GoTo":
                place = action.get("/D")
            else:
                self.builder.counts["links to files and actions"] += 1
        destination = self.destination(place)
        if destination is not None:
            new["/Dest"] = destination

    # -- destinations (12.3.2) -----------------------------------------------------------------

    def destination(self, place: Any) -> Any | None:
        """An explicit destination in the copy for one of any kind in the original."""
        if isinstance(place, pikepdf.String | Name):
            place = self._named.get(str(place))
        if isinstance(place, Dictionary):
            place = place.get("/D")
        if not isinstance(place, Array) or len(place) < 1:
            return None
        page: Any = place[0]
        if isinstance(page, int):
            new = self.pairs[page][1] if 0 <= page < len(self.pairs) else None
        else:
            new = self._by_old.get(page.objgen) if isinstance(page, Dictionary) else None
        if new is None:
            return None
        how = [self.builder.copy(each, "simple") for each in list(place)[1:]]
        return Array([new, *how])

    def outlines(self) -> None:
        """Bookmarks: titles and where they lead."""
        if "/Outlines" not in self.source.Root:
            return
        try:
            with self.source.open_outline(max_depth=40) as old:
                items = [self._outline(each) for each in old.root]
            with self.target.open_outline() as new:
                new.root.extend(items)
        except (pikepdf.PdfError, ValueError, TypeError, RecursionError) as error:
            raise NotChecked("its bookmarks can't be read") from error

    def _outline(self, old: Any) -> OutlineItem:
        place = old.destination
        action = old.action
        if isinstance(action, Dictionary) and action.get("/S") == "/GoTo":
            place = action.get("/D")
        new = OutlineItem(old.title, self.destination(place))
        new.is_closed = old.is_closed
        new.children.extend(self._outline(each) for each in old.children)
        return new


def _inherited(page: Any, key: str) -> Any:
    node, steps = page, 0
    while isinstance(node, Dictionary) and steps < 50:
        if key in node:
            return node[key]
        if key not in _INHERITED:
            return None
        node, steps = node.get("/Parent"), steps + 1
    return None


def _field(widget: Any, key: str) -> Any:
    """An attribute of a form field, which its parents may hold (12.7.4)."""
    node, steps = widget, 0
    while isinstance(node, Dictionary) and steps < 30:
        if key in node:
            return node[key]
        node, steps = node.get("/Parent"), steps + 1
    return None


def _has_value(widget: Any) -> bool:
    kind, value = _field(widget, "/FT"), _field(widget, "/V")
    if kind in ("/Tx", "/Ch"):
        return value is not None and str(value) != ""
    return False


def _named_destinations(source: pikepdf.Pdf) -> dict[str, Any]:
    found: dict[str, Any] = {}
    old = source.Root.get("/Dests")
    if isinstance(old, Dictionary):
        found.update({name: old[name] for name in old.keys()})
    names = source.Root.get("/Names")
    tree = names.get("/Dests") if isinstance(names, Dictionary) else None
    if isinstance(tree, Dictionary):
        try:
            found.update({str(name): value for name, value in pikepdf.NameTree(tree).items()})
        except (pikepdf.PdfError, ValueError, RuntimeError) as error:
            raise NotChecked("its named places can't be read") from error
    return found


def shown_by_annotations(pdf: pikepdf.Pdf) -> list[str]:
    """Texts that the looks of visible annotations show, as far as their fonts use Latin codes."""
    texts: list[str] = []
    for page in pdf.pages:
        annotations: Any = page.obj.get("/Annots", Array())
        for each in annotations:
            looks = each.get("/AP") if isinstance(each, Dictionary) else None
            normal = looks.get("/N") if isinstance(looks, Dictionary) else None
            if isinstance(normal, pikepdf.Stream) and not each.get("/F", 0) & _HIDDEN:
                _shown(normal, texts, 0)
    return texts


def _shown(form: Any, texts: list[str], depth: int) -> None:
    try:
        for each in pikepdf.parse_content_stream(form, "Tj TJ ' \""):
            for operand in each.operands:
                parts = list(operand) if isinstance(operand, Array) else [operand]
                shown = [bytes(one) for one in parts if isinstance(one, pikepdf.String)]
                texts.append(b"".join(shown).decode("cp1252", "replace"))
    except (pikepdf.PdfError, TypeError):
        return
    inner = form.get("/Resources", Dictionary()).get("/XObject", Dictionary())
    for name in inner.keys():
        if depth < 8 and inner[name].get("/Subtype") == "/Form":
            _shown(inner[name], texts, depth + 1)
