"""Whether GitLab would merge: what is in the way is named, and our own statuses are not in it."""

from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

import pytest

from sandbox.gitlab.approvals import approvals_json
from sandbox.gitlab.pipelines import add_pipeline
from sandbox.gitlab.state import DEVELOPER, Discussion, Job, Pipeline
from server.domain.refs import PullRef
from server.domain.requirements import PullFacts
from server.forges.base import CommitStatus, MergeMethod, StatusState
from tests.contract.forges.gitlab_world import BOT, NAME, GitLabWorld

OWN = "thera/"
Act = Callable[[GitLabWorld, PullRef], object]


def facts_of(gitlab: GitLabWorld, ref: PullRef) -> PullFacts:
    return gitlab.forge.pull_facts(gitlab.forge.get_pull(ref), own_statuses=OWN)


def setting(**values: Any) -> Act:
    def act(gitlab: GitLabWorld, _: PullRef) -> None:
        for name, value in values.items():
            setattr(gitlab.server.gitlab.settings(NAME), name, value)

    return act


def approve(who: str) -> Act:
    return lambda gitlab, ref: gitlab.approve(ref, who)


def unapprove(who: str) -> Act:
    return lambda gitlab, ref: gitlab.server.gitlab.unapprove(gitlab.project, gitlab.kept(ref), who)


def permit(who: str, level: str) -> Act:
    return lambda gitlab, _: gitlab.server.forge.permit(NAME, who, level)


def approved_by_the_author(gitlab: GitLabWorld, ref: PullRef) -> None:
    """Write down an approval that GitLab takes only where the project lets authors approve."""
    gitlab.approve(ref, "bob")
    gitlab.kept(ref).reviews[-1].author = "ann"


def pipeline_of(gitlab: GitLabWorld, ref: PullRef) -> Pipeline:
    pull, hub = gitlab.kept(ref), gitlab.server.gitlab
    found = next((one for one in gitlab.pipelines if one.sha == pull.head_sha), None)
    return found or add_pipeline(hub, gitlab.project, pull.head_sha, pull.head_ref, "ann")


def job(name: str, status: str, *, external: bool = False, allow_failure: bool = False) -> Act:
    """Have a job in the pipeline of the head."""

    def act(gitlab: GitLabWorld, ref: PullRef) -> None:
        pipeline, number = pipeline_of(gitlab, ref), gitlab.server.forge.ids.next()
        made = Job(number, name, "ann", pipeline.ref, status, external=external, allow_failure=allow_failure)
        pipeline.jobs.append(made)

    return act


def says(state: StatusState, context: str = "thera/apply") -> Act:
    """Have Thera set a status."""

    def act(gitlab: GitLabWorld, ref: PullRef) -> None:
        pull = gitlab.forge.get_pull(ref)
        status = CommitStatus(context=context, state=state, description="", url="https://thera.example")
        gitlab.forge.set_status(pull, pull.head_sha, status)

    return act


def thread(gitlab: GitLabWorld, ref: PullRef) -> None:
    """Open a thread that waits to be resolved."""
    note = gitlab.write(ref, "bob", "why?")
    talk = gitlab.server.gitlab.talk(gitlab.project, gitlab.kept(ref))
    talk.discussions = [Discussion("d" * 40, [int(note)], individual=False)]


def draft(gitlab: GitLabWorld, ref: PullRef) -> None:
    gitlab.server.forge.change_pull(NAME, ref.number, "ann", draft=True)


def base_moves(gitlab: GitLabWorld, ref: PullRef) -> None:
    gitlab.move_base(ref)


def base_conflicts(gitlab: GitLabWorld, ref: PullRef) -> None:
    gitlab.conflict(ref)


def closes(gitlab: GitLabWorld, ref: PullRef) -> None:
    gitlab.close(ref)


def rules(count: int) -> Act:
    return setting(approvals_before_merge=count)


GREEN_PIPELINE = setting(only_allow_merge_if_pipeline_succeeds=True)
RESOLVED = setting(only_allow_merge_if_all_discussions_are_resolved=True)
FAST_FORWARD = setting(merge_method="ff")
OURS = says(StatusState.PENDING)

