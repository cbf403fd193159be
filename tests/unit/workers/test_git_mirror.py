"""One mirror per repository: fetched once, shared, and repaired when it is damaged."""

import base64
import functools
import http.server
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workers.test_git_origin import Origin
from workers.errors import JobCancelled, JobFailed
from workers.git.client import Repository
from workers.git.credentials import Remote
from workers.git.mirror import Mirror
from workers.git.trouble import GitFailed, Trouble, trouble_in
from workers.protocol.jobs import Checkout
from workers.protocol.results import FailureKind

ABSENT = "1234567890" * 4


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    origin = Origin.at(tmp_path / "origin")
    origin.commit({"main.tf": "# one\n"})
    return origin


@pytest.fixture
def pull(origin: Origin) -> Checkout:
    return origin.pull(7, {"main.tf": "# two\n"})


@pytest.fixture
def mirror(origin: Origin, pull: Checkout, tmp_path: Path) -> Mirror:
    return origin.mirror(pull, tmp_path / "cache")


def read(mirror: Mirror, checkout: Checkout) -> bytes:
    """Fetch, and read the one file of the commit."""

    def act(repository: Repository) -> bytes:
        return b"".join(content for _, content in repository.contents(repository.files(checkout.head_sha)))

    return mirror.with_commits(checkout, act)


def test_a_mirror_has_the_head_and_the_base_of_a_pull_request(mirror: Mirror, pull: Checkout) -> None:
    assert read(mirror, pull) == b"# two\n"
    assert mirror.repository.missing([pull.head_sha, pull.base_sha, ABSENT]) == [ABSENT]
    assert mirror.repository.merge_base(pull.head_sha, pull.base_sha) == pull.base_sha


def test_commits_that_are_here_are_not_fetched_again(origin: Origin, mirror: Mirror, pull: Checkout) -> None:
    read(mirror, pull)
    shutil.rmtree(origin.path)

    assert read(mirror, pull) == b"# two\n"


def test_only_what_is_missing_is_fetched(origin: Origin, mirror: Mirror, pull: Checkout) -> None:
    read(mirror, pull)
    later = origin.commit({"other.tf": ""})
    newer = origin.pull(8, {"main.tf": "# three\n", "other.tf": None})

    read(mirror, replace(newer, base_sha=pull.base_sha))

    assert mirror.repository.git("for-each-ref", "--format=%(refname)").decode().split() == [
        "refs/heads/main",
        "refs/pull/7/head",
        "refs/pull/8/head",
    ]
    assert mirror.repository.git("rev-parse", "refs/heads/main").decode().strip() == pull.base_sha != later


def test_a_commit_that_was_force_pushed_away_is_fetched_by_its_name(
    origin: Origin, mirror: Mirror, pull: Checkout
) -> None:
    origin.pull(7, {"main.tf": "# amended\n"})

    assert read(mirror, pull) == b"# two\n"


def test_a_deleted_pull_request_ref_is_no_obstacle_while_the_commit_exists(
    origin: Origin, mirror: Mirror, pull: Checkout
) -> None:
    origin.git("update-ref", "-d", "refs/pull/7/head")

    assert read(mirror, pull) == b"# two\n"


def test_a_commit_that_does_not_exist_any_more_makes_the_job_stale(mirror: Mirror, pull: Checkout) -> None:
    with pytest.raises(JobFailed) as caught:
        read(mirror, replace(pull, head_sha=ABSENT))

    assert caught.value.failure.kind is FailureKind.STALE
    assert caught.value.failure.summary == "Commit 123456789012 is no longer in acme/infra"


def test_a_repository_that_does_not_exist_is_said_plainly(origin: Origin, pull: Checkout, tmp_path: Path) -> None:
    shutil.rmtree(origin.path)

    with pytest.raises(JobFailed) as caught:
        read(origin.mirror(pull, tmp_path / "cache"), pull)

    assert caught.value.failure.kind is FailureKind.GIT
    assert caught.value.failure.summary.startswith("The repository was not found, or the credentials")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"head_ref": "--upload-pack=touch x"}, "not a name that a branch may have"),
        ({"base_ref": "-x"}, "not a name that a branch may have"),
        ({"base_ref": "a b"}, "not a name that a branch may have"),
        ({"base_ref": "a:refs/heads/b"}, "not a name that a branch may have"),
        ({"base_ref": ""}, "not a name that a branch may have"),
        ({"head_sha": "HEAD"}, "not a commit id"),
        ({"base_sha": "--all"}, "not a commit id"),
        ({"clone_url": "--upload-pack=touch x"}, "not one that git may use"),
        ({"clone_url": "/etc"}, "not one that git may use"),
    ],
)
def test_names_that_git_would_read_as_options_are_refused(
    origin: Origin, pull: Checkout, tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    with pytest.raises(JobFailed, match=said):
        origin.mirror(replace(pull, **changes), tmp_path / "cache")  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["ext::sh -c 'touch {0}/x'", "git://127.0.0.1/x", "ftp://127.0.0.1/x"])
