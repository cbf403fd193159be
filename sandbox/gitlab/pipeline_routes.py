"""GitLab's REST routes: commit statuses, pipelines and their jobs.

Documented at docs.gitlab.com/api/commits ("Commit status"), /api/pipelines and /api/jobs.
"""

from flask import Blueprint, Response, g, jsonify, request

from sandbox.gitlab.access import need, readable, visible
from sandbox.gitlab.answers import absent, asked, created, flag, invalid, needed, paged, whole
from sandbox.gitlab.commit_json import find_commit
from sandbox.gitlab.pipeline_json import job_json, pipeline_basic, pipeline_json, status_json
from sandbox.gitlab.pipelines import STATES, Posted, latest_jobs, set_status
from sandbox.gitlab.state import DEVELOPER, GitLab, Pipeline
from sandbox.model import Repo


def add_statuses(api: Blueprint, hub: GitLab) -> None:
    """Add the routes of commit statuses."""

    @api.post("/projects/<part:project>/statuses/<part:sha>")
    def _set_status(project: str, sha: str) -> Response:
        repo = visible(hub, project)
        login = need(hub, repo, DEVELOPER)
        pipeline, job = set_status(hub, repo, _posted(login, sha))
        return created(status_json(hub, g.links, pipeline, job))

    @api.get("/projects/<part:project>/repository/commits/<part:ref>/statuses")
    def _statuses(project: str, ref: str) -> Response:
        repo, words = readable(hub, project), asked()
        sha = find_commit(repo, ref)
        if sha is None:
            raise absent("Commit")
        pipelines = [one for one in hub.project(repo).pipelines if one.sha == sha]
        pipelines = [one for one in pipelines if whole("pipeline_id") in {None, one.id}]
        found = [
            (pipeline, job)
            for pipeline in pipelines
            for job in (pipeline.jobs if flag("all") else latest_jobs(pipeline))
            if words.get("ref") in {None, job.ref} and words.get("name") in {None, job.name}
        ]
        found.sort(key=lambda one: one[1].id, reverse=words.get("sort") == "desc")
        return paged([status_json(hub, g.links, pipeline, job) for pipeline, job in found])


def _posted(login: str, sha: str) -> Posted:
    words, state = asked(), str(needed("state"))
    if state not in STATES:
        raise invalid("state does not have a valid value")
    name = str(words.get("name") or words.get("context") or "default")
    texts = {key: str(words[key]) for key in ("description", "target_url") if words.get(key)}
    return Posted(
        sha=sha,
        state=state,
        user=login,
        name=name,
        ref=words.get("ref") or None,
        pipeline_id=whole("pipeline_id"),
        **texts,
    )


def add_pipelines(api: Blueprint, hub: GitLab) -> None:
    """Add the routes of pipelines and jobs."""

    def find(project: str, pipeline_id: int) -> tuple[Repo, Pipeline]:
        repo = readable(hub, project)
        found = next((one for one in hub.project(repo).pipelines if one.id == pipeline_id), None)
        if found is None:
            raise absent()
        return repo, found

    @api.get("/projects/<part:project>/pipelines")
    def _pipelines(project: str) -> Response:
        repo, words = readable(hub, project), request.args
        shapes = [pipeline_basic(g.links, repo, one) for one in reversed(hub.project(repo).pipelines)]
        filters = [(key, words[key]) for key in ("sha", "ref", "status", "source") if key in words]
        return paged([one for one in shapes if all(one[key] == value for key, value in filters)])

    @api.get("/projects/<part:project>/pipelines/<int:pipeline_id>")
    def _pipeline(project: str, pipeline_id: int) -> Response:
        repo, pipeline = find(project, pipeline_id)
        return jsonify(pipeline_json(hub, g.links, repo, pipeline))

    @api.get("/projects/<part:project>/pipelines/<int:pipeline_id>/jobs")
    def _jobs(project: str, pipeline_id: int) -> Response:
        repo, pipeline = find(project, pipeline_id)
        jobs = [job for job in latest_jobs(pipeline) if not job.external]
        return paged([job_json(hub, g.links, repo, pipeline, job) for job in reversed(jobs)])

    @api.get("/projects/<part:project>/pipelines/<int:pipeline_id>/bridges")
    def _bridges(project: str, pipeline_id: int) -> Response:
        find(project, pipeline_id)
        return paged([])
