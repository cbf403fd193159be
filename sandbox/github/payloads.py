"""Our model in GitHub's JSON. Fields are those that its published OpenAPI description requires."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

from sandbox.forge import SandboxForge
from sandbox.model import Comment, Hook, Pull, Repo, Review, Status

Json = dict[str, Any]


_REPO_LINKS = tuple(
    """archive assignees blobs branches collaborators comments commits compare contents contributors
    deployments downloads events forks git_commits git_refs git_tags hooks issue_comment issue_events
    issues keys labels languages merges milestones notifications pulls releases stargazers statuses
    subscribers subscription tags teams trees""".split()  # noqa: SIM905  (read as a list of words)
)


def stamp(moment: datetime | None) -> str | None:
    """Write a time as GitHub does."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Payloads:
    """Writes JSON whose links lead back here: `api` is the API's base address, `web` the pages'."""

    def __init__(self, forge: SandboxForge, *, api: str, web: str) -> None:
        self.forge, self.api, self.web = forge, api, web

    def user(self, login: str) -> Json:
        """A user."""
        known = self.forge.users.get(login)
        base = f"{self.api}/users/{login}"
        urls = ("followers", "gists", "starred", "subscriptions", "organizations", "repos", "events", "following")
        return {
            "login": login,
            "id": known.id if known else 1,
            "node_id": f"U_{login}",
            "avatar_url": f"{self.web}/static/person.svg",
            "gravatar_id": "",
            "url": base,
            "html_url": f"{self.web}/{login}",
            **{f"{name}_url": f"{base}/{name}" for name in urls},
            "received_events_url": f"{base}/received_events",
            "type": "User",
            "site_admin": False,
        }

    def repo(self, repo: Repo) -> Json:
        """A repository, as it stands in other payloads and alone."""
        owner, _, name = repo.full_name.partition("/")
        base = f"{self.api}/repos/{repo.full_name}"
        created = stamp(repo.created_at)
        return {
            "id": repo.id,
            "node_id": f"R_{repo.id}",
            "name": name,
            "full_name": repo.full_name,
            "private": repo.private,
            "owner": self.user(owner),
            "html_url": f"{self.web}/{repo.full_name}",
            "description": None,
            "fork": False,
            "url": base,
            **{f"{link}_url": f"{base}/{link}" for link in _REPO_LINKS},
            "clone_url": f"{self.web}/{repo.full_name}.git",
            "git_url": f"git://sandbox/{repo.full_name}.git",
            "ssh_url": f"git@sandbox:{repo.full_name}.git",
            "svn_url": f"{self.web}/{repo.full_name}",
            "mirror_url": None,
            "homepage": None,
            "language": "HCL",
            "forks_count": 0,
            "forks": 0,
            "stargazers_count": 0,
            "watchers_count": 0,
            "watchers": 0,
            "size": 1,
            "default_branch": repo.default_branch,
            "open_issues_count": 0,
            "open_issues": 0,
            "topics": [],
            "has_issues": True,
            "has_projects": False,
            "has_wiki": False,
            "has_pages": False,
            "has_downloads": False,
            "has_discussions": False,
            "archived": False,
            "disabled": False,
            "visibility": "private" if repo.private else "public",
            "pushed_at": created,
            "created_at": created,
            "updated_at": created,
            "license": None,
            "is_template": False,
            "web_commit_signoff_required": False,
            "allow_forking": True,
            "network_count": 0,
            "subscribers_count": 0,
        }

    def _end(self, repo: Repo, full_name: str, ref: str, sha: str) -> Json:
        source = self.forge.repos.get(full_name)
        owner = full_name.partition("/")[0]
        return {
            "label": f"{owner}:{ref}",
            "ref": ref,
            "sha": sha,
            "user": self.user(owner),
            "repo": self.repo(source) if source else self.repo(repo),
        }

    def pull(self, repo: Repo, pull: Pull, *, full: bool = True) -> Json:
        """A pull request; `full` adds what only the single one has."""
        base = f"{self.api}/repos/{repo.full_name}/pulls/{pull.number}"
        issue = f"{self.api}/repos/{repo.full_name}/issues/{pull.number}"
        page = f"{self.web}/{repo.full_name}/pull/{pull.number}"
        statuses = f"{self.api}/repos/{repo.full_name}/statuses/{pull.head_sha}"
        base_sha = repo.git.sha(f"refs/heads/{pull.base_ref}") or pull.head_sha
        links = {
            "self": base,
            "html": page,
            "issue": issue,
            "comments": f"{issue}/comments",
            "review_comments": f"{base}/comments",
            "review_comment": f"{base}/comments{{/number}}",
            "commits": f"{base}/commits",
            "statuses": statuses,
        }
        found: Json = {
            "url": base,
            "id": pull.id,
            "node_id": f"PR_{pull.id}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "issue_url": issue,
            "commits_url": f"{base}/commits",
            "review_comments_url": f"{base}/comments",
            "review_comment_url": f"{base}/comments{{/number}}",
            "comments_url": f"{issue}/comments",
            "statuses_url": statuses,
            "number": pull.number,
            "state": pull.state,
            "locked": False,
            "title": pull.title,
            "user": self.user(pull.author),
            "body": pull.body,
            "labels": [self._label(repo, name) for name in pull.labels],
            "milestone": None,
            "active_lock_reason": None,
            "created_at": stamp(pull.created_at),
            "updated_at": stamp(pull.updated_at),
            "closed_at": stamp(pull.updated_at) if pull.state == "closed" else None,
            "merged_at": stamp(pull.merged_at),
            "merge_commit_sha": pull.merge_sha,
            "assignee": None,
            "assignees": [],
            "requested_reviewers": [],
            "requested_teams": [],
            "head": self._end(repo, pull.head_repo, pull.head_ref, pull.head_sha),
            "base": self._end(repo, repo.full_name, pull.base_ref, base_sha),
            "_links": {name: {"href": href} for name, href in links.items()},
            "author_association": "CONTRIBUTOR",
            "auto_merge": None,
            "draft": pull.draft,
        }
        return found | self._facts(repo, pull) if full else found

    def _facts(self, repo: Repo, pull: Pull) -> Json:
        merged = pull.merged_at is not None
        state = "unknown" if pull.state == "closed" else self.forge.mergeable_state(repo, pull)
        base, head = f"refs/heads/{pull.base_ref}", f"refs/pull/{pull.number}/head"
        return {
            "merged": merged,
            "mergeable": None if merged else state != "dirty",
            "rebaseable": None,
            "mergeable_state": state,
            "merged_by": self.user(pull.merged_by) if pull.merged_by else None,
            "comments": len(pull.comments),
            "review_comments": 0,
            "maintainer_can_modify": False,
            "commits": max(repo.git.ahead_behind(base, head)[0], 1),
            "additions": 1,
            "deletions": 0,
            "changed_files": len(repo.git.changes(base, head)),
        }

    def comment(self, repo: Repo, pull: Pull, comment: Comment) -> Json:
        """An issue comment."""
        base = f"{self.api}/repos/{repo.full_name}/issues"
        kinds = ("+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket")
        counts = {kind: sum(content == kind for _, content in comment.reactions) for kind in kinds}
        return {
            "id": comment.id,
            "node_id": f"IC_{comment.id}",
            "url": f"{base}/comments/{comment.id}",
            "html_url": f"{self.web}/{repo.full_name}/pull/{pull.number}#issuecomment-{comment.id}",
            "issue_url": f"{base}/{pull.number}",
            "body": comment.body,
            "user": self.user(comment.author),
            "created_at": stamp(comment.created_at),
            "updated_at": stamp(comment.updated_at),
            "author_association": "CONTRIBUTOR",
            "performed_via_github_app": None,
            "reactions": {
                "url": f"{base}/comments/{comment.id}/reactions",
                "total_count": len(comment.reactions),
                **counts,
            },
        }

    def _label(self, repo: Repo, name: str) -> Json:
        number = 1 + sum(name.encode())
        return {
            "id": number,
            "node_id": f"LA_{number}",
            "url": f"{self.api}/repos/{repo.full_name}/labels/{quote(name)}",
            "name": name,
            "description": None,
            "color": "ededed",
            "default": False,
        }

    def issue(self, repo: Repo, pull: Pull) -> Json:
        """A pull, seen as an issue."""
        base = f"{self.api}/repos/{repo.full_name}/issues/{pull.number}"
        page = f"{self.web}/{repo.full_name}/pull/{pull.number}"
        api = f"{self.api}/repos/{repo.full_name}/pulls/{pull.number}"
        return {
            "url": base,
            "repository_url": f"{self.api}/repos/{repo.full_name}",
            "labels_url": f"{base}/labels{{/name}}",
            "comments_url": f"{base}/comments",
            "events_url": f"{base}/events",
            "timeline_url": f"{base}/timeline",
            "html_url": page,
            "id": pull.id + 1,
            "node_id": f"PR_{pull.id}",
            "number": pull.number,
            "title": pull.title,
            "user": self.user(pull.author),
            "labels": [self._label(repo, name) for name in pull.labels],
            "state": pull.state,
            "locked": False,
            "assignee": None,
            "assignees": [],
            "milestone": None,
            "comments": len(pull.comments),
            "created_at": stamp(pull.created_at),
            "updated_at": stamp(pull.updated_at),
            "closed_at": None,
            "author_association": "CONTRIBUTOR",
            "active_lock_reason": None,
            "draft": pull.draft,
            "pull_request": {
                "url": api,
                "html_url": page,
                "diff_url": f"{page}.diff",
                "patch_url": f"{page}.patch",
                "merged_at": stamp(pull.merged_at),
            },
            "body": pull.body,
            "reactions": self._no_reactions(base),
            "performed_via_github_app": None,
        }

    def _no_reactions(self, base: str) -> Json:
        kinds = ("+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket")
        return {"url": f"{base}/reactions", "total_count": 0, **dict.fromkeys(kinds, 0)}

    def review(self, repo: Repo, pull: Pull, review: Review) -> Json:
        """A review."""
        page = f"{self.web}/{repo.full_name}/pull/{pull.number}"
        api = f"{self.api}/repos/{repo.full_name}/pulls/{pull.number}"
        return {
            "id": review.id,
            "node_id": f"PRR_{review.id}",
            "user": self.user(review.author),
            "body": review.body,
            "state": review.state,
            "html_url": f"{page}#pullrequestreview-{review.id}",
            "pull_request_url": api,
            "author_association": "CONTRIBUTOR",
            "_links": {"html": {"href": page}, "pull_request": {"href": api}},
            "submitted_at": stamp(review.submitted_at),
            "commit_id": review.commit,
        }

    def status(self, repo: Repo, sha: str, status: Status) -> Json:
        """A commit status."""
        return {
            "url": f"{self.api}/repos/{repo.full_name}/statuses/{sha}",
            "avatar_url": f"{self.web}/static/person.svg",
            "id": status.id,
            "node_id": f"SC_{status.id}",
            "state": status.state,
            "description": status.description,
            "target_url": status.target_url,
            "context": status.context,
            "created_at": stamp(status.created_at),
            "updated_at": stamp(status.created_at),
            "creator": self.user(status.author),
        }

    def commit(self, repo: Repo, sha: str) -> Json:
        """Write a commit."""
        base = f"{self.api}/repos/{repo.full_name}/commits/{sha}"
        person = {"name": "Sandbox", "email": "sandbox@forge.invalid", "date": stamp(repo.created_at)}
        return {
            "sha": sha,
            "node_id": f"C_{sha}",
            "url": base,
            "html_url": f"{self.web}/{repo.full_name}/commit/{sha}",
            "comments_url": f"{base}/comments",
            "author": None,
            "committer": None,
            "parents": [],
            "commit": {
                "url": base,
                "author": person,
                "committer": person,
                "message": "A commit",
                "comment_count": 0,
                "tree": {"sha": sha, "url": base},
            },
        }

    def simple_status(self, repo: Repo, sha: str, status: Status) -> Json:
        """A status inside a combined one."""
        return {key: value for key, value in self.status(repo, sha, status).items() if key != "creator"}

    def hook(self, repo: Repo, hook: Hook) -> Json:
        """A webhook subscription, its secret hidden."""
        base = f"{self.api}/repos/{repo.full_name}/hooks/{hook.id}"
        return {
            "type": "Repository",
            "id": hook.id,
            "name": "web",
            "active": True,
            "events": list(hook.events),
            "config": {"content_type": "json", "insecure_ssl": "0", "url": hook.url, "secret": "********"},
            "updated_at": stamp(repo.created_at),
            "created_at": stamp(repo.created_at),
            "url": base,
            "test_url": f"{base}/test",
            "ping_url": f"{base}/pings",
            "deliveries_url": f"{base}/deliveries",
            "last_response": {"code": None, "status": "unused", "message": None},
        }
