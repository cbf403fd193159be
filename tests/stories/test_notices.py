"""Others are told when an apply has ended: in their own time, once, and without a secret in any log."""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from server.config.notices import Accounts
from server.config.server_file import RepoEntry, ServerFile
from server.domain.pull import Pull
from server.orchestration.notices import deliver_notices, make_hooks
from server.store.outbox import NOTICE, Message
from tests.support.receiver import Receiver, receiving
from tests.support.scripted_worker import BROKEN
from tests.support.story import Story

PATH = "/a-secret-in-the-path"
HEADERS = {"Authorization": "Bearer a-secret-in-a-header"}
KEY = "a-secret-that-signs"
SLACK = "xoxb-a-secret-of-slack"
SECRETS = (PATH, *HEADERS.values(), KEY, SLACK)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def other() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def tell_others(story: Story, receiver: Receiver, *entries: dict[str, Any], **entry: object) -> None:
    """Configure webhooks; one of the kind http if nothing else is said."""
    listed = entries or ({"event": "apply", "kind": "http", "url": f"{receiver.url}{PATH}", **entry},)
    server_file = ServerFile.model_validate({"webhooks": list(listed)})
    accounts = Accounts(slack_url=receiver.url, slack_token=SLACK, headers=HEADERS, secret=KEY)
    story.ctx = replace(story.ctx, hooks=make_hooks(server_file, accounts))
    story.worker.gateway = type(story.worker.gateway)(story.ctx)


def applied(story: Story, *changed: str, **facts: str) -> Pull:
    """A pull whose plans were applied."""
    pull = story.open_pull(*(changed or ("prod/main.tf",)), **facts)
    story.settle()
    story.comment(pull, "thera apply", by="bob")
    story.settle()
    return pull


def notices(story: Story, pull: Pull) -> list[Message]:
    with story.store.reading() as uow:
        stored = uow.pulls.by_ref(pull.ref)
        assert stored is not None
        return [message for message in uow.outbox.of_pull(stored.id) if message.kind == NOTICE]


def test_an_apply_is_told_in_atlantis_form(story: Story, receiver: Receiver) -> None:
    tell_others(story, receiver)
    pull = applied(story, clone_url="https://ann:hunter2@forge.test/acme/infra.git")

    deliver_notices(story.ctx)

    (heard,) = receiver.heard
    assert heard.path == PATH
    repo = heard.content["Repo"]
    assert heard.content == {
        "Workspace": "default",
        "Repo": repo,
        "Pull": {
            "Num": pull.ref.number,
            "HeadCommit": pull.head_sha,
            "URL": pull.url,
            "HeadBranch": pull.head_ref,
            "BaseBranch": "main",
            "Author": "ann",
            "State": 0,
            "BaseRepo": repo,
            "Body": "",
        },
        "User": {"Username": "bob", "Teams": []},
        "Success": True,
        "Directory": "prod",
        "ProjectName": "",
    }
    assert repo["FullName"] == "acme/infra"
    assert repo["CloneURL"] == repo["SanitizedCloneURL"] == "https://forge.test/acme/infra.git"


def test_a_message_has_the_operators_headers_and_a_signature(story: Story, receiver: Receiver) -> None:
    tell_others(story, receiver)
    applied(story)

    deliver_notices(story.ctx)

    (heard,) = receiver.heard
    signed = hmac.new(KEY.encode(), heard.body, hashlib.sha256).hexdigest()
    assert heard.headers["Authorization"] == HEADERS["Authorization"]
    assert heard.headers["X-Thera-Signature-256"] == f"sha256={signed}"
    assert heard.headers["Content-Type"].startswith("application/json")


def test_every_project_is_told_once_to_each(story: Story, receiver: Receiver) -> None:
    twice = {"event": "apply", "kind": "http"}
    tell_others(story, receiver, *({**twice, "url": f"{receiver.url}/{name}"} for name in ("one", "two")))
    applied(story, "prod/main.tf", "dev/main.tf")

    for _ in range(3):
        deliver_notices(story.ctx)
        story.pass_time(MINUTE).settle()

    told = sorted((heard.path, heard.content["Directory"]) for heard in receiver.heard)
    assert told == [("/one", "dev"), ("/one", "prod"), ("/two", "dev"), ("/two", "prod")]


