"""The description of the JSON API (OpenAPI 3.1)."""

from enum import StrEnum
from typing import Any

from server.domain.commands import CommandKind
from server.domain.job import JobState
from server.domain.project import ProjectStatus
from server.domain.pull import PullState
from server.domain.run import RunOutcome, RunState, Trigger
from server.web import openapi_atlantis
from workers.protocol.jobs import Phase
from workers.protocol.results import FailureKind

Json = dict[str, Any]
_TEXT: Json = {"type": "string"}
_MAYBE_TEXT: Json = {"type": ["string", "null"]}
_NUMBER: Json = {"type": "integer"}


def _object(**properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def _list(of: str) -> Json:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{of}"}}


_TIME: Json = {"type": "string", "format": "date-time"}
_MAYBE_TIME: Json = {"type": ["string", "null"], "format": "date-time"}
_FLAG: Json = {"type": "boolean"}


def _one_of(names: type[StrEnum]) -> Json:
    return {"enum": [name.value for name in names]}


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _words(*, values: Json) -> Json:
    return {"type": "object", "additionalProperties": values}


_COMMIT = _object(ref=_TEXT, sha=_TEXT)
_LINKS = _object(page=_TEXT, log=_TEXT)
_RUN: Json = {
    "id": _TEXT,
    "pull": _TEXT,
    "command": _one_of(CommandKind),
    "trigger": _one_of(Trigger),
    "actor": _TEXT,
    "state": _one_of(RunState),
    "outcome": _or_null(_one_of(RunOutcome)),
    "commit": _TEXT,
    "note": _TEXT,
    "created_at": _TIME,
    "started_at": _MAYBE_TIME,
    "finished_at": _MAYBE_TIME,
    "links": _LINKS,
}
_PULL: Json = {
    "host": _TEXT,
    "repo": _TEXT,
    "number": _NUMBER,
    "title": _TEXT,
    "author": _TEXT,
    "url": _TEXT,
    "state": _one_of(PullState),
    "draft": _FLAG,
    "head": _COMMIT,
    "base": _COMMIT,
}
_SCHEMAS: dict[str, Json] = {
    "Project": _object(
        dir=_TEXT,
        workspace=_TEXT,
        name=_MAYBE_TEXT,
        status=_one_of(ProjectStatus),
        counts=_words(values=_NUMBER),
        outputs=_words(values={"type": "string", "description": "The output's value as JSON text."}),
        plan_digest=_MAYBE_TEXT,
        planned_commit=_MAYBE_TEXT,
        carried_from=_MAYBE_TEXT,
        inputs_digest=_MAYBE_TEXT,
        terraform_version=_MAYBE_TEXT,
        reason=_MAYBE_TEXT,
        note=_TEXT,
        lock=_or_null(_object(id=_TEXT, holder=_TEXT, actor=_TEXT, since=_TIME)),
        run=_MAYBE_TEXT,
        job=_MAYBE_TEXT,
        log=_MAYBE_TEXT,
        updated_at=_TIME,
    ),
    "Run": _object(**_RUN),
    "RunWithJobs": _object(**_RUN, jobs=_list("Job")),
    "Job": _object(
        id=_TEXT,
        phase=_one_of(Phase),
        project=_or_null(_object(dir=_TEXT, workspace=_TEXT, name=_MAYBE_TEXT)),
        state=_one_of(JobState),
        attempt=_NUMBER,
        worker=_MAYBE_TEXT,
        created_at=_TIME,
        claimed_at=_MAYBE_TIME,
        finished_at=_MAYBE_TIME,
        seconds=_words(values={"type": "number"}),
        failure=_or_null(_object(kind=_one_of(FailureKind), summary=_TEXT)),
        links=_LINKS,
    ),
    "LogPage": _object(text=_TEXT, cursor=_NUMBER, more=_FLAG, ended=_FLAG, state=_one_of(JobState)),
    "Lock": _object(
        id=_TEXT,
        repo=_TEXT,
        dir=_TEXT,
        workspace=_TEXT,
        pull=_NUMBER,
        pull_url=_TEXT,
        actor=_TEXT,
        since=_TIME,
        waiting=_NUMBER,
    ),
    "Pull": _object(**_PULL, projects=_list("Project"), runs=_list("Run")),
    "Problem": _object(title=_TEXT, detail=_TEXT, status=_NUMBER),
}


def _path(name: str, where: str = "path", kind: Json | None = None) -> Json:
    return {"name": name, "in": where, "required": where == "path", "schema": kind or _TEXT}


def _answer(schema: Json, content: str = "application/json") -> Json:
    return {"description": "What was asked for.", "content": {content: {"schema": schema}}}


def _operation(
    summary: str, schema: Json, *parameters: Json, problems: tuple[int, ...] = (), content: str = "application/json"
) -> Json:
    wrong = {"$ref": "#/components/responses/Problem"}
    return {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {"200": _answer(schema, content), **{str(status): wrong for status in (401, *problems, 503)}},
    }


def _paths() -> Json:
    ref = {name: {"$ref": f"#/components/schemas/{name}"} for name in _SCHEMAS}
    pull = [_path("host"), _path("owner"), _path("repo"), _path("number", kind=_NUMBER)]
    run, job = _path("run_id"), _path("job_id")
    paging = [_path("limit", "query", _NUMBER), _path("before", "query")]
    runs = _object(runs=_list("Run"), next_before=_MAYBE_TEXT)
    gets = {
        "/pulls/{host}/{owner}/{repo}/{number}": _operation("Show a pull.", ref["Pull"], *pull, problems=(404,)),
        "/runs": _operation("List runs, newest first.", runs, *paging),
        "/runs/{run_id}": _operation("Show a run and its jobs.", ref["RunWithJobs"], run, problems=(404,)),
        "/runs/{run_id}/log": _operation(
            "Give what a run's jobs printed, or one of them.",
            _TEXT,
            run,
            _path("job", "query"),
            problems=(404,),
            content="text/plain",
        ),
        "/jobs/{job_id}/log": _operation(
            "Give what a job printed after a cursor.",
            ref["LogPage"],
            job,
            _path("after", "query", _NUMBER),
            problems=(404,),
        ),
        "/locks": _operation("List locks, oldest first.", _object(locks=_list("Lock"))),
        "/openapi.json": _operation("Describe this API.", {"type": "object"}) | {"security": []},
    }
    release = _operation(
        "Release a lock and discard its plan; 409 while it is being applied.",
        _object(message=_TEXT),
        _path("lock_id"),
        problems=(404, 409),
    )
    return {f"/api/v1{path}": {"get": get} for path, get in gets.items()} | {
        "/api/v1/locks/{lock_id}": {"delete": release}
    }


def document(version: str) -> Json:
    """Write the description."""
    problem = {"$ref": "#/components/schemas/Problem"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Thera", "version": version, "description": "Plans and applies of pull requests."},
        "security": [{"token": []}],
        "paths": _paths() | openapi_atlantis.paths(),
        "components": {
            "schemas": _SCHEMAS | openapi_atlantis.SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}, **openapi_atlantis.SECURITY},
            "responses": {"Problem": _answer(problem, "application/problem+json")},
        },
    }
