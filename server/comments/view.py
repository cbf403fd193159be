"""Everything that a comment about a run is made from; orchestration reads it from the rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from server.domain.commands import Command
from server.domain.policy import PolicyStanding
from server.domain.project import ProjectStatus
from server.domain.requirements import Unmet
from server.domain.run import RunOutcome, RunState, Trigger
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import ChangeSummary, Counts, Diagnostic, Failure


@dataclass(frozen=True, kw_only=True)
class HolderView:
    """Who holds the lock that a project waits for. `since` is already words (`2 h ago`)."""

    label: str
    pull_number: int
    pull_url: str
    actor: str
    since: str
    place: int  # in the queue, counted from 1


@dataclass(frozen=True, kw_only=True)
class PolicyView:
    """One policy set: where it stands with the plan, and what it says in its own words."""

    standing: PolicyStanding
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class ProjectView:
    """One project of a run.

    `is_judged` says whether policies have been asked about its plan; None where they need not be.
    """

    key: ProjectKey
    status: ProjectStatus
    counts: Counts = field(default_factory=Counts)
    changes: ChangeSummary | None = None
    failure: Failure | None = None
    text: str = ""
    summary: str = ""
    warnings: tuple[Diagnostic, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    digest: str | None = None
    unmet: tuple[Unmet, ...] = ()
    holder: HolderView | None = None
    note: str = ""
    is_running: bool = False
    url: str = ""
    seconds: float | None = None
    terraform: str = ""
    policies: tuple[PolicyView, ...] = ()
    is_judged: bool | None = None
    carried_from: str = ""  # the commit that the plan was made of, where a later one left it as good as it was
    completed: tuple[str, ...] = ()  # addresses that an apply is known to have finished


@dataclass(frozen=True, kw_only=True)
class RunView:
    """One run as its comment tells it.

    `done` of `total` counts closed jobs. `problems` are source files that do not parse. `remaining` are
    the pull's other projects, as keys with their status, for the line on what to type next. `failure` is
    what went wrong before there were projects.
    """

    run_id: str
    command: Command
    trigger: Trigger
    actor: str
    state: RunState
    outcome: RunOutcome | None
    head_sha: str
    base_ref: str
    word: str
    url: str
    note: str = ""
    is_discovering: bool = False
    done: int = 0
    total: int = 0
    projects: tuple[ProjectView, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    remaining: tuple[tuple[ProjectKey, ProjectStatus], ...] = ()
    versions: tuple[str, ...] = ()
    queue_note: str = ""
    failure: Failure | None = None
    pull_mark: str = "#"
