"""Pipelines and the commit statuses that are their jobs.

Rules of a status: `Ci::CreateCommitStatusService`, `CommitStatus` (its state machine) and
`Gitlab::Ci::Status::Composite` of GitLab; docs.gitlab.com/api/commits, "Set commit pipeline status".
"""

from dataclasses import dataclass

from sandbox.gitlab.answers import Refused, absent
from sandbox.gitlab.state import GitLab, Job, Pipeline
from sandbox.model import Pull, Repo, Status, now

ACTIVE = {"created", "waiting_for_resource", "preparing", "waiting_for_callback", "pending", "running"}
FINISHED = {"success", "failed", "canceled", "skipped"}
STATES = ("pending", "running", "success", "failed", "canceled", "skipped")
_MOVES = {
    "enqueue": ({"created", "skipped", "manual", "scheduled"}, "pending"),
    "run": ({"pending"}, "running"),
    "skip": ({"created", "waiting_for_resource", "preparing", "pending"}, "skipped"),
    "drop": ({"created", "waiting_for_resource", "preparing", "pending", "running", "manual", "scheduled"}, "failed"),
    "success": ({"created", "waiting_for_resource", "preparing", "pending", "running"}, "success"),
    "cancel": (
        {"created", "waiting_for_resource", "preparing", "pending", "running", "manual", "scheduled"},
        "canceled",
    ),
}
_EVENTS = {
    "pending": "enqueue",
    "running": "run",
    "success": "success",
    "failed": "drop",
    "canceled": "cancel",
    "skipped": "skip",
}
_LONGEST_URL = 255
_NEUTRAL = {"success": "success", "skipped": "success", "failed": "failure", "canceled": "error"}


@dataclass(frozen=True)
class Posted:
    """A commit status as it was asked for."""

    sha: str
    state: str
    user: str
    name: str = "default"
    ref: str | None = None
    pipeline_id: int | None = None
    description: str | None = None
    target_url: str | None = None


def latest_jobs(pipeline: Pipeline) -> list[Job]:
    """Keep the newest job of each name: the others were retried."""
    return list({job.name: job for job in pipeline.jobs}.values())


def pipeline_status(pipeline: Pipeline) -> str:
    """Compose a pipeline's status of its jobs'."""
    found = {job.status for job in latest_jobs(pipeline) if not (job.allow_failure and job.status == "failed")}
    done = {"success", "skipped"}
    table = (
        ("skipped", {"skipped"}),
        ("success", done),
        ("created", {"created"}),
        ("canceled", done | {"canceled"}),
        ("pending", {"created", "skipped", "pending"}),
    )
    if not found:
        return "success" if pipeline.jobs else "created"
    status = next((status for status, only in table if found <= only), "")
    return status or ("running" if found & ACTIVE else "manual" if "manual" in found else "failed")


def head_pipeline(hub: GitLab, repo: Repo, pull: Pull) -> Pipeline | None:
    """Find the pipeline of a merge request's head: the newest of its branch in the source project, or its own."""
    source = hub.forge.repos.get(pull.head_repo, repo)
    branch = [one for one in hub.project(source).pipelines if one.pull is None and one.ref == pull.head_ref]
    own = [one for one in hub.project(repo).pipelines if one.pull == pull.number]
    found = [one for one in branch + own if one.sha == pull.head_sha]
    return max(found, key=lambda one: one.id, default=None)


def pull_pipelines(hub: GitLab, repo: Repo, pull: Pull) -> list[Pipeline]:
    """List a merge request's pipelines, newest first."""
    source = hub.forge.repos.get(pull.head_repo, repo)
    branch = [one for one in hub.project(source).pipelines if one.pull is None and one.ref == pull.head_ref]
    own = [one for one in hub.project(repo).pipelines if one.pull == pull.number]
    return sorted(branch + own, key=lambda one: -one.id)


def add_pipeline(
    hub: GitLab, repo: Repo, sha: str, ref: str, user: str, *, source: str = "push", pull: int | None = None
) -> Pipeline:
    """Begin a pipeline without jobs; one of a merge request (`pull`) runs on its ref."""
    kept = hub.project(repo).pipelines
    pipeline = Pipeline(hub.forge.ids.next(), len(kept) + 1, sha, ref, source, user, pull)
    kept.append(pipeline)
    return pipeline


