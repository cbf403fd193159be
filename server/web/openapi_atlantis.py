"""The description of the addresses that Atlantis's clients know."""

from typing import Any

Json = dict[str, Any]
_TEXT: Json = {"type": "string"}
_MAYBE_TEXT: Json = {"type": ["string", "null"]}
_FLAG: Json = {"type": "boolean"}
_NUMBER: Json = {"type": "integer"}
_NEVER: Json = {"type": "null"}


def _object(**properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def _list(of: Json) -> Json:
    return {"type": "array", "items": of}


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_TO_TYPE = {"LockURL": _TEXT, "RePlanCmd": _TEXT, "ApplyCmd": _TEXT}
_POLICY_SET = _object(PolicySetName=_TEXT, PolicyOutput=_TEXT, Passed=_FLAG, ReqApprovals=_NUMBER, CurApprovals=_NUMBER)
_PROJECT = _object(
    Error=_MAYBE_TEXT,
    Failure=_TEXT,
    PlanSuccess=_or_null(_object(TerraformOutput=_TEXT, MergedAgain=_FLAG, **_TO_TYPE)),
    PolicyCheckResults=_or_null(_object(PolicySetResults=_list(_POLICY_SET), ApprovePoliciesCmd=_TEXT, **_TO_TYPE)),
    ApplySuccess=_TEXT,
    VersionSuccess=_TEXT,
    ImportSuccess=_NEVER,
    StateRmSuccess=_NEVER,
    Command={"enum": [0, 1, 3], "description": "0 apply, 1 plan, 3 policy check."},
    SubCommand=_TEXT,
    RepoRelDir=_TEXT,
    Workspace=_TEXT,
    ProjectName=_TEXT,
    SilencePRComments=_NEVER,
)
SCHEMAS: dict[str, Json] = {
    "Wish": {
        "type": "object",
        "description": "Keys are read in any letter case. Without `Projects` and `Paths`, everything is meant.",
        "properties": {
            "Repository": {"type": "string", "description": "Full name, with the host where several forges have one."},
            "Type": {"type": "string", "description": "Kind of forge."},
            "PR": {"type": "integer", "minimum": 1},
            "Ref": {"type": "string", "description": "Branch or commit; it has to be the pull request's head."},
            "base_branch": {"type": "string", "description": "It has to be the pull request's."},
            "Projects": {"type": "array", "items": _TEXT, "minItems": 1},
            "Paths": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "properties": {"Directory": _TEXT, "Workspace": _TEXT, "project_name": _TEXT},
                },
            },
        },
        "required": ["PR", "Repository", "Type"],
    },
    "Result": _object(
        Error=_MAYBE_TEXT,
        Failure=_TEXT,
        PlansDeleted=_FLAG,
        ProjectResults=_list(_PROJECT),
        run=_TEXT,
        url=_TEXT,
        note=_TEXT,
    ),
    "Accepted": _object(run=_TEXT, url=_TEXT),
    "AtlantisLock": _object(
        Name=_TEXT,
        ProjectName=_TEXT,
        ProjectRepo=_TEXT,
        ProjectRepoPath=_TEXT,
        PullID=_TEXT,
        PullURL=_TEXT,
        User=_TEXT,
        Workspace=_TEXT,
        Time={"type": "string", "format": "date-time"},
    ),
}
SECURITY: dict[str, Json] = {"atlantis": {"type": "apiKey", "in": "header", "name": "X-Atlantis-Token"}}
_EITHER: Json = {"security": [{"token": []}, {"atlantis": []}]}


def paths() -> Json:
    """Describe the addresses."""
    wrong = {"$ref": "#/components/responses/Problem"}
    locks = _answer("The locks.", _object(Locks=_list(_ref("AtlantisLock"))))
    return {
        "/api/plan": {"post": _running("Plan a pull request, and wait for the result.")},
        "/api/apply": {"post": _running("Apply the plans of a pull request, and wait for the result.")},
        "/api/locks": {
            "get": {"summary": "List locks.", "responses": {"200": locks, "401": wrong, "503": wrong}, **_EITHER}
        },
    }


def _running(summary: str) -> Json:
    wrong = {str(status): {"$ref": "#/components/responses/Problem"} for status in (400, 401, 403, 404, 409, 503)}
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref("Wish")}}},
        "responses": {
            "200": _answer("It ended well.", _ref("Result")),
            "202": _answer("It has not ended yet.", _ref("Accepted")),
            "500": _answer("It ended, and something of it failed or was refused.", _ref("Result")),
            **wrong,
        },
        **_EITHER,
    }


def _answer(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
