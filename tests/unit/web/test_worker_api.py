"""The worker's contract, spoken over HTTP to the real gateway."""

from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.domain.errors import TryLater
from server.domain.refs import RepoRef
from server.forges.base import Credential
from tests.support.scripted_worker import ONE_ADDED
from tests.support.story import Story
from tests.unit.web.conftest import WORKER_TOKEN, json_of
from workers.protocol.codec import decode, encode
from workers.protocol.jobs import Apply, ArtifactRef, Assignment, Orders, Ticket, WorkerInfo
from workers.protocol.names import ATTEMPT_HEADER, JOB_TOKEN_HEADER, WORKER_HEADER
from workers.protocol.results import Outcome, PlanFacts, Report

INFO = WorkerInfo(name="worker-1", pool="default", version="1")


def call(
    client: FlaskClient,
    ticket: Ticket,
    what: str,
    *,
    method: str = "POST",
    body: str | bytes = b"",
    worker_token: str = WORKER_TOKEN,
) -> TestResponse:
    headers = {
        "Authorization": f"Bearer {worker_token}",
        JOB_TOKEN_HEADER: ticket.token,
        ATTEMPT_HEADER: str(ticket.attempt),
        WORKER_HEADER: INFO.name,
    }
    return client.open(f"/worker/v1/jobs/{ticket.job_id}/{what}", method=method, data=body, headers=headers)


@pytest.fixture
def ticket(story: Story) -> Ticket:
    """A plan job that waits for a worker."""
    story.open_pull("prod/main.tf")
    story.settle(working=False)
    story.worker.do(story.tickets.popleft())
    story.settle(working=False)
    return story.tickets.popleft()


def test_a_job_is_claimed_worked_on_and_reported(stranger: FlaskClient, story: Story, ticket: Ticket) -> None:
    claimed = call(stranger, ticket, "claim", body=encode(INFO))
    assert claimed.status_code == 200
    assert decode(Assignment, claimed.data).job_id == ticket.job_id
    assert decode(Orders, call(stranger, ticket, "heartbeat").data) == Orders(cancel=False)
    assert call(stranger, ticket, "log?sequence=1", body="grüße\n").status_code == 204
    stored = call(stranger, ticket, "artifact", method="PUT", body=b"the plan")
    assert stored.status_code == 201
    plan = decode(ArtifactRef, stored.data)
    facts = PlanFacts(changes=ONE_ADDED, digest="d", artifact=plan, terraform_version="1.11.4")
    report = Report(job_id=ticket.job_id, attempt=1, outcome=Outcome.SUCCEEDED, facts=facts)

    assert call(stranger, ticket, "report", body=encode(report)).status_code == 204

    with story.store.reading() as uow:
        job = uow.jobs.get(ticket.job_id)
        assert job is not None
        assert job.state.value == "succeeded"
        assert [chunk.text for chunk in uow.logs.read(ticket.job_id, limit=9)] == ["grüße\n"]


