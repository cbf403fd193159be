"""What an integration asks of GitHub beside pulls: teams, hiding comments, deleting branches, and its own webhooks."""

from flask import Blueprint, Response, g, jsonify, make_response, request

from sandbox.forge import NoSuchThing, SandboxForge
from sandbox.github.answers import SLUG, Build, paged, problem
from sandbox.github.payloads import Json, stamp
from sandbox.hooks import Delivery, HookSender
from sandbox.model import Hook, Repo

_FIRST_ERROR = 400


def add_teams(api: Blueprint, forge: SandboxForge, build: Build) -> None:
    """Add the route of a team's members."""

    @api.get("/orgs/<org>/teams/<team>/memberships/<login>")
    def _membership(org: str, team: str, login: str) -> Response:
        if login not in forge.teams.get(f"{org}/{team}", ()):
            raise NoSuchThing(login)
        url = f"{build().api}/orgs/{org}/teams/{team}/memberships/{login}"
        return jsonify({"url": url, "role": "member", "state": "active"})


def add_comment_extras(api: Blueprint, forge: SandboxForge, build: Build) -> None:
    """Add the routes of one comment, and the one GraphQL mutation that hides it."""

    @api.get(f"/repos/{SLUG}/issues/comments/<int:comment_id>")
    def _comment(owner: str, name: str, comment_id: int) -> Response:
        pull, comment = forge.find_comment(f"{owner}/{name}", comment_id)
        return jsonify(build().comment(forge.repo(f"{owner}/{name}"), pull, comment))

    @api.delete(f"/repos/{SLUG}/git/refs/<path:ref>")
    def _delete_ref(owner: str, name: str, ref: str) -> Response:
        repo = forge.repo(f"{owner}/{name}")
        if repo.git.sha(f"refs/{ref}") is None:
            return problem(422, "Reference does not exist")
        repo.git.git("update-ref", "-d", f"refs/{ref}")
        return make_response("", 204)


def make_graphql(forge: SandboxForge) -> Blueprint:
    """Make the GraphQL route: what we send, and nothing else."""
    blueprint = Blueprint("graphql", __name__)

    @blueprint.post("/api/graphql")
    def _graphql() -> Response:
        if forge.user_of(request.headers.get("Authorization", "").rpartition(" ")[2]) is None:
            return problem(401, "Bad credentials")
        asked = request.get_json()
        if "minimizeComment" in asked["query"]:
            return _minimize(forge, str(asked["variables"]["id"]))
        return jsonify({"errors": [{"message": "the sandbox does not know this query"}]})

    return blueprint


def _minimize(forge: SandboxForge, node: str) -> Response:
    comments = (one for repo in forge.repos.values() for pull in repo.pulls.values() for one in pull.comments)
    found = next((one for one in comments if node.endswith(f"_{one.id}")), None)
    if found is None:
        return jsonify({"errors": [{"type": "NOT_FOUND", "message": "Could not resolve to a node"}]})
    found.minimized = True
    return jsonify({"data": {"minimizeComment": {"clientMutationId": None}}})


def add_hooks(api: Blueprint, forge: SandboxForge, build: Build, sender: HookSender) -> None:
    """Add the routes of a repository's webhooks; GitHub never gives a secret back."""

    def found(owner: str, name: str, hook_id: int) -> tuple[Repo, Hook]:
        repo = _administered(forge, f"{owner}/{name}")
        hook = next((one for one in repo.hooks if one.id == hook_id and one.face == "github"), None)
        if hook is None:
            raise NoSuchThing(str(hook_id))
        return repo, hook

    @api.get(f"/repos/{SLUG}/hooks")
    def _hooks(owner: str, name: str) -> Response:
        repo = _administered(forge, f"{owner}/{name}")
        return paged([_hook(build, sender, repo, hook) for hook in repo.hooks if hook.face == "github"])

    @api.post(f"/repos/{SLUG}/hooks")
    def _create_hook(owner: str, name: str) -> Response:
        repo, asked = _administered(forge, f"{owner}/{name}"), request.get_json()
        config = asked["config"]
        if any(hook.url == config["url"] for hook in repo.hooks):
            return problem(422, "Validation Failed: Hook already exists on this repository")
        hook = forge.add_hook(repo.full_name, config["url"], config.get("secret", ""), asked.get("events", ["push"]))
        hook.content_type = config.get("content_type", "form")
        return make_response(jsonify(_hook(build, sender, repo, hook)), 201)

    @api.patch(f"/repos/{SLUG}/hooks/<int:hook_id>")
    def _change_hook(owner: str, name: str, hook_id: int) -> Response:
        repo, hook = found(owner, name, hook_id)
        asked = request.get_json()
        config = asked.get("config", {})
        hook.url, hook.secret = config.get("url", hook.url), config.get("secret", hook.secret)
        hook.content_type = config.get("content_type", hook.content_type)
        hook.events, hook.active = tuple(asked.get("events", hook.events)), asked.get("active", hook.active)
        return jsonify(_hook(build, sender, repo, hook))

    @api.get(f"/repos/{SLUG}/hooks/<int:hook_id>/deliveries")
    def _deliveries(owner: str, name: str, hook_id: int) -> Response:
        _, hook = found(owner, name, hook_id)
        own = [one for one in sender.deliveries if one.hook is hook and one.answer is not None]
        return jsonify([_delivery(number, one) for number, one in reversed(list(enumerate(own, start=1)))])


def _administered(forge: SandboxForge, full_name: str) -> Repo:
    """Find a repository that whoever asks administers: GitHub shows its webhooks to nobody else."""
    if forge.permission(full_name, g.login) != "admin":
        raise NoSuchThing("hooks")
    return forge.repo(full_name)


def _delivery(number: int, one: Delivery) -> Json:
    was_taken = 0 < (one.answer or 0) < _FIRST_ERROR
    return {
        "id": number,
        "guid": one.id,
        "delivered_at": "2026-01-01T00:00:00Z",
        "redelivery": False,
        "duration": 0.1,
        "status": "OK" if was_taken else "Invalid HTTP Response",
        "status_code": one.answer,
        "event": one.event,
        "action": None,
        "installation_id": None,
        "repository_id": None,
    }


def _hook(build: Build, sender: HookSender, repo: Repo, hook: Hook) -> Json:
    base = f"{build().api}/repos/{repo.full_name}/hooks/{hook.id}"
    answers = [one.answer for one in sender.deliveries if one.hook is hook and one.answer is not None]
    made = stamp(repo.created_at)
    return {
        "type": "Repository",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": list(hook.events),
        "config": {"url": hook.url, "content_type": hook.content_type, "insecure_ssl": "0", "secret": "********"},
        "updated_at": made,
        "created_at": made,
        "url": base,
        "test_url": f"{base}/tests",
        "ping_url": f"{base}/pings",
        "deliveries_url": f"{base}/deliveries",
        "last_response": {
            "code": answers[-1] if answers else None,
            "status": "active" if answers else "unused",
            "message": None,
        },
    }
