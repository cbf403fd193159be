"""The demonstration itself. With `--once` it ends by itself, with status 0 only if every step was seen."""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from sandbox.demo import code
from sandbox.faces import BOT, FACES, Face
from sandbox.model import Comment, Pull
from sandbox.server import SandboxServer

REPO = "acme/infrastructure"
SECRET = "demo-webhook-secret"  # noqa: S105  (signs webhooks between two processes of this demonstration)
PASSWORD = "demo-password"  # noqa: S105  (shown on the terminal on purpose)
_PATIENCE = 120.0


class NotSeen(Exception):
    """A step of the story did not happen."""


def say(text: str, *, mark: str = "•") -> None:
    """Tell what happens."""
    print(f"\033[1m{mark}\033[0m {text}", flush=True)


def show(comment: Comment) -> None:
    """Print the beginning of a comment, as it would be read."""
    shown = [line for line in comment.body.splitlines() if line.strip() and not line.startswith("<!--")][:14]
    print(textwrap.indent("\n".join(shown), "    │ "), flush=True)


def wait_for(what: str, seen: Callable[[], Comment | None]) -> Comment:
    """Wait until something was said.

    Raises:
        NotSeen: it was not, in two minutes.
    """
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        found = seen()
        if found is not None:
            return found
        time.sleep(0.05)
    raise NotSeen(what)


def said(face: Face, pull: Pull, *parts: str, after: int = 0) -> Callable[[], Comment | None]:
    """Look for a comment of Thera's that has all the parts."""

    def look() -> Comment | None:
        ours = [one for one in pull.comments if one.author == face.bot and one.id > after]
        return next((one for one in ours if all(part in one.body for part in parts)), None)

    return look


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def thera_running(forge: SandboxServer, face: Face, token: str, data: Path, port: int) -> Iterator[str]:
    """Run `thera server`, alone: a complete installation."""
    data.mkdir(parents=True, exist_ok=True)
    (data / "repos.yaml").write_text(code.SERVER_FILE)
    settings = {
        "URL": f"http://127.0.0.1:{port}",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DATA_DIR": str(data),
        "REPO_ALLOWLIST": f"{forge.url.removeprefix('http://')}/acme/*",
        "REPO_CONFIG": str(data / "repos.yaml"),
        "WEB_PASSWORD": PASSWORD,
        **face.settings(forge, token, SECRET),
    }
    own = {key: value for key, value in os.environ.items() if not key.startswith("THERA_")}
    environment = own | {f"THERA_{name}": value for name, value in settings.items()}
    with (data / "thera.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "server", "server"], env=environment, stdout=log, stderr=log)
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}", process, data / "thera.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise NotSeen(f"Thera did not start; it said:\n{log.read_text()[-2000:]}")
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"{url}/readyz", timeout=2).close()  # noqa: S310  (our own address)
            return
        time.sleep(0.1)
    raise NotSeen(f"Thera is not ready; it said:\n{log.read_text()[-2000:]}")


