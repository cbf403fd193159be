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
    POLICY = "policy"  # policies could not be asked; that they said no is a fact, not a failure
    HOOK = "hook"  # a workflow hook failed
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
class HookResult:
    """How one hook went. `status` is what it wrote to $OUTPUT_STATUS_FILE; `seconds` are wall time."""

    label: str
    passed: bool
    status: str = ""
    text: str = ""
    returncode: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class CodeInputs:
    """What a plan of this commit can read, by content: of the tree that would be planned, base merged in.

    `objects` names directories (all, or where there are very many those with code), the files at the root, and
    what `reads` names, by their Git objects; a path that is not listed is part of the nearest directory above it
    that is. `calls` is `module_calls` of that tree. `reads` maps a directory to what else its code reads: paths,
    or `*` where that cannot be told.
    """

    objects: Mapping[str, str]
    calls: Mapping[str, tuple[str, ...]]
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DiscoverFacts:
    """What a commit contains.

    `changed_files` compares the head with its merge base; a rename gives both names. `module_dirs` are
    all directories with Terraform or OpenTofu files. `module_calls` maps a directory to the local
    directories it calls as modules. `problems` are files that do not parse, wherever they lie. `hooks` says how
    the pre-workflow hooks went; after one that failed none is run, and the facts are those of what is there.
    `generated` is what the hooks made (see `jobs.ProjectWork`); None when they made nothing. `removed_dirs` are
    directories that held code at the merge base, called as a module by nobody there, and that hold none at the head;
    `base_config_files` are the configuration files as they were there, read only where there are such directories.
    `inputs` is None where nobody asked, or where the head cannot be merged.
    """

    head_sha: str
    base_sha: str
    changed_files: tuple[str, ...] = ()
    config_files: Mapping[str, str] = field(default_factory=dict)
    module_dirs: tuple[str, ...] = ()
    module_calls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    var_files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[Diagnostic, ...] = ()
    hooks: tuple[HookResult, ...] = ()
    generated: ArtifactRef | None = None
    removed_dirs: tuple[str, ...] = ()
    base_config_files: Mapping[str, str] = field(default_factory=dict)
    inputs: CodeInputs | None = None
    kind: Literal["discover"] = "discover"


@dataclass(frozen=True, kw_only=True)
class PlanFacts:
    """A saved plan. `digest` is over the plan's meaning (its JSON without timestamps).

    `remote` is a plan that Terraform Cloud or Enterprise made and keeps: only its text is here, the digest is
    over that text, and policies cannot be asked about it. `run_url` is where it can be seen there.
    """

    changes: ChangeSummary
    digest: str
    artifact: ArtifactRef
    terraform_version: str
    distribution: str = "terraform"
    text: str = ""
    warnings: tuple[Diagnostic, ...] = ()
    remote: bool = False
    run_url: str = ""
    kind: Literal["plan"] = "plan"


@dataclass(frozen=True, kw_only=True)
class ApplyFacts:
    """What an apply did. `outputs` holds non-sensitive root outputs as JSON text.

    A failed apply reports them too, beside its failure: `completed` names what was done before it failed.
    """

    text: str = ""
    summary: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    completed: tuple[str, ...] = ()
    run_url: str = ""
    kind: Literal["apply"] = "apply"


@dataclass(frozen=True, kw_only=True)
class PolicyMessage:
    """What one rule said. `rule` is its full name (`main.deny`), where the engine tells."""

    severity: Literal["failure", "warning"]
    message: str
    rule: str = ""


@dataclass(frozen=True, kw_only=True)
class PolicySetResult:
    """What one policy set says of a plan.

    `text` is for people, as conftest prints it; `text_digest` (SHA-256) is over all of it when `truncated`
    says that the text itself is not whole. `error` is why the set could not be judged: it did not pass
    then, whatever the counts say. `revision` names the commit of a Git source.
    """

    name: str
    passed: bool
    failures: int = 0
    warnings: int = 0
    text: str = ""
    text_digest: str = ""
    truncated: bool = False
    messages: tuple[PolicyMessage, ...] = ()
    error: str = ""
    revision: str = ""


@dataclass(frozen=True, kw_only=True)
class PolicyFacts:
    """What every policy set says of a plan.

    `before` and `after` are what `run` steps around the check printed. `skipped` is why nothing was asked
    (a remote plan); then there are no sets.
    """

    sets: tuple[PolicySetResult, ...] = ()
    engine: str = ""
    before: str = ""
    after: str = ""
    skipped: str = ""
    kind: Literal["policy"] = "policy"


@dataclass(frozen=True, kw_only=True)
class ImportFacts:
    """A resource that is in the state now. The plan that was made before it no longer fits."""

    address: str
    id: str
    text: str = ""
    terraform_version: str = ""
    kind: Literal["import"] = "import"


@dataclass(frozen=True, kw_only=True)
class StateRmFacts:
    """What is no longer in the state, as asked for. The plan that was made before it no longer fits."""

    addresses: tuple[str, ...]
    text: str = ""
    terraform_version: str = ""
    kind: Literal["state_rm"] = "state_rm"


@dataclass(frozen=True, kw_only=True)
class HookFacts:
    """How hooks went, in their order. After one that failed none is run."""

    hooks: tuple[HookResult, ...] = ()
    kind: Literal["hooks"] = "hooks"


@dataclass(frozen=True, kw_only=True)
class VersionFacts:
    """The binary that was found."""

    terraform_version: str
    distribution: str
    kind: Literal["version"] = "version"


Facts = DiscoverFacts | PlanFacts | PolicyFacts | ApplyFacts | ImportFacts | StateRmFacts | HookFacts | VersionFacts


@dataclass(frozen=True, kw_only=True)
class Report:
    """The last word of one attempt at a job. `seconds` are wall time per step, in order.

    A failed attempt may report facts as well: what was done before it failed.
    """

    job_id: str
    attempt: int
    outcome: Outcome
    facts: Facts | None = None
    failure: Failure | None = None
    seconds: tuple[tuple[str, float], ...] = ()
    protocol: int = PROTOCOL_VERSION
