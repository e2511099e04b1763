"""Places for a vault that is made or moved: from what was typed to what may stand in vault.toml.

    s3://BUCKET[/PREFIX]?endpoint=URL&region=R&profile=P&lock=MODE&days=N
                        [&control=BUCKET2][&control_profile=P2]

gives the archive, and the place of ``control/``: a bucket of its own without versions, by default
BUCKET-control, with the credentials of the archive unless another profile is named.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from evidence_vault.config import Places, is_url
from evidence_vault.errors import PolicyRefused, ToolMissing, UsageError
from evidence_vault.log.places import demand_room
from evidence_vault.log.postgres import check_place, is_server
from evidence_vault.store.s3buckets import Prepared, prepare_buckets
from evidence_vault.store.s3place import format_place, parse_place

_OURS = ("control", "control_profile")


def split_store(url: str) -> tuple[str, str]:
    """(archive, control) as ``vault.toml`` names them. Raises UsageError (E-PLACE)."""
    base, question, query = url.partition("?")
    rest: list[str] = []
    given: dict[str, str] = {}
    for pair in query.split("&") if question else []:
        name, equals, value = pair.partition("=")
        if name not in _OURS:
            rest.append(pair)
            continue
        if not equals or not value or name in given:
            raise UsageError(
                f"{name}= stands in the place without a value, or twice", code="E-PLACE"
            )
        given[name] = value
    archive = parse_place(base + ("?" + "&".join(rest) if rest else ""))
    control = replace(
        archive,
        bucket=given.get("control", f"{archive.bucket}-control"),
        profile=given.get("control_profile", archive.profile),
        mode=None,
        days=0,
    )
    if (control.bucket, control.endpoint) == (archive.bucket, archive.endpoint):
        raise UsageError(
            "archive and control are the same bucket",
            code="E-PLACE",
            hint="control= names a bucket of its own: the archive keeps versions and locks them, "
            "control/ must be able to forget",
        )
    # Parsed again: a name made here must be one that would be accepted.
    return format_place(archive), format_place(parse_place(format_place(control)))


def choose_places(store: str | None, database: str | None, plaintext: bool = False) -> Places:
    """Where a new vault's parts will be; what is not named lies in its folder.

    Raises UsageError (E-PLACE), PolicyRefused for an unencrypted vault under Object Lock.
    """
    places = Places()
    if store is not None:
        archive, control = split_store(store)
        if plaintext and parse_place(archive).mode is not None:
            raise PolicyRefused(
                "what is not encrypted and locked at once could never be erased",
                hint="leave out --plaintext, or lock= and days=",
            )
        places = replace(places, archive=archive, control=control)
    if database is not None:
        check_place(database)
        places = replace(places, catalogue=database)
    return places


def demand_empty_database(database: str) -> None:
    """Raises StoreError where it can't be reached, UsageError (E-EXISTS) where a vault uses it."""
    try:
        demand_room(database)
    except ImportError as error:
        raise ToolMissing(
            f"there is no driver for PostgreSQL: {error}",
            code="E-PG-DRIVER",
            hint="pip install 'psycopg[binary]', or install the system's libpq",
        ) from error


def prepare(places: Places) -> Prepared:
    """Make the buckets that are not there, and try what the vault needs of them.

    Raises UsageError for one that is not fit or not empty, StoreError for one that can't be asked.
    """
    if not is_url(places.archive):
        return Prepared()
    return prepare_buckets(parse_place(places.archive), parse_place(places.control))


def made_in(prepared: Prepared) -> list[str]:
    """The names of the buckets that were made."""
    roots = (prepared.facts.get(name, {}) for name in ("control", "archive"))
    return [str(root["bucket"]) for root in roots if root.get("made")]


def place_notices(places: Places) -> list[str]:
    """What has to be known of places on servers."""
    said: list[str] = []
    if is_url(places.archive):
        archive = parse_place(places.archive)
        if archive.mode is None:
            said.append(
                "the archive has no Object Lock: whoever has its credentials can delete evidence "
                "(lock=compliance&days=N)"
            )
        else:
            days = "one day" if archive.days == 1 else f"{archive.days} days"
            said.append(f"each object is locked for {days} ({archive.mode})")
        said.append(
            "there is no replica of control/ in other hands yet: whoever can delete it destroys "
            "the archive, whatever Object Lock says"
        )
        if not is_server(places.catalogue):
            said.append(
                "the catalogue is a file in this folder: one machine writes into this vault"
            )
    elif is_server(places.catalogue):
        said.append(
            "the store is a folder and the catalogue on a server: other machines can write into "
            "this vault only where they share that very folder"
        )
    return said


def place_of(folder: Path, catalogue: str) -> Path | str:
    """The catalogue's place as the log room takes it."""
    return catalogue if is_server(catalogue) else folder / catalogue
