"""Step 8 of mirroring.py: what lies beside the logs. A listing adds what nothing else names."""

from __future__ import annotations

from collections.abc import Sequence

from evidence_vault.errors import AlreadyExists, NotFound
from evidence_vault.store.opening import Store
from evidence_vault.vault.faults import step
from evidence_vault.vault.mirrorparts import Mirrored, Source, Target, demand_back, read_all


class Beside:
    """Proofs, trust documents, foreign logs, holds, notes of sets and of removals."""

    def __init__(self, source: Source, target: Target, found: Mirrored) -> None:
        self._source, self._target, self._found = source, target, found

    def copy(self) -> None:
        source, target = self._source, self._target
        logs = range(len(source.heads))
        if target.archive is not None:
            folders = [source.log(n).evidence_key(0, "").partition("/")[0] + "/" for n in logs]
            folders += ["trust/", "foreign/", "holds/"]
            self._part(source.archive, target.archive, folders, source.known)
        if target.control is not None:
            removed = [f"{source.log(n).control_prefix}removed/" for n in logs]
            folders = ["foreign/", *removed, "sets/", "holds/"]
            self._part(source.control, target.control, folders, ())

    def _part(self, source: Store, target: Store, folders: list[str], known: Sequence[str]) -> None:
        for folder in folders:
            there = set(target.keys(folder))
            listed = sorted(source.keys(folder))
            named = [key for key in known if key.startswith(folder) and key not in set(listed)]
            for key in [*listed, *named]:
                # A foreign log's checkpoint alone is replaced as it grows.
                if key not in there or key.endswith("log/checkpoint"):
                    self._one(source, target, key)
        target.flush()
        step("replica-beside")

    def _one(self, source: Store, target: Store, key: str) -> None:
        try:
            data = read_all(source, key)
        except NotFound:
            self._found.add("E-PROOF-MISSING", key, "is gone at the source")
            return
        try:
            target.create(key, data, durable=False)
        except AlreadyExists:
            if read_all(target, key) != data:
                target.replace(key, data)
        demand_back(target, key, data)
