"""A GitHub App: tokens come in time and go, one owner's trouble is nobody else's, and statuses are check runs."""

from datetime import timedelta

import pytest

from sandbox.github.checks import press_rerun
from sandbox.github.payloads import Payloads
from sandbox.model import now
from server.domain.errors import Refused, TryLater
from server.domain.events import RerunAsked
from server.domain.pull import Pull
from server.domain.refs import RepoRef
from server.forges.base import Annotation, CommitStatus, StatusState
from server.forges.config import AppIdentity, ForgeConfig
from server.forges.registry import Forges
from server.webhooks.github import parse
from tests.contract.forges.world import NAME, AppWorld

OTHERS = ("globex/infra", "initech/infra")


def tokens_asked_for(world: AppWorld) -> int:
    return world.requests("POST", "/access_tokens")


def status(state: StatusState = StatusState.SUCCESS, *, annotations: int = 0, summary: str = "A table") -> CommitStatus:
    return CommitStatus(
        context="thera/plan",
        state=state,
        description="1/1 projects planned",
        url="https://thera.test/runs/1",
        summary=summary,
        annotations=tuple(
            Annotation(path="main.tf", line=line, message=f"wrong {line}") for line in range(1, annotations + 1)
        ),
    )


def opened(world: AppWorld) -> Pull:
    return world.forge.get_pull(world.open_pull())


class TestTokens:
    def test_one_is_asked_for_and_kept(self, github_app: AppWorld) -> None:
        ref = github_app.open_pull()
        for _ in range(3):
            github_app.forge.get_pull(ref)
        assert tokens_asked_for(github_app) == 1

    def test_a_token_is_renewed_before_it_ends(self, github_app: AppWorld) -> None:
        github_app.server.apps.lifetime = timedelta(minutes=4)  # less than a clone may take
        ref = github_app.open_pull()
        github_app.forge.get_pull(ref)
        github_app.forge.get_pull(ref)
        assert tokens_asked_for(github_app) >= 2

    def test_a_token_that_was_withdrawn_is_tried_later_and_then_is_another(self, github_app: AppWorld) -> None:
        ref = github_app.open_pull()
        github_app.forge.get_pull(ref)
        github_app.server.apps.withdraw(github_app.app, "acme")
        with pytest.raises(TryLater, match="withdrew"):
            github_app.forge.get_pull(ref)
        assert github_app.forge.get_pull(ref).ref == ref

    def test_git_gets_the_installations_token(self, github_app: AppWorld) -> None:
        credential = github_app.forge.credential(github_app.repo)
        assert credential.username == "x-access-token"
        assert credential.password in github_app.server.forge.grants

    def test_a_key_that_is_not_the_apps_is_refused_in_words(self, github_app: AppWorld) -> None:
        other = github_app.server.apps.create("other")
        config = ForgeConfig(kind="github", url=github_app.url, app=AppIdentity(id=github_app.app.id, key=other.key))
        with pytest.raises(Refused, match="THERA_GITHUB_APP_KEY"):
            Forges([config]).of(github_app.repo).credential(github_app.repo)

    def test_no_words_show_the_key(self) -> None:
        config = ForgeConfig(kind="github", url="https://api.github.com", app=AppIdentity(id=1, key="hush"))
        assert "hush" not in repr(config)


class TestOwners:
    @pytest.fixture
    def three(self, github_app: AppWorld) -> AppWorld:
        for name in OTHERS:
            github_app.server.forge.create_repo(name, {"main.tf": "one\n"})
            github_app.server.apps.install(github_app.app, name.partition("/")[0])
        return github_app

    def credentials(self, world: AppWorld) -> dict[str, str]:
        found = {}
        for name in (NAME, *OTHERS):
            token = world.forge.credential(RepoRef(world.forge.host, name)).password
            found[name] = world.server.forge.grants[token].owner
        return found

    def test_each_owner_has_a_token_of_its_own(self, three: AppWorld) -> None:
        assert self.credentials(three) == {name: name.partition("/")[0] for name in (NAME, *OTHERS)}

    def test_a_suspended_owner_is_refused_and_the_others_go_on(self, three: AppWorld) -> None:
        three.app.installations["globex"].suspended_at = now()
        with pytest.raises(Refused, match="suspended for globex"):
            three.forge.credential(RepoRef(three.forge.host, "globex/infra"))
        assert three.forge.get_pull(three.open_pull()).author == "ann"
        assert three.forge.credential(RepoRef(three.forge.host, "initech/infra")).password

    def test_an_owner_who_has_not_installed_it_is_told_where_to(self, three: AppWorld) -> None:
        three.server.forge.create_repo("umbrella/infra", {"main.tf": "one\n"})
        with pytest.raises(Refused, match=r"not installed for .*umbrella/infra.*/apps/thera/installations/new"):
            three.forge.credential(RepoRef(three.forge.host, "umbrella/infra"))

    def test_one_owners_token_opens_no_other_owners_repository(self, three: AppWorld) -> None:
        token = three.forge.credential(RepoRef(three.forge.host, "globex/infra")).password
        with pytest.raises(Exception, match="knows no such thing"):
            three.as_token(token).get_pull(three.open_pull())


