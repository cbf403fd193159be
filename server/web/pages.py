"""Pages for people: runs, one run, a live log, locks, a pull."""

from datetime import datetime, timedelta

from flask import Blueprint, Response, abort, flash, jsonify, render_template, request, session, url_for

from server.domain.errors import Refused
from server.domain.refs import PullRef, RepoRef
from server.orchestration.cleanup import discard_lock
from server.orchestration.context import Context
from server.orchestration.views import ago, report_of, run_view
from server.web.ansi import coloured
from server.web.api import LARGEST_NUMBER
from server.web.auth import check_csrf, csrf_token, require_session
from server.web.log_stream import read_page, whole_log
from server.web.problems import Absent
from server.web.settings import WebSettings

_PAGE = 30
_WORDS = {
    "open": "running",
    "planned_no_changes": "no changes",
    "plan_errored": "plan failed",
    "apply_errored": "apply failed",
    "apply_lost": "lost",
    "plan_discarded": "discarded",
    "plan_stale": "stale",
}


def make_pages(ctx: Context, web: WebSettings) -> Blueprint:
    """Make the pages."""
    pages = Blueprint("pages", __name__, template_folder="templates")
    pages.before_request(lambda: require_session(web))
    pages.add_app_template_global(csrf_token, "csrf_token")
    pages.add_app_template_filter(lambda moment: ago(ctx.clock() - moment), "ago")
    pages.add_app_template_filter(_span, "span")
    pages.add_app_template_filter(_word, "word")

    _run_pages(pages, ctx)
    _job_pages(pages, ctx)
    _lock_pages(pages, ctx)
    return pages


def _span(seconds: float | timedelta | None) -> str:
    """Say how long something took."""
    if seconds is None:
        return ""
    total = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
    if total < 60:  # noqa: PLR2004  (a minute)
        return f"{total:.1f} s"
    return f"{int(total // 60)} min {int(total % 60)} s"


def _word(state: str) -> str:
    """Say a state as people do."""
    return _WORDS.get(state, state.replace("_", " "))


def _run_pages(pages: Blueprint, ctx: Context) -> None:
    @pages.get("/")
    def runs() -> str:
        """List runs, newest first."""
        with ctx.store.reading() as uow:
            rows = uow.runs.recent(limit=_PAGE, before_id=request.args.get("before"))
            open_jobs = uow.jobs.open_counts()
        following = rows[-1].run.id if len(rows) == _PAGE else None
        waiting = {state.value: 0 for _, state in open_jobs}
        for (_, state), count in open_jobs.items():
            waiting[state.value] += count
        return render_template("runs.html", rows=rows, following=following, waiting=waiting)

    @pages.get("/runs/<run_id>")
    def run(run_id: str) -> str:
        """Show one run: its projects, its jobs, what went wrong."""
        with ctx.store.reading() as uow:
            found = uow.runs.get(run_id)
            if found is None:
                raise Absent(f"There is no run {run_id}.")
            pull, jobs = uow.pulls.get(found.pull_id), uow.jobs.of_run(run_id)
            view = run_view(ctx, uow, found, pull)
        took = {job.id: _took(job.claimed_at, job.finished_at) for job in jobs}
        return render_template(
            "run.html",
            run=found,
            pull=pull,
            jobs=jobs,
            view=view,
            took=took,
            run_took=_took(found.started_at, found.finished_at),
        )

    @pages.get(f"/pulls/<host>/<path:owner>/<repo>/<int(max={LARGEST_NUMBER}):number>")
    def pull(host: str, owner: str, repo: str, number: int) -> str:
        """Show where a pull's projects stand."""
        ref = PullRef(RepoRef(host, f"{owner}/{repo}"), number)
        with ctx.store.reading() as uow:
            found = uow.pulls.by_ref(ref)
            if found is None:
                raise Absent(f"Thera has never heard of {ref}.")
            projects, runs = uow.projects.of_pull(found.id), uow.runs.of_pull(found.id, limit=_PAGE)
        return render_template("pull.html", pull=found, projects=projects, runs=runs)


def _took(start: datetime | None, end: datetime | None) -> timedelta | None:
    return None if start is None or end is None else end - start


def _job_pages(pages: Blueprint, ctx: Context) -> None:
    @pages.get("/jobs/<job_id>")
    def job(job_id: str) -> str:
        """Show a job's log, as it is written."""
        with ctx.store.reading() as uow:
            found = uow.jobs.get(job_id)
            if found is None:
                raise Absent(f"There is no job {job_id}.")
            run = uow.runs.get(found.run_id)
            if run is None:
                abort(404)
            pull = uow.pulls.get(run.pull_id)
        report = report_of(found)
        page = read_page(ctx, job_id, after=0)
        return render_template(
            "job.html",
            job=found,
            run=run,
            pull=pull,
            failure=report.failure if report is not None else None,
            seconds=report.seconds if report is not None else (),
            took=_took(found.claimed_at, found.finished_at),
            page=page,
            log=coloured(page.text),
        )

    @pages.get("/jobs/<job_id>/log")
    def more(job_id: str) -> Response:
        """Give what was printed after a cursor, in pieces with their classes."""
        page = read_page(ctx, job_id, after=request.args.get("after", 0, type=int))
        log = coloured(page.text, request.args.get("style", ""))
        return jsonify(
            {
                "pieces": log.pieces,
                "style": log.state,
                "cursor": page.cursor,
                "more": page.more,
                "ended": page.ended,
                "state": page.job.state.value,
            }
        )

    @pages.get("/jobs/<job_id>/log.txt")
    def download(job_id: str) -> Response:
        """Give the whole log as text."""
        with ctx.store.reading() as uow:
            if uow.jobs.get(job_id) is None:
                raise Absent(f"There is no job {job_id}.")
        headers = {"Content-Disposition": f'attachment; filename="{job_id}.txt"'}
        return Response(whole_log(ctx, job_id), mimetype="text/plain", headers=headers)


def _lock_pages(pages: Blueprint, ctx: Context) -> None:
    @pages.get("/locks")
    def locks() -> str:
        """List locks, who holds each, and how many wait."""
        with ctx.store.reading() as uow:
            rows = [(lock, uow.pulls.get(lock.pull_id), len(uow.locks.queue(lock.key))) for lock in uow.locks.all()]
        return render_template("locks.html", rows=rows)

    @pages.post("/locks/<lock_id>/release")
    def release(lock_id: str) -> Response:
        """Release a lock and discard its plan."""
        check_csrf()
        try:
            with ctx.store.transaction() as uow:
                words = discard_lock(ctx, uow, lock_id, by=str(session["user"]), now=ctx.clock())
        except Refused as error:
            words = str(error)
        flash(words or "That lock is free already.")
        return Response(status=303, headers={"Location": url_for("pages.locks")})
