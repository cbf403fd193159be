"""What the server hands to a worker: a ticket by message, an assignment by claim."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from workers.protocol.names import PROTOCOL_VERSION

CONFIG_FILES = ("thera.yaml", "atlantis.yaml", "atlantis.yml")


class Phase(StrEnum):
    """The kind of work that a job does."""

    DISCOVER = "discover"
    PLAN = "plan"
    POLICY = "policy_check"
    APPLY = "apply"
    IMPORT = "import"
    STATE_RM = "state_rm"
    HOOKS = "hooks"
    VERSION = "version"

    @property
    def changes_the_world(self) -> bool:
        """Say whether a machine must never start this phase a second time by itself."""
        return self in {Phase.APPLY, Phase.IMPORT, Phase.STATE_RM}


@dataclass(frozen=True, order=True)
class ProjectKey:
    """A Terraform root module in one workspace; the name is what people gave it, if they did."""

    dir: str
    workspace: str = "default"
    name: str | None = None

    @property
    def label(self) -> str:
        """Name the project as people read it: its name, or `dir` (`dir/workspace` off the default)."""
        if self.name:
            return self.name
        return self.dir if self.workspace == "default" else f"{self.dir}/{self.workspace}"

    @property
    def path(self) -> str:
        """Spell directory and workspace, as commit statuses do."""
        return f"{self.dir}/{self.workspace}"


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """All that a Celery message carries: which row to look at, and the right to do so."""

    job_id: str
    attempt: int
    token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """Which commit of which repository to put on disk, and how to get at it.

    `head_ref` is the full ref under which the forge publishes the commit (`refs/pull/7/head`).
    `base_sha` is the base branch's commit the server knew when it decided; with `strategy` `merge`
    the head is merged onto it before work starts. `ca_certificate` (PEM) is what the forge's own certificate
    is checked against, instead of the authorities that the worker's system trusts.
    """

    host: str
    repo: str
    clone_url: str
    head_sha: str
    head_ref: str
    base_sha: str
    base_ref: str
    pull_number: int
    username: str = ""
    password: str = field(default="", repr=False)
    strategy: Literal["branch", "merge"] = "branch"
    ca_certificate: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One entry of a workflow, already validated by the server.

    `name` is a built-in (`init`, `plan`, `apply`, `show`, `policy_check`, `import`, `state_rm`) or `run`, `env`,
    `multienv`, which use `command`, `shell`, `shell_args`, `output`, and for `env` also `variable` and `value`.
    `output` holds `show`, `hide`, `strip_refreshing` and `filter_regex:<expression>`, in their order.
    """

    name: str
    extra_args: tuple[str, ...] = ()
    command: str | None = None
    shell: str | None = None
    shell_args: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    variable: str | None = None
    value: str | None = None


@dataclass(frozen=True, kw_only=True)
class TerraformChoice:
    """Which binary to run: `version` None lets the worker decide from the code, then its default."""

    distribution: Literal["terraform", "opentofu"] | None = None
    version: str | None = None


@dataclass(frozen=True, kw_only=True)
class ArtifactRef:
    """A stored file, named by its content."""

    id: str
    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Hook:
    """One workflow hook: a command of the operator's, run at the root of a checkout.

    Without `shell` and `shell_args` it is `sh -c`. `description` is what its commit status says of it.
    """

    command: str
    description: str = ""
    shell: str | None = None
    shell_args: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Discover:
    """Find out what a commit contains and what it changed; decide nothing.

    `hooks` (pre-workflow hooks) run in a checkout before anything is read, so that they may write the
    configuration files; `environment`, `extra_args` and `command` (`plan`) are theirs. What they made is reported
    as an artifact, which the jobs of the projects are given as `generated`. `include_untracked` counts what they
    made as changed. With `inputs`, what the code reads is named by content as well (see `results.CodeInputs`).
    """

    checkout: Checkout
    config_files: tuple[str, ...] = CONFIG_FILES
    hooks: tuple[Hook, ...] = ()
    command: str = ""
    extra_args: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    include_untracked: bool = False
    inputs: bool = False
    phase: Literal[Phase.DISCOVER] = Phase.DISCOVER


