"""The operator's file: every key, which entry wins, and what is said of a mistake."""

from pathlib import Path
from typing import Any

import pytest

from server.config.loading import ConfigMistaken
from server.config.repo_file import Autodiscover
from server.config.server_file import RepoPolicy, ServerFile, known_pools, load_server_file, policy_for
from server.domain.lock import LockMode, LockScope
from server.domain.refs import RepoRef
from server.domain.requirements import Requirement
from workers.protocol.jobs import Hook

APPROVED, MERGEABLE, UNDIVERGED, PASSED = Requirement
REPO = RepoRef("git.test", "acme/infra")
EVERYTHING = """\
repos:
  - id: /.*/
    branch: /^main$/
    repo_config_file: ci/thera.yaml
    plan_requirements: [undiverged]
    apply_requirements: [approved, mergeable, undiverged]
    import_requirements: [approved]
    workflow: careful
    allowed_workflows: [careful, default]
    allowed_overrides: [plan_requirements, apply_requirements, import_requirements, workflow,
      delete_source_branch_on_merge, repo_locking, repo_locks, policy_check, custom_policy_check, silence_pr_comments]
    allow_custom_workflows: yes
    delete_source_branch_on_merge: true
    repo_locking: true
    repo_locks: {mode: on_apply}
    policy_check: true
    custom_policy_check: true
    autodiscover: {mode: enabled, ignore_paths: [sandbox/**]}
    silence_pr_comments: [plan, apply]
    pre_workflow_hooks:
      - run: ./generate.sh
        description: generate
        shell: bash
        shellArgs: -eu -c
        commands: plan, apply
    post_workflow_hooks:
      - run: ./tell.sh
    lock_scope: repo
    release_locks: apply
    commenters: read
    checkout: merge
    worker_pool: production
workflows:
  careful: {plan: {steps: [init, plan]}, import: {steps: [import]}}
policies:
  conftest_version: 0.60
  engine: conftest
  owners: {users: [ann], teams: [acme/ops]}
  approve_count: 2
  sticky_policy_approvals: true
  policy_item_regex: (?m)^FAIL.*$
  policy_sets:
    - name: buckets
      path: /policies/buckets
      source: local
      owners: {users: [bob]}
      approve_count: 1
      sticky_policy_approvals: false
      policy_item_regex: .+
      prevent_self_approve: true
metrics:
  statsd: {host: stats, port: 8125}
  prometheus: {endpoint: /metrics}
external_stores:
  plan_store:
    type: s3
    s3: {bucket: b, region: r, prefix: p, endpoint: e, force_path_style: true, profile: x}
"""


def load(text: str, folder: Path) -> ServerFile:
    (folder / "repos.yaml").write_text(text, encoding="utf-8")
    return load_server_file(folder / "repos.yaml")


def mistakes(text: str, folder: Path) -> list[str]:
    with pytest.raises(ConfigMistaken) as caught:
        load(text, folder)
    return [str(mistake).removeprefix(f"{folder}/") for mistake in caught.value.mistakes]


def policy(*entries: dict[str, Any], repo: RepoRef = REPO, **top: Any) -> RepoPolicy:
    return policy_for(ServerFile.model_validate({"repos": [{"id": "/.*/"} | entry for entry in entries], **top}), repo)


def test_every_key_is_read(tmp_path: Path) -> None:
    file = load(EVERYTHING, tmp_path)
    found = policy_for(file, REPO)

    assert (found.branch, found.repo_config_file) == ("/^main$/", "ci/thera.yaml")
    assert (found.plan_requirements, found.import_requirements) == ((UNDIVERGED,), (APPROVED,))
    assert found.apply_requirements == (APPROVED, MERGEABLE, UNDIVERGED, PASSED)
    assert (found.workflow, found.allowed_workflows) == ("careful", ("careful", "default"))
    assert len(found.allowed_overrides) == 10
    assert (found.allow_custom_workflows, found.delete_source_branch) == (True, True)
    assert (found.policy_check, found.custom_policy_check) == (True, True)
    assert found.lock_mode is LockMode.ON_APPLY
    assert found.autodiscover == Autodiscover(mode="enabled", ignore_paths=["sandbox/**"])
    assert found.silence_comments == {"plan", "apply"}
    assert (found.lock_scope, found.release_locks, found.commenters) == (LockScope.REPO, "apply", "read")
    assert (found.checkout, found.worker_pool) == ("merge", "production")
    assert list(found.workflows) == ["careful"]
    assert known_pools(file) == ["default", "production"]


