"""PyGithub takes the sandbox for GitHub: its objects can be read, and it follows the links to further pages."""

from datetime import UTC, datetime

import pytest
from github import Auth, Github

from sandbox.server import SandboxServer
from tests.sandbox.conftest import NAME


def as_user(server: SandboxServer, login: str) -> Github:
    auth = Auth.Token(server.forge.users[login].token)
    return Github(
        base_url=server.api_url,
        auth=auth,
        retry=None,
        per_page=2,
        lazy=True,
        seconds_between_requests=None,
        seconds_between_writes=None,
    )


@pytest.fixture
def github(server: SandboxServer) -> Github:
    return as_user(server, "ann")


def test_a_pull_lives_its_life(server: SandboxServer, github: Github) -> None:
    server.forge.commit(NAME, "feature/x", {"main.tf": "two\n", "new dir/a b.tf": ""}, delete=["other.tf"])
    server.forge.protect(NAME, "main", approvals=1, contexts=["ci"])
    repo = github.get_repo(NAME)
    pull = repo.create_pull("main", "feature/x", title="A change", body="Why", draft=False)
    assert (github.get_user().login, pull.mergeable_state) == ("ann", "blocked")
    assert {(file.filename, file.status) for file in pull.get_files()} == {
        ("main.tf", "modified"),
        ("new dir/a b.tf", "added"),
        ("other.tf", "removed"),
    }
    pull.edit(title="Another")
    review = as_user(server, "bob").get_repo(NAME).get_pull(pull.number).create_review(body="fine", event="APPROVE")
    assert [one.state for one in pull.get_reviews()] == [review.state] == ["APPROVED"]
    commit = repo.get_commit(pull.head.sha)
    commit.create_status("success", "https://ci.example/1", "fine", "ci")
    assert commit.get_combined_status().state == "success"
    assert list(commit.get_check_runs()) == []
    assert repo.compare("main", "feature/x").ahead_by == 1
    assert repo.get_branch("feature/x").commit.sha == pull.head.sha
    assert repo.get_branch("main").get_protection().required_status_checks.contexts == ["ci"]
    assert repo.get_collaborator_permission("bob") == "admin"
    assert pull.merge().merged
    assert repo.get_pull(pull.number).title == "Another"
    assert github.get_rate_limit().rate.limit == 5000


def test_lists_are_read_to_their_last_page(server: SandboxServer, github: Github) -> None:
    for number in range(5):
        server.forge.commit(NAME, f"b{number}", {"main.tf": f"{number}\n"})
        server.forge.open_pull(NAME, head=f"b{number}", title="A change", author="ann")
    repo = github.get_repo(NAME)
    assert {pull.number for pull in repo.get_pulls(state="open", sort="updated", direction="desc")} == {1, 2, 3, 4, 5}
    issue = repo.get_issue(1)
    written = [issue.create_comment(f"word {number}") for number in range(5)]
    assert [one.body for one in issue.get_comments()] == [one.body for one in written]
    since = datetime(2020, 1, 1, tzinfo=UTC)
    found = repo.get_issues_comments(sort="created", direction="asc", since=since)
    assert [one.id for one in found] == [one.id for one in written]
    written[0].edit("another word")
    written[0].create_reaction("eyes")
    written[1].delete()
    assert [one.body for one in issue.get_comments()][:2] == ["another word", "word 2"]
