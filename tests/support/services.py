"""Private real servers for tests, Redis and PostgreSQL, and a firm word when a program is missing."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self

import psycopg
import pytest

from tests.support.processes import Process, eventually, free_port

_START = timedelta(seconds=20)


@dataclass(frozen=True)
class Missing:
    """A program that tests want and this machine has not."""

    name: str
    install: str

    @property
    def message(self) -> str:
        return f"missing service: {self.name} was not found. Install {self.install} and run again."


@dataclass(frozen=True)
class _Program:
    find: Callable[[], Path | None]
    install: str


def find(name: str) -> Path | Missing:
    """Look for one of the programs that tests can use."""
    program = _PROGRAMS[name]
    return program.find() or Missing(name=name, install=program.install)


def require(name: str, *, environ: Mapping[str, str] | None = None) -> Path:
    """Return the program; when it is missing, skip the test at home and fail it in CI."""
    found = find(name)
    if isinstance(found, Path):
        return found
    if _is_ci(os.environ if environ is None else environ):
        pytest.fail(f"{found.message} (CI is set, so this is a failure and not a skip.)", pytrace=False)
    pytest.skip(found.message)


def _is_ci(environ: Mapping[str, str]) -> bool:
    return environ.get("CI", "").lower() in {"1", "true"}


def _on_path(*names: str) -> Path | None:
    return next((Path(found) for name in names if (found := shutil.which(name))), None)


def _postgres() -> Path | None:
    """Find a `postgres` that has its `initdb` beside it; the newest of Debian's versions first."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda folder: _version(folder.parent.name),
        reverse=True,
    )
    on_path = _on_path("postgres")
    folders = [*([on_path.resolve().parent] if on_path else []), *debian]
    return next(
        (folder / "postgres" for folder in folders if (folder / "postgres").exists() and (folder / "initdb").exists()),
        None,
    )


def _version(name: str) -> int:
    return int(name) if name.isdigit() else 0


def _emulate() -> Path | None:
    entry = Path(__file__).parents[2] / ".venv/emulate/package/dist/api.js"
    return entry if entry.exists() else None


_PROGRAMS = {
    "redis-server": _Program(lambda: _on_path("redis-server"), "Redis (Debian: redis-server)"),
    "postgres": _Program(_postgres, "the PostgreSQL server (Debian: postgresql)"),
    "terraform": _Program(lambda: _on_path("terraform"), "Terraform 1.x and put it on PATH"),
    "chromium": _Program(
        lambda: _on_path("chromium", "chromium-browser", "google-chrome-stable", "google-chrome"),
        "Chromium (Debian: chromium)",
    ),
    "node": _Program(lambda: _on_path("node", "nodejs"), "Node.js 18 or newer (Debian: nodejs)"),
    "emulate": _Program(_emulate, "npm's emulate by `make second-opinion`"),
}


