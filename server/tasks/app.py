"""The Celery application of the reactor, and the messages that both halves send through it."""

from typing import Any

from celery import Celery
from kombu.entity import Queue

from workers.protocol.jobs import Ticket
from workers.protocol.names import RUN_JOB, job_queue

REACTOR_QUEUE = "reactor"
REACT = "thera.react"
_DAY = 24 * 3600


def make_app(broker_url: str) -> Celery:
    """Make an application that sends and receives by one broker.

    Reactor tasks are acked late: they are short, and doing one twice changes nothing. There is no result
    backend. Job messages are acked early by the workers; see `workers.tasks`.
    """
    is_memory = broker_url.startswith("memory:")
    # kombu warns about a memory broker without a host, which has none.
    app = Celery("thera-reactor", broker="memory://localhost/" if is_memory else broker_url)
    options: dict[str, Any] = {"visibility_timeout": _DAY}
    if is_memory:
        options = {"polling_interval": 0.01}  # the default of a second is what people would feel
    app.conf.update(
        broker_transport_options=options,
        broker_connection_retry_on_startup=True,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_acks_late=True,
        task_default_queue=REACTOR_QUEUE,
        task_queues=[Queue(REACTOR_QUEUE)],  # type: ignore[no-untyped-call]  # kombu has no types
        task_create_missing_queues=True,
        task_publish_retry=False,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=broker_url.startswith(("redis", "sentinel")),
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
    )
    return app


def send_job(app: Celery, pool: str, ticket: Ticket) -> None:
    """Nudge a worker of the pool to look at a job."""
    app.send_task(
        RUN_JOB,
        kwargs={"job_id": ticket.job_id, "attempt": ticket.attempt, "token": ticket.token},
        queue=job_queue(pool),
        ignore_result=True,
        argsrepr="()",
        kwargsrepr="{}",  # the token stays out of every log and event
    )


def send_bell(app: Celery, kind: str, subject: str) -> None:
    """Nudge the reactor to look at a row."""
    app.send_task(REACT, kwargs={"kind": kind, "subject": subject}, queue=REACTOR_QUEUE, ignore_result=True)
