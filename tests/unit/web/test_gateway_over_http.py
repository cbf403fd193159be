"""Both ends of the worker's contract at once: the worker's own gateway against a served application."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from server.domain.errors import TryLater
from server.domain.refs import RepoRef
from server.forges.base import Credential
from server.orchestration.claims import ServerGateway
from server.web.app import make_app
from tests.support.live_web import served
from tests.support.scripted_worker import ONE_ADDED
from tests.support.story import Story
from tests.unit.web.conftest import SETTINGS, WORKER_TOKEN
from workers.errors import Fenced, JobFailed, Unreachable
from workers.gateway.http import HttpGateway
from workers.protocol.jobs import Apply, Plan, Ticket, WorkerInfo
from workers.protocol.results import Outcome, PlanFacts, Report

INFO = WorkerInfo(name="worker-1", pool="default", version="1")


@pytest.fixture
def address(story: Story) -> Iterator[str]:
    with served(make_app(story.ctx, ServerGateway(story.ctx), SETTINGS)) as url:
        yield url


@pytest.fixture
def gateway(address: str) -> HttpGateway:
    return HttpGateway(server_url=address, worker_token=WORKER_TOKEN, worker_name="worker-1")


def plan_ticket(story: Story) -> Ticket:
    """Let a pull be discovered, and leave its plan to be done."""
    story.open_pull("prod/main.tf")
    story.settle(working=False)
    story.worker.do(story.tickets.popleft())
    story.settle(working=False)
    return story.tickets.popleft()


def test_a_plan_and_its_apply_go_over_the_wire_unchanged(story: Story, gateway: HttpGateway) -> None:
    ticket, plan = plan_ticket(story), bytes(range(256)) * 1000
    planning = gateway.claim(ticket, INFO)
    assert planning is not None
    assert isinstance(planning.work, Plan)
    assert gateway.heartbeat(ticket).cancel is False
    gateway.append_log(ticket, 1, "grüße \x1b[32m✓\x1b[0m\n")
    ref = gateway.put_artifact(ticket, plan)
    facts = PlanFacts(changes=ONE_ADDED, digest=ref.sha256, artifact=ref, terraform_version="1.11.4")
    gateway.report(ticket, Report(job_id=ticket.job_id, attempt=1, outcome=Outcome.SUCCEEDED, facts=facts))
    story.settle()
    pull = next(one.pull for one in story.forge.conversations.values())
    story.comment(pull, "thera apply")
    story.settle(working=False)
    ticket = story.tickets.popleft()
    applying = gateway.claim(ticket, INFO)

    assert applying is not None
    assert isinstance(applying.work, Apply)
    assert gateway.get_artifact(ticket, applying.work.plan.id) == plan


def test_a_job_that_is_taken_is_given_to_nobody_else(story: Story, gateway: HttpGateway) -> None:
    ticket = plan_ticket(story)

    assert gateway.claim(ticket, INFO) is not None
    assert gateway.claim(ticket, INFO) is None


def test_a_worker_with_the_wrong_token_learns_which_setting_to_compare(story: Story, address: str) -> None:
    stranger = HttpGateway(server_url=address, worker_token="wrong", worker_name="worker-1")

    with pytest.raises(JobFailed, match="THERA_WORKER_TOKEN"):
        stranger.claim(plan_ticket(story), INFO)


def test_a_ticket_that_nobody_signed_opens_nothing(story: Story, gateway: HttpGateway) -> None:
    ticket = plan_ticket(story)

    with pytest.raises(JobFailed, match="not valid"):
        gateway.claim(story.forged(ticket), INFO)

    assert gateway.claim(ticket, INFO) is not None


def test_a_former_attempt_is_fenced_off_from_everything(story: Story, gateway: HttpGateway) -> None:
    ticket = plan_ticket(story)
    assert gateway.claim(ticket, INFO) is not None
    later = replace(ticket, attempt=2, token=story.ctx.job_token(ticket.job_id, 2))

    with pytest.raises(Fenced):
        gateway.heartbeat(later)
    with pytest.raises(Fenced):
        gateway.append_log(later, 1, "x")
    with pytest.raises(Fenced):
        gateway.put_artifact(later, b"x")
    with pytest.raises(Fenced):
        gateway.report(later, Report(job_id=later.job_id, attempt=2, outcome=Outcome.FAILED))
    with story.store.reading() as uow:
        assert uow.logs.read(ticket.job_id, limit=9) == []


@pytest.mark.parametrize("outage", [TryLater("the forge is away"), RuntimeError("a defect")])
def test_when_the_server_cannot_the_worker_may_try_again(
    story: Story, gateway: HttpGateway, monkeypatch: pytest.MonkeyPatch, outage: Exception
) -> None:
    ticket = plan_ticket(story)

    def fail(repo: RepoRef) -> Credential:  # noqa: ARG001  (the forge's signature)
        raise outage

    with monkeypatch.context() as patch:
        patch.setattr(story.forge, "credential", fail)
        with pytest.raises(Unreachable, match=r"claim with 50[03]"):
            gateway.claim(ticket, INFO)

    assert gateway.claim(ticket, INFO) is not None


def test_what_is_too_large_is_said_and_the_connection_still_works(story: Story, gateway: HttpGateway) -> None:
    ticket = plan_ticket(story)

    with pytest.raises(JobFailed, match=r"(?i)large|exceeds"):
        gateway.claim(ticket, replace(INFO, name="x" * 100_000))

    assert gateway.claim(ticket, INFO) is not None


def test_the_credential_for_cloning_comes_with_the_claim_and_is_not_stored(story: Story, gateway: HttpGateway) -> None:
    ticket = plan_ticket(story)

    claimed = gateway.claim(ticket, INFO)

    assert claimed is not None
    assert isinstance(claimed.work, Plan)
    assert (claimed.work.checkout.username, claimed.work.checkout.password) == ("x-access-token", "clone-secret")
    with story.store.reading() as uow:
        job = uow.jobs.get(ticket.job_id)
        assert job is not None
        assert "clone-secret" not in repr(job.spec)