class TestChecks:
    def test_they_are_told_as_a_capability(self, github_app: AppWorld) -> None:
        assert github_app.forge.capabilities.has_checks
        assert not github_app.as_token(github_app.tokens["ann"]).capabilities.has_checks

    def test_a_check_has_a_title_a_summary_and_a_link(self, github_app: AppWorld) -> None:
        pull = opened(github_app)
        github_app.forge.set_status(pull, pull.head_sha, status())
        (run,) = github_app.server.forge.repo(NAME).checks
        assert (run.title, run.summary, run.details_url) == (
            "1/1 projects planned",
            "A table",
            "https://thera.test/runs/1",
        )

    def test_what_goes_on_is_one_run_and_what_begins_again_is_another(self, github_app: AppWorld) -> None:
        pull = opened(github_app)
        for state in (StatusState.PENDING, StatusState.PENDING, StatusState.SUCCESS, StatusState.SUCCESS):
            github_app.forge.set_status(pull, pull.head_sha, status(state))
        assert [run.status for run in github_app.server.forge.repo(NAME).checks] == ["completed"]
        github_app.forge.set_status(pull, pull.head_sha, status(StatusState.PENDING))
        assert [run.status for run in github_app.server.forge.repo(NAME).checks] == ["completed", "in_progress"]
        assert github_app.statuses(pull.ref) == {"thera/plan": "pending"}

    def test_sixty_remarks_arrive_each_once(self, github_app: AppWorld) -> None:
        pull = opened(github_app)
        failed = status(StatusState.FAILURE, annotations=60)
        github_app.forge.set_status(pull, pull.head_sha, failed)
        (run,) = github_app.server.forge.repo(NAME).checks
        assert [one["start_line"] for one in run.annotations] == list(range(1, 61))

        github_app.forge.set_status(pull, pull.head_sha, failed)  # said again, as after a lost answer
        latest = github_app.server.forge.repo(NAME).latest_checks(pull.head_sha)
        assert [len(one.annotations) for one in latest.values()] == [60]

    def test_a_check_required_of_us_does_not_stand_in_our_way(self, github_app: AppWorld) -> None:
        github_app.server.forge.protect(NAME, "main", contexts=["thera/plan"])
        pull = opened(github_app)
        github_app.forge.set_status(pull, pull.head_sha, status(StatusState.FAILURE))
        assert github_app.forge.pull_facts(pull, own_statuses="thera/").mergeable

    def test_the_button_beside_a_check_asks_for_it_again(self, github_app: AppWorld) -> None:
        pull = opened(github_app)
        github_app.forge.set_status(pull, pull.head_sha, status(StatusState.FAILURE))
        server = github_app.server
        server.forge.add_hook(NAME, "http://127.0.0.1:9/", "hush")
        payloads = Payloads(server.forge, api=server.api_url, web=server.url)
        (run,) = server.forge.repo(NAME).checks
        press_rerun(server.forge, lambda: payloads, server.apps, NAME, run, by="bob")
        told = server.hooks.deliveries[-1]
        assert (told.event, parse(told.event, told.json)) == (
            "check_run",
            RerunAsked(github_app.repo, pull.head_sha, "thera/plan", "bob"),
        )


def test_a_whole_suite_can_be_asked_for_again() -> None:
    payload = {
        "action": "rerequested",
        "check_suite": {"head_sha": "a" * 40},
        "repository": {"html_url": "https://github.com/acme/infra", "full_name": "acme/infra"},
        "sender": {"login": "bob"},
    }
    assert parse("check_suite", payload) == RerunAsked(RepoRef("github.com", "acme/infra"), "a" * 40, "", "bob")
