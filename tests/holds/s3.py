"""A vault whose archive is a bucket under Object Lock, and a raw client with its credentials."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.servers.fixtures import S3Server

from evidence_vault.config import Places
from evidence_vault.store.s3place import parse_place
from evidence_vault.vault import creation

from .worlds import World, make_world


@dataclass(frozen=True)
class Bucket:
    """What somebody with the vault's own credentials can do to its archive, without the vault."""

    client: Any
    name: str

    def versions(self, prefix: str = "") -> list[dict[str, Any]]:
        found = self.client.list_object_versions(Bucket=self.name, Prefix=prefix)
        versions: list[dict[str, Any]] = found.get("Versions", [])
        return versions

    def delete(self, each: dict[str, Any], bypass: bool = False) -> str:
        """Empty when the version is gone, else the store's error code."""
        more = {"BypassGovernanceRetention": True} if bypass else {}
        try:
            self.client.delete_object(
                Bucket=self.name, Key=each["Key"], VersionId=each["VersionId"], **more
            )
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""

    def lock(self, each: dict[str, Any]) -> tuple[Any, Any]:
        """(mode, legal hold) as the store tells it."""
        told = self.client.head_object(
            Bucket=self.name, Key=each["Key"], VersionId=each["VersionId"]
        )
        return told.get("ObjectLockMode"), told.get("ObjectLockLegalHoldStatus")

    def deny(self, action: str, key: str) -> None:
        """The owner himself may not do this any more."""
        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": [action],
            "Resource": [f"arn:aws:s3:::{self.name}/{key}"],
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self.client.put_bucket_policy(Bucket=self.name, Policy=json.dumps(policy))

    def allow(self) -> None:
        self.client.delete_bucket_policy(Bucket=self.name)


def make_s3_world(base: Path, server: S3Server, patch: pytest.MonkeyPatch) -> tuple[World, Bucket]:
    """Locked by default for a day in GOVERNANCE mode; three items."""
    for name, value in server.write_profiles(base / "aws").items():
        patch.setenv(name, value)
    archive = server.place("archive", lock="governance", days=1)
    control = server.place("control")
    client = _client(server, server.access_key, server.secret_key)
    bucket = Bucket(client, parse_place(archive).bucket)
    client.create_bucket(Bucket=bucket.name, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    client.put_object_lock_configuration(
        Bucket=bucket.name,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
    )
    other = _client(server, server.alt_access_key, server.alt_secret_key)
    other.create_bucket(Bucket=parse_place(control).bucket)
    placed = Places(archive=archive, control=control)
    with pytest.MonkeyPatch.context() as inner:
        inner.setattr(creation, "choose_places", lambda *_: placed)
        world = make_world(base)
    return world, bucket


def _client(server: S3Server, access: str, secret: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        config=Config(
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
        ),
    )
