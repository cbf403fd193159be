"""The description of the JSON API (OpenAPI 3.1)."""

from typing import Any

Json = dict[str, Any]
_TEXT: Json = {"type": "string"}
_MAYBE_TEXT: Json = {"type": ["string", "null"]}
_NUMBER: Json = {"type": "integer"}


def _object(**properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def _list(of: str) -> Json:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{of}"}}


_SCHEMAS: dict[str, Json] = {
    "Project": _object(
        dir=_TEXT,
        workspace=_TEXT,
        name=_MAYBE_TEXT,
        status=_TEXT,
        counts={"type": "object", "additionalProperties": _NUMBER},
        outputs={"type": "object", "additionalProperties": _TEXT},
        plan_digest=_MAYBE_TEXT,
        lock={"type": ["object", "null"]},
        log=_MAYBE_TEXT,
    ),
    "Run": _object(
        id=_TEXT,
        pull=_TEXT,
        command=_TEXT,
        trigger=_TEXT,
        actor=_TEXT,
        state={"enum": ["pending", "open", "done"]},
        outcome=_MAYBE_TEXT,
        commit=_TEXT,
        created_at=_TEXT,
        links={"type": "object"},
    ),
    "Job": _object(
        id=_TEXT, phase=_TEXT, project={"type": ["object", "null"]}, state=_TEXT, attempt=_NUMBER, worker=_MAYBE_TEXT
    ),
    "Lock": _object(id=_TEXT, repo=_TEXT, dir=_TEXT, workspace=_TEXT, pull=_NUMBER, actor=_TEXT, since=_TEXT),
    "Pull": _object(
        host=_TEXT, repo=_TEXT, number=_NUMBER, title=_TEXT, state=_TEXT, projects=_list("Project"), runs=_list("Run")
    ),
    "Problem": _object(title=_TEXT, detail=_TEXT, status=_NUMBER),
}


def _path(name: str, where: str = "path", kind: Json | None = None) -> Json:
    return {"name": name, "in": where, "required": where == "path", "schema": kind or _TEXT}


def _answer(schema: Json, content: str = "application/json") -> Json:
    return {"description": "What was asked for.", "content": {content: {"schema": schema}}}


def _operation(summary: str, schema: Json, *parameters: Json, content: str = "application/json") -> Json:
    wrong = {"$ref": "#/components/responses/Problem"}
    return {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {"200": _answer(schema, content), "401": wrong, "404": wrong, "409": wrong},
    }


def document(version: str) -> Json:
    """Write the description."""
    pull = [_path("host"), _path("owner"), _path("repo"), _path("number", kind=_NUMBER)]
    run, job = _path("run_id"), _path("job_id")
    log_page = _object(text=_TEXT, cursor=_NUMBER, ended={"type": "boolean"}, state=_TEXT)
    ref = {name: {"$ref": f"#/components/schemas/{name}"} for name in _SCHEMAS}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Thera", "version": version, "description": "Plans and applies of pull requests."},
        "security": [{"token": []}],
        "paths": {
            "/api/v1/openapi.json": {"get": _operation("Describe this API.", {"type": "object"}) | {"security": []}},
            "/api/v1/pulls/{host}/{owner}/{repo}/{number}": {"get": _operation("Show a pull.", ref["Pull"], *pull)},
            "/api/v1/runs": {
                "get": _operation(
                    "List runs, newest first.",
                    _object(runs=_list("Run"), next_before=_MAYBE_TEXT),
                    _path("limit", "query", _NUMBER),
                    _path("before", "query"),
                )
            },
            "/api/v1/runs/{run_id}": {
                "get": _operation("Show a run and its jobs.", {"allOf": [ref["Run"], _object(jobs=_list("Job"))]}, run)
            },
            "/api/v1/runs/{run_id}/log": {
                "get": _operation("Give a run's whole output.", _TEXT, run, content="text/plain")
            },
            "/api/v1/jobs/{job_id}/log": {
                "get": _operation("Follow a job's output.", log_page, job, _path("after", "query", _NUMBER))
            },
            "/api/v1/locks": {"get": _operation("List locks.", _object(locks=_list("Lock")))},
            "/api/v1/locks/{lock_id}": {
                "delete": _operation("Release a lock.", _object(message=_TEXT), _path("lock_id"))
            },
        },
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {"Problem": _answer(ref["Problem"], "application/problem+json")},
        },
    }
