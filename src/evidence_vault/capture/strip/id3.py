"""Where sound begins and ends between the tags that programs put around it.

ID3v2.2-2.4 (id3.org), ID3v1, APEv2, Lyrics3 v1 and v2, in any order and number.
"""

from __future__ import annotations

_ID3V1, _APE, _LYRICS = 128, 32, 9
_APE_HAS_HEADER = 0x8000_0000
_LYRICS_LIMIT = 5100 + 20


def start_of_audio(data: bytes, at: int = 0) -> tuple[int, list[str]]:
    """(where what follows the tags at ``at`` begins, names of those tags)."""
    names: list[str] = []
    while True:
        size = id3v2_size(data, at)
        if size:
            names.append("ID3v2 tag")
        else:
            size = _ape_at_start(data, at)
            if not size:
                return at, names
            names.append("APE tag")
        at = min(len(data), at + size)


def id3v2_size(data: bytes, at: int) -> int:
    """Bytes of the ID3v2 tag at this place, its footer among them; 0 if there is none."""
    head = data[at : at + 10]
    if len(head) < 10 or head[:3] != b"ID3" or head[3] == 0xFF or max(head[6:]) > 0x7F:
        return 0
    size = (head[6] << 21) | (head[7] << 14) | (head[8] << 7) | head[9]
    return 10 + size + (10 if head[5] & 0x10 else 0)


def _ape_at_start(data: bytes, at: int) -> int:
    head = data[at : at + _APE]
    if head[:8] != b"APETAGEX" or len(head) < _APE:
        return 0
    return _APE + int.from_bytes(head[12:16], "little")


def end_of_audio(data: bytes, start: int) -> tuple[int, list[str]]:
    """(where the sound ends, names of the tags behind it). ``start``: where the sound begins."""
    end = len(data)
    names: list[str] = []
    while True:
        for name, size in _tags_before(data, end):
            if 0 < size <= end - start:
                names.append(name)
                end -= size
                break
        else:
            return end, names


def _tags_before(data: bytes, end: int) -> list[tuple[str, int]]:
    return [
        ("ID3v1 tag", _ID3V1 if data[max(0, end - 128) : end][:3] == b"TAG" else 0),
        ("APE tag", _ape_before(data, end)),
        ("Lyrics3 tag", _lyrics_before(data, end)),
        ("ID3v2 tag", _id3v2_before(data, end)),
    ]


def _ape_before(data: bytes, end: int) -> int:
    foot = data[max(0, end - _APE) : end]
    if foot[:8] != b"APETAGEX" or len(foot) < _APE:
        return 0
    flags = int.from_bytes(foot[20:24], "little")
    size = int.from_bytes(foot[12:16], "little")
    return max(size, _APE) + (_APE if flags & _APE_HAS_HEADER else 0)


def _lyrics_before(data: bytes, end: int) -> int:
    mark = data[max(0, end - _LYRICS) : end]
    if mark == b"LYRICS200":
        digits = data[end - 15 : end - 9]
        return int(digits) + 15 if digits.isdigit() else 0
    if mark == b"LYRICSEND":
        block = data[max(0, end - _LYRICS_LIMIT) : end]
        at = block.rfind(b"LYRICSBEGIN")
        return len(block) - at if at >= 0 else 0
    return 0


def _id3v2_before(data: bytes, end: int) -> int:
    foot = data[max(0, end - 10) : end]
    if len(foot) < 10 or foot[:3] != b"3DI" or max(foot[6:]) > 0x7F:
        return 0
    return 20 + ((foot[6] << 21) | (foot[7] << 14) | (foot[8] << 7) | foot[9])