APPROVAL: dict[str, tuple[list[Act], str]] = {
    "nobody": ([], "nobody has approved it"),
    "another": ([approve("bob")], ""),
    "the author": ([approved_by_the_author], "nobody but its author has approved it"),
    "taken back": ([approve("bob"), unapprove("bob")], "nobody has approved it"),
    "no member any more": (
        [approve("bob"), permit("bob", "none")],
        "bob approved it, but is not a Developer of the project",
    ),
    "a reporter": ([approve("bob"), permit("bob", "read")], "bob approved it, but is not a Developer of the project"),
    "a maintainer": ([approve("bob"), permit("bob", "maintain")], ""),
    "one of two": ([rules(2), approve("bob")], "the approval rule 'All Members' is not satisfied"),
    "two of two": ([rules(2), approve("bob"), approve("cat")], ""),
}


@pytest.mark.parametrize(("acts", "reason"), APPROVAL.values(), ids=APPROVAL.keys())
def test_approval(gitlab: GitLabWorld, acts: list[Act], reason: str) -> None:
    ref = gitlab.open_pull()
    for act in acts:
        act(gitlab, ref)
    facts = facts_of(gitlab, ref)
    assert (facts.approved, facts.approved_reason) == (not reason, reason)


def test_a_member_of_the_group_approves(gitlab: GitLabWorld) -> None:
    ref = gitlab.open_pull()
    gitlab.server.forge.create_user("eve")
    gitlab.server.gitlab.add_group_member("acme/platform", "eve", DEVELOPER)
    gitlab.approve(ref, "eve")
    assert facts_of(gitlab, ref).approved


MERGEABLE: dict[str, tuple[list[Act], str]] = {
    "no rules": ([], ""),
    "no rules, a failing job": ([job("test", "failed")], ""),
    "closed": ([closes], "it is closed"),
    "draft": ([draft], "it is a draft"),
    "conflict": ([base_conflicts], "it conflicts with its target branch"),
    "approvals missing": ([rules(1)], "the approval rule 'All Members' is not satisfied"),
    "approvals there": ([rules(1), approve("bob")], ""),
    "a thread, and nobody minds": ([thread], ""),
    "a thread": ([RESOLVED, thread], "a thread is not resolved"),
    "behind, and nobody minds": ([base_moves], ""),
    "behind": ([FAST_FORWARD, base_moves], "its branch is behind the target branch"),
    "no pipeline": ([GREEN_PIPELINE], "the project wants a green pipeline, and none has run for this commit"),
    "a green pipeline": ([GREEN_PIPELINE, job("test", "success")], ""),
    "a red pipeline": ([GREEN_PIPELINE, job("test", "failed")], "the pipeline's job 'test' is failed"),
    "a running pipeline": ([GREEN_PIPELINE, job("test", "running")], "the pipeline's job 'test' is running"),
    "a status of others": (
        [GREEN_PIPELINE, job("scan", "pending", external=True)],
        "the pipeline's job 'scan' is pending",
    ),
    "only ours waits": ([GREEN_PIPELINE, OURS], ""),
    "only ours has failed": ([GREEN_PIPELINE, says(StatusState.FAILURE)], ""),
    "ours waits in a green pipeline": ([GREEN_PIPELINE, job("test", "success"), OURS], ""),
    "ours waits, another runs": (
        [GREEN_PIPELINE, job("test", "running"), OURS],
        "the pipeline's job 'test' is running",
    ),
    "ours waits, another has failed": (
        [GREEN_PIPELINE, job("test", "failed"), OURS],
        "the pipeline's job 'test' is failed",
    ),
    "ours waits, another has failed and may": (
        [GREEN_PIPELINE, job("test", "failed", allow_failure=True), OURS],
        "",
    ),
    "not quite ours": (
        [GREEN_PIPELINE, says(StatusState.PENDING, "thera-ci")],
        "the pipeline's job 'thera-ci' is pending",
    ),
    "ours is green at last": ([GREEN_PIPELINE, OURS, says(StatusState.SUCCESS)], ""),
    "ours waits, and a draft": ([GREEN_PIPELINE, OURS, draft], "it is a draft"),
    "ours waits, and approvals": ([GREEN_PIPELINE, OURS, rules(1)], "the approval rule 'All Members' is not satisfied"),
    "ours waits, and a thread": ([GREEN_PIPELINE, RESOLVED, OURS, thread], "a thread is not resolved"),
    "ours waits, and a conflict": ([GREEN_PIPELINE, OURS, base_conflicts], "it conflicts with its target branch"),
    "ours waits, and behind": ([GREEN_PIPELINE, FAST_FORWARD, OURS, base_moves], "its branch is behind the target"),
}