def test_only_a_few_protocols_are_spoken(origin: Origin, pull: Checkout, tmp_path: Path, url: str) -> None:
    checkout = replace(pull, clone_url=url.format(tmp_path))

    with pytest.raises(JobFailed):
        read(origin.mirror(checkout, tmp_path / "cache"), checkout)

    assert not (tmp_path / "x").exists()


def test_a_file_address_behind_another_protocol_is_not_reached(pull: Checkout) -> None:
    remote = Remote.of(replace(pull, clone_url="https://github.example/acme/infra"))

    with remote.settings() as settings:
        assert ("protocol.allow", "never") in settings
        assert "protocol.file.allow" not in dict(settings)


@pytest.mark.parametrize(
    "damage",
    [
        lambda mirror: shutil.rmtree(mirror / "objects"),
        lambda mirror: (mirror / "HEAD").unlink(),
        lambda mirror: (mirror / "config").write_text("[core\n"),
        lambda mirror: [file.write_bytes(b"rubbish") for file in _objects(mirror)],
        lambda mirror: [shutil.move(file, mirror / "lost") for file in _objects(mirror)],
    ],
    ids=["no objects", "no HEAD", "bad settings", "overwritten objects", "deleted objects"],
)
def test_a_damaged_mirror_is_fetched_anew(mirror: Mirror, pull: Checkout, damage: Any) -> None:
    read(mirror, pull)
    damage(mirror.directory)

    assert read(mirror, pull) == b"# two\n"


def _objects(mirror: Path) -> list[Path]:
    files = [file for file in (mirror / "objects").rglob("*") if file.is_file()]
    for file in files:
        file.chmod(0o600)
    return files


def test_locks_that_a_killed_fetch_left_do_not_stop_the_next_one(
    origin: Origin, mirror: Mirror, pull: Checkout
) -> None:
    read(mirror, pull)
    newer = origin.pull(7, {"main.tf": "# three\n"})
    (mirror.directory / "refs/pull/7").mkdir(parents=True, exist_ok=True)
    (mirror.directory / "refs/pull/7/head.lock").touch()

    assert read(mirror, newer) == b"# three\n"


def test_a_worker_killed_while_fetching_leaves_no_stuck_lock(mirror: Mirror, pull: Checkout) -> None:
    child = os.fork()
    if child == 0:
        with mirror._locked():
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)

    started = time.monotonic()

    assert read(mirror, pull) == b"# two\n"
    assert time.monotonic() - started < 5


