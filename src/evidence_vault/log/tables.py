"""The tables of the catalogue (the only place where their columns are named).

``log_*`` hold nothing personal. ``index_*`` hold what may be searched; they exist only where
the content can be read, and can be dropped. A change of these tables is a new SCHEMA_VERSION and
a new script under migrations/.
"""

from __future__ import annotations

from sqlalchemy import Index
from sqlmodel import Field, SQLModel, col

from evidence_vault.log.text import neutral

SCHEMA_VERSION = 5


class LogMeta(SQLModel, table=True):
    """What the catalogue knows of itself, by name."""

    __tablename__ = "log_meta"
    name: str = Field(primary_key=True)
    value: str


class LogSigned(SQLModel, table=True):
    """What a shared vault signed last, one row per log; MACed, so the database can't make one.

    Not a cache: losing it, or going back to an older one, must be noticed (vault/pins.py). Used
    where the catalogue is on a server; elsewhere it is the file ``signed``.
    """

    __tablename__ = "log_signed"
    origin: str = Field(primary_key=True)
    data: bytes


class LogState(SQLModel, table=True):
    """One row per log of this vault: how far the catalogue has come."""

    __tablename__ = "log_state"
    log: int = Field(primary_key=True)
    schema_version: int
    size: int
    frontier: bytes


class LogEntry(SQLModel, table=True):
    """Where an entry lies; its bytes stay in the store."""

    __tablename__ = "log_entry"
    log: int = Field(primary_key=True)
    idx: int = Field(primary_key=True)
    leaf: bytes
    commit_start: int
    type: str
    recorded_at: str


class LogItem(SQLModel, table=True):
    """The newest event of each item in each log."""

    __tablename__ = "log_item"
    id: str = Field(primary_key=True)
    log: int = Field(primary_key=True)
    home: str
    last_seq: int
    last_idx: int
    first_log: int
    first_idx: int


class LogHistory(SQLModel, table=True):
    """Which entry is event number ``seq`` of an item."""

    __tablename__ = "log_history"
    id: str = Field(primary_key=True)
    log: int = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    idx: int


class LogObject(SQLModel, table=True):
    """What an object store answered for a payload (core/placement.py), by its digest.

    ``sha256``: of the stored bytes, hex. A folder gives no version: then there is no row.
    """

    __tablename__ = "log_object"
    sha256: str = Field(primary_key=True)
    version: str
    size: int
    mode: str | None = None
    until: str | None = None
    etag: str | None = None


class LogBlock(SQLModel, table=True):
    """Which items there are, ten thousand to a block (blockset.py): pages and counts at once."""

    __tablename__ = "log_block"
    __table_args__ = {"sqlite_with_rowid": False}
    block: str = Field(primary_key=True)
    ids: bytes


class LogHold(SQLModel, table=True):
    """One item under one hold; (log, index) of entries about it.

    ``placed``: the first ``hold-placed``; ``covered``: the newest; ``released``: None while it is
    on.
    """

    __tablename__ = "log_hold"
    hold: str = Field(primary_key=True)
    id: str = Field(primary_key=True, index=True)
    placed_log: int
    placed: int
    covered_log: int
    covered: int
    released_log: int | None = None
    released: int | None = Field(default=None, index=True)


class LogHeldCopy(SQLModel, table=True):
    """A copy of an item's headers that a hold keeps: ``archive/holds/<hold>/<id>/<number>``."""

    __tablename__ = "log_held_copy"
    hold: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    sha256: str
    version: str | None = None


class LogRetention(SQLModel, table=True):
    """Until when somebody decided that an item is kept: the newest ``retention-set``."""

    __tablename__ = "log_retention"
    id: str = Field(primary_key=True)
    mode: str
    until: str = Field(index=True)
    log: int
    idx: int


class LogReplica(SQLModel, table=True):
    """A replica, from the events that enrolled, synced and retired it (vault/replicas.py).

    ``id``: 32 hex digits. ``log``, ``idx``: the entry that enrolled it; its name and place stand
    there, encrypted. ``synced_log``, ``synced_size``: how far it was when it was last synced, -1
    and 0 before; ``verified_…``: when all of it was last compared with the log, and ``damaged``:
    what was found then. ``pending``: destructions that it could not carry out at its last sync.
    """

    __tablename__ = "log_replica"
    id: str = Field(primary_key=True)
    log: int
    idx: int
    part: str
    enrolled_at: str
    retired_at: str | None = None
    synced_at: str | None = None
    synced_log: int = -1
    synced_size: int = 0
    verified_at: str | None = None
    verified_log: int = -1
    verified_size: int = 0
    damaged: int = 0
    pending: int = 0


