"""The import rules of `.importlinter` hold, and a planted import that breaks one is found."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BREAKS = {
    "a domain that knows the store": ("server/domain/refs.py", "import server.store.tables", "Server: one direction"),
    "a page that knows the command": ("server/web/app.py", "import server.cli", "Server: one direction"),
    "a new package without a place": ("server/extra/__init__.py", "", "Server: one direction"),
    "a gateway that knows git": ("workers/gateway/http.py", "import workers.git.client", "Workers: one direction"),
    "a worker that knows the server": ("workers/redact.py", "import server.domain.refs", "Workers never import"),
    "a server that knows a worker": ("server/tasks/app.py", "import workers.process", "The server sees only"),
    "a use case that knows GitHub": (
        "server/orchestration/begin.py",
        "import server.forges.github",
        "A concrete forge",
    ),
    "SQL in a use case": ("server/orchestration/begin.py", "import sqlalchemy", "SQLAlchemy lives"),
    "Celery in a use case": ("server/orchestration/begin.py", "import celery", "Celery lives"),
    "a process beside the one door": ("workers/git/client.py", "import subprocess", "Processes are started"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    linter = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([linter, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in ("server", "workers"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def test_every_import_rule_holds() -> None:
    result = lint(ROOT)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", BREAKS)
def test_a_planted_import_is_found(name: str, copy: Path) -> None:
    path, line, contract = BREAKS[name]
    (copy / path).parent.mkdir(exist_ok=True)
    with (copy / path).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")

    result = lint(copy)

    broken = [text for text in result.stdout.splitlines() if " BROKEN" in text]
    assert any(text.startswith(contract) for text in broken), result.stdout
