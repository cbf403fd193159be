from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from server.domain.job import Job, JobState
from server.store.errors import NotStored
from server.store.ids import new_id
from tests.contract.store.world import NOW, World
from workers.protocol.jobs import WorkerInfo

_SECOND = timedelta(seconds=1)


@pytest.fixture
def job(world: World) -> Job:
    return world.job(world.run(world.pull()))


def test_a_job_reads_back_as_it_was_saved(world: World, job: Job) -> None:
    changed = replace(job, project=None, report={"text": "\x00 \ud800 é"}, finished_at=NOW, state=JobState.FAILED)
    with world.store.transaction() as uow:
        assert uow.jobs.get(job.id) == job
        uow.jobs.save(changed)
        assert uow.jobs.get_for_update(job.id) == changed
        with pytest.raises(NotStored):
            uow.jobs.get_for_update("nothing")


def test_of_eight_workers_one_claims_a_job(world: World, job: Job) -> None:
    def claim(worker: str) -> bool:
        with world.store.transaction() as uow:
            return uow.jobs.claim(job_id=job.id, attempt=1, worker=worker, now=NOW)

    outcomes = world.at_once([partial(claim, f"w{one}") for one in range(8)])

    assert sum(outcomes) == 1
    with world.store.reading() as uow:
        claimed = uow.jobs.get(job.id)
    assert claimed is not None
    assert (claimed.state, claimed.worker) == (JobState.RUNNING, f"w{outcomes.index(True)}")


def test_an_older_attempt_is_neither_claimed_nor_alive(world: World, job: Job) -> None:
    with world.store.transaction() as uow:
        uow.jobs.save(replace(job, attempt=2))

        assert not uow.jobs.claim(job_id=job.id, attempt=1, worker="w", now=NOW)
        assert uow.jobs.claim(job_id=job.id, attempt=2, worker="w", now=NOW)
        assert uow.jobs.heartbeat(job_id=job.id, attempt=1, now=NOW) is None
        alive = uow.jobs.heartbeat(job_id=job.id, attempt=2, now=NOW + _SECOND)
    assert alive is not None
    assert alive.heartbeat_at == NOW + _SECOND


def test_a_queued_job_is_rung_again_only_after_a_while(world: World, job: Job) -> None:
    with world.store.transaction() as uow:
        assert [one.id for one in uow.jobs.queued(limit=9, rung_before=NOW)] == [job.id]
        uow.jobs.mark_rung([job.id], now=NOW)
        assert uow.jobs.queued(limit=9, rung_before=NOW) == []
        assert [one.id for one in uow.jobs.queued(limit=9, rung_before=NOW + _SECOND)] == [job.id]


def test_silent_jobs_are_those_not_heard_of_since(world: World, job: Job) -> None:
    with world.store.transaction() as uow:
        uow.jobs.claim(job_id=job.id, attempt=1, worker="w", now=NOW)

        assert uow.jobs.silent(before=NOW) == []
        assert [one.id for one in uow.jobs.silent(before=NOW + _SECOND)] == [job.id]


def test_cancelling_a_run_tells_its_running_jobs(world: World, job: Job) -> None:
    waiting = world.job(world.run(world.pull()), state=JobState.WAITING)
    with world.store.transaction() as uow:
        uow.jobs.claim(job_id=job.id, attempt=1, worker="w", now=NOW)
        assert uow.jobs.request_cancel(job.run_id, now=NOW) == 1
        alive = uow.jobs.heartbeat(job_id=job.id, attempt=1, now=NOW)
        assert alive is not None
        assert alive.cancel_requested_at == NOW
        assert uow.jobs.open_counts() == {("default", JobState.RUNNING): 1, ("default", JobState.WAITING): 1}
        assert [one.id for one in uow.jobs.of_run(waiting.run_id)] == [waiting.id]


@pytest.mark.postgres
def test_two_relays_at_once_take_different_jobs(postgres_world: World) -> None:
    run = postgres_world.run(postgres_world.pull())
    jobs = [postgres_world.job(run) for _ in range(2)]
    with postgres_world.store.transaction() as one:
        taken = one.jobs.queued(limit=1, rung_before=NOW)
        with postgres_world.store.transaction() as other:
            others = other.jobs.queued(limit=9, rung_before=NOW)

    assert [job.id for job in taken + others] == [job.id for job in jobs]


def test_output_is_kept_once_and_read_on_from_any_place(world: World, job: Job) -> None:
    with world.store.transaction() as uow:
        assert uow.logs.append(job_id=job.id, attempt=1, sequence=1, text="a\x00", now=NOW)
        assert not uow.logs.append(job_id=job.id, attempt=1, sequence=1, text="again", now=NOW)
        assert uow.logs.append(job_id=job.id, attempt=1, sequence=2, text="é", now=NOW)
        assert uow.logs.append(job_id=job.id, attempt=2, sequence=1, text="new", now=NOW)

        chunks = uow.logs.read(job.id, limit=9)
        assert [(one.position, one.attempt, one.text) for one in chunks] == [
            (1, 1, "a\ufffd"),
            (2, 1, "é"),
            (3, 2, "new"),
        ]
        assert uow.logs.read(job.id, after=1, limit=1) == [chunks[1]]
        assert uow.logs.size(job.id) == 7
        assert uow.logs.purge(NOW + _SECOND) == 3


def test_output_that_comes_by_eight_roads_at_once_has_no_gap_and_no_double(world: World, job: Job) -> None:
    def send(road: int) -> None:
        for sequence in range(5):
            with world.store.transaction() as uow:
                uow.logs.append(job_id=job.id, attempt=road % 4, sequence=sequence, text="x", now=NOW)

    world.at_once([partial(send, road) for road in range(8)])

    with world.store.reading() as uow:
        assert [chunk.position for chunk in uow.logs.read(job.id, limit=99)] == list(range(1, 21))


def test_workers_are_remembered_with_what_they_said_last(world: World) -> None:
    with world.store.transaction() as uow:
        uow.workers.seen(WorkerInfo(name="w", pool="a", version="1"), now=NOW)
        uow.workers.seen(WorkerInfo(name="w", pool="b", version="2"), now=NOW + _SECOND)
        (worker,) = uow.workers.all()
        assert (worker.pool, worker.version, worker.first_seen_at, worker.seen_at) == ("b", "2", NOW, NOW + _SECOND)
        assert uow.workers.purge(NOW + 2 * _SECOND) == 1


def test_an_empty_list_of_jobs_is_no_trouble(world: World) -> None:
    with world.store.transaction() as uow:
        uow.jobs.add_all([])
        uow.jobs.mark_rung([], now=NOW)
        assert uow.jobs.get(new_id()) is None
