"""Policies judge every plan; what they refuse is applied only when enough of their owners let it pass."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from server.config.server_file import load_server_file
from server.domain.pull import Pull
from tests.support.story import Story
from workers.protocol.results import ChangeSummary, Failure, FailureKind, PolicySetResult

FILE = """
repos:
  - id: /.*/
    policy_check: true
    apply_requirements: [policies_passed]
policies:
  owners:
    users: [olga]
  policy_sets:
    - name: costs
      path: /policies/costs
      approve_count: {count}
      prevent_self_approve: {alone}
      sticky_policy_approvals: {sticky}
      owners: {{users: [otto], teams: [finance]}}
    - name: tags
      path: /policies/tags
"""
PASSED = PolicySetResult(name="tags", passed=True)
Ruled = Callable[..., Story]


def costs(text: str = "FAIL - too dear") -> PolicySetResult:
    return PolicySetResult(name="costs", passed=False, failures=1, text=text)


@pytest.fixture
def ruled(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Ruled:
    """Begin an installation whose operator has policies."""

    def begin(*, count: int = 1, sticky: str = "false", alone: str = "false") -> Story:
        place = tmp_path / "repos.yaml"
        place.write_text(FILE.format(count=count, sticky=sticky, alone=alone))
        story = Story(database_url, server_file=load_server_file(place))
        request.addfinalizer(story.close)
        return story

    return begin


def refused(story: Story, *, text: str = "FAIL - too dear") -> Pull:
    story.worker.verdicts["prod"] = (costs(text), PASSED)
    pull = story.open_pull("prod/main.tf")
    story.settle()
    return pull


def told(story: Story, pull: Pull) -> str:
    return story.last(pull)


def applied(story: Story, pull: Pull) -> bool:
    story.comment(pull, "thera apply")
    story.settle()
    return bool(story.worker.applied)


def test_a_plan_that_policies_accept_is_applied(ruled: Ruled) -> None:
    story = ruled()
    pull = story.open_pull("prod/main.tf")
    story.settle()
    assert story.statuses(pull)["thera/policy_check"] == "success"
    assert "✅ `costs`: passed" in told(story, pull)
    assert applied(story, pull)


def test_a_plan_that_policies_refuse_says_why_and_who_may_let_it_pass(ruled: Ruled) -> None:
    story = ruled()
    pull = refused(story)
    said = told(story, pull)
    assert "policies say no" in said
    assert "too dear" in said
    assert "`thera approve_policies`" in said
    assert story.statuses(pull)["thera/policy_check"] == "failure"
    assert story.statuses(pull)["thera/plan"] == "success"
    assert not applied(story, pull)
    assert "`costs` say no" in told(story, pull)


@pytest.mark.parametrize("who", ["olga", "otto", "OTTO", "fred"])
def test_an_owner_of_the_set_or_of_all_sets_lets_it_pass(ruled: Ruled, who: str) -> None:
    story = ruled()
    story.forge.teams["finance"] = {"fred"}
    pull = refused(story)
    story.comment(pull, "thera approve_policies", by=who)
    story.settle()
    assert "approved by" in told(story, pull)
    assert story.statuses(pull)["thera/policy_check"] == "success"
    assert applied(story, pull)


def test_nobody_else_does(ruled: Ruled) -> None:
    story = ruled()
    pull = refused(story)
    story.comment(pull, "thera approve_policies", by="bob")
    story.settle()
    assert "not among its owners (@olga, @otto, team finance)".replace("@", "@\u200b") in told(story, pull)
    assert not applied(story, pull)


def test_two_approvals_are_two_people(ruled: Ruled) -> None:
    story = ruled(count=2)
    pull = refused(story)
    for _ in range(2):
        story.comment(pull, "thera approve_policies", by="olga")
        story.settle()
    assert "1 more needed, by others" in told(story, pull)
    assert not applied(story, pull)
    story.comment(pull, "thera approve_policies --policy-set costs", by="otto")
    story.settle()
    assert applied(story, pull)


def test_the_author_may_not_approve_their_own_where_that_is_ruled_out(ruled: Ruled) -> None:
    story = ruled(alone="true")
    story.worker.verdicts["prod"] = (costs(), PASSED)
    pull = story.open_pull("prod/main.tf", author="olga")
    story.settle()
    story.comment(pull, "thera approve_policies", by="olga")
    story.settle()
    assert "may not approve it" in told(story, pull)
    assert not applied(story, pull)


def test_a_new_plan_asks_again(ruled: Ruled) -> None:
    story = ruled()
    pull = refused(story)
    story.comment(pull, "thera approve_policies", by="olga")
    story.settle()
    story.push(pull, "prod/main.tf")
    story.settle()
    assert not applied(story, pull)


def test_sticky_approvals_cover_the_same_complaints_and_no_others(ruled: Ruled) -> None:
    story = ruled(sticky="true")
    pull = refused(story)
    story.comment(pull, "thera approve_policies", by="olga")
    story.settle()
    story.worker.verdicts["prod"] = (costs("FAIL - too dear\nFAIL - and public"), PASSED)
    story.push(pull, "prod/main.tf")
    story.settle()
    assert not applied(story, pull)
    story.worker.verdicts["prod"] = (costs(), PASSED)
    story.push(pull, "prod/main.tf")
    story.settle()
    assert applied(story, pull)


def test_approvals_can_be_taken_back_by_owners_only(ruled: Ruled) -> None:
    story = ruled()
    pull = refused(story)
    story.comment(pull, "thera approve_policies", by="olga")
    story.comment(pull, "thera approve_policies --clear-policy-approval", by="bob")
    story.settle()
    assert story.statuses(pull)["thera/policy_check"] == "success"
    story.comment(pull, "thera approve_policies --clear-policy-approval", by="otto")
    story.settle()
    assert not applied(story, pull)


@pytest.mark.parametrize(
    "verdict",
    [
        Failure(kind=FailureKind.POLICY, summary="conftest is not there"),
        (PASSED,),  # a worker that says nothing of a set
        (PolicySetResult(name="costs", passed=True, error="a rule does not parse"), PASSED),
        (),
    ],
    ids=["failed", "a set left out", "passed with an error", "nothing"],
)
def test_policies_that_could_not_be_asked_let_nothing_pass(
    ruled: Ruled, verdict: Failure | tuple[PolicySetResult, ...]
) -> None:
    story = ruled()
    story.worker.verdicts["prod"] = verdict
    pull = story.open_pull("prod/main.tf")
    story.settle()
    assert not applied(story, pull)
    story.comment(pull, "thera approve_policies", by="olga")
    story.settle()
    assert applied(story, pull)


def test_a_plan_without_changes_is_not_judged(ruled: Ruled) -> None:
    story = ruled()
    story.worker.plans["prod"] = ChangeSummary()
    story.open_pull("prod/main.tf")
    story.settle()
    assert [one.work.phase.value for one in story.worker.seen] == ["discover", "plan"]


def test_an_older_worker_is_not_given_what_it_does_not_know(ruled: Ruled) -> None:
    story = ruled()
    story.worker.protocol = 1
    pull = story.open_pull("prod/main.tf")
    story.settle()
    assert story.statuses(pull)["thera/policy_check"] == "pending"
    story.worker.protocol = 2
    story.pass_time(timedelta(minutes=2)).settle()
    assert story.statuses(pull)["thera/policy_check"] == "success"


def test_without_policies_there_is_nothing_to_approve(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera approve_policies")
    story.settle()
    assert "nothing to approve" in told(story, pull)
