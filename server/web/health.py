"""Is it alive, is it ready, and numbers for Prometheus."""

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Gauge, generate_latest

from server.domain.errors import TryLater
from server.domain.job import JobState
from server.orchestration.context import Context
from server.web.settings import WebSettings


def make_health(ctx: Context, web: WebSettings) -> Blueprint:
    """Make the routes that need no credential and tell no secret."""
    health = Blueprint("health", __name__)

    @health.get("/healthz")
    def alive() -> Response:
        """Answer while the process does."""
        return Response("ok\n", mimetype="text/plain")

    @health.get("/readyz")
    def ready() -> Response:
        """Say whether every part works, and if not, which does not."""
        try:
            parts = dict(web.ready())
        except TryLater as error:
            parts = {"database": str(error)}
        works = all(part is True for part in parts.values())
        answer = jsonify({"ready": works, "parts": parts})
        answer.status_code = 200 if works else 503
        return answer

    @health.get("/status")
    def status() -> Response:
        """Say what Atlantis says there: whether this process is ending, and how much the installation is doing."""
        with ctx.store.reading() as uow:
            jobs = uow.jobs.open_counts()
        running = sum(count for (_, state), count in jobs.items() if state is JobState.RUNNING)
        return jsonify({"shutting_down": web.stopping(), "in_progress_operations": running, "version": web.version})

    @health.get("/metrics")
    def metrics() -> Response:
        """Give counters of this process and gauges of the rows."""
        return Response(generate_latest(REGISTRY) + generate_latest(_rows(ctx)), content_type=CONTENT_TYPE_LATEST)

    return health


def _rows(ctx: Context) -> CollectorRegistry:
    """Measure the rows; labels are pools and states, never anything that people type."""
    registry = CollectorRegistry()
    up = Gauge("thera_database_up", "Whether the database answers.", registry=registry)
    try:
        with ctx.store.reading() as uow:
            jobs, lag, locks = uow.jobs.open_counts(), uow.outbox.lag(ctx.clock()), len(uow.locks.all())
    except TryLater:
        up.set(0)
        return registry
    up.set(1)
    open_jobs = Gauge("thera_jobs_open", "Jobs that are not closed.", ["pool", "state"], registry=registry)
    for (pool, state), count in jobs.items():
        open_jobs.labels(pool=pool, state=state.value).set(count)
    words = "Age of the oldest comment or status that is due and not published."
    Gauge("thera_outbox_lag_seconds", words, registry=registry).set(lag.total_seconds())
    Gauge("thera_locks_held", "Locks that pull requests hold (at most 1000 are counted).", registry=registry).set(locks)
    return registry
