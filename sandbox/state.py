"""Terraform's `http` state backend with locks, so that workers that share nothing share state."""

import json
import threading
from dataclasses import dataclass, field

from flask import Blueprint, Response, request


@dataclass
class States:
    """States by name."""

    content: dict[str, bytes] = field(default_factory=dict)
    locks: dict[str, bytes] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)


def make_state(states: States) -> Blueprint:
    """Make the routes of the backend."""
    blueprint = Blueprint("state", __name__)

    @blueprint.get("/state/<path:name>")
    def read(name: str) -> Response:
        """Give a state."""
        content = states.content.get(name)
        return Response("", 404) if content is None else Response(content, mimetype="application/json")

    @blueprint.post("/state/<path:name>")
    def write(name: str) -> Response:
        """Keep a state, unless somebody else holds its lock."""
        with states.guard:
            held = states.locks.get(name)
            if held is not None and request.args.get("ID") != json.loads(held).get("ID"):
                return Response(held, 423)
            states.content[name] = request.get_data()
        return Response("")

    @blueprint.delete("/state/<path:name>")
    def remove(name: str) -> Response:
        """Forget a state."""
        states.content.pop(name, None)
        return Response("")

    @blueprint.route("/state/<path:name>", methods=["LOCK"])
    def lock(name: str) -> Response:
        """Lock a state, or say who did."""
        with states.guard:
            held = states.locks.get(name)
            if held is not None:
                return Response(held, 423, mimetype="application/json")
            states.locks[name] = request.get_data()
        return Response("")

    @blueprint.route("/state/<path:name>", methods=["UNLOCK"])
    def unlock(name: str) -> Response:
        """Let a state go, if it is the holder who asks; `terraform force-unlock` names no lock."""
        given = request.get_data()
        with states.guard:
            held = states.locks.get(name)
            if held is not None and given and json.loads(given).get("ID") != json.loads(held).get("ID"):
                return Response(held, 423, mimetype="application/json")
            states.locks.pop(name, None)
        return Response("")

    return blueprint
