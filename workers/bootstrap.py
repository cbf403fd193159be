"""The workers' composition root."""

import threading
from datetime import timedelta

import structlog
from celery.worker import state

from workers.execute import execute
from workers.gateway.base import JobGateway
from workers.gateway.http import HttpGateway
from workers.protocol.jobs import Ticket
from workers.settings import WorkerSettings
from workers.tasks import EmbeddedWorker, make_app

log = structlog.get_logger()

_SETTLE = timedelta(seconds=90)  # for Terraform to stop after an interrupt and let its state lock go


class Worker:
    """A running worker: claims jobs until it is stopped."""

    def __init__(self, settings: WorkerSettings, gateway: JobGateway) -> None:
        self._settings, self._gateway = settings, gateway
        self._draining, self._stopping = threading.Event(), threading.Event()
        self._running = 0
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        app = make_app(settings.broker_url, pool=settings.pool, run=self._run)
        self._thread = EmbeddedWorker(app, concurrency=settings.concurrency, name=settings.name)

    def _run(self, ticket: Ticket) -> None:
        if self._draining.is_set():
            return  # the job stays queued: another worker is rung soon
        with self._lock:
            self._running += 1
        try:
            execute(ticket, self._gateway, self._settings, stopping=self._stopping)
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    @property
    def is_alive(self) -> bool:
        """Say whether messages are being consumed."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to consume."""
        state.should_stop = None
        self._thread.start()
        log.info("worker.started", worker=self._settings.name, pool=self._settings.pool)

    def stop(self) -> bool:
        """Claim nothing more, let running jobs end within the grace, then interrupt them. True if all ended."""
        self._draining.set()
        with self._idle:
            self._idle.wait_for(lambda: self._running == 0, self._settings.stop_grace.total_seconds())
            self._stopping.set()
            ended = self._idle.wait_for(lambda: self._running == 0, _SETTLE.total_seconds())
        self._thread.stop(timedelta(seconds=10))
        log.info("worker.stopped", all_jobs_ended=ended)
        return ended


def make_worker(settings: WorkerSettings, gateway: JobGateway | None = None) -> Worker:
    """Put a worker together; without a gateway it reaches its server over HTTP."""
    if gateway is None:
        gateway = HttpGateway(
            server_url=settings.server_url, worker_token=settings.worker_token, worker_name=settings.name
        )
    return Worker(settings, gateway)
