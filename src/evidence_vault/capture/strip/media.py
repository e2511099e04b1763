"""What all kinds of sound and video share: decoding by ffmpeg, and two unrelated second parsers."""

from __future__ import annotations

import hashlib
import mmap
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, cast

from pymediainfo import MediaInfo
from tinytag import TinyTag, TinyTagException

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.model import (
    Comparison,
    NotChecked,
    Scan,
    ToolUse,
    View,
    Work,
)

OWN_WALK = ToolUse("evidence-vault", "1", ("rewrites by an allow-list of parts",))
FORMS_ONLY = "how it is coded"
UNNAMED = "a field that MediaInfo or the file named"

_INPUT = ("-nostdin", "-v", "error", "-protocol_whitelist", "file")
_OUTPUT = ("-fps_mode", "passthrough", "-copyts", "-sn", "-dn", "-f", "framehash", "-hash")
_ABOUT = re.compile(r"#(tb|media_type|codec_id|dimensions|sar|sample_rate|channel_layout)")


class Media(ABC):
    """The parts of a format that are the same for all sound and video."""

    name = "media"
    demuxer = ""
    """ffmpeg's name of the format, so that no other of its parsers is ever tried."""
    timed = True
    """Whether time stamps stand in the file; elsewhere they follow from the samples."""
    stays: ClassVar[dict[str, str]] = {}
    """Names of tags, without group, that ExifTool may find in the copy, and why."""
    groups: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def strip(self, source: Path, target: Path, bench: Bench) -> Work: ...

    def compare(self, source: Path, target: Path, bench: Bench) -> Comparison:
        """Decode both with ffmpeg: every frame, its time and its duration."""
        method = f"decoded by ffmpeg {bench.version('ffmpeg')}, SHA-256 of every frame"
        note = ""
        try:
            before = self._decoded(source, bench, "-xerror")
            after = self._decoded(target, bench, "-xerror")
        except NotChecked:
            before = self._decoded(source, bench)
            after = self._decoded(target, bench)
            note = "; damaged places count as what ffmpeg makes of them"
        streams = Counter(line.split(",")[0].strip() for line in after if not line.startswith("#"))
        kinds = [line for line in after if line.startswith("#media_type")]
        if not streams or len(streams) < len(kinds):
            return Comparison("not-comparable", method, "a stream gave no frames")
        what = ", ".join(
            f"{line.rpartition(' ')[2]}: {streams[str(number)]} frames"
            for number, line in enumerate(kinds)
        )
        return Comparison("yes" if before == after else "no", method, what + note)

    def _decoded(self, path: Path, bench: Bench, *more: str) -> list[str]:
        wanted = ["-map", "0:V?", "-map", "0:a?"]
        argv = ["ffmpeg", *_INPUT, *more, "-f", self.demuxer, "-i", f"file:{path}"]
        printed = bench.run([*argv, *wanted, *_OUTPUT, "sha256", "-"])
        lines = []
        for line in printed.decode("ascii", "replace").splitlines():
            if line.startswith("#"):
                if _ABOUT.match(line):
                    lines.append(line)
                continue
            stream, _, _, _, size, digest = (each.strip() for each in line.split(","))
            lines.append(line if self.timed else f"{stream}, {size}, {digest}")
        return lines

    @abstractmethod
    def scan(self, target: Path, bench: Bench) -> Scan: ...

    def views(self, path: Path, bench: Bench) -> Iterator[View]:
        yield from ()

    def visible_text(self, source: Path, bench: Bench) -> str:
        return ""

    def may_stay(self, tag: str) -> str | None:
        group, _, name = tag.rpartition(":")
        if group.split(":")[0] not in self.groups:
            return None
        return self.stays.get(name)

    def _changes_again(self, target: Path, bench: Bench) -> tuple[str, ...]:
        """Whether this format's own strict walk would take anything more out of the copy."""
        again = bench.scratch()
        self.strip(target, again, bench)
        same = digest_of(again) == digest_of(target)
        again.unlink()
        return () if same else ("parts that a second pass would take out",)


class Sound(Media):
    """Sound files, whose second parsers are tinytag and the strict walk."""

    timed = False

    def scan(self, target: Path, bench: Bench) -> Scan:
        use = ToolUse("tinytag", version("tinytag"), ("image=True", "COPY"))
        found = [*tinytag_finds(target), *self._changes_again(target, bench)]
        return Scan(use, tuple(found))


