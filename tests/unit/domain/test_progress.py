"""What a run needs next."""

from datetime import UTC, datetime

import pytest

from server.domain.errors import Defect
from server.domain.job import MOVES, Job, JobState
from server.domain.progress import Finish, Release, Wait, decide
from workers.protocol.jobs import Phase, ProjectKey

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def job(name: str, state: JobState, *, wave: int = 0) -> Job:
    return Job(
        id=name,
        run_id="r",
        phase=Phase.APPLY,
        project=ProjectKey(name),
        wave=wave,
        state=state,
        attempt=1,
        pool="default",
        spec={},
        created_at=NOW,
    )


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING])
def test_a_run_waits_while_anything_is_under_way(state: JobState) -> None:
    decision = decide([job("a", JobState.FAILED), job("b", state)], stop_on_failure=True)

    assert decision == Wait()


def test_only_the_next_wave_is_released() -> None:
    second, third = job("b", JobState.WAITING, wave=2), job("c", JobState.WAITING, wave=3)

    decision = decide([job("a", JobState.SUCCEEDED), third, second], stop_on_failure=True)

    assert decision == Release((second,))


def test_a_failure_stops_later_waves_of_an_apply() -> None:
    waiting = job("b", JobState.WAITING, wave=2)

    decision = decide([job("a", JobState.FAILED), waiting], stop_on_failure=True)

    assert decision == Finish(succeeded=False, cancelled=(waiting,))


def test_a_failure_lets_later_waves_go_on_where_nothing_depends_on_it() -> None:
    waiting = job("b", JobState.WAITING, wave=2)

    decision = decide([job("a", JobState.FAILED), waiting], stop_on_failure=False)

    assert decision == Release((waiting,))


@pytest.mark.parametrize("state", [JobState.LOST, JobState.CANCELLED])
def test_a_lost_or_cancelled_job_always_stops_later_waves(state: JobState) -> None:
    waiting = job("b", JobState.WAITING, wave=2)

    decision = decide([job("a", state), waiting], stop_on_failure=False)

    assert decision == Finish(succeeded=False, cancelled=(waiting,))


def test_a_run_without_jobs_is_finished_and_has_not_failed() -> None:
    assert decide([], stop_on_failure=True) == Finish(succeeded=True)


@pytest.mark.parametrize(
    ("start", "target"), [(start, target) for start in JobState for target in JobState if target not in MOVES[start]]
)
def test_a_move_that_the_table_does_not_list_is_a_defect(start: JobState, target: JobState) -> None:
    with pytest.raises(Defect, match="cannot go from"):
        job("a", start).move_to(target)
