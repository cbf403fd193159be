"""A whole installation of Thera for tests: real processes, a real forge, real Terraform, all on this machine.

Two shapes. One box: a single `thera server`. Many: two servers that share PostgreSQL, Redis and a folder for
plans, and workers that share nothing but the broker. Webhooks go to server A; workers talk to server B.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy

from sandbox.faces import BOT, GITHUB, Face
from sandbox.model import Comment, Pull
from sandbox.server import SandboxServer
from server.comments.marker import parse_marker
from tests.support.processes import Process, eventually, free_port
from tests.support.services import RedisServer
from tests.support.terraform import LAB_REQUIRED_PROVIDERS

T = TypeVar("T")

REPO = "acme/infra"
HOOK_SECRET = "acceptance-webhook-secret"
WEB_PASSWORD = "acceptance-web-password"
SECRET_KEY = "acceptance-secret-key-of-32-chars"
WORKER_TOKEN = "acceptance-worker-token-of-32"
PATIENCE = timedelta(seconds=60)
APPROVED = "repos:\n  - id: /.*/\n    apply_requirements: [approved]\n"
_HASTE = {
    "THERA_HEARTBEAT_SECONDS": "0.5",
    "THERA_LOST_AFTER_SECONDS": "3",
    "THERA_RECONCILE_SECONDS": "0.5",
    "THERA_GITHUB_WRITE_INTERVAL": "0",
}


@dataclass(frozen=True)
class Services:
    """What many machines share."""

    redis: RedisServer
    database_url: str


@dataclass(eq=False)
class Member:
    """One process of the installation, which can end and begin again."""

    name: str
    command: str
    environment: Mapping[str, str]
    folder: Path
    ready_at: str | None = None
    process: Process | None = None

    @property
    def log_file(self) -> Path:
        return self.folder.parent / f"{self.name}.log"

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace") if self.log_file.exists() else ""

    def start(self) -> None:
        self.close()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = Process.start(
            [sys.executable, "-m", "server", self.command],
            log_file=self.log_file,
            env=self.environment,
            dies_with_parent=True,
        )

    def wait_until_ready(self) -> None:
        assert self.process is not None
        if self.ready_at is None:
            self.process.wait_for_line(r"worker\.started", timeout=PATIENCE)
        else:
            self.process.wait_for_http(f"{self.ready_at}/readyz", timeout=PATIENCE)

    def kill(self) -> None:
        """End the process as a crash does; what it started lives on."""
        assert self.process is not None
        self.process.kill()

    def stop(self, *, timeout: timedelta = PATIENCE) -> int:
        """End the process in good order; gives its exit status."""
        assert self.process is not None
        return self.process.terminate(timeout=timeout)

    def restart(self) -> None:
        """Begin again, and wait until it answers."""
        self.start()
        self.wait_until_ready()

    def close(self) -> None:
        """End the process and everything that it started."""
        if self.process is not None:
            self.process.close()
            self.process = None


@dataclass(eq=False)
class Installation:
    """Thera as somebody runs it, the forge beside it, and the people who use both."""

    folder: Path
    cli_config: Path
    services: Services | None = None
    workers: int = 1
    concurrency: int = 2
    policy: str = "repos:\n  - id: /.*/\n"
    environment: Mapping[str, str] = field(default_factory=dict)
    worker_environment: Mapping[str, str] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    token: str = ""
    face: Face = GITHUB

    @contextlib.contextmanager
    def running(self) -> Iterator["Installation"]:
        """Start everything; end everything."""
        self.forge = SandboxServer(self.folder / "forge").start()
        try:
            self._populate()
            for member in self.members.values():
                member.start()
            for member in self.members.values():
                member.wait_until_ready()
            yield self
        finally:
            for member in self.members.values():
                member.close()
            self.forge.stop()

    def _populate(self) -> None:
        self.token = self.forge.forge.create_user(BOT)
        for person in ("ann", "bob"):
            self.forge.forge.create_user(person)
        policy = self.folder / "repos.yaml"
        policy.write_text(self.policy)
        if self.services is None:
            self._add_server("server", workers=self.worker_environment)
        else:
            self.services.redis.flush()
            self._add_server("server-a")
            server = self._add_server("server-b")
            for number in range(1, self.workers + 1):
                self._add_worker(f"worker-{number}", str(server.ready_at))

    def _add_server(self, name: str, *, workers: Mapping[str, str] | None = None) -> Member:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        settings = {
            "URL": url,
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "DATA_DIR": str(self.folder / name),
            "REPO_ALLOWLIST": f"{self.forge.url.removeprefix('http://')}/acme/*",
            "REPO_CONFIG": str(self.folder / "repos.yaml"),
            **self.face.settings(self.forge, self.token, HOOK_SECRET),
            "WEB_PASSWORD": WEB_PASSWORD,
            "SECRET_KEY": SECRET_KEY,
            "WORKER_TOKEN": WORKER_TOKEN,
            "WORKER_CONCURRENCY": str(self.concurrency),
        }
        if self.services is not None:
            settings |= {
                "BROKER_URL": self.services.redis.url,
                "DATABASE_URL": self.services.database_url,
                "ARTIFACT_URL": f"file://{self.folder / 'plans'}",
            }
        return self._add(name, "server", settings, extra=workers or {}, ready_at=url)

    def _add_worker(self, name: str, server_url: str) -> Member:
        assert self.services is not None
        settings = {
            "DATA_DIR": str(self.folder / name),
            "BROKER_URL": self.services.redis.url,
            "SERVER_URL": server_url,
            "WORKER_TOKEN": WORKER_TOKEN,
            "WORKER_NAME": name,
            "WORKER_CONCURRENCY": str(self.concurrency),
        }
        return self._add(name, "worker", settings, extra=self.worker_environment)

    def _add(
        self,
        name: str,
        command: str,
        settings: Mapping[str, str],
        *,
        extra: Mapping[str, str],
        ready_at: str | None = None,
    ) -> Member:
        environment = {
            **{f"THERA_{key}": value for key, value in settings.items()},
            **_HASTE,
            "TF_CLI_CONFIG_FILE": str(self.cli_config),
            **self.environment,
            **extra,
        }
        member = Member(name, command, environment, self.folder / name, ready_at)
        self.members[name] = member
        return member

    def add_worker(self, name: str) -> Member:
        """Start one more worker."""
        member = self._add_worker(name, str(self.servers[-1].ready_at))
        member.restart()
        return member

    # the installation's parts

    @property
    def front(self) -> Member:
        """The server that webhooks go to."""
        return next(iter(self.members.values()))

    @property
    def servers(self) -> list[Member]:
        return [member for member in self.members.values() if member.command == "server"]

    def worker_of(self, job_id: str) -> Member:
        """The worker that has a job."""
        (row,) = self.rows("SELECT worker FROM jobs WHERE id = :id", id=job_id)
        return self.members[row["worker"]]

    def other_than(self, worker: Member) -> Member:
        return next(one for one in self.members.values() if one.command == "worker" and one is not worker)

    def rows(self, statement: str, **values: object) -> list[Mapping[str, Any]]:
        """Look into the database."""
        with self._database() as connection:
            return [dict(row) for row in connection.execute(sqlalchemy.text(statement), values).mappings()]

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlalchemy.Connection]:
        file = f"sqlite:///{self.folder / 'server' / 'thera.db'}"
        engine = sqlalchemy.create_engine(self.services.database_url if self.services else file)
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()

    def jobs(self, phase: str) -> list[Mapping[str, Any]]:
        """List jobs of a phase, oldest first."""
        return self.rows("SELECT * FROM jobs WHERE phase = :phase ORDER BY id", phase=phase)

    def locked(self) -> list[str]:
        return [row["dir"] for row in self.rows("SELECT dir FROM locks ORDER BY dir")]

    def end_leases(self) -> None:
        """Let a minute go by for what a killed server held."""
        with self._database() as connection:
            connection.execute(sqlalchemy.text("DELETE FROM publisher_leases"))

    # code

    def backend(self, name: str) -> str:
        """Keep a project's state at the forge, with locks."""
        url = f"{self.forge.url}/state/{name}"
        lines = [f'    {key} = "{url}"' for key in ("address", "lock_address", "unlock_address")]
        return "\n".join(["terraform {", '  backend "http" {', *lines, "  }", "}", ""])

    def lab(self, name: str, **arguments: object) -> str:
        """Write a project with one `lab_thing`, whose world is a file beside the installation."""
        lines = [f"  {key} = {json.dumps(value)}" for key, value in arguments.items()]
        thing = ['resource "lab_thing" "it" {', f'  path = "{self.world(name)}"', *lines, "}", ""]
        return self.backend(name) + LAB_REQUIRED_PROVIDERS + "\n".join(thing)

    def world(self, name: str) -> Path:
        return self.folder / "world" / f"{name}.json"

    def operations(self, name: str) -> list[str]:
        """List what was done to a project's thing, one word for each beginning."""
        log = Path(f"{self.world(name)}.log")
        return log.read_text().split() if log.exists() else []

    def state_is_locked(self, name: str) -> bool:
        return name in self.forge.states.locks

    # what people do

    def create_repo(self, files: Mapping[str, str]) -> None:
        self.forge.forge.create_repo(REPO, files, face=self.face.name)
        for person in ("ann", "bob"):
            self.forge.forge.permit(REPO, person, "write")
        hook = f"{self.front.ready_at}/webhooks/{self.face.name}"
        self.face.connect(self.forge, REPO, hook, HOOK_SECRET)

    def open_pull(self, files: Mapping[str, str], *, branch: str = "change", delete: Sequence[str] = ()) -> Pull:
        """Commit files to a branch and open a pull request; without a repository yet, make it."""
        if REPO not in self.forge.forge.repos:
            self.create_repo({"README.md": "# Infrastructure\n"})
        self.forge.forge.commit(REPO, branch, files, delete=delete)
        number = self.forge.forge.open_pull(REPO, head=branch, title=f"The {branch}", author="ann")
        return self.forge.forge.pull(REPO, number)

    def push(self, pull: Pull, files: Mapping[str, str]) -> None:
        """Commit files to a pull request's branch."""
        self.forge.forge.commit(REPO, pull.head_ref, files)

    def comment(self, pull: Pull, body: str, *, by: str = "bob") -> int:
        """Write a comment; gives its number, after which answers are looked for."""
        return self.forge.forge.comment(REPO, pull.number, by, body).id

    def approve(self, pull: Pull) -> None:
        self.face.approve(self.forge, REPO, pull.number, "bob")

    def merge(self, pull: Pull) -> None:
        self.forge.forge.merge(REPO, pull.number, "bob")

    # what people see

    def says(self, pull: Pull, *, after: int = 0) -> list[Comment]:
        """List Thera's comments on a pull."""
        return [one for one in pull.comments if one.author == self.face.bot and one.id > after]

    def statuses(self, pull: Pull) -> dict[str, str]:
        """Give the head's statuses."""
        return dict(self.face.statuses(self.forge, REPO, pull.head_sha))

    def markers(self, pull: Pull) -> list[dict[str, Any]]:
        """Read the marks for machines in Thera's comments."""
        return [marker for one in self.says(pull) if (marker := parse_marker(one.body)) is not None]

    def wait_for_comment(self, pull: Pull, *parts: str, after: int = 0, timeout: timedelta = PATIENCE) -> Comment:
        """Wait until one comment of Thera's has all the parts."""

        def look() -> Comment | None:
            found = self.says(pull, after=after)
            return next((one for one in found if all(part in one.body for part in parts)), None)

        return self.wait_until(look, f"a comment with {' and '.join(map(repr, parts))}", pull=pull, timeout=timeout)

    def wait_for_statuses(self, pull: Pull, **states: str) -> None:
        """Wait for statuses, each named without its prefix: `plan="success"`."""
        wanted = {f"thera/{name}": state for name, state in states.items()}
        self.wait_until(
            lambda: {**self.statuses(pull), **wanted} == self.statuses(pull), f"statuses {wanted}", pull=pull
        )

    def wait_for_job(self, phase: str, state: str) -> Mapping[str, Any]:
        """Wait until some job of the phase has the state."""
        return self.wait_until(
            lambda: next((job for job in self.jobs(phase) if job["state"] == state), None), f"a {phase} that is {state}"
        )

    def wait_for_operations(self, name: str, *operations: str) -> None:
        self.wait_until(lambda: self.operations(name) == list(operations), f"{operations} of {name}")

    def wait_until(
        self, look: Callable[[], T | None], what: str, *, pull: Pull | None = None, timeout: timedelta = PATIENCE
    ) -> T:
        """Wait for something, and when it does not come, say what everybody last said."""
        try:
            return eventually(look, timeout=timeout, message=f"waiting for {what}", processes=self._processes())
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._conversation(pull)}") from None

    def _processes(self) -> Sequence[Process]:
        return [member.process for member in self.members.values() if member.process is not None]

    def _conversation(self, pull: Pull | None) -> str:
        repo = self.forge.forge.repos.get(REPO)
        pulls = [pull] if pull is not None else list(repo.pulls.values()) if repo else []
        said = [f"--- {one.author} ({one.id}):\n{one.body}" for each in pulls for one in each.comments]
        return "\n".join([*said, *(f"--- statuses: {self.statuses(each)}" for each in pulls)])


def clean_path(folder: Path, *names: str) -> str:
    """Make a folder for PATH with these programs only."""
    folder.mkdir()
    for name in names:
        found = next(
            (Path(place) / name for place in os.environ["PATH"].split(os.pathsep) if (Path(place) / name).exists()),
            None,
        )
        if found is not None:
            (folder / name).symlink_to(found)
    return str(folder)
