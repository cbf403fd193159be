"""Messages to jobs: a worker starts, works, drains and stops, and two of them live in one process."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from celery import Celery

from tests.support.gateway import MemoryGateway
from tests.support.services import RedisServer
from workers import bootstrap
from workers.bootstrap import Worker, make_worker
from workers.protocol.jobs import Assignment, Ticket, Version
from workers.protocol.names import RUN_JOB, job_queue
from workers.settings import WorkerSettings
from workers.tasks import EmbeddedWorker, make_worker_app


@pytest.fixture
def settings(tmp_path: Path) -> WorkerSettings:
    # Brokers in memory are shared by the whole process: each test takes queues of its own.
    return WorkerSettings(
        data_dir=tmp_path,
        name="w",
        pool=f"p{uuid4().hex[:8]}",
        heartbeat=timedelta(seconds=0.1),
        stop_grace=timedelta(seconds=5),
    )


def send(app: Celery, pool: str, ticket: Ticket) -> None:
    arguments = {"job_id": ticket.job_id, "attempt": ticket.attempt, "token": ticket.token}
    app.send_task(RUN_JOB, kwargs=arguments, queue=job_queue(pool), ignore_result=True)


def ticket(name: str) -> Ticket:
    return Ticket(job_id=name, attempt=1, token="t")


class Jobs:
    """Stands for `execute`: jobs take as long as the test likes."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.changed = threading.Condition()
        self.may_end = threading.Event()

    def __call__(self, ticket: Ticket, *_: object, stopping: threading.Event | None = None) -> None:
        with self.changed:
            self.begun.append(ticket.job_id)
            self.changed.notify_all()
        while not self.may_end.wait(0.02):
            if stopping is not None and stopping.is_set():
                return

    def wait_for(self, count: int) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: len(self.begun) >= count, 8)


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    jobs = Jobs()
    monkeypatch.setattr(bootstrap, "execute", jobs)
    yield jobs
    jobs.may_end.set()


@pytest.fixture
def worker(settings: WorkerSettings, jobs: Jobs) -> Iterator[Worker]:
    worker = make_worker(settings, MemoryGateway())
    worker.start()
    yield worker
    jobs.may_end.set()
    worker.stop()


def test_a_ticket_becomes_a_report(settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = MemoryGateway()
    given = gateway.add(Assignment(job_id="job-1", attempt=1, run_id="r", work=Version()))
    worker = make_worker(settings, gateway)
    monkeypatch.setattr("workers.execute.binary_of", _a_binary)
    worker.start()

    send(make_worker_app(settings, lambda _: None), settings.pool, given)
    gateway.wait_for_reports(["job-1"], seconds=20)

    assert worker.alive
    assert worker.stop()
    assert not worker.alive


def _a_binary(*_: object) -> object:
    return type("Found", (), {"version": "1.0.0", "distribution": "terraform"})()


def test_a_nudge_arrives_at_once(settings: WorkerSettings, worker: Worker, jobs: Jobs) -> None:
    app = make_worker_app(settings, lambda _: None)
    jobs.may_end.set()
    send(app, settings.pool, ticket("warm"))
    assert jobs.wait_for(1)
    began = time.monotonic()

    send(app, settings.pool, ticket("two"))

    assert jobs.wait_for(2)
    assert time.monotonic() - began < 0.5
    assert worker.alive


def test_two_nudges_for_one_job_start_it_once(settings: WorkerSettings, worker: Worker, jobs: Jobs) -> None:
    app = make_worker_app(settings, lambda _: None)
    for name in ("one", "one", "two"):
        send(app, settings.pool, ticket(name))

    assert jobs.wait_for(2)
    assert sorted(jobs.begun) == ["one", "two"]
    assert worker.running == {"one", "two"}


def test_a_draining_worker_lets_its_job_end_and_claims_no_more(
    settings: WorkerSettings, worker: Worker, jobs: Jobs
) -> None:
    app = make_worker_app(settings, lambda _: None)
    send(app, settings.pool, ticket("one"))
    assert jobs.wait_for(1)
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    time.sleep(0.2)
    send(app, settings.pool, ticket("late"))
    time.sleep(0.3)

    jobs.may_end.set()
    stopper.join(20)

    assert not stopper.is_alive()
    assert jobs.begun == ["one"]


def test_a_job_that_outlasts_the_grace_is_interrupted(settings: WorkerSettings, jobs: Jobs) -> None:
    worker = make_worker(replace(settings, stop_grace=timedelta(seconds=0.1)), MemoryGateway())
    worker.start()
    send(make_worker_app(settings, lambda _: None), settings.pool, ticket("one"))
    assert jobs.wait_for(1)

    assert worker.stop()
    assert worker.running == frozenset()


def embedded(settings: WorkerSettings, done: list[str]) -> tuple[Celery, EmbeddedWorker]:
    app = make_worker_app(settings, lambda ticket: done.append(ticket.job_id))
    worker = EmbeddedWorker(app, concurrency=1, name=settings.pool)
    worker.start()
    assert worker.ready.wait(20)
    return app, worker


def test_of_two_controllers_in_a_process_each_is_stopped_by_itself(settings: WorkerSettings) -> None:
    first_done: list[str] = []
    second_done: list[str] = []
    _, first = embedded(settings, first_done)
    other = replace(settings, pool=f"{settings.pool}x")
    app, second = embedded(other, second_done)

    assert first.stop(timedelta(seconds=10))
    send(app, other.pool, ticket("after"))
    _until(lambda: second_done == ["after"])

    assert (first.alive, first.died, second.alive) == (False, False, True)
    assert second.stop(timedelta(seconds=10))


@pytest.mark.redis
def test_jobs_come_through_redis_and_the_worker_stops_soon(settings: WorkerSettings, redis_server: RedisServer) -> None:
    done: list[str] = []
    app, worker = embedded(replace(settings, broker_url=redis_server.url), done)
    for number in range(5):
        send(app, settings.pool, ticket(f"job-{number}"))
    _until(lambda: len(done) == 5)
    began = time.monotonic()

    assert worker.stop(timedelta(seconds=10))
    assert time.monotonic() - began < 8


def _until(fact: Callable[[], bool], seconds: float = 8) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
