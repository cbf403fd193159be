"""A worker that runs no Terraform: it says what a story told it to say, through the real gateway."""

from collections.abc import Callable
from dataclasses import dataclass, field

from server.orchestration.claims import ServerGateway
from workers.protocol.jobs import Apply, Assignment, Discover, Plan, ProjectKey, Ticket, WorkerInfo
from workers.protocol.results import (
    Action,
    ApplyFacts,
    ChangeSummary,
    Counts,
    DiscoverFacts,
    Failure,
    FailureKind,
    Outcome,
    PlanFacts,
    Report,
    ResourceChange,
    VersionFacts,
)

ONE_ADDED = ChangeSummary(
    counts=Counts(add=1),
    resources=(ResourceChange(address="terraform_data.a", type="terraform_data", action=Action.CREATE),),
)
BROKEN = Failure(kind=FailureKind.TERRAFORM, summary="Error: no such thing")


@dataclass
class Tree:
    """What a commit contains, as discovery would report it."""

    dirs: set[str] = field(default_factory=set)
    calls: dict[str, tuple[str, ...]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


@dataclass
class ScriptedWorker:
    """Takes tickets in order. `plans` and `applies` say what each directory does; silence is possible."""

    gateway: ServerGateway
    tree: Tree
    changed: Callable[[str], tuple[str, ...]]
    name: str = "worker-1"
    plans: dict[str, ChangeSummary | Failure] = field(default_factory=dict)
    applies: dict[str, Failure] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    applied: list[ProjectKey] = field(default_factory=list)
    planned: list[ProjectKey] = field(default_factory=list)
    fetched: list[bytes] = field(default_factory=list)
    seen: list[Assignment] = field(default_factory=list)

    def claim(self, ticket: Ticket) -> Assignment | None:
        """Claim and remember."""
        info = WorkerInfo(name=self.name, pool="default", version="test")
        assignment = self.gateway.claim(ticket, info)
        if assignment is not None:
            self.seen.append(assignment)
        return assignment

    def do(self, ticket: Ticket) -> Assignment | None:
        """Claim a job, do it and report; or fall silent where the story says so."""
        assignment = self.claim(ticket)
        if assignment is not None:
            self.finish(ticket, assignment)
        return assignment

    def finish(self, ticket: Ticket, assignment: Assignment) -> None:
        """Do a claimed job and report it."""
        match assignment.work:
            case Discover(checkout=checkout):
                facts = DiscoverFacts(
                    head_sha=checkout.head_sha,
                    base_sha=checkout.base_sha,
                    changed_files=self.changed(checkout.head_sha),
                    config_files=dict(self.tree.files),
                    module_dirs=tuple(sorted(self.tree.dirs)),
                    module_calls=dict(self.tree.calls),
                )
                self._report(ticket, Outcome.SUCCEEDED, facts=facts)
            case Plan() as work:
                self._plan(ticket, work)
            case Apply() as work:
                self._apply(ticket, work)
            case _:
                self._report(
                    ticket, Outcome.SUCCEEDED, facts=VersionFacts(terraform_version="1.11.4", distribution="terraform")
                )

    def _plan(self, ticket: Ticket, work: Plan) -> None:
        self.planned.append(work.project)
        result = self.plans.get(work.project.dir, ONE_ADDED)
        if work.project.dir in self.silent:
            return
        self.gateway.append_log(ticket, 1, f"planning {work.project.label}\n")
        if isinstance(result, Failure):
            self._report(ticket, Outcome.FAILED, failure=result)
            return
        ref = self.gateway.put_artifact(ticket, f"plan of {work.project.label} at {work.checkout.head_sha}".encode())
        facts = PlanFacts(changes=result, digest=ref.sha256, artifact=ref, terraform_version="1.11.4", text="Plan: …")
        self._report(ticket, Outcome.SUCCEEDED, facts=facts)

    def _apply(self, ticket: Ticket, work: Apply) -> None:
        self.applied.append(work.project)
        self.gateway.append_log(ticket, 1, "terraform_data.a: Creating...\n")
        if work.project.dir in self.silent:
            return
        self.fetched.append(self.gateway.get_artifact(ticket, work.plan.id))
        failure = self.applies.get(work.project.dir)
        if failure is not None:
            self._report(ticket, Outcome.FAILED, failure=failure)
            return
        facts = ApplyFacts(summary="1 added", outputs={"url": '"https://example.test"'})
        self._report(ticket, Outcome.SUCCEEDED, facts=facts)

    def _report(self, ticket: Ticket, outcome: Outcome, **parts: object) -> None:
        report = Report(job_id=ticket.job_id, attempt=ticket.attempt, outcome=outcome, **parts)  # type: ignore[arg-type]
        self.gateway.report(ticket, report)
