"""The server's side of what workers may ask: claim, heartbeat, log, artifacts, report.

`ServerGateway` has the methods of a worker's `JobGateway`, so one-box mode hands it over as it is and the
HTTP API calls the same code.
"""

import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import structlog

from server.domain.errors import Refused, UserMistake
from server.domain.job import Job, JobState
from server.domain.lock import LockMode, LockScope, lock_key
from server.domain.pull import Pull
from server.domain.run import Run
from server.orchestration.access import with_credentials
from server.orchestration.context import Context
from server.orchestration.record import fail_queued, lock_run, record
from server.store.artifacts import ArtifactRow
from server.store.ids import new_id
from server.store.unit_of_work import UnitOfWork
from workers.protocol.codec import from_data
from workers.protocol.jobs import (
    Apply,
    ArtifactRef,
    Assignment,
    Discover,
    Hooks,
    Import,
    Orders,
    Phase,
    Plan,
    PolicyCheck,
    ProjectWork,
    StateRm,
    Ticket,
    Version,
    Work,
    WorkerInfo,
)
from workers.protocol.results import Failure, FailureKind, Report

log = structlog.get_logger()

_WORK: Mapping[Phase, type[Work]] = {
    Phase.DISCOVER: Discover,
    Phase.PLAN: Plan,
    Phase.POLICY: PolicyCheck,
    Phase.APPLY: Apply,
    Phase.IMPORT: Import,
    Phase.STATE_RM: StateRm,
    Phase.HOOKS: Hooks,
    Phase.VERSION: Version,
}
_KNOWN_FROM_THE_FIRST = frozenset({Phase.DISCOVER, Phase.PLAN, Phase.APPLY, Phase.VERSION})


_NAMES = {Phase.APPLY: "apply", Phase.IMPORT: "import", Phase.STATE_RM: "removal from the state"}


class AttemptOver(Refused):
    """The attempt that speaks is not the one in force."""


class ServerGateway:
    """What a worker may do. Every call proves the right to its job with the job's token."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def claim(self, ticket: Ticket, worker: WorkerInfo) -> Assignment | None:
        """Give the job to the first who asks, if it still should be done; otherwise nothing."""
        self._check(ticket)
        ctx, now = self._ctx, self._ctx.clock()
        with ctx.store.reading() as uow:
            job = uow.jobs.get(ticket.job_id)
            if job is None or job.state is not JobState.QUEUED or job.attempt != ticket.attempt:
                return None
            pull = uow.pulls.get(_run_of(uow, job).pull_id)
        work = work_of(job)
        if worker.protocol < _protocol_of(work):
            log.warning("job.withheld", job_id=job.id, phase=job.phase, worker=worker.name, speaks=worker.protocol)
            return None  # it is rung for again, and a newer worker takes it
        work = with_credentials(ctx.forges, work, pull.ref.repo)
        with ctx.store.transaction() as uow:
            lock_run(uow, job.run_id)
            job = uow.jobs.get_for_update(job.id)
            if job.state is not JobState.QUEUED or job.attempt != ticket.attempt:
                return None
            stale = _why_stale(uow, job, uow.pulls.get(pull.id))
            if stale is not None:
                fail_queued(ctx, uow, job, Failure(kind=FailureKind.STALE, summary=stale), now=now)
                return None
            uow.workers.seen(worker, now=now)
            if not uow.jobs.claim(job_id=job.id, attempt=job.attempt, worker=worker.name, now=now):
                return None
        log.info("job.claimed", job_id=job.id, attempt=job.attempt, phase=job.phase, worker=worker.name)
        return Assignment(
            job_id=job.id,
            attempt=job.attempt,
            run_id=job.run_id,
            work=work,
            timeout_seconds=int(ctx.rules.job_timeout.total_seconds()),
        )

    def heartbeat(self, ticket: Ticket) -> Orders:
        """Note that the job is alive and say whether it should stop."""
        self._check(ticket)
        with self._ctx.store.transaction() as uow:
            job = uow.jobs.heartbeat(job_id=ticket.job_id, attempt=ticket.attempt, now=self._ctx.clock())
        if job is None:
            raise AttemptOver("This attempt is over.")
        return Orders(cancel=job.cancel_requested_at is not None)

    def append_log(self, ticket: Ticket, sequence: int, text: str) -> None:
        """Keep a piece of output."""
        self._check(ticket)
        with self._ctx.store.transaction() as uow:
            self._running(uow, ticket)
            uow.logs.append(
                job_id=ticket.job_id, attempt=ticket.attempt, sequence=sequence, text=text, now=self._ctx.clock()
            )

    def put_artifact(self, ticket: Ticket, content: bytes) -> ArtifactRef:
        """Encrypt and store what a job made (a plan; the files that hooks wrote), bound to what it was made from."""
        self._check(ticket)
        now = self._ctx.clock()
        with self._ctx.store.reading() as uow:
            job = self._running(uow, ticket)
            run = _run_of(uow, job)
            pull = uow.pulls.get(run.pull_id)
            binding = _binding(uow, job, run, pull)
        row = ArtifactRow.new(id=new_id(), pull_id=pull.id, run_id=run.id, job_id=job.id, binding=binding, now=now)
        artifact = self._ctx.vault.seal(row, content)  # before the row: a row never names a file that is not there
        with self._ctx.store.transaction() as uow:
            self._running(uow, ticket)
            uow.artifacts.add(artifact)
        return ArtifactRef(id=artifact.id, sha256=artifact.sha256, size=artifact.size)

    def get_artifact(self, ticket: Ticket, artifact_id: str) -> bytes:
        """Hand a job the very plan, or the very files, that it was made for."""
        self._check(ticket)
        with self._ctx.store.reading() as uow:
            job = self._running(uow, ticket)
            artifact = uow.artifacts.get(artifact_id)
        if artifact_id not in _artifacts_of(work_of(job)) or artifact is None or artifact.deleted_at is not None:
            raise UserMistake("This job has no such artifact.")
        return self._ctx.vault.open(artifact)

    def report(self, ticket: Ticket, report: Report) -> None:
        """Take a job's last word."""
        self._check(ticket)
        if (report.job_id, report.attempt) != (ticket.job_id, ticket.attempt):
            raise UserMistake("The report is about another job than the ticket.")
        if not record(self._ctx, report):
            raise AttemptOver("This attempt is over.")

    def _check(self, ticket: Ticket) -> None:
        expected = self._ctx.job_token(ticket.job_id, ticket.attempt)
        if not hmac.compare_digest(expected.encode(), ticket.token.encode()):
            raise Refused("The job token is not valid.")

    def _running(self, uow: UnitOfWork, ticket: Ticket) -> Job:
        job = uow.jobs.get(ticket.job_id)
        if job is None or job.attempt != ticket.attempt or job.state is not JobState.RUNNING:
            raise AttemptOver("This attempt is over.")
        return job


