"""What GitLab says of a merge request's approvals and pipeline, read and put into the words of `gitlab_rules`."""

from collections.abc import Iterator
from typing import Any

from gitlab.exceptions import GitlabHttpError

from server.domain.refs import PullRef, RepoRef
from server.forges.base import Permission
from server.forges.gitlab_client import GitLabApi, Json, project_path, pull_path
from server.forges.gitlab_rules import COMPUTING, PIPELINE, ApprovalRule, Job, Pipeline, Situation

_DEVELOPER = 30
_REBASING = frozenset({"rebase_merge", "ff"})
_UNREADABLE = frozenset({403, 404})
# docs.gitlab.com/api/access_requests, "Valid access levels": 5 minimal access, 10 guest, 15 planner, 20 reporter,
# 25 security manager, 30 developer, 40 maintainer, 50 owner, 60 administrator.
_LEVELS = ((40, Permission.ADMIN), (_DEVELOPER, Permission.WRITE), (10, Permission.READ))


def permission_of(level: int) -> Permission:
    """Put an access level into our words."""
    return next((permission for least, permission in _LEVELS if level >= least), Permission.NONE)


def is_computing(pull: Json) -> bool:
    """Say whether GitLab is not yet done with judging an open merge request."""
    return pull["state"] == "opened" and pull.get("detailed_merge_status") in COMPUTING


def read_situation(api: GitLabApi, ref: PullRef, pull: Json) -> Situation:
    """Read what a merge request's own answer leaves out; its pipeline only where that is what blocks."""
    approvals = api.get(f"{pull_path(ref)}/approvals")
    approvers = {one["user"]["username"]: int(one["user"]["id"]) for one in approvals.get("approved_by") or ()}
    author, state = str(pull["author"]["username"]), str(pull.get("detailed_merge_status") or "")
    return Situation(
        state=state,
        author=author,
        draft=is_draft(pull),
        conflicts=bool(pull.get("has_conflicts")),
        behind=state in PIPELINE and _needs_rebase(api, ref.repo, pull),
        unresolved=pull.get("blocking_discussions_resolved") is False,
        approvers=tuple(approvers),
        writers=frozenset(
            name
            for name, number in approvers.items()
            if name.lower() != author.lower() and _level(api, ref.repo, number) >= _DEVELOPER
        ),
        rules=_rules(api, ref) if "approvals_left" in approvals else (),
        approvals_left=int(approvals.get("approvals_left") or 0),
        pipeline=_pipeline(api, ref, pull) if state in PIPELINE else None,
    )


def _needs_rebase(api: GitLabApi, repo: RepoRef, pull: Json) -> bool:
    """Say whether the project makes no merge of a branch that is behind."""
    return bool(pull.get("diverged_commits_count")) and merges_by_rebase(api, repo)


def merges_by_rebase(api: GitLabApi, repo: RepoRef) -> bool:
    """Say whether a project merges by fast-forward, with a merge commit on top or without."""
    return api.get(project_path(repo)).get("merge_method") in _REBASING


def is_draft(pull: Json) -> bool:
    """Say whether a merge request is a draft."""
    return bool(pull.get("draft") or pull.get("work_in_progress"))


def _level(api: GitLabApi, repo: RepoRef, user: int) -> int:
    try:
        member = api.get(f"{project_path(repo)}/members/all/{user}")
    except GitlabHttpError as error:
        if error.response_code not in _UNREADABLE:
            raise
        return 0
    return int(member["access_level"]) if is_active(member) else 0


def is_active(member: Json) -> bool:
    """Say whether a membership counts: it does not of a blocked user, or of one who has to be let in first."""
    return {member.get("state", "active"), member.get("membership_state", "active")} == {"active"}


def _rules(api: GitLabApi, ref: PullRef) -> tuple[ApprovalRule, ...]:
    try:
        state = api.get(f"{pull_path(ref)}/approval_state")
    except GitlabHttpError as error:
        if error.response_code not in _UNREADABLE:
            raise
        return ()  # not every edition has it; `approvals_left` counts what its rules want
    return tuple(
        ApprovalRule(name=rule["name"], approved=bool(rule.get("approved"))) for rule in state.get("rules") or ()
    )


def _pipeline(api: GitLabApi, ref: PullRef, pull: Json) -> Pipeline | None:
    head = head_pipeline(api, ref.repo, pull)
    if head is None:
        return None
    state = str(head["status"])
    try:
        return Pipeline(state=state, jobs=tuple(_jobs(api, head)))
    except GitlabHttpError as error:
        if error.response_code not in _UNREADABLE:
            raise
        return Pipeline(state=state, hidden=True)


def _jobs(api: GitLabApi, head: Json) -> Iterator[Job]:
    """Read the last try of every job: GitLab counts its own among a commit's statuses (`lib/api/commit_statuses.rb`).

    Before 16.7 it neither picks those of one pipeline nor tells which one they are of: then all of the commit count.
    """
    number, path = head["id"], f"/projects/{head['project_id']}/repository/commits/{head['sha']}/statuses"
    for one in api.list(path, pipeline_id=number):
        if one.get("pipeline_id", number) == number:
            yield Job(name=one["name"], state=one["status"], allow_failure=bool(one["allow_failure"]))


def head_pipeline(api: GitLabApi, repo: RepoRef, pull: Json) -> dict[str, Any] | None:
    """Give the pipeline that GitLab judges a merge request by, if it is one of its head commit.

    A merged results pipeline runs on a commit that GitLab made of the head and the target branch.
    """
    head: dict[str, Any] | None = pull.get("head_pipeline")
    if head is None or head["sha"] == pull["sha"]:
        return head
    if not str(head.get("ref", "")).startswith("refs/merge-requests/"):
        return None
    made = api.get(f"{project_path(repo)}/repository/commits/{head['sha']}")
    return head if pull["sha"] in made.get("parent_ids", ()) else None
