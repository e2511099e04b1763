"""Finding and opening what is to be taken in, without following links or trusting names.

Names are bytes from end to end (``os.fsencode``): a name in any normalisation, with newlines or
with bytes that are not UTF-8, comes out as it went in. Only regular files are taken; an empty
file is evidence too, and so is what an operating system leaves behind (``.DS_Store`` …).
"""

from __future__ import annotations

import base64
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from evidence_vault.core.text import decode_for_display
from evidence_vault.errors import SourceRefused

_NANOS = 10**9


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that was not taken, and why.

    ``path`` and ``relative`` are as in :class:`Source`. ``notice`` is true where nothing is
    wrong and only said (an empty folder, the vault's own folder): it does not fail a batch.
    """

    path: bytes
    relative: bytes
    code: str
    reason: str
    notice: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """One regular file as found by :func:`walk`; nothing of it has been read yet.

    ``path`` is what to open; ``relative`` starts with the base name of the root it was found
    under (a single file: its own base name). Times are nanoseconds since 1970, UTC.
    """

    path: bytes
    relative: bytes
    size: int
    mtime_ns: int
    ctime_ns: int
    birthtime: str | None
    device: int
    inode: int
    mode: int

    def times(self) -> dict[str, str]:
        """``mtime``, ``ctime`` and, where the system keeps it, ``birthtime``: ISO 8601 UTC.

        All digits the system gave, never rounded. On Windows, where the same number is the
        time of creation, there is a ``birthtime`` and no ``ctime``.
        """
        found = {"mtime": iso_utc(self.mtime_ns)}
        if os.name == "nt":
            found["birthtime"] = iso_utc(self.ctime_ns)
            return found
        found["ctime"] = iso_utc(self.ctime_ns)
        if self.birthtime is not None:
            found["birthtime"] = self.birthtime
        return found


def iso_utc(nanoseconds: int) -> str:
    """Nanoseconds since 1970 as ``2024-05-01T10:20:30.123456789Z`` (always nine digits).

    A time outside the years 1 to 9999 (a damaged file system) is given as ``unix:S.NNNNNNNNN``.
    """
    seconds, rest = divmod(nanoseconds, _NANOS)
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return f"unix:{seconds}.{rest:09d}"
    return f"{moment.replace(tzinfo=None).isoformat()}.{rest:09d}Z"


def encode_name(raw: bytes) -> dict[str, str]:
    """The two forms of a name (DESIGN §5): ``b64`` of the exact bytes, ``display`` to read."""
    return {"b64": base64.b64encode(raw).decode("ascii"), "display": decode_for_display(raw)}


# -- walking -----------------------------------------------------------------------------------


def walk(
    paths: Sequence[bytes | str | os.PathLike[str]], *, exclude: Iterable[Path] = ()
) -> Iterator[Source | Refusal]:
    """Every file under ``paths``, in the order of the arguments, folders sorted bytewise.

    A root that lies within another given folder is walked once, as part of that folder.
    Folders in ``exclude`` (the vault itself) are never entered, whatever name leads to them.
    """
    given = [os.fsencode(path) for path in paths]
    for path in given:
        if not path or b"\0" in path:  # abspath would take an empty one for the current folder
            yield Refusal(path, path, "E-SOURCE-MISSING", "no such path can exist")
    roots = [os.path.abspath(path) for path in given if path and b"\0" not in path]
    banned = {identity for folder in exclude if (identity := _identity(folder)) is not None}
    for root in _without_nested(roots):
        if _is_inside(root, banned):
            yield _vault_notice(root, os.path.basename(root))
        else:
            yield from _walk_root(root, banned)


def _walk_root(root: bytes, banned: set[tuple[int, int]]) -> Iterator[Source | Refusal]:
    waiting = [(root, os.path.basename(root) or b".")]
    while waiting:
        path, relative = waiting.pop()
        try:
            found = os.lstat(path)
        except OSError as error:
            yield _from_oserror(path, relative, error)
            continue
        if not stat.S_ISDIR(found.st_mode):
            yield _file_or_refusal(path, relative, found)
            continue
        if (found.st_dev, found.st_ino) in banned:
            yield _vault_notice(path, relative)
            continue
        try:
            names = sorted(os.listdir(path), reverse=True)
        except OSError as error:
            yield _from_oserror(path, relative, error)
            continue
        if not names:
            yield Refusal(path, relative, "E-SOURCE-EMPTY-FOLDER", "empty folder", notice=True)
        waiting.extend((os.path.join(path, name), relative + b"/" + name) for name in names)


def _file_or_refusal(path: bytes, relative: bytes, found: os.stat_result) -> Source | Refusal:
    kind = stat.S_IFMT(found.st_mode)
    if kind != stat.S_IFREG:
        code, reason = _REFUSED_KINDS.get(kind, ("E-SOURCE-SPECIAL", "not a regular file"))
        return Refusal(path, relative, code, reason)
    if not os.access(path, os.R_OK):
        return Refusal(path, relative, "E-SOURCE-UNREADABLE", "no permission to read it")
    return _source(path, relative, found)


_REFUSED_KINDS = {
    stat.S_IFLNK: ("E-SOURCE-LINK", "a link; links are not followed: give the file itself"),
    stat.S_IFIFO: ("E-SOURCE-SPECIAL", "a pipe, not a file"),
    stat.S_IFSOCK: ("E-SOURCE-SPECIAL", "a socket, not a file"),
    stat.S_IFCHR: ("E-SOURCE-SPECIAL", "a device, not a file"),
    stat.S_IFBLK: ("E-SOURCE-SPECIAL", "a device, not a file: take an image of it first"),
}


def _source(path: bytes, relative: bytes, found: os.stat_result) -> Source:
    return Source(
        path=path,
        relative=relative,
        size=found.st_size,
        mtime_ns=found.st_mtime_ns,
        ctime_ns=found.st_ctime_ns,
        birthtime=_birthtime(found),
        device=found.st_dev,
        inode=found.st_ino,
        mode=found.st_mode,
    )


def _birthtime(found: os.stat_result) -> str | None:
    """The time of creation, on systems whose ``stat`` gives it (as seconds with 6 digits)."""
    seconds = getattr(found, "st_birthtime", None)
    if seconds is None:
        return None
    return iso_utc(round(seconds * 10**6) * 1000)[:-4] + "Z"


def _from_oserror(path: bytes, relative: bytes, error: OSError) -> Refusal:
    if isinstance(error, FileNotFoundError):
        return Refusal(path, relative, "E-SOURCE-MISSING", "there is nothing at this path")
    if error.errno == errno.ELOOP:
        code, reason = _REFUSED_KINDS[stat.S_IFLNK]
        return Refusal(path, relative, code, reason)
    if isinstance(error, PermissionError):
        return Refusal(path, relative, "E-SOURCE-UNREADABLE", "no permission to read it")
    return Refusal(path, relative, "E-SOURCE-UNREADABLE", error.strerror or str(error))


def _vault_notice(path: bytes, relative: bytes) -> Refusal:
    reason = "the vault's own folder is not taken in"
    return Refusal(path, relative, "E-SOURCE-VAULT", reason, notice=True)


def _identity(path: bytes | Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_inside(path: bytes, banned: set[tuple[int, int]]) -> bool:
    """Whether a folder *above* ``path`` is banned (``path`` itself is seen while walking)."""
    while banned and (parent := os.path.dirname(path)) != path:
        path = parent
        if _identity(path) in banned:
            return True
    return False


def _without_nested(roots: list[bytes]) -> list[bytes]:
    """``roots`` less repetitions and less those under another root that will be walked."""
    folders = {root for root in roots if os.path.isdir(root) and not os.path.islink(root)}
    kept: dict[bytes, None] = {}
    for root in roots:
        above, covered = root, False
        while not covered and (parent := os.path.dirname(above)) != above:
            above = parent
            covered = above in folders
        if not covered:
            kept[root] = None
    return list(kept)


# -- opening -----------------------------------------------------------------------------------


def open_source(source: Source) -> BinaryIO:
    """The file, open for reading, unbuffered, known to be the one that was listed.

    Links are refused by the system call itself, and a pipe put in the file's place can't make
    the call wait. The time of last access stays as it was where the system permits that.
    Raises :class:`SourceRefused` if it can't be opened or is no longer the file that was listed.
    """
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "O_BINARY"):
        flags |= getattr(os, name, 0)
    try:
        handle = _open_quietly(source.path, flags)
    except OSError as error:
        refusal = _from_oserror(source.path, source.relative, error)
        raise _refused(source, refusal.code, refusal.reason) from error
    try:
        _compare(source, os.fstat(handle), "since it was listed")
    except BaseException:  # Ctrl-C, too: the handle is ours until it is handed out
        os.close(handle)
        raise
    return os.fdopen(handle, "rb", buffering=0)


def _open_quietly(path: bytes, flags: int) -> int:
    """Open without touching the access time: allowed to the owner only, so try and fall back."""
    quiet = getattr(os, "O_NOATIME", 0)
    if quiet:
        try:
            return os.open(path, flags | quiet)
        except PermissionError:
            pass
    return os.open(path, flags)


def unchanged(source: Source, fileobj: BinaryIO) -> None:
    """Raise :class:`SourceRefused` if the file changed since it was listed.

    Compares size, modification and change time, and inode, of the open file and of what its
    path leads to now. A write within the clock tick of the file system (some milliseconds, two
    seconds on FAT) that keeps the size is not seen here; the second hash of the bytes sees it.
    """
    _compare(source, os.fstat(fileobj.fileno()), "while it was being read")
    try:
        at_path = os.lstat(source.path)
    except OSError as error:
        raise _refused(
            source, "E-SOURCE-CHANGED", "moved or deleted while it was being read"
        ) from error
    _compare(source, at_path, "while it was being read")


def _compare(source: Source, now: os.stat_result, when: str) -> None:
    if not stat.S_ISREG(now.st_mode) or (now.st_dev, now.st_ino) != (source.device, source.inode):
        raise _refused(source, "E-SOURCE-CHANGED", f"replaced by something else {when}")
    before = (source.size, source.mtime_ns, source.ctime_ns)
    after = (now.st_size, now.st_mtime_ns, now.st_ctime_ns)
    for name, old, new in zip(("size", "mtime", "ctime"), before, after, strict=True):
        if old != new:
            raise _refused(
                source, "E-SOURCE-CHANGED", f"changed {when} ({name} was {old}, is {new})"
            )


def _refused(source: Source, code: str, reason: str) -> SourceRefused:
    hint = "wait until nothing writes to it, then run again" if code == "E-SOURCE-CHANGED" else ""
    return SourceRefused(f"{decode_for_display(source.relative)}: {reason}", code=code, hint=hint)
