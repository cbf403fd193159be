"""GitLab's own examples become the events that they are, and nothing else ever comes out of the parser."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers

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
from server.webhooks.gitlab import delivery_id, is_genuine, parse, repo_of

SAMPLES = Path(__file__).parents[2] / "samples/gitlab_webhooks"
WOODPECKER = RepoRef("10.40.8.5:3200", "test/woodpecker")
UPDATED = Pull(
    ref=PullRef(WOODPECKER, 2),
    title="Update client.go 🎉",
    author="test",
    url="http://10.40.8.5:3200/test/woodpecker/-/merge_requests/2",
    state=PullState.OPEN,
    draft=False,
    head_sha="0ab96a10266b95b4b533dcfd98738015fbe70889",
    head_ref="next-feature",
    head_repo="test/woodpecker",
    head_fetch_ref="refs/merge-requests/2/head",
    base_sha="",
    base_ref="master",
    clone_url="http://10.40.8.5:3200/test/woodpecker.git",
)
OPENED = Pull(
    ref=PullRef(RepoRef("example.com", "gitlabhq/gitlab-test"), 1),
    title="MS-Viewport",
    author="",
    url="http://example.com/diaspora/merge_requests/1",
    state=PullState.OPEN,
    draft=False,
    head_sha="da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
    head_ref="ms-viewport",
    head_repo="awesome_space/awesome_project",
    head_fetch_ref="refs/merge-requests/1/head",
    base_sha="",
    base_ref="master",
    clone_url="http://example.com/gitlabhq/gitlab-test.git",
)
MERGED = Pull(
    ref=PullRef(RepoRef("example.com", "exm-namespace/example-project"), 1402),
    title="source-branch-test",
    author="",
    url="http://example.com/exm-namespace/example-project/merge_requests/1402",
    state=PullState.MERGED,
    draft=False,
    head_sha="61b6a0d35dbaf915760233b637622e383d3cc9ec",
    head_ref="source-branch-test",
    head_repo="exm-namespace/example-project",
    head_fetch_ref="refs/merge-requests/1402/head",
    base_sha="",
    base_ref="master",
    clone_url="http://example.com/exm-namespace/example-project.git",
)
TEST = RepoRef("example.com", "gitlab-org/gitlab-test")
COMMENT = CommentPosted(PullRef(TEST, 1), comment_id="1244", author="user1", body="This MR needs work.")
MR, NOTE, PUSH = "Merge Request Hook", "Note Hook", "Push Hook"
EXPECTED: dict[str, tuple[str, Event]] = {
    "merge_request": (MR, PullChanged(OPENED, Change.OPENED, "user1")),
    "service_merge_request": (MR, PullChanged(UPDATED, Change.PUSHED, "test")),
    "group_merge_request": (MR, PullClosed(MERGED, "user1")),
    "note_merge_request": (NOTE, COMMENT),
    "note_commit": (
        NOTE,
        Ignored("a comment on Commit, not on a merge request", RepoRef("example.com", "gitlabhq/gitlab-test")),
    ),
    "note_issue": (NOTE, Ignored("a comment on Issue, not on a merge request", TEST)),
    "note_snippet": (NOTE, Ignored("a comment on Snippet, not on a merge request", TEST)),
    "push": (
        PUSH,
        BranchPushed(RepoRef("example.com", "mike/diaspora"), "master", "da1560886d4f094c3e6c9ef40349f7d38b5d27d7"),
    ),
    "tag_push": (
        "Tag Push Hook",
        Ignored("Tag Push Hook is of no interest", RepoRef("example.com", "jsmith/example")),
    ),
    "pipeline": (
        "Pipeline Hook",
        Ignored(
            "pipelines are looked at when somebody applies", RepoRef("192.168.64.1:3005", "gitlab-org/gitlab-test")
        ),
    ),
    "subgroup": ("Subgroup Hook", Ignored("Subgroup Hook is about no repository")),
}


def load(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return payload


def changed(name: str, **attributes: Any) -> dict[str, Any]:
    """Load a sample with some of its `object_attributes` replaced; None takes one away."""
    payload = load(name)
    fields = payload["object_attributes"] | attributes
    payload["object_attributes"] = {key: value for key, value in fields.items() if value is not None}
    return payload


def as_wsgi(token: str) -> str:
    """Spell a header's value as a WSGI server hands it over: its bytes as characters."""
    return token.encode("utf-8", "surrogatepass").decode("latin-1")


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_gitlabs_example_is_the_event_it_is(name: str) -> None:
    kind, event = EXPECTED[name]
    assert parse(kind, load(name)) == event


