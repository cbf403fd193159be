"""Server policy and repository file into what holds for each project."""

import fnmatch
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from server.config.loading import ConfigMistake, ConfigMistaken
from server.config.matching import AUTOPLAN_FILES, Matcher, matcher, matches_any
from server.config.repo_file import DEFAULT_WHEN_MODIFIED, Autodiscover, Project, RepoFile
from server.config.server_file import RepoPolicy
from server.config.workflows import Workflow
from server.domain.commands import Target
from server.domain.errors import UserMistake
from server.domain.lock import LockMode, LockScope
from server.domain.requirements import Requirement
from server.domain.selection import Candidate, Chosen, affected, discovered
from workers.protocol.codec import encode
from workers.protocol.jobs import ProjectKey, Step, TerraformChoice
from workers.protocol.results import DiscoverFacts


@dataclass(frozen=True, kw_only=True)
class ProjectConfig:
    """All that is configured for one project, server's word and repository's word merged."""

    key: ProjectKey
    triggers: Matcher
    autoplan: bool
    plan_steps: tuple[Step, ...]
    apply_steps: tuple[Step, ...]
    plan_requirements: tuple[Requirement, ...]
    apply_requirements: tuple[Requirement, ...]
    lock_mode: LockMode
    lock_scope: LockScope
    release_locks: Literal["close", "apply"]
    wave: int
    depends_on: tuple[str, ...]
    terraform: TerraformChoice
    pool: str
    workflow: str

    @property
    def workflow_digest(self) -> str:
        """Name the apply workflow by content: a plan is applied with the steps it was made for."""
        text = "\n".join(encode(step) for step in (*self.plan_steps, *self.apply_steps))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class RepoConfig:
    """Everything configured for one commit of one repository."""

    projects: tuple[ProjectConfig, ...]
    policy: RepoPolicy
    autodiscover: Autodiscover
    file: str | None

    def adhoc(self, key: ProjectKey) -> ProjectConfig:
        """Say what holds for a project that no file lists."""
        return _configured(self.policy, None, key, Project(dir=key.dir, workspace=key.workspace))

    def of(self, key: ProjectKey) -> ProjectConfig:
        """Find what holds for a project, listed or not."""
        return next((project for project in self.projects if project.key == key), None) or self.adhoc(key)


def merge(policy: RepoPolicy, repo_file: RepoFile | None, facts: DiscoverFacts, *, file: str | None) -> RepoConfig:
    """Put the operator's policy and the repository's wishes together.

    Raises:
        ConfigMistaken: the repository wishes for what the operator did not allow.
    """
    mistakes: list[ConfigMistake] = []
    if repo_file is not None and file is not None:
        mistakes = [*_forbidden(policy, repo_file, file), *_unknown_workflows(policy, repo_file, file)]
    if mistakes:
        raise ConfigMistaken(mistakes)
    projects: list[ProjectConfig] = []
    for project in repo_file.projects if repo_file else ():
        for expanded in _expanded(project, facts.module_dirs):
            key = ProjectKey(expanded.dir, expanded.workspace, expanded.name)
            projects.append(_configured(policy, repo_file, key, expanded))
    autodiscover = policy.autodiscover
    if not policy.autodiscover_is_set and repo_file is not None and repo_file.autodiscover is not None:
        autodiscover = repo_file.autodiscover
    return RepoConfig(
        projects=tuple(projects),
        policy=policy,
        autodiscover=autodiscover,
        file=file if repo_file is not None else None,
    )


def _forbidden(policy: RepoPolicy, repo_file: RepoFile, file: str) -> Iterable[ConfigMistake]:
    if repo_file.workflows and not policy.allow_custom_workflows:
        message = "custom workflows are not allowed here; the operator has to set `allow_custom_workflows: true`"
        yield ConfigMistake(file, None, "workflows", message)
    for project in repo_file.projects:
        for key in ("workflow", "plan_requirements", "apply_requirements", "repo_locks"):
            if getattr(project, key) is not None and key not in policy.allowed_overrides:
                message = f"not allowed to be set here; the operator has to list it: `allowed_overrides: [{key}]`"
                yield project.mistake(file, key, message)


def _unknown_workflows(policy: RepoPolicy, repo_file: RepoFile, file: str) -> Iterable[ConfigMistake]:
    for project in repo_file.projects:
        name = project.workflow
        if name is None:
            continue
        if name not in {"default", *policy.workflows, *repo_file.workflows}:
            yield project.mistake(file, "workflow", f"workflow {name!r} is not defined anywhere")
        elif policy.allowed_workflows and name not in {*policy.allowed_workflows, *repo_file.workflows}:
            allowed = ", ".join(policy.allowed_workflows)
            yield project.mistake(file, "workflow", f"workflow {name!r} is not allowed here; allowed are: {allowed}")


def _expanded(project: Project, module_dirs: Sequence[str]) -> Iterable[Project]:
    if not any(mark in project.dir for mark in "*?["):
        return (project,)
    found = [directory for directory in module_dirs if matches_any((project.dir,), directory)]
    depth = project.dir.count("/")
    exact = [directory for directory in found if "**" in project.dir or directory.count("/") == depth]
    return (project.model_copy(update={"dir": directory, "name": None}) for directory in exact)


