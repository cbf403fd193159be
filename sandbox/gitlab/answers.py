"""How GitLab answers: refusals, and pages of a list.

Words of refusals: `lib/api/helpers.rb` of GitLab (`not_found!`, `forbidden!`, `bad_request!`, `not_allowed!`).
Headers of pages: docs.gitlab.com/api/rest, "Offset-based pagination".
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Response, g, jsonify, make_response, request

Json = dict[str, Any]


class Refused(Exception):
    """An answer that is no: a status and a body."""

    def __init__(self, status: int, message: object, *, key: str = "message") -> None:
        super().__init__(message)
        self.status, self.body = status, {key: message}


def absent(what: str = "") -> Refused:
    """Say that something is not there: `404 Project Not Found`, or `404 Not found` for a record."""
    return Refused(404, f"404 {what} Not Found" if what else "404 Not found")


def forbidden(why: str = "") -> Refused:
    """Say that somebody may not."""
    return Refused(403, f"403 Forbidden{f'  - {why}' if why else ''}")


def bad(why: str) -> Refused:
    """Say that a request makes no sense."""
    return Refused(400, f"400 Bad request - {why}")


def invalid(why: str) -> Refused:
    """Say that a parameter is missing or wrong, as Grape's validation does: `{"error": "body is missing"}`."""
    return Refused(400, why, key="error")


def created(found: Json) -> Response:
    """Answer with what was made."""
    return make_response(jsonify(found), 201)


def asked() -> Json:
    """Read the parameters: of the query, and of a body in JSON or as a form."""
    body = request.get_json(silent=True) if request.is_json else None
    return request.args.to_dict() | request.form.to_dict() | (body if isinstance(body, dict) else {})


def flag(name: str) -> bool | None:
    """Read a parameter that is true or false."""
    value = asked().get(name)
    return None if value is None else str(value).lower() in {"true", "1", "t", "yes", "on"}


def needed(name: str) -> Any:
    """Read a parameter that must be there.

    Raises:
        Refused: it is not.
    """
    value = asked().get(name)
    if value is None:
        raise invalid(f"{name} is missing")
    return value


def whole(name: str) -> int | None:
    """Read a parameter that is a whole number.

    Raises:
        Refused: it is something else.
    """
    given = str(asked().get(name, ""))
    if given and not given.isdecimal():
        raise invalid(f"{name} is invalid")
    return int(given) if given else None


def paged(items: Sequence[Any]) -> Response:
    """Answer a page of a list, with links to the others."""
    size, page = min(whole("per_page") or 20, 100), whole("page") or 1
    last = max(-(-len(items) // size), 1)
    answer = jsonify(list(items[(page - 1) * size : page * size]))
    rest = [(key, value) for key, value in request.args.items(multi=True) if key not in {"page", "per_page"}]
    links = {"prev": page - 1 if page > 1 else 0, "next": page + 1 if page < last else 0, "first": 1, "last": last}
    base = f"{g.links.root}{request.path}"
    answer.headers["Link"] = ", ".join(
        f'<{base}?{urlencode([*rest, ("page", number), ("per_page", size)])}>; rel="{name}"'
        for name, number in links.items()
        if number
    )
    numbers = {"X-Page": page, "X-Per-Page": size, "X-Total": len(items), "X-Total-Pages": last}
    steps = {"X-Next-Page": links["next"] or "", "X-Prev-Page": links["prev"] or ""}
    for name, value in (numbers | steps).items():
        answer.headers[name] = str(value)
    return answer