def test_every_sample_is_expected_to_be_something() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(EXPECTED)


# What the samples lack, derived from them.


@pytest.mark.parametrize(
    ("action", "state", "event"),
    [
        ("open", "opened", PullChanged(UPDATED, Change.OPENED, "test")),
        ("reopen", "opened", PullChanged(UPDATED, Change.REOPENED, "test")),
        ("close", "closed", PullClosed(replace(UPDATED, state=PullState.CLOSED), "test")),
        ("merge", "merged", PullClosed(replace(UPDATED, state=PullState.MERGED), "test")),
        ("merge", "locked", PullClosed(UPDATED, "test")),
        ("approved", "opened", ReviewChanged(UPDATED.ref, "test")),
        ("unapproved", "opened", ReviewChanged(UPDATED.ref, "test")),
        ("approval", "opened", ReviewChanged(UPDATED.ref, "test")),
        ("unapproval", "opened", ReviewChanged(UPDATED.ref, "test")),
        ("dance", "opened", Ignored("Merge Request Hook/dance is of no interest", WOODPECKER)),
        (None, "opened", Ignored("Merge Request Hook/ is of no interest", WOODPECKER)),
    ],
)
def test_an_action_is_what_happened(action: str | None, state: str, event: Event) -> None:
    payload = changed("service_merge_request", action=action, state=state, oldrev=None)
    assert parse(MR, payload) == event


@pytest.mark.parametrize(
    ("changes", "change"),
    [
        ({"draft": {"previous": True, "current": False}}, Change.READY),
        ({"draft": {"previous": False, "current": True}}, Change.EDITED),
        ({"title": {"previous": "Draft: one", "current": "one"}}, Change.READY),
        ({"title": {"previous": "[WIP] one", "current": "one"}}, Change.READY),
        ({"title": {"previous": "one", "current": "Draft: one"}}, Change.EDITED),
        ({"title": {"previous": "Draft: one", "current": "Draft: two"}}, Change.EDITED),
        ({"title": {"previous": "one", "current": "two"}}, Change.EDITED),
        ({"target_branch": {"previous": "main", "current": "master"}}, Change.RETARGETED),
        ({"target_branch": {"previous": "main"}, "draft": {"previous": True, "current": False}}, Change.RETARGETED),
        ({"labels": {"previous": [], "current": []}}, Change.EDITED),
        ({}, Change.EDITED),
        (None, Change.EDITED),
    ],
)
def test_an_update_without_new_commits_is_told_by_what_changed(changes: object, change: Change) -> None:
    payload = changed("service_merge_request", oldrev=None) | {"changes": changes}
    assert parse(MR, payload) == PullChanged(UPDATED, change, "test")


def test_new_commits_come_before_whatever_else_changed() -> None:
    payload = load("service_merge_request") | {"changes": {"draft": {"previous": True, "current": False}}}
    assert parse(MR, payload) == PullChanged(UPDATED, Change.PUSHED, "test")


@pytest.mark.parametrize("field", ["draft", "work_in_progress"])
def test_a_draft_is_a_draft(field: str) -> None:
    payload = changed("service_merge_request", **{field: True})
    assert parse(MR, payload) == PullChanged(replace(UPDATED, draft=True), Change.PUSHED, "test")


def test_a_fork_that_is_gone_has_no_name() -> None:
    payload = changed("service_merge_request", source=None)
    assert parse(MR, payload) == PullChanged(replace(UPDATED, head_repo=""), Change.PUSHED, "test")


def test_a_merge_request_without_a_commit_is_ignored() -> None:
    payload = changed("service_merge_request", last_commit=None, action="open")
    assert parse(MR, payload) == Ignored("a merge request without a commit", WOODPECKER)


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        ({"action": "create"}, ""),
        ({"action": "update"}, "a comment was edited; only new ones are commands"),
        ({"action": "create", "updated_at": "2016-01-01 00:00:00 UTC"}, ""),
        ({"updated_at": "2016-01-01 00:00:00 UTC"}, "a comment was edited; only new ones are commands"),
        ({"system": True}, "a note that GitLab wrote by itself"),
    ],
)
def test_only_a_new_comment_of_a_person_is_heard(note: dict[str, Any], reason: str) -> None:
    expected: Event = Ignored(reason, TEST) if reason else COMMENT
    assert parse(NOTE, changed("note_merge_request", **note)) == expected