def test_eight_threads_fetch_the_same_commit_once(origin: Origin, pull: Checkout, tmp_path: Path) -> None:
    results: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: results.append(read(origin.mirror(pull, tmp_path / "cache"), pull)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [b"# two\n"] * 8


def test_waiting_for_another_fetch_can_be_cancelled(mirror: Mirror, pull: Checkout) -> None:
    cancel = threading.Event()
    waiting = replace(mirror, repository=replace(mirror.repository, cancel=cancel))
    threading.Timer(0.2, cancel.set).start()

    with mirror._locked(), pytest.raises(JobCancelled):
        read(waiting, pull)


def test_packing_keeps_everything(origin: Origin, mirror: Mirror) -> None:
    for number in range(20):
        read(mirror, origin.pull(number, {"main.tf": f"# {number}\n"}))
    loose = len(_objects(mirror.directory))

    mirror.tidy()

    assert len(_objects(mirror.directory)) < loose
    assert read(mirror, origin.pull(3, {"main.tf": "# again\n"})) == b"# again\n"


# Credentials


@dataclass
class Forge:
    """A Git server over HTTP that asks for a login and looks around whenever it is asked."""

    secrets: tuple[str, ...]
    header: str
    url: str = ""
    refused: list[str] = field(default_factory=list)
    seen_in_processes: list[str] = field(default_factory=list)

    def look_around(self) -> None:
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = file.read_text(errors="replace")
            except OSError:
                continue
            self.seen_in_processes += [line for secret in self.secrets if secret in line]


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments: Any, forge: Forge, **options: Any) -> None:
        self.forge = forge
        super().__init__(*arguments, **options)

    def do_GET(self) -> None:
        self.forge.look_around()
        if self.headers.get("Authorization") == self.forge.header:
            super().do_GET()
            return
        self.forge.refused.append(self.path)
        self.send_response(401)
        self.send_header("WWW-Authenticate", "Basic")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def forge(origin: Origin, pull: Checkout) -> Iterator[Forge]:
    assert pull.head_sha
    origin.git("update-server-info")
    login = base64.b64encode(b"bot:s3cr3t-t0ken").decode()
    forge = Forge(secrets=("s3cr3t-t0ken", login), header=f"Basic {login}")
    handler = functools.partial(_Handler, forge=forge, directory=str(origin.path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    forge.url = f"127.0.0.1:{server.server_port}/.git"
    threading.Thread(target=server.serve_forever).start()
    yield forge
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("place", ["beside the address", "inside the address"])
def test_credentials_reach_the_server_and_nothing_else(
    origin: Origin, pull: Checkout, tmp_path: Path, forge: Forge, place: str
) -> None:
    if place == "beside the address":
        checkout = replace(pull, clone_url=f"http://{forge.url}", username="bot", password="s3cr3t-t0ken")
    else:
        checkout = replace(pull, clone_url=f"http://bot:s3cr3t-t0ken@{forge.url}")

    content = read(origin.mirror(checkout, tmp_path / "cache"), checkout)

    assert content == b"# two\n"
    assert forge.refused == []
    assert forge.seen_in_processes == []
    on_disk = [file for file in (tmp_path / "cache").rglob("*") if file.is_file()]
    assert on_disk
    assert not [file for file in on_disk for secret in forge.secrets if secret.encode() in file.read_bytes()]


def test_a_refused_login_is_said_plainly_and_without_the_credential(
    origin: Origin, pull: Checkout, tmp_path: Path, forge: Forge
) -> None:
    checkout = replace(pull, clone_url=f"http://bot:wrong-t0ken@{forge.url}")

    with pytest.raises(JobFailed) as caught:
        read(origin.mirror(checkout, tmp_path / "cache"), checkout)

    assert forge.refused
    assert "credentials" in caught.value.failure.summary
    assert "wrong-t0ken" not in repr(caught.value.failure)
    assert "wrong-t0ken" not in repr(Remote.of(checkout))


def test_a_server_that_is_away_is_tried_again_until_somebody_cancels(pull: Checkout, tmp_path: Path) -> None:
    cancel = threading.Event()
    checkout = replace(pull, clone_url="http://127.0.0.1:9/x.git")
    mirror = Mirror.of(checkout, cache_dir=tmp_path, environment=dict(os.environ), cancel=cancel)
    threading.Timer(0.5, cancel.set).start()

    with pytest.raises(JobCancelled):
        read(mirror, checkout)


def test_variables_of_the_worker_do_not_steer_git(
    pull: Checkout, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "gitconfig"
    settings.write_text(f"[core]\n\tsshCommand = touch {tmp_path}/x\n[fetch\n")
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, str(settings))

    assert read(origin.mirror(pull, tmp_path / "cache"), pull) == b"# two\n"


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        ("fatal: couldn't find remote ref refs/pull/7/head", Trouble.GONE),
        ("fatal: remote error: upload-pack: not our ref 1234", Trouble.GONE),
        ("remote: Repository not found.\nfatal: repository 'https://x/' not found", Trouble.ACCESS),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 403", Trouble.ACCESS),
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", Trouble.ACCESS),
        ("git@x: Permission denied (publickey).\nfatal: Could not read from remote", Trouble.ACCESS),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", Trouble.NETWORK),
        ("fetch-pack: unexpected disconnect while reading sideband packet\nfatal: early EOF", Trouble.NETWORK),
        ("fatal: write error: No space left on device", Trouble.FULL),
        ("error: object file objects/ab/c is empty\nfatal: loose object abc is corrupt", Trouble.DAMAGED),
        ("remote: fatal: bad object HEAD\nfatal: protocol error", Trouble.OTHER),
    ],
)
def test_git_s_words_are_understood(said: str, trouble: Trouble) -> None:
    assert trouble_in(said) is trouble
    assert GitFailed(trouble, command="fetch", said=said).failure.kind is FailureKind.GIT
