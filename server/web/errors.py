"""What is answered when something goes wrong outside a blueprint of programs: a page, or a problem document."""

from flask import Flask, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from server.domain.errors import TryLater
from server.web.problems import answer_to, meaning, retry_after

_FOR_PROGRAMS = ("/api/", "/worker/", "/webhooks/", "/events", "/healthz", "/readyz", "/status", "/metrics")


def handle_errors(app: Flask) -> None:
    """Have every error answered in the form that its reader understands. One of the homes of a broad except."""
    app.register_error_handler(Exception, _answer)


def _answer(error: Exception) -> Response | HTTPException:
    if isinstance(error, RequestRedirect):
        return error
    if request.path.startswith(_FOR_PROGRAMS):
        return answer_to(error)
    if isinstance(error, HTTPException):
        status, title, detail = error.code or 500, error.name, error.description or ""
    else:
        status, title, detail = meaning(error)
    page = make_response(render_template("error.html", title=title, words=detail), status)
    if isinstance(error, TryLater):
        page.headers["Retry-After"] = retry_after(error)
    return page
