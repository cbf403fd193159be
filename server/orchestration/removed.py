"""Directories that a pull deletes: what they manage stays, unless its destruction is planned with the base's code."""

from collections.abc import Collection
from dataclasses import replace

from server.config.document import ConfigMistaken
from server.config.merge import Choice, ProjectConfig, RepoConfig, merge
from server.config.repo_file import FILE_NAMES, load_repo_file
from server.config.server_file import RepoPolicy
from server.domain.commands import Command, target_of
from server.domain.explanation import Cause, CauseKind
from server.domain.run import Run
from server.store.unit_of_work import UnitOfWork
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import DiscoverFacts


def removed_projects(policy: RepoPolicy, facts: DiscoverFacts, *, base_ref: str) -> tuple[ProjectConfig, ...]:
    """List the projects whose directories are gone, configured as the merge base had them.

    A file that cannot be used any more configures nothing: then the operator's word alone holds.
    """
    if not facts.removed_dirs:
        return ()
    before = replace(facts, module_dirs=(*facts.module_dirs, *facts.removed_dirs))
    config = _config_of_base(policy, before, base_ref=base_ref)
    listed = tuple(project for project in config.projects if project.key.dir in facts.removed_dirs)
    known = {project.key.dir for project in listed}
    found = [directory for directory in facts.removed_dirs if directory not in known and not config.ignores(directory)]
    if not config.discovers():
        return listed
    return (*listed, *(config.adhoc(ProjectKey(directory)) for directory in found))


def _config_of_base(policy: RepoPolicy, facts: DiscoverFacts, *, base_ref: str) -> RepoConfig:
    names = (policy.repo_config_file,) if policy.repo_config_file else FILE_NAMES
    file = next((name for name in names if name in facts.base_config_files), None)
    if file is None:
        return merge(policy, None, facts, file=None)
    try:
        repo_file = load_repo_file(facts.base_config_files[file], file=file, base_branch=base_ref)
        return merge(policy, repo_file, facts, file=file)
    except ConfigMistaken:
        return merge(policy, None, facts, file=None)


def meant(removed: Collection[ProjectConfig], command: Command) -> list[Choice]:
    """Choose what a command to destroy means of the projects that are gone."""
    if command.only:
        return [(project, Cause(kind=CauseKind.TURN)) for project in removed if project.key in command.only]
    if not command.destroy or command.target.is_empty:
        return []
    return [(project, Cause(kind=CauseKind.NAMED)) for project in removed if command.covers(project.key)]


def orphans(uow: UnitOfWork, run: Run, removed: Collection[ProjectConfig], *, word: str) -> str:
    """Say which projects are about to be forgotten with all that they manage, and what to type about it."""
    known = {row.key for row in uow.projects.of_pull(run.pull_id)}
    left = [project.key for project in removed if project.key not in known]
    if not left:
        return ""
    lines = [f"- `{key.label}`: `{word} plan --destroy {target_of(key).flags}`" for key in left]
    return (
        "This pull request deletes projects. What they manage stays as it is, and once this is merged nothing here "
        "looks after it any more. To destroy it first, with the code as it was before:\n\n" + "\n".join(lines)
    )
