"""The workers' composition root."""

import threading
from datetime import timedelta

import structlog

from workers.execute import execute
from workers.gateway.base import JobGateway
from workers.gateway.http import HttpGateway
from workers.protocol.jobs import Ticket
from workers.settings import WorkerSettings
from workers.tasks import EmbeddedWorker, allow_controllers, make_worker_app

log = structlog.get_logger()

_SETTLE = timedelta(seconds=90)  # for Terraform to stop after an interrupt and let its state lock go
_UNPLUG = timedelta(seconds=10)


class Worker:
    """A worker: claims jobs from `start` to `stop`, which may be called from any thread."""

    def __init__(self, settings: WorkerSettings, gateway: JobGateway) -> None:
        self._settings, self._gateway = settings, gateway
        self._idle = threading.Condition()
        self._running: set[str] = set()
        self._draining = False
        self._stopping = threading.Event()
        self._app = make_worker_app(settings, self._run)
        self._thread = EmbeddedWorker(self._app, concurrency=settings.concurrency, name=settings.name)

    @property
    def alive(self) -> bool:
        """Say whether messages are being consumed."""
        return self._thread.alive

    @property
    def died(self) -> bool:
        """Say whether it was started and ended without being asked to: a watchdog looks here."""
        return self._thread.died

    @property
    def running(self) -> frozenset[str]:
        """Name the jobs that are being done."""
        with self._idle:
            return frozenset(self._running)

    def start(self) -> None:
        """Begin to consume."""
        allow_controllers()
        self._thread.start()
        log.info("worker.started", worker=self._settings.name, pool=self._settings.pool)

    def wait_until_ready(self, timeout: timedelta) -> bool:
        """Wait until messages are being consumed; says whether they are."""
        return self._thread.ready.wait(timeout.total_seconds())

    def stop(self) -> bool:
        """Claim nothing more, let running jobs end within the grace, then interrupt them. True if all ended."""
        grace = self._settings.stop_grace.total_seconds()
        with self._idle:
            self._draining = True
            log.info("worker.draining", worker=self._settings.name, running=len(self._running))
            self._idle.wait_for(lambda: not self._running, grace)
            self._stopping.set()
            ended = self._idle.wait_for(lambda: not self._running, _SETTLE.total_seconds())
        self._thread.stop(_UNPLUG)
        log.info("worker.stopped", worker=self._settings.name, all_jobs_ended=ended)
        return ended

    def _run(self, ticket: Ticket) -> None:
        with self._idle:
            if self._draining or ticket.job_id in self._running:
                return  # stays queued, another worker is rung soon; or is being done here already
            self._running.add(ticket.job_id)
        try:
            execute(ticket, self._gateway, self._settings, stopping=self._stopping)
        finally:
            with self._idle:
                self._running.discard(ticket.job_id)
                self._idle.notify_all()


def make_worker(settings: WorkerSettings, gateway: JobGateway | None = None) -> Worker:
    """Put a worker together; without a gateway it reaches its server over HTTP."""
    if gateway is None:
        gateway = HttpGateway(
            server_url=settings.server_url, worker_token=settings.worker_token, worker_name=settings.name
        )
    return Worker(settings, gateway)
