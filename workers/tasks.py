"""The workers' half of Celery: one task, and a controller that runs in a thread."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from celery import Celery, bootsteps
from celery.concurrency.thread import TaskPool
from celery.worker import WorkController, state
from kombu.entity import Queue

from workers.protocol.jobs import Ticket
from workers.protocol.names import RUN_JOB, job_queue
from workers.settings import WorkerSettings

log = structlog.get_logger()

_DAY = 24 * 3600


def make_worker_app(settings: WorkerSettings, run: Callable[[Ticket], None]) -> Celery:
    """Make the application, its task registered: one that came later would never run.

    Messages are acked early and never prefetched: a message is a nudge and may be lost or come twice, the
    claim decides. A visibility timeout that a long apply could outlive would deliver it a second time.
    """
    memory = settings.broker_url.startswith("memory:")
    # kombu warns about a memory broker without a host, which has none.
    broker = "memory://localhost/" if memory else settings.broker_url
    app = Celery("thera-worker", broker=broker, set_as_current=False)
    queue = job_queue(settings.pool)
    app.conf.update(
        broker_transport_options={"polling_interval": 0.01} if memory else {"visibility_timeout": _DAY},
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_acks_late=False,
        task_queues=[Queue(queue)],  # type: ignore[no-untyped-call]  # kombu has no types
        task_default_queue=queue,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=settings.broker_url.startswith(("redis", "sentinel")),
        worker_enable_remote_control=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
    )

    # Not shared: Celery would put it into every other application of this process, and the first to come wins.
    @app.task(name=RUN_JOB, ignore_result=True, shared=False)  # type: ignore[untyped-decorator]  # Celery has no types
    def _run_job(job_id: str, attempt: int, token: str) -> None:
        run(Ticket(job_id=job_id, attempt=attempt, token=token))

    return app


class OwnThreads(TaskPool):  # type: ignore[misc]  # Celery has no types
    """Threads in which this pool's application is the current one.

    Celery looks a task up in the current application. In a pool's thread that is the process's default one,
    which does not know our task when the process has several applications.
    """

    def on_apply(self, target: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Run a task."""

        def at_home(*words: Any, **names: Any) -> Any:
            self.app.set_current()
            return target(*words, **names)

        return super().on_apply(at_home, *args, **options)


class EmbeddedWorker(threading.Thread):
    """A bare Celery controller in a thread: it touches neither signals nor logging.

    Several may live in one process, and each is stopped by itself.
    """

    def __init__(self, app: Celery, *, concurrency: int, name: str) -> None:
        super().__init__(name="celery-worker", daemon=True)
        self._app, self._concurrency, self._hostname = app, concurrency, name
        self._controller: Any = None
        self._stopping = threading.Event()
        self.ready = threading.Event()

    @property
    def alive(self) -> bool:
        """Say whether messages are being consumed; a watchdog looks here."""
        return self.is_alive() and self.ready.is_set() and not self._stopping.is_set()

    @property
    def died(self) -> bool:
        """Say whether it was started and ended without being told to."""
        return self.ident is not None and not self.is_alive() and not self._stopping.is_set()

    def run(self) -> None:
        """Consume until stopped."""
        ready = self.ready

        class Controller(WorkController):  # type: ignore[misc]  # Celery has no types
            def on_consumer_ready(self, consumer: object) -> None:  # noqa: ARG002  (Celery's signature)
                ready.set()

        self._app.finalize()
        self._controller = Controller(
            app=self._app,
            pool=OwnThreads,
            hostname=f"{self._hostname}@localhost",
            concurrency=self._concurrency,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            loglevel="WARNING",
        )
        try:
            self._controller.start()
            self._controller.stop()
        except Exception:
            log.exception("worker.died", worker=self._hostname)

    def stop(self, timeout: timedelta) -> bool:
        """Take no more messages and wait for running tasks; says whether all ended in time."""
        self._stopping.set()
        self.ready.wait(timeout.total_seconds())
        consumer = getattr(self._controller, "consumer", None)
        if consumer is not None:
            # Its loop looks at this between two messages and returns. The usual way, `state.should_stop`,
            # is a global of the process and would end every controller in it.
            consumer.blueprint.state = bootsteps.CLOSE
        self.join(timeout.total_seconds())
        return not self.is_alive()


def allow_controllers() -> None:
    """Undo what a controller that was stopped by Celery's own global left behind in this process."""
    state.should_stop = None
    state.should_terminate = None