def set_status(hub: GitLab, repo: Repo, posted: Posted) -> tuple[Pipeline, Job]:
    """Set a commit status: on the pipeline named, or the newest of the commit (and ref), or a new external one.

    Raises:
        Refused: the commit, pipeline or ref is unknown, or the status cannot move so.
    """
    with hub.forge.lock:
        sha = repo.git.sha(posted.sha)
        if sha is None:
            raise absent("Commit")
        pipeline = _matching(hub, repo, sha, posted)
        ref = posted.ref or (pipeline.ref if pipeline else _branch_with(repo, sha))
        if ref is None:
            raise absent("References for commit")
        if pipeline is None and posted.pipeline_id is not None:
            raise absent("Pipeline for pipeline_id, sha and ref")
        if pipeline is None:
            pipeline = add_pipeline(hub, repo, sha, ref, posted.user, source="external")
        before = pipeline_status(pipeline)
        _check(pipeline, posted)
        job = _job(hub, pipeline, ref, posted)
        _move(job, posted.state)
        _describe(job, posted)
        if job not in pipeline.jobs:
            pipeline.jobs.append(job)
        pipeline.updated_at = now()
        _remember(hub, repo, sha, job)
    if pipeline_status(pipeline) != before:
        hub.pipeline_moved(repo, pipeline)
    return pipeline, job


def _check(pipeline: Pipeline, posted: Posted) -> None:
    """Hold a status to `GenericCommitStatus`; an external pipeline that was made for it stays."""
    problems: dict[str, list[str]] = {}
    if len(posted.target_url or "") > _LONGEST_URL:
        problems["target_url"] = [f"is too long (maximum is {_LONGEST_URL} characters)"]
    if posted.target_url and not posted.target_url.startswith(("http://", "https://")):
        problems["target_url"] = ["is blocked: Only allowed schemes are http, https"]
    if any(job.name == posted.name and not job.external for job in pipeline.jobs):
        problems["name"] = ["has already been taken"]
    if problems:
        raise Refused(400, problems)


def _matching(hub: GitLab, repo: Repo, sha: str, posted: Posted) -> Pipeline | None:
    found = [one for one in hub.project(repo).pipelines if one.sha == sha]
    if posted.ref:
        found = [one for one in found if one.ref == posted.ref]
    if posted.pipeline_id is not None:
        found = [one for one in found if one.id == posted.pipeline_id]
    return max(found, key=lambda one: one.id, default=None)


def _branch_with(repo: Repo, sha: str) -> str | None:
    lines = repo.git.git("for-each-ref", "--contains", sha, "--format=%(refname:short)", "refs/heads").splitlines()
    return lines[0] if lines else None


def _job(hub: GitLab, pipeline: Pipeline, ref: str, posted: Posted) -> Job:
    for job in reversed(pipeline.jobs):
        same = (job.name, job.ref, job.user) == (posted.name, ref, posted.user)
        if same and job.external and job.status in {"running", "pending"}:
            break
    else:
        job = Job(hub.forge.ids.next(), posted.name, posted.user, ref)
    return job


def _describe(job: Job, posted: Posted) -> None:
    """Take over what was said with a status."""
    for name in ("description", "target_url"):
        if getattr(posted, name) is not None:
            setattr(job, name, getattr(posted, name))


def _move(job: Job, state: str) -> None:
    if state == "running" and job.status in _MOVES["enqueue"][0]:
        job.status = "pending"
    event = _EVENTS[state]
    allowed, after = _MOVES[event]
    if job.status not in allowed:
        why = f'Reason(s): Status cannot transition via "{event}"'
        raise Refused(400, f"Cannot transition status via :{event} from :{job.status} ({why})")
    job.status = after
    if after == "running":
        job.started_at = now()
    if after in FINISHED:
        job.finished_at = now()


def _remember(hub: GitLab, repo: Repo, sha: str, job: Job) -> None:
    """Keep it as the forge's own status too, for the pages and whoever looks at the model."""
    state = _NEUTRAL.get(job.status, "pending")
    words = job.description or "", job.target_url or ""
    hub.forge.set_status(repo.full_name, sha, Status(hub.forge.ids.next(), job.name, state, *words, job.user))
