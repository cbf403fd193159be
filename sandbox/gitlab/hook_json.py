"""The parts that GitLab's webhooks are made of.

Shapes: docs.gitlab.com/user/project/integrations/webhook_events; `webhooks/*.json` of go-gitlab 0.73 (Apache-2.0).
"""

from sandbox.gitlab.answers import Json
from sandbox.gitlab.judge import detailed_merge_status, merge_status, threads_resolved
from sandbox.gitlab.merge_json import page_of, state_of, title_of
from sandbox.gitlab.pipelines import head_pipeline
from sandbox.gitlab.state import GitLab, Links
from sandbox.gitlab.times import moment, spoken
from sandbox.model import Pull, Repo

_STATES = {"opened": 1, "closed": 2, "merged": 3}


def hook_user(hub: GitLab, links: Links, login: str) -> Json:
    """Who did it; people's addresses are private unless they say otherwise."""
    known = hub.forge.users.get(login)
    return {
        "id": known.id if known else 1,
        "name": login.capitalize(),
        "username": login,
        "avatar_url": f"{links.root}/static/person.svg",
        "email": "[REDACTED]",
    }


def hook_project(links: Links, repo: Repo) -> Json:
    """A project."""
    web, ssh = f"{links.web}/{repo.full_name}", f"git@sandbox:{repo.full_name}.git"
    return {
        "id": repo.id,
        "name": repo.full_name.rpartition("/")[2],
        "description": None,
        "web_url": web,
        "avatar_url": None,
        "git_ssh_url": ssh,
        "git_http_url": f"{web}.git",
        "namespace": repo.full_name.rpartition("/")[0].rpartition("/")[2],
        "visibility_level": 0 if repo.private else 20,
        "path_with_namespace": repo.full_name,
        "default_branch": repo.default_branch,
        "ci_config_path": None,
        "homepage": web,
        "url": ssh,
        "ssh_url": ssh,
        "http_url": f"{web}.git",
    }


def hook_repository(links: Links, repo: Repo) -> Json:
    """A project, as old hooks have it."""
    return {
        "name": repo.full_name.rpartition("/")[2],
        "url": f"git@sandbox:{repo.full_name}.git",
        "description": None,
        "homepage": f"{links.web}/{repo.full_name}",
    }


def hook_label(hub: GitLab, repo: Repo, title: str) -> Json:
    """A label."""
    return {
        "id": sum(map(ord, title)),
        "title": title,
        "color": "#ffffff",
        "project_id": repo.id,
        "created_at": spoken(repo.created_at),
        "updated_at": spoken(repo.created_at),
        "template": False,
        "description": None,
        "type": "ProjectLabel",
        "group_id": hub.group(repo.full_name.rpartition("/")[0]).id,
    }


def hook_commit(links: Links, repo: Repo, sha: str) -> Json:
    """A commit."""
    when, name, email, message = repo.git.git("log", "-1", "--format=%cI%x00%an%x00%ae%x00%B", sha).split("\0")
    return {
        "id": sha,
        "message": message,
        "title": message.partition("\n")[0],
        "timestamp": when,
        "url": f"{links.web}/{repo.full_name}/-/commit/{sha}",
        "author": {"name": name, "email": email},
    }


def hook_merge_request(hub: GitLab, links: Links, repo: Repo, pull: Pull) -> Json:
    """A merge request's attributes."""
    source = hub.forge.repos.get(pull.head_repo, repo)
    author = hub.forge.users.get(pull.author)
    merger = hub.forge.users.get(pull.merged_by or "")
    head = head_pipeline(hub, repo, pull)
    return {
        "assignee_id": None,
        "author_id": author.id if author else 1,
        "created_at": spoken(pull.created_at),
        "description": pull.body,
        "draft": pull.draft,
        "head_pipeline_id": head.id if head else None,
        "id": pull.id,
        "iid": pull.number,
        "last_edited_at": None,
        "last_edited_by_id": None,
        "merge_commit_sha": pull.merge_sha,
        "merge_error": None,
        "merge_params": {"force_remove_source_branch": "0"},
        "merge_status": merge_status(hub, repo, pull),
        "merge_user_id": merger.id if merger else None,
        "merge_when_pipeline_succeeds": False,
        "milestone_id": None,
        "source_branch": pull.head_ref,
        "source_project_id": source.id,
        "state_id": _STATES[state_of(pull)],
        "target_branch": pull.base_ref,
        "target_project_id": repo.id,
        "time_estimate": 0,
        "title": title_of(pull),
        "updated_at": spoken(pull.updated_at),
        "updated_by_id": None,
        "prepared_at": moment(pull.created_at),
        "assignee_ids": [],
        "blocking_discussions_resolved": threads_resolved(hub.talk(repo, pull)),
        "detailed_merge_status": detailed_merge_status(hub, repo, pull),
        "first_contribution": False,
        "human_time_change": None,
        "human_time_estimate": None,
        "human_total_time_spent": None,
        "labels": [hook_label(hub, repo, title) for title in pull.labels],
        "last_commit": hook_commit(links, repo, pull.head_sha),
        "reviewer_ids": [],
        "source": hook_project(links, source),
        "state": state_of(pull),
        "target": hook_project(links, repo),
        "time_change": 0,
        "total_time_spent": 0,
        "url": page_of(links, repo, pull),
        "work_in_progress": pull.draft,
    }
