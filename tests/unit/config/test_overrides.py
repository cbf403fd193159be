"""What the repository may say over the operator, and what comes of it for a project."""

from typing import Any

import pytest

from server.config.loading import ConfigMistaken
from server.config.merge import ProjectConfig, RepoConfig, merge, targeted, touched
from server.config.repo_file import load_repo_file
from server.config.server_file import Override, ServerFile, policy_for
from server.domain.commands import Target
from server.domain.errors import UserMistake
from server.domain.lock import LockMode
from server.domain.refs import RepoRef
from server.domain.requirements import Requirement
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import DiscoverFacts

APPROVED, MERGEABLE, UNDIVERGED, PASSED = Requirement
POLICIES = {"policy_sets": [{"name": "s", "path": "/p"}]}
SERVER_WORKFLOWS = {"safe": {"plan": {"steps": ["show"]}}, "other": {"plan": {"steps": ["init"]}}}


def config(
    text: str | None,
    *dirs: str,
    changed: tuple[str, ...] = (),
    workflows: dict[str, Any] | None = None,
    policies: dict[str, Any] | None = None,
    **entry: Any,
) -> RepoConfig:
    server_file = ServerFile.model_validate(
        {"repos": [{"id": "/.*/"} | entry], "workflows": workflows or {}, "policies": policies}
    )
    repo_file = None
    if text is not None:
        repo_file = load_repo_file(f"version: 3\n{text}", file="thera.yaml", base_branch="main")
    facts = DiscoverFacts(head_sha="a", base_sha="b", changed_files=changed, module_dirs=dirs)
    return merge(policy_for(server_file, RepoRef("git.test", "acme/infra")), repo_file, facts, file="thera.yaml")


def project(keys: str, top: str = "", **entry: Any) -> ProjectConfig:
    return config(f"{top}\nprojects: [{{dir: a{keys and ', '}{keys}}}]", "a", **entry).projects[0]


def refusals(text: str, *dirs: str, **entry: Any) -> list[str]:
    with pytest.raises(ConfigMistaken) as caught:
        config(text, *dirs, **entry)
    return [str(mistake) for mistake in caught.value.mistakes]


OVERRIDES: dict[Override, tuple[str, dict[str, Any], str, Any]] = {
    "workflow": ("safe", {"workflows": SERVER_WORKFLOWS}, "workflow", "safe"),
    "plan_requirements": ("[undiverged]", {"plan_requirements": ["approved"]}, "plan_requirements", (UNDIVERGED,)),
    "apply_requirements": ("[]", {"apply_requirements": ["approved"]}, "apply_requirements", ()),
    "import_requirements": ("[]", {"import_requirements": ["approved"]}, "import_requirements", ()),
    "delete_source_branch_on_merge": ("true", {}, "delete_source_branch", True),
    "repo_locking": ("false", {}, "lock_mode", LockMode.DISABLED),
    "repo_locks": ("{mode: on_apply}", {}, "lock_mode", LockMode.ON_APPLY),
    "policy_check": ("false", {"policies": POLICIES}, "policy_check", False),
    "custom_policy_check": ("true", {}, "custom_policy_check", True),
    "silence_pr_comments": ("[plan]", {"silence_pr_comments": ["apply"]}, "silence_comments", frozenset({"plan"})),
}


@pytest.mark.parametrize("key", OVERRIDES)
def test_an_allowed_key_of_a_project_wins_over_the_operators(key: Override) -> None:
    value, entry, attribute, expected = OVERRIDES[key]

    assert getattr(project("", allowed_overrides=[key], **entry), attribute) != expected
    assert getattr(project(f"{key}: {value}", allowed_overrides=[key], **entry), attribute) == expected


@pytest.mark.parametrize("key", [key for key in OVERRIDES if key != "policy_check"])
def test_a_key_that_is_not_allowed_is_refused_with_what_to_do(key: Override) -> None:
    value, entry, _, _ = OVERRIDES[key]
    others = [other for other in OVERRIDES if other != key]

    (refusal,) = refusals(f"projects:\n- dir: a\n  {key}: {value}", "a", allowed_overrides=others, **entry)

    words = f"not allowed to be set here; the operator has to list it: `allowed_overrides: [{key}]`"
    assert refusal == f"thera.yaml:4: projects[0].{key}: {words}"


def test_policy_check_that_is_not_allowed_is_without_effect_and_said_to_be() -> None:
    found = config("projects:\n- dir: a\n  policy_check: false", "a", policies=POLICIES)

    assert found.projects[0].policy_check
    (ignored,) = found.ignored
    assert (ignored.place, ignored.key) == ("thera.yaml:4", "projects[0].policy_check")
    assert ignored.message.startswith("without effect: not allowed to be set here; the operator has to list it")


