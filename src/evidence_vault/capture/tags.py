"""What ExifTool printed, turned into values that keep every digit and every duplicate."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["read", "unreadable", "timed-out", "crashed", "too-large", "no-reader"]

_LARGEST_INTEGER = 2**53 - 1
_RUBBISH = "ExifTool printed something that is not its JSON"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What came of reading one file.

    ``tags``: JSON values without floats (numbers with a point are strings, with the digits
    ExifTool printed; so are integers beyond 2^53 - 1), keyed ``[Document:]Group[:CopyN]:Tag``.
    Empty unless ``status`` is ``read``, or ``unreadable`` with something found all the same.
    ``reason``: why it was not read, in ExifTool's own words where it gave any. ``credentials``:
    what :mod:`evidence_vault.capture.credentials` found, None where the file carries none.
    """

    status: Status
    reason: str = ""
    tags: dict[str, Any] = field(default_factory=dict)
    tool: str = ""
    warnings: tuple[str, ...] = ()
    credentials: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The document that is encrypted as the item's extracted metadata."""
        document: dict[str, Any] = {
            "reason": self.reason,
            "status": self.status,
            "tags": self.tags,
            "tool": self.tool,
            "warnings": list(self.warnings),
        }
        if self.credentials is not None:
            document["content_credentials"] = self.credentials
        return document


def parse_output(output: bytes, tool: str, folder: str) -> dict[str, Metadata]:
    """ExifTool's JSON for any number of files, by the path that ExifTool was given.

    ``folder`` is the private folder, whose name is cut out of ExifTool's messages.
    Raises ``ValueError`` if ``output`` is not a JSON list of objects with a ``SourceFile``.
    """
    damaged = False
    try:
        text = output.decode("utf-8")
    except UnicodeDecodeError:
        text, damaged = output.decode("utf-8", "surrogateescape"), True
    try:
        parsed = json.loads(
            text,
            parse_float=str,
            parse_int=_exact_integer,
            parse_constant=str,
            object_pairs_hook=_keep_duplicates,
            strict=False,
        )
        if not isinstance(parsed, list):
            raise TypeError("not a list")
        found = {each["SourceFile"]: each for each in parsed}
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise ValueError(_RUBBISH) from error
    return {path: _metadata(each, tool, folder, damaged) for path, each in found.items()}


def _metadata(found: dict[str, Any], tool: str, folder: str, damaged: bool) -> Metadata:
    warnings: list[str] = []
    errors: list[str] = []
    tags: dict[str, Any] = {}
    for key, value in (_encodable(found) if damaged else found).items():
        if not _is_about_the_run(key):
            tags[key] = value
        elif (name := key.rpartition(":")[2].partition("#")[0]) == "Error":
            errors.append(str(value).replace(folder, ""))
        elif name == "Warning":
            warnings.append(str(value).replace(folder, ""))
    if damaged:
        warnings.append("some values may hold bytes that are not UTF-8, written here as \\xNN")
    status: Status = "unreadable" if errors else "read"
    return Metadata(status, "; ".join(errors), tags, tool, tuple(warnings))


def _is_about_the_run(key: str) -> bool:
    """Facts about our link, our folder and this run of the tool, not about the evidence."""
    groups = key.split(":")
    return key == "SourceFile" or "System" in groups[:-1] or "ExifTool" in groups[:-1]


def _exact_integer(digits: str) -> int | str:
    if len(digits) > 17:
        return digits
    number = int(digits)
    return number if abs(number) <= _LARGEST_INTEGER and str(number) == digits else digits


def _keep_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dictionary; a key that comes again gets ``#2``, ``#3`` …, so that no value is lost."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        name, count = key, 1
        while name in found:
            count += 1
            name = f"{key}#{count}"
        found[name] = value
    return found


def _encodable(value: Any) -> Any:
    """``value`` with every byte that was not UTF-8 written as ``\\xNN``."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, list):
        return [_encodable(each) for each in value]
    if isinstance(value, dict):
        return {_encodable(key): _encodable(each) for key, each in value.items()}
    return value


# -- for the local index -----------------------------------------------------------------------

_CLOCKS = (
    "SubSecDateTimeOriginal",
    "DateTimeOriginal",
    "CreationDate",
    "SubSecCreateDate",
    "CreateDate",
    "MediaCreateDate",
    "DateTimeCreated",
)
_OFFSETS = ("OffsetTimeOriginal", "OffsetTime", "TimeZone")
_PLACES = ("GPSLatitude", "GPSCoordinates", "GPSPosition", "LocationInformation", "Location")


def summary(metadata: Metadata) -> dict[str, Any]:
    """What the local index keeps: device clock as found, whether there is a place, the device.

    Keys ``device_time``, ``device_offset``, ``make``, ``model`` (string or ``None``) and
    ``has_location`` (bool). The clock is the device's own claim, not a time of anything.
    """
    by_name: dict[str, list[Any]] = {}
    for key, value in metadata.tags.items():
        by_name.setdefault(key.rpartition(":")[2].partition("#")[0], []).append(value)

    def first(names: tuple[str, ...], usable: Callable[[str], bool] = bool) -> str | None:
        for name in names:
            for value in by_name.get(name, ()):
                if isinstance(value, str | int) and usable(text := str(value).strip()):
                    return text
        return None

    return {
        "device_time": first(_CLOCKS, lambda text: text[:1].isdigit() and text[:4] != "0000"),
        "device_offset": first(_OFFSETS),
        "has_location": first(_PLACES) is not None,
        "make": first(("Make", "AndroidManufacturer", "AndroidMake")),
        "model": first(("Model", "AndroidModel")),
    }