def test_a_failed_apply_is_told_too(story: Story, receiver: Receiver) -> None:
    tell_others(story, receiver)
    story.worker.applies["prod"] = BROKEN

    applied(story)
    deliver_notices(story.ctx)

    assert [heard.content["Success"] for heard in receiver.heard] == [False]


def test_an_apply_whose_worker_fell_silent_is_told_as_failed(story: Story, receiver: Receiver) -> None:
    tell_others(story, receiver)
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.worker.silent.add("prod")
    story.comment(pull, "thera apply")
    story.settle()
    story.pass_time(MINUTE).settle()

    deliver_notices(story.ctx)

    assert [heard.content["Success"] for heard in receiver.heard] == [False]


def test_what_was_refused_or_never_began_is_not_told(database_url: str, receiver: Receiver) -> None:
    policy = ServerFile(repos=[RepoEntry.model_validate({"id": "/.*/", "apply_requirements": ["approved"]})])
    story = Story(database_url, server_file=policy)
    tell_others(story, receiver)
    pull = applied(story)
    story.approve(pull)
    story.comment(pull, "thera apply")
    story.settle(working=False)
    story.comment(pull, "thera cancel")
    story.settle()

    deliver_notices(story.ctx)

    assert receiver.heard == []
    assert notices(story, pull) == []


def test_a_plan_is_nobody_elses_business(story: Story, receiver: Receiver) -> None:
    tell_others(story, receiver)
    story.open_pull("prod/main.tf")
    story.settle()

    deliver_notices(story.ctx)

    assert receiver.heard == []


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"workspace-regex": "^prod"}, False),
        ({"workspace-regex": "fault"}, True),
        ({"branch-regex": "^(main|release)$"}, True),
        ({"branch-regex": "change"}, False),  # the base counts, not the head
    ],
)
def test_workspace_and_base_branch_can_be_chosen(
    story: Story, receiver: Receiver, entry: dict[str, str], *, told: bool
) -> None:
    tell_others(story, receiver, **entry)
    applied(story)

    deliver_notices(story.ctx)

    assert bool(receiver.heard) is told


def test_a_receiver_that_fails_is_tried_again_until_it_takes_it(story: Story, receiver: Receiver) -> None:
    tell_others(story, receiver)
    receiver.answer_next(500)
    receiver.answer_next(503, Retry_After="120")
    pull = applied(story)
    deliver_notices(story.ctx)

    deliver_notices(story.ctx)
    assert len(receiver.heard) == 1, "tried again at once"

    story.pass_time(MINUTE)
    deliver_notices(story.ctx)
    story.pass_time(MINUTE)
    deliver_notices(story.ctx)
    assert len(receiver.heard) == 2, "its own wish was not heard"

    for _ in range(3):
        story.pass_time(2 * MINUTE)
        deliver_notices(story.ctx)

    assert len(receiver.heard) == 3
    assert len({heard.headers["X-Thera-Delivery"] for heard in receiver.heard}) == 1
    assert [message.is_sent for message in notices(story, pull)] == [True]


def test_nobody_who_does_not_listen_holds_up_anybody_else(story: Story, receiver: Receiver, other: Receiver) -> None:
    hooks = [{"event": "apply", "kind": "http", "url": f"{one}/x"} for one in ("http://127.0.0.1:1", other.url)]
    tell_others(story, receiver, *hooks)

    pull = applied(story)
    deliver_notices(story.ctx)

    assert len(other.heard) == 1
    assert "Applied" in story.last(pull)
    assert story.statuses(pull)["thera/apply"] == "success"
    story.comment(pull, "thera help")
    story.settle()
    assert "thera help" in story.last(pull)
    with story.store.reading() as uow:
        assert uow.outbox.lag(story.now) == timedelta()
        assert uow.outbox.pulls_due(now=story.now + timedelta(hours=1), limit=9) == []


def test_what_nobody_takes_for_a_day_is_given_up(story: Story, receiver: Receiver) -> None:
    tell_others(story, receiver)
    for _ in range(9):
        receiver.answer_next(500)
    pull = applied(story)
    deliver_notices(story.ctx)

    for _ in range(3):
        story.now += timedelta(days=1)
        deliver_notices(story.ctx)

    assert len(receiver.heard) == 1
    assert [(message.parked, message.error) for message in notices(story, pull)] == [(True, "given up: answered 500")]