AT_THE_TOP: dict[str, tuple[str, str, Any, Any]] = {
    "delete_source_branch_on_merge": ("true", "delete_source_branch", False, True),
    "repo_locks": ("{mode: on_apply}", "lock_mode", LockMode.ON_PLAN, LockMode.ON_APPLY),
    "silence_pr_comments": ("[plan]", "silence_comments", frozenset(), frozenset({"plan"})),
}


@pytest.mark.parametrize("key", AT_THE_TOP)
def test_a_key_at_the_top_is_for_all_projects_where_it_is_allowed(key: str) -> None:
    value, attribute, without, given = AT_THE_TOP[key]
    top = f"{key}: {value}"

    assert getattr(project("", top, allowed_overrides=[key]), attribute) == given
    assert getattr(project("", top), attribute) == without
    assert [one.key for one in config(top).ignored] == [key]
    assert config(top, allowed_overrides=[key]).ignored == ()


@pytest.mark.parametrize(
    ("key", "own", "attribute", "expected"),
    [
        ("delete_source_branch_on_merge", "false", "delete_source_branch", False),
        ("repo_locks", "{mode: disabled}", "lock_mode", LockMode.DISABLED),
        ("silence_pr_comments", "[]", "silence_comments", frozenset()),
    ],
)
def test_a_project_wins_over_the_top(key: str, own: str, attribute: str, expected: object) -> None:
    top = f"{key}: {AT_THE_TOP[key][0]}"

    assert getattr(project(f"{key}: {own}", top, allowed_overrides=[key]), attribute) == expected


def test_what_the_file_says_of_all_projects_is_not_for_those_it_does_not_list() -> None:
    found = config("repo_locks: {mode: on_apply}", "b", allowed_overrides=["repo_locks"])

    assert found.adhoc(ProjectKey("b")).lock_mode is LockMode.ON_PLAN


def test_policies_of_the_repository_are_without_effect() -> None:
    assert [one.message for one in config("policies: {a: 1}").ignored] == [
        "without effect: policies are configured by the operator alone"
    ]


@pytest.mark.parametrize(
    ("server", "own", "mode"),
    [
        pytest.param(
            {"repo_locks": {"mode": "disabled"}}, "repo_locking: true", LockMode.ON_PLAN, id="true lifts disabled"
        ),
        pytest.param(
            {"repo_locks": {"mode": "on_apply"}}, "repo_locking: true", LockMode.ON_APPLY, id="true leaves others"
        ),
        pytest.param({}, "repo_locking: false, repo_locks: {mode: on_apply}", LockMode.DISABLED, id="false wins"),
        pytest.param({"repo_locks": {"mode": "on_apply"}}, "repo_locks: {}", LockMode.ON_PLAN, id="no mode is on_plan"),
    ],
)
def test_locks_have_an_old_and_a_new_key(server: dict[str, Any], own: str, mode: LockMode) -> None:
    assert project(own, allowed_overrides=["repo_locks", "repo_locking"], **server).lock_mode is mode


def test_policies_have_to_pass_whatever_the_repository_requires() -> None:
    found = project("apply_requirements: []", policies=POLICIES, allowed_overrides=["apply_requirements"])

    assert found.apply_requirements == (PASSED,)


@pytest.mark.parametrize("order", [["policy_check", "apply_requirements"], ["apply_requirements", "policy_check"]])
def test_a_project_that_is_not_checked_need_not_pass_in_whatever_order_that_is_allowed(order: list[str]) -> None:
    own = "policy_check: false, apply_requirements: [approved]"

    assert project(own, policies=POLICIES, allowed_overrides=order).apply_requirements == (APPROVED,)


def test_a_project_that_is_not_checked_cannot_be_required_to_pass() -> None:
    text = "projects: [{dir: a, policy_check: false, apply_requirements: [policies_passed]}]"
    allowed = ["policy_check", "apply_requirements"]

    (refusal,) = refusals(text, "a", policies=POLICIES, allowed_overrides=allowed)

    assert "`policies_passed` cannot hold, since plans of this project are not checked by policies" in refusal


def plan_steps(found: ProjectConfig) -> list[str]:
    return [step.name for step in found.plan_steps]


OWN = "workflows: {safe: {plan: {steps: [plan]}}, default: {plan: {steps: [plan, show]}}}"


def test_without_a_word_the_operators_default_workflow_runs() -> None:
    assert plan_steps(project("")) == ["init", "plan"]
    assert plan_steps(project("", workflows={"default": {"plan": {"steps": ["show"]}}})) == ["show"]
    assert plan_steps(project("", workflows=SERVER_WORKFLOWS, workflow="safe")) == ["show"]


