"""What GitHub's bad days become, and that nothing is ever said twice."""

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.domain.errors import Refused, TryLater, UserMistake
from server.domain.pull import Pull, PullState
from server.domain.refs import PullRef, RepoRef
from server.forges.base import CommitStatus, Forge, Permission, StatusState
from server.forges.config import ForgeConfig
from server.forges.registry import Forges
from tests.contract.forges.world import BOT, NAME, SandboxWorld

Call = Callable[[Forge, PullRef], object]


def pull_at(ref: PullRef) -> Pull:
    """Make up a pull: nothing but its name is asked for."""
    return Pull(
        ref=ref,
        title="",
        author="ann",
        url="",
        state=PullState.OPEN,
        draft=False,
        head_sha="a" * 40,
        head_ref="change",
        head_repo=NAME,
        head_fetch_ref="",
        base_sha="b" * 40,
        base_ref="main",
        clone_url="",
    )


GREEN = CommitStatus(context="thera/plan", state=StatusState.SUCCESS, description="", url="https://thera.example")
READS: dict[str, Call] = {
    "get_pull": lambda forge, ref: forge.get_pull(ref),
    "open_pulls": lambda forge, ref: list(forge.open_pulls(ref.repo)),
    "permission": lambda forge, ref: forge.permission(ref.repo, "bob"),
    "find_comment": lambda forge, ref: forge.find_comment(ref, "marker"),
    "login": lambda forge, _: forge.login,
}
WRITES: dict[str, Call] = {
    "post_comment": lambda forge, ref: forge.post_comment(ref, "hello"),
    "edit_comment": lambda forge, ref: forge.edit_comment(ref, "1", "hello"),
    "react": lambda forge, ref: forge.react(ref, "1", "eyes"),
    "set_status": lambda forge, ref: forge.set_status(pull_at(ref), "a" * 40, GREEN),
}
EVERY = READS | WRITES


@pytest.fixture(params=sorted(EVERY))
def call(request: pytest.FixtureRequest) -> Call:
    return EVERY[request.param]


@pytest.fixture(params=sorted(WRITES))
def write(request: pytest.FixtureRequest) -> Call:
    return WRITES[request.param]


class TestErrors:
    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_a_broken_github_is_tried_later(self, github: SandboxWorld, status: int) -> None:
        ref = github.open_pull()
        for attempt in READS.values():
            github.server.faults.add("/api/v3/", times=50, status=status)
            with pytest.raises(TryLater):
                attempt(github.as_token(github.tokens[BOT]), ref)
            github.server.faults.clear()

    @pytest.mark.parametrize("status", [403, 429])
    def test_a_rate_limit_is_told_with_its_own_wish_and_not_waited_for(
        self, github: SandboxWorld, call: Call, status: int
    ) -> None:
        ref = github.open_pull()
        words = "You have exceeded a secondary rate limit."
        github.server.faults.add("/api/v3/", times=50, status=status, message=words, headers=(("Retry-After", "37"),))
        begun = time.monotonic()
        with pytest.raises(TryLater) as caught:
            call(github.forge, ref)
        assert caught.value.after_seconds == 37
        assert time.monotonic() - begun < 5

    def test_a_used_up_quota_says_when_there_is_more(self, github: SandboxWorld, call: Call) -> None:
        ref = github.open_pull()
        headers = (("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", str(int(time.time()) + 600)))
        words = "API rate limit exceeded for user ID 1."
        github.server.faults.add("/api/v3/", times=50, status=403, message=words, headers=headers)
        begun = time.monotonic()
        with pytest.raises(TryLater) as caught:
            call(github.forge, ref)
        assert caught.value.after_seconds is not None
        assert 500 < caught.value.after_seconds <= 600
        assert time.monotonic() - begun < 5

    def test_a_wrong_token_is_refused_and_the_setting_named(self, github: SandboxWorld, call: Call) -> None:
        ref = github.open_pull()
        with pytest.raises(Refused, match="THERA_GITHUB_TOKEN"):
            call(github.as_token("ghp_wrong"), ref)

    def test_what_the_token_may_not_do_is_refused_with_githubs_words(self, github: SandboxWorld, call: Call) -> None:
        ref = github.open_pull()
        words = "Resource not accessible by personal access token"
        github.server.faults.add("/api/v3/", times=50, status=403, message=words)
        with pytest.raises(Refused, match=words):
            call(github.forge, ref)

    def test_what_is_not_there_is_a_mistake(self, github: SandboxWorld) -> None:
        nowhere = PullRef(RepoRef(github.repo.host, "acme/nothing"), 1)
        for name in sorted(set(EVERY) - {"login", "permission"}):
            with pytest.raises(UserMistake):
                EVERY[name](github.forge, nowhere)

    def test_a_closed_port_is_tried_later(self, github: SandboxWorld, call: Call) -> None:
        ref = github.open_pull()
        forge = github.as_token("ghp_any", url=f"http://127.0.0.1:{closed_port()}/api/v3")
        with pytest.raises(TryLater):
            call(forge, ref)

    def test_a_name_that_no_resolver_knows_is_tried_later(self, github: SandboxWorld) -> None:
        ref = github.open_pull()
        with pytest.raises(TryLater):
            github.as_token("ghp_any", url="http://github.invalid/api/v3").get_pull(ref)

    def test_no_words_carry_the_token(self, github: SandboxWorld, call: Call) -> None:
        ref, token = github.open_pull(), github.tokens[BOT]
        github.server.faults.add("/api/v3/", times=50)
        with pytest.raises(TryLater) as caught:
            call(github.forge, ref)
        assert token not in f"{caught.value!r} {caught.value.__cause__!r} {github.forge!r}"