def _configured(policy: RepoPolicy, repo_file: RepoFile | None, key: ProjectKey, project: Project) -> ProjectConfig:
    name = project.workflow or policy.workflow
    own = repo_file.workflows if repo_file is not None and policy.allow_custom_workflows else {}
    workflow = own.get(name) or policy.workflows.get(name) or Workflow()
    locks = project.repo_locks
    if locks is None and repo_file is not None and "repo_locks" in policy.allowed_overrides:
        locks = repo_file.repo_locks
    return ProjectConfig(
        key=key,
        triggers=matcher(project.when_modified, base=key.dir),
        autoplan=project.autoplan.enabled,
        plan_steps=workflow.steps("plan"),
        apply_steps=workflow.steps("apply"),
        plan_requirements=_override(project.plan_requirements, policy.plan_requirements),
        apply_requirements=_override(project.apply_requirements, policy.apply_requirements),
        lock_mode=policy.lock_mode if locks is None else locks.mode,
        lock_scope=policy.lock_scope,
        release_locks=policy.release_locks,
        wave=project.execution_order_group,
        depends_on=tuple(project.depends_on),
        terraform=TerraformChoice(distribution=project.terraform_distribution, version=project.terraform_version),
        pool=policy.worker_pool,
        workflow=name,
    )


def _override(own: list[Requirement] | None, default: tuple[Requirement, ...]) -> tuple[Requirement, ...]:
    return default if own is None else tuple(own)


def touched(config: RepoConfig, facts: DiscoverFacts, *, automatic: bool) -> list[tuple[ProjectConfig, str]]:
    """Choose what a change touches: configured projects, then discovered ones where the mode allows it."""
    listed = [project for project in config.projects if project.autoplan or not automatic]
    chosen = affected([Candidate(project.key, project.triggers) for project in listed], facts)
    mode = config.autodiscover.mode
    if mode == "enabled" or (mode == "auto" and not config.projects):
        chosen += _found(config, facts)
    return [(config.of(one.key), one.reason) for one in chosen]


def _found(config: RepoConfig, facts: DiscoverFacts) -> list[Chosen]:
    ignore = tuple(config.autodiscover.ignore_paths or ())
    return discovered(
        facts,
        counts=matcher(AUTOPLAN_FILES, base="."),
        ignored=lambda directory: bool(ignore) and matches_any(ignore, directory),
        taken={project.key.dir for project in config.projects},
    )


def targeted(config: RepoConfig, facts: DiscoverFacts, target: Target) -> list[tuple[ProjectConfig, str]]:
    """Choose what somebody named, touched or not.

    Raises:
        UserMistake: there is nothing of that name; the message lists what there is.
    """
    reason = "asked for"
    if target.project is not None:
        found = [project for project in config.projects if project.key.name == target.project]
        if not found:
            names = ", ".join(f"`{project.key.name}`" for project in config.projects if project.key.name)
            known = f"There are: {names}." if names else "No project of this repository has a name; use `-d`."
            raise UserMistake(f"There is no project named `{target.project}`. {known}")
        return [(project, reason) for project in found]
    directory, workspace = target.dir or ".", target.workspace or "default"
    if any(mark in directory for mark in "*?["):
        found = [p for p in config.projects if p.key.workspace == workspace and fnmatch.fnmatch(p.key.dir, directory)]
    else:
        found = [p for p in config.projects if (p.key.dir, p.key.workspace) == (directory, workspace)]
    if len(found) > 1 and not any(mark in directory for mark in "*?["):
        names = ", ".join(f"`-p {project.key.name}`" for project in found)
        raise UserMistake(f"Several projects have that directory and workspace; say which: {names}.")
    if found:
        return [(project, reason) for project in found]
    elsewhere = sorted({p.key.workspace for p in config.projects if p.key.dir == directory})
    if elsewhere:
        spaces = ", ".join(f"`{space}`" for space in elsewhere)
        raise UserMistake(f"`{directory}` is configured for other workspaces: {spaces}. Add `-w`.")
    if directory not in facts.module_dirs:
        raise UserMistake(f"There is no Terraform code in `{directory}` at this commit.")
    return [(config.adhoc(ProjectKey(directory, workspace)), reason)]


def in_waves(chosen: Sequence[ProjectConfig]) -> list[ProjectConfig]:
    """Give each project the wave it may run in: its own group, and after all that it depends on."""
    by_name = {project.key.name: project for project in chosen if project.key.name}
    waves: dict[str | None, int] = {}

    def wave_of(project: ProjectConfig, trail: tuple[str, ...]) -> int:
        name = project.key.name
        if name in waves:
            return waves[name]
        if name in trail:
            raise UserMistake(f"`depends_on` goes in a circle: {' → '.join((*trail, name or ''))}.")
        below = [wave_of(by_name[other], (*trail, name or "")) for other in project.depends_on if other in by_name]
        wave = max([project.wave, *(one + 1 for one in below)])
        if name:
            waves[name] = wave
        return wave

    return [replace(project, wave=wave_of(project, ())) for project in chosen]


__all__ = ["DEFAULT_WHEN_MODIFIED", "ProjectConfig", "RepoConfig", "in_waves", "merge", "targeted", "touched"]
