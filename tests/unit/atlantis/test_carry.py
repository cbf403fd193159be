"""Settings of Thera out of what an Atlantis was told."""

import json
from pathlib import Path
from typing import Any

import pytest

from server.atlantis.carry import Carried, Note, carry
from server.atlantis.checking import still_needed
from server.atlantis.flags import FLAGS
from server.atlantis.outcomes import Becomes, Kind, NotYet
from server.atlantis.reading import read
from server.config.loading import load
from server.config.server_file import ServerFile, policy_for
from server.config.settings import load_settings
from server.domain.lock import LockMode
from server.domain.refs import RepoRef

ALWAYS = {
    "THERA_ALLOW_COMMANDS": "version,plan,apply,unlock,approve_policies,cancel,destroy",
    "THERA_COMMAND_NAME": "thera,atlantis",
    "THERA_STATUS_NAME": "atlantis",
    "THERA_TERRAFORM_DOWNLOAD_URL": "https://releases.hashicorp.com",
}


def carried(*words: str) -> Carried:
    return carry(read(config=None, env_file=None, words=words))


def variables(*words: str) -> dict[str, str]:
    """Give the variables that flags make, without those that are always there."""
    found = {one.name: one.value for one in carried(*words).variables}
    return {name: value for name, value in found.items() if ALWAYS.get(name) != value}


def names(notes: tuple[Note, ...]) -> list[str]:
    return [note.flag for note in notes]


def test_names_that_people_and_branch_protection_know_are_carried_over_unasked() -> None:
    assert {one.name: one.value for one in carried().variables} == ALWAYS