def test_without_a_file_the_defaults_hold() -> None:
    assert policy_for(load_server_file(None), REPO) == RepoPolicy()


@pytest.mark.parametrize(
    ("id_", "repo", "matches"),
    [
        pytest.param("git.test/acme/infra", "git.test/acme/infra", True, id="the whole name"),
        pytest.param("git.test/acme/infra", "git.test/acme/infra2", False, id="nothing but the whole name"),
        pytest.param("git.test/Acme/Infra", "git.test/acme/infra", True, id="whatever the case"),
        pytest.param("/acme/", "git.test/acme/infra", True, id="an expression is searched"),
        pytest.param("/^acme/", "git.test/acme/infra", False, id="an expression sees the host, too"),
    ],
)
def test_an_entry_is_about_the_repositories_of_its_id(id_: str, repo: str, *, matches: bool) -> None:
    assert (policy({"id": id_, "worker_pool": "x"}, repo=RepoRef.parse(repo)).worker_pool == "x") is matches


LAST_WINS: dict[str, tuple[Any, Any, str, Any]] = {
    "plan_requirements": (["approved"], ["mergeable"], "plan_requirements", (MERGEABLE,)),
    "apply_requirements": (["approved"], ["mergeable"], "apply_requirements", (MERGEABLE,)),
    "import_requirements": (["approved"], ["mergeable"], "import_requirements", (MERGEABLE,)),
    "workflow": ("a", "b", "workflow", "b"),
    "allowed_workflows": (["a"], [], "allowed_workflows", ()),
    "allowed_overrides": (["workflow"], [], "allowed_overrides", frozenset()),
    "allow_custom_workflows": (True, False, "allow_custom_workflows", False),
    "delete_source_branch_on_merge": (True, False, "delete_source_branch", False),
    "repo_locking": (False, True, "lock_mode", LockMode.ON_PLAN),
    "repo_locks": ({"mode": "disabled"}, {"mode": "on_apply"}, "lock_mode", LockMode.ON_APPLY),
    "policy_check": (True, False, "policy_check", False),
    "custom_policy_check": (True, False, "custom_policy_check", False),
    "silence_pr_comments": (["plan"], [], "silence_comments", frozenset()),
    "lock_scope": ("repo", "project", "lock_scope", LockScope.PROJECT),
    "release_locks": ("apply", "close", "release_locks", "close"),
    "commenters": ("anyone", "read", "commenters", "read"),
    "checkout": ("merge", "branch", "checkout", "branch"),
    "worker_pool": ("x", "y", "worker_pool", "y"),
}


@pytest.mark.parametrize("key", LAST_WINS)
def test_the_last_entry_that_sets_a_key_wins(key: str) -> None:
    earlier, later, attribute, value = LAST_WINS[key]

    assert getattr(policy({key: earlier}, {key: later}), attribute) == value


@pytest.mark.parametrize("key", LAST_WINS)
def test_an_entry_that_leaves_a_key_out_leaves_it_alone(key: str) -> None:
    earlier, _, attribute, _ = LAST_WINS[key]

    assert getattr(policy({key: earlier}, {}), attribute) == getattr(policy({key: earlier}), attribute)
    assert getattr(policy({key: earlier}), attribute) != getattr(RepoPolicy(), attribute)


@pytest.mark.parametrize("key", ["plan_requirements", "apply_requirements", "import_requirements"])
def test_an_empty_list_of_requirements_takes_nothing_back(key: str) -> None:
    assert getattr(policy({key: ["approved"]}, {key: []}), key) == (APPROVED,)


def test_branch_and_file_come_from_the_last_entry_alone() -> None:
    found = policy({"branch": "/^main$/", "repo_config_file": "x.yaml"}, {})

    assert (found.branch, found.repo_config_file) == (None, None)
    assert found.wants_branch("anything")
    assert not policy({}, {"branch": "/^main$/"}).wants_branch("release")


def test_repo_locking_false_wins_over_repo_locks() -> None:
    assert policy({"repo_locking": False}, {"repo_locks": {"mode": "on_apply"}}).lock_mode is LockMode.DISABLED


def test_autodiscover_counts_as_a_whole() -> None:
    found = policy({"autodiscover": {"mode": "enabled"}}, {"autodiscover": {"ignore_paths": ["a"]}})

    assert found.autodiscover == Autodiscover(mode="auto", ignore_paths=["a"])


