"""Which projects a change touches, or a person names, and in which order they go."""

from collections.abc import Sequence
from dataclasses import replace

from server.config.matching import glob_matches, is_glob, matcher
from server.config.projects import ProjectConfig, RepoConfig
from server.domain.commands import Target
from server.domain.errors import UserMistake
from server.domain.explanation import Cause, CauseKind
from server.domain.selection import Candidate, Chosen, affected, discovered
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import DiscoverFacts

Choice = tuple[ProjectConfig, Cause]


def touched(config: RepoConfig, facts: DiscoverFacts, *, automatic: bool) -> list[Choice]:
    """Choose what a change touches: configured projects, then discovered ones where the mode allows it."""
    listed = [project for project in config.projects if project.autoplan or not automatic]
    chosen = affected([Candidate(project.key, project.triggers) for project in listed], facts)
    if config.discovers():
        chosen += _found(config, facts)
    known = {project.key: project for project in config.projects}
    return [(known.get(one.key) or config.adhoc(one.key), one.cause) for one in chosen]


def _found(config: RepoConfig, facts: DiscoverFacts) -> list[Chosen]:
    return discovered(
        facts,
        counts=matcher(config.policy.autoplan_files, base="."),
        ignored=config.ignores,
        taken={project.key.dir for project in config.projects},
    )


def targeted(config: RepoConfig, facts: DiscoverFacts, target: Target) -> list[Choice]:
    """Choose what somebody named, touched or not, unless the operator wants only what is touched to be named.

    Raises:
        UserMistake: there is nothing of that name, or it may not be named; the message says what there is.
    """
    named = _named(config, facts, target)
    if not config.policy.only_touched:
        return named
    changed = {project.key for project, _ in touched(config, facts, automatic=False)}
    allowed = [(project, cause) for project, cause in named if project.key in changed]
    if not allowed:
        raise UserMistake(
            "This pull request changes nothing of that project, and only what it changes may be named here "
            "(THERA_RESTRICT_FILE_LIST)."
        )
    return allowed


def _named(config: RepoConfig, facts: DiscoverFacts, target: Target) -> list[Choice]:
    cause = Cause(kind=CauseKind.NAMED)
    if target.project is not None:
        found = [project for project in config.projects if project.key.name == target.project]
        if not found:
            names = ", ".join(f"`{project.key.name}`" for project in config.projects if project.key.name)
            known = f"There are: {names}." if names else "No project of this repository has a name; use `-d`."
            raise UserMistake(f"There is no project named `{target.project}`. {known}")
        there = [(project, cause) for project in found if target.covers(project.key)]
        if not there:
            where = ", ".join(f"`{project.key.dir}`" for project in found)
            raise UserMistake(f"The project `{target.project}` is in {where}, not in `{target.dir}`.")
        return there
    directory, workspace = target.dir or ".", target.workspace or "default"
    if is_glob(directory):
        found = [p for p in config.projects if p.key.workspace == workspace and glob_matches(directory, p.key.dir)]
    else:
        found = [p for p in config.projects if (p.key.dir, p.key.workspace) == (directory, workspace)]
    if len(found) > 1 and not is_glob(directory):
        names = ", ".join(f"`-p {project.key.name}`" for project in found if project.key.name)
        raise UserMistake(f"Several projects have that directory and workspace; say which: {names}.")
    if found:
        return [(project, cause) for project in found]
    elsewhere = sorted({p.key.workspace for p in config.projects if p.key.dir == directory})
    if elsewhere:
        spaces = ", ".join(f"`{space}`" for space in elsewhere)
        advice = "Name one of them with `-w`." if target.workspace else "Add `-w`."
        raise UserMistake(f"`{directory}` is not configured for `{workspace}`, but for: {spaces}. {advice}")
    if directory not in facts.module_dirs:
        raise UserMistake(f"There is no Terraform code in `{directory}` at this commit.")
    return [(config.adhoc(ProjectKey(directory, workspace)), cause)]


def with_change(chosen: Sequence[Choice], config: RepoConfig, facts: DiscoverFacts) -> list[Choice]:
    """Add to what was named, or came by its turn, what of the change touches it."""
    if all(cause.kind is CauseKind.CHANGED for _, cause in chosen):
        return list(chosen)
    known = {project.key: cause for project, cause in touched(config, facts, automatic=False)}
    return [(project, replace(known.get(project.key, cause), kind=cause.kind)) for project, cause in chosen]


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
