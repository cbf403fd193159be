"""How GitHub answers: problems and pages of a list."""

from collections.abc import Callable, Sequence
from typing import Any

from flask import Response, jsonify, request

from sandbox.github.payloads import Payloads

SLUG = "<owner>/<name>"
Build = Callable[[], Payloads]


def problem(status: int, message: str) -> Response:
    """Answer as GitHub does when it says no."""
    answer = jsonify({"message": message, "documentation_url": "https://docs.github.com/rest"})
    answer.status_code = status
    return answer


def paged(items: Sequence[Any]) -> Response:
    """Answer a page of a list, with links to the others."""
    size = min(int(request.args.get("per_page", 30)), 100)
    page = max(int(request.args.get("page", 1)), 1)
    answer = jsonify(list(items[(page - 1) * size : page * size]))
    if page * size < len(items):
        base = request.base_url
        rest = "".join(f"&{key}={value}" for key, value in request.args.items() if key not in {"page", "per_page"})
        last = -(-len(items) // size)
        answer.headers["Link"] = (
            f'<{base}?page={page + 1}&per_page={size}{rest}>; rel="next", '
            f'<{base}?page={last}&per_page={size}{rest}>; rel="last"'
        )
    return answer
