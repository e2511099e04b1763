"""Fixity of the copies of headers that legal holds keep."""

from __future__ import annotations

from collections.abc import Iterator

from evidence_vault.errors import EvidenceError, FormatError, NotFound, VaultError
from evidence_vault.prove import damage as codes
from evidence_vault.prove.damage import Damage
from evidence_vault.vault.holds import copy_key, read_copy
from evidence_vault.vault.opening import Vault


def check_held_copies(vault: Vault) -> Iterator[Damage]:
    """What is wrong with copies that holds which are on keep. Cost: each of them read once."""
    held: dict[str, list[str]] = {}
    for row in vault.catalogue.hold_rows():
        if row.released is None:
            held.setdefault(row.hold, []).append(row.id)
    for hold, items in sorted(held.items()):
        for copy in vault.catalogue.held_copies(hold, items):
            key = copy_key(hold, copy.id, copy.number)
            try:
                read_copy(vault, hold, copy.id, copy.number, copy.version, copy.sha256)
            except NotFound:
                said = "a copy of its headers that a hold keeps is gone"
                yield Damage(codes.HELD_MISSING, copy.id, key, said)
            except (EvidenceError, FormatError):
                said = "a copy of its headers that a hold keeps was changed"
                yield Damage(codes.HELD_CHANGED, copy.id, key, said)
            except VaultError as error:
                said = f"could not be checked: {error.message}"
                yield Damage(codes.UNREADABLE, copy.id, key, said)
