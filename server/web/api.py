"""The JSON API, `/api/v1`, behind an API token."""

from collections.abc import Iterator, Sequence

from flask import Blueprint, Response, jsonify, request

from server.domain.errors import Refused
from server.domain.job import Job
from server.domain.refs import PullRef, RepoRef
from server.orchestration.cleanup import discard_lock
from server.orchestration.context import Context
from server.web.auth import require_token
from server.web.log_stream import read_page, whole_log
from server.web.openapi import document
from server.web.problems import Absent, answer_to, problem
from server.web.settings import WebSettings
from server.web.show import job_json, lock_json, project_json, pull_json, run_json

_PAGE = 50
_LARGEST_PAGE = 200
LARGEST_NUMBER = 2**31 - 1  # as wide as its column


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
    @api.get(f"/pulls/<host>/<path:owner>/<repo>/<int(max={LARGEST_NUMBER}):number>")
    def pull(host: str, owner: str, repo: str, number: int) -> Response:
        """Show a pull, its projects and its runs."""
        ref = PullRef(RepoRef(host, f"{owner}/{repo}"), number)
        with ctx.store.reading() as uow:
            found = uow.pulls.by_ref(ref)
            if found is None:
                raise Absent(f"Thera has never heard of {ref}.")
            held = {(lock.key.dir, lock.key.workspace): lock for lock in uow.locks.of_pull(found.id)}
            whole = held.get(("*", "*"))
            projects = [
                project_json(row, held.get((row.key.dir, row.key.workspace), whole), ctx.rules)
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
                raise Absent(f"There is no run {run_id}.")
            pull, jobs = uow.pulls.get(found.pull_id), uow.jobs.of_run(run_id)
        shown = run_json(found, pull, ctx.rules)
        return jsonify(shown | {"jobs": [job_json(job, ctx.rules) for job in jobs]})

    @api.get("/runs/<run_id>/log")
    def run_log(run_id: str) -> Response:
        """Give everything that a run's jobs printed, or one of them."""
        only = request.args.get("job")
        with ctx.store.reading() as uow:
            if uow.runs.get(run_id) is None:
                raise Absent(f"There is no run {run_id}.")
            jobs = [job for job in uow.jobs.of_run(run_id) if only in {None, job.id}]
        if only is not None and not jobs:
            raise Absent(f"The run {run_id} has no job {only}.")
        return Response(_printed(ctx, jobs), mimetype="text/plain")

    @api.get("/jobs/<job_id>/log")
    def job_log(job_id: str) -> Response:
        """Give what a job printed after a cursor, and the next cursor."""
        page = read_page(ctx, job_id, after=request.args.get("after", 0, type=int))
        return jsonify(
            {
                "text": page.text,
                "cursor": page.cursor,
                "more": page.more,
                "ended": page.ended,
                "state": page.job.state.value,
            }
        )


def _printed(ctx: Context, jobs: Sequence[Job]) -> Iterator[str]:
    for job in jobs:
        yield from whole_log(ctx, job.id)


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
            raise Absent(f"There is no lock {lock_id}.")
        return jsonify({"message": words})
