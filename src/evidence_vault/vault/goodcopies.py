"""Other copies of a vault that damage may be mended from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evidence_vault.core.keeping import is_keeper
from evidence_vault.errors import UsageError
from evidence_vault.log.logstore import LogStore
from evidence_vault.ports import ObjectStore
from evidence_vault.store.opening import open_store
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.replicaplaces import demand_marker, open_target
from evidence_vault.vault.replicas import Enrolled, enrolled


@dataclass(frozen=True)
class FolderCopy:
    """A folder or replica with a copy of both roots; only read (mending.GoodCopies)."""

    name: str
    archive: ObjectStore
    control: ObjectStore

    def log_of(self, vault: Vault) -> LogStore:
        """The current log of the vault, as the copy has it."""
        return LogStore(self.archive, self.control, vault.config.log, vault.config.plaintext)


def _of_replica(vault: Vault, each: Enrolled) -> FolderCopy:
    if is_keeper(each.replica.place):
        raise UsageError(
            f"replica {each.replica.name} is in other hands",
            code="E-IN-OTHER-HANDS",
            hint="have its folder brought here, and name that folder",
        )
    target = open_target(each.replica.place, each.replica.part, vault.folder)
    demand_marker(vault, each.replica, target)
    if target.archive is None or target.control is None:
        raise UsageError(
            f"replica {each.replica.name} holds only a part of this vault",
            code="E-NO-COPY",
            hint="name a replica that holds both archive/ and control/",
        )
    return FolderCopy(each.replica.name, target.archive, target.control)


def good_copies(vault: Vault, place: str) -> FolderCopy:
    """What ``--repair-from`` names: an enrolled replica, or a folder with a copy.

    Raises UsageError where there is no copy, or a replica that holds one part alone.
    """
    for each in enrolled(vault):
        if each.replica.name == place:
            return _of_replica(vault, each)
    folder = Path(place)
    if not (folder / "archive").is_dir() and not (folder / "control").is_dir():
        raise UsageError(
            f"there is no copy of archive/ and control/ in {place}",
            code="E-NO-COPY",
            hint="name a folder that holds a copy of this vault, such as a mounted backup",
        )
    if folder.resolve() == vault.folder.resolve():
        raise UsageError("that is this vault itself", code="E-NO-COPY")
    return FolderCopy(
        place, open_store("archive", folder, "copy"), open_store("control", folder, "copy")
    )