@pytest.mark.parametrize(("acts", "reason"), MERGEABLE.values(), ids=MERGEABLE.keys())
def test_mergeable(gitlab: GitLabWorld, acts: list[Act], reason: str) -> None:
    ref = gitlab.open_pull()
    for act in acts:
        act(gitlab, ref)
    facts = facts_of(gitlab, ref)
    assert facts.mergeable is (not reason)
    assert facts.mergeable_reason.startswith(reason)


@pytest.mark.parametrize(
    ("acts", "approved", "mergeable"), [([OURS], False, True), ([OURS, approve("bob")], True, True)]
)
def test_the_free_edition_has_approvals_and_no_rules(
    gitlab: GitLabWorld, monkeypatch: pytest.MonkeyPatch, acts: list[Act], *, approved: bool, mergeable: bool
) -> None:
    def free(hub: Any, repo: Any, pull: Any) -> dict[str, Any]:
        whole = approvals_json(hub, repo, pull)
        given = {key: whole[key] for key in ("user_has_approved", "user_can_approve", "approved_by")}
        return given | {"approved": bool(whole["approved_by"])}

    monkeypatch.setattr("sandbox.gitlab.approvals.approvals_json", free)
    gitlab.server.faults.add("/approval_state$", times=99, status=404)
    ref = gitlab.open_pull()
    for act in [GREEN_PIPELINE, *acts]:
        act(gitlab, ref)
    facts = facts_of(gitlab, ref)
    assert (facts.approved, facts.mergeable) == (approved, mergeable)


def test_gitlab_merges_what_was_called_mergeable_once_ours_is_green(gitlab: GitLabWorld) -> None:
    ref = gitlab.open_pull()
    for act in (GREEN_PIPELINE, job("test", "success"), OURS):
        act(gitlab, ref)
    assert facts_of(gitlab, ref).mergeable
    says(StatusState.SUCCESS)(gitlab, ref)
    gitlab.forge.merge(gitlab.forge.get_pull(ref), method=MergeMethod.DEFAULT)
    assert gitlab.kept(ref).merged_by == BOT


@pytest.mark.parametrize("word", ["unchecked", "checking", "preparing"])
def test_what_gitlab_is_still_computing_is_asked_again(gitlab: GitLabWorld, word: str) -> None:
    gitlab.server.gitlab.unsettled = (word, word)
    assert facts_of(gitlab, gitlab.open_pull()).mergeable


def test_what_gitlab_never_finishes_computing_is_not_mergeable(
    gitlab: GitLabWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("server.forges.gitlab.time.sleep", pauses.append)
    gitlab.server.gitlab.unsettled = tuple(chain(["checking"], repeat("checking", 50)))
    facts = facts_of(gitlab, gitlab.open_pull())
    assert (facts.mergeable, facts.mergeable_reason) == (
        False,
        "GitLab is still computing whether it can be merged",
    )
    assert 1 < sum(pauses) < 10


def test_a_head_that_has_moved_since_is_not_mergeable(gitlab: GitLabWorld) -> None:
    ref = gitlab.open_pull()
    pull = gitlab.forge.get_pull(ref)
    gitlab.server.forge.commit(NAME, "change", {"main.tf": "two\n"})
    facts = gitlab.forge.pull_facts(pull, own_statuses=OWN)
    assert (facts.mergeable, facts.mergeable_reason) == (False, "it has changed since Thera read it")


def test_how_far_the_base_is_ahead_is_told(gitlab: GitLabWorld) -> None:
    ref = gitlab.open_pull()
    gitlab.move_base(ref)
    facts = facts_of(gitlab, ref)
    assert (facts.undiverged, facts.undiverged_reason) == (False, "`main` is 1 commits ahead")