class TestPermissions:
    def test_a_stranger_may_do_nothing(self, github: SandboxWorld) -> None:
        assert github.forge.permission(github.repo, "nobody-at-all") is Permission.NONE

    def test_a_person_without_rights_may_do_nothing(self, github: SandboxWorld) -> None:
        assert github.forge.permission(github.repo, "ann") is Permission.NONE

    @pytest.mark.parametrize(
        ("theirs", "ours"), [("triage", Permission.READ), ("maintain", Permission.WRITE), ("none", Permission.NONE)]
    )
    def test_githubs_finer_rights_are_ours(self, github: SandboxWorld, theirs: str, ours: Permission) -> None:
        github.server.forge.permit(NAME, "bob", theirs)
        assert github.forge.permission(github.repo, "bob") is ours


class TestManyThreads:
    """In PyGithub, threads that share a client were seen to send each other's requests."""

    def test_each_gets_the_answer_to_its_own_question(self, github: SandboxWorld) -> None:
        refs = [github.open_pull(branch=f"change-{number}") for number in range(8)]

        def ask(ref: PullRef) -> None:
            for turn in range(15):
                assert github.forge.get_pull(ref).head_ref == f"change-{ref.number - 1}"
                github.forge.post_comment(ref, f"{ref.number}: {turn}")

        with ThreadPoolExecutor(len(refs)) as pool:
            list(pool.map(ask, refs))
        for ref in refs:
            assert github.comments(ref) == [(BOT, f"{ref.number}: {turn}") for turn in range(15)]


class TestNewComments:
    def test_an_old_comment_that_was_edited_is_not_new(self, github: SandboxWorld) -> None:
        ref = github.open_pull()
        old = github.server.forge.comment(NAME, ref.number, "bob", "a harmless word")
        old.created_at -= timedelta(hours=3)
        since = datetime.now(UTC) - timedelta(minutes=1)
        github.server.forge.edit_comment(NAME, old.id, "thera apply", "bob")
        new = github.write(ref, "bob", "thera plan")
        assert [comment.id for _, comment in github.forge.comments_since(github.repo, since)] == [new]


class TestNothingIsSaidTwice:
    def test_a_write_that_fails_is_asked_once(self, github: SandboxWorld, write: Call) -> None:
        ref = github.open_pull()
        github.server.faults.add("^(POST|PATCH|PUT)", times=50)
        with pytest.raises(TryLater):
            write(github.forge, ref)
        assert github.requests("POST") + github.requests("PATCH") == 1

    def test_a_comment_whose_answer_was_lost_is_posted_once(self, github: SandboxWorld) -> None:
        ref = github.open_pull()
        github.server.faults.add("^POST", after=True)
        with pytest.raises(TryLater):
            github.forge.post_comment(ref, "hello")
        assert github.requests("POST", "/comments") == 1
        assert github.comments(ref) == [(BOT, "hello")]

    def test_a_connection_that_breaks_after_the_question_is_not_asked_again(
        self, github: SandboxWorld, write: Call
    ) -> None:
        ref = github.open_pull()
        with hanging_up() as (port, heard), pytest.raises(TryLater):
            write(github.as_token("ghp_any", url=f"http://127.0.0.1:{port}/api/v3"), ref)
        assert len(heard) == 1