def test_an_internal_note_is_ignored() -> None:
    event = parse("Confidential Note Hook", load("note_merge_request"))
    assert isinstance(event, Ignored)
    assert event.reason.startswith("an internal note is no command")


def test_a_deleted_branch_is_ignored() -> None:
    payload = load("push") | {"after": "0" * 40, "checkout_sha": None}
    assert parse(PUSH, payload) == Ignored("a branch was deleted", RepoRef("example.com", "mike/diaspora"))


def test_a_branch_keeps_its_slashes() -> None:
    event = parse(PUSH, load("push") | {"ref": "refs/heads/feature/refs/heads/x"})
    assert isinstance(event, BranchPushed)
    assert event.branch == "feature/refs/heads/x"


def test_a_self_managed_gitlab_is_named_by_its_host_and_not_by_its_path() -> None:
    payload = load("push")
    payload["project"] |= {"web_url": "https://Git.Example.com/gitlab/top/sub/x", "path_with_namespace": "top/sub/x"}
    assert repo_of(payload) == RepoRef("git.example.com", "top/sub/x")


# Who sent it, and as what.


@pytest.mark.parametrize(
    ("headers", "secret", "genuine"),
    [
        ({"X-Gitlab-Token": "hush"}, "hush", True),
        ({"X-Gitlab-Token": "hus"}, "hush", False),
        ({"X-Gitlab-Token": "hüsh"}, "hush", False),
        ({"X-Gitlab-Token": as_wsgi("hüsh")}, "hüsh", True),
        ({"X-Gitlab-Token": "hüsh"}, "hüsh", False),
        ({"X-Gitlab-Token": "húsh\ud800"}, "hush", False),
        ({"X-Gitlab-Token": ""}, "", False),
        ({}, "", False),
        ({}, "hush", False),
    ],
)
def test_a_request_is_genuine_with_its_token(headers: dict[str, str], secret: str, *, genuine: bool) -> None:
    assert is_genuine(b"{}", headers, secret) is genuine


def test_a_delivery_is_named_by_its_key() -> None:
    headers = Headers({"Idempotency-Key": "k-1", "X-Gitlab-Event-UUID": "e-1"})
    assert delivery_id(b"{}", headers) == "k-1"


def test_without_a_key_the_same_event_with_other_words_is_another_delivery() -> None:
    headers = Headers({"X-Gitlab-Event-UUID": "e-1"})
    once, again, other = (delivery_id(body, headers) for body in (b"{}", b"{}", b'{"a": 1}'))
    assert once == again != other


def test_a_request_without_headers_has_no_name() -> None:
    assert delivery_id(b"{}", Headers()) == ""


# What is not what it claims to be.


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("object_attributes",), None, "object_attributes: expected an object, found nothing"),
        (("object_attributes", "iid"), "2", "object_attributes.iid: expected int, found str"),
        (("object_attributes", "source"), [], "object_attributes.source: expected an object, found list"),
        (("object_attributes", "last_commit", "id"), 7, "object_attributes.last_commit.id: expected str, found int"),
        (("object_attributes", "action"), {}, "object_attributes.action: expected str, found dict"),
        (("user",), None, "user: expected an object, found nothing"),
        (("user", "username"), None, "user.username: expected str, found nothing"),
        (("project", "path_with_namespace"), None, "project.path_with_namespace: expected str, found nothing"),
        (("project", "web_url"), "https://[", "project.web_url: expected an address"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(path: tuple[str, ...], value: object, words: str) -> None:
    payload = load("service_merge_request")
    inner = payload
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(UserMistake) as caught:
        parse(MR, payload)
    assert str(caught.value).startswith(words)


KINDS = st.sampled_from([MR, NOTE, PUSH, "Pipeline Hook", "Confidential Note Hook", "System Hook", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(kind=KINDS, payload=st.dictionaries(st.text(max_size=10), JSON, max_size=5))
def test_any_object_is_an_event_or_a_mistake(kind: str, payload: dict[str, Any]) -> None:
    insist(kind, payload)


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
    insist(EXPECTED[name][0], payload)


@given(token=st.text(), secret=st.text(min_size=1))
@example(token="\ud800", secret="?")
def test_any_token_is_genuine_only_if_it_is_the_secret(token: str, secret: str) -> None:
    assert is_genuine(b"", {"X-Gitlab-Token": as_wsgi(token)}, secret) is (token == secret)
    assert is_genuine(b"", {"X-Gitlab-Token": as_wsgi(secret)}, secret)


def insist(kind: str, payload: dict[str, Any]) -> None:
    with suppress(UserMistake):
        assert isinstance(parse(kind, payload), Event)
