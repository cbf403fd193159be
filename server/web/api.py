"""The JSON API, `/api/v1`, behind an API token."""

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, jsonify, request

from server.domain.errors import Refused, UserMistake
from server.domain.refs import PullRef, RepoRef
from server.orchestration.cleanup import discard_lock
from server.orchestration.context import Context
from server.web.auth import require_token
from server.web.openapi import document
from server.web.problems import answer_to, problem
from server.web.settings import WebSettings
from server.web.show import job_json, lock_json, project_json, pull_json, run_json

_PAGE = 50
_LARGEST_PAGE = 200
_CHUNKS = 500


def make_api(ctx: Context, web: WebSettings) -> Blueprint:
    """Make the routes."""
    api = Blueprint("api", __name__, url_prefix="/api/v1")
    api.register_error_handler(Exception, answer_to)

    @api.before_request
    def _known_program() -> Response | None:
        return None if request.path.endswith("/openapi.json") else require_token(web)

    @api.get("/openapi.json")
    def description() -> Response:
        """Describe this API."""
        return jsonify(document(web.version))

    _pulls(api, ctx)
    _runs(api, ctx)
    _locks(api, ctx)
    return api


def _pulls(api: Blueprint, ctx: Context) -> None:
    @api.get("/pulls/<host>/<path:owner>/<repo>/<int:number>")
    def pull(host: str, owner: str, repo: str, number: int) -> Response:
        """Show a pull, its projects and its runs."""
        ref = PullRef(RepoRef(host, f"{owner}/{repo}"), number)
        with ctx.store.reading() as uow:
            found = uow.pulls.by_ref(ref)
            if found is None:
                raise UserMistake(f"Thera has never heard of {ref}.")
            locks = {(lock.key.dir, lock.key.workspace): lock for lock in uow.locks.of_pull(found.id)}
            whole = locks.get(("*", "*"))
            projects = [
                project_json(row, locks.get((row.key.dir, row.key.workspace), whole), ctx.rules)
                for row in uow.projects.of_pull(found.id)
            ]
            runs = [run_json(run, found, ctx.rules) for run in uow.runs.of_pull(found.id, limit=_PAGE)]
        return jsonify(pull_json(found) | {"projects": projects, "runs": runs})


def _runs(api: Blueprint, ctx: Context) -> None:
    @api.get("/runs")
    def runs() -> Response:
        """List runs, newest first."""
        limit = min(max(request.args.get("limit", _PAGE, type=int), 1), _LARGEST_PAGE)
        with ctx.store.reading() as uow:
            rows = uow.runs.recent(limit=limit, before_id=request.args.get("before"))
        following = rows[-1].run.id if len(rows) == limit else None
        return jsonify({"runs": [run_json(row.run, row.pull, ctx.rules) for row in rows], "next_before": following})

    @api.get("/runs/<run_id>")
    def run(run_id: str) -> Response:
        """Show a run and its jobs."""
        with ctx.store.reading() as uow:
            found = uow.runs.get(run_id)
            if found is None:
                raise UserMistake(f"There is no run {run_id}.")
            pull, jobs = uow.pulls.get(found.pull_id), uow.jobs.of_run(run_id)
        shown = run_json(found, pull, ctx.rules)
        return jsonify(shown | {"jobs": [job_json(job, ctx.rules) for job in jobs]})

    @api.get("/runs/<run_id>/log")
    def run_log(run_id: str) -> Response:
        """Give everything that a run's jobs printed."""
        with ctx.store.reading() as uow:
            if uow.runs.get(run_id) is None:
                raise UserMistake(f"There is no run {run_id}.")
            jobs = uow.jobs.of_run(run_id)
        return Response((text for job in jobs for text in log_text(ctx, job.id)), mimetype="text/plain")

    @api.get("/jobs/<job_id>/log")
    def job_log(job_id: str) -> Response:
        """Give what a job printed after a cursor, and the next cursor."""
        return jsonify(log_page(ctx, job_id, after=request.args.get("after", 0, type=int)))


def log_page(ctx: Context, job_id: str, *, after: int) -> dict[str, Any]:
    """Read a job's log from a cursor on, for somebody who follows it."""
    with ctx.store.reading() as uow:
        job = uow.jobs.get(job_id)
        if job is None:
            raise UserMistake(f"There is no job {job_id}.")
        chunks = uow.logs.read(job_id, after=after, limit=_CHUNKS)
    cursor = chunks[-1].position if chunks else after
    ended = job.is_closed and len(chunks) < _CHUNKS
    return {"text": "".join(chunk.text for chunk in chunks), "cursor": cursor, "ended": ended, "state": job.state.value}


def log_text(ctx: Context, job_id: str) -> Iterator[str]:
    """Read a job's whole log, some at a time."""
    cursor = 0
    while True:
        with ctx.store.reading() as uow:
            chunks = uow.logs.read(job_id, after=cursor, limit=_CHUNKS)
        if not chunks:
            return
        cursor = chunks[-1].position
        yield "".join(chunk.text for chunk in chunks)


def _locks(api: Blueprint, ctx: Context) -> None:
    @api.get("/locks")
    def locks() -> Response:
        """List locks, oldest first."""
        with ctx.store.reading() as uow:
            shown = [
                lock_json(lock, uow.pulls.get(lock.pull_id), len(uow.locks.queue(lock.key))) for lock in uow.locks.all()
            ]
        return jsonify({"locks": shown})

    @api.delete("/locks/<lock_id>")
    def release(lock_id: str) -> Response:
        """Release a lock and discard its plan."""
        try:
            with ctx.store.transaction() as uow:
                words = discard_lock(ctx, uow, lock_id, by="the API", now=ctx.clock())
        except Refused as error:
            return problem(409, "The lock is in use", str(error))
        if words is None:
            raise UserMistake(f"There is no lock {lock_id}.")
        return jsonify({"message": words})
