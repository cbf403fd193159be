"""What happens is told as GitLab tells it, and hooks are kept through its API."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from gitlab.exceptions import GitlabCreateError

from sandbox.branches import NOTHING
from sandbox.gitlab.hook_routes import alert_status
from sandbox.gitlab.pipelines import add_pipeline
from sandbox.gitlab.state import Job
from sandbox.server import SandboxServer
from tests.sandbox.conftest import NAME
from tests.sandbox.gitlab_lab import Lab
from tests.sandbox.listening import Heard, Listener, listening, until

SECRET = "hook token"


@pytest.fixture
def lab(server: SandboxServer) -> Lab:
    return Lab(server)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


def listen(lab: Lab, listener: Listener, *topics: str) -> None:
    lab.server.forge.add_hook(NAME, listener.url, SECRET, topics or ("*",), face="gitlab")


def body(heard: Heard) -> dict[str, Any]:
    found = json.loads(heard.body)
    assert isinstance(found, dict)
    return found


def acts(heard: list[Heard]) -> list[str]:
    return [body(one)["object_attributes"]["action"] for one in heard]


def test_a_merge_requests_life_is_told_in_order(lab: Lab, listener: Listener) -> None:
    listen(lab, listener, "merge_requests_events")
    forge = lab.server.forge
    before = forge.commit(NAME, "change", {"main.tf": "two\n"})
    number = forge.open_pull(NAME, head="change", title="A change", author="ann")
    after = forge.commit(NAME, "change", {"main.tf": "three\n"})
    lab.pull(number, "bob").approve()
    lab.pull(number, "bob").unapprove()
    forge.change_pull(NAME, number, "ann", state="closed")
    forge.change_pull(NAME, number, "ann", state="open")
    lab.pull(number, "bob").merge()
    heard = listener.wait_for(7)
    assert acts(heard) == ["open", "update", "approved", "unapproved", "close", "reopen", "merge"]
    attributes = [body(one)["object_attributes"] for one in heard]
    assert (attributes[1]["oldrev"], attributes[1]["last_commit"]["id"]) == (before, after)
    assert all("oldrev" not in one for one in attributes[:1] + attributes[2:])
    assert [one["state"] for one in attributes[3:]] == ["opened", "closed", "opened", "merged"]
    assert body(heard[6])["user"]["username"] == "bob"
    assert {one.headers["x-gitlab-event"] for one in heard} == {"Merge Request Hook"}


def test_each_delivery_shows_the_token_and_its_own_key(lab: Lab, listener: Listener) -> None:
    listen(lab, listener, "note_events")
    number = lab.opened()
    lab.server.forge.comment(NAME, number, "bob", "thera plan")
    (heard,) = listener.wait_for(1)
    (delivery,) = lab.server.hooks.deliveries
    assert heard.headers["x-gitlab-token"] == SECRET
    assert heard.headers["idempotency-key"] == delivery.id
    assert heard.headers["x-gitlab-instance"] == lab.server.url
    assert heard.headers["x-gitlab-event-uuid"]
    assert not [name for name in heard.headers if "github" in name or "signature" in name]
    lab.server.hooks.redeliver(delivery)
    again = listener.wait_for(2)[1]
    assert (again.headers["idempotency-key"], again.body) == (delivery.id, heard.body)


def test_a_hook_without_a_token_shows_none(lab: Lab, listener: Listener) -> None:
    lab.server.forge.add_hook(NAME, listener.url, "", face="gitlab")
    lab.server.forge.commit(NAME, "change", {"main.tf": "two\n"})
    assert "x-gitlab-token" not in listener.wait_for(1)[0].headers


def test_notes_are_told_when_written_and_when_edited(lab: Lab, listener: Listener) -> None:
    listen(lab, listener, "note_events")
    note = lab.pull(lab.opened()).notes.create({"body": "hello"})
    note.body = "thera plan"
    note.save()
    lab.pull(1, "bob").approve()
    note.delete()
    lab.server.forge.comment(NAME, 1, "bob", "the last word")
    heard = listener.wait_for(3)
    told = [(one["object_attributes"]["action"], one["object_attributes"]["note"]) for one in map(body, heard)]
    assert told == [("create", "hello"), ("update", "thera plan"), ("create", "the last word")]
    assert body(heard[0])["object_attributes"]["url"].endswith(f"/{NAME}/-/merge_requests/1#note_{note.id}")
    assert body(heard[0])["merge_request"]["iid"] == 1


def test_a_note_of_a_thread_is_told_as_one(lab: Lab, listener: Listener) -> None:
    listen(lab, listener, "note_events")
    thread = lab.pull(lab.opened()).discussions.create({"body": "why?"})
    thread.notes.create({"body": "because"})
    told = [body(one)["object_attributes"] for one in listener.wait_for(2)]
    assert {(one["type"], one["discussion_id"]) for one in told} == {("DiscussionNote", thread.id)}


def test_what_changed_is_told_from_what_to_what(lab: Lab, listener: Listener) -> None:
    number = lab.opened()
    listen(lab, listener)
    pull = lab.pull(number)
    pull.title = "Draft: Another change"
    pull.save()
    pull.labels = ["network"]
    pull.save()
    lab.server.forge.commit(NAME, "release", {"main.tf": "one\n"})
    pull.target_branch = "release"
    pull.save()
    heard = [body(one) for one in listener.wait_for(4) if one.headers["x-gitlab-event"] == "Merge Request Hook"]
    renamed, labelled, moved = (one["changes"] for one in heard)
    assert renamed["title"] == {"previous": "A change", "current": "Draft: Another change"}
    assert renamed["draft"] == {"previous": False, "current": True}
    assert [one["title"] for one in labelled["labels"]["current"]] == ["network"]
    assert labelled["labels"]["previous"] == []
    assert moved["target_branch"] == {"previous": "main", "current": "release"}
    assert {one["object_attributes"]["action"] for one in heard} == {"update"}


def test_one_of_two_approvals_is_told_as_such(lab: Lab, listener: Listener) -> None:
    lab.server.forge.protect(NAME, "main", approvals=2)
    lab.server.forge.create_user("cid")
    lab.server.forge.permit(NAME, "cid", "write")
    lab.opened()
    listen(lab, listener)
    for login in ("bob", "cid"):
        lab.pull(1, login).approve()
    lab.pull(1, "cid").unapprove()
    lab.pull(1, "bob").unapprove()
    assert acts(listener.wait_for(4)) == ["approval", "approved", "unapproved", "unapproval"]


def test_a_push_is_told_with_its_commits(lab: Lab, listener: Listener) -> None:
    listen(lab, listener, "push_events")
    forge = lab.server.forge
    first = forge.commit(NAME, "change", {"new.tf": "new\n"}, message="Add\n\nIn detail", delete=["other.tf"])
    second = forge.commit(NAME, "change", {"main.tf": "two\n"})
    lab.client("bob").projects.get(NAME).branches.delete("change")
    made, moved, gone = (body(one) for one in listener.wait_for(3))
    assert (made["ref"], made["before"], made["after"]) == ("refs/heads/change", NOTHING, first)
    (commit,) = made["commits"]
    assert (commit["added"], commit["modified"], commit["removed"]) == (["new.tf"], [], ["other.tf"])
    assert (moved["before"], moved["after"], moved["total_commits_count"]) == (first, second, 1)
    assert (gone["after"], gone["checkout_sha"], gone["user_username"]) == (NOTHING, None, "bob")


def test_a_pipeline_is_told_when_its_status_changes(lab: Lab, listener: Listener) -> None:
    number = lab.opened()
    repo, sha = lab.server.forge.repo(NAME), lab.pull(1).sha
    pipeline = add_pipeline(
        lab.server.gitlab, repo, sha, f"refs/merge-requests/{number}/head", "ann", source="merge_request_event", pull=1
    )
    pipeline.jobs.append(Job(7, "unit", "ann", pipeline.ref, status="success", external=False))
    listen(lab, listener, "pipeline_events")
    statuses = lab.project().commits.get(sha).statuses
    for state in ("running", "failed"):
        statuses.create({"state": state, "name": "thera/plan"})
    running, failed = (body(one) for one in listener.wait_for(2))
    assert (running["object_attributes"]["status"], failed["object_attributes"]["status"]) == ("running", "failed")
    assert failed["merge_request"]["iid"] == number
    assert [one["name"] for one in failed["builds"]] == ["unit"]


def test_each_hook_hears_its_own_forges_words(lab: Lab, listener: Listener) -> None:
    lab.server.forge.add_hook(NAME, f"{listener.url}/github", SECRET)
    listen(lab, listener)
    number = lab.opened()
    lab.server.forge.comment(NAME, number, "bob", "hello")
    heard = listener.wait_for(5)
    github = [one.headers["x-github-event"] for one in heard if "x-github-event" in one.headers]
    gitlab = [one.headers["x-gitlab-event"] for one in heard if "x-gitlab-event" in one.headers]
    assert github == ["pull_request", "issue_comment"]
    assert gitlab == ["Push Hook", "Merge Request Hook", "Note Hook"]


def test_hooks_are_made_changed_listed_and_removed(lab: Lab, listener: Listener) -> None:
    project = lab.project("bob")
    made = project.hooks.create({"url": listener.url, "token": SECRET, "note_events": True, "push_events": False})
    assert (made.note_events, made.push_events, made.merge_requests_events) == (True, False, False)
    assert "token" not in made.attributes
    made.merge_requests_events = True
    made.note_events = False
    made.save()
    (listed,) = project.hooks.list(iterator=True)
    assert (listed.id, listed.merge_requests_events, listed.note_events) == (made.id, True, False)
    number = lab.opened()
    lab.server.forge.comment(NAME, number, "bob", "hello")
    lab.server.forge.change_pull(NAME, number, "ann", state="closed")
    assert acts(listener.wait_for(2)) == ["open", "close"]
    made.delete()
    assert list(project.hooks.list(iterator=True)) == []


def test_a_hook_hears_of_pushes_unless_it_says_otherwise(lab: Lab) -> None:
    made = lab.project("bob").hooks.create({"url": "https://thera.example/webhooks/gitlab"})
    assert (made.push_events, made.merge_requests_events, made.alert_status) == (True, False, "executable")


def test_a_hook_to_nowhere_is_refused(lab: Lab) -> None:
    with pytest.raises(GitlabCreateError) as raised:
        lab.project("bob").hooks.create({"url": "thera"})
    assert (raised.value.response_code, raised.value.error_message) == (422, "Invalid url given")


def test_only_maintainers_see_hooks(lab: Lab) -> None:
    assert lab.ask("GET", "/hooks").status_code == 403
    assert lab.ask("GET", "/hooks", who=None).status_code == 401


def test_a_hook_of_the_other_face_is_not_gitlabs(lab: Lab) -> None:
    lab.server.forge.add_hook(NAME, "https://thera.example/webhooks/github", SECRET)
    assert list(lab.project("bob").hooks.list(iterator=True)) == []


@pytest.mark.parametrize(
    ("topic", "missing"),
    [
        ("merge_requests_events", "Ensure the project has merge requests."),
        ("note_events", "Ensure the project has notes."),
        ("pipeline_events", "Ensure the project has CI/CD pipelines."),
    ],
)
def test_a_hook_is_tried_with_what_the_project_has(lab: Lab, listener: Listener, topic: str, missing: str) -> None:
    hook = lab.project("bob").hooks.create({"url": listener.url, "push_events": False})
    answer = lab.ask("POST", f"/hooks/{hook.id}/test/{topic}", who="bob")
    assert (answer.status_code, answer.json()) == (422, {"message": missing})
    number = lab.opened()
    lab.server.forge.comment(NAME, number, "ann", "hello")
    lab.project().commits.get(lab.pull(number).sha).statuses.create({"state": "success"})
    hook.test(topic)
    (heard,) = listener.wait_for(1)
    assert body(heard)["object_kind"] in topic
    hook.test("push_events")
    assert body(listener.wait_for(2)[1])["object_kind"] == "push"


def test_a_hook_that_always_fails_is_told_as_paused(lab: Lab, listener: Listener) -> None:
    listener.answers.extend([500] * 4)
    hook = lab.project("bob").hooks.create({"url": listener.url})
    for number in range(4):
        lab.server.forge.commit(NAME, f"change-{number}", {"main.tf": f"{number}\n"})
    until(lambda: lab.project("bob").hooks.get(hook.id).alert_status == "temporarily_disabled")
    lab.server.forge.commit(NAME, "change", {"main.tf": "well\n"})
    until(lambda: lab.project("bob").hooks.get(hook.id).alert_status == "executable")


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ([], "executable"),
        ([500] * 3, "executable"),
        ([500] * 4, "temporarily_disabled"),
        ([500] * 40, "disabled"),
        ([500] * 40 + [202], "executable"),
        ([202, 0, 0, 0, 0], "temporarily_disabled"),
    ],
)
def test_failures_in_a_row_disable_a_hook(answers: list[int], status: str) -> None:
    assert alert_status(answers) == status
