"""Every key of the repository's file: what it may hold, what it means without, and what is said of a mistake."""

import pytest

from server.config.loading import ConfigMistaken
from server.config.repo_file import Autodiscover, RepoFile, RepoLocks, load_repo_file
from server.domain.lock import LockMode
from server.domain.requirements import Requirement

EVERYTHING = """\
version: 3
automerge: true
parallel_plan: true
parallel_apply: false
abort_on_execution_order_fail: on
delete_source_branch_on_merge: true
emoji_reaction: eyes
allowed_regexp_prefixes: [dev-, stage-]
repo_locks: {mode: on_apply}
silence_pr_comments: [plan]
policies: {anything: goes}
autodiscover: {mode: enabled, ignore_paths: [sandbox/**]}
projects:
  - name: net/shared
    dir: ./net//shared/
  - name: net/prod
    dir: /net/prod
    workspace: blue
    branch: /^main$/
    workflow: careful
    terraform_distribution: opentofu
    terraform_version: v1.10
    autoplan: {enabled: no, when_modified: [" *.tf ", "!x.tf"]}
    plan_requirements: [undiverged]
    apply_requirements: [approved, mergeable, undiverged, policies_passed]
    import_requirements: []
    execution_order_group: -1
    depends_on: [net/shared]
    delete_source_branch_on_merge: false
    repo_locking: true
    repo_locks: {}
    policy_check: true
    custom_policy_check: false
    silence_pr_comments: []
workflows:
  careful:
    plan: {steps: [init, {plan: {extra_args: [-lock=false]}}]}
    policy_check: {steps: [show, policy_check]}
    apply: {steps: [apply]}
    import: {steps: [import]}
    state_rm: {steps: [state_rm]}
"""


def load(text: str, base: str = "main") -> RepoFile:
    return load_repo_file(text, file="thera.yaml", base_branch=base)


def mistakes(text: str, base: str = "main") -> list[str]:
    with pytest.raises(ConfigMistaken) as caught:
        load(text, base)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_every_key_is_read() -> None:
    file = load(EVERYTHING)

    assert (file.automerge, file.parallel_plan, file.parallel_apply) == (True, True, False)
    assert (file.abort_on_execution_order_fail, file.delete_source_branch_on_merge) == (True, True)
    assert (file.emoji_reaction, file.allowed_regexp_prefixes) == ("eyes", ["dev-", "stage-"])
    assert (file.repo_locks, file.silence_pr_comments) == (RepoLocks(mode=LockMode.ON_APPLY), ["plan"])
    assert file.autodiscover == Autodiscover(mode="enabled", ignore_paths=["sandbox/**"])
    assert list(file.workflows) == ["careful"]
    first, second = file.projects
    assert (first.name, first.dir) == ("net/shared", "net/shared")
    assert (second.dir, second.workspace, second.branch, second.workflow) == ("net/prod", "blue", "/^main$/", "careful")
    assert (second.terraform_distribution, second.terraform_version) == ("opentofu", "1.10")
    assert (second.autoplan.enabled, second.when_modified) == (False, ("*.tf", "!x.tf"))
    assert second.plan_requirements == [Requirement.UNDIVERGED]
    assert second.apply_requirements == list(Requirement)
    assert second.import_requirements == []
    assert (second.execution_order_group, second.depends_on) == (-1, ["net/shared"])
    assert (second.delete_source_branch_on_merge, second.repo_locking) == (False, True)
    assert second.repo_locks == RepoLocks(mode=LockMode.ON_PLAN)
    assert (second.policy_check, second.custom_policy_check, second.silence_pr_comments) == (True, False, [])


def test_what_is_left_out_is_left_to_the_operator() -> None:
    file = load("version: 3\nprojects: [{dir: a}]")
    (project,) = file.projects

    given = {key for key in RepoFile.model_fields if getattr(file, key) not in (None, [], {})}
    assert given == {"version", "projects", "abort_on_execution_order_fail"}
    assert file.abort_on_execution_order_fail is False
    set_keys = {key for key in type(project).model_fields if getattr(project, key) not in (None, [])}
    assert set_keys == {"dir", "workspace", "autoplan", "execution_order_group"}
    assert (project.workspace, project.execution_order_group) == ("default", 0)
    assert project.autoplan.enabled
    assert "**/*.tf*" in project.when_modified


