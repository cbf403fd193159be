"""Who may do what in the sandbox's GitLab, by every way to say who one is."""

import subprocess
from pathlib import Path

import pytest
import requests
from gitlab import Gitlab

from sandbox.server import SandboxServer
from tests.sandbox.conftest import NAME
from tests.sandbox.gitlab_lab import Lab


@pytest.fixture
def lab(server: SandboxServer) -> Lab:
    return Lab(server)


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_token_is_shown_in_each_of_three_ways(lab: Lab) -> None:
    url, token = f"{lab.server.gitlab_url}/api/v4/user", lab.token("bob")
    for headers, query in (
        ({"PRIVATE-TOKEN": token}, {}),
        ({"Authorization": f"Bearer {token}"}, {}),
        ({}, {"private_token": token}),
    ):
        answer = requests.get(url, headers=headers, params=query, timeout=10)
        assert answer.json()["username"] == "bob"


@pytest.mark.parametrize("headers", [{}, {"PRIVATE-TOKEN": "glpat-wrong"}, {"Authorization": "Bearer wrong"}])
def test_nobody_is_401(lab: Lab, headers: dict[str, str]) -> None:
    answer = requests.get(f"{lab.server.gitlab_url}/api/v4/user", headers=headers, timeout=10)
    assert (answer.status_code, answer.json()) == (401, {"message": "401 Unauthorized"})


def test_what_one_may_not_see_is_not_there(lab: Lab) -> None:
    for who in ("acme", None):
        answer = lab.ask("GET", "/merge_requests", who=who)
        assert (answer.status_code, answer.json()) == (404, {"message": "404 Project Not Found"})


def test_a_guest_sees_the_project_and_not_its_code(lab: Lab) -> None:
    lab.server.forge.permit(NAME, "acme", "guest")
    assert lab.ask("GET", "", who="acme").status_code == 200
    assert lab.ask("GET", "/repository/branches", who="acme").status_code == 403


def test_a_reporter_reads_and_comments_and_changes_nothing(lab: Lab) -> None:
    lab.server.forge.permit(NAME, "acme", "read")
    number = lab.opened()
    assert lab.ask("GET", f"/merge_requests/{number}", who="acme").status_code == 200
    assert lab.ask("POST", f"/merge_requests/{number}/notes", {"body": "hello"}, who="acme").status_code == 201
    assert lab.ask("PUT", f"/merge_requests/{number}", {"title": "Mine"}, who="acme").status_code == 403
    assert lab.ask("POST", f"/merge_requests/{number}/approve", who="acme").status_code == 401


def test_a_group_is_seen_by_the_members_of_what_is_in_it(lab: Lab) -> None:
    assert lab.ask("GET", "//groups/acme").status_code == 200
    assert lab.ask("GET", "//groups/acme/members/all", who="acme").status_code == 404
    lab.server.gitlab.add_group_member("acme", "acme", 10)
    assert lab.ask("GET", "//groups/acme/members/all", who="acme").status_code == 200


def test_an_emoji_is_taken_back_by_who_gave_it(lab: Lab) -> None:
    note = lab.pull(lab.opened()).notes.create({"body": "hello"})
    path = f"/merge_requests/1/notes/{note.id}/award_emoji"
    given = note.awardemojis.create({"name": "eyes"})
    assert lab.ask("DELETE", f"{path}/{given.id}", who="bob").status_code == 401
    assert lab.ask("DELETE", f"{path}/{given.id}").status_code == 204
    assert lab.read(path) == []


def test_what_is_public_is_read_by_everybody(lab: Lab) -> None:
    lab.server.forge.repo(NAME).private = False
    number = lab.opened()
    assert lab.ask("GET", f"/merge_requests/{number}", who=None).json()["iid"] == number
    assert lab.ask("GET", "/repository/branches/main", who="acme").status_code == 200
    assert lab.ask("POST", f"/merge_requests/{number}/notes", {"body": "hello"}, who=None).status_code == 401


def test_a_token_that_may_only_read_does_not_write(lab: Lab) -> None:
    number = lab.opened()
    lab.server.gitlab.scopes["ann"] = ("read_api",)
    assert lab.ask("GET", f"/merge_requests/{number}").status_code == 200
    answer = lab.ask("POST", f"/merge_requests/{number}/notes", {"body": "hello"})
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert lab.read("//personal_access_tokens/self")["scopes"] == ["read_api"]


def test_a_token_for_git_alone_reads_no_api(lab: Lab) -> None:
    lab.server.gitlab.scopes["ann"] = ("read_repository",)
    assert lab.ask("GET", "").status_code == 403


def test_every_answer_tells_the_rate_limit(lab: Lab) -> None:
    for path in ("", "/nowhere"):
        headers = lab.ask("GET", path).headers
        assert int(headers["RateLimit-Remaining"]) < int(headers["RateLimit-Limit"])
        assert int(headers["RateLimit-Reset"]) > 1_700_000_000


def test_the_api_fails_as_a_test_wants_it(lab: Lab) -> None:
    lab.server.faults.add(r"GET /api/v4/projects/acme%2Finfra$", status=429, headers=(("Retry-After", "0"),))
    assert lab.ask("GET", "").status_code == 429
    lab.server.faults.add(r"GET .*/api/v4/projects", status=429, headers=(("Retry-After", "0"),))
    assert lab.project().path_with_namespace == NAME


@pytest.mark.parametrize("prefix", ["", "/gitlab"])
def test_git_takes_the_token_as_oauth2s(tmp_path: Path, prefix: str) -> None:
    name = "acme/platform/infra"
    server = SandboxServer(tmp_path / "forge", gitlab_prefix=prefix)
    token = server.forge.create_user("ann")
    server.forge.create_repo(name, {"main.tf": "one\n"})
    server.forge.permit(name, "ann", "write")
    server.start()
    try:
        address = str(Gitlab(server.gitlab_url, private_token=token, timeout=10).projects.get(name).http_url_to_repo)
        git(tmp_path, "clone", "--quiet", address.replace("://", f"://oauth2:{token}@"), "work")
        work = tmp_path / "work"
        (work / "main.tf").write_text("two\n")
        git(work, "checkout", "--quiet", "-b", "change")
        git(work, "-c", "user.name=ann", "-c", "user.email=ann@forge.invalid", "commit", "--quiet", "--all", "-m", "x")
        git(work, "push", "--quiet", "origin", "change")
        number = server.forge.open_pull(name, head="change", title="x", author="ann")
        listed = git(work, "ls-remote", "origin", f"refs/merge-requests/{number}/head")
        assert listed.split()[0] == git(work, "rev-parse", "HEAD")
    finally:
        server.stop()
