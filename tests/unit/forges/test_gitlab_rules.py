"""`mergeable` is GitLab's own answer were our statuses green: never a false yes, and every no says why."""

import pytest

from server.forges.gitlab_rules import ApprovalRule, Job, Pipeline, Situation, approval, mergeability

OWN = "thera/"
OURS = Job(name="thera/apply", state="pending")
DONE = Job(name="thera/apply", state="success")
UNRULY = ApprovalRule(name="Security", approved=False)


def job(state: str, *, allow_failure: bool = False) -> Job:
    return Job(name="test", state=state, allow_failure=allow_failure)


def waits(*jobs: Job, state: str = "ci_must_pass", **more: object) -> Situation:
    """Describe a merge request that GitLab says only its pipeline holds up."""
    pipeline = Pipeline(state="running", jobs=jobs)
    return Situation(**({"state": state, "author": "ann", "pipeline": pipeline} | more))  # type: ignore[arg-type]


CASES: dict[str, tuple[Situation, str]] = {
    "mergeable": (Situation(state="mergeable", author="ann"), ""),
    "only ours": (waits(OURS), ""),
    "only ours is red": (waits(Job(name="thera/apply", state="failed")), ""),
    "ours, still running": (waits(OURS, job("success"), state="ci_still_running"), ""),
    "another has failed": (waits(OURS, job("failed")), "the pipeline's job 'test' is failed"),
    "another is running": (waits(OURS, job("running")), "the pipeline's job 'test' is running"),
    "another waits for a person": (waits(OURS, job("manual")), "the pipeline's job 'test' is manual"),
    "another was skipped": (waits(OURS, job("skipped")), ""),
    "another may fail, and did": (waits(OURS, job("failed", allow_failure=True)), ""),
    "another may fail, and was cancelled": (waits(OURS, job("canceled", allow_failure=True)), ""),
    "another may be started by hand": (waits(OURS, job("manual", allow_failure=True)), ""),
    "another may fail, and is not done": (
        waits(OURS, job("running", allow_failure=True)),
        "the pipeline's job 'test' is running",
    ),
    "another is in a state yet to be invented": (waits(OURS, job("dancing")), "the pipeline's job 'test' is dancing"),
    "not quite ours": (
        waits(OURS, Job(name="thera-ci", state="pending")),
        "the pipeline's job 'thera-ci' is pending",
    ),
    "ours is green, so something else blocks": (
        waits(DONE, job("success")),
        "its pipeline is running, and no job of it says why; look at the merge request",
    ),
    "nothing in it": (waits(), "its pipeline is running, and no job of it says why; look at the merge request"),
    "no pipeline": (waits(pipeline=None), "the project wants a green pipeline, and none has run for this commit"),
    "a hidden pipeline": (
        waits(pipeline=Pipeline(state="failed", hidden=True)),
        "its pipeline is failed, and Thera may not see the jobs (it runs in another project)",
    ),
    "ours, and it is a draft": (waits(OURS, draft=True), "it is a draft"),
    "ours, and it conflicts": (waits(OURS, conflicts=True), "it conflicts with its target branch"),
    "ours, and it is behind": (
        waits(OURS, behind=True),
        "its branch is behind the target branch, and the project wants it rebased",
    ),
    "ours, and a thread": (
        waits(OURS, unresolved=True),
        "a thread is not resolved, and the project wants all of them to be",
    ),
    "ours, and an approval": (waits(OURS, approvals_left=2), "it lacks 2 more approvals"),
    "ours, and a rule": (waits(OURS, rules=[UNRULY]), "the approval rule 'Security' is not satisfied"),
    "ours, and nobody has approved, which nobody wants": (waits(OURS, approvers=()), ""),
    "an approval is missing": (Situation(state="not_approved", author="ann", approvals_left=1), "it lacks 1 more"),
    "an approval is missing, nobody knows which": (
        Situation(state="not_approved", author="ann"),
        "an approval is missing that the project's rules want",
    ),
    "an older GitLab": (Situation(state="", author="ann"), "GitLab does not say whether it can be merged"),
    "a newer GitLab": (
        Situation(state="moon_phase", author="ann"),
        "GitLab calls it 'moon_phase', which Thera does not know; look at the merge request",
    ),
}