def test_a_key_without_a_value_is_left_out() -> None:
    keys = "\n".join(f"  {key}:" for key in type(load(EVERYTHING).projects[0]).model_fields if key != "dir")

    given, bare = load(f"version: 3\nprojects:\n- dir: a\n{keys}\n"), load("version: 3\nprojects: [{dir: a}]")
    empty = load("version: 3\nprojects:\nworkflows:\nautodiscover:\nautomerge:\n")

    assert given.model_dump() == bare.model_dump()
    assert empty.model_dump() == load("version: 3").model_dump()


@pytest.mark.parametrize(
    ("written", "version"),
    [("1.10", "1.10"), ("1", "1"), ("'1.5.7'", "1.5.7"), ("v1.9.5", "1.9.5"), ("1.6.0-rc1", "1.6.0-rc1")],
)
def test_a_version_is_what_is_written(written: str, version: str) -> None:
    assert (
        load(f"version: 3\nprojects: [{{dir: a, terraform_version: {written}}}]").projects[0].terraform_version
        == version
    )


def test_a_number_can_be_a_name() -> None:
    (project,) = load("version: 3\nprojects: [{dir: 2024, name: 007, workspace: true}]").projects

    assert (project.dir, project.name, project.workspace) == ("2024", "007", "true")


def project(**keys: str) -> str:
    return "version: 3\nprojects:\n- " + "\n  ".join(f"{key}: {value}" for key, value in ({"dir": "a"} | keys).items())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", ":1: expected a mapping of keys, found nothing", id="an empty file lacks a version"),
        pytest.param("projects: []", ": version: this key is required", id="the version is required"),
        pytest.param("version: 1", ":1: version: expected 3; found 1", id="the version is 3"),
        pytest.param("version: '3'", ":1: version: expected 3; found '3'", id="the version is a number"),
        pytest.param(
            "version: 2",
            ":1: version: version 2 is not read. Set `version: 3`. The one difference: a `run`",
            id="version 2 is told what to do",
        ),
        pytest.param(
            "version: 3\nautomrge: true",
            ":2: automrge: there is no such key here; did you mean `automerge`?",
            id="unknown keys at the top are mistakes",
        ),
        pytest.param(
            "version: 3\nzzz: true", ":2: zzz: there is no such key here", id="unknown keys that are like no other"
        ),
        pytest.param("version: 3\nzzz:", ":2: zzz: there is no such key here", id="unknown keys without a value"),
        pytest.param(
            project(wrkspace="a"),
            ":4: projects[0].wrkspace: there is no such key here; did you mean `workspace`?",
            id="unknown keys of a project are mistakes",
        ),
        pytest.param(
            project(autoplan="{when_modifed: []}"),
            "projects[0].autoplan.when_modifed: there is no such key here; did you mean `when_modified`?",
            id="unknown keys below a project are mistakes",
        ),
        pytest.param(
            "version: 3\nworkflows: {Prod: {plan: {stps: []}}}",
            ":2: workflows.Prod.plan.stps: there is no such key here; did you mean `steps`?",
            id="unknown keys of a workflow are mistakes",
        ),
        pytest.param("version: 3\nautomerge: 1", ":2: automerge: expected true or false; found 1", id="a truth value"),
        pytest.param("version: 3\nprojects: {}", ":2: projects: expected a list; found a mapping of keys", id="a list"),
        pytest.param(
            "version: 3\nprojects: [a]",
            ":2: projects[0]: expected a mapping of keys; found 'a'",
            id="a project is a mapping",
        ),
        pytest.param(
            "version: 3\nworkflows: []",
            ":2: workflows: expected a mapping of keys; found a list",
            id="workflows are a mapping",
        ),
        pytest.param(
            "version: 3\nautodiscover: {mode: on}",
            "autodiscover.mode: expected one of auto, enabled, disabled; found 'on'",
            id="autodiscover has three modes",
        ),
        pytest.param(
            "version: 3\nrepo_locks: {mode: on_aply}",
            "repo_locks.mode: expected one of on_plan, on_apply, disabled; found 'on_aply'; did you mean `on_apply`?",
            id="locks have three modes",
        ),
        pytest.param(
            "version: 3\nsilence_pr_comments: [import]",
            "silence_pr_comments[0]: expected one of plan, apply; found 'import'",
            id="plans and applies can be silenced",
        ),
        pytest.param(
            "version: 3\nprojects: [{name: a}]", "projects[0].dir: this key is required", id="dir is required"
        ),
        pytest.param(project(dir="''"), ":3: projects[0].dir: cannot be blank", id="dir is not blank"),
        pytest.param(project(dir="../a"), "projects[0].dir: must not contain '..'", id="dir stays in the repository"),
        pytest.param(project(dir="[a]"), "projects[0].dir: expected text; found a list", id="dir is text"),
        pytest.param(
            project(name="''"),
            "projects[0].name: must not be empty; leave the key out instead",
            id="a name is not empty",
        ),
        pytest.param(
            project(name="a b"),
            "projects[0].name: use letters, digits and _ . ~ / - only",
            id="a name is fit for an address",
        ),
        pytest.param(
            project(name="a*"), "projects[0].name: use letters, digits and _ . ~ / - only", id="a name is no pattern"
        ),
        pytest.param(
            project(dir="'a/*'", name="n"),
            "projects[0].dir: a pattern stands for several projects, which cannot all be named 'n'",
            id="a pattern has no name",
        ),
        pytest.param(project(workspace="a/b"), "projects[0].workspace: no '/', ", id="a workspace has no slash"),
        pytest.param(project(workspace=".."), "projects[0].workspace: no '/', ", id="a workspace does not climb"),
        pytest.param(project(workspace="."), "projects[0].workspace: no '/', ", id="a workspace is not the dot"),
        pytest.param(project(workspace="-a"), "projects[0].workspace: no '/', ", id="a workspace is no option"),
        pytest.param(project(workspace="~a"), "projects[0].workspace: no '/', ", id="a workspace is nobody's home"),
        pytest.param(project(workspace="a$b"), "projects[0].workspace: no '/', ", id="a workspace is no variable"),
        pytest.param(
            project(branch="main"),
            "projects[0].branch: must be a regular expression between slashes",
            id="branch stands between slashes",
        ),
        pytest.param(
            project(branch="/(/"), "projects[0].branch: not a regular expression", id="branch is an expression"
        ),
        pytest.param(
            project(branch="/(a+)+/"), "projects[0].branch: could take the server too long", id="branch takes no time"
        ),
        pytest.param(
            project(terraform_distribution="tofu"),
            "projects[0].terraform_distribution: expected one of terraform, opentofu; found 'tofu'",
            id="there are two distributions",
        ),
        pytest.param(
            project(terraform_version="latest"),
            "projects[0].terraform_version: expected a version such as 1.11.4; found 'latest'",
            id="terraform_version is a version",
        ),
        pytest.param(
            project(terraform_version="'>= 1.5'"),
            "projects[0].terraform_version: expected a version such as 1.11.4; found '>= 1.5'",
            id="terraform_version is no constraint",
        ),
        pytest.param(
            project(plan_requirements="[aproved]"),
            "unknown requirement 'aproved'; expected one of approved, mergeable, undiverged; did you mean `approved`?",
            id="plan_requirements are known",
        ),
        pytest.param(
            project(apply_requirements="[x]"),
            "unknown requirement 'x'; expected one of approved, mergeable, undiverged, policies_passed",
            id="apply_requirements are known",
        ),
        pytest.param(
            project(import_requirements="[x]"),
            "unknown requirement 'x'; expected one of approved, mergeable, undiverged",
            id="import_requirements are known",
        ),
        pytest.param(
            project(plan_requirements="[policies_passed]"),
            "policies are checked after a plan, so `policies_passed` is for `apply_requirements`",
            id="policies come after a plan",
        ),
        pytest.param(
            project(apply_requirements="approved"),
            "projects[0].apply_requirements: expected a list; found 'approved'",
            id="requirements are a list",
        ),
        pytest.param(
            project(execution_order_group="1.5"),
            "projects[0].execution_order_group: expected a whole number; found 1.5",
            id="a group is a whole number",
        ),
        pytest.param(
            project(execution_order_group="true"),
            "projects[0].execution_order_group: expected a whole number; found true",
            id="a group is no truth value",
        ),
        pytest.param(
            project(repo_locking="maybe"),
            "projects[0].repo_locking: expected true or false; found 'maybe'",
            id="repo_locking is true or false",
        ),
        pytest.param(
            project(silence_pr_comments="[paln]"),
            "projects[0].silence_pr_comments[0]: expected one of plan, apply; found 'paln'; did you mean `plan`?",
            id="plans and applies of a project can be silenced",
        ),
        pytest.param(
            project(depends_on="[x]"),
            "projects[0].depends_on: no project is named 'x'",
            id="what is depended on is there",
        ),
        pytest.param(
            "version: 3\nprojects: [{dir: a, name: n}, {dir: b, name: n}]",
            ":2: projects[1].name: two or more projects are named 'n'; names must be unique",
            id="names are unique",
        ),
        pytest.param(
            "version: 3\nprojects: [{dir: a}, {dir: ./a}]",
            "projects[1].dir: another project has this dir and workspace (default in a); give each a name",
            id="projects of one dir and workspace are named",
        ),
        pytest.param(
            "version: 3\nprojects: [{dir: a, name: n}, {dir: a}]",
            "projects[1].dir: another project has this dir and workspace",
            id="all but the first of them are named",
        ),
    ],
)
def test_a_mistake_is_told_in_plain_words(text: str, message: str) -> None:
    found = mistakes(text)

    assert len(found) == 1
    assert found[0].startswith("thera.yaml")
    assert message in found[0]