EXAMPLES: list[tuple[list[str], dict[str, str]]] = [
    (["--allow-commands=plan,apply"], {"THERA_ALLOW_COMMANDS": "plan,apply,destroy"}),
    (["--allow-commands=apply"], {"THERA_ALLOW_COMMANDS": "apply"}),
    (["--allow-draft-prs"], {"THERA_ALLOW_DRAFTS": "true"}),
    (["--allow-fork-prs=false"], {"THERA_ALLOW_FORKS": "false"}),
    (["--api-secret=0123456789abcdef"], {"THERA_API_TOKENS": "0123456789abcdef"}),
    (["--slack-token=planted"], {"THERA_SLACK_TOKEN": "planted"}),
    (['--webhook-http-headers={"X-A": "planted"}'], {"THERA_WEBHOOK_HTTP_HEADERS": '{"X-A": "planted"}'}),
    (["--atlantis-url=https://a.example/base"], {"THERA_URL": "https://a.example/base"}),
    (["--automerge"], {"THERA_AUTOMERGE": "true"}),
    (["--automerge-method=squash"], {"THERA_AUTOMERGE_METHOD": "squash"}),
    (["--disable-automerge-label=wait"], {"THERA_DISABLE_AUTOMERGE_LABEL": "wait"}),
    (["--default-tf-version=v1.9.5"], {"THERA_TERRAFORM_VERSION": "v1.9.5"}),
    (["--disable-autoplan"], {"THERA_DISABLE_AUTOPLAN": "true"}),
    (["--disable-autoplan-label=no-plan"], {"THERA_DISABLE_AUTOPLAN_LABEL": "no-plan"}),
    (["--executable-name=tf"], {"THERA_COMMAND_NAME": "tf"}),
    (["--executable-name=atlantis"], {}),
    (["--gh-app-id=12"], {"THERA_GITHUB_APP_ID": "12"}),
    (["--gh-app-id=0"], {}),
    (["--gh-app-key-file=/k.pem"], {"THERA_GITHUB_APP_KEY_FILE": "/k.pem"}),
    (["--gh-hostname=github.com"], {"THERA_GITHUB_URL": "https://api.github.com"}),
    (["--gh-hostname=ghe.example"], {"THERA_GITHUB_URL": "https://ghe.example/api/v3"}),
    (["--gh-hostname=acme.ghe.com"], {"THERA_GITHUB_URL": "https://api.acme.ghe.com"}),
    (["--gh-token=planted"], {"THERA_GITHUB_TOKEN": "planted"}),
    (["--gh-token-file=/token"], {"THERA_GITHUB_TOKEN_FILE": "/token"}),
    (["--gh-user=@bot"], {"THERA_GITHUB_USER": "bot"}),
    (["--gh-webhook-secret=planted"], {"THERA_GITHUB_WEBHOOK_SECRET": "planted"}),
    (["--gitlab-hostname=git.example/sub/"], {"THERA_GITLAB_URL": "https://git.example/sub"}),
    (["--gitlab-hostname=http://git.example"], {"THERA_GITLAB_URL": "http://git.example"}),
    (["--gitlab-token=planted"], {"THERA_GITLAB_TOKEN": "planted"}),
    (["--gitlab-user=bot"], {"THERA_GITLAB_USER": "bot"}),
    (["--gitlab-webhook-secret=planted"], {"THERA_GITLAB_WEBHOOK_SECRET": "planted"}),
    (["--log-level=warn"], {"THERA_LOG_LEVEL": "warning"}),
    (["--port=80"], {"THERA_PORT": "80"}),
    (["--repo-allowlist=*,!x/y"], {"THERA_REPO_ALLOWLIST": "*,!x/y"}),
    (["--repo-config=/repos.yaml"], {"THERA_REPO_CONFIG": "/repos.yaml"}),
    (["--silence-allowlist-errors"], {"THERA_ANSWER_UNKNOWN_REPOS": "false"}),
    (["--silence-allowlist-errors=false"], {"THERA_ANSWER_UNKNOWN_REPOS": "true"}),
    (["--vcs-status-name=ci"], {"THERA_STATUS_NAME": "ci"}),
    (["--web-password=planted"], {"THERA_WEB_PASSWORD": "planted"}),
    (["--web-username=ann"], {"THERA_WEB_USERNAME": "ann"}),
    (["--default-tf-distribution=opentofu", "--tf-download=false"], {"THERA_TERRAFORM_DISTRIBUTION": "opentofu"}),
    (["--tf-distribution=opentofu", "--tf-download=false"], {"THERA_TERRAFORM_DISTRIBUTION": "opentofu"}),
    (["--tf-download-url=https://mirror.example"], {"THERA_TERRAFORM_DOWNLOAD_URL": "https://mirror.example"}),
    (["--tfe-token=planted"], {"TF_TOKEN_app_terraform_io": "planted"}),
    (["--tfe-token=planted", "--tfe-hostname=Tfe-1.example"], {"TF_TOKEN_tfe__1_example": "planted"}),
    (["--tfe-hostname=tfe.example"], {}),
    (["--autoplan-file-list=**/*.tf,x/*"], {"THERA_AUTOPLAN_FILE_LIST": "**/*.tf,x/*"}),
    (["--blocked-extra-args=-chdir,-state"], {"THERA_BLOCKED_EXTRA_ARGS": "-chdir,-state"}),
    (["--disable-apply-all"], {"THERA_DISABLE_APPLY_ALL": "true"}),
    (["--disable-unlock-label=keep"], {"THERA_DISABLE_UNLOCK_LABEL": "keep"}),
    (["--disable-markdown-folding"], {"THERA_DISABLE_MARKDOWN_FOLDING": "true"}),
    (["--emoji-reaction=rocket"], {"THERA_EMOJI_REACTION": "rocket"}),
    (["--hide-prev-plan-comments"], {"THERA_HIDE_PREV_PLAN_COMMENTS": "true"}),
    (["--ignore-vcs-status-names=atlantis"], {"THERA_IGNORE_STATUS_NAMES": "atlantis"}),
    (["--include-git-untracked-files"], {"THERA_INCLUDE_GIT_UNTRACKED_FILES": "true"}),
    (["--restrict-file-list"], {"THERA_RESTRICT_FILE_LIST": "true"}),
    (["--silence-no-projects"], {"THERA_SILENCE_NO_PROJECTS": "true"}),
    (["--silence-vcs-status-no-plans"], {"THERA_SILENCE_STATUS_NO_PROJECTS": "true"}),
    (["--silence-vcs-status-no-projects"], {"THERA_SILENCE_STATUS_NO_PROJECTS": "true"}),
    (["--var-file-allowlist=/vars"], {"THERA_VAR_FILE_ALLOWLIST": "/vars"}),
    (["--write-git-creds"], {"THERA_MODULE_CREDENTIALS": "true"}),
    (["--gh-team-allowlist=dev:plan, ops:apply"], {"THERA_TEAM_ALLOWLIST": "dev:plan,ops:apply"}),
    (["--gitlab-group-allowlist=acme/ops:apply"], {"THERA_TEAM_ALLOWLIST": "acme/ops:apply"}),
]


@pytest.mark.parametrize(("words", "expected"), EXAMPLES)
def test_a_flag_becomes_a_variable(words: list[str], expected: dict[str, str]) -> None:
    assert variables(*words) == expected