def test_the_repositorys_own_workflow_wins_where_a_project_asks_for_it() -> None:
    given = {"allow_custom_workflows": True, "allowed_overrides": ["workflow"], "workflows": SERVER_WORKFLOWS}

    assert plan_steps(project("workflow: safe", OWN, **given)) == ["plan"]
    assert plan_steps(project("workflow: default", OWN, **given)) == ["plan", "show"]
    assert plan_steps(project("workflow: other", OWN, **given)) == ["init"]


def test_the_repositorys_own_workflow_does_not_replace_the_operators_by_its_name() -> None:
    given = {"allow_custom_workflows": True, "workflows": SERVER_WORKFLOWS}

    assert plan_steps(project("", OWN, workflow="safe", **given)) == ["show"]
    assert plan_steps(project("", OWN, **given)) == ["init", "plan"]


def test_custom_workflows_need_the_operators_word() -> None:
    (refusal,) = refusals(f"\n{OWN}")

    words = "custom workflows are not allowed here; the operator has to set `allow_custom_workflows: true`"
    assert refusal == f"thera.yaml:3: workflows: {words}"


@pytest.mark.parametrize(
    ("own", "entry", "refusal"),
    [
        pytest.param(
            "nowhere",
            {},
            "workflow 'nowhere' is not defined anywhere; there are: default, other, safe",
            id="a workflow is defined somewhere",
        ),
        pytest.param(
            "other",
            {"allowed_workflows": ["safe"]},
            "workflow 'other' is not allowed here; allowed are: safe",
            id="a workflow of the operator's is allowed",
        ),
        pytest.param(
            "default",
            {"allowed_workflows": ["safe"]},
            "workflow 'default' is not allowed here; allowed are: safe",
            id="so is the default",
        ),
    ],
)
def test_a_workflow_that_may_not_be_chosen_is_refused(own: str, entry: dict[str, Any], refusal: str) -> None:
    (found,) = refusals(
        f"projects: [{{dir: a, workflow: {own}}}]",
        "a",
        workflows=SERVER_WORKFLOWS,
        allowed_overrides=["workflow"],
        **entry,
    )

    assert refusal in found


def test_a_workflow_of_the_repositorys_own_needs_no_place_on_the_operators_list() -> None:
    text = "workflows: {mine: {}}\nprojects: [{dir: a, workflow: mine}, {dir: b, workflow: other}]"
    given = {"allowed_workflows": ["safe"], "allow_custom_workflows": True, "allowed_overrides": ["workflow"]}

    (refusal,) = refusals(text, "a", "b", workflows=SERVER_WORKFLOWS, **given)

    assert "projects[1].workflow" in refusal


def test_every_stage_has_its_steps() -> None:
    steps = {stage: {"steps": [{"run": stage}]} for stage in ("plan", "policy_check", "apply", "import", "state_rm")}
    found = project("", workflows={"default": steps})

    lists = (found.plan_steps, found.policy_steps, found.apply_steps, found.import_steps, found.state_rm_steps)
    assert [one.command for (one,) in lists] == list(steps)


@pytest.mark.parametrize(
    ("stage", "changes"),
    [("plan", True), ("policy_check", True), ("apply", True), ("import", False), ("state_rm", False)],
)
def test_a_plan_is_bound_to_the_steps_it_was_made_for(stage: str, *, changes: bool) -> None:
    one = project("", workflows={"default": {stage: {"steps": [{"run": "a"}]}}})
    other = project("", workflows={"default": {stage: {"steps": [{"run": "b"}]}}})

    assert (one.workflow_digest != other.workflow_digest) is changes


def test_a_step_in_another_stage_is_another_workflow() -> None:
    def digest(*, plan: list[str], apply: list[str]) -> str:
        stages = {"plan": {"steps": plan}, "policy_check": {"steps": []}, "apply": {"steps": apply}}
        return project("", workflows={"default": stages}).workflow_digest

    checked = project("", policies=POLICIES)

    assert digest(plan=["plan", "show"], apply=["apply"]) != digest(plan=["plan"], apply=["show", "apply"])
    assert checked.workflow_digest != project("").workflow_digest


def test_what_the_file_says_of_the_whole_repository_is_handed_on() -> None:
    text = "automerge: false\nparallel_plan: true\nparallel_apply: false\nabort_on_execution_order_fail: true\n"
    found = config(f"{text}emoji_reaction: eyes\nallowed_regexp_prefixes: [dev-]")

    assert (found.automerge, found.parallel_plan, found.parallel_apply) == (False, True, False)
    assert (found.abort_on_execution_order_fail, found.emoji_reaction) == (True, "eyes")
    assert found.allowed_regexp_prefixes == ("dev-",)


