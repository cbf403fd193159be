"""What the forges say of a repository's set-up, and how a webhook is made and put right."""

from collections.abc import Mapping

import pytest

from server.domain.errors import Refused
from server.domain.findings import Finding, Verdict
from server.forges.base import Permission, WantedHook
from tests.contract.forges.gitlab_world import GROUP, GitLabWorld
from tests.contract.forges.gitlab_world import NAME as GITLAB_NAME
from tests.contract.forges.world import BOT, NAME, AppWorld, SandboxWorld, World
from tests.support.processes import eventually

HOOK = WantedHook(url="https://thera.test/webhooks/x", secret="it is a secret")
OWN = "thera/"


def seen(world: World, hook: WantedHook | None = HOOK) -> Mapping[str, Finding]:
    findings = world.forge.inspect(world.repo, hook=hook, own_statuses=OWN)
    assert len({one.subject for one in findings}) == len(findings)
    assert all(one.remedy for one in findings if one.verdict is not Verdict.GOOD)
    assert HOOK.secret not in repr(findings)
    return {one.subject: one for one in findings}


@pytest.fixture
def own(world: World) -> World:
    """A forge whose credential administers the repository."""
    world.permit(world.bot, Permission.ADMIN)
    return world


def test_a_webhook_that_is_missing_is_made_and_then_is_right(own: World) -> None:
    assert seen(own)["webhook"].verdict is Verdict.BAD
    assert HOOK.url in own.forge.set_webhook(own.repo, HOOK)
    assert seen(own)["webhook"].verdict is Verdict.GOOD


def test_a_repair_is_of_the_same_webhook_and_makes_no_second_one(github: SandboxWorld) -> None:
    github.permit(BOT, Permission.ADMIN)
    for _ in range(2):
        github.forge.set_webhook(github.repo, HOOK)
    assert [hook.url for hook in github.server.forge.repo(NAME).hooks] == [HOOK.url]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"active": False}, "not active"),
        ({"events": ("push",)}, "does not send issue_comment, pull_request"),
        ({"content_type": "form"}, "content type"),
    ],
    ids=["inactive", "events", "content type"],
)
def test_what_is_wrong_with_a_webhook_is_named_and_put_right(
    github: SandboxWorld, spoil: Mapping[str, object], words: str
) -> None:
    github.permit(BOT, Permission.ADMIN)
    github.forge.set_webhook(github.repo, HOOK)
    (hook,) = github.server.forge.repo(NAME).hooks
    for name, value in spoil.items():
        setattr(hook, name, value)
    assert words in seen(github)["webhook"].found
    github.forge.set_webhook(github.repo, HOOK)
    assert seen(github)["webhook"].verdict is Verdict.GOOD
    assert hook.secret == HOOK.secret


def test_missing_events_of_a_project_hook_are_named_and_put_right(gitlab: GitLabWorld) -> None:
    gitlab.server.forge.add_hook(GITLAB_NAME, HOOK.url, "another", ("push_events",), face="gitlab")
    assert "does not send note events" in seen(gitlab)["webhook"].found
    gitlab.forge.set_webhook(gitlab.repo, HOOK)
    assert seen(gitlab)["webhook"].verdict is Verdict.GOOD
    assert [hook.secret for hook in gitlab.project.hooks] == [HOOK.secret]


def test_a_credential_that_may_not_see_webhooks_leaves_the_question_open(github: SandboxWorld) -> None:
    github.permit(BOT, Permission.WRITE)
    found = seen(github)
    assert found["webhook"].verdict is Verdict.UNKNOWN
    assert found["credential"].verdict is Verdict.GOOD
    with pytest.raises(Refused, match="administrator"):
        github.forge.set_webhook(github.repo, HOOK)


def test_a_credential_that_may_only_read_is_told_what_it_lacks(github: SandboxWorld) -> None:
    github.permit(BOT, Permission.READ)
    assert seen(github)["credential"].verdict is Verdict.BAD


def test_a_guest_of_a_project_is_told_what_is_lacking(gitlab: GitLabWorld) -> None:
    gitlab.server.gitlab.add_group_member("acme", BOT, 20)
    found = seen(gitlab)
    assert found["credential"].verdict is Verdict.BAD
    assert found["webhook"].verdict is Verdict.UNKNOWN
    assert GROUP.startswith("acme")


def test_an_app_says_which_permissions_it_was_given(github_app: AppWorld) -> None:
    found = seen(github_app)
    assert found["credential"].found == "the App is installed with all permissions"
    assert "events" not in found


@pytest.mark.parametrize(
    ("contexts", "verdict"),
    [
        (["ci", "thera/apply"], Verdict.GOOD),
        (["ci"], Verdict.WARNING),
        ([], Verdict.WARNING),
        (["thera/apply: prod/default"], Verdict.WARNING),
    ],
)
@pytest.mark.parametrize("in_ruleset", [False, True], ids=["classic", "ruleset"])
def test_protection_has_to_name_a_status_that_every_pull_gets(
    github: SandboxWorld, contexts: list[str], verdict: Verdict, *, in_ruleset: bool
) -> None:
    github.permit(BOT, Permission.ADMIN)
    github.server.forge.protect(NAME, "main", contexts=contexts, in_ruleset=in_ruleset)
    assert seen(github)["branch protection"].verdict is verdict


@pytest.mark.parametrize(("required", "verdict"), [(True, Verdict.GOOD), (False, Verdict.WARNING)])
def test_a_project_whose_pipelines_need_not_succeed_merges_what_was_not_applied(
    gitlab: GitLabWorld, verdict: Verdict, *, required: bool
) -> None:
    gitlab.server.gitlab.settings(GITLAB_NAME).only_allow_merge_if_pipeline_succeeds = required
    assert seen(gitlab)["branch protection"].verdict is verdict


def test_the_last_delivery_tells_of_a_wrong_secret(github: SandboxWorld) -> None:
    github.permit(BOT, Permission.ADMIN)
    url = f"{github.server.url}/no/such/page"
    github.server.forge.add_hook(NAME, url, "wrong", ("pull_request",))
    github.open_pull()
    hook = WantedHook(url=url, secret="right")
    eventually(lambda: "webhook deliveries" in seen(github, hook), message="waiting for a delivery")
    assert "answered 404" in seen(github, hook)["webhook deliveries"].found


def test_the_clocks_agree(own: World) -> None:
    clock = seen(own).get("clock")
    assert clock is None or clock.verdict is Verdict.GOOD
