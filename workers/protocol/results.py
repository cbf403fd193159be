"""What a worker reports: facts, never decisions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from workers.protocol.jobs import ArtifactRef
from workers.protocol.names import PROTOCOL_VERSION


class Outcome(StrEnum):
    """How a job ended, as the worker saw it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class FailureKind(StrEnum):
    """What kind of trouble it was; the server words its advice by it."""

    TERRAFORM = "terraform"  # the command ran and said no
    SOURCE = "source"  # HCL or configuration that cannot be read
    GIT = "git"  # fetch, checkout or merge
    BINARY = "binary"  # no Terraform to run
    STALE = "stale"  # the plan no longer fits
    TIMEOUT = "timeout"
    STEP = "step"  # a custom step failed
    INTERNAL = "internal"  # our own defect


class Action(StrEnum):
    """What Terraform would do to one resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    FORGET = "forget"
    READ = "read"
    IMPORT = "import"  # imported and otherwise unchanged
    MOVE = "move"  # moved and otherwise unchanged
    NO_OP = "no-op"


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """An error or warning with its place, as Terraform or a parser gave it."""

    severity: Literal["error", "warning"]
    summary: str
    detail: str = ""
    address: str | None = None
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a job failed: one line for a table, the rest for a fold."""

    kind: FailureKind
    summary: str
    detail: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Resources by what would happen to them. A replaced resource counts only as replaced."""

    add: int = 0
    change: int = 0
    replace: int = 0
    destroy: int = 0
    imported: int = 0
    moved: int = 0
    forgotten: int = 0
    outputs: int = 0

    @property
    def is_empty(self) -> bool:
        """Say whether applying would change nothing, neither resources nor state nor outputs."""
        return self == Counts()

    def __add__(self, other: "Counts") -> "Counts":
        """Add up two projects' counts."""
        return Counts(
            add=self.add + other.add,
            change=self.change + other.change,
            replace=self.replace + other.replace,
            destroy=self.destroy + other.destroy,
            imported=self.imported + other.imported,
            moved=self.moved + other.moved,
            forgotten=self.forgotten + other.forgotten,
            outputs=self.outputs + other.outputs,
        )


@dataclass(frozen=True, kw_only=True)
class AttributeChange:
    """One attribute before and after, as compact JSON text; None where it does not exist.

    A sensitive value is never carried: both sides are None and `sensitive` is set.
    `unknown` means that the value is known only after apply.
    """

    path: str
    before: str | None = None
    after: str | None = None
    unknown: bool = False
    sensitive: bool = False
    forces_replacement: bool = False


@dataclass(frozen=True, kw_only=True)
class ResourceChange:
    """What would happen to one resource, and why."""

    address: str
    type: str
    action: Action
    module: str = ""
    attributes: tuple[AttributeChange, ...] = ()
    replace_paths: tuple[str, ...] = ()
    create_before_destroy: bool = False
    reason: str = ""
    previous_address: str | None = None
    import_id: str | None = None
    deferred: bool = False


@dataclass(frozen=True, kw_only=True)
class OutputChange:
    """A root output before and after, under the same rules as an attribute."""

    name: str
    action: Action
    before: str | None = None
    after: str | None = None
    unknown: bool = False
    sensitive: bool = False


@dataclass(frozen=True, kw_only=True)
class ChangeSummary:
    """A plan in the form that people review. `omitted` counts resources left out for size."""

    counts: Counts = field(default_factory=Counts)
    resources: tuple[ResourceChange, ...] = ()
    outputs: tuple[OutputChange, ...] = ()
    drifted: tuple[str, ...] = ()
    checks: tuple[Diagnostic, ...] = ()
    omitted: int = 0


@dataclass(frozen=True, kw_only=True)
class DiscoverFacts:
    """What a commit contains.

    `changed_files` compares the head with its merge base; a rename gives both names. `module_dirs` are
    all directories with Terraform or OpenTofu files. `module_calls` maps a directory to the local
    directories it calls as modules. `problems` are files that do not parse, wherever they lie.
    """

    head_sha: str
    base_sha: str
    changed_files: tuple[str, ...] = ()
    config_files: Mapping[str, str] = field(default_factory=dict)
    module_dirs: tuple[str, ...] = ()
    module_calls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    var_files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[Diagnostic, ...] = ()
    kind: Literal["discover"] = "discover"


@dataclass(frozen=True, kw_only=True)
class PlanFacts:
    """A saved plan. `digest` is over the plan's meaning (its JSON without timestamps)."""

    changes: ChangeSummary
    digest: str
    artifact: ArtifactRef
    terraform_version: str
    distribution: str = "terraform"
    text: str = ""
    warnings: tuple[Diagnostic, ...] = ()
    kind: Literal["plan"] = "plan"


@dataclass(frozen=True, kw_only=True)
class ApplyFacts:
    """What an apply did. `outputs` holds non-sensitive root outputs as JSON text."""

    text: str = ""
    summary: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    completed: tuple[str, ...] = ()
    kind: Literal["apply"] = "apply"


@dataclass(frozen=True, kw_only=True)
class VersionFacts:
    """The binary that was found."""

    terraform_version: str
    distribution: str
    kind: Literal["version"] = "version"


Facts = DiscoverFacts | PlanFacts | ApplyFacts | VersionFacts


@dataclass(frozen=True, kw_only=True)
class Report:
    """The last word of one attempt at a job. `seconds` are wall time per step, in order."""

    job_id: str
    attempt: int
    outcome: Outcome
    facts: Facts | None = None
    failure: Failure | None = None
    seconds: tuple[tuple[str, float], ...] = ()
    protocol: int = PROTOCOL_VERSION