_TECHNICAL = {
    *("filename", "filesize", "mime_type", "is_lossless"),
    *("duration", "channels", "bitrate", "bitdepth", "samplerate"),
}
_NAMED = {
    *("album", "albumartist", "artist", "comment", "composer", "disc", "disc_total", "genre"),
    *("title", "track", "track_total", "year", "images"),
}


def tinytag_finds(path: Path) -> list[str]:
    """Names of what tinytag reads besides how the sound is coded; raises NotChecked."""
    try:
        with path.open("rb") as stream:
            tag = TinyTag.get(None, image=True, file_obj=stream)
    except (TinyTagException, ValueError, ArithmeticError, LookupError) as error:
        raise NotChecked("tinytag can't read the copy") from error
    said: dict[str, Any] = tag.as_dict()
    found = {name if name in _NAMED else "another tag" for name in said if name not in _TECHNICAL}
    if tag.images.as_dict():
        found.add("images")
    return sorted(found)


_MEDIAINFO = re.compile(
    r"(other_.*|.*(string|count|size|_settings.*|rate|_mode|_display).*|track_type|track_id|"
    r"streamkindid|streamorder|stream_identifier|kind_of_stream|inform|complete_name|file_name"
    r"|file_extension|folder_name|file_last_modification_date.*|file_creation_date.*|"
    r"format.*|commercial_name|proportion.*|internet_media_type|codec.*|codecs.*|"
    r"duration.*|delay.*|video_delay.*|source_.*|width.*|height.*|sampled_.*|stored_.*|rotation|"
    r"pixel_aspect_ratio.*|display_aspect_ratio.*|active_.*|clean_aperture.*|frame.*|"
    r"standard|color_space|chroma_subsampling.*|bit_depth.*|resolution|scan_.*|interlacement|"
    r"bits__pixel.*|colou?r.*|transfer_.*|matrix_.*|mastering_.*|maximum_.*|hdr_.*|"
    r"channel.*|sampling.*|samples.*|compression.*|alignment|interleave.*|language.*|"
    r"default|forced|alternate_group.*|is_?streamable|headersize|datasize|footersize|"
    r"buffer_size|menus?|encoded_date_null|proportion_of_this_stream|gop.*|muxing_mode.*|"
    r"sbr.*|ps|sign|endianness|id|unique_id_null|edit.*|mdhd_duration|"
    r"delay_relative_to_video|replay_gain_null|typeorder|overall_bit_rate.*|"
    r"(video|audio)_(format|language|codecs|channels).*|file_name_extension|gamma|avc|original_.*|"
    r"fileextension_invalid|bit_rate.*|nominal_.*|conformance.*|errordetectiontype|istruncated)\Z"
)
_BLANK = re.compile(r"(0x0+|0)( 0)?\Z")
_TELLING = {
    *("encoded_library", "encoded_library_name", "encoded_library_version", "writing_library"),
    *("encoded_application", "writing_application", "encoded_date", "tagged_date", "title"),
    *("performer", "album", "comment", "recorded_date", "location", "xyz", "make", "model"),
    *("track_name", "movie_name", "description", "copyright", "cover", "time_code_of_first_frame"),
    *("encoded_library_settings", "unique_id", "vendor_id", "comapplequicktimemodel"),
}


def mediainfo_scan(path: Path) -> Scan:
    """What MediaInfo reads besides how sound and picture are coded; raises NotChecked."""
    if not MediaInfo.can_parse():
        raise NotChecked("MediaInfo is not installed")
    try:
        parsed = MediaInfo.parse(str(path), full=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise NotChecked("MediaInfo can't read the copy") from error
    found = set()
    for track in parsed.tracks:
        if track.track_type not in ("General", "Video", "Audio"):
            found.add(f"{track.track_type}")
        for name, value in track.to_data().items():
            if _BLANK.match(str(value)):
                continue
            if not _MEDIAINFO.match(name) or name in _TELLING:
                found.add(f"{track.track_type}:{name if name in _TELLING else UNNAMED}")
    use = ToolUse("MediaInfo", _library_version(), ("full=True", "COPY"))
    return Scan(use, tuple(sorted(found)))


def _library_version() -> str:
    return f"of pymediainfo {version('pymediainfo')}"


@contextmanager
def opened(path: Path) -> Iterator[bytes]:
    """The bytes of a file, mapped: what is not looked at is not in memory.

    It slices, indexes and finds as bytes do, and has a length; it can't do more.
    """
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        yield cast(bytes, data)


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def told(names: Iterable[str]) -> tuple[str, ...]:
    """Names of structures with how many there were."""
    counts = Counter(names)
    return tuple(
        f"{name}, {counts[name]} times" if counts[name] > 1 else name for name in sorted(counts)
    )
