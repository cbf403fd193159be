"""What GitLab tells by itself is what it answers when asked: hooks over HTTP, through the routes, into events."""

import json
from collections.abc import Callable

import pytest

from server.domain.events import BranchPushed, Change, CommentPosted, Event, PullChanged, PullClosed, ReviewChanged
from server.domain.pull import Pull
from server.domain.refs import PullRef
from server.webhooks.gitlab import parse
from tests.contract.forges.gitlab_world import NAME, GitLabWorld
from tests.sandbox.listening import Heard, listening
from tests.support.intake import MemoryIntake, app_with

SECRET = "it's a secret to everybody"
Act = Callable[[GitLabWorld, PullRef], object]


def heard_of(gitlab: GitLabWorld, ref: PullRef, act: Act) -> list[Heard]:
    """Do something, and give every request that came of it."""
    with listening() as listener:
        hook = gitlab.server.forge.add_hook(NAME, listener.url, SECRET, face="gitlab")
        act(gitlab, ref)
        gitlab.project.hooks.remove(hook)
        gitlab.server.hooks.stop()
        return listener.heard


def events_of(requests: list[Heard]) -> list[Event]:
    return [parse(one.headers["x-gitlab-event"], json.loads(one.body)) for one in requests]


def change(**changes: object) -> Act:
    return lambda gitlab, ref: gitlab.server.forge.change_pull(NAME, ref.number, "ann", **changes)


def push(gitlab: GitLabWorld, _: PullRef) -> None:
    gitlab.server.forge.commit(NAME, "change", {"main.tf": "two\n"}, author="ann")


CHANGES: dict[str, tuple[Act, Change]] = {
    "push": (push, Change.PUSHED),
    "title": (change(title="Another"), Change.EDITED),
    "labels": (change(labels=["urgent"]), Change.EDITED),
    "to a draft": (change(draft=True), Change.EDITED),
}


@pytest.mark.parametrize(("act", "expected"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_is_told_with_the_pull_as_it_is(gitlab: GitLabWorld, act: Act, expected: Change) -> None:
    ref = gitlab.open_pull()
    told = [one for one in events_of(heard_of(gitlab, ref, act)) if isinstance(one, PullChanged)]
    assert [(one.change, one.actor) for one in told] == [(expected, "ann")]
    assert but_for_what_no_hook_says(told[0].pull) == but_for_what_no_hook_says(gitlab.forge.get_pull(ref))


def but_for_what_no_hook_says(pull: Pull) -> dict[str, object]:
    """Leave out what is read from the forge when it matters; of labels, no event says any."""
    return {name: value for name, value in vars(pull).items() if name not in {"author", "base_sha", "labels"}}


def test_a_draft_that_is_made_ready_is_told_as_that(gitlab: GitLabWorld) -> None:
    ref = gitlab.open_pull(draft=True)
    told = events_of(heard_of(gitlab, ref, change(draft=False)))
    assert [one.change for one in told if isinstance(one, PullChanged)] == [Change.READY]


def test_closing_opening_again_and_merging_are_told_apart(gitlab: GitLabWorld) -> None:
    def act(gitlab: GitLabWorld, ref: PullRef) -> None:
        gitlab.close(ref)
        change(state="open")(gitlab, ref)
        gitlab.merge(ref)

    told = events_of(heard_of(gitlab, gitlab.open_pull(), act))
    assert [type(one) for one in told if not isinstance(one, BranchPushed)] == [PullClosed, PullChanged, PullClosed]
    states = [one.pull.state.value for one in told if isinstance(one, PullClosed)]
    assert states == ["closed", "merged"]


def test_a_comment_is_told_with_the_id_that_it_is_answered_by(gitlab: GitLabWorld) -> None:
    ref = gitlab.open_pull()
    said: list[str] = []
    told = events_of(heard_of(gitlab, ref, lambda gitlab, ref: said.append(gitlab.write(ref, "bob", "thera plan"))))
    assert told == [CommentPosted(ref, comment_id=said[0], author="bob", body="thera plan")]
    gitlab.forge.react(ref, said[0], "eyes")
    assert gitlab.reactions(ref, said[0]) == ["eyes"]


def test_an_approval_is_told(gitlab: GitLabWorld) -> None:
    ref = gitlab.open_pull()
    assert events_of(heard_of(gitlab, ref, lambda gitlab, ref: gitlab.approve(ref, "bob"))) == [
        ReviewChanged(ref, "bob")
    ]


def test_the_routes_know_gitlab_by_its_headers_and_keep_a_delivery_once(gitlab: GitLabWorld) -> None:
    requests = heard_of(gitlab, gitlab.open_pull(), push)
    intake = MemoryIntake()
    client = app_with(intake, secrets={"gitlab": SECRET, "github": SECRET}).test_client()
    for path in ("/events", "/webhooks/gitlab"):
        for one in requests:
            assert client.post(path, data=one.body, headers=one.headers).status_code == 202
    assert sorted(kept.kind for kept in intake.kept.values()) == ["Merge Request Hook", "Push Hook"]
    assert {kept.repo for kept in intake.kept.values()} == {gitlab.repo}


def test_the_routes_turn_away_what_has_another_token(gitlab: GitLabWorld) -> None:
    requests = heard_of(gitlab, gitlab.open_pull(), push)
    intake = MemoryIntake()
    client = app_with(intake, secrets={"gitlab": "another", "github": "another"}).test_client()
    answers = {client.post("/events", data=one.body, headers=one.headers).status_code for one in requests}
    assert (answers, intake.kept) == ({401}, {})
