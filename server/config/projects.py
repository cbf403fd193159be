"""What holds for one project: the operator's word, and where he allows it the repository's."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from server.config.document import ConfigMistake
from server.config.matching import Matcher, glob_matches, is_glob, matcher
from server.config.repo_file import Autodiscover, Project, RepoFile, RepoLocks
from server.config.server_file import RepoPolicy, with_policies
from server.config.workflows import Workflow
from server.domain.lock import LockMode, LockScope
from server.domain.requirements import Requirement
from workers.protocol.codec import encode
from workers.protocol.jobs import ProjectKey, Step, TerraformChoice


@dataclass(frozen=True, kw_only=True)
class ProjectConfig:
    """All that is configured for one project, server's word and repository's word merged.

    `policies_passed` is among the `apply_requirements` exactly where `policy_check` holds; with
    `custom_policy_check` the outputs of `policy_steps` are the verdicts. `silence_comments` names the commands whose
    results are not commented. `delete_source_branch` is for when the pull is merged by itself.
    """

    key: ProjectKey
    triggers: Matcher
    when_modified: tuple[str, ...]
    autoplan: bool
    plan_steps: tuple[Step, ...]
    policy_steps: tuple[Step, ...]
    apply_steps: tuple[Step, ...]
    import_steps: tuple[Step, ...]
    state_rm_steps: tuple[Step, ...]
    plan_requirements: tuple[Requirement, ...]
    apply_requirements: tuple[Requirement, ...]
    import_requirements: tuple[Requirement, ...]
    policy_check: bool
    custom_policy_check: bool
    silence_comments: frozenset[str]
    delete_source_branch: bool
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
        """Name the workflow by content: a plan is judged and applied with the steps it was made for."""
        stages = (("plan", self.plan_steps), ("policy_check", self.policy_steps), ("apply", self.apply_steps))
        lines = [f"{stage} {encode(step)}" for stage, steps in stages for step in steps]
        lines.append(f"checked {self.policy_check} {self.custom_policy_check}")
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class RepoConfig:
    """Everything configured for one commit of one repository.

    Where the repository says nothing, `automerge`, `parallel_plan`, `parallel_apply` and `emoji_reaction` are None,
    and the server decides. `ignored` are keys of the repository's file that have no effect where they stand, and why;
    nothing fails over them.
    """

    projects: tuple[ProjectConfig, ...]
    policy: RepoPolicy
    autodiscover: Autodiscover
    file: str | None
    automerge: bool | None = None
    parallel_plan: bool | None = None
    parallel_apply: bool | None = None
    abort_on_execution_order_fail: bool = False
    emoji_reaction: str | None = None
    allowed_regexp_prefixes: tuple[str, ...] = ()
    ignored: tuple[ConfigMistake, ...] = ()

    def adhoc(self, key: ProjectKey) -> ProjectConfig:
        """Say what holds for a project that no file lists: the operator's word alone."""
        return configured(self.policy, None, key, Project(dir=key.dir, workspace=key.workspace))

    def of(self, key: ProjectKey) -> ProjectConfig:
        """Find what holds for a project, listed or not."""
        return next((project for project in self.projects if project.key == key), None) or self.adhoc(key)

    def discovers(self) -> bool:
        """Say whether root modules that nobody listed are looked for."""
        return self.autodiscover.mode == "enabled" or (self.autodiscover.mode == "auto" and not self.projects)

    def ignores(self, directory: str) -> bool:
        """Say whether a directory is left out of the discovery."""
        return any(glob_matches(pattern, directory) for pattern in self.autodiscover.ignore_paths or ())


def expanded(project: Project, module_dirs: Sequence[str]) -> Iterable[Project]:
    """Give a project for each directory with code that its `dir` matches; one that is no pattern is there anyway."""
    if not is_glob(project.dir):
        return (project,)
    found = [directory for directory in module_dirs if glob_matches(project.dir, directory)]
    return [project.model_copy(update={"dir": directory}) for directory in found]


