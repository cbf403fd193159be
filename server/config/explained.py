"""What holds for a chosen project, setting by setting with where it is written: facts that outlive the file."""

from collections.abc import Iterable, Iterator

from server.config.matching import AUTOPLAN_FILES, matcher
from server.config.projects import ProjectConfig, RepoConfig
from server.domain.explanation import DEFAULT, Cause, Setting
from server.domain.lock import LockMode, LockScope
from server.domain.requirements import Requirement
from workers.protocol.jobs import Step

_LOCK_MODES = {
    LockMode.ON_PLAN: "taken by a plan",
    LockMode.ON_APPLY: "taken by an apply",
    LockMode.DISABLED: "not taken",
}
_SCOPES = {LockScope.PROJECT: "covers the project", LockScope.REPO: "covers the whole repository"}


def rule_of(project: ProjectConfig, config: RepoConfig, cause: Cause) -> tuple[str, str]:
    """Name the pattern that makes the first changed file the project's business, and where it is written."""
    if not cause.files:
        return "", ""
    if project.listed is not None:
        return project.triggers.pattern(cause.files[0]), _origin(project, "when_modified", "default of `when_modified`")
    files = config.policy.autoplan_files
    setting = "`THERA_AUTOPLAN_FILE_LIST`"
    origin = f"default of {setting}" if files == AUTOPLAN_FILES else setting
    return matcher(files, base=".").pattern(cause.files[0]), origin


def settings_of(project: ProjectConfig) -> tuple[Setting, ...]:
    """List what holds for a project, each with where it is written."""
    return tuple(_settings(project))


def _settings(project: ProjectConfig) -> Iterator[Setting]:
    yield Setting(name="workflow", value=f"`{project.workflow}`", origin=_origin(project, "workflow"))
    yield Setting(name="steps", value=_steps(project), origin=_origin(project, "steps", "built in"))
    yield from _terraform(project)
    yield _requirements(project, "plan", project.plan_requirements)
    yield _requirements(project, "apply", project.apply_requirements)
    if project.policy_check:
        yield Setting(name="policies", value="judge each plan", origin=_origin(project, "policy_check"))
    yield Setting(name="lock", value=_LOCK_MODES[project.lock_mode], origin=_origin(project, "lock_mode"))
    if project.lock_mode is not LockMode.DISABLED:
        yield Setting(name="lock scope", value=_SCOPES[project.lock_scope], origin=_origin(project, "lock_scope"))
    if project.wave or "wave" in project.origins:
        places = [project.origins[name].words for name in ("wave", "depends_on") if name in project.origins]
        yield Setting(name="order", value=f"group {project.wave}", origin=" and ".join(places))
    if project.depends_on:
        names = ", ".join(f"`{name}`" for name in project.depends_on)
        yield Setting(name="depends on", value=names, origin=_origin(project, "depends_on"))
    yield Setting(name="workers", value=f"pool `{project.pool}`", origin=_origin(project, "worker_pool"))
    if not project.autoplan:
        yield Setting(name="autoplan", value="only when asked for", origin=_origin(project, "autoplan"))


def _origin(project: ProjectConfig, name: str, otherwise: str = DEFAULT) -> str:
    found = project.origins.get(name)
    return otherwise if found is None else found.words


def _steps(project: ProjectConfig) -> str:
    return f"plan: {_named(project.plan_steps)}; apply: {_named(project.apply_steps)}"


def _named(steps: Iterable[Step]) -> str:
    return ", ".join(f"`{step.name}`" for step in steps) or "nothing"


def _terraform(project: ProjectConfig) -> Iterator[Setting]:
    chosen = project.terraform
    if chosen.version is None:
        origin = "the code's `required_version`, else the worker's `THERA_TERRAFORM_VERSION`"
        yield Setting(name="version", value="not chosen", origin=origin)
    else:
        yield Setting(name="version", value=f"`{chosen.version}`", origin=_origin(project, "terraform_version"))
    if chosen.distribution is None:
        yield Setting(name="distribution", value="not chosen", origin="the worker's `THERA_TERRAFORM_DISTRIBUTION`")
        return
    distribution = _origin(project, "terraform_distribution")
    yield Setting(name="distribution", value=f"`{chosen.distribution}`", origin=distribution)


def _requirements(project: ProjectConfig, stage: str, listed: tuple[Requirement, ...]) -> Setting:
    value = ", ".join(f"`{one.value}`" for one in listed) or "none"
    key = f"{stage}_requirements"
    origin = _origin(project, key)
    if stage == "apply" and project.policy_check:
        by_policies = f"`policies_passed` by {_origin(project, 'policy_check')}"
        origin = by_policies if key not in project.origins else f"{origin}; {by_policies}"
    return Setting(name=f"{stage} requirements", value=value, origin=origin)
