"""Whatever the sandbox says as GitHub, GitHub could have said: its own description is the judge."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests

from sandbox.server import API, SandboxServer
from tests.support.openapi import SLICE, Violations, watch

NAME = "acme/infra"


@dataclass
class Api:
    """The sandbox, asked in plain HTTP."""

    server: SandboxServer
    violations: Violations
    tokens: dict[str, str]

    def ask(self, verb: str, path: str, body: object = None, *, who: str = "ann") -> requests.Response:
        headers = {"Authorization": f"token {self.tokens[who]}"}
        return requests.request(verb, f"{self.server.api_url}{path}", json=body, headers=headers, timeout=10)

    def read(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    server = SandboxServer(tmp_path / "forge")
    violations = watch(server.app, API)
    tokens = {login: server.forge.create_user(login) for login in ("ann", "bob", "acme")}
    server.forge.create_repo(NAME, {"main.tf": "# nothing\n"})
    server.forge.permit(NAME, "ann", "write")
    server.forge.permit(NAME, "bob", "admin")
    server.forge.commit(NAME, "feature/x", {"main.tf": "# something\n", "a b.tf": ""})
    yield Api(server.start(), violations, tokens)
    server.stop()
    assert not violations.found, "\n".join(violations.found)


def opened(api: Api) -> int:
    asked = {"head": "feature/x", "base": "main", "title": "A change", "body": "Why"}
    answer = api.ask("POST", f"/repos/{NAME}/pulls", asked)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["number"])


def redeem_a_manifest(api: Api) -> None:
    """Make an App as a browser does, and redeem its code; a second time there is nothing to redeem."""
    hook = {"url": "https://thera.test/webhooks/github"}
    manifest = {"name": "Made", "hook_attributes": hook, "redirect_url": "https://thera.test/setup/made"}
    form = {"manifest": json.dumps(manifest), "state": "s"}
    answer = requests.post(f"{api.server.url}/settings/apps", data=form, allow_redirects=False, timeout=10)
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    assert api.ask("POST", f"/app-manifests/{code}/conversions").status_code == 201
    assert api.ask("POST", f"/app-manifests/{code}/conversions").status_code == 404


def test_every_route_can_be_walked(api: Api) -> None:
    forge, repo = api.server.forge, f"/repos/{NAME}"
    forge.protect(NAME, "main", approvals=1, contexts=["ci"], strict=True)
    forge.protect(NAME, "free")
    forge.commit(NAME, "free", {"x": ""})
    number = opened(api)
    sha = api.read(f"{repo}/pulls/{number}")["head"]["sha"]
    for path in (
        "/user",
        "/rate_limit",
        repo,
        f"{repo}/collaborators/ann/permission",
        f"{repo}/compare/main...feature/x",
        f"{repo}/branches/main/protection",
        f"{repo}/branches/free/protection",
        f"{repo}/branches/feature/x",
        f"{repo}/rules/branches/main",
        f"{repo}/pulls",
        f"{repo}/pulls?state=all&per_page=1",
        f"{repo}/pulls/{number}/files",
    ):
        api.read(path)
    assert api.ask("PATCH", f"{repo}/pulls/{number}", {"title": "Another", "state": "open"}).status_code == 200
    comment = api.ask("POST", f"{repo}/issues/{number}/comments", {"body": "hello"}).json()["id"]
    assert api.ask("PATCH", f"{repo}/issues/comments/{comment}", {"body": "hello again"}).status_code == 200
    for status in (201, 200):
        answer = api.ask("POST", f"{repo}/issues/comments/{comment}/reactions", {"content": "eyes"})
        assert answer.status_code == status
    api.read(f"{repo}/issues/comments?since=2020-01-01T00:00:00Z")
    api.read(f"{repo}/issues/{number}/comments")
    reviews = [
        api.ask("POST", f"{repo}/pulls/{number}/reviews", {"event": event, "body": "so"}, who="bob").json()["id"]
        for event in ("COMMENT", "REQUEST_CHANGES", "APPROVE")
    ]
    api.read(f"{repo}/pulls/{number}/reviews")
    asked = {"message": "I was wrong"}
    dismissed = api.ask("PUT", f"{repo}/pulls/{number}/reviews/{reviews[-1]}/dismissals", asked, who="bob")
    assert dismissed.json()["state"] == "DISMISSED"
    assert api.ask("PUT", f"{repo}/pulls/{number}/merge", {}).status_code == 405
    api.ask("POST", f"{repo}/pulls/{number}/reviews", {"event": "APPROVE"}, who="bob")
    for state in ("pending", "success"):
        asked = {"state": state, "context": "ci", "description": "x", "target_url": "https://ci.example/1"}
        assert api.ask("POST", f"{repo}/statuses/{sha}", asked).status_code == 201
    for part in ("", "/status", "/check-runs"):
        api.read(f"{repo}/commits/{sha}{part}")
    walk_as_an_app(api, sha)
    walk_webhooks_and_teams(api)
    api.read(f"{repo}/issues/comments/{comment}")
    assert api.ask("PUT", f"{repo}/pulls/{number}/merge", {"sha": "0" * 40}).status_code == 409
    assert api.ask("PUT", f"{repo}/pulls/{number}/merge", {"sha": sha}).json()["merged"]
    assert api.read(f"{repo}/pulls/{number}")["merged"]
    assert api.ask("DELETE", f"{repo}/issues/comments/{comment}").status_code == 204
    for status in (204, 422):
        assert api.ask("DELETE", f"{repo}/git/refs/heads/feature/x").status_code == status
    assert api.violations.walked == routes(api)


def walk_as_an_app(api: Api, sha: str) -> None:
    app = api.server.apps.create("thera")
    installed = api.server.apps.install(app, "acme")
    seconds = int(time.time())
    api.tokens["app"] = jwt.encode({"iss": str(app.id), "iat": seconds, "exp": seconds + 60}, app.key, "RS256")
    assert api.ask("GET", "/app", who="app").json()["slug"] == "thera"
    changed = api.ask("PATCH", "/app/hook/config", {"url": "https://thera.test/hook"}, who="app")
    assert changed.json()["url"] == "https://thera.test/hook"
    assert api.ask("GET", "/app/hook/config", who="app").json() == changed.json()
    assert api.ask("GET", f"/repos/{NAME}/installation", who="app").json()["id"] == installed.id
    answer = api.ask("POST", f"/app/installations/{installed.id}/access_tokens", {}, who="app")
    assert answer.status_code == 201
    api.tokens["installed"] = answer.json()["token"]
    asked: dict[str, object] = {"name": "thera/plan", "head_sha": sha, "status": "in_progress"}
    asked["output"] = {"title": "Planning", "summary": "…", "annotations": []}
    run = api.ask("POST", f"/repos/{NAME}/check-runs", asked, who="installed")
    assert run.status_code == 201, run.text
    ended = {"status": "completed", "conclusion": "success", "output": {"title": "Planned", "summary": "1 to add"}}
    path = f"/repos/{NAME}/check-runs/{run.json()['id']}"
    assert api.ask("PATCH", path, ended, who="installed").json()["conclusion"] == "success"
    assert api.ask("PATCH", path, ended, who="ann").status_code == 404
    assert api.read(f"/repos/{NAME}/commits/{sha}/check-runs")["total_count"] == 1
    redeem_a_manifest(api)


def walk_webhooks_and_teams(api: Api) -> None:
    config = {"url": "http://127.0.0.1:9/webhooks/github", "content_type": "json", "secret": "hush"}
    asked = {"config": config, "events": ["pull_request"], "active": True}
    made = api.ask("POST", f"/repos/{NAME}/hooks", asked, who="bob")
    assert made.status_code == 201, made.text
    assert api.ask("POST", f"/repos/{NAME}/hooks", asked, who="bob").status_code == 422
    path = f"/repos/{NAME}/hooks/{made.json()['id']}"
    assert api.ask("PATCH", path, {"events": ["issue_comment"]}, who="bob").json()["events"] == ["issue_comment"]
    assert api.ask("GET", f"/repos/{NAME}/hooks", who="bob").json()[0]["config"]["secret"] == "********"
    assert api.ask("GET", f"/repos/{NAME}/hooks").status_code == 404
    assert api.ask("GET", f"{path}/deliveries", who="bob").status_code == 200
    api.server.forge.teams["acme/infra"] = {"ann"}
    assert api.read("/orgs/acme/teams/infra/memberships/ann")["state"] == "active"
    assert api.ask("GET", "/orgs/acme/teams/infra/memberships/bob").status_code == 404


def routes(api: Api) -> set[tuple[str, str]]:
    return {
        (verb, rule.rule.removeprefix(API))
        for rule in api.server.app.url_map.iter_rules()
        if rule.rule.startswith(f"{API}/")
        for verb in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_the_description_has_the_sandboxs_routes_and_no_others(api: Api) -> None:
    described = json.loads(SLICE.read_text())["paths"]
    verbs = {(verb, path.count("/")) for path, verbs in described.items() for verb in verbs if verb != "parameters"}
    served = {(verb.lower(), path.count("/")) for verb, path in routes(api)}
    assert served == verbs
    assert sum(verb != "parameters" for verbs in described.values() for verb in verbs) == len(routes(api))
