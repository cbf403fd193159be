"""GitHub's own examples become the events that they are, and nothing else ever comes out of the parser."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.domain.errors import UserMistake
from server.domain.events import (
    BranchPushed,
    Change,
    CommentPosted,
    Event,
    Ignored,
    PullChanged,
    PullClosed,
    ReviewChanged,
)
from server.domain.pull import Pull, PullState
from server.domain.refs import PullRef, RepoRef
from server.webhooks.body import payload_of
from server.webhooks.github import parse, repo_of

SAMPLES = Path(__file__).parents[2] / "samples/github_webhooks"
REPO = RepoRef("github.com", "Codertocat/Hello-World")
PULL = Pull(
    ref=PullRef(REPO, 2),
    title="Update the README with new information.",
    author="Codertocat",
    url="https://github.com/Codertocat/Hello-World/pull/2",
    state=PullState.OPEN,
    draft=False,
    head_sha="ec26c3e57ca3a959ca5aad62de7213c562f8c821",
    head_ref="changes",
    head_repo="Codertocat/Hello-World",
    head_fetch_ref="refs/pull/2/head",
    base_sha="f95f852bd8fca8fcc58a9a2d6c842781e32a215e",
    base_ref="master",
    clone_url="https://github.com/Codertocat/Hello-World.git",
)
WHO = "Codertocat"
SHA = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
ON_AN_ISSUE = Ignored("a comment on an issue, not on a pull request", REPO)
EXPECTED: dict[str, Event] = {
    "pull_request.opened": PullChanged(PULL, Change.OPENED, WHO),
    "pull_request.opened.app": PullChanged(PULL, Change.OPENED, WHO),
    "pull_request.synchronize": PullChanged(PULL, Change.PUSHED, WHO),
    "pull_request.closed": PullClosed(replace(PULL, state=PullState.CLOSED), WHO),
    "pull_request.reopened": PullChanged(PULL, Change.REOPENED, WHO),
    "pull_request.ready_for_review": PullChanged(PULL, Change.READY, WHO),
    "pull_request.converted_to_draft": Ignored("pull_request/converted_to_draft is of no interest", REPO),
    "pull_request.labeled": Ignored("pull_request/labeled is of no interest", REPO),
    "issue_comment.created": ON_AN_ISSUE,
    "issue_comment.edited": ON_AN_ISSUE,
    "issue_comment.deleted": ON_AN_ISSUE,
    "pull_request_review.submitted": ReviewChanged(PULL.ref, WHO),
    "pull_request_review.dismissed": ReviewChanged(PULL.ref, WHO),
    "push.branch": BranchPushed(REPO, "master", SHA),
    "push.tag": Ignored("push is of no interest", REPO),
    "push.deleted_tag": Ignored("push is of no interest", REPO),
    "ping.repository": Ignored("ping is of no interest", RepoRef("github.com", "Octocoders/Hello-World")),
    "ping.organization": Ignored("ping is about no repository"),
}


def load(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return payload


def parsed(name: str, payload: dict[str, Any]) -> Event:
    return parse(name.partition(".")[0], payload)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_githubs_example_is_the_event_it_is(name: str) -> None:
    assert parsed(name, load(name)) == EXPECTED[name]


def test_every_sample_is_expected_to_be_something() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(EXPECTED)


# What the samples lack, derived from them.


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "issue_comment.created",
            CommentPosted(
                pull=PullRef(REPO, 1),
                comment_id="492700400",
                author=WHO,
                body="You are totally right! I'll get this fixed right away.",
            ),
        ),
        ("issue_comment.edited", Ignored("a comment was edited; only new ones are commands", REPO)),
        ("issue_comment.deleted", Ignored("a comment was deleted; only new ones are commands", REPO)),
    ],
)
def test_only_a_new_comment_on_a_pull_is_heard(name: str, expected: Event) -> None:
    payload = load(name)
    payload["issue"]["pull_request"] = {"url": "https://api.github.com/repos/Codertocat/Hello-World/pulls/1"}
    assert parsed(name, payload) == expected


def test_a_merge_is_told_from_a_close() -> None:
    payload = load("pull_request.closed")
    payload["pull_request"] |= {"merged": True, "merged_at": "2019-05-15T15:20:33Z"}
    assert parsed("pull_request", payload) == PullClosed(replace(PULL, state=PullState.MERGED), WHO)


def test_a_pull_from_a_fork_names_both_repositories() -> None:
    payload = load("pull_request.opened")
    payload["pull_request"]["head"]["repo"] |= {
        "full_name": "mallory/Hello-World",
        "fork": True,
        "clone_url": "https://github.com/mallory/Hello-World.git",
    }
    event = parsed("pull_request", payload)
    assert event == PullChanged(replace(PULL, head_repo="mallory/Hello-World"), Change.OPENED, WHO)
    assert isinstance(event, PullChanged)
    assert event.pull.clone_url == "https://github.com/Codertocat/Hello-World.git"


def test_a_fork_that_is_gone_has_no_name() -> None:
    payload = load("pull_request.synchronize")
    payload["pull_request"]["head"] |= {"repo": None, "label": None, "user": None}
    assert parsed("pull_request", payload) == PullChanged(replace(PULL, head_repo=""), Change.PUSHED, WHO)


def test_an_author_who_is_gone_is_a_ghost() -> None:
    payload = load("pull_request.opened")
    payload["pull_request"]["user"] = None
    assert parsed("pull_request", payload) == PullChanged(replace(PULL, author="ghost"), Change.OPENED, WHO)


def test_a_draft_is_a_draft() -> None:
    payload = load("pull_request.opened")
    payload["pull_request"]["draft"] = True
    assert parsed("pull_request", payload) == PullChanged(replace(PULL, draft=True), Change.OPENED, WHO)


@pytest.mark.parametrize(
    ("changes", "change"),
    [
        ({"base": {"ref": {"from": "develop"}, "sha": {"from": "0" * 40}}}, Change.RETARGETED),
        ({"title": {"from": "Before"}}, Change.EDITED),
        ({}, Change.EDITED),
    ],
)
def test_another_base_is_told_from_another_title(changes: dict[str, Any], change: Change) -> None:
    payload = load("pull_request.opened") | {"action": "edited", "changes": changes}
    assert parsed("pull_request", payload) == PullChanged(PULL, change, WHO)


def test_a_branch_keeps_its_slashes() -> None:
    payload = load("push.branch") | {"ref": "refs/heads/feature/refs/heads/x"}
    assert parsed("push", payload) == BranchPushed(REPO, "feature/refs/heads/x", SHA)


def test_an_enterprise_server_is_named_with_its_port_and_in_small_letters() -> None:
    payload = load("push.branch")
    payload["repository"]["html_url"] = "https://GHE.Example.com:8443/Codertocat/Hello-World"
    assert repo_of(payload) == RepoRef("ghe.example.com:8443", "Codertocat/Hello-World")


# What is not what it claims to be.


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("pull_request",), None, "pull_request: expected an object, found nothing"),
        (("pull_request", "head"), [], "pull_request.head: expected an object, found list"),
        (("pull_request", "head", "sha"), 7, "pull_request.head.sha: expected str, found int"),
        (("pull_request", "number"), True, "pull_request.number: expected int, found bool"),
        (("pull_request", "number"), "2", "pull_request.number: expected int, found str"),
        (("pull_request", "base", "repo"), None, "pull_request.base.repo: expected an object, found nothing"),
        (("sender",), None, "sender: expected an object, found nothing"),
        (("repository", "full_name"), None, "repository.full_name: expected str, found nothing"),
        (("repository", "html_url"), "https://[", "repository.html_url: expected an address"),
        (("repository", "html_url"), "Hello-World", "repository.html_url: expected an address"),
        (("action",), {}, "action: expected str, found dict"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(path: tuple[str, ...], value: object, words: str) -> None:
    payload = load("pull_request.opened")
    inner = payload
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(UserMistake) as caught:
        parsed("pull_request", payload)
    assert str(caught.value).startswith(words)


KINDS = st.sampled_from(["pull_request", "issue_comment", "pull_request_review", "push", "ping", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["Codertocat/Hello-World", "x", ""]) | JSON
ADDRESSES = st.sampled_from(["https://github.com/x/y", "https://[::1", "//", "https://x:y/z"]) | JSON


@given(kind=KINDS, payload=st.dictionaries(st.text(max_size=10), JSON, max_size=5))
def test_any_object_is_an_event_or_a_mistake(kind: str, payload: dict[str, Any]) -> None:
    insist(kind, payload)


@given(kind=KINDS, full_name=NAMES, html_url=ADDRESSES, rest=st.dictionaries(st.text(max_size=5), JSON, max_size=2))
@example(kind="push", full_name="x", html_url="https://[", rest={})
@example(kind="push", full_name="x", html_url="https://\uff47ithub.com\u2100/x", rest={})
def test_any_repository_is_an_event_or_a_mistake(
    kind: str, full_name: Any, html_url: Any, rest: dict[str, Any]
) -> None:
    insist(kind, rest | {"repository": {"full_name": full_name, "html_url": html_url}})


@given(data=st.data(), name=st.sampled_from(sorted(EXPECTED)))
def test_an_example_with_one_place_spoilt_is_an_event_or_a_mistake(data: st.DataObject, name: str) -> None:
    payload = load(name)
    inner: Any = payload
    for _ in range(4):
        key = data.draw(st.sampled_from(sorted(inner)))
        if not isinstance(inner[key], dict) or not inner[key] or data.draw(st.booleans()):
            inner[key] = data.draw(JSON)
            break
        inner = inner[key]
    insist(name.partition(".")[0], payload)


@given(body=st.binary(max_size=50) | st.text(max_size=50).map(str.encode), form=st.booleans())
@example(body=b"payload=" + b"&" * 30, form=True)
@example(body=b"1" * 5_000, form=False)
def test_any_body_is_an_object_or_a_mistake(body: bytes, *, form: bool) -> None:
    try:
        payload = payload_of(body, "application/x-www-form-urlencoded; charset=utf-8" if form else "application/json")
    except UserMistake:
        return
    assert isinstance(payload, dict)


def insist(kind: str, payload: dict[str, Any]) -> None:
    with suppress(UserMistake):
        assert isinstance(parse(kind, payload), Event)
