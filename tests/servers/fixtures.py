"""One S3 server and one PostgreSQL for a whole test run, started when a test first asks for them.

EVIDENCE_VAULT_TEST_S3 and EVIDENCE_VAULT_TEST_PG name env files (as rgw-up.sh and pg-up.sh leave
them) of servers that run already; then none is started and none is stopped.
"""

from __future__ import annotations

import fcntl
import os
import random
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, urlsplit

import pytest

HERE = Path(__file__).resolve().parent
#: Set by the process that controls a test run, for its workers: where their servers are.
FOLDER = "EVIDENCE_VAULT_TEST_FOLDER"
#: "required" (set by .ci/run): a server that can't be started fails its tests instead of skipping.
DEMAND = "EVIDENCE_VAULT_TEST_SERVERS"
_ABSENT = "no server for this test: "
_NOT_INSTALLED = 3
#: Below the ports that systems give to outgoing connections.
_PORTS = range(11000, 31000, 50)
_START_SECONDS = 180


@dataclass(frozen=True)
class S3Server:
    """A running object gateway, over http and https, with two users who see nothing in common."""

    endpoint: str
    tls_endpoint: str
    ca_bundle: str
    region: str
    access_key: str
    secret_key: str
    alt_access_key: str
    alt_secret_key: str

    def write_profiles(self, folder: Path) -> dict[str, str]:
        """AWS files with the profiles ``archive`` and ``control``; returns the environment that
        names them and nothing else."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "credentials").write_text(
            f"[archive]\naws_access_key_id={self.access_key}\n"
            f"aws_secret_access_key={self.secret_key}\n"
            f"[control]\naws_access_key_id={self.alt_access_key}\n"
            f"aws_secret_access_key={self.alt_secret_key}\n"
        )
        (folder / "config").write_text("")
        return {
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
            "AWS_CONFIG_FILE": str(folder / "config"),
            "AWS_CA_BUNDLE": self.ca_bundle,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def place(self, profile: str, name: str = "", tls: bool = False, **parameters: object) -> str:
        """An ``s3://`` place with a bucket name that nobody uses yet."""
        bucket = f"{name or profile}-{secrets.token_hex(6)}"
        endpoint = self.tls_endpoint if tls else self.endpoint
        query = {"endpoint": endpoint, "region": self.region, "profile": profile, **parameters}
        return f"s3://{bucket}?" + "&".join(
            f"{key}={quote(str(value), safe=':/')}" for key, value in query.items()
        )


@dataclass(frozen=True)
class PgServer:
    """A running PostgreSQL. ``super_url``: of its superuser, with the password in it."""

    host: str
    port: int
    user: str
    password: str
    super_url: str

    def create_database(self) -> str:
        """An empty database of the role's own; returns its name."""
        name = f"t_{secrets.token_hex(6)}"
        self.run(f'CREATE DATABASE "{name}" OWNER "{self.user}"')
        return name

    def drop_database(self, name: str) -> None:
        """Also while somebody is still connected to it."""
        self.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def place(self, database: str) -> str:
        """The URL to give to ``init``: without the password, which stands in PGPASSWORD."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{database}"

    def run(self, statement: str, database: str = "postgres") -> str:
        """One statement as the superuser, by psql; its rows as text, tabs between columns."""
        parts = urlsplit(self.super_url)
        command = ["psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", self.host]
        command += ["-p", str(self.port), "-U", str(parts.username), "-d", database]
        done = subprocess.run(
            [*command, "-c", statement],
            env={**os.environ, "PGPASSWORD": str(parts.password)},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.rstrip("\n")


# ---- pytest --------------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    """In the controlling process, before it makes workers: a folder that they all know."""
    if hasattr(config, "workerinput"):
        return
    folder = tempfile.mkdtemp(prefix="vault-servers.")
    os.chmod(folder, 0o755)  # the user postgres must be able to enter it
    os.environ[FOLDER] = folder


def pytest_unconfigure(config: pytest.Config) -> None:
    """In the controlling process, at the end: everything that was started is stopped."""
    folder = os.environ.get(FOLDER)
    if hasattr(config, "workerinput") or not folder:
        return
    os.environ.pop(FOLDER)
    stop_all(Path(folder))


@pytest.fixture(scope="session")
def s3_server() -> S3Server:
    """The run's object gateway; skips, naming what is missing, where it can't be installed."""
    return s3_from(env_file("EVIDENCE_VAULT_TEST_S3", "rgw"))


@pytest.fixture(scope="session")
def pg_server() -> PgServer:
    """The run's PostgreSQL; skips, naming what is missing, where it can't be installed."""
    return pg_from(env_file("EVIDENCE_VAULT_TEST_PG", "pg"))


@pytest.fixture
def pg_database(pg_server: PgServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The place of a fresh database, dropped afterwards; PGPASSWORD is set."""
    monkeypatch.setenv("PGPASSWORD", pg_server.password)
    with fresh_database(pg_server) as place:
        yield place


