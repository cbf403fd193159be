"""Jobs: what workers do, claimed by compare-and-set."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from server.domain.job import Job, JobState
from server.store.errors import NotStored
from server.store.statements import all_rows, is_one_of, is_postgres, one_row
from server.store.tables import jobs
from workers.protocol.jobs import ProjectKey

_OPEN = (JobState.WAITING, JobState.QUEUED, JobState.RUNNING)


class Jobs:
    """The jobs of one transaction."""

    def __init__(self, connection: Connection, *, writing: bool) -> None:
        self._connection = connection
        self._writing = writing

    def add_all(self, new: Iterable[Job]) -> None:
        """Keep new jobs."""
        rows = [{"id": job.id, "run_id": job.run_id, **_values(job)} for job in new]
        if rows:
            self._connection.execute(insert(jobs), rows)

    def get(self, job_id: str) -> Job | None:
        """Read a job."""
        row = one_row(self._connection, select(jobs).where(jobs.c.id == job_id))
        return None if row is None else _job(row)

    def get_for_update(self, job_id: str) -> Job:
        """Read a job and keep others from changing it until the commit.

        Raises:
            NotStored: there is none with this id.
        """
        statement = select(jobs).where(jobs.c.id == job_id).with_for_update(key_share=True)
        row = one_row(self._connection, statement)
        if row is None:
            raise NotStored(f"There is no job {job_id}.")
        return _job(row)

    def save(self, job: Job) -> None:
        """Write a job as it is now."""
        self._connection.execute(update(jobs).where(jobs.c.id == job.id).values(**_values(job)))

    def of_run(self, run_id: str) -> list[Job]:
        """List a run's jobs, wave by wave."""
        statement = select(jobs).where(jobs.c.run_id == run_id).order_by(jobs.c.wave, jobs.c.id)
        return [_job(row) for row in all_rows(self._connection, statement)]

    def claim(self, *, job_id: str, attempt: int, worker: str, now: datetime) -> bool:
        """Take a queued attempt at a job; of all who try, one succeeds."""
        taken = self._connection.execute(
            update(jobs)
            .where(jobs.c.id == job_id, jobs.c.attempt == attempt, jobs.c.state == JobState.QUEUED)
            .values(state=JobState.RUNNING, worker=worker, claimed_at=now, heartbeat_at=now)
        )
        return taken.rowcount == 1

    def heartbeat(self, *, job_id: str, attempt: int, now: datetime) -> Job | None:
        """Note that an attempt is alive; None when it is not the one in force any more."""
        statement = (
            update(jobs)
            .where(jobs.c.id == job_id, jobs.c.attempt == attempt, jobs.c.state == JobState.RUNNING)
            .values(heartbeat_at=now)
            .returning(jobs)
        )
        row = one_row(self._connection, statement)
        return None if row is None else _job(row)

    def queued(self, *, limit: int, rung_before: datetime) -> list[Job]:
        """List queued jobs that no message was sent for since; a writer leaves out what another has taken."""
        statement = (
            select(jobs)
            .where(
                is_one_of(jobs.c.state, JobState.QUEUED),
                or_(jobs.c.rung_at.is_(None), jobs.c.rung_at < rung_before),
            )
            .order_by(jobs.c.id)
            .limit(limit)
        )
        if self._writing:
            statement = statement.with_for_update(key_share=True, skip_locked=True)
        return [_job(row) for row in all_rows(self._connection, statement)]

    def mark_rung(self, ids: Sequence[str], *, now: datetime) -> None:
        """Note that a message was sent; a row that somebody is changing is left alone and rung again later."""
        if not ids:
            return
        free: Sequence[str] = ids
        if is_postgres(self._connection):
            # Waiting for several rows in no particular order would invite deadlocks.
            locking = select(jobs.c.id).where(jobs.c.id.in_(ids)).with_for_update(key_share=True, skip_locked=True)
            free = self._connection.execute(locking).scalars().all()
        self._connection.execute(
            update(jobs).where(jobs.c.id.in_(free), jobs.c.state == JobState.QUEUED).values(rung_at=now)
        )

    def silent(self, *, before: datetime, limit: int = 100) -> list[Job]:
        """List running jobs whose worker was not heard since."""
        last_heard = func.coalesce(jobs.c.heartbeat_at, jobs.c.claimed_at)
        statement = (
            select(jobs)
            .where(is_one_of(jobs.c.state, JobState.RUNNING), last_heard < before)
            .order_by(jobs.c.id)
            .limit(limit)
        )
        return [_job(row) for row in all_rows(self._connection, statement)]

    def request_cancel(self, run_id: str, *, now: datetime) -> int:
        """Have the running jobs of a run told to stop at their next heartbeat; says how many."""
        asked = self._connection.execute(
            update(jobs)
            .where(jobs.c.run_id == run_id, jobs.c.state == JobState.RUNNING, jobs.c.cancel_requested_at.is_(None))
            .values(cancel_requested_at=now)
        )
        return asked.rowcount

    def open_counts(self) -> dict[tuple[str, JobState], int]:
        """Count the jobs of each pool that are not closed, by state."""
        counts: dict[tuple[str, JobState], int] = {}
        for state in _OPEN:
            statement = select(jobs.c.pool, func.count()).where(is_one_of(jobs.c.state, state)).group_by(jobs.c.pool)
            counts |= {(row[0], state): row[1] for row in self._connection.execute(statement)}
        return counts


def _job(fields: dict[str, Any]) -> Job:
    place, workspace = fields.pop("project_dir"), fields.pop("project_workspace")
    name = fields.pop("project_name")
    return Job(project=None if place is None else ProjectKey(place, workspace, name), **fields)


def _values(job: Job) -> dict[str, Any]:
    project = job.project
    return {
        "phase": job.phase,
        "project_dir": None if project is None else project.dir,
        "project_workspace": None if project is None else project.workspace,
        "project_name": None if project is None else project.name,
        "wave": job.wave,
        "state": job.state,
        "attempt": job.attempt,
        "pool": job.pool,
        "spec": dict(job.spec),
        "report": None if job.report is None else dict(job.report),
        "worker": job.worker,
        "created_at": job.created_at,
        "rung_at": job.rung_at,
        "claimed_at": job.claimed_at,
        "heartbeat_at": job.heartbeat_at,
        "cancel_requested_at": job.cancel_requested_at,
        "finished_at": job.finished_at,
    }
