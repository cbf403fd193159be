"""Workers die, messages vanish, the forge is down: every command still gets its answer, and nothing twice."""

from datetime import timedelta

import pytest

from server.domain.errors import TryLater
from server.orchestration.claims import AttemptOver
from server.orchestration.poll import poll
from tests.support.story import Story
from workers.protocol.jobs import WorkerInfo

LONG = timedelta(seconds=31)


def test_a_plan_whose_worker_dies_is_planned_again_by_itself(story: Story) -> None:
    story.worker.silent.add("prod")
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.worker.silent.clear()

    story.pass_time(LONG).settle()

    assert story.standing(pull) == {"prod": "planned"}
    assert story.worker.seen[-1].attempt == 2


def test_a_worker_that_keeps_dying_is_given_up_with_a_reason(story: Story) -> None:
    story.worker.silent.add("prod")
    pull = story.open_pull("prod/main.tf")
    story.settle()
    for _ in range(6):
        story.pass_time(LONG).settle()

    assert story.standing(pull) == {"prod": "plan_errored"}
    assert "fell silent" in story.last(pull)


def test_an_apply_whose_worker_dies_is_lost_and_never_started_again_by_a_machine(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.worker.silent.add("prod")
    story.comment(pull, "thera apply")
    story.settle()
    for _ in range(5):
        story.pass_time(LONG).settle()

    said = story.last(pull)
    assert len(story.worker.applied) == 1
    assert story.standing(pull) == {"prod": "apply_lost"}
    assert story.locked() == ["prod"]
    assert "Creating..." in said
    assert "thera plan" in said
    assert story.statuses(pull)["thera/apply"] == "failure"


def test_after_a_lost_apply_a_person_can_go_on(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.worker.silent.add("prod")
    story.comment(pull, "thera apply")
    story.settle()
    story.pass_time(LONG).settle()
    story.worker.silent.clear()

    story.comment(pull, "thera plan")
    story.settle()
    story.comment(pull, "thera apply")
    story.settle()

    assert story.standing(pull) == {"prod": "applied"}


def test_a_worker_that_was_given_up_is_not_heard(story: Story) -> None:
    story.worker.silent.add("prod")
    story.open_pull("prod/main.tf")
    ticket = None
    while not any(one.work.phase == "plan" for one in story.worker.seen):
        ticket = story.step()
    assert ticket is not None
    story.pass_time(LONG)
    story.worker.silent.clear()

    with pytest.raises(AttemptOver):
        story.worker.finish(ticket, story.worker.seen[-1])
    with pytest.raises(AttemptOver):
        story.worker.gateway.heartbeat(ticket)


def test_a_message_that_arrives_twice_starts_one_job(story: Story) -> None:
    story.open_pull("prod/main.tf")
    while not story.tickets:
        story.step()
    ticket = story.tickets[0]

    first = story.worker.gateway.claim(ticket, WorkerInfo(name="a", pool="default", version="1"))
    second = story.worker.gateway.claim(ticket, WorkerInfo(name="b", pool="default", version="1"))

    assert first is not None
    assert second is None


def test_a_report_that_arrives_twice_counts_once(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera version")
    while not story.tickets:
        story.step()
    ticket = story.tickets.popleft()
    assignment = story.worker.do(ticket)
    assert assignment is not None

    story.worker.finish(ticket, assignment)
    story.settle()

    assert sum("1.11.4" in said for said in story.says(pull)) == 2, "the plan and the version"


def test_a_flushed_broker_costs_one_tick(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    for _ in range(8):
        story.step()
        story.lose_bells()
        story.pass_time(timedelta(seconds=16))

    story.settle()

    assert story.standing(pull) == {"prod": "planned"}
    assert len(story.says(pull)) == 1


def test_a_forge_that_is_down_is_told_when_it_is_back(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera apply")
    story.forge.fail_next(*[TryLater("502")] * 3)
    for _ in range(12):
        story.settle_calmly()
        story.pass_time(timedelta(seconds=20))

    assert story.standing(pull) == {"prod": "applied"}
    assert len(story.says(pull)) == 2


def test_a_comment_whose_answer_was_lost_is_not_written_twice(story: Story) -> None:
    story.forge.lose_next_answer()
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.pass_time(timedelta(seconds=20)).settle()

    assert len(story.says(pull)) == 1
    assert story.last(pull).startswith("### Plan")


def test_a_comment_that_somebody_deleted_is_written_anew(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.forge.conversations[pull.ref].comments.clear()
    story.push(pull, "prod/main.tf")

    story.settle()

    assert len(story.says(pull)) == 1


def test_a_pull_and_a_comment_that_no_webhook_announced_are_found(story: Story) -> None:
    known = story.open_pull("README.md")
    story.settle()
    newer = story.push(known, "prod/main.tf", announce=False)
    story.forge.write(known.ref, "bob", "thera plan -d dev")

    poll(story.ctx, since=story.now)
    poll(story.ctx, since=story.now)
    story.settle()

    assert newer.head_sha in {one.work.checkout.head_sha for one in story.worker.seen}  # type: ignore[union-attr]
    assert story.standing(known) == {"dev": "planned", "prod": "planned"}
    assert [key.dir for key in story.worker.planned].count("dev") == 1


def test_a_close_that_no_webhook_announced_frees_the_locks(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.forge.close(pull.ref, type(pull.state).MERGED)

    poll(story.ctx, since=story.now)
    story.settle()

    assert story.locked() == []


def test_closing_in_the_middle_of_an_apply_lets_it_end_and_then_frees_the_lock(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera apply")
    while not story.tickets:
        story.step()
    ticket = story.tickets.popleft()
    assignment = story.worker.claim(ticket)
    assert assignment is not None
    story.close_pull(pull)
    assert story.locked() == ["prod"]

    story.worker.finish(ticket, assignment)
    story.settle()

    assert story.locked() == []
    assert story.standing(pull) == {"prod": "applied"}


def test_a_cancelled_apply_that_runs_is_told_at_its_next_heartbeat(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera apply")
    while not story.tickets:
        story.step()
    ticket = story.tickets.popleft()
    assert story.worker.claim(ticket) is not None

    story.comment(pull, "thera cancel")

    assert story.worker.gateway.heartbeat(ticket).cancel


def test_an_apply_that_was_queued_before_a_push_is_not_started_after_it(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera apply")
    story.settle(working=False)
    story.push(pull, "prod/main.tf")

    story.settle()

    assert story.worker.applied == []
    assert any("moved on" in said for said in story.says(pull))


def test_a_ticket_with_a_forged_token_is_refused(story: Story) -> None:
    story.open_pull("prod/main.tf")
    while not story.tickets:
        story.step()
    ticket = story.forged(story.tickets[0])

    with pytest.raises(Exception, match="job token is not valid"):
        story.worker.claim(ticket)


@pytest.mark.parametrize("command", ["thera unlock", "thera cancel"])
def test_a_plan_that_ends_after_it_was_called_off_is_offered_to_nobody(story: Story, command: str) -> None:
    pull = story.open_pull("prod/main.tf")
    story.worker.silent.add("prod")
    ticket = None
    while story.worker.planned == []:
        ticket = story.step() or ticket
    assert ticket is not None
    story.comment(pull, command)
    story.settle(working=False)
    story.worker.silent.clear()

    story.worker.finish(ticket, story.worker.seen[-1])
    story.settle()

    assert story.standing(pull) == {"prod": "plan_discarded"}
    assert story.statuses(pull)["thera/plan"] == "pending"
    plan = next(said for said in story.says(pull) if said.startswith("### Plan"))
    assert "thera apply" not in plan
    story.comment(pull, "thera apply", by="bob")
    story.settle()
    assert story.worker.applied == []
