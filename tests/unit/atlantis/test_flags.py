"""The table of server flags: complete, and true about Thera's own settings.

The list of flags is that of Atlantis's documentation, "Server Configuration", with the one key that stands only in
its configuration file (`webhooks`).
"""

import pytest

from server.atlantis.flags import BY_VARIABLE, FLAGS, TOPICS, meant
from server.atlantis.outcomes import Becomes, Flag, Kind, NotNeeded, NotYet, PartOf, Replaced
from server.config.server_file import RepoEntry, ServerFile
from server.config.settings import SECRETS, Settings

DOCUMENTED = """
allow-commands allow-draft-prs allow-fork-prs api-secret atlantis-url autodiscover-mode automerge automerge-method
autoplan-file-list autoplan-modules autoplan-modules-from-projects azuredevops-hostname azuredevops-token
azuredevops-user azuredevops-webhook-password azuredevops-webhook-user
bitbucket-api-user bitbucket-base-url bitbucket-token bitbucket-user bitbucket-webhook-secret blocked-extra-args
checkout-depth checkout-strategy config
data-dir default-tf-distribution default-tf-version disable-apply-all disable-automerge-label disable-autoplan
disable-autoplan-label disable-global-apply-lock disable-markdown-folding disable-repo-locking disable-unlock-label
discard-approval-on-plan
emoji-reaction enable-diff-markdown-format enable-drift-detection enable-drift-remediation enable-external-stores
enable-policy-checks enable-profiling-api enable-regexp-cmd executable-name
fail-on-pre-workflow-hook-error
gh-allow-mergeable-bypass-apply gh-app-id gh-app-installation-id gh-app-key gh-app-key-file gh-app-slug gh-hostname
gh-org gh-team-allowlist gh-token gh-token-file gh-user gh-webhook-secret gitea-base-url gitea-page-size gitea-token
gitea-user gitea-webhook-secret gitlab-group-allowlist gitlab-hostname gitlab-status-retry-enabled gitlab-token
gitlab-user gitlab-webhook-secret
hide-prev-plan-comments hide-unchanged-plan-comments
ignore-vcs-status-names include-git-untracked-files
language language-config-file locking-db-type log-level
markdown-template-overrides-dir max-comments-per-command
parallel-apply parallel-plan parallel-pool-size pending-apply-status port
quiet-policy-checks
redis-cluster-addresses redis-db redis-host redis-insecure-skip-verify redis-password redis-port redis-tls-enabled
redis-username repo-allowlist repo-config repo-config-json restrict-file-list
share-plan-dir silence-allowlist-errors silence-fork-pr-errors silence-no-projects silence-vcs-status-no-plans
silence-vcs-status-no-projects skip-clone-no-changes slack-token ssl-cert-file ssl-key-file stats-namespace
tf-distribution tf-download tf-download-url tfe-hostname tfe-local-execution-mode tfe-token
use-tf-plugin-cache
var-file-allowlist vcs-status-name
web-basic-auth web-password web-username webhook-http-headers webhooks websocket-check-origin write-git-creds
"""


def flags_that(kind: type) -> list[Flag]:
    return [flag for flag in FLAGS.values() if isinstance(flag.outcome, kind)]


def test_every_flag_is_there_exactly_once() -> None:
    listed = [flag.name for flags in TOPICS.values() for flag in flags]

    assert len(DOCUMENTED.split()) == 126
    assert sorted(listed) == DOCUMENTED.split()


def test_a_default_is_of_the_kind_that_the_flag_takes() -> None:
    kinds = {Kind.BOOL: bool, Kind.INT: int, Kind.TEXT: str, Kind.LIST: str}

    for flag in FLAGS.values():
        assert flag.default is None or type(flag.default) is kinds[flag.kind], flag.name


def test_every_setting_that_is_named_is_one() -> None:
    named = {flag.outcome.setting for flag in flags_that(Becomes) if isinstance(flag.outcome, Becomes)}
    named |= {one for flag in flags_that(PartOf) if isinstance(flag.outcome, PartOf) for one in flag.outcome.settings}
    replaced = [flag.outcome.by for flag in flags_that(Replaced) if isinstance(flag.outcome, Replaced)]
    named |= {by.removeprefix("THERA_").lower() for by in replaced if by.startswith("THERA_")}

    assert named - set(Settings.model_fields) == set()


def test_every_key_of_the_server_file_that_is_named_is_one() -> None:
    keys = {flag.outcome.key for flag in flags_that(PartOf) if isinstance(flag.outcome, PartOf)} - {""}

    assert keys == {"autodiscover", "checkout", "policy_check", "repo_locks", "webhooks"}
    assert keys <= set(RepoEntry.model_fields) | set(ServerFile.model_fields)


@pytest.mark.parametrize("flag", flags_that(NotYet), ids=lambda flag: flag.name)
def test_what_is_not_there_yet_has_no_setting_of_its_name(flag: Flag) -> None:
    """Whoever adds the setting is reminded of the row."""
    name = flag.name.replace("-", "_")
    spellings = {name, name.replace("gh_", "github_", 1), name.replace("parallel_", "max_parallel_", 1)}

    assert spellings.isdisjoint(Settings.model_fields)


def test_a_flag_that_becomes_a_secret_is_one() -> None:
    for flag in flags_that(Becomes):
        assert isinstance(flag.outcome, Becomes)
        assert flag.secret == (flag.outcome.setting in SECRETS and not flag.outcome.as_file), flag.name


def test_everything_that_holds_a_credential_is_a_secret() -> None:
    words = ("token", "secret", "password", "key", "headers")
    holding = {name for name in FLAGS if name.split("-")[-1] in words}

    assert {flag.name for flag in FLAGS.values() if flag.secret} == holding


@pytest.mark.parametrize("kind", [NotNeeded, NotYet, Replaced])
def test_what_is_not_carried_over_has_a_reason_in_a_sentence(kind: type) -> None:
    for flag in flags_that(kind):
        assert isinstance(flag.outcome, (NotNeeded, NotYet, Replaced))
        assert len(flag.outcome.reason.split()) > 3, flag.name
        assert flag.outcome.reason.endswith("."), flag.name


def test_a_flag_is_spelled_as_an_option_and_as_a_variable() -> None:
    assert FLAGS["gh-user"].option == "--gh-user"
    assert FLAGS["atlantis-url"].variable == "ATLANTIS_ATLANTIS_URL"
    assert BY_VARIABLE["ATLANTIS_GH_APP_KEY_FILE"] is FLAGS["gh-app-key-file"]
    assert "ATLANTIS_WEBHOOKS" not in BY_VARIABLE


def test_a_former_name_leads_to_the_one_of_today() -> None:
    assert meant("repo-whitelist") == "; did you mean `repo-allowlist`?"
    assert meant("xyz") == ""