@dataclass(eq=False)
class RedisServer:
    """A Redis of our own: nothing is kept on disk, the port stays the same for life."""

    folder: Path
    port: int
    _process: Process | None = None

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator[Self]:
        """Run a new server; enter from a thread that stays, for the server ends with the thread."""
        server = cls(folder=Path(tempfile.mkdtemp(prefix="redis-", dir="/tmp")), port=free_port())
        try:
            server.start()
            yield server
        finally:
            server.close()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def process(self) -> Process:
        assert self._process is not None, "this Redis is stopped"
        return self._process

    def start(self) -> None:
        self._process = Process.start(
            [
                *(require("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no", "--dir", self.folder),
            ],
            log_file=self.folder / "redis.log",
            dies_with_parent=True,
        )
        eventually(self._is_ready, timeout=_START, message="waiting for Redis", processes=[self._process])

    def stop(self) -> None:
        """End the server in good order; everything in it is forgotten."""
        self.process.terminate()
        self._end()

    def kill(self) -> None:
        """End the server as a crash would."""
        self.process.kill()
        self._end()

    def restart(self) -> None:
        self.stop()
        self.start()

    def flush(self) -> None:
        assert self._ask("FLUSHALL") == "+OK"

    def close(self) -> None:
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None

    def _is_ready(self) -> bool:
        # The pid proves that it is ours which answers, not another server on a port we lost.
        assert self.process.is_running, self.process.tail()
        with contextlib.suppress(OSError):
            return f"process_id:{self.process.pid}\r\n" in self._ask("INFO server", until="process_id")
        return False

    def _ask(self, command: str, *, until: str = "\r\n") -> str:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(f"{command}\r\n".encode())
            answer = ""
            while until not in answer or not answer.endswith("\r\n"):
                chunk = connection.recv(65536)
                if not chunk:
                    break
                answer += chunk.decode()
            return answer if until != "\r\n" else answer.strip()


@dataclass(eq=False)
class PostgresServer:
    """A PostgreSQL cluster of our own: fast, careless about power cuts, gone afterwards."""

    folder: Path
    port: int
    owner: str | None
    _process: Process | None = None
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator[Self]:
        """Run a new cluster; enter from a thread that stays, for the server ends with the thread."""
        owner = _unprivileged_user()
        # A short path: that of the socket inside may have 107 bytes.
        folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        server = cls(folder=folder, port=free_port(), owner=owner)
        try:
            if owner is not None:
                shutil.chown(folder, owner)
            server._make_cluster()
            server.start()
            yield server
        finally:
            server.close()

    @property
    def process(self) -> Process:
        assert self._process is not None, "this PostgreSQL is stopped"
        return self._process

    def url(self, database: str = "postgres") -> str:
        """Return the address as SQLAlchemy writes it."""
        return f"postgresql+psycopg://thera@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        eventually(self._try_to_start, timeout=_START, message="starting PostgreSQL")

    def stop(self) -> None:
        """End the server in good order; open connections are cut."""
        self.process.signal(signal.SIGINT).wait()
        self._end()

    def kill(self) -> None:
        """End the server as a crash would; committed rows survive."""
        self.process.kill()
        self._end()

    def restart(self) -> None:
        self.stop()
        self.start()

    def create_database(self, *, template: str = "template0") -> str:
        """Make a new database, empty or a copy of another, and return its SQLAlchemy URL."""
        name = f"test_{next(self._numbers)}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database, also while somebody is still connected to it."""
        self._execute(f'DROP DATABASE IF EXISTS "{url.rsplit("/", 1)[1]}" WITH (FORCE)')

    def close(self) -> None:
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make_cluster(self) -> None:
        initdb = self._run(
            *(require("postgres").parent / "initdb", "-D", self.folder / "data", "-U", "thera"),
            *("-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"),
        )
        with initdb:
            assert initdb.wait(timeout=timedelta(minutes=1)) == 0, initdb.tail()

    def _try_to_start(self) -> bool:
        """Start it once; False when it ended, which happens while a killed one is still dying."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "autovacuum": "off",
            "shared_buffers": "32MB",
            "max_connections": 200,
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._end()
        self._process = self._run(require("postgres"), "-D", self.folder / "data", *words)
        eventually(
            lambda: not self.process.is_running or self._is_ready(),
            timeout=_START,
            message="waiting for PostgreSQL",
            processes=[self._process],
        )
        assert self.process.is_running, self.process.tail()
        return True

    def _is_ready(self) -> bool:
        pid_file = self.folder / "data" / "postmaster.pid"
        with contextlib.suppress(OSError):
            lines = pid_file.read_text(encoding="utf-8").split()
            return lines[0] == str(self.process.pid) and lines[-1] == "ready"
        return False

    def _run(self, *argv: str | Path) -> Process:
        return Process.start(
            argv,
            log_file=self.folder / "postgres.log",
            cwd=self.folder,
            user=self.owner,
            dies_with_parent=True,
        )

    def _end(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None

    def _execute(self, statement: str) -> None:
        address = f"host=127.0.0.1 port={self.port} user=thera dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement.encode())


def _unprivileged_user() -> str | None:
    """Name the user to run PostgreSQL as: it refuses root, and a user without a passwd entry."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    found = next((name for name in ("postgres", "nobody") if name in known), None)
    assert found is not None, "PostgreSQL refuses to run as root, and there is no user postgres or nobody here"
    return found
