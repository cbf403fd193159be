"""The Flask application: blueprints, and what every answer carries."""

from collections.abc import Sequence

from flask import Blueprint, Flask, Response, request

from server.orchestration.claims import ServerGateway
from server.orchestration.context import Context
from server.web.api import make_api
from server.web.auth import make_auth
from server.web.health import make_health
from server.web.pages import make_pages
from server.web.settings import WebSettings
from server.web.worker_api import make_worker_api

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def make_app(ctx: Context, gateway: ServerGateway, web: WebSettings, *, blueprints: Sequence[Blueprint] = ()) -> Flask:
    """Put the application together."""
    app = Flask("server.web")  # its folder holds `static` and `templates`
    app.secret_key = web.secret_key
    app.config.update(
        SESSION_COOKIE_NAME="thera",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=web.secure_cookies,
        MAX_CONTENT_LENGTH=1024 * 1024,
    )
    own = (
        make_health(web),
        make_worker_api(gateway, worker_token=web.worker_token),
        make_auth(web),
        make_api(ctx, web),
        make_pages(ctx, web),
    )
    for blueprint in (*own, *blueprints):
        app.register_blueprint(blueprint)
    app.after_request(_guarded)
    return app


def _guarded(answer: Response) -> Response:
    answer.headers.setdefault("Content-Security-Policy", _POLICY)
    answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    answer.headers.setdefault("Referrer-Policy", "same-origin")
    if "static" not in (request.endpoint or ""):
        answer.headers.setdefault("Cache-Control", "no-store")
    return answer