def test_an_apply_gets_back_the_very_bytes_of_its_plan(stranger: FlaskClient, story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera apply")
    story.settle(working=False)
    ticket = story.tickets.popleft()
    work = decode(Assignment, call(stranger, ticket, "claim", body=encode(INFO)).data).work
    assert isinstance(work, Apply)

    answer = call(stranger, ticket, f"artifact/{work.plan.id}", method="GET")

    assert answer.status_code == 200
    assert answer.data.startswith(b"plan of prod")
    assert call(stranger, ticket, "artifact/another", method="GET").status_code == 404


def test_a_job_is_given_once(stranger: FlaskClient, ticket: Ticket) -> None:
    assert call(stranger, ticket, "claim", body=encode(INFO)).status_code == 200

    again = call(stranger, ticket, "claim", body=encode(INFO))

    assert (again.status_code, again.data) == (204, b"")


def test_a_cancelled_job_hears_of_it_with_its_heartbeat(stranger: FlaskClient, story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle(working=False)
    ticket = story.tickets.popleft()
    call(stranger, ticket, "claim", body=encode(INFO))
    story.comment(pull, "thera cancel")

    assert decode(Orders, call(stranger, ticket, "heartbeat").data).cancel


@pytest.mark.parametrize("token", ["wrong", "", "é"])
def test_a_worker_with_a_wrong_token_is_unknown(stranger: FlaskClient, ticket: Ticket, token: str) -> None:
    answer = call(stranger, ticket, "claim", body=encode(INFO), worker_token=token)

    assert answer.status_code == 401
    assert json_of(answer)["status"] == 401
    assert "THERA_WORKER_TOKEN" in json_of(answer)["detail"]


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
def test_a_wrong_job_token_is_refused_for_everything(stranger: FlaskClient, ticket: Ticket, token: str) -> None:
    forged = replace(ticket, token=token)
    report = encode(Report(job_id=ticket.job_id, attempt=1, outcome=Outcome.FAILED))
    asked = {
        "claim": call(stranger, forged, "claim", body=encode(INFO)),
        "heartbeat": call(stranger, forged, "heartbeat"),
        "log": call(stranger, forged, "log?sequence=1", body="x"),
        "put": call(stranger, forged, "artifact", method="PUT", body=b"x"),
        "get": call(stranger, forged, "artifact/x", method="GET"),
        "report": call(stranger, forged, "report", body=report),
    }

    assert {what: answer.status_code for what, answer in asked.items()} == dict.fromkeys(asked, 403)
    assert {answer.content_type for answer in asked.values()} == {"application/problem+json"}


def test_an_attempt_that_is_over_is_told_410(stranger: FlaskClient, story: Story, ticket: Ticket) -> None:
    later = replace(ticket, attempt=2, token=story.ctx.job_token(ticket.job_id, 2))

    for what in ("heartbeat", "log?sequence=1"):
        assert call(stranger, later, what).status_code == 410
    assert call(stranger, later, "artifact", method="PUT", body=b"x").status_code == 410


@pytest.mark.parametrize("attempt", ["", "-1", "x", "9" * 30, "²"])
def test_an_attempt_that_is_no_number_is_refused(stranger: FlaskClient, ticket: Ticket, attempt: str) -> None:
    headers = {"Authorization": f"Bearer {WORKER_TOKEN}", JOB_TOKEN_HEADER: ticket.token, ATTEMPT_HEADER: attempt}

    assert stranger.post(f"/worker/v1/jobs/{ticket.job_id}/heartbeat", headers=headers).status_code == 403


@pytest.mark.parametrize("body", ["", "{}", "not json", '{"name": 1, "pool": [], "version": null}'])
def test_what_is_not_what_it_claims_is_malformed_and_names_the_place(
    stranger: FlaskClient, ticket: Ticket, body: str
) -> None:
    answer = call(stranger, ticket, "claim", body=body)

    assert answer.status_code == 400
    assert "WorkerInfo" in json_of(answer)["detail"]


@pytest.mark.parametrize("sequence", ["", "?sequence=", "?sequence=x", "?sequence=-1", f"?sequence={2**40}"])
def test_a_piece_of_log_needs_its_number(stranger: FlaskClient, ticket: Ticket, sequence: str) -> None:
    call(stranger, ticket, "claim", body=encode(INFO))

    assert call(stranger, ticket, f"log{sequence}", body="x").status_code == 400


def test_a_report_about_another_job_is_a_mistake(stranger: FlaskClient, ticket: Ticket) -> None:
    call(stranger, ticket, "claim", body=encode(INFO))
    report = Report(job_id="another", attempt=1, outcome=Outcome.FAILED)

    assert call(stranger, ticket, "report", body=encode(report)).status_code == 400


def test_a_zero_byte_in_output_does_not_lose_the_rest(stranger: FlaskClient, story: Story, ticket: Ticket) -> None:
    call(stranger, ticket, "claim", body=encode(INFO))

    assert call(stranger, ticket, "log?sequence=1", body=b"a\0b\xff\n").status_code == 204

    with story.store.reading() as uow:
        assert uow.logs.read(ticket.job_id, limit=1)[0].text == "a\ufffdb\ufffd\n"


def test_plans_may_be_large_and_other_bodies_may_not(stranger: FlaskClient, ticket: Ticket) -> None:
    call(stranger, ticket, "claim", body=encode(INFO))

    assert call(stranger, ticket, "artifact", method="PUT", body=b"x" * (5 * 1024 * 1024)).status_code == 201
    assert call(stranger, ticket, "claim", body=b"x" * (65 * 1024)).status_code == 413
    assert stranger.post("/login", data={"csrf": "x" * (2 * 1024 * 1024)}).status_code == 413


def test_when_the_server_cannot_now_the_worker_is_told_when(story: Story, stranger: FlaskClient) -> None:
    story.open_pull("prod/main.tf")
    story.settle(working=False)
    ticket = story.tickets.popleft()
    story.forge.credential = _not_now  # type: ignore[method-assign]  # the forge is away

    answer = call(stranger, ticket, "claim", body=encode(INFO))

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "8"


def _not_now(repo: RepoRef) -> Credential:
    raise TryLater(f"The forge of {repo} does not answer.", after_seconds=7.2)
