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
    APPLY = "apply"
    VERSION = "version"

    @property
    def changes_the_world(self) -> bool:
        """Say whether a machine must never start this phase a second time by itself."""
        return self is Phase.APPLY


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
    the head is merged onto it before work starts.
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


@dataclass(frozen=True, kw_only=True)
class Step:
    """One entry of a workflow, already validated by the server.

    `name` is a built-in (`init`, `plan`, `apply`, `show`) or `run`, `env`, `multienv`, which use
    `command`, `shell`, `shell_args`, `output`, and for `env` also `variable` and `value`.
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
class Discover:
    """Find out what a commit contains and what it changed; decide nothing."""

    checkout: Checkout
    config_files: tuple[str, ...] = CONFIG_FILES
    phase: Literal[Phase.DISCOVER] = Phase.DISCOVER


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Run a project's plan steps and save the plan as an artifact."""

    checkout: Checkout
    project: ProjectKey
    steps: tuple[Step, ...]
    terraform: TerraformChoice = TerraformChoice()
    extra_args: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    phase: Literal[Phase.PLAN] = Phase.PLAN


@dataclass(frozen=True, kw_only=True)
class Apply:
    """Apply exactly the saved plan `plan`, with the Terraform that made it."""

    checkout: Checkout
    project: ProjectKey
    steps: tuple[Step, ...]
    plan: ArtifactRef
    plan_digest: str
    terraform: TerraformChoice = TerraformChoice()
    extra_args: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    phase: Literal[Phase.APPLY] = Phase.APPLY


@dataclass(frozen=True, kw_only=True)
class Version:
    """Say which Terraform this worker would use by default."""

    terraform: TerraformChoice = TerraformChoice()
    phase: Literal[Phase.VERSION] = Phase.VERSION


Work = Discover | Plan | Apply | Version


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
    """Who claims: shown to people and kept with the job."""

    name: str
    pool: str
    version: str


@dataclass(frozen=True, kw_only=True)
class Orders:
    """The server's answer to a heartbeat."""

    cancel: bool = False