class LogProof(SQLModel, table=True):
    """What somebody else put to a checkpoint of ours; the bytes lie under ``evidence/<size>/``.

    ``kind``: ``cosignature`` (``name``: key ID of the countersigner, 8 hex digits), ``timestamp``
    (``name``: the authority; ``sha256``: of its reply) or ``renewal`` (``name``: ``0001.`` and the
    authority that stamped that list). ``at``: the time it states, POSIX seconds. ``anchored``: an
    entry names it, so what follows is later.
    """

    __tablename__ = "log_proof"
    log: int = Field(primary_key=True)
    size: int = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    at: int
    sha256: str
    anchored: bool = False


class LogPeer(SQLModel, table=True):
    """The newest checkpoint of each other log that was seen; the bytes lie under ``foreign/``.

    ``sha256``: of the signed note as it is stored; ``learned_at``: our clock, UTC.
    """

    __tablename__ = "log_peer"
    origin: str = Field(primary_key=True)
    size: int
    root: str
    sha256: str
    learned_at: str
    anchored: bool = False


class IndexItem(SQLModel, table=True):
    """Searchable description of an item: the newest value of each field.

    What is not found by ``id`` or ``sha256`` is found by ``index_posting``: each index of its own
    would be written at a random place for every item.

    ``key_…``: what core/searchkey.py keeps of a text, None where the text does as it is.
    """

    __tablename__ = "index_item"
    id: str = Field(primary_key=True)
    sha256: str = Field(index=True)
    sha512: str
    size: int
    format: str
    extension: str
    accession: str
    name: str
    path: str
    recorded_at: str
    device_time: str | None = None
    has_location: bool | None = None
    occurred_at: str | None = None
    place: str | None = None
    source_code: str | None = None
    collector_code: str | None = None
    language: str | None = None
    title: str | None = None
    description: str | None = None
    classification: str | None = None
    key_name: str | None = None
    key_place: str | None = None
    key_title: str | None = None
    key_description: str | None = None


class IndexCase(SQLModel, table=True):
    """Cases an item belongs to."""

    __tablename__ = "index_case"
    case: str = Field(primary_key=True)
    id: str = Field(primary_key=True)


class IndexRelation(SQLModel, table=True):
    """What ``id`` is to ``other``, as far as nobody took it back: found from the other's side."""

    __tablename__ = "index_relation"
    __table_args__ = {"sqlite_with_rowid": False}
    other: str = Field(primary_key=True)
    relation: str = Field(primary_key=True)
    id: str = Field(primary_key=True)


class IndexArrival(SQLModel, table=True):
    """Every path by which an item arrived: a re-run of the same path is a resume.

    ``path_key``: SHA-256 (hex) of the absolute source path, or of the relative one with ``rel:``
    in front after a rebuild.
    """

    __tablename__ = "index_arrival"
    __table_args__ = {"sqlite_with_rowid": False}
    path_key: str = Field(primary_key=True)
    sha256: str = Field(primary_key=True)
    id: str


class IndexBlock(SQLModel, table=True):
    """Which items are described, as in ``log_block``."""

    __tablename__ = "index_block"
    __table_args__ = {"sqlite_with_rowid": False}
    block: str = Field(primary_key=True)
    ids: bytes


class IndexPosting(SQLModel, table=True):
    """Which items of a block have a token (tokens.py), for searching: made from ``index_item``."""

    __tablename__ = "index_posting"
    __table_args__ = {"sqlite_with_rowid": False}
    block: str = Field(primary_key=True)
    token: int = Field(primary_key=True)
    ids: bytes


# With the position, so that the newest entry of a type is found without reading the others.
Index("log_entry_type", col(LogEntry.type), col(LogEntry.log), col(LogEntry.idx))
Index("index_case_id", IndexCase.id)

neutral(SQLModel.metadata)