def test_hooks_of_all_entries_run_in_their_order() -> None:
    found = policy(
        {"pre_workflow_hooks": [{"run": "a"}], "post_workflow_hooks": [{"run": "c"}]},
        {"pre_workflow_hooks": [{"run": "b"}], "post_workflow_hooks": [{"run": "d"}]},
    )

    assert found.hooks_before("plan") == (Hook(command="a"), Hook(command="b"))
    assert found.hooks_after("plan", base_ref="main") == (Hook(command="c"), Hook(command="d"))


def test_the_branch_of_an_entry_is_for_its_later_hooks_only() -> None:
    hooks = {"pre_workflow_hooks": [{"run": "a"}], "post_workflow_hooks": [{"run": "b"}]}
    found = policy({"branch": "/^main$/"} | hooks, {})

    assert found.hooks_before("plan") == (Hook(command="a"),)
    assert found.hooks_after("plan", base_ref="main") == (Hook(command="b"),)
    assert found.hooks_after("plan", base_ref="release") == ()


def test_a_hook_has_a_shell_and_its_arguments() -> None:
    hook = {"run": "x", "description": "d", "shell": "bash", "shellArgs": "-eu  -c"}
    (found,) = policy({"pre_workflow_hooks": [hook]}).hooks_before("plan")

    assert (found.command, found.description, found.shell, found.shell_args) == ("x", "d", "bash", ("-eu", "-c"))
    (found,) = policy({"pre_workflow_hooks": [hook | {"shellArgs": ["-e", "-c"]}]}).hooks_before("plan")
    assert found.shell_args == ("-e", "-c")


@pytest.mark.parametrize(
    ("commands", "command", "runs"),
    [
        pytest.param("", "plan", True, id="no commands are all commands"),
        pytest.param("plan", "plan", True, id="the command is named"),
        pytest.param("plan, apply", "apply", True, id="one of several, with spaces"),
        pytest.param("apply,", "apply", True, id="a comma too many"),
        pytest.param("plan", "apply", False, id="the command is not named"),
        pytest.param("autoplan", "plan", True, id="a plan by itself is a plan"),
        pytest.param("apply", "approve_policies", False, id="a name is a whole name"),
        pytest.param("state rm", "state_rm", True, id="state rm has several spellings"),
        pytest.param("state_rm", "state", True, id="state rm has several spellings, the other way"),
        pytest.param("import", "import", True, id="import"),
    ],
)
def test_a_hook_runs_for_its_commands(commands: str, command: str, *, runs: bool) -> None:
    assert bool(policy({"pre_workflow_hooks": [{"run": "x", "commands": commands}]}).hooks_before(command)) is runs


