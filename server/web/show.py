"""Domain values as plain JSON, for the API."""

from typing import Any

from server.domain.job import Job
from server.domain.lock import Lock
from server.domain.project import PullProject
from server.domain.pull import Pull
from server.domain.run import Run
from server.orchestration.context import Rules
from server.orchestration.views import report_of
from workers.protocol.codec import to_data
from workers.protocol.jobs import ProjectKey

Json = dict[str, Any]


def _time(value: Any) -> str | None:
    return None if value is None else value.isoformat()


def pull_json(pull: Pull) -> Json:
    """Show a pull."""
    return {
        "host": pull.ref.repo.host,
        "repo": pull.ref.repo.full_name,
        "number": pull.ref.number,
        "title": pull.title,
        "author": pull.author,
        "url": pull.url,
        "state": pull.state.value,
        "draft": pull.draft,
        "head": {"ref": pull.head_ref, "sha": pull.head_sha},
        "base": {"ref": pull.base_ref, "sha": pull.base_sha},
    }


def _project_key(key: ProjectKey | None) -> Json | None:
    return None if key is None else {"dir": key.dir, "workspace": key.workspace, "name": key.name}


def project_json(row: PullProject, lock: Lock | None, rules: Rules) -> Json:
    """Show a project of a pull."""
    return {
        "dir": row.key.dir,
        "workspace": row.key.workspace,
        "name": row.key.name,
        "status": row.status.value,
        "counts": to_data(row.counts),
        "outputs": dict(row.outputs),
        "plan_digest": row.plan_digest,
        "planned_commit": row.planned_head,
        "carried_from": row.config.get("carried_from"),
        "inputs_digest": row.config.get("inputs") or None,
        "terraform_version": row.terraform_version,
        "reason": row.config.get("reason"),
        "note": row.note,
        "lock": None if lock is None else _held(lock),
        "run": row.run_id,
        "job": row.job_id,
        "log": rules.job_url(row.job_id) if row.job_id else None,
        "updated_at": _time(row.updated_at),
    }


def _held(lock: Lock) -> Json:
    return {"id": lock.id, "holder": lock.actor, "actor": lock.actor, "since": _time(lock.acquired_at)}


def run_json(run: Run, pull: Pull, rules: Rules) -> Json:
    """Show a run."""
    return {
        "id": run.id,
        "pull": f"{pull.ref.repo}#{pull.ref.number}",
        "command": run.command.kind.value,
        "trigger": run.trigger.value,
        "actor": run.actor,
        "state": run.state.value,
        "outcome": None if run.outcome is None else run.outcome.value,
        "commit": run.head_sha,
        "note": run.note,
        "created_at": _time(run.created_at),
        "started_at": _time(run.started_at),
        "finished_at": _time(run.finished_at),
        "links": {"page": rules.run_url(run.id), "log": f"{rules.public_url}/api/v1/runs/{run.id}/log"},
    }


def job_json(job: Job, rules: Rules) -> Json:
    """Show a job, without what it was told to do."""
    report = report_of(job)
    failure = report.failure if report is not None else None
    return {
        "id": job.id,
        "phase": job.phase.value,
        "project": _project_key(job.project),
        "state": job.state.value,
        "attempt": job.attempt,
        "worker": job.worker,
        "created_at": _time(job.created_at),
        "claimed_at": _time(job.claimed_at),
        "finished_at": _time(job.finished_at),
        "seconds": dict(report.seconds) if report is not None else {},
        "failure": None if failure is None else {"kind": failure.kind.value, "summary": failure.summary},
        "links": {
            "page": rules.job_url(job.id),
            "log": f"{rules.public_url}/api/v1/jobs/{job.id}/log",
        },
    }


def lock_json(lock: Lock, pull: Pull, waiting: int) -> Json:
    """Show a lock."""
    return {
        "id": lock.id,
        "repo": str(lock.key.repo),
        "dir": lock.key.dir,
        "workspace": lock.key.workspace,
        "pull": pull.ref.number,
        "pull_url": pull.url,
        "actor": lock.actor,
        "since": _time(lock.acquired_at),
        "waiting": waiting,
    }
