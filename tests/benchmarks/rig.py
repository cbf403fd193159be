"""One box and a sandbox forge to measure, and the same work without Thera."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.model import Pull
from sandbox.server import SandboxServer

REPO = "bench/infra"
SECRET = "benchmark-webhooks"
_PATIENCE = 300.0


@dataclass
class Rig:
    """A running installation with one repository."""

    forge: SandboxServer
    url: str
    folder: Path
    environment: Mapping[str, str]

    def open_pull(self, branch: str, files: Mapping[str, str]) -> Pull:
        """Open a pull request; the webhook goes out before this returns."""
        self.forge.forge.commit(REPO, branch, files)
        return self.forge.forge.pull(REPO, self.forge.forge.open_pull(REPO, head=branch, title=branch, author="ann"))

    def push(self, pull: Pull, files: Mapping[str, str]) -> None:
        """Push to a pull request."""
        self.forge.forge.commit(REPO, pull.head_ref, files)

    def wait_for_plan(self, pull: Pull) -> None:
        """Wait for the finished comment on the pull's head."""
        done = f'"head":"{pull.head_sha}","outcome":"succeeded"'
        wait(lambda: any(done in comment.body for comment in pull.comments), f"a plan of {pull.head_sha[:7]}")

    def wait_for_status(self, pull: Pull) -> None:
        """Wait for the first commit status on the pull's head."""
        repo = self.forge.forge.repo(REPO)
        wait(lambda: bool(repo.statuses.get(pull.head_sha)), "a status")

    def clone(self, name: str, sha: str) -> Path:
        """Clone the repository at a commit, as a script would."""
        target = self.folder / "bare" / name
        token = self.forge.forge.users["ann"].token
        address = self.forge.url.replace("http://", f"http://ann:{token}@") + f"/{REPO}.git"
        run(["git", "clone", "--quiet", address, str(target)], self.folder, self.environment)
        run(["git", "fetch", "--quiet", "origin", sha], target, self.environment)
        run(["git", "checkout", "--quiet", sha], target, self.environment)
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
        time.sleep(0.002)


def run(argv: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    """Run a command that has to succeed."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(argv, cwd=folder, env=dict(environment), check=True, capture_output=True)


def seconds(act: Callable[[], None]) -> float:
    """Time something."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def project(url: str, name: str, value: int) -> str:
    """Write a small project with its state at the sandbox."""
    return (
        f'terraform {{\n  backend "http" {{\n    address = "{url}/state/{name}"\n  }}\n}}\n'
        f'resource "terraform_data" "it" {{\n  input = {value}\n}}\n'
    )


@contextlib.contextmanager
def rig(files: Callable[[str], Mapping[str, str]], *, workers: int = 2) -> Iterator[Rig]:
    """Run a forge with a repository, and `thera server` alone beside it."""
    with tempfile.TemporaryDirectory(prefix="thera-bench-") as name:
        folder = Path(name)
        forge = SandboxServer(folder / "forge").start()
        token = forge.forge.create_user("thera-bot")
        forge.forge.create_user("ann")
        forge.forge.create_repo(REPO, files(forge.url))
        for person in ("thera-bot", "ann"):
            forge.forge.permit(REPO, person, "admin")
        (folder / "terraform.rc").touch()
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("TF_", "THERA_"))}
        environment = kept | {"TF_CLI_CONFIG_FILE": str(folder / "terraform.rc"), "CHECKPOINT_DISABLE": "1"}
        port = free_port()
        process = _server(forge, token, folder, port, environment, workers)
        try:
            url = f"http://127.0.0.1:{port}"
            wait(lambda: _answers(f"{url}/readyz"), "the server")
            forge.forge.add_hook(REPO, f"{url}/webhooks/github", SECRET)
            yield Rig(forge, url, folder, environment)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            forge.stop()


def _server(
    forge: SandboxServer, token: str, folder: Path, port: int, environment: Mapping[str, str], workers: int
) -> subprocess.Popen[bytes]:
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
    with (folder / "thera.log").open("wb") as log:
        return subprocess.Popen([sys.executable, "-m", "server", "server"], env=own, stdout=log, stderr=log)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()  # noqa: S310  (our own address)
    except (urllib.error.URLError, OSError):
        return False
    return True
