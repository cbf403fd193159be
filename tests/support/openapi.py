"""Holds every request and every answer of a GitHub-compatible application to GitHub's own description."""

import json
import re
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import quote

from flask import Flask, Response, request
from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse
from werkzeug.routing import Rule

SLICE = Path(__file__).parents[1] / "samples/github_openapi/github.json"
# GitHub gives these answers on every route, and declares them on few.
_ANYWHERE = frozenset({401, 403, 404, 409, 422, 429})
_BROKEN = 500
_TAIL = 300  # an error repeats the whole value before it says what is wrong
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass
class Violations:
    """What did not fit, in words, and which routes were walked at all."""

    found: list[str] = field(default_factory=list)
    walked: set[tuple[str, str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, words: str) -> None:
        with self._lock:
            self.found.append(words)


def watch(app: Flask, prefix: str) -> Violations:
    """Watch the routes of an application that begin with a prefix; before its first request."""
    violations = Violations()

    @app.after_request
    def _compare(answer: Response) -> Response:
        if request.path.startswith(f"{prefix}/"):
            _judge(prefix, answer, violations)
        return answer

    return violations


@cache
def github() -> OpenAPI:
    """Read the description once. Checking the description itself would take longer than all tests together."""
    return OpenAPI.from_dict(json.loads(SLICE.read_text()), config=Config(spec_validator_cls=None))


def _judge(prefix: str, answer: Response, violations: Violations) -> None:
    name = f"{request.method} {request.path.removeprefix(prefix)}"
    if request.url_rule is None:
        violations.add(f"{name}: there is no such route")
        return
    violations.walked.add((request.method, request.url_rule.rule.removeprefix(prefix)))
    asked = MockRequest(
        request.host_url,
        request.method,
        _quoted(request.url_rule).removeprefix(prefix),
        args=request.args.to_dict(),
        headers=dict(request.headers),
        data=request.get_data(),
        content_type=request.mimetype or "application/json",
    )
    # What was wrong to ask may be asked, if it is refused; nothing is said of an answer that never came.
    if answer.status_code < 400:
        try:
            github().validate_request(asked)
        except OpenAPIError as error:
            violations.add(f"{name}: the request: {_words(error)}")
    if answer.status_code >= _BROKEN or (answer.status_code in _ANYWHERE and _says_why(answer)):
        return
    given = MockResponse(
        answer.get_data(), answer.status_code, headers=dict(answer.headers), content_type=answer.mimetype or ""
    )
    try:
        github().validate_response(asked, given)
    except OpenAPIError as error:
        violations.add(f"{name}: the answer {answer.status_code}: {_words(error)}")


def _says_why(answer: Response) -> bool:
    problem = answer.get_json(silent=True)
    return isinstance(problem, dict) and isinstance(problem.get("message"), str)


def _quoted(rule: Rule) -> str:
    """Spell the path with each parameter as one segment, as GitHub's description has it."""
    values = request.view_args or {}
    return _PARAMETER.sub(lambda found: quote(str(values[found[1]]), safe=""), rule.rule)


def _words(error: BaseException) -> str:
    details = [one.message for one in getattr(error, "schema_errors", ())]
    words = f"{type(error).__name__}: {'; '.join(details) or str(error)[-_TAIL:]}"
    return f"{words} <- {_words(error.__cause__)}" if error.__cause__ else words