def test_every_conversion_has_an_example() -> None:
    """Whoever adds a flag that becomes a setting adds it to the examples."""
    shown = {word.partition("=")[0].removeprefix("--") for words, _ in EXAMPLES for word in words}

    missing = {flag.name for flag in FLAGS.values() if isinstance(flag.outcome, Becomes)} - shown
    assert missing == {"gh-app-key"}  # see below


def test_the_values_are_those_that_thera_reads() -> None:
    words = ["--allow-draft-prs", "--gh-app-id=12", "--log-level=warn", "--default-tf-distribution=opentofu"]
    found = carried(*words, "--repo-allowlist=github.com/acme/*,!github.com/acme/x")
    settings = load_settings({one.name: one.value for one in found.variables})

    assert settings.allow_drafts
    assert settings.github_app_id == 12
    assert settings.log_level == "warning"
    assert settings.terraform_distribution == "opentofu"
    assert settings.terraform_download_url == "https://github.com/opentofu/opentofu/releases/download/v{version}"
    assert settings.repo_allowlist == ("github.com/acme/*", "!github.com/acme/x")
    assert settings.command_name == ("thera", "atlantis")


def test_what_does_not_fit_between_quotes_goes_into_a_file() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nplanted\n-----END RSA PRIVATE KEY-----"
    (found,) = [one for one in carried(f"--gh-app-key={key}").variables if "KEY" in one.name]

    assert (found.name, found.file, found.value) == ("THERA_GITHUB_APP_KEY_FILE", "github-app-key", key)


def test_downloads_need_somebody_s_keys() -> None:
    assert "THERA_TERRAFORM_SIGNING_KEYS" in " ".join(carried().to_do)
    assert carried("--tf-download=false").to_do == ()
    assert "THERA_TERRAFORM_DOWNLOAD_URL" not in {one.name for one in carried("--tf-download=false").variables}


# --- the server file ---


def server_file(*words: str) -> dict[str, Any]:
    (found,) = [one for one in carried(*words).variables if one.name == "THERA_REPO_CONFIG"]
    assert found.file
    document: dict[str, Any] = json.loads(found.value)
    return document


def test_flags_about_all_repositories_become_the_server_file_s_first_entry() -> None:
    own = {"id": "github.com/acme/infra", "repo_locks": {"mode": "on_apply"}}
    words = ["--checkout-strategy=merge", "--autodiscover-mode=enabled", "--disable-repo-locking"]
    document = server_file(*words, f"--repo-config-json={json.dumps({'repos': [own]})}")
    parsed, _ = load(ServerFile, json.dumps(document), file="repos.yaml")
    other = policy_for(parsed, RepoRef("github.com", "acme/other"))

    assert document["repos"][1:] == [own]
    assert (other.checkout, other.autodiscover.mode, other.lock_mode) == ("merge", "enabled", LockMode.DISABLED)
    assert policy_for(parsed, RepoRef("github.com", "acme/infra")).lock_mode is LockMode.ON_APPLY


def test_without_a_server_file_one_is_made_where_it_is_needed() -> None:
    assert server_file("--checkout-strategy=merge") == {"repos": [{"id": "/.*/", "checkout": "merge"}]}
    assert "THERA_REPO_CONFIG" not in variables("--checkout-strategy=branch", "--autodiscover-mode=auto")


def test_a_server_file_that_stands_elsewhere_is_left_alone_and_a_person_told_what_to_add() -> None:
    found = carried("--repo-config=/repos.yaml", "--checkout-strategy=merge", "--enable-policy-checks")

    assert '- {"id": "/.*/", "checkout": "merge"}' in " ".join(found.to_do)
    assert "policy_check" not in " ".join(found.to_do)


def test_policies_stay_off_where_atlantis_did_not_ask_them() -> None:
    policies = {"policies": {"policy_sets": [{"name": "one", "path": "p", "source": "local"}]}}
    document = f"--repo-config-json={json.dumps(policies)}"

    assert server_file(document)["repos"] == [{"id": "/.*/", "policy_check": False}]
    assert server_file(document, "--enable-policy-checks") == policies
    assert "policy_check: false" in " ".join(carried("--repo-config=/repos.yaml").to_do)
    assert '"policy_check": false' in " ".join(
        carried("--repo-config=/repos.yaml", "--enable-policy-checks=false").to_do
    )