class TestCredential:
    def test_git_can_clone_with_it(self, github: SandboxWorld, tmp_path: Path) -> None:
        ref = github.open_pull()
        pull, credential = github.forge.get_pull(ref), github.forge.credential(github.repo)
        address = pull.clone_url.replace("://", f"://{credential.username}:{credential.password}@")
        git("clone", "--quiet", address, str(tmp_path / "clone"))
        git("fetch", "--quiet", "origin", pull.head_fetch_ref, folder=tmp_path / "clone")
        assert git("rev-parse", "FETCH_HEAD", folder=tmp_path / "clone") == pull.head_sha
        assert git("rev-parse", "origin/main", folder=tmp_path / "clone") == pull.base_sha

    def test_git_can_not_clone_without_it(self, github: SandboxWorld, tmp_path: Path) -> None:
        clone_url = github.forge.get_pull(github.open_pull()).clone_url
        with pytest.raises(subprocess.CalledProcessError):
            git("clone", "--quiet", clone_url, str(tmp_path / "clone"))


class TestRegistry:
    def test_a_forge_is_found_by_its_host(self) -> None:
        hub = ForgeConfig(kind="github", url="https://api.github.com", token="t")
        own = ForgeConfig(kind="github", url="https://GHE.example.com/api/v3", token="t")
        forges = Forges([hub, own])
        assert forges.of(RepoRef("github.com", NAME)).host == "github.com"
        assert forges.of(RepoRef("ghe.example.com", NAME)).host == "ghe.example.com"
        with pytest.raises(UserMistake, match=r"gitlab\.com"):
            forges.of(RepoRef("gitlab.com", NAME))

    def test_the_closest_owner_decides_which_credential_is_used(self) -> None:
        def of(login: str, *owners: str) -> ForgeConfig:
            return ForgeConfig(kind="github", url="https://api.github.com", token="t", login=login, owners=owners)

        forges = Forges([of("rest", "*"), of("acme", "Acme"), of("all-acmes", "acme-*")])
        found = {owner: forges.of(RepoRef("github.com", f"{owner}/x")).login for owner in ("acme", "acme-eu", "other")}
        assert found == {"acme": "acme", "acme-eu": "all-acmes", "other": "rest"}

    def test_an_owner_that_no_credential_serves_is_a_mistake(self) -> None:
        only = ForgeConfig(kind="github", url="https://api.github.com", token="t", owners=("acme",))
        with pytest.raises(UserMistake, match=r"no credential for github\.com is configured that serves other"):
            Forges([only]).of(RepoRef("github.com", "other/x"))

    def test_a_group_serves_what_is_nested_below_it(self) -> None:
        config = ForgeConfig(kind="github", url="https://git.example", owners=("acme", "top/sub"))
        fits = [config.fit(RepoRef("git.example", f"{owner}/x")) for owner in ("acme/deep/er", "top/sub/er", "top")]
        assert [bool(fit) for fit in fits] == [True, True, False]

    def test_an_unknown_kind_is_a_mistake(self) -> None:
        with pytest.raises(UserMistake, match="gitea"):
            Forges([ForgeConfig(kind="gitea", url="https://gitea.example", token="t")])

    def test_a_token_is_not_shown(self) -> None:
        assert "hush" not in repr(ForgeConfig(kind="github", url="https://api.github.com", token="hush"))


def git(*arguments: str, folder: Path | None = None) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def hanging_up() -> Iterator[tuple[int, list[bytes]]]:
    """Listen, hear a question out, and hang up."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        over = threading.Event()

        def answer() -> None:
            while not over.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    heard.append(connection.recv(65_536))

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield server.getsockname()[1], heard
        finally:
            over.set()
            thread.join(5)
