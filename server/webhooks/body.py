"""A request's body into a payload: JSON, or a form with the JSON in its field `payload`."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from server.domain.errors import UserMistake

FORM = "application/x-www-form-urlencoded"


def payload_of(body: bytes, content_type: str) -> Mapping[str, Any]:
    """Read a payload.

    Raises:
        UserMistake: it is not JSON, or not an object.
    """
    try:
        text = body.decode("utf-8")
        if content_type.partition(";")[0].strip().lower() == FORM:
            text = parse_qs(text, max_num_fields=20).get("payload", [""])[0]
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserMistake(f"the body is not JSON: {error}"[:300]) from error
    if not isinstance(value, dict):
        raise UserMistake(f"the body is JSON, but a {type(value).__name__}, not an object")
    return value
