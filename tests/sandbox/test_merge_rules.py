"""The sandbox lets a pull be merged when GitHub would."""

import pytest

from sandbox.forge import NoSuchThing, NotPossible
from sandbox.model import Status
from sandbox.server import SandboxServer
from tests.sandbox.conftest import NAME


@pytest.fixture
def number(server: SandboxServer) -> int:
    server.forge.commit(NAME, "change", {"main.tf": "two\n"})
    return server.forge.open_pull(NAME, head="change", title="A change", author="ann")


def state(server: SandboxServer, number: int) -> str:
    return server.forge.mergeable_state(server.forge.repo(NAME), server.forge.pull(NAME, number))


def report(server: SandboxServer, number: int, context: str, word: str) -> None:
    status = Status(id=1, context=context, state=word, description="", target_url="", author="bob")
    server.forge.set_status(NAME, server.forge.pull(NAME, number).head_sha, status)


def refused(server: SandboxServer, number: int, why: str) -> None:
    assert state(server, number) == why
    with pytest.raises(NotPossible, match=why):
        server.forge.merge(NAME, number, "bob")


def test_without_rules_a_pull_is_merged(server: SandboxServer, number: int) -> None:
    assert state(server, number) == "clean"
    sha = server.forge.merge(NAME, number, "bob")
    git = server.forge.repo(NAME).git
    assert git.sha("refs/heads/main") == sha
    assert git.read("main", "main.tf") == b"two\n"
    with pytest.raises(NotPossible):
        server.forge.merge(NAME, number, "bob")


def test_a_failing_check_that_is_not_required_is_no_obstacle(server: SandboxServer, number: int) -> None:
    report(server, number, "ci", "failure")
    assert state(server, number) == "unstable"
    server.forge.merge(NAME, number, "bob")


def test_a_no_without_rules_is_no_obstacle(server: SandboxServer, number: int) -> None:
    server.forge.review(NAME, number, "bob", "CHANGES_REQUESTED")
    server.forge.merge(NAME, number, "bob")


def test_a_required_check_has_to_be_green_on_the_head(server: SandboxServer, number: int) -> None:
    server.forge.protect(NAME, "main", contexts=["ci"])
    refused(server, number, "blocked")
    report(server, number, "ci", "success")
    assert state(server, number) == "clean"
    server.forge.commit(NAME, "change", {"main.tf": "three\n"})
    refused(server, number, "blocked")
    report(server, number, "ci", "success")
    server.forge.merge(NAME, number, "bob")


def test_approvals_count_until_they_are_taken_back(server: SandboxServer, number: int) -> None:
    forge = server.forge
    forge.protect(NAME, "main", approvals=1)
    refused(server, number, "blocked")
    review = forge.review(NAME, number, "bob", "APPROVED")
    assert state(server, number) == "clean"
    forge.review(NAME, number, "acme", "CHANGES_REQUESTED")
    refused(server, number, "blocked")
    forge.review(NAME, number, "acme", "APPROVED")
    forge.dismiss_review(NAME, number, review.id, "acme")
    forge.merge(NAME, number, "bob")


def test_nobody_approves_their_own_pull(server: SandboxServer, number: int) -> None:
    with pytest.raises(NotPossible):
        server.forge.review(NAME, number, "ann", "APPROVED")


def test_only_a_decision_can_be_dismissed(server: SandboxServer, number: int) -> None:
    comment = server.forge.review(NAME, number, "bob", "COMMENTED")
    with pytest.raises(NotPossible):
        server.forge.dismiss_review(NAME, number, comment.id, "bob")
    with pytest.raises(NoSuchThing):
        server.forge.dismiss_review(NAME, number, 1, "bob")


def test_a_branch_that_fell_behind_is_refused_where_rules_are_strict(server: SandboxServer, number: int) -> None:
    server.forge.commit(NAME, "main", {"other.tf": "two\n"})
    assert state(server, number) == "clean"
    server.forge.protect(NAME, "main", strict=True)
    refused(server, number, "behind")


def test_a_conflict_and_a_draft_are_refused(server: SandboxServer, number: int) -> None:
    server.forge.change_pull(NAME, number, "ann", draft=True)
    refused(server, number, "draft")
    server.forge.change_pull(NAME, number, "ann", draft=False)
    server.forge.commit(NAME, "main", {"main.tf": "otherwise\n"})
    refused(server, number, "dirty")


def test_another_head_than_the_one_named_is_refused(server: SandboxServer, number: int) -> None:
    with pytest.raises(NotPossible, match="modified"):
        server.forge.merge(NAME, number, "bob", sha="0" * 40)
