"""Draws the demonstration material of ``seeds/demo`` again.

Nothing in it is evidence: the pictures are gradients that say DEMONSTRATION, the voice is a
machine's, and the figures are published ones with their source beside them. The files are kept in
the repository, so that ``make demo`` needs none of the programs used here:

    pip install '.[seeds]'       Pillow and python-docx
    apt-get install ffmpeg espeak-ng libimage-exiftool-perl
    python seeds/make_demo.py

It writes over the files it makes, and touches no others (README.md is written by hand).
"""

from __future__ import annotations

import csv
import datetime
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from docx import Document
from PIL import Image, ImageDraw, ImageFont

DEMO = Path(__file__).resolve().parent / "demo"

SOURCE = (
    "Network for Human Rights Documentation-Burma (ND-Burma), "
    "Defending Democracy: Four Years Since the Failed Coup in Burma, 2025"
)
DEMO_NOTICE = "DEMONSTRATION - not evidence"


@dataclass(frozen=True)
class Picture:
    """One drawn picture and the camera that its metadata claims.

    ``taken`` is local time with ``offset``; ``latitude`` and ``longitude`` are decimal degrees of
    a public landmark, north and east positive; ``altitude`` is in metres.
    """

    name: str
    caption: str
    colours: tuple[tuple[int, int, int], tuple[int, int, int]]
    make: str
    model: str
    serial: str
    taken: str
    latitude: float
    longitude: float
    altitude: float
    offset: str = "+06:30"


PICTURES = (
    Picture(
        "photos/IMG_20240211_081512.jpg",
        "Lake shore, morning",
        ((28, 66, 96), (214, 170, 110)),
        "samsung",
        "SM-A546E",
        "DEMO-000101",
        "2024:02:11 08:15:12",
        16.8409,
        96.1420,
        21.0,
    ),
    Picture(
        "photos/DSC_0042.jpg",
        "Hill with stairs, noon",
        ((40, 84, 52), (224, 208, 150)),
        "NIKON CORPORATION",
        "NIKON D5600",
        "DEMO-000202",
        "2024:02:12 12:03:45",
        22.0136,
        96.1064,
        236.0,
    ),
    Picture(
        "photos/IMG_0007.jpg",
        "River bank, evening",
        ((70, 34, 74), (232, 140, 86)),
        "Apple",
        "iPhone 13",
        "DEMO-000303",
        "2024:02:13 18:22:09",
        21.1717,
        94.8585,
        57.0,
    ),
    Picture(
        "photos/နမူနာ ဓာတ်ပုံ.jpg",
        "Sample with a Burmese file name",
        ((24, 72, 80), (196, 222, 200)),
        "OPPO",
        "CPH2269",
        "DEMO-000404",
        "2024:02:14 07:40:30",
        17.3350,
        96.4810,
        10.0,
    ),
)


@dataclass(frozen=True)
class Figure:
    """One published, aggregated number; ``qualifier`` keeps the report's "nearly", "at least"."""

    period: str
    area: str
    pcode: str
    measure: str
    qualifier: str
    count: int
    recorded_by: str


FOUR_GROUPS = "ND-Burma, NUG Ministry of Human Rights, Equality Myanmar, Spring Archive"
NUG = "NUG Ministry of Human Rights"
VIOLATIONS = "human rights violations recorded"

FIGURES = (
    Figure("2022", "Sagaing Region", "MMR005", VIOLATIONS, "", 783, FOUR_GROUPS),
    Figure("2022", "Magway Region", "MMR009", VIOLATIONS, "", 311, FOUR_GROUPS),
    Figure("2022", "Yangon Region", "MMR013", VIOLATIONS, "", 171, FOUR_GROUPS),
    Figure("2022", "Rakhine State", "MMR012", VIOLATIONS, "", 138, FOUR_GROUPS),
    Figure("2022", "Kalay Township", "", VIOLATIONS, "", 81, FOUR_GROUPS),
    Figure("2022", "Khin-U Township", "", VIOLATIONS, "", 61, FOUR_GROUPS),
    Figure("2022", "Yinmarbin Township", "", VIOLATIONS, "", 57, FOUR_GROUPS),
    Figure("2022", "Kyauktaw Township", "", VIOLATIONS, "", 24, FOUR_GROUPS),
    Figure("to end of 2024", "whole country", "", "attacks on civilians recorded", "", 7394, NUG),
    Figure("to end of 2024", "whole country", "", "extrajudicial killings", "nearly", 1800, NUG),
    Figure("to end of 2024", "whole country", "", "destruction of property", "", 1355, NUG),
    Figure(
        "2024-01/2024-06",
        "areas of ND-Burma members",
        "",
        "cases of violence recorded",
        "at least",
        323,
        "ND-Burma members",
    ),
)