WEBHOOKS = """
webhooks:
- {event: apply, kind: http, url: "https://example.com/planted", workspace-regex: ^prod}
- {event: drift, kind: slack, channel: infra}
"""


def from_file(folder: Path, text: str) -> Carried:
    (folder / "atlantis.yaml").write_text(text, encoding="utf-8")
    return carry(read(config=folder / "atlantis.yaml", env_file=None, words=()))


def test_outgoing_webhooks_become_part_of_the_server_file(tmp_path: Path) -> None:
    found = from_file(tmp_path, WEBHOOKS)

    (file,) = (one for one in found.variables if one.name == "THERA_REPO_CONFIG")
    parsed, _ = load(ServerFile, file.value, file="repos.yaml")
    assert [(one.url, one.workspace_regex) for one in parsed.webhooks] == [("https://example.com/planted", "^prod")]
    assert file.secret
    assert "Of `webhooks`, 1 with the event `drift` cannot be kept yet." in found.to_do


def test_outgoing_webhooks_are_to_be_copied_where_there_is_a_server_file_already(tmp_path: Path) -> None:
    found = from_file(tmp_path, f"repo-config: /etc/repos.yaml\n{WEBHOOKS}")

    assert any("Copy the key `webhooks`" in one and "/etc/repos.yaml" in one for one in found.to_do)
    assert "planted" not in " ".join(found.to_do)


# --- what is not carried over ---


def test_what_thera_cannot_do_is_told_with_a_reason_and_a_remedy() -> None:
    (note,) = carried("--discard-approval-on-plan").lost

    assert (note.flag, note.place) == ("--discard-approval-on-plan", "command line")
    assert note.why
    assert note.remedy


def test_what_is_done_otherwise_or_needs_nothing_is_told_apart() -> None:
    found = carried("--redis-host=redis", "--autoplan-modules", "--azuredevops-token=planted")

    assert names(found.elsewhere) == ["--redis-host"]
    assert names(found.needless) == ["--autoplan-modules"]
    assert names(found.lost) == ["--azuredevops-token"]


def test_saying_what_atlantis_does_anyway_loses_nothing() -> None:
    usual = {
        flag.name: str(flag.default).lower()
        for flag in FLAGS.values()
        if flag.default is not None and flag.kind is not Kind.LIST
    }
    found = carried(*(f"--{name}={value}" for name, value in usual.items()))

    assert (found.lost, found.elsewhere, found.needless) == ((), (), ())


def test_every_flag_that_thera_does_not_know_is_lost_when_it_is_set() -> None:
    missing = [flag for flag in FLAGS.values() if isinstance(flag.outcome, NotYet) and not flag.only_in_file]
    words = [f"--{flag.name}={'true' if flag.kind is Kind.BOOL else '7'}" for flag in missing]

    assert sorted(names(carried(*words).lost)) == sorted(flag.option for flag in missing)


def test_a_rule_with_a_star_in_its_middle_is_to_be_looked_at() -> None:
    told = " ".join(carried("--repo-allowlist=github.com/*/infra,github.com/acme/*").to_do)

    assert "github.com/*/infra" in told
    assert "github.com/acme/*" not in told


# --- what is still needed ---


def test_whole_settings_need_nothing_more() -> None:
    words = ["--repo-allowlist=github.com/acme/*", "--gh-token=planted", "--gh-webhook-secret=planted"]

    assert still_needed(carried(*words)) == []


def test_what_a_server_would_not_start_without_is_still_needed() -> None:
    needed = still_needed(carried("--gh-token=planted", "--api-secret=short", "--repo-config=/nowhere/repos.yaml"))

    assert [one.split(":")[0] for one in needed] == ["THERA_API_TOKENS", "THERA_REPO_CONFIG"]
    assert [one.split(":")[0] for one in still_needed(carried("--gh-token=planted"))] == [
        "THERA_REPO_ALLOWLIST",
        "THERA_GITHUB_WEBHOOK_SECRET",
    ]


def test_without_a_forge_that_thera_serves_there_is_nothing_to_do() -> None:
    needed = still_needed(carried("--repo-allowlist=*", "--gitea-token=planted"))

    assert needed == ["No forge came over: set one up on the page that Thera opens with, or see THERA_FORGES."]


def test_a_server_file_given_as_json_is_checked() -> None:
    needed = still_needed(carried("--repo-allowlist=*", "--gitlab-token=x", '--repo-config-json={"repso": []}'))

    assert "the server file:" in needed[-1]
    assert "did you mean `repos`?" in needed[-1]
