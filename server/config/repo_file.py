"""The repository's own file, `thera.yaml` or `atlantis.yaml` (version 3): projects and how they are run."""

import posixpath
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Literal

from packaging.version import InvalidVersion
from packaging.version import Version as PackageVersion
from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, WithJsonSchema
from ruamel.yaml.nodes import Node

from server.config.expressions import between_slashes, found_in, modest
from server.config.loading import ConfigMistake, ConfigMistaken, Flag, Section, Text, line_of, load, one_of, spell
from server.config.matching import is_glob
from server.config.origins import Origin
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
    if not value:
        raise ValueError("must not be empty; leave the key out instead")
    if not _NAME.fullmatch(value):
        raise ValueError("use letters, digits and _ . ~ / - only")
    return value


def _version(value: str) -> str:
    try:
        PackageVersion(value.removeprefix("v"))
    except InvalidVersion:
        raise ValueError(f"expected a version such as 1.11.4; found {value!r}") from None
    return value.removeprefix("v")


def _file_version(value: object) -> object:
    if value == 2:  # noqa: PLR2004  (a version)
        raise ValueError(
            "version 2 is not read. Set `version: 3`. The one difference: a `run` command then goes to the shell as it "
            "is written; version 2 first took its quotes and double spaces away"
        )
    return value


def one_requirement(*known: Requirement) -> Callable[[object], object]:
    """Make a check of one entry of a list of requirements; the message lists those that have a meaning there."""
    names = [one.value for one in known]

    def check(value: object) -> object:
        if isinstance(value, str):
            if value == Requirement.POLICIES_PASSED and value not in names:
                raise ValueError("policies are checked after a plan, so `policies_passed` is for `apply_requirements`")
            return Requirement(one_of(value, names, what="requirement"))
        return value

    return check


_OF_THE_PULL = (Requirement.APPROVED, Requirement.MERGEABLE, Requirement.UNDIVERGED)


def _listed(known: Sequence[Requirement]) -> dict[str, Any]:
    return {"enum": [one.value for one in known]}


Dir = Annotated[Text, AfterValidator(clean_dir)]
Workspace = Annotated[Text, AfterValidator(_workspace)]
Branch = Annotated[Text, AfterValidator(between_slashes), WithJsonSchema({"type": "string", "pattern": "^/.+/$"})]
TerraformVersion = Annotated[Text, AfterValidator(_version)]
Requirements = list[
    Annotated[Requirement, BeforeValidator(one_requirement(*_OF_THE_PULL)), WithJsonSchema(_listed(_OF_THE_PULL))]
]
ApplyRequirements = list[
    Annotated[Requirement, BeforeValidator(one_requirement(*Requirement)), WithJsonSchema(_listed(list(Requirement)))]
]
Silenced = list[Literal["plan", "apply"]]


class RepoLocks(Section):
    """When locks are taken."""

    mode: Annotated[LockMode, Field(strict=False)] = Field(
        default=LockMode.ON_PLAN, description="`on_plan`, `on_apply`, or `disabled`."
    )


class Autodiscover(Section):
    """Whether root modules nobody listed are found by themselves."""

    mode: Literal["auto", "enabled", "disabled"] = Field(
        default="auto", description="`auto`: only while no project is listed; `enabled`: always; `disabled`: never."
    )
    ignore_paths: list[Text] | None = Field(default=None, description="Patterns of directories to leave out.")


class Autoplan(Section):
    """What makes a project be planned by itself."""

    enabled: Flag = Field(default=True, description="Plan it when a push touches it.")
    when_modified: list[Text] | None = Field(
        default=None, description="Patterns of files, relative to `dir`; `!` takes back, the last match wins."
    )


class Project(Section):
    """One configured project."""

    dir: Dir = Field(description="Directory from the repository's root, or a pattern of directories.")
    name: Annotated[Text, AfterValidator(_name)] | None = Field(default=None, description="What is typed behind -p.")
    workspace: Workspace = Field(default="default", description="Terraform workspace.")
    branch: Annotated[Branch, AfterValidator(modest)] | None = Field(
        default=None, description="`/expression/` that the base branch has to match."
    )
    workflow: Text | None = Field(default=None, description="Name of a workflow. Has to be allowed.")
    terraform_distribution: Literal["terraform", "opentofu"] | None = Field(
        default=None, description="Default: the worker's."
    )
    terraform_version: TerraformVersion | None = Field(
        default=None, description="Exact version. Default: what the code asks for, else the worker's."
    )
    autoplan: Autoplan = Field(default=Autoplan(), description="When it is planned by itself.")
    plan_requirements: Requirements | None = Field(default=None, description="Needed for a plan. Has to be allowed.")
    apply_requirements: ApplyRequirements | None = Field(
        default=None, description="Needed for an apply. Has to be allowed."
    )
    import_requirements: Requirements | None = Field(
        default=None, description="Needed for an import. Has to be allowed."
    )
    execution_order_group: int = Field(default=0, description="Lower groups go first.")
    depends_on: list[Text] = Field(default=[], description="Names of projects to be applied before this one.")
    delete_source_branch_on_merge: Flag | None = Field(
        default=None, description="When the pull request is merged by itself. Has to be allowed."
    )
    repo_locking: Flag | None = Field(default=None, description="Old form of `repo_locks`. Has to be allowed.")
    repo_locks: RepoLocks | None = Field(default=None, description="When locks are taken. Has to be allowed.")
    policy_check: Flag | None = Field(default=None, description="Check plans by policies. Has to be allowed.")
    custom_policy_check: Flag | None = Field(
        default=None, description="The steps' own outputs are the verdicts. Has to be allowed."
    )
    silence_pr_comments: Silenced | None = Field(
        default=None, description="Commands whose results are not commented. Has to be allowed."
    )
    _place: tuple[int, Node | None, str] = PrivateAttr(default=(0, None, ""))

    def remember_place(self, index: int, document: Node | None, file: str) -> None:
        """Keep where in which document this project stands, for messages."""
        self._place = (index, document, file)

    def origin(self, *keys: str) -> Origin:
        """Say where a key of this project is written; without one, where the project is."""
        index, document, file = self._place
        return Origin(file, ("projects", index, *keys), document)

    def mistake(self, file: str, key: str, message: str) -> ConfigMistake:
        """Say that something is wrong with one key of this project."""
        index, document, _ = self._place
        path = ("projects", index, key)
        return ConfigMistake(file, line_of(document, path), spell(path), message)

    @property
    def when_modified(self) -> tuple[str, ...]:
        """Patterns, relative to the project's directory; an empty list never matches."""
        given = self.autoplan.when_modified
        return DEFAULT_WHEN_MODIFIED if given is None else tuple(pattern.strip() for pattern in given)


