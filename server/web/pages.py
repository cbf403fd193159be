"""Pages for people: runs, one run, a live log, locks, a pull."""

from datetime import datetime, timedelta

from flask import Blueprint, Response, abort, flash, jsonify, render_template, request, session, url_for

from server.domain.errors import Refused, UserMistake
from server.domain.refs import PullRef, RepoRef
from server.orchestration.cleanup import discard_lock
from server.orchestration.context import Context
from server.orchestration.views import ago, report_of, run_view
from server.web.api import log_page, log_text
from server.web.auth import check_csrf, csrf_token, require_session
from server.web.settings import WebSettings

_PAGE = 30


def make_pages(ctx: Context, web: WebSettings) -> Blueprint:
    """Make the pages."""
    pages = Blueprint("pages", __name__, template_folder="templates")
    pages.before_request(lambda: require_session(web))
    pages.add_app_template_global(csrf_token, "csrf_token")
    pages.add_app_template_filter(lambda moment: ago(ctx.clock() - moment), "ago")
    pages.add_app_template_filter(_span, "span")

    @pages.errorhandler(UserMistake)
    def _absent(error: UserMistake) -> tuple[str, int]:
        return render_template("absent.html", words=str(error)), 404

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
                raise UserMistake(f"There is no run {run_id}.")
            pull, jobs = uow.pulls.get(found.pull_id), uow.jobs.of_run(run_id)
            view = run_view(ctx, uow, found, pull)
        took = {job.id: _took(job.claimed_at, job.finished_at) for job in jobs}
        return render_template("run.html", run=found, pull=pull, jobs=jobs, view=view, took=took)

    @pages.get("/pulls/<host>/<path:owner>/<repo>/<int:number>")
    def pull(host: str, owner: str, repo: str, number: int) -> str:
        """Show where a pull's projects stand."""
        ref = PullRef(RepoRef(host, f"{owner}/{repo}"), number)
        with ctx.store.reading() as uow:
            found = uow.pulls.by_ref(ref)
            if found is None:
                raise UserMistake(f"Thera has never heard of {ref}.")
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
                raise UserMistake(f"There is no job {job_id}.")
            run = uow.runs.get(found.run_id)
            if run is None:
                abort(404)
            pull = uow.pulls.get(run.pull_id)
        report = report_of(found)
        return render_template(
            "job.html",
            job=found,
            run=run,
            pull=pull,
            failure=report.failure if report is not None else None,
            page=log_page(ctx, job_id, after=0),
        )

    @pages.get("/jobs/<job_id>/log")
    def more(job_id: str) -> Response:
        """Give what was printed after a cursor."""
        return jsonify(log_page(ctx, job_id, after=request.args.get("after", 0, type=int)))

    @pages.get("/jobs/<job_id>/log.txt")
    def download(job_id: str) -> Response:
        """Give the whole log as text."""
        with ctx.store.reading() as uow:
            if uow.jobs.get(job_id) is None:
                raise UserMistake(f"There is no job {job_id}.")
        headers = {"Content-Disposition": f'attachment; filename="{job_id}.txt"'}
        return Response(log_text(ctx, job_id), mimetype="text/plain", headers=headers)


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
