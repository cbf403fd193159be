import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.support.processes import free_port

DOCUMENTATION_ADDRESS = "192.0.2.1"  # RFC 5737: nobody lives there
PROBE = """
import os

import pytest

CLEAN = {clean!r}


@pytest.fixture(scope="session")
def early() -> dict[str, str]:
    return dict(os.environ)


def test_the_environment(early: dict[str, str]) -> None:
    for environment in (early, dict(os.environ)):
        assert not CLEAN & set(environment)
        assert environment["THERA_TEST_SOMETHING"] == "kept"
        assert environment["TF_CLI_CONFIG_FILE"] != "/somewhere/else"
"""
POLLUTION = {
    "THERA_TOKEN": "x",
    "ATLANTIS_GH_TOKEN": "x",
    "TF_VAR_region": "x",
    "TF_LOG": "trace",
    "GIT_DIR": "/nowhere",
    "AWS_SECRET_ACCESS_KEY": "x",
    "GITHUB_TOKEN": "x",
    "https_proxy": "http://127.0.0.1:1",
}


def test_nothing_from_the_developers_environment_reaches_a_test(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    shutil.copy(Path(__file__).parents[1] / "conftest.py", tests)
    (tests / "test_probe.py").write_text(PROBE.format(clean=set(POLLUTION)))

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tests],
        env={
            **os.environ,
            **POLLUTION,
            "THERA_TEST_SOMETHING": "kept",
            "TF_CLI_CONFIG_FILE": "/somewhere/else",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_terraform_reads_an_empty_configuration_and_phones_nobody() -> None:
    assert Path(os.environ["TF_CLI_CONFIG_FILE"]).read_text() == ""
    assert os.environ["CHECKPOINT_DISABLE"] == "1"


@pytest.mark.parametrize("_turn", [1, 2])
def test_every_test_has_an_empty_home_of_its_own(_turn: int) -> None:
    assert list(Path.home().iterdir()) == []

    (Path.home() / ".netrc").touch()


def test_git_commits_as_somebody_on_main_without_asking(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    git("init")
    git("commit", "--allow-empty", "-m", "first")

    assert git("branch", "--show-current") == "main\n"
    assert git("log", "--format=%an %ae %cn") == "Thera Tests tests@thera.example Thera Tests\n"


def test_git_trusts_a_repository_of_another_owner() -> None:
    done = subprocess.run(["git", "config", "--global", "safe.directory"], check=True, capture_output=True)

    assert done.stdout == b"*\n"


@pytest.mark.parametrize("how", ["connect", "connect_ex"])
def test_a_connection_to_the_outside_is_refused(how: str) -> None:
    with socket.socket() as outside, pytest.raises(RuntimeError, match="tests stay on this machine"):
        getattr(outside, how)((DOCUMENTATION_ADDRESS, 443))


def test_a_connection_to_the_outside_over_ipv6_is_refused() -> None:
    with (
        socket.socket(socket.AF_INET6) as outside,
        pytest.raises(RuntimeError, match="tests stay on this machine"),
    ):
        outside.connect(("2001:db8::1", 443))


def test_a_datagram_to_the_outside_is_refused() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as outside,
        pytest.raises(RuntimeError, match="tests stay on this machine"),
    ):
        outside.sendto(b"metric:1|c", (DOCUMENTATION_ADDRESS, 8125))


def test_a_name_of_the_outside_is_not_even_looked_up() -> None:
    with pytest.raises(RuntimeError, match=r"look up forge\.example"):
        requests.get("https://forge.example/api", timeout=1)


def test_a_refusal_cannot_be_mistaken_for_a_network_failure() -> None:
    try:
        socket.create_connection((DOCUMENTATION_ADDRESS, 443))
    except OSError:
        pytest.fail("the guard looks like a failing network")
    except RuntimeError:
        pass


def test_a_name_that_never_exists_fails_as_it_would_anywhere() -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get("http://nowhere.invalid/", timeout=1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_open(host: str) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        address = (host, server.getsockname()[1])

        socket.create_connection(address, timeout=5).close()


def test_unix_sockets_are_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind("s")
        server.listen()

        client.connect("s")
