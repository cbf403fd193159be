"""The repository's own file, `thera.yaml` or `atlantis.yaml` (version 3): projects and how they are run."""

import posixpath
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from packaging.version import InvalidVersion
from packaging.version import Version as PackageVersion
from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from server.config.loading import ConfigMistake, ConfigMistaken, Section, line_of, load
from server.config.workflows import Workflow
from server.domain.lock import LockMode
from server.domain.requirements import Requirement

FILE_NAMES = ("thera.yaml", "atlantis.yaml")
DEFAULT_WHEN_MODIFIED = (
    "**/*.tf*",
    "**/*.tofu",
    "**/*.tofu.json",
    "**/terragrunt.hcl",
    "**/.terraform.lock.hcl",
)
_BAD_WORKSPACE = re.compile(r"[/\\$\s\x00-\x1f]|\.\.|^\.$|^[-~]|^$")
_NAME = re.compile(r"[A-Za-z0-9_.~/-]+")


def workspace_mistake(value: str) -> str | None:
    """Say why a workspace name is refused (Atlantis's rules, plus the empty name)."""
    if _BAD_WORKSPACE.search(value):
        return "no '/', '\\', '..', '$', white space or leading '-' or '~' is allowed in a workspace name"
    return None


def _workspace(value: str) -> str:
    if mistake := workspace_mistake(value):
        raise ValueError(mistake)
    return value


def clean_dir(value: str) -> str:
    """Spell a directory relative to the repository root (`./a//b/` is `a/b`).

    Raises:
        ValueError: it leaves the repository.
    """
    if not value.strip():
        raise ValueError("cannot be blank")
    if ".." in value.split("/"):
        raise ValueError("must not contain '..'")
    if "\0" in value or "\\" in value:
        raise ValueError("must be a plain relative path with '/'")
    return posixpath.normpath(value.lstrip("/") or ".")


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("use letters, digits and _ . ~ / - only")
    return value


def _branch(value: str) -> str:
    if not re.fullmatch(r"/.+/", value):
        raise ValueError("must be a regular expression between slashes, such as /^main$/")
    try:
        re.compile(value[1:-1])
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return value


def _version(value: str) -> str:
    try:
        PackageVersion(value.removeprefix("v"))
    except InvalidVersion:
        raise ValueError("expected a version such as 1.11.4") from None
    return value.removeprefix("v")


Dir = Annotated[str, AfterValidator(clean_dir)]
Workspace = Annotated[str, AfterValidator(_workspace)]
Branch = Annotated[str, AfterValidator(_branch)]
TerraformVersion = Annotated[str, AfterValidator(_version)]
Requirements = list[Annotated[Requirement, Field(strict=False)]] | None


class RepoLocks(Section):
    """When locks are taken."""

    mode: Annotated[LockMode, Field(strict=False)] = LockMode.ON_PLAN


class Autodiscover(Section):
    """Whether root modules nobody listed are found by themselves."""

    mode: Literal["auto", "enabled", "disabled"] = "auto"
    ignore_paths: list[str] | None = None


class Autoplan(Section):
    """What makes a project be planned by itself."""

    enabled: bool = True
    when_modified: list[str] | None = None


class Project(Section):
    """One configured project."""

    dir: Dir
    name: Annotated[str, AfterValidator(_name)] | None = None
    workspace: Workspace = "default"
    branch: Branch | None = None
    workflow: str | None = None
    terraform_distribution: Literal["terraform", "opentofu"] | None = None
    terraform_version: TerraformVersion | None = None
    autoplan: Autoplan = Autoplan()
    plan_requirements: Requirements = None
    apply_requirements: Requirements = None
    execution_order_group: int = 0
    depends_on: list[str] = Field(default_factory=list)
    repo_locks: RepoLocks | None = None
    _place: tuple[int, dict[str, int | None]] = PrivateAttr(default=(0, {}))

    def remember_place(self, index: int, lines: dict[str, int | None]) -> None:
        """Keep where in the file this project stands, for messages."""
        self._place = (index, lines)

    def mistake(self, file: str, key: str, message: str) -> ConfigMistake:
        """Say that something is wrong with one key of this project."""
        index, lines = self._place
        return ConfigMistake(file, lines.get(key), f"projects[{index}].{key}", message)

    @property
    def when_modified(self) -> tuple[str, ...]:
        """Patterns, relative to the project's directory; an empty list never matches."""
        given = self.autoplan.when_modified
        return DEFAULT_WHEN_MODIFIED if given is None else tuple(pattern.strip() for pattern in given)


class RepoFile(Section):
    """A whole repository file."""

    version: Literal[3]
    projects: list[Project] = Field(default_factory=list)
    workflows: dict[str, Workflow] = Field(default_factory=dict)
    autodiscover: Autodiscover | None = None
    parallel_plan: bool | None = None
    parallel_apply: bool | None = None
    abort_on_execution_order_fail: bool = False
    repo_locks: RepoLocks | None = None

    @model_validator(mode="after")
    def _names_are_unique(self) -> "RepoFile":
        names = [project.name for project in self.projects if project.name]
        for name in sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two or more projects are named {name!r}; names must be unique")
        return self


def load_repo_file(text: str, *, file: str, base_branch: str) -> RepoFile:
    """Read a repository file and leave out projects of other base branches.

    Raises:
        ConfigMistaken: with every mistake.
    """
    parsed, document = load(RepoFile, text, file=file)
    for index, project in enumerate(parsed.projects):
        keys = type(project).model_fields
        project.remember_place(index, {key: line_of(document, ("projects", index, key)) for key in keys})
    kept = [project for project in parsed.projects if _on_branch(project, base_branch)]
    mistakes = [*_ambiguous(kept, file), *_unknown_dependencies(kept, file)]
    if mistakes:
        raise ConfigMistaken(mistakes)
    return parsed.model_copy(update={"projects": kept})


def _ambiguous(projects: Sequence[Project], file: str) -> Iterable[ConfigMistake]:
    named: dict[tuple[str, str], bool] = {}
    for project in projects:
        place = (project.dir, project.workspace)
        if place in named and not (named[place] and project.name):
            yield project.mistake(file, "dir", "another project has this dir and workspace; give each of them a name")
        named[place] = named.get(place, True) and project.name is not None


def _unknown_dependencies(projects: Sequence[Project], file: str) -> Iterable[ConfigMistake]:
    names = {project.name for project in projects}
    for project in projects:
        for other in project.depends_on:
            if other not in names:
                yield project.mistake(file, "depends_on", f"no project is named {other!r}")


def _on_branch(project: Project, base_branch: str) -> bool:
    return project.branch is None or re.search(project.branch[1:-1], base_branch) is not None
