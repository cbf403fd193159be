"""Pipelines, jobs and commit statuses in GitLab's JSON.

Shapes: docs.gitlab.com/api/pipelines, /api/jobs and /api/commits ("List commit statuses"); `head_pipeline` of
`get_merge_request.json` of go-gitlab 0.73 (Apache-2.0).
"""

from sandbox.gitlab.answers import Json
from sandbox.gitlab.commit_json import NO_COMMIT, commit_json
from sandbox.gitlab.people import person
from sandbox.gitlab.pipelines import FINISHED, pipeline_status
from sandbox.gitlab.state import GitLab, Job, Links, Pipeline
from sandbox.gitlab.times import moment
from sandbox.model import Repo


def pipeline_basic(links: Links, repo: Repo, pipeline: Pipeline) -> Json:
    """A pipeline as it stands in a list."""
    return {
        "id": pipeline.id,
        "iid": pipeline.iid,
        "project_id": repo.id,
        "sha": pipeline.sha,
        "ref": pipeline.ref,
        "status": pipeline_status(pipeline),
        "source": pipeline.source,
        "created_at": moment(pipeline.created_at),
        "updated_at": moment(pipeline.updated_at),
        "web_url": f"{links.web}/{repo.full_name}/-/pipelines/{pipeline.id}",
    }


def pipeline_json(hub: GitLab, links: Links, repo: Repo, pipeline: Pipeline) -> Json:
    """A pipeline alone."""
    status = pipeline_status(pipeline)
    path = f"/{repo.full_name}/-/pipelines/{pipeline.id}"
    started = min((job.started_at for job in pipeline.jobs if job.started_at), default=None)
    return {
        **pipeline_basic(links, repo, pipeline),
        "before_sha": NO_COMMIT,
        "tag": False,
        "yaml_errors": None,
        "user": person(hub, links, pipeline.user),
        "started_at": moment(started),
        "finished_at": moment(pipeline.updated_at) if status in FINISHED else None,
        "committed_at": None,
        "duration": None,
        "queued_duration": None,
        "coverage": None,
        "detailed_status": {
            "icon": f"status_{status}",
            "text": status,
            "label": status,
            "group": status,
            "tooltip": status,
            "has_details": True,
            "details_path": path,
            "illustration": None,
            "favicon": f"{links.root}/static/favicon_status_{status}.png",
        },
    }


def status_json(hub: GitLab, links: Links, pipeline: Pipeline, job: Job) -> Json:
    """A commit status."""
    return {
        "id": job.id,
        "sha": pipeline.sha,
        "ref": job.ref,
        "status": job.status,
        "name": job.name,
        "target_url": job.target_url,
        "description": job.description,
        "created_at": moment(job.created_at),
        "started_at": moment(job.started_at),
        "finished_at": moment(job.finished_at),
        "allow_failure": job.allow_failure,
        "coverage": job.coverage,
        "pipeline_id": pipeline.id,
        "author": person(hub, links, job.user),
    }


def job_json(hub: GitLab, links: Links, repo: Repo, pipeline: Pipeline, job: Job) -> Json:
    """A job."""
    return {
        "id": job.id,
        "status": job.status,
        "stage": "external" if job.external else "test",
        "name": job.name,
        "ref": job.ref,
        "tag": False,
        "coverage": job.coverage,
        "allow_failure": job.allow_failure,
        "created_at": moment(job.created_at),
        "started_at": moment(job.started_at),
        "finished_at": moment(job.finished_at),
        "erased_at": None,
        "duration": None,
        "queued_duration": None,
        "user": person(hub, links, job.user),
        "commit": commit_json(links, repo, pipeline.sha),
        "pipeline": pipeline_basic(links, repo, pipeline),
        "failure_reason": "script_failure" if job.status == "failed" else None,
        "web_url": f"{links.web}/{repo.full_name}/-/jobs/{job.id}",
        "project": {"ci_job_token_scope_enabled": False},
        "artifacts": [],
        "runner": None,
        "artifacts_expire_at": None,
        "archived": False,
        "tag_list": [],
    }