def test_a_redirect_is_not_followed(story: Story, receiver: Receiver, other: Receiver) -> None:
    tell_others(story, receiver)
    receiver.answer_next(307, Location=f"{other.url}/elsewhere")
    pull = applied(story)

    deliver_notices(story.ctx)

    assert other.heard == []
    assert "redirects are not followed" in notices(story, pull)[0].error


def test_of_two_servers_one_tells(story: Story, receiver: Receiver) -> None:
    tell_others(story, receiver)
    pull = applied(story)
    (message,) = notices(story, pull)

    with story.store.transaction() as uow:
        later = story.now + MINUTE
        assert uow.outbox.take_notice(message, now=story.now, until=later)
        assert not uow.outbox.take_notice(message, now=story.now, until=later)
    deliver_notices(story.ctx)
    assert receiver.heard == []

    story.now += 2 * MINUTE  # the other one died meanwhile
    deliver_notices(story.ctx)
    assert len(receiver.heard) == 1


def test_a_webhook_that_was_taken_out_is_told_nothing_more(story: Story, receiver: Receiver) -> None:
    tell_others(story, receiver)
    pull = applied(story)
    tell_others(story, receiver, **{"workspace-regex": "x"})

    deliver_notices(story.ctx)

    assert receiver.heard == []
    assert notices(story, pull)[0].error == "no such webhook is configured on this server"


def test_no_secret_is_logged_or_stored(
    story: Story, receiver: Receiver, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    slack = {"event": "apply", "kind": "slack", "channel": "#infra"}
    dead = {"event": "apply", "kind": "http", "url": f"http://127.0.0.1:1{PATH}"}
    tell_others(story, receiver, slack, dead, {**dead, "url": f"{receiver.url}{PATH}"})
    receiver.answer_next(500)
    receiver.answer_next(302, Location=f"{receiver.url}{PATH}")

    with caplog.at_level("INFO"), capture_logs() as logged:
        pull = applied(story)
        for _ in range(3):
            deliver_notices(story.ctx)
            story.pass_time(MINUTE).settle()

    written = f"{logged} {caplog.text} {capsys.readouterr()} {story.ctx.hooks} {notices(story, pull)}"
    assert "notice.postponed" in written
    assert [secret for secret in SECRETS if secret in written] == []


def test_slack_is_told_in_a_channel(story: Story, receiver: Receiver) -> None:
    tell_others(story, receiver, {"event": "apply", "kind": "slack", "channel": "C123"})
    story.worker.applies["dev"] = BROKEN
    pull = applied(story, "dev/main.tf", head_ref="<!channel> & |x")

    deliver_notices(story.ctx)

    (heard,) = receiver.heard
    assert heard.path == "/chat.postMessage"
    assert heard.headers["Authorization"] == f"Bearer {SLACK}"
    assert heard.content["channel"] == "C123"
    (attachment,) = heard.content["attachments"]
    assert attachment["color"] == "danger"
    assert attachment["text"] == f"Apply failed for <{pull.url}|acme/infra#{pull.ref.number}>"
    assert {one["title"]: one["value"] for one in attachment["fields"]} == {
        "Workspace": "default",
        "Branch": "&lt;!channel&gt; &amp; \u2223x",
        "User": "bob",
        "Directory": "dev",
    }


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b'{"ok": false, "error": "channel_not_found"}', "Slack says: channel_not_found"),
        (b"<html>", "not Slack"),
        (b"[" * 70_000, "not Slack"),
        (b'["ok"]', "not Slack"),
    ],
)
def test_what_slack_says_no_to_is_tried_again(story: Story, receiver: Receiver, answer: bytes, words: str) -> None:
    tell_others(story, receiver, {"event": "apply", "kind": "slack", "channel": "C123"})
    receiver.answer_next(200, answer)
    pull = applied(story)
    deliver_notices(story.ctx)
    assert words in notices(story, pull)[0].error

    story.pass_time(MINUTE)
    deliver_notices(story.ctx)

    assert len(receiver.heard) == 2
    assert notices(story, pull)[0].is_sent
