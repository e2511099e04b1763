"""A vault whose archive and control are buckets, and hands that do harm to them."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.servers.fixtures import FOLDER, S3Server, read_env
from tests.vault.vaults import PASSPHRASE, Made, write_files

from evidence_vault.config import Places
from evidence_vault.store.naming import object_key
from evidence_vault.store.s3buckets import Prepared
from evidence_vault.store.s3client import S3Client
from evidence_vault.store.s3place import parse_place
from evidence_vault.vault import creation


@dataclass
class InBuckets:
    """``archive``, ``control``: clients with the vault's own credentials."""

    made: Made
    archive: S3Client
    control: S3Client

    def versions(self) -> dict[str, str]:
        """Recorded version by digest of each payload object."""
        with self.made.open() as vault:
            digests = [
                digest
                for commit in vault.log.commits(0)
                for committed in vault.log.contents(commit)
                for digest in _objects(committed.entry)
            ]
            return {d: p.version or "" for d, p in vault.catalogue.placed(digests).items()}

    def call(self, operation: str, digest: str = "", **parameters: Any) -> Any:
        """A request about a payload object, as whoever has the vault's credentials can make it."""
        where = {"Key": self.archive.key(object_key(digest))} if digest else {}
        return self.archive.once(operation, **where, **parameters)


def _objects(entry: bytes) -> list[str]:
    from evidence_vault.core.event import parse_entry

    units = parse_entry(entry).event.units
    return [digest for unit in units if unit.kind != "record" for digest in unit.objects]


@contextlib.contextmanager
def vault_in_buckets(
    server: S3Server, base: Path, mode: str = "governance", tls: bool = False
) -> Iterator[InBuckets]:
    archive = server.place("archive", tls=tls, lock=mode, days=1)
    control = server.place("control", tls=tls)
    clients = S3Client(parse_place(archive)), S3Client(parse_place(control))
    for client in clients:
        _make(client)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            creation, "choose_places", lambda *_: Places(archive=archive, control=control)
        )
        patch.setattr(creation, "prepare", lambda _: Prepared())  # tried in tests/store
        made = creation.create_vault(base / "vault", org="Test House", passphrase=PASSPHRASE)
    vault = Made(base / "vault", Path(made["recovery_file"]), base / "state")
    write_files(base / "in", 3)
    vault.ingest(base / "in")
    try:
        yield InBuckets(vault, *clients)
    finally:
        for client in clients:
            _wipe(client)


def remove_version_as_operator(bucket: InBuckets, digest: str, version: str) -> None:
    """With the rights of whoever runs the storage, whom no lock binds."""
    named = os.environ.get("EVIDENCE_VAULT_TEST_S3")
    path = Path(named) if named else Path(os.environ[FOLDER]) / "rgw" / "env"
    conf = read_env(path)["CEPH_CONF"]
    place = bucket.archive.place
    command = ["radosgw-admin", "-c", conf, "object", "rm", f"--bucket={place.bucket}"]
    command += [f"--object={bucket.archive.key(object_key(digest))}"]
    command += [f"--object-version={version}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _make(client: S3Client) -> None:
    if client.place.mode is None:
        client.once("create_bucket")
        return
    client.once("create_bucket", ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": client.place.mode, "Days": client.place.days}}
    client.once(
        "put_object_lock_configuration",
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
    )


def _wipe(client: S3Client) -> None:
    """Everything that may be deleted; what is under COMPLIANCE stays until its day."""
    from botocore.exceptions import ClientError

    page = client.once("list_object_versions")
    for found in page.get("Versions", []) + page.get("DeleteMarkers", []):
        where = {"Key": found["Key"], "VersionId": found["VersionId"]}
        with contextlib.suppress(ClientError):
            if client.place.mode and "Size" in found:
                client.once("put_object_legal_hold", LegalHold={"Status": "OFF"}, **where)
            bypass = {"BypassGovernanceRetention": True} if client.place.mode else {}
            client.once("delete_object", **where, **bypass)
    with contextlib.suppress(ClientError):
        client.once("delete_bucket")
