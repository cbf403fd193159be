"""Check runs: what an App says of a commit, and the button that has it look again."""

from flask import Blueprint, Response, g, jsonify, make_response, request

from sandbox.forge import NoSuchThing, SandboxForge
from sandbox.github.answers import SLUG, Build, problem
from sandbox.github.apps import Apps, app_of, describe
from sandbox.github.payloads import Json, stamp
from sandbox.model import CheckRun, Repo, now

_AT_ONCE = 50


def add_checks(api: Blueprint, forge: SandboxForge, apps: Apps, build: Build) -> None:
    """Add the routes."""

    @api.get(f"/repos/{SLUG}/commits/<ref>/check-runs")
    def _check_runs(owner: str, name: str, ref: str) -> Response:
        repo, asked = forge.repo(f"{owner}/{name}"), request.args
        runs = [
            check_json(build, apps, repo, run)
            for (app_id, run_name), run in repo.latest_checks(repo.git.sha(ref) or ref).items()
            if asked.get("check_name", run_name) == run_name and int(asked.get("app_id", app_id)) == app_id
        ]
        return jsonify({"total_count": len(runs), "check_runs": runs})

    @api.post(f"/repos/{SLUG}/check-runs")
    def _create_check(owner: str, name: str) -> Response:
        repo, asked = forge.repo(f"{owner}/{name}"), request.get_json()
        app = app_of(apps, g.login)
        if app is None:
            return problem(403, "You must authenticate via a GitHub App.")
        if repo.git.sha(asked["head_sha"]) is None:
            return problem(422, f"No commit found for SHA: {asked['head_sha']}")
        if _too_many(asked):
            return problem(422, "Only 50 annotations are allowed per request")
        run = CheckRun(forge.ids.next(), asked["name"], asked["head_sha"], app.id)
        _change(run, asked)
        repo.checks.append(run)
        return make_response(jsonify(check_json(build, apps, repo, run)), 201)

    @api.patch(f"/repos/{SLUG}/check-runs/<int:run_id>")
    def _update_check(owner: str, name: str, run_id: int) -> Response:
        repo, asked = forge.repo(f"{owner}/{name}"), request.get_json()
        run = next((one for one in repo.checks if one.id == run_id), None)
        app = app_of(apps, g.login)
        if run is None or app is None or app.id != run.app_id:
            raise NoSuchThing(str(run_id))
        if _too_many(asked):
            return problem(422, "Only 50 annotations are allowed per request")
        _change(run, asked)
        return jsonify(check_json(build, apps, repo, run))


def _too_many(asked: Json) -> bool:
    return len((asked.get("output") or {}).get("annotations", ())) > _AT_ONCE


def _change(run: CheckRun, asked: Json) -> None:
    run.details_url = asked.get("details_url", run.details_url)
    run.status = asked.get("status", run.status)
    if "conclusion" in asked:
        run.status, run.conclusion, run.completed_at = "completed", asked["conclusion"], now()
    output = asked.get("output") or {}
    run.title, run.summary = output.get("title", run.title), output.get("summary", run.summary)
    run.annotations += output.get("annotations", ())


def check_json(build: Build, apps: Apps, repo: Repo, run: CheckRun) -> Json:
    """Write a check run."""
    base = f"{build().api}/repos/{repo.full_name}/check-runs/{run.id}"
    return {
        "id": run.id,
        "head_sha": run.sha,
        "node_id": f"CR_{run.id}",
        "external_id": "",
        "url": base,
        "html_url": f"{build().web}/{repo.full_name}/runs/{run.id}",
        "details_url": run.details_url,
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": stamp(run.started_at),
        "completed_at": stamp(run.completed_at),
        "output": {
            "title": run.title,
            "summary": run.summary,
            "text": None,
            "annotations_count": len(run.annotations),
            "annotations_url": f"{base}/annotations",
        },
        "name": run.name,
        "check_suite": {"id": run.app_id},
        "app": describe(build, apps.all[run.app_id]),
        "pull_requests": [],
    }


def press_rerun(forge: SandboxForge, build: Build, apps: Apps, full_name: str, run: CheckRun, *, by: str) -> None:
    """Press the button beside a check."""
    repo = forge.repo(full_name)
    forge.tell("check_run.rerequested", repo, actor=by, check_run=check_json(build, apps, repo, run))
