"""Merge requests in GitLab's JSON.

Shape: docs.gitlab.com/api/merge_requests, "Get single MR"; `get_merge_request.json` and `get_merge_requests.json`
of go-gitlab 0.73 (Apache-2.0).
"""

from sandbox.gitlab.answers import Json
from sandbox.gitlab.judge import (
    detailed_merge_status,
    diverged,
    merge_status,
    threads_resolved,
)
from sandbox.gitlab.people import person
from sandbox.gitlab.pipeline_json import pipeline_basic, pipeline_json
from sandbox.gitlab.pipelines import head_pipeline
from sandbox.gitlab.state import GitLab, Links
from sandbox.gitlab.times import moment
from sandbox.model import Pull, Repo

_TIME = {"time_estimate": 0, "total_time_spent": 0, "human_time_estimate": None, "human_total_time_spent": None}


def state_of(pull: Pull) -> str:
    """Give `opened`, `closed` or `merged`."""
    return "merged" if pull.merged_at else "opened" if pull.state == "open" else "closed"


def title_of(pull: Pull) -> str:
    """Give the title: what makes a draft of a merge request is the beginning of its title."""
    return f"Draft: {pull.title}" if pull.draft else pull.title


def page_of(links: Links, repo: Repo, pull: Pull) -> str:
    """Give the address of a merge request's page."""
    return f"{links.web}/{repo.full_name}/-/merge_requests/{pull.number}"


def merge_request_basic(hub: GitLab, links: Links, repo: Repo, pull: Pull) -> Json:
    """A merge request as it stands in a list."""
    source = hub.forge.repos.get(pull.head_repo, repo)
    merged_by = person(hub, links, pull.merged_by) if pull.merged_by else None
    closed = pull.state == "closed" and not pull.merged_at
    return {
        "id": pull.id,
        "iid": pull.number,
        "project_id": repo.id,
        "title": title_of(pull),
        "description": pull.body,
        "state": state_of(pull),
        "created_at": moment(pull.created_at),
        "updated_at": moment(pull.updated_at),
        "merged_by": merged_by,
        "merge_user": merged_by,
        "merged_at": moment(pull.merged_at),
        "closed_by": person(hub, links, pull.author) if closed else None,
        "closed_at": moment(pull.updated_at) if closed else None,
        "target_branch": pull.base_ref,
        "source_branch": pull.head_ref,
        "user_notes_count": len(pull.comments),
        "upvotes": 0,
        "downvotes": 0,
        "author": person(hub, links, pull.author),
        "assignees": [],
        "assignee": None,
        "reviewers": [],
        "source_project_id": source.id,
        "target_project_id": repo.id,
        "labels": sorted(pull.labels),
        "draft": pull.draft,
        "imported": False,
        "imported_from": "none",
        "work_in_progress": pull.draft,
        "milestone": None,
        "merge_when_pipeline_succeeds": hub.talk(repo, pull).auto_merge is not None,
        "merge_after": None,
        "sha": pull.head_sha,
        "merge_commit_sha": pull.merge_sha,
        "squash_commit_sha": hub.talk(repo, pull).squash_sha,
        "discussion_locked": None,
        "should_remove_source_branch": None,
        "force_remove_source_branch": False,
        "prepared_at": moment(pull.created_at),
        "reference": f"!{pull.number}",
        "references": {
            "short": f"!{pull.number}",
            "relative": f"!{pull.number}",
            "full": f"{repo.full_name}!{pull.number}",
        },
        "web_url": page_of(links, repo, pull),
        "time_stats": dict(_TIME),
        "squash": hub.talk(repo, pull).squash_sha is not None,
        "squash_on_merge": False,
        "task_completion_status": {"count": 0, "completed_count": 0},
        **_standing(hub, repo, pull),
        "approvals_before_merge": hub.project(repo).settings.approvals_before_merge or None,
    }


def _standing(hub: GitLab, repo: Repo, pull: Pull) -> Json:
    """Say how a merge request stands; as long as the check is not done, conflicts are not known and so not told."""
    status = merge_status(hub, repo, pull)
    return {
        "merge_status": status,
        "detailed_merge_status": detailed_merge_status(hub, repo, pull),
        "has_conflicts": status == "cannot_be_merged",
        "blocking_discussions_resolved": threads_resolved(hub.talk(repo, pull)),
    }


def merge_request_json(
    hub: GitLab, links: Links, repo: Repo, pull: Pull, *, can_merge: bool, count_diverged: bool = False
) -> Json:
    """A merge request alone."""
    head = head_pipeline(hub, repo, pull)
    base = repo.git.sha(f"refs/heads/{pull.base_ref}") or pull.head_sha
    if pull.merge_sha:
        base = repo.git.sha(f"{pull.merge_sha}^1") or base
    fork_point = repo.git.git("merge-base", base, pull.head_sha)
    changes = len(repo.git.changes(base, pull.head_sha))
    found = {
        **merge_request_basic(hub, links, repo, pull),
        "subscribed": False,
        "changes_count": str(changes) if changes else None,
        "latest_build_started_at": None,
        "latest_build_finished_at": None,
        "first_deployed_to_production_at": None,
        "pipeline": pipeline_basic(links, repo, head) if head else None,
        "head_pipeline": pipeline_json(hub, links, repo, head) if head else None,
        "diff_refs": {"base_sha": fork_point, "head_sha": pull.head_sha, "start_sha": base},
        "merge_error": None,
        "first_contribution": False,
        "user": {"can_merge": can_merge},
    }
    if count_diverged:
        found["diverged_commits_count"] = diverged(repo, pull) if pull.state == "open" else 0
    return found
