"""Errors for programs: `application/problem+json` (RFC 9457)."""

import json
import math
import uuid

import structlog
from flask import Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from server.domain.errors import Refused, TryLater, UserMistake
from server.orchestration.ask import NoSuchPull, NotThatCommit
from server.orchestration.claims import AttemptOver
from server.store.errors import NotStored
from workers.protocol.codec import Malformed

log = structlog.get_logger()

_SOON = 2.0


class Absent(UserMistake):
    """What the address names does not exist."""


def problem(status: int, title: str, detail: str, **headers: str) -> Response:
    """Answer with what went wrong."""
    body = json.dumps({"title": title, "detail": detail, "status": status})
    return Response(body, status, headers, mimetype="application/problem+json")


_ANSWERS: tuple[tuple[type[Exception], int, str], ...] = (
    (AttemptOver, 410, "This attempt is over"),
    (Refused, 403, "Refused"),
    (Malformed, 400, "Malformed"),
    (Absent, 404, "Not found"),
    (NotStored, 404, "Not found"),
    (NoSuchPull, 404, "Not found"),
    (NotThatCommit, 409, "Not there"),
)


def answer_to(error: Exception) -> Response:
    """Say an error as a problem; what nobody foresaw gets an incident number and a traceback in the log."""
    if isinstance(error, HTTPException):
        return problem(error.code or 500, error.name, error.description or "", **_allowed(error))
    status, title, detail = meaning(error)
    if isinstance(error, TryLater):
        return problem(status, title, detail, **{"Retry-After": retry_after(error)})
    return problem(status, title, detail)


def _allowed(error: HTTPException) -> dict[str, str]:
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        return {"Allow": ", ".join(sorted(error.valid_methods))}
    return {}


def meaning(error: Exception) -> tuple[int, str, str]:
    """Say an error as status, title and words, for whoever asked."""
    if isinstance(error, TryLater):
        return 503, "Not now", str(error)
    for kind, status, title in _ANSWERS:
        if isinstance(error, kind):
            return status, title, str(error)
    if isinstance(error, UserMistake):  # asked for: not there; told: not so
        return (404 if request.method == "GET" else 400), "Not possible", str(error)
    incident = uuid.uuid4().hex[:12]
    log.error("request.failed", incident=incident, exc_info=error)
    return 500, "Thera itself failed", f"The server's log has the details under incident {incident}."


def retry_after(error: TryLater) -> str:
    """Say when to ask again, in whole seconds."""
    return str(math.ceil(error.after_seconds or _SOON))