ENGLISH = f"""{DEMO_NOTICE}

Figures from one published report, in our own words
====================================================

This page was written to show evidence-vault at work. It is a digest of a public
report and holds no testimony and no name of a private person.

Source: {SOURCE}.

1. Over the calendar year 2022, four documentation groups pooled what they had
   recorded. Sagaing Region headed their list with 783 violations, Magway Region
   came next with 311, and Yangon Region third with 171. No state stood above
   Rakhine, where they counted 138.

2. Townships were counted as well: 81 in Kalay, 61 in Khin-U and 57 in Yinmarbin,
   all three in Sagaing; in Rakhine, Kyauktaw had the most, with 24.

3. Arrests without legal ground and air strikes led the kinds of violation for
   that year; burnt housing and property ranked second, heavy weapons fired into
   inhabited areas third.

4. For the time to the end of 2024 the Ministry of Human Rights of the National
   Unity Government gave a total of 7,394 attacks on civilians, of which 1,355
   concern destroyed property and close to 1,800 killings outside any court.

5. Members of the network wrote down 323 or more cases of violence in the first
   half of 2024.

What the report says of its own limits: fieldworkers and the people they speak
with are at risk, so that a full count can't be had.
"""

BURMESE = """သရုပ်ပြစာရွက်စာတမ်း - အထောက်အထား မဟုတ်ပါ
(DEMONSTRATION - not evidence)

ဤစာသည် evidence-vault ကို သရုပ်ပြရန် ရေးထားသော နမူနာစာ ဖြစ်ပါသည်။
ဘာသာပြန်ချက်ကို မစစ်ဆေးရသေးပါ (unreviewed translation)။

ရင်းမြစ် - Network for Human Rights Documentation-Burma (ND-Burma),
Defending Democracy: Four Years Since the Failed Coup in Burma, 2025

၂၀၂၂ ခုနှစ်အတွင်း မှတ်တမ်းတင်ထားသော လူ့အခွင့်အရေး ချိုးဖောက်မှုများ

- စစ်ကိုင်းတိုင်းဒေသကြီး - ၇၈၃ မှု
- မကွေးတိုင်းဒေသကြီး - ၃၁၁ မှု
- ရန်ကုန်တိုင်းဒေသကြီး - ၁၇၁ မှု
- ရခိုင်ပြည်နယ် - ၁၃၈ မှု
"""

SPEECH = (
    "This is a demonstration. This recording is not evidence. "
    "The voice was made by a machine, and no person is speaking."
)


def run(*command: str | Path) -> None:
    """Runs one program quietly; raises CalledProcessError when it fails."""
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def write_metadata(path: Path, tags: Iterable[str]) -> None:
    """Writes tags (``Group:Name=value``) with ExifTool, as a camera would have."""
    options = [f"-{tag}" for tag in tags]
    run("exiftool", "-q", "-overwrite_original", "-api", "QuickTimeUTC=1", *options, path)


