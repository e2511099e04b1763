"""The servers that other tests stand on: up, killed and up again, down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.servers.fixtures import (
    NotInstalled,
    PgServer,
    S3Server,
    do_without,
    fresh_database,
    pg_from,
    start,
    stop,
)


def test_the_gateway_answers_on_both_ports(s3_server: S3Server) -> None:
    with urllib.request.urlopen(s3_server.endpoint, timeout=10) as answer:
        assert answer.status == 200
    assert Path(s3_server.ca_bundle).read_text().startswith("-----BEGIN CERTIFICATE")
    with pytest.raises(urllib.error.URLError):  # a certificate that the system does not know
        urllib.request.urlopen(s3_server.tls_endpoint, timeout=10)


def test_profiles_hold_both_users(s3_server: S3Server, s3_profiles: dict[str, str]) -> None:
    assert {name for name in os.environ if name.startswith("AWS_")} == set(s3_profiles)
    assert s3_server.access_key != s3_server.alt_access_key


def test_a_fresh_database_belongs_to_the_role_and_goes_away(pg_server: PgServer) -> None:
    with fresh_database(pg_server) as place:
        name = place.rsplit("/", 1)[1]
        assert pg_server.password not in place
        owner = f"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname='{name}'"
        assert pg_server.run(owner) == pg_server.user
    assert pg_server.run(owner) == ""


def test_a_killed_database_comes_up_again_with_what_it_held(tmp_path: Path) -> None:
    folder = tmp_path / "pg"
    try:
        server = pg_from(start("pg", folder))
    except NotInstalled as absent:
        do_without(str(absent))
    try:
        server.run("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
        data = Path((folder / "where").read_text().strip())
        os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        assert pg_from(start("pg", folder)).port == server.port
        assert server.run("SELECT n FROM kept") == "7"
    finally:
        stop("pg", folder)
    assert not folder.exists()


ROOT = Path(__file__).resolve().parent.parent.parent
ABSENT = """
from tests.servers import fixtures
from tests.servers.fixtures import *
def absent(kind, folder):
    raise fixtures.NotInstalled("not installed: radosgw (apt-get install radosgw)")
fixtures.start = absent
"""


@pytest.mark.parametrize(
    ("demand", "outcome"), [("", "2 tests NOT RUN for lack of servers"), ("required", "2 errors")]
)
def test_what_was_not_run_for_lack_of_servers_is_said_or_fails(
    tmp_path: Path, demand: str, outcome: str
) -> None:
    (tmp_path / "conftest.py").write_text(ABSENT)
    tests = "def test_a(s3_server): pass\ndef test_b(s3_server): pass\ndef test_c(): pass\n"
    (tmp_path / "test_it.py").write_text(tests)
    kept = {name: value for name, value in os.environ.items() if "EVIDENCE_VAULT" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "1", "-q", "-c", "/dev/null", str(tmp_path)],
        env={**kept, "PYTHONPATH": str(ROOT), "EVIDENCE_VAULT_TEST_SERVERS": demand},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert outcome in done.stdout, done.stdout + done.stderr
    assert "not installed: radosgw (apt-get install radosgw)" in done.stdout
    assert done.returncode == (1 if demand else 0)
