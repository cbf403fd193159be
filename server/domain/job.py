"""A job's row and the moves it may make."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from server.domain.errors import Defect
from workers.protocol.jobs import Phase, ProjectKey


class JobState(StrEnum):
    """Where a job is."""

    WAITING = "waiting"  # for an earlier wave
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"  # its worker fell silent


MOVES: Mapping[JobState, frozenset[JobState]] = {
    JobState.WAITING: frozenset({JobState.QUEUED, JobState.CANCELLED}),
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
    JobState.RUNNING: frozenset(
        {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.LOST, JobState.QUEUED}
    ),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
    JobState.LOST: frozenset(),
}
OPEN_STATES = frozenset({JobState.WAITING, JobState.QUEUED, JobState.RUNNING})


@dataclass(frozen=True, kw_only=True)
class Job:
    """One phase of one project.

    `spec` is the work as JSON without credentials; `report` what its worker said last. `attempt` counts
    from 1 and fences: whoever speaks for an older attempt is not heard. `rung_at` is when a message was
    last sent for it.
    """

    id: str
    run_id: str
    phase: Phase
    project: ProjectKey | None
    wave: int
    state: JobState
    attempt: int
    pool: str
    spec: Mapping[str, Any]
    created_at: datetime
    report: Mapping[str, Any] | None = None
    worker: str | None = None
    rung_at: datetime | None = None
    claimed_at: datetime | None = None
    heartbeat_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def is_closed(self) -> bool:
        """Say whether nothing can change any more."""
        return self.state not in OPEN_STATES

    def move_to(self, state: JobState, **changes: Any) -> "Job":
        """Go to another state.

        Raises:
            Defect: the table of moves does not allow it.
        """
        if state not in MOVES[self.state]:
            raise Defect(f"job {self.id} cannot go from {self.state} to {state}")
        return replace(self, state=state, **changes)
