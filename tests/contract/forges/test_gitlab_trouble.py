"""What GitLab's bad days become, what it keeps for itself, and that nothing is ever said twice."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server.domain.errors import Refused, TryLater, UserMistake
from server.domain.pull import Pull, PullState
from server.domain.refs import PullRef, RepoRef
from server.forges.base import CommitStatus, Forge, StatusState
from server.forges.config import ForgeConfig
from server.forges.registry import Forges
from tests.contract.forges.gitlab_world import BOT, NAME, GitLabWorld

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
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
READS: dict[str, Call] = {
    "get_pull": lambda forge, ref: forge.get_pull(ref),
    "open_pulls": lambda forge, ref: list(forge.open_pulls(ref.repo)),
    "pull_facts": lambda forge, ref: forge.pull_facts(pull_at(ref), own_statuses="thera/"),
    "permission": lambda forge, ref: forge.permission(ref.repo, "bob"),
    "find_comment": lambda forge, ref: forge.find_comment(ref, "marker"),
    "comments_since": lambda forge, ref: list(forge.comments_since(ref.repo, EPOCH)),
    "in_team": lambda forge, ref: forge.in_team(ref.repo, "acme", "bob"),
    "login": lambda forge, _: forge.login,
}
WRITES: dict[str, Call] = {
    "post_comment": lambda forge, ref: forge.post_comment(ref, "hello"),
    "edit_comment": lambda forge, ref: forge.edit_comment(ref, "1", "hello"),
    "hide_comment": lambda forge, ref: forge.hide_comment(ref, "1"),
    "react": lambda forge, ref: forge.react(ref, "1", "eyes"),
    "set_status": lambda forge, ref: forge.set_status(pull_at(ref), "a" * 40, GREEN),
    "merge": lambda forge, ref: forge.merge(pull_at(ref)),
}
EVERY = READS | WRITES
SOMEBODY = b'{"username": "somebody"}'


@pytest.fixture(params=sorted(EVERY))
def call(request: pytest.FixtureRequest) -> Call:
    return EVERY[request.param]


class TestErrors:
    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_a_broken_gitlab_is_tried_later(self, gitlab: GitLabWorld, status: int) -> None:
        ref = gitlab.open_pull()
        for attempt in EVERY.values():
            gitlab.server.faults.add("/api/v4/", times=50, status=status)
            with pytest.raises(TryLater):
                attempt(gitlab.as_token(gitlab.tokens[BOT]), ref)
            gitlab.server.faults.clear()

    @pytest.mark.parametrize(
        ("headers", "least", "most"),
        [
            ((("Retry-After", "37"),), 37, 37),
            ((("Retry-After", "0"),), 1, 1),
            ((("Retry-After", "99999999"),), 3_600, 3_600),
            ((("Retry-After", "Wed, 21 Oct 2099 07:28:00 GMT"), ("RateLimit-Reset", "soon")), 60, 60),
            ((("RateLimit-Reset", "1"),), 1, 1),
            ((("RateLimit-Reset", ""),), 60, 60),
        ],
    )
    def test_a_rate_limit_is_told_with_its_own_wish_and_not_waited_for(
        self, gitlab: GitLabWorld, headers: tuple[tuple[str, str], ...], least: float, most: float
    ) -> None:
        ref = gitlab.open_pull()
        gitlab.server.faults.add("/api/v4/", times=500, status=429, message="Retry later", headers=headers)
        begun = time.monotonic()
        for attempt in EVERY.values():
            with pytest.raises(TryLater) as caught:
                attempt(gitlab.as_token(gitlab.tokens[BOT]), ref)
            assert caught.value.after_seconds is not None
            assert least <= caught.value.after_seconds <= most
        assert time.monotonic() - begun < 5

    def test_a_rate_limit_that_names_a_moment_is_over_then(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        moment = str(int(time.time()) + 600)
        gitlab.server.faults.add("/api/v4/", status=429, message="Retry later", headers=(("RateLimit-Reset", moment),))
        with pytest.raises(TryLater) as caught:
            gitlab.forge.get_pull(ref)
        assert caught.value.after_seconds is not None
        assert 300 <= caught.value.after_seconds <= 600

    def test_an_outage_says_when_it_ends(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        gitlab.server.faults.add("/api/v4/", status=503, headers=(("Retry-After", "120"),))
        with pytest.raises(TryLater) as caught:
            gitlab.forge.get_pull(ref)
        assert caught.value.after_seconds == 120

    def test_a_wrong_token_is_refused_and_the_setting_named(self, gitlab: GitLabWorld, call: Call) -> None:
        ref = gitlab.open_pull()
        with pytest.raises(Refused, match="THERA_GITLAB_TOKEN"):
            call(gitlab.as_token("glpat-wrong"), ref)

    def test_what_the_token_may_not_do_is_refused_with_gitlabs_words(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        gitlab.server.faults.add("^POST", status=403, message="403 Forbidden")
        with pytest.raises(Refused, match=r"403 Forbidden.*the role that the token's account has"):
            gitlab.forge.post_comment(ref, "hello")

    def test_a_token_with_too_small_a_scope_is_refused_and_the_scope_named(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        gitlab.server.gitlab.scopes[BOT] = ("read_api",)
        assert gitlab.forge.get_pull(ref).ref == ref
        with pytest.raises(Refused, match="scope `api`"):
            gitlab.forge.post_comment(ref, "hello")

    def test_what_is_not_there_is_a_mistake(self, gitlab: GitLabWorld) -> None:
        nowhere = PullRef(RepoRef(gitlab.repo.host, "acme/nothing"), 1)
        for name in sorted(set(EVERY) - {"login", "in_team"}):
            with pytest.raises(UserMistake):
                EVERY[name](gitlab.forge, nowhere)

    def test_a_closed_port_is_tried_later(self, gitlab: GitLabWorld, call: Call) -> None:
        ref = gitlab.open_pull()
        with pytest.raises(TryLater):
            call(gitlab.as_token("glpat-any", url=f"http://127.0.0.1:{closed_port()}/gitlab"), ref)

    def test_a_comment_that_is_too_long_is_a_mistake_that_says_so(self, gitlab: GitLabWorld) -> None:
        with pytest.raises(UserMistake, match="is too long"):
            gitlab.forge.post_comment(gitlab.open_pull(), "x" * 1_000_001)

    def test_an_address_that_is_not_gitlabs_is_refused_and_the_setting_named(
        self, gitlab: GitLabWorld, call: Call
    ) -> None:
        ref = gitlab.open_pull()
        with pytest.raises(Refused, match="THERA_GITLAB_URL"), answering(b"<html>Sign in</html>") as page:
            call(gitlab.as_token("glpat-any", url=page.url), ref)

    def test_a_certificate_that_nobody_knows_is_told_with_the_setting(
        self, gitlab: GitLabWorld, tmp_path: Path
    ) -> None:
        ref = gitlab.open_pull()
        certificate, key = self_signed(tmp_path)
        with answering(SOMEBODY, tls=(certificate, key)) as page:
            url = page.url.replace("http", "https")
            with pytest.raises(TryLater, match="THERA_GITLAB_CA_BUNDLE"):
                gitlab.as_token("glpat-any", url=url).get_pull(ref)
            config = ForgeConfig(kind="gitlab", url=url, token="t", ca_file=certificate)
            assert Forges([config]).of(RepoRef(f"127.0.0.1:{page.port}", NAME)).login == "somebody"

    def test_a_token_does_not_follow_where_an_answer_sends_it(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        with answering(SOMEBODY) as elsewhere, answering(SOMEBODY, sent_to=f"{elsewhere.url}/") as page:
            forge = gitlab.as_token("glpat-secret", url=page.url)
            with pytest.raises(Refused, match="THERA_GITLAB_URL"):
                forge.post_comment(ref, "hello")
            assert forge.login == "somebody"
        assert [b"glpat-secret" in one for one in page.heard] == [True, True]
        assert [b"glpat-secret" in one for one in elsewhere.heard] == [False, False]

    def test_a_token_is_never_shown(self, gitlab: GitLabWorld, call: Call) -> None:
        ref, token = gitlab.open_pull(), gitlab.tokens[BOT]
        gitlab.server.faults.add("/api/v4/", times=50, status=403, message="no")
        with pytest.raises((Refused, TryLater)) as caught:
            call(gitlab.as_token(token), ref)
        assert (
            token
            not in f"{caught.value!r} {caught.value.__cause__!r} {gitlab.forge!r} {vars(gitlab.forge)}".replace(
                f"'_token': '{token}'", ""
            )
        )


class TestManyThreads:
    def test_each_gets_the_answer_to_its_own_question(self, gitlab: GitLabWorld) -> None:
        refs = [gitlab.open_pull(branch=f"change-{number}") for number in range(6)]

        def ask(ref: PullRef) -> None:
            for turn in range(10):
                assert gitlab.forge.get_pull(ref).head_ref == f"change-{ref.number - 1}"
                gitlab.forge.post_comment(ref, f"{ref.number}: {turn}")

        with ThreadPoolExecutor(len(refs)) as pool:
            list(pool.map(ask, refs))
        for ref in refs:
            assert gitlab.comments(ref) == [(BOT, f"{ref.number}: {turn}") for turn in range(10)]


class TestNothingIsSaidTwice:
    @pytest.mark.parametrize("name", ["post_comment", "edit_comment", "react"])
    def test_a_write_that_fails_is_asked_once(self, gitlab: GitLabWorld, name: str) -> None:
        ref = gitlab.open_pull()
        gitlab.server.faults.add("^(POST|PUT)", times=50)
        with pytest.raises(TryLater):
            WRITES[name](gitlab.forge, ref)
        assert gitlab.requests("POST") + gitlab.requests("PUT") == 1

    def test_a_comment_whose_answer_was_lost_is_posted_once(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        gitlab.server.faults.add("^POST", after=True)
        with pytest.raises(TryLater):
            gitlab.forge.post_comment(ref, "hello")
        assert gitlab.requests("POST", "/notes") == 1
        assert gitlab.comments(ref) == [(BOT, "hello")]

    @pytest.mark.parametrize("name", ["post_comment", "edit_comment", "react"])
    def test_a_connection_that_breaks_after_the_question_is_not_asked_again(
        self, gitlab: GitLabWorld, name: str
    ) -> None:
        ref = gitlab.open_pull()
        with answering(b"") as page, pytest.raises(TryLater):
            WRITES[name](gitlab.as_token("glpat-any", url=page.url), ref)
        assert len(page.heard) == 1


class TestCredential:
    def test_git_can_clone_with_it(self, gitlab: GitLabWorld, tmp_path: Path) -> None:
        ref = gitlab.open_pull()
        pull, credential = gitlab.forge.get_pull(ref), gitlab.forge.credential(gitlab.repo)
        address = pull.clone_url.replace("://", f"://{credential.username}:{credential.password}@")
        git("clone", "--quiet", address, str(tmp_path / "clone"))
        git("fetch", "--quiet", "origin", pull.head_fetch_ref, folder=tmp_path / "clone")
        assert git("rev-parse", "FETCH_HEAD", folder=tmp_path / "clone") == pull.head_sha
        assert git("rev-parse", "origin/main", folder=tmp_path / "clone") == pull.base_sha


class TestRegistry:
    def test_a_forge_is_found_by_its_host_whatever_path_it_is_under(self) -> None:
        configs = [
            ForgeConfig(kind="gitlab", url=url, token="t")
            for url in ("https://gitlab.com", "https://Git.Example.com:443/gitlab/", "http://git.local:8080/x/api/v4")
        ]
        forges = Forges(configs)
        hosts = ["gitlab.com", "git.example.com", "git.local:8080"]
        assert [forges.of(RepoRef(host, NAME)).host for host in hosts] == hosts


@dataclass
class StandIn:
    """Something that is not GitLab, and what it heard."""

    port: int
    heard: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def answering(body: bytes, *, tls: tuple[Path, Path] | None = None, sent_to: str = "") -> Iterator[StandIn]:
    """Answer every request with one page, or hang up where it is empty, or send it elsewhere."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        stand_in, over = StandIn(int(server.getsockname()[1])), threading.Event()
        kind = "application/json" if body.startswith(b"{") else "text/html"
        status = f"302 Found\r\nLocation: {sent_to}" if sent_to else "200 OK"
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if tls is not None:
            context.load_cert_chain(*tls)

        def answer() -> None:
            while not over.is_set():
                try:
                    plain, _ = server.accept()
                    plain.settimeout(5)
                    connection = context.wrap_socket(plain, server_side=True) if tls is not None else plain
                except (TimeoutError, ssl.SSLError, ConnectionError):
                    continue
                with connection:
                    stand_in.heard.append(connection.recv(65_536))
                    if body:
                        connection.sendall(head.encode() + body)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield stand_in
        finally:
            over.set()
            thread.join(5)


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for loopback that no system knows."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *made, *names], capture_output=True, check=True)
    return certificate, key


def git(*arguments: str, folder: Path | None = None) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
