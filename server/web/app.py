"""The Flask application: blueprints, and what every answer carries."""

import time
from collections.abc import Sequence
from datetime import timedelta

from flask import Blueprint, Flask, Response, abort, g, request
from prometheus_client import Histogram

from server.orchestration.claims import ServerGateway
from server.orchestration.context import Context
from server.web.api import make_api
from server.web.atlantis_api import make_atlantis_api
from server.web.auth import make_auth
from server.web.errors import handle_errors
from server.web.health import make_health
from server.web.pages import make_pages
from server.web.settings import WebSettings
from server.web.worker_api import make_worker_api

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_LARGEST_BODY = 1024 * 1024  # routes that take more say so themselves
_SIGNED_IN_FOR = timedelta(days=7)
SECONDS = Histogram("thera_http_seconds", "Time to answer requests.", ["endpoint", "status"])


def make_app(ctx: Context, gateway: ServerGateway, web: WebSettings, *, blueprints: Sequence[Blueprint] = ()) -> Flask:
    """Put the application together."""
    app = Flask("server.web")  # its folder holds `static` and `templates`
    app.secret_key = web.secret_key
    app.config.update(
        SESSION_COOKIE_NAME="thera",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=web.secure_cookies,
        PERMANENT_SESSION_LIFETIME=_SIGNED_IN_FOR,
        MAX_CONTENT_LENGTH=_LARGEST_BODY,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.before_request(_sane)
    own = (
        make_health(ctx, web),
        make_worker_api(gateway, worker_token=web.worker_token),
        make_auth(web),
        make_api(ctx, web),
        make_atlantis_api(ctx, web),
        make_pages(ctx, web),
    )
    for blueprint in (*own, *blueprints):
        app.register_blueprint(blueprint)
    handle_errors(app)
    app.after_request(_guarded)
    app.after_request(_measured)
    return app


def _sane() -> None:
    g.began = time.perf_counter()
    # PostgreSQL's text cannot hold a zero byte, so nothing that is stored has one in its name.
    if "\0" in request.path or "\0" in "".join(request.args.values()):
        abort(404)


def _guarded(answer: Response) -> Response:
    answer.headers.setdefault("Content-Security-Policy", _POLICY)
    answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    answer.headers.setdefault("Referrer-Policy", "same-origin")
    if request.endpoint != "static":
        answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def _measured(answer: Response) -> Response:
    # Endpoints are ours and few; an address or a method is whatever somebody sends.
    labels = {"endpoint": request.endpoint or "none", "status": str(answer.status_code)}
    SECONDS.labels(**labels).observe(time.perf_counter() - g.get("began", time.perf_counter()))
    return answer
