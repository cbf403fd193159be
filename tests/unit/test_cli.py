"""The command `thera`, as a process of its own: what it says, and with which status it ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GOOD = {
    "THERA_REPO_ALLOWLIST": "github.com/acme/*",
    "THERA_GITHUB_TOKEN": "planted-github-token",
    "THERA_GITHUB_WEBHOOK_SECRET": "planted-webhook-secret",
}


@pytest.fixture
def good(tmp_path: Path) -> dict[str, str]:
    """Settings that a server can start with."""
    return GOOD | {"THERA_DATA_DIR": str(tmp_path / "data")}


def thera(*words: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command with these settings and no others."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("THERA_")}
    command = [sys.executable, "-m", "server", *map(str, words)]
    return subprocess.run(command, env=own | settings, capture_output=True, text=True, timeout=60, check=False)


def lines_of(text: str) -> list[str]:
    return [line.strip().removeprefix("- ") for line in text.splitlines()]


def test_help_lists_every_command_with_what_it_is_for() -> None:
    done = thera("--help")

    assert done.returncode == 0
    for command in ("server", "web", "reactor", "worker", "migrate", "check-config"):
        line = next(line for line in lines_of(done.stdout) if line.startswith(f"{command} "))
        assert len(line.split()) > 3


def test_the_version_is_told() -> None:
    assert thera("--version").stdout.startswith("thera, version ")


def test_a_server_without_settings_lists_everything_that_is_missing() -> None:
    done = thera("server", THERA_PORT="many", THERA_GITHUB_TOKNE="x")

    assert done.returncode == 2
    assert "Thera cannot start:" in done.stderr
    assert "THERA_PORT: " in done.stderr
    assert "did you mean THERA_GITHUB_TOKEN?" in done.stderr

    done = thera("server")

    assert done.returncode == 2
    assert [line.split(":")[0] for line in lines_of(done.stderr)[1:]] == ["THERA_REPO_ALLOWLIST"]


def test_a_worker_without_settings_lists_what_a_worker_lacks() -> None:
    done = thera("worker")

    assert done.returncode == 2
    for name in ("THERA_BROKER_URL", "THERA_SERVER_URL", "THERA_WORKER_TOKEN"):
        assert f"{name}: required for a separate worker" in done.stderr


@pytest.mark.parametrize("part", ["web", "reactor"])
def test_a_part_of_a_server_wants_a_broker_to_reach_the_other_part(good: dict[str, str], part: str) -> None:
    done = thera(part, **good)

    assert done.returncode == 2
    assert "THERA_BROKER_URL: required" in done.stderr


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("THERA_REPO_CONFIG", "absent.yaml", "absent.yaml: cannot be read"),
        ("THERA_REPO_ALLOWLIST", "https://github.com/acme/*", "has a scheme"),
        ("THERA_DATABASE_URL", "nonsense", "is not a URL"),
        ("THERA_DATABASE_URL", "oracle://somebody:planted@host/name", "but should with"),
        ("THERA_DATABASE_URL", "postgresql://somebody:planted@127.0.0.1:1/name", "does not answer"),
        ("THERA_DATA_DIR", "/dev/null/data", "/dev/null"),
    ],
)
def test_what_keeps_a_server_from_starting_is_said_in_words(
    good: dict[str, str], setting: str, value: str, words: str
) -> None:
    done = thera("server", **good | {setting: value})

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "planted" not in done.stderr


def test_check_config_prints_what_is_in_force_without_secrets(good: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "password").write_text("planted-password\n")
    done = thera(
        "check-config",
        **good,
        THERA_WEB_PASSWORD_FILE=str(tmp_path / "password"),
        THERA_API_TOKENS="planted-token-0123456789",
        THERA_DATABASE_URL="postgresql://thera:planted-too@db/thera",
    )

    shown = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert done.returncode == 0
    assert "planted" not in done.stdout + done.stderr
    assert shown["THERA_GITHUB_TOKEN"] == shown["THERA_WEB_PASSWORD"] == shown["THERA_API_TOKENS"] == "****"
    assert shown["THERA_DATABASE_URL"] == "postgresql://****@db/thera"
    assert shown["THERA_REPO_ALLOWLIST"] == "github.com/acme/*"
    assert shown["THERA_PORT"] == "4141"
    assert done.stdout.splitlines()[-1] == "No mistakes found."


def test_check_config_lists_every_mistake_of_settings_and_server_file(good: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "repos.yaml").write_text("repos:\n  - id: /.*/\n    workflow: absent\n    surprise: 1\n")
    settings = good | {"THERA_REPO_ALLOWLIST": "https://github.com/acme/*", "THERA_GITHUB_WEBHOOK_SECRET": ""}

    done = thera("check-config", **settings, THERA_REPO_CONFIG=str(tmp_path / "repos.yaml"))

    assert done.returncode == 1
    assert "THERA_GITHUB_WEBHOOK_SECRET: required" in done.stderr
    assert "THERA_REPO_ALLOWLIST: " in done.stderr
    assert "repos.yaml:4: repos[0].surprise: there is no such key here" in done.stderr
    assert "No mistakes" not in done.stdout


def test_check_config_lists_every_mistake_of_every_file(tmp_path: Path) -> None:
    one, two, three = tmp_path / "one.yaml", tmp_path / "two.yaml", tmp_path / "three.yaml"
    one.write_text("version: 3\nprojects:\n  - dri: prod\n")
    two.write_text("version: 3\nprojects: [\n")
    three.write_bytes(b"\xff\xfe")

    done = thera("check-config", one, two, three)

    assert done.returncode == 1
    assert f"{one}:3: projects[0].dri: there is no such key here" in done.stderr
    assert f"{two}:" in done.stderr
    assert f"{three}: cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_config_needs_no_settings_to_check_a_file(tmp_path: Path) -> None:
    (tmp_path / "thera.yaml").write_text("version: 3\nprojects:\n  - dir: prod\n")

    done = thera("check-config", tmp_path / "thera.yaml")

    assert (done.returncode, done.stdout, done.stderr) == (0, "No mistakes found.\n", "")


def test_check_config_says_that_a_file_is_not_there(tmp_path: Path) -> None:
    done = thera("check-config", tmp_path / "absent.yaml")

    assert done.returncode == 2
    assert "does not exist" in done.stderr


def test_migrate_makes_the_schema_and_may_be_repeated(tmp_path: Path) -> None:
    folder = tmp_path / "data"

    first = thera("migrate", THERA_DATA_DIR=str(folder))
    second = thera("migrate", THERA_DATA_DIR=str(folder))

    assert (first.returncode, second.returncode) == (0, 0)
    assert "up to date" in first.stdout
    assert (folder / "thera.db").read_bytes().startswith(b"SQLite format 3")
    assert folder.stat().st_mode & 0o077 == 0


def test_generated_keys_are_for_the_owner_alone_and_come_back(tmp_path: Path) -> None:
    keys = [tmp_path / "data" / name for name in ("secret_key", "worker_token", "web_password")]
    thera("migrate", THERA_DATA_DIR=str(tmp_path / "data"))
    made = [key.read_text() for key in keys]

    thera("migrate", THERA_DATA_DIR=str(tmp_path / "data"))

    assert [key.read_text() for key in keys] == made
    assert len(set(made)) == 3
    assert all(key.stat().st_mode & 0o777 == 0o600 for key in keys)


@pytest.mark.parametrize("command", ["check-config", "server"])
def test_a_broken_template_is_told_before_anything_starts(good: dict[str, str], tmp_path: Path, command: str) -> None:
    (tmp_path / "headline.md.j2").write_text("x\n{{ comand }}")
    (tmp_path / "footer.md.j2").write_text("{% if %}")

    done = thera(command, **good, THERA_TEMPLATE_DIR=str(tmp_path))

    assert done.returncode == (2 if command == "server" else 1)
    assert f"{tmp_path}/headline.md.j2:2: `comand`: there is nothing of that name here" in done.stderr
    assert f"{tmp_path}/footer.md.j2:1: " in done.stderr
