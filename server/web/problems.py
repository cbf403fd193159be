"""Errors for programs: `application/problem+json` (RFC 9457)."""

import json
import uuid

import structlog
from flask import Response
from werkzeug.exceptions import HTTPException

from server.domain.errors import Refused, TryLater, UserMistake
from server.orchestration.claims import AttemptOver
from workers.protocol.codec import Malformed

log = structlog.get_logger()


def problem(status: int, title: str, detail: str, **headers: str) -> Response:
    """Answer with what went wrong."""
    body = json.dumps({"title": title, "detail": detail, "status": status})
    return Response(body, status, headers, mimetype="application/problem+json")


_ANSWERS: tuple[tuple[type[Exception], int, str], ...] = (
    (AttemptOver, 410, "This attempt is over"),
    (Refused, 403, "Refused"),
    (Malformed, 400, "Malformed"),
    (UserMistake, 404, "Not possible"),
)


def answer_to(error: Exception) -> Response:
    """Say an error as a problem; what nobody foresaw gets an incident number and a traceback in the log."""
    if isinstance(error, TryLater):
        return problem(503, "Not now", str(error), **{"Retry-After": "2"})
    if isinstance(error, HTTPException):
        return problem(error.code or 500, error.name, error.description or "")
    for kind, status, title in _ANSWERS:
        if isinstance(error, kind):
            return problem(status, title, str(error))
    incident = uuid.uuid4().hex[:12]
    log.error("request.failed", incident=incident, exc_info=error)
    return problem(500, "Thera itself failed", f"The server's log has the details under incident {incident}.")
