"""One box and a sandbox forge to measure, and the same work without Thera."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.model import Comment, Pull, Repo
from sandbox.server import SandboxServer
from tests.support.processes import free_port
from tests.support.terraform import LAB_REQUIRED_PROVIDERS, aws_mirror, cli_config, lab_mirror

REPO = "bench/infra"
SECRET = "benchmark-webhooks"
_PATIENCE = 120.0
_LOOK = 0.002
_SETTLED = 0.4  # seconds in which nothing is said: what follows a plan is not part of the next round


@dataclass
class Watch:
    """When the forge sent a webhook, and when it was told something."""

    sent: float = 0.0
    told: dict[int, list[tuple[float, str]]] = field(default_factory=dict)
    last: float = 0.0

    def hear(self, what: str, repo: Repo, pull: Pull | None, facts: Mapping[str, object]) -> None:
        """Listen to the forge."""
        del repo
        now = time.perf_counter()
        self.last = now
        comment = facts.get("comment")
        if what in {"pull_request.opened", "pull_request.synchronize"}:
            self.sent = now
        elif pull is not None and isinstance(comment, Comment):
            self.told.setdefault(pull.number, []).append((now, comment.body))


@dataclass
class Rig:
    """A running installation with one repository."""

    forge: SandboxServer
    url: str
    folder: Path
    environment: Mapping[str, str]
    watch: Watch

    def commit(self, branch: str, files: Mapping[str, str]) -> str:
        """Commit to a branch; the commit of an open pull sends a webhook."""
        return self.forge.forge.commit(REPO, branch, files)

    def open_pull(self, branch: str) -> Pull:
        """Open a pull request of a branch; the webhook goes out before this returns."""
        return self.forge.forge.pull(REPO, self.forge.forge.open_pull(REPO, head=branch, title=branch, author="ann"))

    def close_pull(self, pull: Pull) -> None:
        """Close a pull request and wait until nothing more happens."""
        self.forge.forge.change_pull(REPO, pull.number, "ann", state="closed")
        self.settle()

    def settle(self) -> None:
        """Wait until nothing more is said."""
        self.watch.last = time.perf_counter()
        wait(lambda: time.perf_counter() - self.watch.last > _SETTLED, "silence")

    def until_planned(self, pull: Pull, projects: int = 1) -> float:
        """Wait for the finished comment on the pull's head; gives the seconds since the webhook was sent."""
        marks = (f'"head":"{pull.head_sha}"', '"outcome":"succeeded"', f"{projects} to add")

        def finished() -> float | None:
            said = self.watch.told.get(pull.number, [])
            return next((when for when, body in said if all(mark in body for mark in marks)), None)

        wait(lambda: finished() is not None, f"a plan of {pull.head_sha[:7]}")
        return (finished() or 0.0) - self.watch.sent

    def until_status(self, pull: Pull) -> float:
        """Wait for the first commit status on the pull's head; gives the seconds since the webhook was sent."""
        repo = self.forge.forge.repo(REPO)
        wait(lambda: bool(repo.statuses.get(pull.head_sha)), "a status")
        return time.perf_counter() - self.watch.sent

    def clone(self, branch: str) -> Path:
        """Clone the repository at a branch, as a script would."""
        target = self.folder / "bare" / f"{branch}-{time.monotonic_ns()}"
        token = self.forge.forge.users["ann"].token
        address = self.forge.url.replace("http://", f"http://ann:{token}@") + f"/{REPO}.git"
        run(["git", "clone", "--quiet", "--branch", branch, address, str(target)], self.folder, self.environment)
        return target

    def bare_plan(self, folder: Path) -> None:
        """Run what Thera runs, and nothing else."""
        run(["terraform", "init", "-input=false"], folder, self.environment)
        run(["terraform", "plan", "-input=false", "-out=p.tfplan"], folder, self.environment)
        run(["terraform", "show", "-json", "p.tfplan"], folder, self.environment)


def wait(seen: Callable[[], bool], what: str) -> None:
    """Wait for something, looking often."""
    deadline = time.monotonic() + _PATIENCE
    while not seen():
        if time.monotonic() > deadline:
            raise TimeoutError(f"never saw {what}")
        time.sleep(_LOOK)


