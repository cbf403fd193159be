"""GitHub's REST routes: people, repositories, branches and statuses."""

from flask import Blueprint, Response, g, jsonify, make_response, request

from sandbox.forge import NoSuchThing, NotPossible, SandboxForge
from sandbox.github.answers import SLUG, Build, problem
from sandbox.github.apps import Apps
from sandbox.github.checks import add_checks
from sandbox.github.extras import add_comment_extras, add_hooks, add_teams
from sandbox.github.pulls import add_conversation, add_outcomes, add_pulls, add_reviews
from sandbox.github.rules import add_rules
from sandbox.hooks import HookSender
from sandbox.model import Status


def make_api(forge: SandboxForge, apps: Apps, sender: HookSender, build: Build) -> Blueprint:
    """Make the routes; `build` gives payloads whose links fit the request."""
    api = Blueprint("github", __name__)

    @api.before_request
    def _who() -> Response | None:
        given = request.headers.get("Authorization", "").rpartition(" ")[2]
        user = forge.user_of(given)
        if user is None:
            return problem(401, "Bad credentials")
        if given in forge.grants and (request.view_args or {}).get("owner") not in {None, forge.grants[given].owner}:
            return problem(404, "Not Found")
        g.login = user.login
        return None

    @api.after_request
    def _limits(answer: Response) -> Response:
        for name, value in (("X-RateLimit-Limit", "5000"), ("X-RateLimit-Remaining", "4999")):
            answer.headers.setdefault(name, value)
        return answer

    @api.errorhandler(NoSuchThing)
    def _absent(error: NoSuchThing) -> Response:  # noqa: ARG001  (GitHub does not say what is missing)
        return problem(404, "Not Found")

    @api.errorhandler(NotPossible)
    def _refused(error: NotPossible) -> Response:
        return problem(409 if "modified" in str(error) else 422, str(error))

    _people(api, build)
    _repositories(api, forge, build)
    add_rules(api, forge, build)
    add_pulls(api, forge, build)
    add_outcomes(api, forge, build)
    add_reviews(api, forge, build)
    add_conversation(api, forge, build)
    _statuses(api, forge, build)
    add_checks(api, forge, apps, build)
    add_teams(api, forge, build)
    add_comment_extras(api, forge, build)
    add_hooks(api, forge, build, sender)
    return api


def _people(api: Blueprint, build: Build) -> None:
    @api.get("/user")
    def _user() -> Response:
        me = build().user(g.login)
        return jsonify(
            me
            | {
                "user_view_type": "public",
                "name": g.login,
                "public_repos": 0,
                "public_gists": 0,
                "followers": 0,
                "following": 0,
            }
            | {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
            | dict.fromkeys(("company", "blog", "location", "email", "hireable", "bio"))
        )

    @api.get("/rate_limit")
    def _rate_limit() -> Response:
        limit = {"limit": 5000, "remaining": 4999, "reset": 2_000_000_000, "used": 1}
        return jsonify({"resources": {"core": limit, "search": limit}, "rate": limit})


def _rights(permission: str) -> dict[str, bool]:
    order = ("none", "read", "triage", "write", "maintain", "admin")
    rights = zip(("pull", "triage", "push", "maintain", "admin"), order[1:], strict=True)
    return {right: order.index(permission) >= order.index(needed) for right, needed in rights}


def _repositories(api: Blueprint, forge: SandboxForge, build: Build) -> None:
    @api.get(f"/repos/{SLUG}")
    def _repo(owner: str, name: str) -> Response:
        mine = _rights(forge.permission(f"{owner}/{name}", g.login))
        return jsonify(build().repo(forge.repo(f"{owner}/{name}")) | {"permissions": mine})

    @api.get(f"/repos/{SLUG}/collaborators/<login>/permission")
    def _permission(owner: str, name: str, login: str) -> Response:
        if login not in forge.users:
            raise NoSuchThing(login)
        permission = forge.permission(f"{owner}/{name}", login)
        user = build().user(login) | {"permissions": _rights(permission), "role_name": permission}
        return jsonify({"permission": permission, "role_name": permission, "user": user})

    @api.get(f"/repos/{SLUG}/compare/<path:ends>")
    def _compare(owner: str, name: str, ends: str) -> Response:
        repo = forge.repo(f"{owner}/{name}")
        base, _, head = ends.partition("...")
        base_sha, head_sha = repo.git.sha(base), repo.git.sha(head)
        if base_sha is None or head_sha is None:
            raise NoSuchThing(ends)
        ahead, behind = repo.git.ahead_behind(base_sha, head_sha)
        words = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
        url = f"{build().api}/repos/{repo.full_name}/compare/{ends}"
        fork_point = repo.git.git("merge-base", base_sha, head_sha)
        return jsonify(
            {
                "url": url,
                "html_url": url,
                "permalink_url": url,
                "diff_url": url,
                "patch_url": url,
                "base_commit": build().commit(repo, base_sha),
                "merge_base_commit": build().commit(repo, fork_point),
                "status": words.get((ahead > 0, behind > 0), "identical"),
                "ahead_by": ahead,
                "behind_by": behind,
                "total_commits": ahead,
                "commits": [],
                "files": [],
            }
        )


def _statuses(api: Blueprint, forge: SandboxForge, build: Build) -> None:
    @api.post(f"/repos/{SLUG}/statuses/<sha>")
    def _set(owner: str, name: str, sha: str) -> Response:
        asked, repo = request.get_json(), forge.repo(f"{owner}/{name}")
        status = Status(
            id=forge.ids.next(),
            context=asked.get("context", "default"),
            state=asked["state"],
            description=asked.get("description") or "",
            target_url=asked.get("target_url") or "",
            author=g.login,
        )
        forge.set_status(repo.full_name, sha, status)
        return make_response(jsonify(build().status(repo, sha, status)), 201)

    @api.get(f"/repos/{SLUG}/commits/<ref>/status")
    def _combined(owner: str, name: str, ref: str) -> Response:
        repo = forge.repo(f"{owner}/{name}")
        sha = repo.git.sha(ref) or ref
        latest = repo.latest_statuses(sha)
        states = {status.state for status in latest}
        state = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
        base = f"{build().api}/repos/{repo.full_name}"
        return jsonify(
            {
                "state": state,
                "statuses": [build().simple_status(repo, sha, status) for status in latest],
                "sha": sha,
                "total_count": len(latest),
                "repository": build().repo(repo),
                "commit_url": f"{base}/commits/{sha}",
                "url": f"{base}/commits/{sha}/status",
            }
        )

    @api.get(f"/repos/{SLUG}/commits/<ref>")
    def _one(owner: str, name: str, ref: str) -> Response:
        repo = forge.repo(f"{owner}/{name}")
        sha = repo.git.sha(ref)
        if sha is None:
            raise NoSuchThing(ref)
        stats = {"additions": 0, "deletions": 0, "total": 0}
        return jsonify(build().commit(repo, sha) | {"stats": stats, "files": []})
