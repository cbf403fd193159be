"""Queued jobs to workers' queues: a message is a nudge, the claim is the guard."""

from collections.abc import Callable
from datetime import timedelta

from server.orchestration.context import Context
from workers.protocol.jobs import Ticket

_RING_AGAIN_AFTER = timedelta(seconds=15)

Send = Callable[[str, Ticket], None]


def relay(ctx: Context, send: Send, *, limit: int = 200) -> int:
    """Send a ticket for every queued job that was not rung lately; says how many."""
    now = ctx.clock()
    with ctx.store.transaction() as uow:
        jobs = uow.jobs.queued(limit=limit, rung_before=now - _RING_AGAIN_AFTER)
        # Written before sending: a message that is lost after this is sent again by reconcile.
        uow.jobs.mark_rung([job.id for job in jobs], now=now)
    for job in jobs:
        send(job.pool, Ticket(job_id=job.id, attempt=job.attempt, token=ctx.job_token(job.id, job.attempt)))
    return len(jobs)
