"""What a forge is told when it calls, and what is kept of it."""

import json
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from server.domain.errors import TryLater
from server.domain.refs import RepoRef
from server.forges.allowlist import Allowlist
from tests.support.intake import GitHubHooks, MemoryIntake, app_with, sign

PUSH: dict[str, Any] = {
    "ref": "refs/heads/main",
    "after": "a" * 40,
    "repository": {"full_name": "acme/infra", "html_url": "https://github.com/acme/infra"},
    "sender": {"login": "ann"},
}
RAW = json.dumps(PUSH).encode()


@pytest.fixture
def intake() -> MemoryIntake:
    return MemoryIntake()


@pytest.fixture
def client(intake: MemoryIntake) -> FlaskClient:
    return app_with(intake, max_bytes=2_000).test_client()


@pytest.fixture
def hooks(client: FlaskClient) -> GitHubHooks:
    return GitHubHooks(client)


def test_a_genuine_webhook_is_stored_with_its_bytes_as_they_came(hooks: GitHubHooks, intake: MemoryIntake) -> None:
    body = b" " + RAW + b"\n"
    answer = hooks.send(body)
    assert answer.status_code == 202
    assert answer.get_json() == {"message": "accepted"}
    kept = intake.kept["github", "d-1"]
    assert (kept.body, kept.kind, kept.repo) == (body, "push", RepoRef("github.com", "acme/infra"))


def test_a_delivery_that_comes_twice_is_kept_once_and_both_times_accepted(
    hooks: GitHubHooks, intake: MemoryIntake
) -> None:
    answers = [hooks.send(PUSH, delivery="d-7").status_code for _ in range(2)]
    assert answers == [202, 202]
    assert len(intake.kept) == 1


def test_a_form_is_read_too(hooks: GitHubHooks, intake: MemoryIntake) -> None:
    body = urlencode({"payload": json.dumps(PUSH)}).encode()
    assert hooks.send(body, content_type="application/x-www-form-urlencoded").status_code == 202
    assert intake.kept["github", "d-1"].repo == RepoRef("github.com", "acme/infra")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"{", "not JSON", id="cut short"),
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"\xff\xfe", "not JSON", id="not UTF-8"),
        pytest.param(b"[" * 1_500, "not JSON", id="nested without end"),
        pytest.param(b"[1]", "not an object", id="a list"),
        pytest.param(b"null", "not an object", id="null"),
        pytest.param(b'{"ref": 1, "repository": {}}', "repository.html_url", id="not what it claims"),
    ],
)
def test_a_body_that_cannot_be_read_is_a_bad_request(
    hooks: GitHubHooks, intake: MemoryIntake, body: bytes, words: str
) -> None:
    answer = hooks.send(body)
    assert answer.status_code == 400
    assert words in answer.get_json()["message"]
    assert not intake.kept


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param({"delivery": None}, id="no delivery id"),
        pytest.param({"event": None}, id="no event"),
        pytest.param({"delivery": ""}, id="empty delivery id"),
        pytest.param({"delivery": "d" * 201}, id="a delivery id without end"),
        pytest.param({"event": "e" * 201}, id="an event without end"),
    ],
)
def test_missing_headers_are_named(hooks: GitHubHooks, intake: MemoryIntake, spoilt: dict[str, Any]) -> None:
    answer = hooks.send(PUSH, **spoilt)
    assert answer.status_code == 400
    assert "X-GitHub-Delivery" in answer.get_json()["message"]
    assert not intake.kept


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="missing"),
        pytest.param({"X-Hub-Signature-256": sign(RAW, "another secret")}, id="another secret"),
        pytest.param({"X-Hub-Signature-256": sign(RAW + b" ")}, id="another body"),
        pytest.param(
            {"X-Hub-Signature-256": "sha256=0", "X-Hub-Signature": sign(RAW, algorithm="sha1")}, id="tampered"
        ),
    ],
)
def test_a_wrong_signature_stores_nothing(hooks: GitHubHooks, intake: MemoryIntake, headers: dict[str, str]) -> None:
    assert hooks.send(RAW, headers=headers).status_code == 401
    assert not intake.kept


def test_a_wrong_signature_is_told_before_anything_else_about_the_body(hooks: GitHubHooks) -> None:
    assert hooks.send(b"{", event=None, headers={"X-Hub-Signature-256": "sha256=0"}).status_code == 401


def test_sha1_alone_is_accepted(hooks: GitHubHooks) -> None:
    assert hooks.send(RAW, headers={"X-Hub-Signature": sign(RAW, algorithm="sha1")}).status_code == 202


def test_a_repository_that_is_not_on_the_allowlist_is_named(hooks: GitHubHooks, intake: MemoryIntake) -> None:
    intake.allowlist = Allowlist.parse("github.com/other/*")
    answer = hooks.send(PUSH)
    assert answer.status_code == 403
    assert "github.com/acme/infra" in answer.get_json()["message"]
    assert not intake.kept


def test_a_body_that_says_it_is_too_large_is_refused_unread(hooks: GitHubHooks, intake: MemoryIntake) -> None:
    assert hooks.send(b"x" * 2_001).status_code == 413
    assert not intake.kept


def test_a_body_that_grows_too_large_is_refused_too(client: FlaskClient, intake: MemoryIntake) -> None:
    body = RAW + b" " * 5_000
    answer = client.post(
        "/webhooks/github",
        input_stream=BytesIO(body),
        headers={"X-Hub-Signature-256": sign(body), "X-GitHub-Event": "push", "X-GitHub-Delivery": "d"},
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert answer.status_code == 413
    assert answer.get_json()["message"].startswith("the body is larger than 2000 bytes")
    assert not intake.kept


def test_a_chunked_body_of_a_fair_size_is_taken(client: FlaskClient, intake: MemoryIntake) -> None:
    answer = client.post(
        "/webhooks/github",
        input_stream=BytesIO(RAW),
        headers={"X-Hub-Signature-256": sign(RAW), "X-GitHub-Event": "push", "X-GitHub-Delivery": "d"},
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert answer.status_code == 202
    assert intake.kept["github", "d"].body == RAW


def test_events_tells_the_forge_by_the_headers(hooks: GitHubHooks, intake: MemoryIntake) -> None:
    assert hooks.send(PUSH, path="/events").status_code == 202
    assert intake.kept["github", "d-1"].forge == "github"


@pytest.mark.parametrize("path", ["/events", "/webhooks/bitbucket", "/webhooks/GITHUB"])
def test_an_unknown_forge_is_a_bad_request(hooks: GitHubHooks, intake: MemoryIntake, path: str) -> None:
    assert hooks.send(PUSH, event=None, path=path).status_code == 400
    assert not intake.kept


@pytest.mark.parametrize("path", ["/events", "/webhooks/github"])
def test_a_forge_without_a_secret_is_not_configured(intake: MemoryIntake, path: str) -> None:
    hooks = GitHubHooks(app_with(intake, secrets={}).test_client())
    assert hooks.send(PUSH, path=path).status_code == 400
    assert not intake.kept


def test_a_store_that_does_not_answer_asks_the_forge_to_come_again(hooks: GitHubHooks, intake: MemoryIntake) -> None:
    intake.outage = TryLater("the database does not answer")
    assert hooks.send(PUSH).status_code == 503


@pytest.mark.parametrize("path", ["/events", "/webhooks/github"])
def test_only_posts_are_webhooks(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 405
