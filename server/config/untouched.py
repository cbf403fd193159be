"""Why a project is not among those that a change touches."""

from collections.abc import Iterator

from server.config.choose import touched
from server.config.projects import ProjectConfig, RepoConfig
from server.domain.commands import Target
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import DiscoverFacts

_PATTERNS_SHOWN = 10


def why_not(config: RepoConfig, facts: DiscoverFacts, target: Target) -> list[tuple[ProjectKey, str]]:
    """Say of each project that a target means why it is not planned by itself, in sentences; none if there is none."""
    listed = [project for project in config.projects if target.covers(project.key)]
    if listed:
        changed = {project.key for project, _ in touched(config, facts, automatic=False)}
        return [(project.key, _listed(project, facts, is_touched=project.key in changed)) for project in listed]
    directory = target.dir
    if directory is None or directory not in facts.module_dirs:
        return []
    return [(ProjectKey(directory, target.workspace or "default"), " ".join(_found(config, facts, directory)))]


def _listed(project: ProjectConfig, facts: DiscoverFacts, *, is_touched: bool) -> str:
    if project.key.dir not in facts.module_dirs:
        return f"There is no Terraform code in `{project.key.dir}` at this commit."
    if is_touched and not project.autoplan:
        return f"It is planned only when somebody asks ({project.origins['autoplan'].words})."
    if is_touched:
        return "It is touched by the newest commit, which has not been planned yet."
    patterns = project.triggers.patterns
    named = ", ".join(f"`{pattern}`" for pattern in patterns[:_PATTERNS_SHOWN]) or "an empty list"
    more = f" and {len(patterns) - _PATTERNS_SHOWN} more" if len(patterns) > _PATTERNS_SHOWN else ""
    origin = project.origins["when_modified"].words if "when_modified" in project.origins else "the default"
    return (
        f"What this pull request changes matches none of {named}{more} ({origin}), and changes no module that it uses."
    )


def _found(config: RepoConfig, facts: DiscoverFacts, directory: str) -> Iterator[str]:
    """Say why a directory with code that no file lists was not taken for a project, or was not touched."""
    if not config.discovers():
        yield f"No file lists it, and others are not looked for (`autodiscover`: `{config.autodiscover.mode}`)."
    elif config.ignores(directory):
        yield "It is left out by `ignore_paths` of `autodiscover`."
    else:
        callers = sorted(caller for caller, called in facts.module_calls.items() if directory in called)
        if callers:
            yield f"It is no project of its own: `{callers[0]}` uses it as a module."
        else:
            yield "Nothing that this pull request changes touches it."
