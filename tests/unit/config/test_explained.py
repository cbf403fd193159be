"""What holds for a project is told with where it is written, whoever wrote it."""

from pathlib import Path

import pytest

from server.config.explained import rule_of, settings_of
from server.config.merge import RepoConfig, merge, touched
from server.config.repo_file import load_repo_file
from server.config.server_file import load_server_file, policy_for
from server.domain.refs import RepoRef
from workers.protocol.results import DiscoverFacts

OVERRIDES = "[workflow, apply_requirements, plan_requirements, repo_locks, repo_locking, policy_check]"
SERVER = f"""\
repos:
- id: /.*/
  allowed_overrides: {OVERRIDES}
  allow_custom_workflows: true
  apply_requirements: [approved]
  worker_pool: eu
- id: /elsewhere/
  worker_pool: us
- id: /acme/
  workflow: careful
  repo_locks: {{mode: on_apply}}
  lock_scope: repo
workflows:
  careful: {{plan: {{steps: [init, plan, show]}}}}
"""
REPO = """\
version: 3
projects:
- dir: a
"""


@pytest.fixture
def told(tmp_path: Path) -> "Told":
    return Told(tmp_path)


class Told:
    """Settings by name, as they are told of the first project of a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def config(self, repo: str | None, server: str, *changed: str) -> tuple[RepoConfig, DiscoverFacts]:
        file = self._folder / "repos.yaml"
        file.write_text(server)
        facts = DiscoverFacts(head_sha="a", base_sha="b", changed_files=changed or ("a/x.tf",), module_dirs=("a", "b"))
        repo_file = None if repo is None else load_repo_file(repo, file="thera.yaml", base_branch="main")
        policy = policy_for(load_server_file(file), RepoRef("git.test", "acme/infra"))
        return merge(policy, repo_file, facts, file="thera.yaml"), facts

    def __call__(self, repo: str | None = REPO, server: str = "repos: []\n") -> dict[str, tuple[str, str]]:
        config, facts = self.config(repo, server)
        project, _ = touched(config, facts, automatic=False)[0]
        return {one.name: (one.value, one.origin) for one in settings_of(project)}


def test_what_nobody_wrote_is_a_default(told: Told) -> None:
    settings = told()

    assert settings["workflow"] == ("`default`", "default")
    assert settings["steps"] == ("plan: `init`, `plan`; apply: `init`, `apply`", "built in")
    assert settings["apply requirements"] == ("none", "default")
    assert settings["lock"] == ("taken by a plan", "default")
    assert settings["version"][1].startswith("the code's `required_version`")
    assert not {"order", "depends on", "autoplan", "policies"} & set(settings)


def test_the_operators_word_is_told_with_its_line_and_without_the_folder_of_the_file(told: Told) -> None:
    settings = told(server=SERVER)

    assert settings["workflow"] == ("`careful`", "`repos.yaml:10`, `repos[2].workflow`")
    assert settings["steps"] == (
        "plan: `init`, `plan`, `show`; apply: `init`, `apply`",
        "`repos.yaml:14`, `workflows.careful`",
    )
    assert settings["apply requirements"] == ("`approved`", "`repos.yaml:5`, `repos[0].apply_requirements`")
    assert settings["workers"] == ("pool `eu`", "`repos.yaml:6`, `repos[0].worker_pool`")
    assert settings["lock"] == ("taken by an apply", "`repos.yaml:11`, `repos[2].repo_locks`")
    assert settings["lock scope"] == ("covers the whole repository", "`repos.yaml:12`, `repos[2].lock_scope`")


@pytest.mark.parametrize(
    ("key", "name", "value", "place"),
    [
        ("workflow: default", "workflow", "`default`", "workflow"),
        ("workflow: mine", "workflow", "`mine`", "workflow"),
        ("apply_requirements: []", "apply requirements", "none", "apply_requirements"),
        ("plan_requirements: [mergeable]", "plan requirements", "`mergeable`", "plan_requirements"),
        ("repo_locks: {mode: disabled}", "lock", "not taken", "repo_locks"),
        ("repo_locking: false", "lock", "not taken", "repo_locking"),
        ("terraform_version: v1.9.5", "version", "`1.9.5`", "terraform_version"),
        ("terraform_distribution: opentofu", "distribution", "`opentofu`", "terraform_distribution"),
        ("execution_order_group: 3", "order", "group 3", "execution_order_group"),
        ("autoplan: {enabled: false}", "autoplan", "only when asked for", "autoplan.enabled"),
    ],
)
def test_the_projects_own_word_is_told_with_its_line(told: Told, key: str, name: str, value: str, place: str) -> None:
    settings = told(f"{REPO}  {key}\nworkflows: {{mine: {{}}}}\n", SERVER)

    assert settings[name] == (value, f"`thera.yaml:4`, `projects[0].{place}`")


def test_what_a_file_says_for_all_projects_is_told_where_that_counts(told: Told) -> None:
    top = REPO + "repo_locks: {mode: disabled}\n"

    assert told(top, SERVER)["lock"] == ("not taken", "`thera.yaml:4`, `repo_locks`")
    assert told(top)["lock"] == ("taken by a plan", "default")


def test_a_workflow_of_the_repository_is_told_with_its_own_place(told: Told) -> None:
    settings = told(f"{REPO}  workflow: careful\nworkflows:\n  careful: {{plan: {{steps: [plan]}}}}\n", SERVER)

    assert settings["steps"] == ("plan: `plan`; apply: `init`, `apply`", "`thera.yaml:6`, `workflows.careful`")


def test_an_old_key_that_switches_locks_off_is_named_and_not_the_new_one(told: Told) -> None:
    server = "repos:\n- id: /.*/\n  repo_locks: {mode: on_apply}\n- id: /acme/\n  repo_locking: false\n"

    assert told(server=server)["lock"] == ("not taken", "`repos.yaml:5`, `repos[1].repo_locking`")


@pytest.mark.parametrize(
    ("server", "place"),
    [
        ("policies: {policy_sets: [{name: s, path: /p}]}\n", "`repos.yaml:1`, `policies`"),
        (
            "policies: {policy_sets: [{name: s, path: /p}]}\nrepos:\n- id: /.*/\n  policy_check: true\n",
            "`repos.yaml:4`, `repos[0].policy_check`",
        ),
        ("repos:\n- id: /.*/\n  custom_policy_check: true\n", "`repos.yaml:3`, `repos[0].custom_policy_check`"),
    ],
)
def test_policies_are_told_with_what_switched_them_on(told: Told, server: str, place: str) -> None:
    settings = told(server=server)

    assert settings["policies"] == ("judge each plan", place)
    assert settings["apply requirements"] == ("`policies_passed`", f"`policies_passed` by {place}")


def test_requirements_from_two_places_name_both(told: Told) -> None:
    server = "policies: {policy_sets: [{name: s, path: /p}]}\nrepos:\n- id: /.*/\n  apply_requirements: [approved]\n"

    assert told(server=server)["apply requirements"] == (
        "`approved`, `policies_passed`",
        "`repos.yaml:4`, `repos[0].apply_requirements`; `policies_passed` by `repos.yaml:1`, `policies`",
    )


def test_projects_of_one_pattern_are_told_with_the_line_of_the_pattern(told: Told) -> None:
    settings = told("version: 3\nprojects:\n- dir: '*'\n  terraform_version: 1.9.5\n")

    assert settings["version"] == ("`1.9.5`", "`thera.yaml:4`, `projects[0].terraform_version`")


@pytest.mark.parametrize(
    ("repo", "changed", "rule"),
    [
        (REPO, "a/x.tf", ("**/*.tf*", "default of `when_modified`")),
        (
            "version: 3\nprojects:\n- dir: a\n  autoplan:\n    when_modified: ['*.tf', ../shared/*.json]\n",
            "shared/x.json",
            ("../shared/*.json", "`thera.yaml:5`, `projects[0].autoplan.when_modified`"),
        ),
        (None, "a/x.tf", ("**/*.tf", "default of `THERA_AUTOPLAN_FILE_LIST`")),
    ],
)
def test_the_pattern_that_a_change_matches_is_named(
    told: Told, repo: str | None, changed: str, rule: tuple[str, str]
) -> None:
    config, facts = told.config(repo, "repos: []\n", changed)
    [(project, cause)] = touched(config, facts, automatic=True)

    assert rule_of(project, config, cause) == rule