def draw(picture: Picture, size: tuple[int, int] = (1280, 960)) -> Image.Image:
    """A vertical gradient with hills, the caption, and the word DEMONSTRATION across it."""
    width, height = size
    top, bottom = picture.colours
    ramp = Image.linear_gradient("L").resize(size)
    image = Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), ramp)
    pen = ImageDraw.Draw(image)
    pen.ellipse((width * 0.68, height * 0.12, width * 0.8, height * 0.28), fill=(250, 236, 190))
    darker = tuple(value // 2 for value in top)
    hills = [
        (0.0, 0.7),
        (0.22, 0.5),
        (0.45, 0.68),
        (0.7, 0.46),
        (1.0, 0.72),
        (1.0, 1.0),
        (0.0, 1.0),
    ]
    pen.polygon([(x * width, y * height) for x, y in hills], fill=darker)
    large, small = (ImageFont.load_default(height // part) for part in (9, 24))
    middle = width / 2
    pen.text((middle, height * 0.42), "DEMONSTRATION", "white", large, "mm", stroke_width=2)
    pen.text((middle, height * 0.52), "a drawing, not evidence", "white", small, "mm")
    pen.text((middle, height * 0.92), picture.caption, "white", small, "mm")
    return image


def make_picture(picture: Picture, scratch: Path) -> None:
    """One JPEG with the metadata of a camera, an embedded thumbnail included."""
    path = DEMO / picture.name
    image = draw(picture)
    image.save(path, quality=82)
    thumbnail = scratch / "thumbnail.jpg"
    image.resize((160, 120)).save(thumbnail, quality=70)
    day, clock = picture.taken.split(" ")
    utc = datetime.datetime.strptime(
        picture.taken + picture.offset, "%Y:%m:%d %H:%M:%S%z"
    ).astimezone(datetime.UTC)
    write_metadata(
        path,
        [
            f"EXIF:Make={picture.make}",
            f"EXIF:Model={picture.model}",
            f"EXIF:SerialNumber={picture.serial}",
            f"EXIF:DateTimeOriginal={day} {clock}",
            f"EXIF:CreateDate={day} {clock}",
            f"EXIF:ModifyDate={day} {clock}",
            f"EXIF:OffsetTimeOriginal={picture.offset}",
            f"EXIF:GPSLatitude={picture.latitude}",
            "EXIF:GPSLatitudeRef=N",
            f"EXIF:GPSLongitude={picture.longitude}",
            "EXIF:GPSLongitudeRef=E",
            f"EXIF:GPSAltitude={picture.altitude}",
            "EXIF:GPSAltitudeRef#=0",
            f"EXIF:GPSDateStamp={utc:%Y:%m:%d}",
            f"EXIF:GPSTimeStamp={utc:%H:%M:%S}",
            "EXIF:ExposureTime=1/250",
            "EXIF:FNumber=2.8",
            "EXIF:ISO=100",
            "EXIF:FocalLength=26",
            "EXIF:Orientation#=1",
            f"EXIF:ImageDescription={DEMO_NOTICE}",
            f"IFD1:ThumbnailImage<={thumbnail}",
        ],
    )


def make_video(scratch: Path) -> None:
    """Four seconds of a slow zoom over one drawing, with a tone, position and creation time."""
    path = DEMO / "video/VID_20240213_182400.mp4"
    frame = scratch / "frame.png"
    draw(PICTURES[2], (960, 720)).save(frame)
    zoom = "zoompan=z='1+0.0015*on':d=100:s=640x480:fps=25"
    run(
        *("ffmpeg", "-loglevel", "error", "-y", "-i", frame),
        *("-f", "lavfi", "-i", "sine=frequency=330:duration=4"),
        *("-filter_complex", zoom, "-t", "4", "-c:v", "libx264", "-crf", "30", "-threads", "1"),
        *("-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "48k", "-fflags", "+bitexact"),
        *("-flags", "+bitexact", "-movflags", "+faststart", path),
    )
    taken = "2024:02:13 18:24:00+06:30"
    write_metadata(
        path,
        [
            *(f"QuickTime:{name}={taken}" for name in ("CreateDate", "ModifyDate")),
            *(f"QuickTime:Track{name}={taken}" for name in ("CreateDate", "ModifyDate")),
            *(f"QuickTime:Media{name}={taken}" for name in ("CreateDate", "ModifyDate")),
            f"Keys:CreationDate={taken}",
            "Keys:Make=Apple",
            "Keys:Model=iPhone 13",
            "Keys:GPSCoordinates=21.1717, 94.8585, 57",
            f"Keys:Description={DEMO_NOTICE}",
        ],
    )


def make_audio(scratch: Path) -> None:
    """A machine's voice says that this is a demonstration."""
    path = DEMO / "audio/recording-001.m4a"
    voice = scratch / "voice.wav"
    run("espeak-ng", "-v", "en-gb", "-s", "140", "-w", voice, SPEECH)
    run(
        *("ffmpeg", "-loglevel", "error", "-y", "-i", voice, "-c:a", "aac", "-b:a", "40k"),
        *("-metadata", f"title={DEMO_NOTICE}", "-fflags", "+bitexact", "-flags", "+bitexact", path),
    )
    taken = "2024:02:14 09:30:00+06:30"
    write_metadata(path, [f"QuickTime:{name}={taken}" for name in ("CreateDate", "ModifyDate")])


def make_documents() -> None:
    """The digest in English, a few figures in Burmese, and a form as DOCX."""
    (DEMO / "documents/figures-en.txt").write_text(ENGLISH, encoding="utf-8", newline="\n")
    (DEMO / "documents/ကိန်းဂဏန်းများ.txt").write_text(BURMESE, encoding="utf-8", newline="\n")
    document = Document()
    document.add_heading("Table of published figures", level=1)
    document.add_paragraph(f"{DEMO_NOTICE}. Source: {SOURCE}.")
    table = document.add_table(rows=1, cols=3)
    for cell, title in zip(table.rows[0].cells, ("Period", "Area", "Count"), strict=True):
        cell.text = title
    for figure in FIGURES[:4]:
        cells = table.add_row().cells
        values = (figure.period, figure.area, str(figure.count))
        for cell, value in zip(cells, values, strict=True):
            cell.text = value
    properties = document.core_properties
    properties.author = properties.last_modified_by = "Demonstration desk"
    properties.title = "Table of published figures (demonstration)"
    properties.created = properties.modified = datetime.datetime(2025, 2, 1, 9, 0)
    properties.comments = DEMO_NOTICE
    document.save(str(DEMO / "documents/table-of-figures.docx"))


def make_table(path: Path, columns: Iterable[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Writes a CSV file, UTF-8, with one header row and Unix line ends."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def make_cases() -> None:
    """The published figures, each with who recorded it and where it was published."""
    columns = [
        *("period", "area", "pcode", "measure", "qualifier", "count", "recorded_by", "published_in")
    ]
    rows = [{**vars(figure), "published_in": SOURCE} for figure in FIGURES]
    make_table(DEMO / "data/cases.csv", columns, rows)


SHEET_COLUMNS = (
    *("file", "occurred_at", "place", "source_code"),
    *("collector_code", "language", "description", "case"),
)
SHEET = (
    (PICTURES[0].name, "2024-02-11T08:15:12+06:30", "MMR013", "", "Drawing of a lake shore"),
    (PICTURES[1].name, "2024-02-12T12:03:45+06:30", "MMR010", "", "Drawing of a hill"),
    (PICTURES[2].name, "2024-02-13", "MMR009", "", "Drawing of a river bank"),
    (PICTURES[3].name, "2024-02", "", "", "Drawing; the file name is Burmese"),
    ("video/VID_20240213_182400.mp4", "2024-02-13T18:24:00+06:30", "MMR009", "", "Four seconds"),
    ("audio/recording-001.m4a", "", "", "en", "Machine voice, not a testimony"),
    ("documents/figures-en.txt", "", "", "en", "Digest of a published report"),
    ("documents/ကိန်းဂဏန်းများ.txt", "", "", "my", "Burmese sample, unreviewed translation"),
    ("documents/table-of-figures.docx", "", "", "en", "Four published figures as a table"),
    ("data/cases.csv", "2022", "", "en", "Published figures with their source"),
)


def make_sheet() -> None:
    """A sheet for ``ingest --sheet``; an empty cell means unknown."""
    rows = [
        dict(
            zip(
                SHEET_COLUMNS,
                (file, when, place, "SRC-DEMO", "COL-DEMO", language, text, "DEMO-2024"),
                strict=True,
            )
        )
        for file, when, place, language, text in SHEET
    ]
    make_table(DEMO / "sheet.csv", SHEET_COLUMNS, rows)


def main() -> None:
    """Makes every file and says how large they are together."""
    for folder in ("photos", "video", "audio", "documents", "data"):
        (DEMO / folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for picture in PICTURES:
            make_picture(picture, scratch)
        make_video(scratch)
        make_audio(scratch)
    make_documents()
    make_cases()
    make_sheet()
    files = [path for path in DEMO.rglob("*") if path.is_file()]
    print(
        f"{len(files)} files, {sum(path.stat().st_size for path in files):,} bytes in {DEMO.name}"
    )


if __name__ == "__main__":
    main()
