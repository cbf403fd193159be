"""A worker that runs no Terraform: it says what a story told it to say, through the real gateway."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from server.orchestration.claims import ServerGateway
from workers.protocol.codec import encode
from workers.protocol.jobs import (
    Apply,
    Assignment,
    Discover,
    Hooks,
    Import,
    Plan,
    PolicyCheck,
    ProjectKey,
    StateRm,
    Ticket,
    WorkerInfo,
)
from workers.protocol.names import PROTOCOL_VERSION
from workers.protocol.results import (
    Action,
    ApplyFacts,
    ChangeSummary,
    CodeInputs,
    Counts,
    DiscoverFacts,
    Failure,
    FailureKind,
    HookFacts,
    HookResult,
    ImportFacts,
    Outcome,
    PlanFacts,
    PolicyFacts,
    PolicySetResult,
    Report,
    ResourceChange,
    StateRmFacts,
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
    inputs: CodeInputs | None = None
    removed: tuple[str, ...] = ()
    files_before: dict[str, str] = field(default_factory=dict)


@dataclass
class ScriptedWorker:
    """Takes tickets in order. `plans` and `applies` say what each directory does; silence is possible."""

    gateway: ServerGateway
    tree: Tree
    changed: Callable[[str], tuple[str, ...]]
    name: str = "worker-1"
    protocol: int = PROTOCOL_VERSION
    plans: dict[str, ChangeSummary | Failure] = field(default_factory=dict)
    applies: dict[str, Failure] = field(default_factory=dict)
    verdicts: dict[str, tuple[PolicySetResult, ...] | Failure] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    failing_hooks: set[str] = field(default_factory=set)
    hooked: list[tuple[str, Discover | Hooks]] = field(default_factory=list)
    state_work: list[Import | StateRm] = field(default_factory=list)
    applied: list[ProjectKey] = field(default_factory=list)
    planned: list[ProjectKey] = field(default_factory=list)
    fetched: list[bytes] = field(default_factory=list)
    seen: list[Assignment] = field(default_factory=list)

    def claim(self, ticket: Ticket) -> Assignment | None:
        """Claim and remember."""
        info = WorkerInfo(name=self.name, pool="default", version="test", protocol=self.protocol)
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
            case Hooks() as work:
                ran = HookFacts(hooks=self._hooks(work))
                failed = any(not one.passed for one in ran.hooks)
                failure = Failure(kind=FailureKind.HOOK, summary="The workflow hook failed") if failed else None
                outcome = Outcome.FAILED if failed else Outcome.SUCCEEDED
                self._report(ticket, outcome, facts=ran, failure=failure)
            case Discover(checkout=checkout) as work:
                hooks = self._hooks(work)
                made = self.gateway.put_artifact(ticket, b"made by hooks") if hooks else None
                facts = DiscoverFacts(
                    head_sha=checkout.head_sha,
                    base_sha=checkout.base_sha,
                    changed_files=self.changed(checkout.head_sha),
                    config_files=dict(self.tree.files),
                    module_dirs=tuple(sorted(self.tree.dirs)),
                    module_calls=dict(self.tree.calls),
                    hooks=hooks,
                    generated=made,
                    inputs=self.tree.inputs if work.inputs else None,
                    removed_dirs=self.tree.removed,
                    base_config_files=dict(self.tree.files_before),
                )
                self._report(ticket, Outcome.SUCCEEDED, facts=facts)
            case Plan() as work:
                self._plan(ticket, work)
            case Apply() as work:
                self._apply(ticket, work)
            case Import() | StateRm() as work:
                self._change_state(ticket, work)
            case PolicyCheck() as work:
                self._judge(ticket, work)
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
        digest = hashlib.sha256(encode(result).encode()).hexdigest()
        facts = PlanFacts(changes=result, digest=digest, artifact=ref, terraform_version="1.11.4", text="Plan: …")
        self._report(ticket, Outcome.SUCCEEDED, facts=facts)

    def _hooks(self, work: Discover | Hooks) -> tuple[HookResult, ...]:
        """Run hooks up to the first whose command this story says fails."""
        results: list[HookResult] = []
        for number, hook in enumerate(work.hooks, start=1):
            self.hooked.append((hook.command, work))
            passed = hook.command not in self.failing_hooks
            text = "" if passed else "no such generator"
            label = hook.description or f"#{number}"
            results.append(HookResult(label=label, passed=passed, text=text, returncode=0 if passed else 3))
            if not passed:
                break
        return tuple(results)

    def _change_state(self, ticket: Ticket, work: Import | StateRm) -> None:
        self.state_work.append(work)
        if work.project.dir in self.silent:
            return
        failure = self.applies.get(work.project.dir)
        if failure is not None:
            self._report(ticket, Outcome.FAILED, failure=failure)
            return
        facts: ImportFacts | StateRmFacts
        if isinstance(work, Import):
            facts = ImportFacts(address=work.address, id=work.id, text="Import successful!")
        else:
            facts = StateRmFacts(addresses=work.addresses, text="Removed")
        self._report(ticket, Outcome.SUCCEEDED, facts=facts)

    def _judge(self, ticket: Ticket, work: PolicyCheck) -> None:
        self.fetched.append(self.gateway.get_artifact(ticket, work.plan.id))
        default = tuple(PolicySetResult(name=one.name, passed=True) for one in work.policy_sets)
        result = self.verdicts.get(work.project.dir, default)
        if isinstance(result, Failure):
            self._report(ticket, Outcome.FAILED, failure=result)
        else:
            self._report(ticket, Outcome.SUCCEEDED, facts=PolicyFacts(sets=result, engine="conftest"))

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