def run(argv: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    """Run a command that has to succeed."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(argv, cwd=folder, env=dict(environment), check=False, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{argv}: {done.stderr.decode(errors='replace')[-2000:]}")


def seconds(act: Callable[[], object]) -> float:
    """Time something."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def project(url: str, name: str, value: int) -> str:
    """Write a small project of what is built into Terraform, with its state at the sandbox."""
    return _backend(url, name) + f'resource "terraform_data" "it" {{\n  input = {value}\n}}\n'


def lab_project(url: str, name: str, value: int) -> str:
    """Write a small project with a provider that has to be started; it is Python and takes its time."""
    thing = f'resource "lab_thing" "it" {{\n  path = "/nowhere/{name}/{value}"\n}}\n'
    return _backend(url, name) + LAB_REQUIRED_PROVIDERS + thing


def aws_project(url: str, name: str, value: int) -> str:
    """Write a small project of the AWS provider, with nothing that the plan would ask AWS for."""
    provider = """\
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
}
"""
    bucket = f'resource "aws_s3_bucket" "it" {{\n  bucket = "bench-{name}-{value}"\n}}\n'
    return _backend(url, name) + provider + bucket


def _backend(url: str, name: str) -> str:
    return f'terraform {{\n  backend "http" {{\n    address = "{url}/state/{name}"\n  }}\n}}\n'


@contextlib.contextmanager
def rig(files: Callable[[str], Mapping[str, str]], *, workers: int = 2) -> Iterator[Rig]:
    """Run a forge with a repository, and `thera server` alone beside it."""
    with tempfile.TemporaryDirectory(prefix="thera-bench-") as name:
        folder = Path(name)
        forge = SandboxServer(folder / "forge").start()
        try:
            token = forge.forge.create_user("thera-bot")
            forge.forge.create_user("ann")
            forge.forge.create_repo(REPO, files(forge.url))
            for person in ("thera-bot", "ann"):
                forge.forge.permit(REPO, person, "admin")
            watch = Watch()
            forge.forge.listeners.insert(0, watch.hear)
            environment = _environment(_providers(folder))
            with _server_running(forge, token, folder, environment, workers) as url:
                forge.forge.add_hook(REPO, f"{url}/webhooks/github", SECRET)
                yield Rig(forge, url, folder, environment, watch)
        finally:
            forge.stop()


def _providers(folder: Path) -> Path:
    """Write a CLI configuration with the lab provider and, where this machine has a mirror of it, the AWS provider."""
    lab, aws = lab_mirror(folder), aws_mirror()
    if aws is None:
        return lab
    return cli_config(folder / "both.rc", {"test/lab": folder / "mirror", "hashicorp/aws": aws})


def _environment(cli_config: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TF_", "THERA_", "GIT_"))}
    return kept | {"TF_CLI_CONFIG_FILE": str(cli_config), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}


@contextlib.contextmanager
def _server_running(
    forge: SandboxServer, token: str, folder: Path, environment: Mapping[str, str], workers: int
) -> Iterator[str]:
    port = free_port()
    settings = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DATA_DIR": str(folder / "thera"),
        "REPO_ALLOWLIST": "*",
        "GITHUB_URL": forge.api_url,
        "GITHUB_TOKEN": token,
        "GITHUB_WEBHOOK_SECRET": SECRET,
        "GITHUB_WRITE_INTERVAL": "0",
        "WORKER_CONCURRENCY": str(workers),
    }
    own = dict(environment) | {f"THERA_{name}": value for name, value in settings.items()}
    log = folder / "thera.log"
    with log.open("wb") as file:
        process = subprocess.Popen(server_command(), env=own, stdout=file, stderr=file)
    try:
        url = f"http://127.0.0.1:{port}"
        wait(lambda: process.poll() is not None or _answers(f"{url}/readyz"), "the server")
        yield url
    except TimeoutError as error:
        raise TimeoutError(f"{error}; the server said:\n{log.read_text()[-3000:]}") from error
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def server_command() -> list[str]:
    """Say how the server is started; a profiler puts itself in here (`THERA_BENCH_SERVER`, words)."""
    return os.environ.get("THERA_BENCH_SERVER", f"{sys.executable} -m server server").split()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()  # noqa: S310  (our own address)
    except (urllib.error.URLError, OSError):
        return False
    return True
