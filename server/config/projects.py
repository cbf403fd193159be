"""What holds for one project: the operator's word, and where he allows it the repository's."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from server.config.document import ConfigMistake
from server.config.matching import Matcher, glob_matches, is_glob, matcher
from server.config.origins import Origin
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
    results are not commented. `delete_source_branch` is for when the pull is merged by itself. `listed` is where the
    repository's file has the project, and `origins` where what is not a default is written.
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
    listed: Origin | None = field(default=None, repr=False, compare=False)
    origins: Mapping[str, Origin] = field(default_factory=dict, repr=False, compare=False)

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


@dataclass
class _Wishes:
    """What a project's own entry, the top of its file, and the operator say; who was heard is written down."""

    policy: RepoPolicy
    repo_file: RepoFile | None
    project: Project
    origins: dict[str, Origin] = field(default_factory=dict)

    def own(self, name: str, *keys: str, is_set: bool) -> None:
        """Write down that the project's own entry has the last word on something, if it has."""
        if is_set:
            self.origins[name] = self.project.origin(*(keys or (name,)))

    def heard(self, name: str, key: str = "") -> Any:
        """Give the project's word, or the operator's."""
        return self._first(name, self._of_project(key or name))

    def heard_everywhere(self, name: str, key: str) -> Any:
        """Give the project's word, what its file says for all projects where that counts, or the operator's."""
        top = self.repo_file if key in self.policy.allowed_overrides else None
        given = None if top is None else getattr(top, key)
        return self._first(name, self._of_project(key), (given, None if top is None else top.origin(key)))

    def operators(self, name: str) -> Any:
        """Give the operator's word."""
        return self._first(name)

    def _of_project(self, key: str) -> tuple[Any, Origin | None]:
        return getattr(self.project, key), self.project.origin(key)

    def _first(self, name: str, *said: tuple[Any, Origin | None]) -> Any:
        for value, origin in (*said, (getattr(self.policy, name), self.policy.origins.get(name))):
            if value is not None:
                if origin is not None:
                    self.origins[name] = origin
                return value
        raise AssertionError(f"the operator's policy has no {name}")


def configured(policy: RepoPolicy, repo_file: RepoFile | None, key: ProjectKey, project: Project) -> ProjectConfig:
    """Put together what holds for a project; what it must not set was refused before."""
    wishes = _Wishes(policy, repo_file, project)
    may_check = "policy_check" in policy.allowed_overrides
    checked = wishes.heard("policy_check") if may_check else wishes.operators("policy_check")
    wishes.own("when_modified", "autoplan", "when_modified", is_set=project.autoplan.when_modified is not None)
    wishes.own("autoplan", "autoplan", "enabled", is_set="enabled" in project.autoplan.model_fields_set)
    wishes.own("terraform_version", is_set=project.terraform_version is not None)
    wishes.own("terraform_distribution", is_set=project.terraform_distribution is not None)
    wishes.own("wave", "execution_order_group", is_set="execution_order_group" in project.model_fields_set)
    wishes.own("depends_on", is_set=bool(project.depends_on))
    name = wishes.heard("workflow")
    workflow = _workflow(wishes, name)
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
        plan_requirements=tuple(wishes.heard("plan_requirements")),
        apply_requirements=with_policies(tuple(wishes.heard("apply_requirements")), checked=checked),
        import_requirements=tuple(wishes.heard("import_requirements")),
        policy_check=checked,
        custom_policy_check=wishes.heard("custom_policy_check"),
        silence_comments=frozenset(wishes.heard_everywhere("silence_comments", "silence_pr_comments")),
        delete_source_branch=wishes.heard_everywhere("delete_source_branch", "delete_source_branch_on_merge"),
        lock_mode=_lock_mode(wishes),
        lock_scope=wishes.operators("lock_scope"),
        release_locks=policy.release_locks,
        wave=project.execution_order_group,
        depends_on=tuple(project.depends_on),
        terraform=TerraformChoice(distribution=project.terraform_distribution, version=project.terraform_version),
        pool=wishes.operators("worker_pool"),
        workflow=name,
        listed=None if repo_file is None else project.origin(),
        origins=wishes.origins,
    )


def _workflow(wishes: _Wishes, name: str) -> Workflow:
    """Find the workflow. The repository's own are for projects that ask for one: it must not replace the operator's."""
    policy, repo_file = wishes.policy, wishes.repo_file
    if wishes.project.workflow is not None and repo_file is not None and policy.allow_custom_workflows:
        own = repo_file.workflows.get(name)
        if own is not None:
            wishes.origins["steps"] = repo_file.origin("workflows", name)
            return own
    if name in policy.workflow_origins:
        wishes.origins["steps"] = policy.workflow_origins[name]
    return policy.workflows.get(name) or Workflow()


def _lock_mode(wishes: _Wishes) -> LockMode:
    said = wishes.heard_everywhere("lock_mode", "repo_locks")
    mode = said.mode if isinstance(said, RepoLocks) else LockMode(said)
    locking = wishes.project.repo_locking
    wishes.own("lock_mode", "repo_locking", is_set=locking is False or (locking is True and mode is LockMode.DISABLED))
    if locking is False:
        return LockMode.DISABLED
    return LockMode.ON_PLAN if locking and mode is LockMode.DISABLED else mode
