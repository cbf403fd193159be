"""The repository's own file, and what becomes of it under the operator's policy."""

import pytest

from server.config.loading import ConfigMistaken
from server.config.merge import RepoConfig, in_waves, merge, targeted, touched
from server.config.repo_file import RepoFile, load_repo_file, workspace_mistake
from server.config.server_file import RepoPolicy
from server.domain.commands import Target
from server.domain.errors import UserMistake
from server.domain.requirements import Requirement
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import DiscoverFacts


def load(text: str, base: str = "main") -> RepoFile:
    return load_repo_file("version: 3\n" + text, file="thera.yaml", base_branch=base)


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigMistaken) as caught:
        load_repo_file(text, file="thera.yaml", base_branch="main")
    return [str(mistake) for mistake in caught.value.mistakes]


def config(
    text: str | None, *dirs: str, changed: tuple[str, ...] = (), **policy: object
) -> tuple[RepoConfig, DiscoverFacts]:
    facts = DiscoverFacts(head_sha="a", base_sha="b", changed_files=changed, module_dirs=dirs)
    repo_file = None if text is None else load(text)
    return merge(RepoPolicy(**policy), repo_file, facts, file="thera.yaml"), facts  # type: ignore[arg-type]  # a test's shorthand


def test_every_mistake_is_told_at_once_with_its_line() -> None:
    text = "version: 3\nprojects:\n- dir: ../x\n  wrkflow: a\n- dir: a\n  workspace: 'a b'\n"

    assert mistakes(text) == [
        "thera.yaml:3: projects[0].dir: must not contain '..'",
        "thera.yaml:4: projects[0].wrkflow: there is no such key here; did you mean `workflow`?",
        f"thera.yaml:6: projects[1].workspace: {workspace_mistake('a b')}",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "thera.yaml:1: expected a mapping of keys, found nothing"),
        ("- a", "thera.yaml:1: expected a mapping of keys, found a list"),
        ("projects: []", "thera.yaml: version: this key is required"),
        ("version: 7", "thera.yaml:1: version: expected 3; found 7"),
        ("version: 3\nprojects: [{dir: a, name: 'a b'}]", "use letters, digits and _ . ~ / - only"),
        ("version: 3\nprojects: [{dir: a, branch: main}]", "must be a regular expression between slashes"),
        ("version: 3\nprojects: [{dir: a, branch: '/(/'}]", "not a regular expression"),
        ("version: 3\nprojects: [{dir: a, terraform_version: latest}]", "expected a version such as 1.11.4"),
        ("version: 3\nprojects: [{dir: a, apply_requirements: [applauded]}]", "apply_requirements[0]"),
        ("version: 3\nprojects: [{dir: a}, {dir: a}]", "another project has this dir and workspace"),
        ("version: 3\nprojects: [{dir: a, name: n}, {dir: b, name: n}]", "names must be unique"),
        ("version: 3\nprojects: [{dir: a, depends_on: [x]}]", "no project is named 'x'"),
        ("version: 3\nworkflows: {w: {plan: {steps: [plam]}}}", "unknown step 'plam'"),
        ("version: 3\n\tprojects: []", "not valid YAML"),
        ("version: 3\nversion: 3", "thera.yaml:2: version: this key is here a second time"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text: str, message: str) -> None:
    assert message in "\n".join(mistakes(text))


def test_directories_are_spelled_one_way() -> None:
    file = load("projects: [{dir: ./a//b/}, {dir: /c}, {dir: .}]")

    assert [project.dir for project in file.projects] == ["a/b", "c", "."]


def test_a_project_of_another_base_branch_is_left_out() -> None:
    file = load("projects: [{dir: a, branch: /^release/}, {dir: b}]")

    assert [project.dir for project in file.projects] == ["b"]


def test_a_glob_directory_becomes_a_project_for_each_match() -> None:
    parsed, _ = config("projects: [{dir: 'stacks/*'}]", "stacks/a", "stacks/b", "stacks/b/deep", "other")

    assert [project.key.dir for project in parsed.projects] == ["stacks/a", "stacks/b"]


def test_a_key_that_the_operator_did_not_allow_is_refused_with_its_line() -> None:
    with pytest.raises(ConfigMistaken, match=r"thera.yaml:4: projects\[0\].apply_requirements: not allowed"):
        config("projects:\n- dir: a\n  apply_requirements: []\n", "a", apply_requirements=(Requirement.APPROVED,))


def test_an_allowed_override_wins() -> None:
    parsed, _ = config(
        "projects: [{dir: a, apply_requirements: []}]",
        "a",
        apply_requirements=(Requirement.APPROVED,),
        allowed_overrides=frozenset({"apply_requirements"}),
    )

    assert parsed.projects[0].apply_requirements == ()


def test_custom_workflows_need_the_operators_word() -> None:
    with pytest.raises(ConfigMistaken, match="custom workflows are not allowed here"):
        config("workflows: {w: {plan: {steps: [init]}}}")


def test_configured_projects_go_by_their_own_patterns() -> None:
    text = "projects: [{dir: a, autoplan: {when_modified: ['../shared/**', '!../shared/*.md']}}]"
    parsed, facts = config(text, "a", "b", changed=("shared/x.md", "shared/x.json", "b/main.tf"))

    assert [(p.key.dir, cause.words) for p, cause in touched(parsed, facts, automatic=True)] == [
        ("a", "`shared/x.json` changed")
    ]


def test_an_empty_pattern_list_never_matches() -> None:
    parsed, facts = config("projects: [{dir: a, autoplan: {when_modified: []}}]", "a", changed=("a/main.tf",))

    assert touched(parsed, facts, automatic=True) == []


def test_a_project_that_is_not_planned_by_itself_is_planned_when_asked_for() -> None:
    parsed, facts = config("projects: [{dir: a, autoplan: {enabled: false}}]", "a", changed=("a/main.tf",))

    assert touched(parsed, facts, automatic=True) == []
    assert [project.key.dir for project, _ in touched(parsed, facts, automatic=False)] == ["a"]


def test_an_unknown_project_name_is_answered_with_the_known_ones() -> None:
    parsed, facts = config("projects: [{dir: a, name: web}, {dir: b, name: db}]", "a", "b")

    with pytest.raises(UserMistake, match="There are: `web`, `db`"):
        targeted(parsed, facts, Target(project="wbe"))


def test_a_directory_without_code_is_a_mistake() -> None:
    parsed, facts = config(None, "a")

    with pytest.raises(UserMistake, match="no Terraform code in `b`"):
        targeted(parsed, facts, Target(dir="b"))


def test_a_directory_that_nobody_listed_can_be_asked_for() -> None:
    parsed, facts = config(None, "a")

    assert [project.key for project, _ in targeted(parsed, facts, Target(dir="a", workspace="blue"))] == [
        ProjectKey("a", "blue")
    ]


def test_dependencies_come_in_earlier_waves() -> None:
    text = "projects: [{dir: a, name: a, depends_on: [b]}, {dir: b, name: b, depends_on: [c]}, {dir: c, name: c}]"
    parsed, _ = config(text, "a", "b", "c")

    assert {project.key.name: project.wave for project in in_waves(parsed.projects)} == {"a": 2, "b": 1, "c": 0}


def test_a_circle_of_dependencies_is_a_mistake() -> None:
    text = "projects: [{dir: a, name: a, depends_on: [b]}, {dir: b, name: b, depends_on: [a]}]"
    parsed, _ = config(text, "a", "b")

    with pytest.raises(UserMistake, match="a → b → a"):
        in_waves(parsed.projects)