def entry(**keys: str) -> str:
    given = {"id": "/.*/"} | keys
    return "repos:\n- " + "\n  ".join(f"{key}: {value}" for key, value in given.items()) + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "repos.yaml:1: expected a mapping of keys, found nothing", id="an empty file"),
        pytest.param(
            "repo: []", ":1: repo: there is no such key here; did you mean `repos`?", id="unknown keys at the top"
        ),
        pytest.param(
            entry(apply_requirement="[approved]"),
            "repos[0].apply_requirement: there is no such key here; did you mean `apply_requirements`?",
            id="unknown keys of an entry",
        ),
        pytest.param("repos: [{branch: /a/}]", "repos[0].id: this key is required", id="id is required"),
        pytest.param("repos: [{id: /(/}]", "repos[0].id: not a regular expression", id="id may be an expression"),
        pytest.param(
            "repos: [{id: git.test/acme/*}]",
            "repos[0].id: `*` stands for nothing here; write an expression between slashes",
            id="id is no pattern",
        ),
        pytest.param(
            entry(branch="main"),
            "repos[0].branch: must be a regular expression between slashes",
            id="branch is an expression",
        ),
        pytest.param(
            entry(repo_config_file="/x"),
            "repos[0].repo_config_file: has to be a path in the repository",
            id="the file is in the repository",
        ),
        pytest.param(
            entry(repo_config_file="a/../../x"),
            "repos[0].repo_config_file: has to be a path in the repository",
            id="the file does not climb",
        ),
        pytest.param(
            entry(apply_requirements="[approvd]"),
            "expected one of approved, mergeable, undiverged, policies_passed; did you mean `approved`?",
            id="requirements are known",
        ),
        pytest.param(
            entry(import_requirements="[policies_passed]"),
            "policies are checked after a plan",
            id="an import has no plan",
        ),
        pytest.param(
            entry(workflow="w"), "repos[0].workflow: workflow 'w' is not defined in this file", id="workflow is defined"
        ),
        pytest.param(
            entry(allowed_workflows="[default, w]"),
            "repos[0].allowed_workflows: workflow 'w' is not defined in this file",
            id="allowed_workflows are defined",
        ),
        pytest.param(
            entry(allowed_overrides="[workflows]"),
            "policy_check, custom_policy_check, silence_pr_comments; found 'workflows'; did you mean `workflow`?",
            id="allowed_overrides are known",
        ),
        pytest.param(
            entry(repo_locks="{mode: never}"),
            "repos[0].repo_locks.mode: expected one of on_plan, on_apply, disabled; found 'never'",
            id="locks have three modes",
        ),
        pytest.param(
            entry(autodiscover="{mode: sometimes}"),
            "repos[0].autodiscover.mode: expected one of auto, enabled, disabled; found 'sometimes'",
            id="autodiscover has three modes",
        ),
        pytest.param(
            entry(autodiscover="{ignore_paths: [/a]}"),
            "`ignore_paths` are relative to the repository's root: '/a' begins with '/'",
            id="ignore_paths are relative",
        ),
        pytest.param(
            entry(silence_pr_comments="[version]"),
            "repos[0].silence_pr_comments[0]: expected one of plan, apply; found 'version'",
            id="plans and applies can be silenced",
        ),
        pytest.param(
            entry(pre_workflow_hooks="[{description: x}]"),
            "repos[0].pre_workflow_hooks[0].run: this key is required",
            id="a hook runs something",
        ),
        pytest.param(
            entry(post_workflow_hooks="[{run: x, cmd: y}]"),
            "repos[0].post_workflow_hooks[0].cmd: there is no such key here",
            id="unknown keys of a hook",
        ),
        pytest.param(
            entry(pre_workflow_hooks="[{run: x, shellargs: -c}]"),
            "there is no such key here; did you mean `shellArgs`?",
            id="shellArgs is written so",
        ),
        pytest.param(
            entry(pre_workflow_hooks="[{run: x, commands: 'plan,aply'}]"),
            "repos[0].pre_workflow_hooks[0].commands: unknown command 'aply'; expected one of plan, autoplan, apply",
            id="a hook's commands are known",
        ),
        pytest.param(
            entry(lock_scope="world"),
            "repos[0].lock_scope: expected one of project, repo; found 'world'",
            id="lock_scope is known",
        ),
        pytest.param(
            "metrics: {statsd: {host: a}}", "metrics.statsd.port: this key is required", id="metrics are checked"
        ),
        pytest.param(
            "team_authz: {command: ./may.sh}",
            "repos.yaml:1: team_authz: Thera's server runs no commands",
            id="what nobody would heed is refused",
        ),
        pytest.param(
            "external_stores: {plan_store: {type: gcs}}",
            "external_stores.plan_store.type: expected s3; found 'gcs'",
            id="plans are in s3",
        ),
        pytest.param(
            "external_stores: {plan_store: {type: s3}}",
            "external_stores.plan_store: needs `s3`, with `bucket` and `region`",
            id="s3 is described",
        ),
        pytest.param(
            entry(policy_check="true"),
            ":3: repos[0].policy_check: there is nothing to check plans by",
            id="policies are there to be checked",
        ),
        pytest.param(
            entry(apply_requirements="[policies_passed]"),
            ":3: repos[0].apply_requirements: there is nothing to check plans by",
            id="policies are there to be passed",
        ),
        pytest.param(
            entry(apply_requirements="[policies_passed]", policy_check="false"),
            ":4: repos[0].policy_check: the same entry requires `policies_passed`",
            id="what is required is checked",
        ),
    ],
)
def test_a_mistake_is_told_in_plain_words(text: str, message: str, tmp_path: Path) -> None:
    found = mistakes(text, tmp_path)

    assert len(found) == 1
    assert message in found[0]


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigMistaken, match="cannot be read"):
        load_server_file(tmp_path / "repos.yaml")


def test_json_is_yaml(tmp_path: Path) -> None:
    assert load('{"repos": [{"id": "/.*/", "workflow": "default"}]}', tmp_path).repos[0].workflow == "default"
