"""What is built and installed is complete, and the set-up scripts say what is missing."""

from __future__ import annotations

import email
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import evidence_vault

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ["requirements.lock", "tests/requirements.lock", "benchmarks/requirements.lock"]
DEMO_FILES = sorted(path for path in (ROOT / "seeds" / "demo").rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without network by the hatchling that the lock file pins."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.slow
def test_wheel_states_its_version_licence_and_python(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = f"evidence_vault-{evidence_vault.__version__}.dist-info"
        metadata = email.message_from_bytes(archive.read(f"{info}/METADATA"))
        licence = archive.read(f"{info}/licenses/LICENSE")
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
    assert metadata["Name"] == "evidence-vault"
    assert metadata["Version"] == evidence_vault.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert b"Apache License" in licence
    assert "evidence-vault = evidence_vault.cli.main:main" in entry_points


@pytest.mark.slow
def test_wheel_carries_types_and_all_demonstration_files(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert "evidence_vault/py.typed" in names
    assert "evidence_vault/verify/verify.html" in names
    assert not any(name.startswith("evidence_vault/verify/page/") for name in names)
    assert len(DEMO_FILES) >= 11
    shipped = {
        f"evidence_vault/_seeds/demo/{path.relative_to(ROOT / 'seeds' / 'demo').as_posix()}"
        for path in DEMO_FILES
    }
    assert shipped <= names
    fonts = {
        f"evidence_vault/_seeds/fonts/{path.name}" for path in (ROOT / "seeds/fonts").iterdir()
    }
    assert fonts <= names and len(fonts) == 6
    assert "evidence_vault/bundle/paper/common.typ" in names
    assert {name.split("/")[0] for name in names} == {
        "evidence_vault",
        f"evidence_vault-{evidence_vault.__version__}.dist-info",
    }


@pytest.mark.slow
def test_installed_wheel_runs_and_finds_its_demonstration(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"),
            *("--target", str(target), str(wheel)),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    environment = {**os.environ, "PYTHONPATH": str(target)}
    found = subprocess.run(
        [sys.executable, "-c", "import evidence_vault.seeds as s; print(s.demo_folder())"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert Path(found.stdout.strip()).is_relative_to(target)
    for command in (
        [sys.executable, "-m", "evidence_vault", "--help"],
        [str(target / "bin" / "evidence-vault"), "--help"],
    ):
        shown = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )
        assert shown.returncode == 0, shown.stderr
        assert "ingest" in shown.stdout


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_dependency_is_pinned_by_hash(lock: str) -> None:
    text = (ROOT / lock).read_text()
    logical = re.sub(r"\\\n\s*", " ", text)
    pins = [line for line in logical.splitlines() if line and not line.lstrip().startswith("#")]
    assert len(pins) > 20
    for pin in pins:
        assert re.match(r"[a-z0-9-]+==[0-9][^ ]* ", pin), pin
        assert "--hash=sha256:" in pin, pin


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("requirements.lock", ["build"]),
        ("tests/requirements.lock", ["build", "dev"]),
        ("benchmarks/requirements.lock", ["build", "bench"]),
    ],
)
def test_lock_holds_every_declared_dependency(lock: str, extras: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = list(project["dependencies"])
    for extra in extras:
        declared += project["optional-dependencies"][extra]
    names = {re.split(r"[<>=!~ \[]", requirement)[0].lower() for requirement in declared}
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / lock).read_text(), re.MULTILINE))
    assert names <= locked


def test_test_lock_agrees_with_the_run_time_lock() -> None:
    def pins(lock: str) -> dict[str, str]:
        text = (ROOT / lock).read_text()
        return dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", text, re.MULTILINE))

    run_time, test = pins("requirements.lock"), pins("tests/requirements.lock")
    assert run_time.items() <= test.items()


def test_build_server_calls_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "exec make test"


def bare_path(folder: Path) -> dict[str, str]:
    """An environment whose PATH has a shell and ``id``, but no apt-get, sudo or Python."""
    folder.mkdir()
    for name in ("sh", "id", "env", "dirname", "rm"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return {"PATH": str(folder)}


def test_missing_system_package_is_named_and_stops_nothing(tmp_path: Path) -> None:
    result = subprocess.run(
        [ROOT / ".ci" / "need", "no-such-tool=libimage-exiftool-perl", "sh=dash"],
        env=bare_path(tmp_path / "bin"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0
    assert "sudo apt-get install libimage-exiftool-perl" in result.stderr
    assert "brew install exiftool" in result.stderr
    assert "dash" not in result.stderr


def test_missing_python_is_refused_with_a_hint(tmp_path: Path) -> None:
    result = subprocess.run(
        [ROOT / ".ci" / "venv", str(tmp_path / "venv")],
        env={**bare_path(tmp_path / "bin"), "PYTHON": "no-such-python"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    assert "no Python 3.11 or newer found at no-such-python" in result.stderr
    assert "apt-get install python3 python3-venv" in result.stderr
    assert not (tmp_path / "venv").exists()