def configured(policy: RepoPolicy, repo_file: RepoFile | None, key: ProjectKey, project: Project) -> ProjectConfig:
    """Put together what holds for a project; what it must not set was refused before."""
    workflow = _workflow(policy, repo_file, project)
    checked = policy.policy_check
    if project.policy_check is not None and "policy_check" in policy.allowed_overrides:
        checked = project.policy_check
    return ProjectConfig(
        key=key,
        triggers=matcher(project.when_modified, base=key.dir),
        when_modified=project.when_modified,
        autoplan=project.autoplan.enabled,
        plan_steps=workflow.steps("plan"),
        policy_steps=workflow.steps("policy_check"),
        apply_steps=workflow.steps("apply"),
        import_steps=workflow.steps("import"),
        state_rm_steps=workflow.steps("state_rm"),
        plan_requirements=_override(project.plan_requirements, policy.plan_requirements),
        apply_requirements=with_policies(
            _override(project.apply_requirements, policy.apply_requirements), checked=checked
        ),
        import_requirements=_override(project.import_requirements, policy.import_requirements),
        policy_check=checked,
        custom_policy_check=_first(project.custom_policy_check, policy.custom_policy_check),
        silence_comments=_silenced(policy, repo_file, project),
        delete_source_branch=_deletes_branch(policy, repo_file, project),
        lock_mode=_lock_mode(policy, repo_file, project),
        lock_scope=policy.lock_scope,
        release_locks=policy.release_locks,
        wave=project.execution_order_group,
        depends_on=tuple(project.depends_on),
        terraform=TerraformChoice(distribution=project.terraform_distribution, version=project.terraform_version),
        pool=policy.worker_pool,
        workflow=project.workflow or policy.workflow,
    )


def _workflow(policy: RepoPolicy, repo_file: RepoFile | None, project: Project) -> Workflow:
    """Find the workflow. The repository's own are for projects that ask for one: it must not replace the operator's."""
    own = repo_file.workflows if repo_file is not None and policy.allow_custom_workflows else {}
    if project.workflow is not None and project.workflow in own:
        return own[project.workflow]
    return policy.workflows.get(project.workflow or policy.workflow) or Workflow()


def _override(own: list[Requirement] | None, default: tuple[Requirement, ...]) -> tuple[Requirement, ...]:
    return default if own is None else tuple(own)


def _first(*values: bool | None) -> bool:
    return next((value for value in values if value is not None), False)


def _everywhere(policy: RepoPolicy, repo_file: RepoFile | None, key: str) -> RepoFile | None:
    """Give the repository's file if what it says at its top, for all projects, counts."""
    return repo_file if key in policy.allowed_overrides else None


def _silenced(policy: RepoPolicy, repo_file: RepoFile | None, project: Project) -> frozenset[str]:
    top = _everywhere(policy, repo_file, "silence_pr_comments")
    given = project.silence_pr_comments
    if given is None and top is not None:
        given = top.silence_pr_comments
    return policy.silence_comments if given is None else frozenset(given)


def _deletes_branch(policy: RepoPolicy, repo_file: RepoFile | None, project: Project) -> bool:
    top = _everywhere(policy, repo_file, "delete_source_branch_on_merge")
    everywhere = top.delete_source_branch_on_merge if top is not None else None
    return _first(project.delete_source_branch_on_merge, everywhere, policy.delete_source_branch)


def _lock_mode(policy: RepoPolicy, repo_file: RepoFile | None, project: Project) -> LockMode:
    top = _everywhere(policy, repo_file, "repo_locks")
    locks: RepoLocks | None = project.repo_locks
    if locks is None and top is not None:
        locks = top.repo_locks
    mode = policy.lock_mode if locks is None else locks.mode
    if project.repo_locking is False:
        return LockMode.DISABLED
    return LockMode.ON_PLAN if project.repo_locking and mode is LockMode.DISABLED else mode
