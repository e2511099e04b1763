"""What of PDF/A-2a can be told without a validator: by pikepdf, over a whole file.

Not checked here: colours inside content streams (every page is looked at as a picture for that),
and that the tags describe the text well.
"""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf

# Keys by which a file acts, or reaches outside (ISO 19005-2, 6.5 and 6.6).
_ACTING = {"/JavaScript", "/JS", "/Launch", "/OpenAction", "/AA", "/EmbeddedFiles", "/XFA"}
_A4 = (595.0, 842.0)


def check_pdfa(data: bytes) -> pikepdf.Pdf:
    """Raises AssertionError naming what is not as PDF/A-2a wants it."""
    assert data.startswith(b"%PDF-1.7\n%"), "6.1.2: header and a line of high bytes"
    pdf = pikepdf.open(io.BytesIO(data))
    assert not pdf.is_encrypted and "/ID" in pdf.trailer
    xmp = pdf.Root.Metadata.read_bytes().decode("utf-8")
    assert re.search(r"pdfaid:part(>|=\")2\b", xmp) and re.search(r"conformance(>|=\")A\b", xmp)
    (intent,) = pdf.Root.OutputIntents
    assert intent.S == "/GTS_PDFA1" and len(intent.DestOutputProfile.read_bytes()) > 100
    assert pdf.Root.MarkInfo.Marked and "/StructTreeRoot" in pdf.Root and "/Lang" in pdf.Root
    fonts = 0
    for found in _dictionaries(pdf):
        keys = set(found.keys())
        assert not keys & _ACTING and found.get("/Type") != "/Action", keys
        if found.get("/Type") == "/FontDescriptor":
            assert keys & {"/FontFile2", "/FontFile3"}, "6.2.11.4: each font is embedded"
            fonts += 1
        if found.get("/Type") == "/Font" and found.get("/Subtype") == "/Type0":
            assert "/ToUnicode" in keys, "6.2.11.7: text can be read out"
    assert fonts
    for page in pdf.pages:
        assert all(abs(a - float(b)) < 1 for a, b in zip(_A4, page.mediabox[2:], strict=True))
        assert "/Annots" not in page, "no links: what evidence says leads nowhere"
    return pdf


def _dictionaries(pdf: pikepdf.Pdf) -> Iterator[Any]:
    for found in pdf.objects:
        if isinstance(found, pikepdf.Dictionary | pikepdf.Stream):
            yield found


def text_of(data: bytes, folder: Path) -> str:
    """The text as pdftotext reads it, without places to break and without line ends."""
    file = folder / "text-of.pdf"
    file.write_bytes(data)
    done = subprocess.run(["pdftotext", file, "-"], capture_output=True, check=True, timeout=60)
    text = done.stdout.decode("utf-8").replace("\u200b", "").replace("\f", "\n")
    return re.sub(r"\s+", " ", text)


def colours_of(data: bytes, folder: Path) -> int:
    """How many pixels of the pages are not grey."""
    from PIL import Image, ImageChops

    file = folder / "colours-of.pdf"
    file.write_bytes(data)
    command = ["pdftoppm", "-r", "40", str(file), str(folder / "colours")]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    found = 0
    for picture in folder.glob("colours*.ppm"):
        red, green, blue = Image.open(picture).convert("RGB").split()
        for other in (green, blue):
            found += sum(ImageChops.difference(red, other).histogram()[3:])
    return found
