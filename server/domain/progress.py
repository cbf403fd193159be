"""What a run needs next, as a pure function of its jobs."""

from collections.abc import Sequence
from dataclasses import dataclass

from server.domain.job import Job, JobState


@dataclass(frozen=True)
class Wait:
    """Something is under way."""


@dataclass(frozen=True)
class Release:
    """These jobs may start now."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Finish:
    """Nothing is under way and nothing may start; `cancelled` will never run."""

    succeeded: bool
    cancelled: tuple[Job, ...] = ()


Decision = Wait | Release | Finish


def decide(jobs: Sequence[Job], *, stop_on_failure: bool) -> Decision:
    """Say what a run needs next.

    Safe to ask at any moment and any number of times: the answer depends on the rows alone, never on
    which event woke us. A lost or cancelled job stops later waves always; a failed one only when
    `stop_on_failure` says so (an apply in ordered waves).
    """
    if any(job.state in (JobState.QUEUED, JobState.RUNNING) for job in jobs):
        return Wait()
    waiting = tuple(job for job in jobs if job.state is JobState.WAITING)
    closed = [job for job in jobs if job.is_closed]
    succeeded = all(job.state is JobState.SUCCEEDED for job in closed)
    if not waiting:
        return Finish(succeeded=succeeded)
    broken = any(job.state in (JobState.LOST, JobState.CANCELLED) for job in closed)
    if broken or (stop_on_failure and not succeeded):
        return Finish(succeeded=False, cancelled=waiting)
    first = min(job.wave for job in waiting)
    return Release(tuple(job for job in waiting if job.wave == first))
