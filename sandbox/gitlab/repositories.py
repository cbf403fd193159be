"""GitLab's REST routes: branches, commits, comparisons and protected branches.

Shapes: the examples of docs.gitlab.com/api/branches, /api/commits, /api/repositories and /api/protected_branches;
`get_branch.json` and `get_commit.json` of go-gitlab 0.73 (Apache-2.0).
"""

from flask import Blueprint, Response, g, jsonify

from sandbox.gitlab.access import need, readable, visible
from sandbox.gitlab.answers import Json, Refused, absent, asked, flag, needed, paged
from sandbox.gitlab.commit_json import commit_json, find_commit
from sandbox.gitlab.diffs import diffs
from sandbox.gitlab.pipeline_json import pipeline_basic
from sandbox.gitlab.pipelines import pipeline_status
from sandbox.gitlab.state import DEVELOPER, MAINTAINER, GitLab, Links
from sandbox.model import Protection, Repo


def _whole(hub: GitLab, repo: Repo, sha: str) -> Json:
    """A commit alone."""
    pipelines = [one for one in hub.project(repo).pipelines if one.sha == sha]
    last = pipelines[-1] if pipelines else None
    lines = repo.git.git("show", "--format=", "--numstat", sha).splitlines()
    counts = [line.split("\t")[:2] for line in lines if not line.startswith("-")]
    additions, deletions = (sum(int(count[side]) for count in counts) for side in (0, 1))
    return {
        **commit_json(g.links, repo, sha),
        "stats": {"additions": additions, "deletions": deletions, "total": additions + deletions},
        "status": pipeline_status(last) if last else None,
        "project_id": repo.id,
        "last_pipeline": pipeline_basic(g.links, repo, last) if last else None,
    }


def _branch(hub: GitLab, links: Links, repo: Repo, name: str, sha: str) -> Json:
    can_push = hub.level(repo, g.login) >= DEVELOPER
    return {
        "name": name,
        "commit": commit_json(links, repo, sha),
        "merged": False,
        "protected": name in repo.protections,
        "developers_can_push": False,
        "developers_can_merge": False,
        "can_push": can_push,
        "default": name == repo.default_branch,
        "web_url": f"{links.web}/{repo.full_name}/-/tree/{name}",
    }


def add_repositories(api: Blueprint, hub: GitLab) -> None:
    """Add the routes of branches, commits and comparisons."""

    @api.get("/projects/<part:project>/repository/branches")
    def _branches(project: str) -> Response:
        repo = readable(hub, project)
        names = repo.git.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()
        term = str(asked().get("search", ""))
        found = [name for name in names if term in name]
        return paged([_branch(hub, g.links, repo, name, str(find_commit(repo, name))) for name in found])

    @api.get("/projects/<part:project>/repository/branches/<part:branch>")
    def _one_branch(project: str, branch: str) -> Response:
        repo = readable(hub, project)
        sha = repo.git.sha(f"refs/heads/{branch}")
        if sha is None:
            raise absent("Branch")
        return jsonify(_branch(hub, g.links, repo, branch, sha))

    @api.delete("/projects/<part:project>/repository/branches/<part:branch>")
    def _no_branch(project: str, branch: str) -> tuple[str, int]:
        repo = readable(hub, project)
        login = need(hub, repo, DEVELOPER)
        if repo.git.sha(f"refs/heads/{branch}") is None:
            raise absent("Branch")
        if branch in {repo.default_branch, *repo.protections}:
            raise Refused(403, "Protected branches cannot be removed")
        repo.git.git("update-ref", "-d", f"refs/heads/{branch}")
        hub.forge.pushed(repo.full_name, login)
        return "", 204

    @api.get("/projects/<part:project>/repository/commits/<part:ref>")
    def _commit(project: str, ref: str) -> Response:
        repo = readable(hub, project)
        sha = find_commit(repo, ref)
        if sha is None:
            raise absent("Commit")
        return jsonify(_whole(hub, repo, sha))


def add_comparison(api: Blueprint, hub: GitLab) -> None:
    """Add the route of comparisons."""

    @api.get("/projects/<part:project>/repository/compare")
    def _compare(project: str) -> Response:
        repo = readable(hub, project)
        base, head = find_commit(repo, str(needed("from"))), find_commit(repo, str(needed("to")))
        if base is None or head is None:
            raise absent("Ref")
        start = base if flag("straight") else repo.git.git("merge-base", base, head)
        shas = repo.git.git("rev-list", "--reverse", f"{start}..{head}").split()
        commits = [commit_json(g.links, repo, sha) for sha in shas]
        found: Json = {
            "commit": commits[-1] if commits else None,
            "commits": commits,
            "diffs": diffs(repo, start, head),
            "compare_timeout": False,
            "compare_same_ref": base == head,
            "web_url": f"{g.links.web}/{repo.full_name}/-/compare/{base}...{head}",
        }
        return jsonify(found)


def add_protection(api: Blueprint, hub: GitLab) -> None:
    """Add the routes of protected branches; they are the forge's own, so that both faces know of them."""

    @api.get("/projects/<part:project>/protected_branches")
    def _protected_branches(project: str) -> Response:
        repo = visible(hub, project)
        need(hub, repo, DEVELOPER)
        return paged([_protected(name, n) for n, name in enumerate(repo.protections, 1)])

    @api.get("/projects/<part:project>/protected_branches/<part:branch>")
    def _protected_branch(project: str, branch: str) -> Response:
        repo = visible(hub, project)
        need(hub, repo, DEVELOPER)
        if branch not in repo.protections:
            raise absent()
        return jsonify(_protected(branch, list(repo.protections).index(branch) + 1))

    @api.post("/projects/<part:project>/protected_branches")
    def _protect(project: str) -> tuple[Response, int]:
        repo = visible(hub, project)
        need(hub, repo, MAINTAINER)
        branch = str(needed("name"))
        if branch in repo.protections:
            raise Refused(409, f"Protected branch '{branch}' already exists")
        repo.protections[branch] = Protection()
        return jsonify(_protected(branch, len(repo.protections))), 201

    @api.delete("/projects/<part:project>/protected_branches/<part:branch>")
    def _unprotect(project: str, branch: str) -> tuple[str, int]:
        repo = visible(hub, project)
        need(hub, repo, MAINTAINER)
        if repo.protections.pop(branch, None) is None:
            raise absent()
        return "", 204


def _protected(branch: str, number: int) -> Json:
    level = {"access_level": MAINTAINER, "access_level_description": "Maintainers", "user_id": None, "group_id": None}
    return {
        "id": number,
        "name": branch,
        "push_access_levels": [{"id": number, "deploy_key_id": None, **level}],
        "merge_access_levels": [{"id": number, **level}],
        "allow_force_push": False,
        "unprotect_access_levels": [],
        "code_owner_approval_required": False,
        "inherited": False,
    }