def build_the_world(folder: Path, files: dict[str, str]) -> None:
    """Apply the repository's first commit, so that the pull request has something to change."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    for place, workspace in (("network", None), ("shop", None), ("dns", "staging"), ("dns", "production")):
        commands = [["init", "-input=false"], ["apply", "-input=false", "-auto-approve"]]
        if workspace is not None:
            commands.insert(1, ["workspace", "new", workspace])
        for command in commands:
            done = subprocess.run(
                ["terraform", *command],
                cwd=folder / place,
                env=_for_terraform(folder),
                capture_output=True,
                check=False,
            )
            if done.returncode:
                raise NotSeen(f"terraform {command[0]} in {place}:\n{done.stderr.decode()}")


def _for_terraform(folder: Path) -> dict[str, str]:
    """Give Terraform an environment in which no file of this machine has a say."""
    own = folder / "terraform.rc"
    own.touch()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TF_", "THERA_"))}
    return kept | {"TF_CLI_CONFIG_FILE": str(own), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}


def open_the_pull(forge: SandboxServer, files: dict[str, str]) -> Pull:
    """Make the change and the pull request."""
    forge.forge.commit(REPO, "grow-the-shop", code.change(files), message="Grow the shop", author="ann")
    number = forge.forge.open_pull(
        REPO,
        head="grow-the-shop",
        title="Grow the shop and move it to acme.test",
        body="The sale starts on Monday.",
        author="ann",
    )
    return forge.forge.pull(REPO, number)


def story(forge: SandboxServer, face: Face, pull: Pull) -> None:
    """Go through the main job, step by step.

    Raises:
        NotSeen: a step did not happen.
    """
    say(f"ann opened a {face.noun}: {face.page(forge, REPO, pull.number)}")
    planned = wait_for("the plan", said(face, pull, "### Plan:", '"outcome":"succeeded"'))
    say("Thera planned every project that it touches, through the shared module too:")
    show(planned)
    if "correct-horse-battery" in "".join(one.body for one in pull.comments):
        raise NotSeen("a plan without the secret in it")

    last = pull.comments[-1].id
    forge.forge.comment(REPO, pull.number, "bob", "thera apply")
    refused = wait_for("the refusal", said(face, pull, "approved", "required", after=last))
    say("bob comments `thera apply`, and is refused, because nobody has approved:")
    show(refused)

    face.approve(forge, REPO, pull.number, "bob")
    last = pull.comments[-1].id
    forge.forge.comment(REPO, pull.number, "bob", "thera apply")
    applied = wait_for("the apply", said(face, pull, "### Applied", after=last))
    say("bob approves and asks again:")
    show(applied)

    last = pull.comments[-1].id
    _wait_for_green(forge, face, pull)
    forge.forge.merge(REPO, pull.number, "bob")
    released = wait_for("the release of the locks", said(face, pull, "locks free", after=last))
    say("bob merges, and the locks are released:")
    show(released)


def _wait_for_green(forge: SandboxServer, face: Face, pull: Pull) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if face.statuses(forge, REPO, pull.head_sha).get("thera/apply") == "success":
            return
        time.sleep(0.05)
    raise NotSeen("a green thera/apply status")


def main() -> int:
    """Run the demonstration."""
    parser = argparse.ArgumentParser(description="A pull request from plan to merge, for real.")
    parser.add_argument("--once", action="store_true", help="end when the story has been told")
    parser.add_argument("--forge", choices=sorted(FACES), default="github", help="what the sandbox forge plays")
    arguments = parser.parse_args()
    missing = [tool for tool in ("git", "terraform") if shutil.which(tool) is None]
    if missing:
        print(f"The demo needs {' and '.join(missing)} on the PATH; install it and run `make demo` again.")
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both ways to end it clean up
    with tempfile.TemporaryDirectory(prefix="thera-demo-") as folder:
        forge = SandboxServer(Path(folder) / "forge").start()
        try:
            return _tell(forge, FACES[arguments.forge], Path(folder) / "thera", once=arguments.once)
        except NotSeen as error:
            print(f"\nThe demo stopped: it did not see {error}", file=sys.stderr)
            print((Path(folder) / "thera" / "thera.log").read_text()[-3000:], file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 0
        finally:
            forge.stop()


def _tell(forge: SandboxServer, face: Face, data: Path, *, once: bool) -> int:
    token = forge.forge.create_user(BOT)
    files = code.repository(forge.url)
    local = f'backend "local" {{\n    workspace_dir = "{data}/dns"\n  }}'
    files["dns/main.tf"] = files["dns/main.tf"].replace('backend "local" {}', local)
    forge.forge.create_repo(REPO, files, face=face.name)
    say("building a small world with Terraform: a network, a shop, DNS in two workspaces")
    build_the_world(data.parent / "world", files)
    for person in ("ann", "bob"):
        forge.forge.create_user(person)
        forge.forge.permit(REPO, person, "write")
    port = _free_port()
    with thera_running(forge, face, token, data, port) as url:
        face.connect(forge, REPO, f"{url}/webhooks/{face.name}", SECRET)
        say(f"the sandbox forge is at {forge.url}, Thera at {url}")
        story(forge, face, open_the_pull(forge, files))
        say("The whole story was seen.", mark="✓")
        if not once:
            say(f"The forge:  {face.page(forge, REPO, 1)}   (comment as anybody; open more pulls with git)")
            say(f"Thera:      {url}/   (sign in as thera, password {PASSWORD})")
            say("Ctrl-C ends both.")
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
