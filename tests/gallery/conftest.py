"""A bundle of friendly and hostile files, made through the command line, and a real Chromium."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from tests.cli.runner import PASSPHRASE, Result, call

from evidence_vault.seal import keyring

HOSTILE = "</script><script>window.ran=1</script><img src=x onerror=window.ran=1>\u202egpj.exe"
HOSTILE_CODE = "</script><script>window.ran=1</script>"
BURMESE = "ကလေးမြို့နယ် ကျေးရွာ မီးလောင်ကျွမ်းမှု"
SECRET = "hidden-source-17"


@pytest.fixture(autouse=True, scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cheap passphrase, no ExifTool, and pins that are kept away from the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring, "LOG_N", 10)
        patch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path_factory.mktemp("state")))
        patch.setenv("EVIDENCE_VAULT_EXIFTOOL", "off")
        for name in ("EVIDENCE_VAULT", "EVIDENCE_VAULT_BY", "EVIDENCE_VAULT_PASSPHRASE_FILE"):
            patch.delenv(name, raising=False)
        yield


def drawing(size: tuple[int, int] = (900, 600)) -> Image.Image:
    """A picture that shows which way is up: its upper left corner is red."""
    picture = Image.new("RGB", size, "steelblue")
    ImageDraw.Draw(picture).rectangle((0, 0, size[0] // 4, size[1] // 4), fill="red")
    return picture


@dataclass(frozen=True)
class Handed:
    """A vault, and the bundle that was made of it as a folder."""

    base: Path
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def bundle(self) -> Path:
        return self.base / "bundle"

    def call(self, *arguments: object) -> Result:
        head = ("--vault", self.base / "vault", "--passphrase-file", self.base / "passphrase")
        done = call(*head, "--by", "desk-1", *arguments)
        assert done.status in (0, 3, 10), done.err
        return done


def _films(folder: Path) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=10:duration=1", "-c:v", "libvpx")
    sound = ("-f", "lavfi", "-i", "sine=duration=1", "-c:a", "libvorbis")
    for name, options in (("film.webm", picture), ("sound.ogg", sound)):
        subprocess.run(["ffmpeg", "-v", "error", *options, str(folder / name)], check=True)


def _sources(folder: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    turned[0x010F] = "CameraMaker"
    drawing().save(folder / "turned.jpg", exif=turned)
    drawing().save(folder / "plain.png")
    drawing().save(folder / "page.pdf")
    _films(folder)
    (folder / "note.txt").write_text("What was seen.\n")
    (folder / "evil.html").write_text("<!doctype html><html><script>document.title='ran'</script>")
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>document.title="ran"</script></svg>'
    (folder / "evil.svg").write_text(svg)
    (folder / "broken.jpg").write_bytes(
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + b"?" * 999
    )


@pytest.fixture(scope="session")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Handed:
    """Originals of all but one item; all fields but two are revealed."""
    made = Handed(tmp_path_factory.mktemp("handed"))
    (made.base / "passphrase").write_text(PASSPHRASE + "\n")
    sources = made.base / "sources"
    sources.mkdir()
    _sources(sources)
    made.call("init", made.base / "vault", "--org", "Test House")
    told = {
        "turned.jpg": ("--case", "C-1", "--occurred-at", "2024-02", "--violation", "arson"),
        "plain.png": ("--case", "C-2", "--occurred-at", "2023"),
        "evil.html": ("--case", HOSTILE_CODE),
    }
    for name in sorted(path.name for path in sources.iterdir()):
        options = (*told.get(name, ()), "--source-code", SECRET)
        made.call("ingest", sources / name, *options)
        found = made.call("search", "--name", name, "--json").json()["items"]
        made.ids[name] = found[0]["id"]
    made.call("describe", made.ids["turned.jpg"], "--title", BURMESE, "--place", HOSTILE)
    made.call("describe", made.ids["plain.png"], "--title", HOSTILE)
    fields = "title,place,case,violation,occurred_at,source_path"
    leaving = ("--originals", "--disclose", fields, "--clear", "--folder", "-o", made.bundle)
    made.call("export", "--all", *leaving)
    return made


@dataclass
class Visit:
    """A page of a bundle opened from a folder; what it asked for and complained of is kept."""

    page: Any
    folder: Path
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, name: str = "index.html") -> Visit:
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto((self.folder / name).as_uri())
        return self

    def gallery(self) -> Visit:
        self.open().page.wait_for_selector("#list:not([hidden])")
        return self

    def cards(self) -> list[str]:
        """Identifiers of the items that are shown, in order."""
        cards = self.page.query_selector_all("#results a")
        return [str(card.get_attribute("id")).removeprefix("card-") for card in cards]

    def item(self, number: str) -> str:
        """Go to an item; the text of its page."""
        self.page.evaluate("number => { location.hash = number }", number)
        self.page.wait_for_selector("#item:not([hidden])")
        return str(self.page.inner_text("#item"))


@pytest.fixture
def visit(browser: Any, handed: Handed) -> Iterator[Visit]:
    """The bundle, about to be opened; whatever the page asks for must lie in it."""
    page = browser.new_page(viewport={"width": 1200, "height": 900}, locale="en-GB")
    opened = Visit(page, handed.bundle)
    yield opened
    page.close()
    inside = handed.bundle.as_uri() + "/"
    assert opened.asked
    assert all(url.startswith(inside) for url in opened.asked)
