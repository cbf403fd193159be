"""The bodies of GitLab's webhooks.

Shapes: docs.gitlab.com/user/project/integrations/webhook_events; `webhooks/*.json` of go-gitlab 0.73 (Apache-2.0).
"""

from collections.abc import Mapping
from typing import Any

from sandbox.branches import NOTHING
from sandbox.gitlab.answers import Json
from sandbox.gitlab.hook_json import (
    hook_commit,
    hook_merge_request,
    hook_project,
    hook_repository,
    hook_user,
)
from sandbox.gitlab.judge import detailed_merge_status, merge_status
from sandbox.gitlab.merge_json import page_of, state_of, title_of
from sandbox.gitlab.pipelines import FINISHED, latest_jobs, pipeline_status
from sandbox.gitlab.state import GitLab, Job, Links, Pipeline
from sandbox.gitlab.times import spoken
from sandbox.model import Comment, Pull, Repo

_MOST_COMMITS = 20


def merge_request_body(hub: GitLab, links: Links, repo: Repo, pull: Pull, actor: str) -> Json:
    """What every Merge Request Hook has; the action, and what changed, come to it."""
    found = hook_merge_request(hub, links, repo, pull)
    return {
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": hook_user(hub, links, actor),
        "project": hook_project(links, repo),
        "object_attributes": found,
        "labels": found["labels"],
        "changes": {},
        "repository": hook_repository(links, repo),
    }


def note_body(hub: GitLab, links: Links, repo: Repo, pull: Pull, comment: Comment, actor: str) -> Json:
    """What every Note Hook on a merge request has; the action comes to it."""
    author = hub.forge.users.get(comment.author)
    thread = hub.talk(repo, pull).thread_of(comment.id)
    attributes = {
        "attachment": None,
        "author_id": author.id if author else 1,
        "change_position": None,
        "commit_id": None,
        "created_at": spoken(comment.created_at),
        "discussion_id": thread.id if thread else "",
        "id": comment.id,
        "internal": False,
        "line_code": None,
        "note": comment.body,
        "noteable_id": pull.id,
        "noteable_type": "MergeRequest",
        "original_position": None,
        "position": None,
        "project_id": repo.id,
        "resolved_at": None,
        "resolved_by_id": None,
        "resolved_by_push": None,
        "st_diff": None,
        "system": False,
        "type": "DiscussionNote" if thread and not thread.individual else None,
        "updated_at": spoken(comment.updated_at),
        "updated_by_id": None,
        "description": comment.body,
        "url": f"{page_of(links, repo, pull)}#note_{comment.id}",
    }
    return {
        "object_kind": "note",
        "event_type": "note",
        "user": hook_user(hub, links, actor),
        "project_id": repo.id,
        "project": hook_project(links, repo),
        "object_attributes": attributes,
        "repository": hook_repository(links, repo),
        "merge_request": hook_merge_request(hub, links, repo, pull),
    }


def push_body(hub: GitLab, links: Links, repo: Repo, facts: Mapping[str, Any]) -> Json:
    """A Push Hook."""
    ref, before, after = (str(facts[name]) for name in ("ref", "before", "after"))
    user = hook_user(hub, links, str(facts["actor"]))
    gone = after == NOTHING
    since = [f"^{before}"] if before != NOTHING else [f"^refs/heads/{repo.default_branch}"]
    shas = [] if gone else repo.git.git("rev-list", "--reverse", after, *since).split()
    return {
        "object_kind": "push",
        "event_name": "push",
        "before": before,
        "after": after,
        "ref": ref,
        "ref_protected": ref.removeprefix("refs/heads/") in repo.protections,
        "checkout_sha": None if gone else after,
        "message": None,
        "user_id": user["id"],
        "user_name": user["name"],
        "user_username": user["username"],
        "user_email": "",
        "user_avatar": user["avatar_url"],
        "project_id": repo.id,
        "project": hook_project(links, repo),
        "commits": [_pushed(links, repo, sha) for sha in shas[-_MOST_COMMITS:]],
        "total_commits_count": len(shas),
        "push_options": {},
        "repository": {
            **hook_repository(links, repo),
            "git_http_url": f"{links.web}/{repo.full_name}.git",
            "git_ssh_url": f"git@sandbox:{repo.full_name}.git",
            "visibility_level": 0 if repo.private else 20,
        },
    }


def _pushed(links: Links, repo: Repo, sha: str) -> Json:
    words = repo.git.git("show", "--format=", "--name-status", "--no-renames", "-z", sha).split("\0")
    pairs = list(zip(words[::2], words[1::2], strict=False))
    names = {kind: [path for letter, path in pairs if letter.strip() == kind] for kind in "AMD"}
    return hook_commit(links, repo, sha) | {"added": names["A"], "modified": names["M"], "removed": names["D"]}


def pipeline_body(hub: GitLab, links: Links, repo: Repo, pipeline: Pipeline) -> Json:
    """A Pipeline Hook."""
    status = pipeline_status(pipeline)
    done = status in FINISHED
    return {
        "object_kind": "pipeline",
        "object_attributes": {
            "id": pipeline.id,
            "iid": pipeline.iid,
            "name": None,
            "ref": pipeline.ref,
            "tag": False,
            "sha": pipeline.sha,
            "before_sha": NOTHING,
            "source": pipeline.source,
            "status": status,
            "detailed_status": {"success": "passed", "skipped": "skipped"}.get(status, status),
            "stages": ["external" if job.external else "test" for job in pipeline.jobs[:1]],
            "created_at": spoken(pipeline.created_at),
            "finished_at": spoken(pipeline.updated_at) if done else None,
            "duration": 0 if done else None,
            "queued_duration": 0,
            "variables": [],
            "url": f"{links.web}/{repo.full_name}/-/pipelines/{pipeline.id}",
        },
        "merge_request": _pull_of(hub, links, repo, pipeline),
        "user": hook_user(hub, links, pipeline.user),
        "project": hook_project(links, repo),
        "commit": hook_commit(links, repo, pipeline.sha),
        "builds": [_build(hub, links, job) for job in latest_jobs(pipeline) if not job.external],
    }


def _pull_of(hub: GitLab, links: Links, repo: Repo, pipeline: Pipeline) -> Json | None:
    pull = repo.pulls.get(pipeline.pull or 0)
    if pull is None:
        return None
    return {
        "id": pull.id,
        "iid": pull.number,
        "title": title_of(pull),
        "source_branch": pull.head_ref,
        "source_project_id": hub.forge.repos.get(pull.head_repo, repo).id,
        "target_branch": pull.base_ref,
        "target_project_id": repo.id,
        "state": state_of(pull),
        "merge_status": merge_status(hub, repo, pull),
        "detailed_merge_status": detailed_merge_status(hub, repo, pull),
        "url": page_of(links, repo, pull),
    }


def _build(hub: GitLab, links: Links, job: Job) -> Json:
    return {
        "id": job.id,
        "stage": "test",
        "name": job.name,
        "status": job.status,
        "created_at": spoken(job.created_at),
        "started_at": spoken(job.started_at),
        "finished_at": spoken(job.finished_at),
        "duration": None,
        "queued_duration": None,
        "failure_reason": "script_failure" if job.status == "failed" else None,
        "when": "on_success",
        "manual": False,
        "allow_failure": job.allow_failure,
        "user": hook_user(hub, links, job.user),
        "runner": None,
        "artifacts_file": {"filename": None, "size": None},
        "environment": None,
    }