@dataclass(frozen=True, kw_only=True)
class ProjectWork:
    """What all work on one project has in common.

    `at_commit` checks out that commit instead of the head: a directory that the pull request deletes is still
    there at the last applied one. `generated` is what pre-workflow hooks added to the code.
    """

    checkout: Checkout
    project: ProjectKey
    steps: tuple[Step, ...]
    terraform: TerraformChoice = TerraformChoice()
    extra_args: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    at_commit: str = ""
    generated: ArtifactRef | None = None


@dataclass(frozen=True, kw_only=True)
class Plan(ProjectWork):
    """Run a project's plan steps and save the plan as an artifact; with `destroy`, of everything's removal."""

    destroy: bool = False
    phase: Literal[Phase.PLAN] = Phase.PLAN


@dataclass(frozen=True, kw_only=True)
class Apply(ProjectWork):
    """Apply exactly the saved plan `plan`, with the Terraform that made it."""

    plan: ArtifactRef
    plan_digest: str
    phase: Literal[Phase.APPLY] = Phase.APPLY


@dataclass(frozen=True, kw_only=True)
class GitSource:
    """A commit of a repository that holds policies; without `commit`, the one that `ref` names by then."""

    host: str
    repo: str
    clone_url: str
    ref: str
    commit: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    ca_certificate: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class PolicySet:
    """Policies under one name, at a path that the server's own file gives.

    Without `source` the path is one of the worker's disk; with it, of that repository. A path inside the
    checkout is refused, since a branch could then change what it is judged by, unless `from_checkout` says
    that the server's file wants it.
    """

    name: str
    path: str
    source: GitSource | None = None
    from_checkout: bool = False


@dataclass(frozen=True, kw_only=True)
class PolicyCheck(ProjectWork):
    """Judge the saved plan `plan` by policies.

    `engine` `auto` takes `conftest`, else `opa`, else the embedded engine, whichever the worker has first.
    With `custom`, the steps' own outputs are the verdicts, one for each set in order.
    """

    plan: ArtifactRef
    plan_digest: str
    policy_sets: tuple[PolicySet, ...] = ()
    engine: Literal["auto", "conftest", "opa", "embedded"] = "auto"
    conftest_version: str | None = None
    custom: bool = False
    phase: Literal[Phase.POLICY] = Phase.POLICY


@dataclass(frozen=True, kw_only=True)
class Import(ProjectWork):
    """Take one existing resource into the state."""

    address: str
    id: str
    phase: Literal[Phase.IMPORT] = Phase.IMPORT


@dataclass(frozen=True, kw_only=True)
class StateRm(ProjectWork):
    """Forget resources: out of the state, and otherwise left alone."""

    addresses: tuple[str, ...]
    phase: Literal[Phase.STATE_RM] = Phase.STATE_RM


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """Run workflow hooks in a checkout of their own: those after a command, or before one that discovers nothing.

    `command` is what people asked for (`apply`); `has_errors` says how it went, and is None before it.
    """

    checkout: Checkout
    hooks: tuple[Hook, ...]
    command: str = ""
    has_errors: bool | None = None
    extra_args: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    generated: ArtifactRef | None = None
    phase: Literal[Phase.HOOKS] = Phase.HOOKS


@dataclass(frozen=True, kw_only=True)
class Version:
    """Say which Terraform this worker would use by default."""

    terraform: TerraformChoice = TerraformChoice()
    phase: Literal[Phase.VERSION] = Phase.VERSION


Work = Discover | Plan | PolicyCheck | Apply | Import | StateRm | Hooks | Version


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A claimed job: the work, and how long it may take (seconds)."""

    job_id: str
    attempt: int
    run_id: str
    work: Work
    timeout_seconds: int = 3600
    protocol: int = PROTOCOL_VERSION


@dataclass(frozen=True, kw_only=True)
class WorkerInfo:
    """Who claims: shown to people and kept with the job. `protocol` is the newest that it speaks."""

    name: str
    pool: str
    version: str
    protocol: int = 1


@dataclass(frozen=True, kw_only=True)
class Orders:
    """The server's answer to a heartbeat."""

    cancel: bool = False