@pytest.fixture
def s3_profiles(
    s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Profiles ``archive`` and ``control`` in the environment, and no other credentials."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    variables = s3_server.write_profiles(tmp_path / "aws")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@contextmanager
def fresh_database(server: PgServer) -> Iterator[str]:
    """The place of a fresh database, for as long as the block lasts."""
    name = server.create_database()
    try:
        yield server.place(name)
    finally:
        server.drop_database(name)


# ---- starting and stopping -----------------------------------------------------------------------


class NotInstalled(Exception):
    """A server's packages are not on this machine; the text names them."""


def start(kind: str, folder: Path) -> Path:
    """Run ``rgw-up.sh`` or ``pg-up.sh`` (``kind``: rgw or pg) on free ports; returns the env file.

    Raises NotInstalled. For tests that kill their server: these have one of their own.
    """
    for _ in range(5):
        port = _free_port(3 if kind == "rgw" else 1)
        done = subprocess.run(
            [str(HERE / f"{kind}-up.sh"), str(folder), str(port)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_START_SECONDS,
        )
        if done.returncode == 0:
            return folder / "env"
        if done.returncode == _NOT_INSTALLED:
            raise NotInstalled(done.stderr.strip())
        if "is taken" not in done.stderr:
            break
    raise RuntimeError(f"{kind}-up.sh: {done.stderr.strip()}")


def stop(kind: str, folder: Path) -> None:
    """Stop it and remove its data."""
    subprocess.run(
        [str(HERE / f"{kind}-down.sh"), "--wipe", str(folder)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=_START_SECONDS,
    )


def stop_all(folder: Path) -> None:
    for kind in ("rgw", "pg"):
        if (folder / kind).exists():
            stop(kind, folder / kind)
    shutil.rmtree(folder, ignore_errors=True)


def s3_from(path: Path) -> S3Server:
    """The server that an env file of rgw-up.sh tells of."""
    env = read_env(path)
    return S3Server(
        endpoint=env["S3_ENDPOINT"],
        tls_endpoint=env["S3_TLS_ENDPOINT"],
        ca_bundle=env["S3_CA_BUNDLE"],
        region=env.get("S3_REGION", "us-east-1"),
        access_key=env["S3_ACCESS_KEY"],
        secret_key=env["S3_SECRET_KEY"],
        alt_access_key=env["S3_ALT_ACCESS_KEY"],
        alt_secret_key=env["S3_ALT_SECRET_KEY"],
    )


def pg_from(path: Path) -> PgServer:
    """The server that an env file of pg-up.sh tells of."""
    env = read_env(path)
    return PgServer(
        host=env["PGHOST"],
        port=int(env["PGPORT"]),
        user=env["PGUSER"],
        password=env["PGPASSWORD"],
        super_url=env["SUPER_DATABASE_URL"],
    )


def read_env(path: Path) -> dict[str, str]:
    """The ``export NAME=VALUE …`` lines of a file."""
    found: dict[str, str] = {}
    for line in path.read_text().splitlines():
        words = shlex.split(line, comments=True)
        for word in words[1:] if words[:1] == ["export"] else words:
            name, _, value = word.partition("=")
            found[name] = value
    return found


def env_file(variable: str, kind: str) -> Path:
    """The env file of a running server; the first of all workers who asks starts it."""
    named = os.environ.get(variable)
    if named:
        return Path(named)
    base = os.environ.get(FOLDER)
    if not base:
        pytest.fail("the fixtures of tests/servers were not set up")
    folder = Path(base)
    with open(folder / f"{kind}.lock", "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        failed = folder / f"{kind}.failed"
        if failed.exists():
            do_without(failed.read_text())
        if not (folder / f"{kind}.ready").exists():
            try:
                start(kind, folder / kind)
            except NotInstalled as absent:
                failed.write_text(str(absent))
                do_without(str(absent))
            _watch(folder)
            (folder / f"{kind}.ready").touch()
    return folder / kind / "env"


def do_without(reason: str) -> NoReturn:
    """Skip the test, or fail it where servers are required. ``reason`` names the packages."""
    if os.environ.get(DEMAND) == "required":
        pytest.fail(f"{_ABSENT}{reason}", pytrace=False)
    pytest.skip(f"{_ABSENT}{reason}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """In the controlling process: how many tests were not run for lack of servers."""
    reports = terminalreporter.stats.get("skipped", [])
    texts = [report.longrepr[2] for report in reports if isinstance(report.longrepr, tuple)]
    said = [text for text in texts if _ABSENT in text]
    if not said:
        return
    reasons = {text.partition(_ABSENT)[2] for text in said}
    terminalreporter.section("servers", sep="=", yellow=True)
    terminalreporter.write_line(f"{len(said)} tests NOT RUN for lack of servers:")
    for reason in sorted(reasons):
        terminalreporter.write_line(f"  {reason}")


def _watch(folder: Path) -> None:
    """When the test run is killed, its servers end all the same: a process that waits for that."""
    if (folder / "watched").exists():
        return
    controller = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    subprocess.Popen(
        [sys.executable, str(Path(__file__)), str(controller), str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    (folder / "watched").touch()


def _free_port(neighbours: int) -> int:
    """The first of ``neighbours`` ports in a row that nobody listens on."""
    for port in random.sample(_PORTS, len(_PORTS)):
        if all(_is_free(port + offset) for offset in range(neighbours)):
            return port
    raise RuntimeError("no free port")


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _wait_and_stop(controller: int, folder: Path) -> None:
    import time

    while folder.exists() and Path(f"/proc/{controller}/cmdline").exists():
        if not Path(f"/proc/{controller}/cmdline").read_bytes():
            break  # ended, and nobody has waited for it yet
        time.sleep(2)
    if folder.exists():
        time.sleep(5)  # its own end may be under way
        stop_all(folder)


if __name__ == "__main__":
    _wait_and_stop(int(sys.argv[1]), Path(sys.argv[2]))