def work_of(job: Job) -> Work:
    """Read what a job is to do, as it was decided."""
    return from_data(_WORK[job.phase], dict(job.spec))


def _protocol_of(work: Work) -> int:
    """Say the oldest protocol that a worker has to speak to do this right."""
    if work.phase not in _KNOWN_FROM_THE_FIRST:
        return 2
    if isinstance(work, Discover):
        return 2 if work.hooks else 1
    if isinstance(work, Plan | Apply):
        return 2 if work.at_commit or work.generated is not None or (isinstance(work, Plan) and work.destroy) else 1
    return 1


def _artifacts_of(work: Work) -> set[str]:
    """Name the artifacts that a job may read."""
    plan = {work.plan.id} if isinstance(work, Apply | PolicyCheck) else set()
    generated = work.generated if isinstance(work, ProjectWork | Hooks) else None
    return plan if generated is None else plan | {generated.id}


def _binding(uow: UnitOfWork, job: Job, run: Run, pull: Pull) -> Mapping[str, object]:
    """Say what an artifact is made from: it opens as nothing else.

    Raises:
        UserMistake: the job makes none.
    """
    made_of = {"repo": str(pull.ref.repo), "pull": pull.ref.number, "head": run.head_sha}
    if job.phase is Phase.DISCOVER:
        return made_of | {"kind": "generated"}
    project = None if job.project is None else uow.projects.get(pull.id, job.project)
    if job.phase is not Phase.PLAN or job.project is None or project is None:
        raise UserMistake("Only a plan job has a plan to store.")
    return made_of | {
        "dir": job.project.dir,
        "workspace": job.project.workspace,
        "name": job.project.name,
        "workflow": project.workflow_digest,
    }


def _run_of(uow: UnitOfWork, job: Job) -> Run:
    run = uow.runs.get(job.run_id)
    if run is None:
        raise AttemptOver("The run of this job is gone.")
    return run


def _why_stale(uow: UnitOfWork, job: Job, pull: Pull) -> str | None:
    """Look once more, under lock, whether what changes the world may start. Other phases may always."""
    if not job.phase.changes_the_world or job.project is None:
        return None
    work, row = work_of(job), uow.projects.get(pull.id, job.project)
    what = _NAMES[job.phase]
    if not pull.is_open:
        return f"the pull request was closed before the {what} started"
    if isinstance(work, ProjectWork) and work.checkout.head_sha != pull.head_sha:
        return f"the pull request moved on to `{pull.head_sha[:7]}` before the {what} started"
    if row is None or (isinstance(work, Apply) and row.artifact_id != work.plan.id):
        return f"the plan was replaced or discarded before the {what} started"
    if row.config.get("lock_mode") != LockMode.DISABLED:
        key = lock_key(pull.ref.repo, row.key, LockScope(row.config.get("lock_scope", LockScope.PROJECT)))
        if not any(lock.key == key for lock in uow.locks.of_pull(pull.id)):
            return f"the project's lock was released before the {what} started"
    return None


def request_cancel(uow: UnitOfWork, run_id: str, *, by: str, now: datetime) -> None:
    """Ask a run to stop: jobs not started are dropped, running ones are told at their next heartbeat."""
    run = uow.runs.get_for_update(run_id)
    uow.runs.save(replace(run, cancelled_by=by))
    for job in uow.jobs.of_run(run_id):
        if job.state in {JobState.WAITING, JobState.QUEUED}:
            uow.jobs.save(job.move_to(JobState.CANCELLED, finished_at=now))
    uow.jobs.request_cancel(run_id, now=now)