@pytest.mark.parametrize("text", [None, ""])
def test_what_the_file_does_not_say_is_left_to_the_server(text: str | None) -> None:
    found = config(text)

    assert (found.automerge, found.parallel_plan, found.parallel_apply, found.emoji_reaction) == (None,) * 4
    assert (found.abort_on_execution_order_fail, found.allowed_regexp_prefixes, found.ignored) == (False, (), ())


@pytest.mark.parametrize(
    ("server", "own", "mode", "paths"),
    [
        pytest.param(None, None, "auto", None, id="auto is the default"),
        pytest.param(None, "{mode: enabled, ignore_paths: [a]}", "enabled", ["a"], id="the repository's"),
        pytest.param({"mode": "disabled"}, "{mode: enabled}", "disabled", None, id="the operator's mode wins"),
        pytest.param(
            {"ignore_paths": ["b"]},
            "{mode: enabled, ignore_paths: [a]}",
            "auto",
            ["b"],
            id="both of the operator's win",
        ),
        pytest.param(
            {"mode": "enabled"},
            "{ignore_paths: [a]}",
            "enabled",
            ["a"],
            id="the repository's list, if the operator has none",
        ),
    ],
)
def test_autodiscover_is_the_operators_first(
    server: dict[str, Any] | None, own: str | None, mode: str, paths: list[str] | None
) -> None:
    found = config(f"autodiscover: {own}" if own else "", autodiscover=server).autodiscover

    assert (found.mode, found.ignore_paths) == (mode, paths)


@pytest.mark.parametrize(
    ("mode", "listed", "found"),
    [
        pytest.param("auto", False, ["a", "b"], id="auto finds while nothing is listed"),
        pytest.param("auto", True, ["a"], id="auto finds nothing beside what is listed"),
        pytest.param("enabled", True, ["a", "b"], id="enabled finds the rest"),
        pytest.param("disabled", False, [], id="disabled finds nothing"),
    ],
)
def test_unlisted_modules_are_found_by_mode(mode: str, found: list[str], *, listed: bool) -> None:
    changed = ("a/main.tf", "b/main.tf", "sandbox/main.tf", "sandbox/x/main.tf")
    dirs = ("a", "b", "sandbox", "sandbox/x")
    text = f"autodiscover: {{mode: {mode}, ignore_paths: ['sandbox/**']}}\n"
    text += "projects: [{dir: a}]" if listed else ""
    facts = DiscoverFacts(head_sha="a", base_sha="b", changed_files=changed, module_dirs=dirs)

    assert [one.key.dir for one, _ in touched(config(text, *dirs, changed=changed), facts, automatic=True)] == found


def test_a_pattern_stands_for_the_directories_with_code_that_match() -> None:
    text = "projects: [{dir: 'stacks/{dev,prod}*', workspace: w, autoplan: {enabled: false}}]"
    found = config(text, "stacks/dev1", "stacks/prod", "stacks/prod/deep", "stacks/test")

    assert [one.key for one in found.projects] == [ProjectKey("stacks/dev1", "w"), ProjectKey("stacks/prod", "w")]
    assert not any(one.autoplan for one in found.projects)


def test_what_a_pattern_stands_for_must_not_be_listed_again() -> None:
    (refusal,) = refusals("projects:\n- dir: stacks/*\n- dir: stacks/a", "stacks/a")

    assert refusal.startswith(
        "thera.yaml:4: projects[1].dir: another project has this dir and workspace (default in st"
    )


def test_a_named_pattern_of_directories_is_that_of_patterns_in_files() -> None:
    found = config("projects: [{dir: a/x}, {dir: a/x/y}, {dir: b/x}]", "a/x", "a/x/y", "b/x")
    facts = DiscoverFacts(head_sha="a", base_sha="b", module_dirs=("a/x", "a/x/y", "b/x"))

    def chosen(pattern: str) -> list[str]:
        return [one.key.dir for one, _ in targeted(found, facts, Target(dir=pattern))]

    assert chosen("a/*") == ["a/x"]
    assert chosen("a/**") == ["a/x", "a/x/y"]


def test_of_several_projects_in_one_place_one_has_to_be_named() -> None:
    found = config("projects: [{dir: a}, {dir: a, name: x}, {dir: a, name: y}]", "a")
    facts = DiscoverFacts(head_sha="a", base_sha="b", module_dirs=("a",))

    with pytest.raises(UserMistake, match=r"say which: `-p x`, `-p y`\."):
        targeted(found, facts, Target(dir="a"))
