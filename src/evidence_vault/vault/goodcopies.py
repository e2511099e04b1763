"""Other copies of a vault that damage may be mended from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evidence_vault.errors import UsageError
from evidence_vault.log.logstore import LogStore
from evidence_vault.ports import ObjectStore
from evidence_vault.store.opening import open_store
from evidence_vault.vault.opening import Vault


@dataclass(frozen=True)
class FolderCopy:
    """A folder with a copy of ``archive/`` and ``control/``; only read (mending.GoodCopies)."""

    name: str
    archive: ObjectStore
    control: ObjectStore

    def log_of(self, vault: Vault) -> LogStore:
        """The current log of the vault, as the copy has it."""
        return LogStore(self.archive, self.control, vault.config.log, vault.config.plaintext)


def good_copies(vault: Vault, place: str) -> FolderCopy:
    """What ``--repair-from`` names. Raises UsageError where there is no copy."""
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
