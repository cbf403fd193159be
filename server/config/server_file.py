"""The operator's policy file (`repos.yaml`): what each repository may do and what it must satisfy."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from server.config.loading import ConfigMistake, ConfigMistaken, Section, line_of, load, spell
from server.config.repo_file import Autodiscover, Branch, RepoLocks, Requirements
from server.config.workflows import Workflow
from server.domain.lock import LockMode, LockScope
from server.domain.refs import RepoRef
from server.domain.requirements import Requirement

Override = Literal["plan_requirements", "apply_requirements", "workflow", "repo_locks"]


def _id(value: str) -> str:
    if value.startswith("/") and value.endswith("/") and len(value) > 2:  # noqa: PLR2004  (two slashes)
        try:
            re.compile(value[1:-1])
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
    return value


class RepoEntry(Section):
    """Settings for the repositories that `id` names or (between slashes) matches."""

    id: Annotated[str, AfterValidator(_id)]
    branch: Branch | None = None
    repo_config_file: str | None = None
    plan_requirements: Requirements = None
    apply_requirements: Requirements = None
    workflow: str | None = None
    allowed_workflows: list[str] | None = None
    allowed_overrides: list[Override] | None = None
    allow_custom_workflows: bool | None = None
    repo_locks: RepoLocks | None = None
    lock_scope: Annotated[LockScope | None, Field(strict=False)] = None
    release_locks: Literal["close", "apply"] | None = None
    autodiscover: Autodiscover | None = None
    commenters: Literal["write", "read", "anyone"] | None = None
    checkout: Literal["branch", "merge"] | None = None
    worker_pool: str | None = None

    def matches(self, repo: RepoRef) -> bool:
        """Say whether this entry is about the repository."""
        if self.id.startswith("/") and self.id.endswith("/"):
            return re.search(self.id[1:-1], str(repo)) is not None
        return self.id.lower() == str(repo).lower()


class ServerFile(Section):
    """A whole server file."""

    repos: list[RepoEntry] = Field(default_factory=list)
    workflows: dict[str, Workflow] = Field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RepoPolicy:
    """What holds for one repository, after all matching entries. Later entries win, key by key."""

    branch: str | None = None
    repo_config_file: str | None = None
    plan_requirements: tuple[Requirement, ...] = ()
    apply_requirements: tuple[Requirement, ...] = ()
    workflow: str = "default"
    allowed_workflows: tuple[str, ...] = ()
    allowed_overrides: frozenset[str] = frozenset()
    allow_custom_workflows: bool = False
    lock_mode: LockMode = LockMode.ON_PLAN
    lock_scope: LockScope = LockScope.PROJECT
    release_locks: Literal["close", "apply"] = "close"
    autodiscover: Autodiscover = field(default_factory=Autodiscover)
    autodiscover_is_set: bool = False
    commenters: Literal["write", "read", "anyone"] = "write"
    checkout: Literal["branch", "merge"] = "branch"
    worker_pool: str = "default"
    workflows: dict[str, Workflow] = field(default_factory=dict)

    def wants_branch(self, base_ref: str) -> bool:
        """Say whether pulls onto this branch are any of our business."""
        return self.branch is None or re.search(self.branch[1:-1], base_ref) is not None


def load_server_file(path: Path | None) -> ServerFile:
    """Read the server file; none at all is an empty one.

    Raises:
        ConfigMistaken: with every mistake.
    """
    if path is None:
        return ServerFile()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigMistaken([ConfigMistake(str(path), None, "", f"cannot be read: {error}")]) from error
    parsed, document = load(ServerFile, text, file=str(path))
    mistakes = _undefined_workflows(parsed, document, str(path))
    if mistakes:
        raise ConfigMistaken(mistakes)
    return parsed


def _undefined_workflows(parsed: ServerFile, document: Any, file: str) -> list[ConfigMistake]:
    known = {"default", *parsed.workflows}
    mistakes = []
    for index, entry in enumerate(parsed.repos):
        for key, names in (
            ("workflow", [entry.workflow]),
            ("allowed_workflows", entry.allowed_workflows or []),
        ):
            for name in names:
                if name is not None and name not in known:
                    path = ("repos", index, key)
                    message = f"workflow {name!r} is not defined in this file"
                    mistakes.append(ConfigMistake(file, line_of(document, path), spell(path), message))
    return mistakes


def policy_for(server_file: ServerFile, repo: RepoRef) -> RepoPolicy:
    """Merge every entry that matches the repository, the last one that sets a key winning.

    `branch` and `repo_config_file` come from the last matching entry alone, as in Atlantis.
    """
    matching = [entry for entry in server_file.repos if entry.matches(repo)]
    values: dict[str, Any] = {"workflows": dict(server_file.workflows)}
    plain = (
        "workflow",
        "allow_custom_workflows",
        "lock_scope",
        "release_locks",
        "commenters",
        "checkout",
        "worker_pool",
    )
    lists = ("plan_requirements", "apply_requirements", "allowed_workflows")
    for entry in matching:
        values |= {key: value for key in plain if (value := getattr(entry, key)) is not None}
        values |= {key: tuple(value) for key in lists if (value := getattr(entry, key)) is not None}
        if entry.allowed_overrides is not None:
            values["allowed_overrides"] = frozenset(entry.allowed_overrides)
        if entry.repo_locks is not None:
            values["lock_mode"] = entry.repo_locks.mode
        if entry.autodiscover is not None:
            values |= {"autodiscover": entry.autodiscover, "autodiscover_is_set": True}
    if matching:
        values |= {"branch": matching[-1].branch, "repo_config_file": matching[-1].repo_config_file}
    return RepoPolicy(**values)


def known_pools(server_file: ServerFile) -> Sequence[str]:
    """List the worker pools that the file routes jobs to."""
    return sorted({entry.worker_pool or "default" for entry in server_file.repos} | {"default"})