class RepoFile(Section):
    """A whole repository file."""

    version: Annotated[Literal[3], BeforeValidator(_file_version)] = Field(description="Version of this schema.")
    projects: list[Project] = Field(default=[], description="What there is to plan and apply.")
    workflows: dict[str, Workflow] = Field(default={}, description="Named workflows. Have to be allowed.")
    policies: dict[str, Any] | None = Field(default=None, description="Without effect: policies are the operator's.")
    autodiscover: Autodiscover | None = Field(default=None, description="Whether unlisted root modules are found.")
    automerge: Flag | None = Field(default=None, description="Merge when everything is applied.")
    parallel_plan: Flag | None = Field(default=None, description="false: plan one project after the other.")
    parallel_apply: Flag | None = Field(default=None, description="false: apply one project after the other.")
    abort_on_execution_order_fail: Flag = Field(
        default=False, description="Without effect: later groups are never applied after an error."
    )
    delete_source_branch_on_merge: Flag | None = Field(default=None, description="For all projects; see there.")
    repo_locks: RepoLocks | None = Field(default=None, description="For all projects; see there.")
    silence_pr_comments: Silenced | None = Field(default=None, description="For all projects; see there.")
    emoji_reaction: Text | None = Field(default=None, description="Without effect, as in Atlantis.")
    allowed_regexp_prefixes: list[Text] = Field(default=[], description="Without effect: -p takes whole names only.")
    _document: Node | None = PrivateAttr(default=None)
    _file: str = PrivateAttr(default="")

    def remember_places(self, document: Node | None, file: str) -> None:
        """Keep the document that this was read from, for messages."""
        self._document, self._file = document, file
        for index, project in enumerate(self.projects):
            project.remember_place(index, document, file)

    def origin(self, *keys: str) -> Origin:
        """Say where a key at the top is written."""
        return Origin(self._file, keys, self._document)

    def mistake(self, file: str, key: str, message: str) -> ConfigMistake:
        """Say that something is wrong with a key at the top."""
        return ConfigMistake(file, line_of(self._document, (key,)), key, message)


def load_repo_file(text: str, *, file: str, base_branch: str) -> RepoFile:
    """Read a repository file and leave out projects of other base branches.

    Raises:
        ConfigMistaken: with every mistake.
    """
    parsed, document = load(RepoFile, text, file=file)
    parsed.remember_places(document, file)
    kept = [project for project in parsed.projects if found_in(project.branch, base_branch)]
    known = {project.name for project in parsed.projects}
    mistakes = [
        *_named_patterns(kept, file),
        *_same_names(kept, file),
        *ambiguous(kept, file),
        *_unknown_dependencies(kept, known, file),
    ]
    if mistakes:
        raise ConfigMistaken(mistakes)
    return parsed.model_copy(update={"projects": kept})


def _named_patterns(projects: Sequence[Project], file: str) -> Iterable[ConfigMistake]:
    for project in projects:
        if project.name is not None and is_glob(project.dir):
            message = f"a pattern stands for several projects, which cannot all be named {project.name!r}"
            yield project.mistake(file, "dir", message)


def _same_names(projects: Sequence[Project], file: str) -> Iterable[ConfigMistake]:
    seen: set[str] = set()
    for project in projects:
        if project.name in seen:
            message = f"two or more projects are named {project.name!r}; names must be unique"
            yield project.mistake(file, "name", message)
        seen |= {project.name} if project.name else set()


def ambiguous(projects: Sequence[Project], file: str) -> Iterable[ConfigMistake]:
    """Find projects that share directory and workspace with one above them and have no name to tell them apart."""
    seen: set[tuple[str, str]] = set()
    for project in projects:
        place = (project.dir, project.workspace)
        if place in seen and project.name is None:
            message = f"another project has this dir and workspace ({' in '.join(reversed(place))}); give each a name"
            yield project.mistake(file, "dir", message)
        seen.add(place)


def _unknown_dependencies(projects: Sequence[Project], known: set[str | None], file: str) -> Iterable[ConfigMistake]:
    for project in projects:
        for other in project.depends_on:
            if other not in known:
                yield project.mistake(file, "depends_on", f"no project is named {other!r}")
