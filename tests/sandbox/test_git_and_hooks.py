"""A push over HTTP is heard as GitHub would tell it, with a signature that fits."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.server import SandboxServer
from server.domain.events import Change, CommentPosted, PullChanged, PullClosed, ReviewChanged
from server.webhooks.github import parse
from server.webhooks.signature import is_signed
from tests.sandbox.conftest import NAME
from tests.sandbox.listening import Heard, Listener, listening, until

SECRET = "hook secret"


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


def clone_url(server: SandboxServer, login: str = "ann") -> str:
    token = server.forge.users[login].token
    return f"{server.url.replace('://', f'://x-access-token:{token}@')}/{NAME}.git"


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def cloned(server: SandboxServer, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "--quiet", clone_url(server), "work")
    return tmp_path / "work"


def push(work: Path, branch: str, content: str) -> str:
    git(work, "checkout", "--quiet", "-B", branch)
    (work / "main.tf").write_text(content)
    git(work, "commit", "--quiet", "--all", "--message", "Change")
    git(work, "push", "--quiet", "origin", branch)
    return git(work, "rev-parse", "HEAD")


def event(heard: Heard) -> str:
    return heard.headers["x-github-event"]


def test_a_push_moves_the_pull_and_is_told_with_a_valid_signature(
    server: SandboxServer, listener: Listener, tmp_path: Path
) -> None:
    work = cloned(server, tmp_path)
    before = push(work, "change", "two\n")
    number = server.forge.open_pull(NAME, head="change", title="A change", author="ann")
    server.forge.add_hook(NAME, listener.url, SECRET)
    after = push(work, "change", "three\n")
    (heard,) = listener.wait_for(1)
    signature = heard.headers["x-hub-signature-256"]
    assert is_signed(heard.body, secret=SECRET, sha256=signature, sha1=None)
    assert not is_signed(heard.body + b" ", secret=SECRET, sha256=signature, sha1=None)
    payload = json.loads(heard.body)
    assert (event(heard), payload["action"]) == ("pull_request", "synchronize")
    assert (payload["before"], payload["after"], payload["number"]) == (before, after, number)
    told = parse("pull_request", payload)
    assert isinstance(told, PullChanged)
    assert (told.change, told.actor, told.pull.head_sha) == (Change.PUSHED, "ann", after)
    assert git(work, "ls-remote", "origin", f"refs/pull/{number}/head").split()[0] == after


def test_a_forced_push_is_a_push(server: SandboxServer, listener: Listener, tmp_path: Path) -> None:
    work = cloned(server, tmp_path)
    push(work, "change", "two\n")
    server.forge.open_pull(NAME, head="change", title="A change", author="ann")
    server.forge.add_hook(NAME, listener.url, SECRET)
    git(work, "commit", "--quiet", "--amend", "--message", "Otherwise")
    git(work, "push", "--quiet", "--force", "origin", "change")
    (heard,) = listener.wait_for(1)
    assert json.loads(heard.body)["after"] == git(work, "rev-parse", "HEAD")


@pytest.mark.parametrize("password", ["", "x-access-token:ghp_wrong@"])
def test_git_wants_a_token(server: SandboxServer, tmp_path: Path, password: str) -> None:
    address = f"{server.url.replace('://', f'://{password}')}/{NAME}.git"
    with pytest.raises(subprocess.CalledProcessError):
        git(tmp_path, "clone", "--quiet", address, "work")


def test_what_people_do_is_told_in_order_and_parsed_as_what_it_is(server: SandboxServer, listener: Listener) -> None:
    forge = server.forge
    forge.add_hook(NAME, listener.url, SECRET)
    forge.commit(NAME, "change", {"main.tf": "two\n"})
    number = forge.open_pull(NAME, head="change", title="A change", author="ann")
    forge.comment(NAME, number, "bob", "thera plan")
    review = forge.review(NAME, number, "bob", "APPROVED")
    forge.dismiss_review(NAME, number, review.id, "bob")
    forge.change_pull(NAME, number, "ann", title="Another")
    forge.change_pull(NAME, number, "ann", draft=True)
    forge.change_pull(NAME, number, "ann", draft=False)
    forge.merge(NAME, number, "bob")
    told = [parse(event(heard), json.loads(heard.body)) for heard in listener.wait_for(8)]
    kinds = [one.change if isinstance(one, PullChanged) else type(one) for one in told]
    assert kinds[:5] == [Change.OPENED, CommentPosted, ReviewChanged, ReviewChanged, Change.EDITED]
    assert kinds[6:] == [Change.READY, PullClosed]


def test_a_hook_hears_only_what_it_asked_for(server: SandboxServer, listener: Listener) -> None:
    server.forge.add_hook(NAME, listener.url, SECRET, ["issue_comment"])
    server.forge.commit(NAME, "change", {"main.tf": "two\n"})
    number = server.forge.open_pull(NAME, head="change", title="A change", author="ann")
    server.forge.comment(NAME, number, "bob", "hello")
    assert [event(heard) for heard in listener.wait_for(1)] == ["issue_comment"]


def test_a_redelivery_keeps_its_id_and_its_bytes(server: SandboxServer, listener: Listener) -> None:
    listener.answers.append(503)
    server.forge.add_hook(NAME, listener.url, SECRET)
    server.forge.commit(NAME, "change", {"main.tf": "two\n"})
    server.forge.open_pull(NAME, head="change", title="A change", author="ann")
    listener.wait_for(1)
    (delivery,) = server.hooks.deliveries
    until(lambda: delivery.answer is not None)
    again = server.hooks.redeliver(delivery)
    first, second = listener.wait_for(2)
    until(lambda: again.answer is not None)
    assert (delivery.answer, again.answer) == (503, 202)
    assert first.body == second.body
    assert first.headers["x-github-delivery"] == second.headers["x-github-delivery"] == delivery.id


def test_hooks_can_be_held_back(server: SandboxServer, listener: Listener) -> None:
    server.forge.add_hook(NAME, listener.url, SECRET)
    server.hooks.hold()
    server.forge.commit(NAME, "change", {"main.tf": "two\n"})
    number = server.forge.open_pull(NAME, head="change", title="A change", author="ann")
    server.forge.comment(NAME, number, "bob", "hello")
    assert not listener.heard
    server.hooks.flow()
    assert [event(heard) for heard in listener.wait_for(2)] == ["pull_request", "issue_comment"]


def test_a_hook_that_nobody_answers_stops_nothing(server: SandboxServer, listener: Listener) -> None:
    server.forge.add_hook(NAME, "http://127.0.0.1:1/", SECRET)
    server.forge.add_hook(NAME, listener.url, SECRET)
    server.forge.commit(NAME, "change", {"main.tf": "two\n"})
    server.forge.open_pull(NAME, head="change", title="A change", author="ann")
    listener.wait_for(1)
    assert server.hooks.deliveries[0].answer == 0
