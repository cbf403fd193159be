"""Whether GitLab would let a merge request be merged, our own statuses aside; judged as pure functions.

GitLab names one thing that blocks a merge, and speaks of the pipeline only when every other check has passed
(gitlab: `app/services/merge_requests/mergeability/detailed_merge_status_service.rb`). What cannot be judged is never
a "yes": the reason then says what Thera could not see.
"""

from collections.abc import Sequence
from dataclasses import dataclass

MERGEABLE = "mergeable"
COMPUTING = frozenset({"unchecked", "checking", "preparing", "approvals_syncing"})
PIPELINE = frozenset({"ci_must_pass", "ci_still_running"})
_LOOK = "look at the merge request"
_GREEN = frozenset({"success", "skipped"})
_TOLERATED = _GREEN | {"failed", "canceled", "manual"}  # where a job may fail, these do not hold up its pipeline
# docs.gitlab.com/api/merge_requests, "Merge status"; `blocked_status`, `external_status_checks`, `policies_denied` and
# `jira_association` are the same checks' names before GitLab 16.
_REASONS = {
    "": "GitLab does not say whether it can be merged; versions before 15.6 never do",
    "not_open": "it is closed",
    "draft_status": "it is a draft",
    "conflict": "it conflicts with its target branch",
    "broken_status": "it conflicts with its target branch",
    "need_rebase": "its branch is behind the target branch, and the project wants it rebased",
    "commits_status": "its source branch is gone or has no commits",
    "not_approved": "an approval is missing that the project's rules want",
    "requested_changes": "a reviewer asked for changes",
    "discussions_not_resolved": "a thread is not resolved, and the project wants all of them to be",
    "merge_request_blocked": "it waits for another merge request to be merged first",
    "blocked_status": "it waits for another merge request to be merged first",
    "status_checks_must_pass": "an external status check has not passed",
    "external_status_checks": "an external status check has not passed",
    "policies_denied": "a license or security policy denies it",
    "security_policy_violations": "a security policy is violated",
    "security_policy_pipeline_check": "a security policy wants every pipeline of the commit to succeed",
    "jira_association": "neither its title nor its description names a Jira issue, and the project wants one",
    "jira_association_missing": "neither its title nor its description names a Jira issue, and the project wants one",
    "title_regex": "its title is not of the form that the project wants",
    "locked_paths": "somebody has locked a file that it changes",
    "locked_lfs_files": "somebody has locked a Git LFS file that it changes",
    "merge_time": "it may not be merged before the time set in it",
}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job of a pipeline: GitLab's own, a trigger's, or a status that somebody posted."""

    name: str
    state: str
    allow_failure: bool = False


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """The pipeline that decides about a merge request, with the last try of each job; `hidden` if none may be read."""

    state: str
    jobs: Sequence[Job] = ()
    hidden: bool = False


@dataclass(frozen=True, kw_only=True)
class ApprovalRule:
    """One approval rule of the paid editions."""

    name: str
    approved: bool


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What GitLab says of a merge request now.

    `state` is its `detailed_merge_status`. `writers` are those of the approvers who are at least Developers.
    `behind` means that the project wants the branch rebased. `approvals_left` is 0 where the edition has no approval
    rules. `behind` and `pipeline` are read only where the pipeline is what blocks.
    """

    state: str
    author: str
    draft: bool = False
    conflicts: bool = False
    behind: bool = False
    unresolved: bool = False
    approvers: Sequence[str] = ()
    writers: frozenset[str] = frozenset()
    rules: Sequence[ApprovalRule] = ()
    approvals_left: int = 0
    pipeline: Pipeline | None = None


def approval(situation: Situation) -> tuple[bool, str]:
    """Say whether it is approved, and if not, why, in a half sentence.

    GitLab calls a merge request approved where no rule wants an approval, though nobody has looked at it: that is not
    what is asked here. Somebody else with the role has to, and every rule has to be satisfied.
    """
    if situation.state == "requested_changes":
        return False, _REASONS["requested_changes"]
    others = [who for who in situation.approvers if who.lower() != situation.author.lower()]
    counted = [who for who in others if who in situation.writers]
    missing = _approvals_missing(situation)
    if counted:
        return not missing, missing
    if others:
        return False, f"{min(others)} approved it, but is not a Developer of the project"
    return False, "nobody has approved it" if not situation.approvers else "nobody but its author has approved it"


def _approvals_missing(situation: Situation) -> str:
    rule = next((rule for rule in situation.rules if not rule.approved), None)
    if rule is not None:
        return f"the approval rule {rule.name!r} is not satisfied"
    left = situation.approvals_left
    return f"it lacks {left} more approval{'s' if left > 1 else ''}" if left > 0 else ""


def mergeability(situation: Situation, *, own_statuses: str | tuple[str, ...]) -> tuple[bool, str]:
    """Say whether GitLab would merge it if our own statuses were green, and if not, what is in the way."""
    state = situation.state
    if state == MERGEABLE:
        return True, ""
    if state in PIPELINE:
        reason = _beside_the_pipeline(situation) or _in_the_pipeline(situation.pipeline, own_statuses)
        return not reason, reason
    if state in COMPUTING:
        return False, "GitLab is still computing whether it can be merged"
    if state == "not_approved" and _approvals_missing(situation):
        return False, _approvals_missing(situation)
    return False, _REASONS.get(state, f"GitLab calls it {state!r}, which Thera does not know; {_LOOK}")


def _beside_the_pipeline(situation: Situation) -> str:
    """Look at what GitLab should have named first: an older one may have another order of its checks."""
    if situation.draft:
        return _REASONS["draft_status"]
    if situation.conflicts:
        return _REASONS["conflict"]
    if situation.behind:
        return _REASONS["need_rebase"]
    if situation.unresolved:
        return _REASONS["discussions_not_resolved"]
    return _approvals_missing(situation)


def _in_the_pipeline(pipeline: Pipeline | None, own_statuses: str | tuple[str, ...]) -> str:
    """Name the job that holds a pipeline up; empty where nothing but our own statuses does."""
    if pipeline is None:
        return "the project wants a green pipeline, and none has run for this commit"
    for job in sorted(pipeline.jobs, key=lambda job: job.name):
        if not job.name.startswith(own_statuses) and not _lets_pass(job):
            return f"the pipeline's job {job.name!r} is {job.state}"
    if any(job.name.startswith(own_statuses) and not _lets_pass(job) for job in pipeline.jobs):
        return ""
    if pipeline.hidden:
        return f"its pipeline is {pipeline.state}, and Thera may not see the jobs (it runs in another project)"
    return f"its pipeline is {pipeline.state}, and no job of it says why; {_LOOK}"


def _lets_pass(job: Job) -> bool:
    return job.state in (_TOLERATED if job.allow_failure else _GREEN)
