"""A pull is merged once, at the head that was judged, or refused with what is in the way."""

from collections.abc import Callable

import pytest

from server.domain.errors import Refused, TryLater
from server.domain.refs import PullRef
from server.forges.base import CommitStatus, MergeMethod, StatusState
from tests.contract.forges.gitlab_world import BOT, NAME, GitLabWorld


def test_a_pull_is_merged_by_the_bot_and_twice_is_once(gitlab: GitLabWorld) -> None:
    pull = gitlab.forge.get_pull(gitlab.open_pull())
    for _ in range(2):
        gitlab.forge.merge(pull)
    assert gitlab.kept(pull.ref).merged_by == BOT
    assert gitlab.requests("PUT", "/merge") == 1


def test_the_branch_goes_too_if_that_is_wanted(gitlab: GitLabWorld) -> None:
    pull = gitlab.forge.get_pull(gitlab.open_pull(branch="feature/x"))
    for _ in range(2):
        gitlab.forge.merge(pull, delete_branch=True)
    assert gitlab.project.git.sha("refs/heads/feature/x") is None


def test_the_branch_of_what_was_merged_already_goes_too(gitlab: GitLabWorld) -> None:
    pull = gitlab.forge.get_pull(gitlab.open_pull(branch="feature/x"))
    gitlab.merge(pull.ref)
    gitlab.forge.merge(pull, delete_branch=True)
    assert gitlab.project.git.sha("refs/heads/feature/x") is None


def test_a_head_that_has_moved_is_not_merged(gitlab: GitLabWorld) -> None:
    pull = gitlab.forge.get_pull(gitlab.open_pull())
    gitlab.server.forge.commit(NAME, "change", {"main.tf": "two\n"})
    with pytest.raises(Refused, match="its head has moved on"):
        gitlab.forge.merge(pull)
    assert gitlab.kept(pull.ref).merged_at is None


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda gitlab, ref: gitlab.conflict(ref), "it conflicts with its target branch"),
        (
            lambda gitlab, _: setattr(gitlab.server.gitlab.settings(NAME), "approvals_before_merge", 1),
            "an approval",
        ),
        (lambda gitlab, ref: gitlab.server.forge.change_pull(NAME, ref.number, "ann", draft=True), "it is a draft"),
        (lambda gitlab, ref: gitlab.close(ref), "it is closed"),
    ],
)
def test_what_is_in_the_way_is_named(
    gitlab: GitLabWorld, spoil: Callable[[GitLabWorld, PullRef], object], words: str
) -> None:
    pull = gitlab.forge.get_pull(gitlab.open_pull())
    spoil(gitlab, pull.ref)
    with pytest.raises(Refused, match=words):
        gitlab.forge.merge(pull)


def test_an_account_that_may_not_merge_is_not_told_that_its_token_is_wrong(gitlab: GitLabWorld) -> None:
    pull = gitlab.forge.get_pull(gitlab.open_pull())
    gitlab.server.gitlab.groups["acme"].members.clear()
    gitlab.server.forge.permit(NAME, BOT, "read")
    with pytest.raises(Refused, match="does not let the token's account merge into `main`"):
        gitlab.forge.merge(pull)


def test_gitlab_is_given_time_to_see_that_the_pipeline_is_green(gitlab: GitLabWorld) -> None:
    gitlab.server.gitlab.unsettled = ("checking", "unchecked")
    pull = gitlab.forge.get_pull(gitlab.open_pull())
    gitlab.forge.merge(pull)
    assert gitlab.kept(pull.ref).merged_at is not None


def test_a_pipeline_that_runs_on_is_waited_for_later(gitlab: GitLabWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    gitlab.server.gitlab.settings(NAME).only_allow_merge_if_pipeline_succeeds = True
    pull = gitlab.forge.get_pull(gitlab.open_pull())
    running = CommitStatus(context="ci", state=StatusState.PENDING, description="", url="https://ci.example")
    gitlab.forge.set_status(pull, pull.head_sha, running)
    monkeypatch.setattr("server.forges.gitlab_merging.time.sleep", lambda _: None)
    with pytest.raises(TryLater, match="not ready to merge"):
        gitlab.forge.merge(pull)


def test_a_rebase_is_made_where_the_project_rebases_and_nowhere_else(gitlab: GitLabWorld) -> None:
    pull = gitlab.forge.get_pull(gitlab.open_pull())
    with pytest.raises(Refused, match="the project makes merge commits"):
        gitlab.forge.merge(pull, method=MergeMethod.REBASE)
    gitlab.server.gitlab.settings(NAME).merge_method = "ff"
    gitlab.forge.merge(pull, method=MergeMethod.REBASE)
    assert gitlab.kept(pull.ref).merged_at is not None
