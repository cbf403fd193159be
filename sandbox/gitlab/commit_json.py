"""Commits in GitLab's JSON.

Shape: docs.gitlab.com/api/commits; `get_commit.json` of go-gitlab 0.73 (Apache-2.0).
"""

from sandbox.gitlab.answers import Json
from sandbox.gitlab.state import Links
from sandbox.model import Repo

NO_COMMIT = "0" * 40
_LOG = "--format=%H%x00%h%x00%aI%x00%cI%x00%an%x00%ae%x00%cn%x00%ce%x00%P%x00%B"


def commit_json(links: Links, repo: Repo, sha: str) -> Json:
    """A commit."""
    raw = repo.git.git("log", "-1", _LOG, sha).split("\0")
    full, _, authored, committed, author, author_email, committer, committer_email, parents, message = raw
    return {
        "id": full,
        "short_id": full[:8],
        "created_at": committed,
        "parent_ids": parents.split(),
        "title": message.partition("\n")[0],
        "message": message,
        "author_name": author,
        "author_email": author_email,
        "authored_date": authored,
        "committer_name": committer,
        "committer_email": committer_email,
        "committed_date": committed,
        "trailers": {},
        "extended_trailers": {},
        "web_url": f"{links.web}/{repo.full_name}/-/commit/{full}",
    }


def find_commit(repo: Repo, ref: str) -> str | None:
    """Resolve a name of a branch or tag, or a commit."""
    return repo.git.sha(f"refs/heads/{ref}") or repo.git.sha(f"refs/tags/{ref}") or repo.git.sha(ref)