def test_every_mistake_is_told_at_once() -> None:
    text = "version: 2\nautomrge: true\nprojects: [{dir: ..}, {name: a b}]\nworkflows: {w: {plan: {steps: [x, y]}}}"

    assert [one.split(": ")[1] for one in mistakes(text)] == [
        "version",
        "projects[0].dir",
        "projects[1].dir",
        "projects[1].name",
        "workflows.w.plan.steps[0]",
        "workflows.w.plan.steps[1]",
        "automrge",
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[{dir: a, workspace: x}, {dir: a, workspace: y}]", id="another workspace is another project"),
        pytest.param("[{dir: a, name: n}, {dir: a, name: m}]", id="names tell projects of one place apart"),
        pytest.param("[{dir: a}, {dir: a, name: m}]", id="the first of them may go without a name"),
        pytest.param("[{dir: a, branch: /^x/}, {dir: a}]", id="what another branch has is in nobody's way"),
        pytest.param("[{dir: a, name: n, branch: /^x/}, {dir: b, name: n}]", id="nor are its names"),
        pytest.param("[{dir: a, depends_on: [n]}, {dir: b, name: n, branch: /^x/}]", id="and one may depend on them"),
    ],
)
def test_these_projects_are_fine(text: str) -> None:
    assert load(f"version: 3\nprojects: {text}").projects


@pytest.mark.parametrize(
    ("branch", "base", "kept"),
    [
        pytest.param("/main/", "main", True, id="the expression matches"),
        pytest.param("/main/", "domain", True, id="somewhere"),
        pytest.param("/^main$/", "domain", False, id="not anywhere"),
    ],
)
def test_a_project_is_for_base_branches_that_match(branch: str, base: str, *, kept: bool) -> None:
    assert bool(load(project(branch=branch), base).projects) is kept
