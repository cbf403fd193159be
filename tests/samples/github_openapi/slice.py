"""Cut the routes that the sandbox serves out of GitHub's OpenAPI description; see README.md."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REPO = "/repos/{owner}/{repo}"
ROUTES: dict[str, tuple[str, ...]] = {
    "/user": ("get",),
    "/rate_limit": ("get",),
    REPO: ("get",),
    f"{REPO}/collaborators/{{username}}/permission": ("get",),
    f"{REPO}/compare/{{basehead}}": ("get",),
    f"{REPO}/branches/{{branch}}/protection": ("get",),
    f"{REPO}/branches/{{branch}}": ("get",),
    f"{REPO}/rules/branches/{{branch}}": ("get",),
    f"{REPO}/pulls": ("get", "post"),
    f"{REPO}/pulls/{{pull_number}}": ("get", "patch"),
    f"{REPO}/pulls/{{pull_number}}/files": ("get",),
    f"{REPO}/pulls/{{pull_number}}/merge": ("put",),
    f"{REPO}/pulls/{{pull_number}}/reviews": ("get", "post"),
    f"{REPO}/pulls/{{pull_number}}/reviews/{{review_id}}/dismissals": ("put",),
    f"{REPO}/issues/comments": ("get",),
    f"{REPO}/issues/{{issue_number}}/comments": ("get", "post"),
    f"{REPO}/issues/comments/{{comment_id}}": ("get", "patch", "delete"),
    f"{REPO}/issues/comments/{{comment_id}}/reactions": ("post",),
    f"{REPO}/statuses/{{sha}}": ("post",),
    f"{REPO}/commits/{{ref}}/status": ("get",),
    f"{REPO}/commits/{{ref}}/check-runs": ("get",),
    f"{REPO}/check-runs": ("post",),
    f"{REPO}/check-runs/{{check_run_id}}": ("patch",),
    f"{REPO}/git/refs/{{ref}}": ("delete",),
    f"{REPO}/hooks": ("get", "post"),
    f"{REPO}/hooks/{{hook_id}}": ("patch",),
    f"{REPO}/hooks/{{hook_id}}/deliveries": ("get",),
    f"{REPO}/installation": ("get",),
    "/app": ("get",),
    "/app/hook/config": ("get", "patch"),
    "/app-manifests/{code}/conversions": ("post",),
    "/app/installations/{installation_id}/access_tokens": ("post",),
    "/orgs/{org}/teams/{team_slug}/memberships/{username}": ("get",),
    f"{REPO}/commits/{{ref}}": ("get",),
}
# GitHub writes prose and examples for people; no validator reads them.
_PROSE = frozenset({"description", "summary", "example", "examples", "externalDocs", "x-github", "tags"})
# Below these keys stand names that are data, whatever they are called.
_NAMES = frozenset({"properties", "schemas", "responses", "parameters", "headers", "paths"})

_NULL = {"enum": [None], "nullable": True}


def cut(whole: dict[str, Any]) -> dict[str, Any]:
    """Keep the routes of `ROUTES` and all that they refer to."""
    paths = {
        path: _plain({key: whole["paths"][path][key] for key in (*verbs, "parameters") if key in whole["paths"][path]})
        for path, verbs in ROUTES.items()
    }
    components: dict[str, dict[str, Any]] = {}
    wanted = list(_references(paths))
    while wanted:
        _, _, group, name = wanted.pop().split("/")
        if name not in components.setdefault(group, {}):
            part = components[group][name] = _plain(whole["components"][group][name])
            wanted += _references(part)
    return {
        "openapi": whole["openapi"],
        "info": {key: whole["info"][key] for key in ("title", "version")},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {group: dict(sorted(parts.items())) for group, parts in sorted(components.items())},
    }


def _plain(value: Any, *, names: bool = False) -> Any:
    """Drop prose, and let what is nullable be null.

    OpenAPI 3.0 wants null among the values of an enum and among alternatives; GitHub leaves it out.
    """
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {
        key: _plain(one, names=key in _NAMES and not names) for key, one in value.items() if names or key not in _PROSE
    }
    if not names and kept.get("nullable") is True and "enum" in kept and None not in kept["enum"]:
        kept["enum"] = [*kept["enum"], None]
    if not names and kept.get("nullable") is True and "type" not in kept:
        kept |= {several: [*kept[several], _NULL] for several in ("anyOf", "oneOf") if several in kept}
    return kept


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            if key == "$ref" and isinstance(one, str):
                yield one
            else:
                yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)


if __name__ == "__main__":
    found = cut(json.loads(Path(sys.argv[1]).read_text()))
    (HERE / "github.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")
