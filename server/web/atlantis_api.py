"""Atlantis's addresses for programs, `/api/plan`, `/api/apply` and `/api/locks`, behind an API token."""

import json
import threading
import time
from typing import Any

from flask import Blueprint, Response, jsonify, request

from server.domain.commands import CommandKind
from server.domain.errors import TryLater
from server.domain.lock import Lock
from server.domain.project import PullProject
from server.orchestration.ask import ask
from server.orchestration.context import Context
from server.web.atlantis_body import Unreadable, read_wish
from server.web.atlantis_result import is_good, lock_of_atlantis, result_of
from server.web.auth import require_api_secret
from server.web.problems import answer_to, problem
from server.web.settings import WebSettings

ACTOR = "api"
_PAUSE = 0.25  # seconds between two looks at a run
_MOST_WAITING = 6  # of the web's threads; whoever comes then is told at once where to look


def make_atlantis_api(ctx: Context, web: WebSettings) -> Blueprint:
    """Make the routes."""
    api = Blueprint("atlantis_api", __name__, url_prefix="/api")
    api.register_error_handler(Exception, answer_to)
    api.register_error_handler(Unreadable, _unreadable)
    api.before_request(lambda: require_api_secret(web))
    api.after_request(_with_error)
    waiters = threading.BoundedSemaphore(_MOST_WAITING)

    def run(kind: CommandKind) -> Response:
        wished = read_wish(request.get_data(), kind)
        accepted = ask(ctx, wished, actor=ACTOR)
        is_waiting = waiters.acquire(blocking=False)
        try:
            result = _awaited(ctx, web, accepted.id, seconds=web.api_wait.total_seconds() if is_waiting else 0)
        finally:
            if is_waiting:
                waiters.release()
        if result is not None:
            return _answer(200 if is_good(result) else 500, result)
        url = ctx.rules.run_url(accepted.id)
        return _answer(202, {"run": accepted.id, "url": url}, Location=url)

    @api.post("/plan")
    def plan() -> Response:
        """Plan a pull request, or some of its projects."""
        return run(CommandKind.PLAN)

    @api.post("/apply")
    def apply() -> Response:
        """Apply the plans that a pull request has."""
        return run(CommandKind.APPLY)

    @api.get("/locks")
    def locks() -> Response:
        """List locks, oldest first."""
        return jsonify({"Locks": _locks(ctx)})

    return api


def _awaited(ctx: Context, web: WebSettings, run_id: str, *, seconds: float) -> dict[str, Any] | None:
    """Wait for a run's end, holding no transaction; None when it has not ended by then.

    A database that does not answer is no reason to say anything else: the run is accepted, and asking for it once
    more would run it twice.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            with ctx.store.reading() as uow:
                result = result_of(ctx, uow, run_id)
        except TryLater:
            result = None
        left = deadline - time.monotonic()
        if result is not None or left <= 0 or web.stopping():
            return result
        web.pause(min(_PAUSE, left))


def _locks(ctx: Context) -> list[dict[str, Any]]:
    with ctx.store.reading() as uow:
        held = uow.locks.all()
        pulls = {lock.pull_id: uow.pulls.get(lock.pull_id) for lock in held}
        projects = {pull_id: uow.projects.of_pull(pull_id) for pull_id in pulls}
    return [lock_of_atlantis(lock, pulls[lock.pull_id], _name(lock, projects[lock.pull_id])) for lock in held]


def _name(lock: Lock, projects: list[PullProject]) -> str:
    """Name the project that a lock guards, if it is one project with a name."""
    place = (lock.key.dir, lock.key.workspace)
    names = [row.key.name for row in projects if (row.key.dir, row.key.workspace) == place]
    return names[0] or "" if len(names) == 1 else ""


def _answer(status: int, body: dict[str, Any], **headers: str) -> Response:
    return Response(json.dumps(body), status, headers, mimetype="application/json")


def _unreadable(error: Unreadable) -> Response:
    answer = problem(400, "The body cannot be used", str(error))
    answer.set_data(json.dumps({**answer.get_json(), "mistakes": error.mistakes}))
    return answer


def _with_error(answer: Response) -> Response:
    """Give a problem the member `error`, where Atlantis's clients look."""
    if answer.mimetype == "application/problem+json":
        said = json.loads(answer.get_data())
        answer.set_data(json.dumps({**said, "error": said["detail"]}))
    return answer
