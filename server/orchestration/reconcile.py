"""Everything is looked at again, every few seconds, whatever was lost: a missed message costs one tick."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog

from server.domain.errors import TryLater
from server.domain.run import Run
from server.orchestration.advance import advance
from server.orchestration.context import Context
from server.orchestration.record import give_up_silent, lock_run
from server.store.bells import Bell, BellKind

log = structlog.get_logger()

_RING_AGAIN_AFTER = timedelta(seconds=15)


class Hearing:
    """Since when workers could be heard here without a break: while nobody listens, nobody is silent."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._last: datetime | None = None

    def is_long_enough(self, now: datetime, patience: timedelta) -> bool:
        """Note that we listen now; say whether a worker not heard in `patience` has only itself to blame."""
        if self._since is None or self._last is None or now - self._last > patience / 2:
            self._since = now
        self._last = now
        return now - self._since >= patience


def reconcile(ctx: Context, ring: Callable[[Bell], None], hearing: Hearing | None = None) -> None:
    """Do one round. A step that fails is logged and does not keep the others from their turn."""
    steps: dict[str, Callable[[Context, Callable[[Bell], None]], None]] = {
        "deliveries": _deliveries,
        "pending_runs": _pending_runs,
        "silent_jobs": partial(_silent_jobs, hearing=hearing),
        "open_runs": _open_runs,
        "queued_jobs": _queued_jobs,
        "outbox": _outbox,
        "dead_artifacts": _dead_artifacts,
    }
    for name, step in steps.items():
        try:
            step(ctx, ring)
        except TryLater as error:
            log.warning("reconcile.postponed", step=name, error=str(error))
        except Exception:
            log.exception("reconcile.failed", step=name)


def _deliveries(ctx: Context, ring: Callable[[Bell], None]) -> None:
    with ctx.store.reading() as uow:
        due = uow.deliveries.due(ctx.clock(), limit=100)
    for delivery in due:
        ring(Bell(BellKind.DELIVERY, delivery.id))


def _pending_runs(ctx: Context, ring: Callable[[Bell], None]) -> None:
    with ctx.store.reading() as uow:
        first: dict[str, Run] = {}
        for run in uow.runs.unfinished(limit=500):
            first.setdefault(run.pull_id, run)
    for run in first.values():
        if run.started_at is None:
            ring(Bell(BellKind.BEGIN, run.id))


def _silent_jobs(ctx: Context, ring: Callable[[Bell], None], *, hearing: Hearing | None) -> None:
    ctx.store.ping()  # without a database no worker is heard either
    if hearing is not None and not hearing.is_long_enough(ctx.clock(), ctx.rules.lost_after):
        return
    if give_up_silent(ctx):
        ring(Bell(BellKind.RELAY, ""))


def _open_runs(ctx: Context, ring: Callable[[Bell], None]) -> None:
    """Advance open runs that have no open job: a crash may have come between a report and its consequence."""
    with ctx.store.reading() as uow:
        stuck = uow.runs.open_without_open_jobs(limit=100)
    for run in stuck:
        log.warning("run.found_stuck", run_id=run.id)
        with ctx.store.transaction() as uow:
            advance(ctx, uow, lock_run(uow, run.id), now=ctx.clock())
    if stuck:
        ring(Bell(BellKind.RELAY, ""))


def _queued_jobs(ctx: Context, ring: Callable[[Bell], None]) -> None:
    with ctx.store.reading() as uow:
        if uow.jobs.queued(limit=1, rung_before=ctx.clock() - _RING_AGAIN_AFTER):
            ring(Bell(BellKind.RELAY, "again"))


def _outbox(ctx: Context, ring: Callable[[Bell], None]) -> None:
    with ctx.store.reading() as uow:
        pulls = uow.outbox.pulls_due(now=ctx.clock(), limit=200)
    for pull_id in pulls:
        ring(Bell(BellKind.PUBLISH, pull_id))


def _dead_artifacts(ctx: Context, ring: Callable[[Bell], None]) -> None:  # noqa: ARG001  (a step like the others)
    with ctx.store.reading() as uow:
        dead = uow.artifacts.deletable(limit=50)
    for artifact in dead:
        ctx.vault.delete(artifact)
        with ctx.store.transaction() as uow:
            uow.artifacts.forget(artifact.id)