@pytest.mark.parametrize(("situation", "reason"), CASES.values(), ids=CASES.keys())
def test_mergeable(situation: Situation, reason: str) -> None:
    mergeable, why = mergeability(situation, own_statuses=OWN)
    assert mergeable is (not reason)
    assert why.startswith(reason)


@pytest.mark.parametrize("state", ["unchecked", "checking", "preparing", "approvals_syncing"])
def test_what_is_not_known_yet_is_not_a_yes(state: str) -> None:
    assert mergeability(Situation(state=state, author="ann"), own_statuses=OWN) == (
        False,
        "GitLab is still computing whether it can be merged",
    )


@pytest.mark.parametrize(
    "state",
    [
        "blocked_status",
        "broken_status",
        "commits_status",
        "conflict",
        "discussions_not_resolved",
        "draft_status",
        "external_status_checks",
        "jira_association",
        "jira_association_missing",
        "locked_lfs_files",
        "locked_paths",
        "merge_request_blocked",
        "merge_time",
        "need_rebase",
        "not_approved",
        "not_open",
        "policies_denied",
        "requested_changes",
        "security_policy_pipeline_check",
        "security_policy_violations",
        "status_checks_must_pass",
        "title_regex",
    ],
)
def test_each_thing_that_blocks_has_a_reason_of_its_own(state: str) -> None:
    mergeable, reason = mergeability(Situation(state=state, author="ann"), own_statuses=OWN)
    assert not mergeable
    assert reason
    assert "does not know" not in reason


def seen(*approvers: str, **more: object) -> Situation:
    facts = {"state": "mergeable", "author": "ann", "approvers": approvers, "writers": frozenset({"bob", "cat"})}
    return Situation(**(facts | more))  # type: ignore[arg-type]


APPROVAL: dict[str, tuple[Situation, str]] = {
    "nobody": (seen(), "nobody has approved it"),
    "another": (seen("bob"), ""),
    "the author": (seen("ann"), "nobody but its author has approved it"),
    "the author, in other letters": (seen("Ann"), "nobody but its author has approved it"),
    "the author, who may write": (seen("ann", writers=frozenset({"ann"})), "nobody but its author has approved it"),
    "the author and another": (seen("ann", "bob"), ""),
    "a reporter": (seen("rob"), "rob approved it, but is not a Developer of the project"),
    "a reporter and another": (seen("rob", "bob"), ""),
    "one of two": (seen("bob", approvals_left=1), "it lacks 1 more approval"),
    "a rule": (seen("bob", rules=[UNRULY]), "the approval rule 'Security' is not satisfied"),
    "every rule": (seen("bob", rules=[ApprovalRule(name="Any", approved=True)]), ""),
    "every rule, and nobody": (seen(rules=[ApprovalRule(name="Any", approved=True)]), "nobody has approved it"),
    "changes requested": (seen("bob", state="requested_changes"), "a reviewer asked for changes"),
}


@pytest.mark.parametrize(("situation", "reason"), APPROVAL.values(), ids=APPROVAL.keys())
def test_approval(situation: Situation, reason: str) -> None:
    assert approval(situation) == (not reason, reason)


@pytest.mark.parametrize(("named", "mergeable"), [(OWN, False), ((OWN, "atlantis/"), True)])
def test_a_neighbours_status_is_left_aside_where_it_is_named(named: str | tuple[str, ...], *, mergeable: bool) -> None:
    situation = waits(OURS, Job(name="atlantis/apply", state="pending"))

    assert mergeability(situation, own_statuses=named)[0] is mergeable
