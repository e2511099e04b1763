"""The tree holds what belongs to it, and nothing of the machine it was written on."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TOP_LEVEL = {
    *("pyproject.toml", "README.md", "src", "schemas", "tests", "seeds", "docs", "benchmarks"),
    *("Makefile", "LICENSE", "CHANGELOG.md", "requirements.lock"),
}
LEFT_BEHIND = {"build", "dist"}

# Put together here, so that this page does not hold what it looks for.
HOME_FOLDERS = [f"/{name}/" for name in ("work", "root", "farm")] + ["/tmp/" + "venv"]
HOSTS = [
    "pypi" + r"\.org/simple",
    "python" + "hosted",
    r"registry\." + "npmjs",
    r"deb\." + "debian",
]
MACHINE = re.compile("|".join([*HOME_FOLDERS, *(rf"https?://[a-z.]*{host}" for host in HOSTS)]))

LONGEST_MODULE = 450  # lines; what a newcomer reads in one sitting


def repository_files() -> list[Path]:
    """Files under version control or about to be; without git, everything but what tools leave."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0 and listed.stdout:
        names = [name.decode() for name in listed.stdout.split(b"\0") if name]
        return [ROOT / name for name in names if (ROOT / name).is_file()]
    tools = {".git", ".venv", ".venv-bench", "__pycache__", *LEFT_BEHIND}
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file()
        and not any(
            part in tools or part.endswith("_cache") or part == ".hypothesis"
            for part in path.relative_to(ROOT).parts
        )
    ]


def text_of(path: Path) -> str | None:
    """The file as text, or None when it is not text."""
    data = path.read_bytes()
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def test_no_text_names_a_folder_or_registry_of_the_machine_it_was_made_on() -> None:
    texts = {path: text_of(path) for path in repository_files()}
    read = {path: text for path, text in texts.items() if text is not None}
    assert len(read) > 20
    hits = [
        f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}: {found.group()}"
        for path, text in read.items()
        for found in MACHINE.finditer(text)
    ]
    assert hits == []


def test_the_search_for_machine_names_can_find_one() -> None:
    assert MACHINE.search("see /" + "work/notes")
    assert MACHINE.search("--index-url https://" + "pypi" + ".org/simple")
    assert not MACHINE.search("a network/worker of /usr/share/rootfs")


def test_top_level_holds_only_what_belongs_there() -> None:
    first = {path.relative_to(ROOT).parts[0] for path in repository_files()}
    assert {name for name in first if not name.startswith(".")} - TOP_LEVEL == set()


def test_no_module_outgrows_one_sitting() -> None:
    modules = list((ROOT / "src").rglob("*.py"))
    assert modules
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules}
    assert {str(path): n for path, n in lengths.items() if n > LONGEST_MODULE} == {}
