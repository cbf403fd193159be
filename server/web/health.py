"""Is it alive, is it ready, and numbers for Prometheus."""

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from server.web.settings import WebSettings


def make_health(web: WebSettings) -> Blueprint:
    """Make the routes that need no credential and tell no secret."""
    health = Blueprint("health", __name__)

    @health.get("/healthz")
    def alive() -> Response:
        """Answer while the process does."""
        return Response("ok\n", mimetype="text/plain")

    @health.get("/readyz")
    def ready() -> Response:
        """Say whether every part works, and if not, which does not."""
        parts = dict(web.ready())
        answer = jsonify({"ready": all(parts.values()), "parts": parts})
        answer.status_code = 200 if all(parts.values()) else 503
        return answer

    @health.get("/metrics")
    def metrics() -> Response:
        """Give counters."""
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    return health
