"""Server policy and repository file into what holds for a commit; what the repository may not wish for is refused."""

from collections.abc import Iterable

from server.config.choose import Choice, in_waves, targeted, touched, with_change
from server.config.document import ConfigMistake, ConfigMistaken
from server.config.projects import ProjectConfig, RepoConfig, configured, expanded
from server.config.repo_file import Autodiscover, RepoFile, ambiguous
from server.config.server_file import RepoPolicy
from server.domain.requirements import Requirement
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import DiscoverFacts

# Keys of a project that have to be allowed. Atlantis ignores `policy_check` where it is not, and refuses the others.
_OVERRIDES = (
    "workflow",
    "plan_requirements",
    "apply_requirements",
    "import_requirements",
    "delete_source_branch_on_merge",
    "repo_locking",
    "repo_locks",
    "custom_policy_check",
    "silence_pr_comments",
)
# Keys at the top that Atlantis ignores where they are not allowed.
_OVERRIDES_AT_THE_TOP = ("delete_source_branch_on_merge", "repo_locks", "silence_pr_comments")


def merge(policy: RepoPolicy, repo_file: RepoFile | None, facts: DiscoverFacts, *, file: str | None) -> RepoConfig:
    """Put the operator's policy and the repository's wishes together.

    Raises:
        ConfigMistaken: the repository wishes for what the operator did not allow.
    """
    if repo_file is None or file is None:
        return RepoConfig(projects=(), policy=policy, autodiscover=policy.autodiscover, file=None)
    listed = [one for project in repo_file.projects for one in expanded(project, facts.module_dirs)]
    mistakes = [
        *_forbidden(policy, repo_file, file),
        *_unknown_workflows(policy, repo_file, file),
        *_unchecked(policy, repo_file, file),
        *ambiguous(listed, file),
    ]
    if mistakes:
        raise ConfigMistaken(mistakes)
    return RepoConfig(
        projects=tuple(
            configured(policy, repo_file, ProjectKey(project.dir, project.workspace, project.name), project)
            for project in listed
        ),
        policy=policy,
        autodiscover=_autodiscover(policy, repo_file),
        file=file,
        automerge=repo_file.automerge,
        parallel_plan=repo_file.parallel_plan,
        parallel_apply=repo_file.parallel_apply,
        abort_on_execution_order_fail=repo_file.abort_on_execution_order_fail,
        emoji_reaction=repo_file.emoji_reaction,
        allowed_regexp_prefixes=tuple(repo_file.allowed_regexp_prefixes),
        ignored=tuple(_ignored(policy, repo_file, file)),
    )


def _autodiscover(policy: RepoPolicy, repo_file: RepoFile) -> Autodiscover:
    """Take the operator's mode before the repository's, and so with the directories to leave out, each by itself."""
    own = repo_file.autodiscover
    if own is None:
        return policy.autodiscover
    mode = policy.autodiscover.mode if policy.autodiscover_is_set else own.mode
    theirs = policy.autodiscover.ignore_paths
    return Autodiscover(mode=mode, ignore_paths=own.ignore_paths if theirs is None else theirs)


def _forbidden(policy: RepoPolicy, repo_file: RepoFile, file: str) -> Iterable[ConfigMistake]:
    if repo_file.workflows and not policy.allow_custom_workflows:
        message = "custom workflows are not allowed here; the operator has to set `allow_custom_workflows: true`"
        yield repo_file.mistake(file, "workflows", message)
    for project in repo_file.projects:
        for key in _OVERRIDES:
            if getattr(project, key) is not None and key not in policy.allowed_overrides:
                yield project.mistake(file, key, _not_allowed(key))


def _not_allowed(key: str) -> str:
    return f"not allowed to be set here; the operator has to list it: `allowed_overrides: [{key}]`"


def _ignored(policy: RepoPolicy, repo_file: RepoFile, file: str) -> Iterable[ConfigMistake]:
    for key in _OVERRIDES_AT_THE_TOP:
        if getattr(repo_file, key) is not None and key not in policy.allowed_overrides:
            yield repo_file.mistake(file, key, f"without effect: {_not_allowed(key)}")
    if repo_file.policies is not None:
        yield repo_file.mistake(file, "policies", "without effect: policies are configured by the operator alone")
    for project in repo_file.projects:
        if project.policy_check is not None and "policy_check" not in policy.allowed_overrides:
            yield project.mistake(file, "policy_check", f"without effect: {_not_allowed('policy_check')}")


def _unknown_workflows(policy: RepoPolicy, repo_file: RepoFile, file: str) -> Iterable[ConfigMistake]:
    for project in repo_file.projects:
        name = project.workflow
        if name is None:
            continue
        if name not in {"default", *policy.workflows, *repo_file.workflows}:
            known = ", ".join(sorted({"default", *policy.workflows, *repo_file.workflows}))
            yield project.mistake(file, "workflow", f"workflow {name!r} is not defined anywhere; there are: {known}")
        elif policy.allowed_workflows and name not in {*policy.allowed_workflows, *repo_file.workflows}:
            allowed = ", ".join(policy.allowed_workflows)
            yield project.mistake(file, "workflow", f"workflow {name!r} is not allowed here; allowed are: {allowed}")


def _unchecked(policy: RepoPolicy, repo_file: RepoFile, file: str) -> Iterable[ConfigMistake]:
    for project in repo_file.projects:
        if Requirement.POLICIES_PASSED not in (project.apply_requirements or ()):
            continue
        own = project.policy_check if "policy_check" in policy.allowed_overrides else None
        if not (policy.policy_check if own is None else own):
            message = "`policies_passed` cannot hold, since plans of this project are not checked by policies"
            yield project.mistake(file, "apply_requirements", message)


__all__ = ["Choice", "ProjectConfig", "RepoConfig", "in_waves", "merge", "targeted", "touched", "with_change"]
