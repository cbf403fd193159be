"""What every test gets: a clean environment, no way to the outside, and real services on request."""

import ipaddress
import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.services import PostgresServer, RedisServer, require
from tests.support.terraform import lab_mirror

_SCRUBBED = ("THERA_", "ATLANTIS_", "TF_", "GIT_", "AWS_")
_SPARED = ("THERA_TEST_",)  # set by people for the test suite itself
_SECRETS_AND_DETOURS = frozenset(
    {"GITHUB_TOKEN", "GH_TOKEN", "GITLAB_TOKEN", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
)


class ReachedOutside(RuntimeError):
    """A test tried to leave this machine. Not an OSError: no code under test may mistake it for one."""


@pytest.fixture(scope="session", autouse=True)
def _clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("environment")
    (folder / "gitconfig").write_text("[init]\n\tdefaultBranch = main\n[safe]\n\tdirectory = *\n")
    (folder / "terraformrc").touch()
    with pytest.MonkeyPatch.context() as patch:
        for name in _unwanted():
            patch.delenv(name)
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "Thera Tests")
            patch.setenv(f"GIT_{role}_EMAIL", "tests@thera.example")
        patch.setenv("GIT_CONFIG_GLOBAL", str(folder / "gitconfig"))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("GIT_TERMINAL_PROMPT", "0")
        patch.setenv("TF_CLI_CONFIG_FILE", str(folder / "terraformrc"))
        patch.setenv("CHECKPOINT_DISABLE", "1")
        patch.setenv("HOME", str(folder))
        yield


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def _own_home(_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    home = next(_homes)
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))


@pytest.fixture(scope="session", autouse=True)
def _no_way_outside() -> Iterator[None]:
    """Refuse addresses outside of this machine, for Python's own sockets in this process."""
    original = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}
    original_getaddrinfo = socket.getaddrinfo

    def guarded(name: str) -> Any:
        def call(self: socket.socket, *arguments: Any) -> Any:
            _insist_on_this_machine(self.family, arguments[-1])
            return original[name](self, *arguments)

        return call

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        _insist_on_a_known_name(host)
        return original_getaddrinfo(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        for name in original:
            patch.setattr(socket.socket, name, guarded(name))
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis for the whole run; `flush()` it first if you need it empty."""
    require("redis-server")
    with RedisServer.running() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL for the whole run; a test that stops it takes one of its own."""
    require("postgres")
    with PostgresServer.running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty PostgreSQL database for one test."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database for one test, which runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'thera.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def terraform_binary() -> Path:
    return require("terraform")


@pytest.fixture(scope="session")
def lab_cli_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Terraform CLI configuration with the lab provider and nothing else."""
    return lab_mirror(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="session")
def chromium() -> Path:
    return require("chromium")


def _unwanted() -> list[str]:
    return [
        name
        for name in os.environ
        if (name.startswith(_SCRUBBED) and not name.startswith(_SPARED)) or name.upper() in _SECRETS_AND_DETOURS
    ]


def _insist_on_this_machine(family: int, address: Any) -> None:
    if family == socket.AF_UNIX:
        return
    if family not in {socket.AF_INET, socket.AF_INET6} or not _is_this_machine(address[0]):
        raise ReachedOutside(f"a test tried to connect to {address}; tests stay on this machine")


def _insist_on_a_known_name(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or _is_this_machine(name) or _is_number(name):
        return
    if name.endswith(".invalid"):  # RFC 2606: never exists, so no resolver needs to be asked
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    raise ReachedOutside(f"a test tried to look up {name}; tests stay on this machine")


def _is_this_machine(host: str) -> bool:
    if host in {"", "localhost", socket.gethostname()}:
        return True
    return _is_number(host) and ipaddress.ip_address(host).is_loopback


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
