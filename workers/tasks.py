"""The workers' half of Celery: one task, and a controller that runs in a thread."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from celery import Celery
from celery.worker import WorkController, state
from kombu.entity import Queue

from workers.protocol.jobs import Ticket
from workers.protocol.names import RUN_JOB, job_queue

_DAY = 24 * 3600


def make_app(broker_url: str, *, pool: str, run: Callable[[Ticket], None]) -> Celery:
    """Make the application, its task registered: one that came later would never run.

    Messages are acked early and never prefetched: a message is a nudge and may be lost or come twice, the
    claim decides. A visibility timeout that a long apply could outlive would deliver it a second time.
    """
    app = Celery("thera-worker", broker=broker_url)
    memory = broker_url.startswith("memory:")
    app.conf.update(
        broker_transport_options={"polling_interval": 0.01} if memory else {"visibility_timeout": _DAY},
        broker_connection_retry_on_startup=True,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_acks_late=False,
        task_queues=[Queue(job_queue(pool))],  # type: ignore[no-untyped-call]  # kombu has no types
        task_default_queue=job_queue(pool),
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=broker_url.startswith(("redis", "sentinel")),
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
    )

    @app.task(name=RUN_JOB, ignore_result=True)  # type: ignore[untyped-decorator]  # Celery has no types
    def _run_job(job_id: str, attempt: int, token: str) -> None:
        run(Ticket(job_id=job_id, attempt=attempt, token=token))

    return app


class EmbeddedWorker(threading.Thread):
    """A bare Celery controller in a thread: it touches neither signals nor logging."""

    def __init__(self, app: Celery, *, concurrency: int, name: str) -> None:
        super().__init__(name="celery-worker", daemon=True)
        self._app, self._concurrency, self._hostname = app, concurrency, name
        self.ready = threading.Event()

    def run(self) -> None:
        """Consume until stopped."""
        ready = self.ready

        class Controller(WorkController):  # type: ignore[misc]  # Celery has no types
            def on_consumer_ready(self, consumer: Any) -> None:  # noqa: ARG002  (Celery's signature)
                ready.set()

        self._app.finalize()
        controller = Controller(
            app=self._app,
            pool="threads",
            hostname=f"{self._hostname}@localhost",
            concurrency=self._concurrency,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            loglevel="WARNING",
        )
        controller.start()

    def stop(self, timeout: timedelta) -> bool:
        """Take no more messages and wait for running tasks; says whether all ended in time."""
        state.should_stop = 0  # a module global: every controller of this process ends
        self.join(timeout.total_seconds())
        return not self.is_alive()
