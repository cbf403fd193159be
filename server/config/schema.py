"""JSON schemas of both files, for editors: `python -m server.config.schema repo|server`."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from server.config.loading import Section
from server.config.repo_file import RepoFile
from server.config.server_file import ServerFile

FILES: Mapping[str, tuple[type[Section], str]] = {
    "repo": (RepoFile, "The repository file of Thera: thera.yaml, or atlantis.yaml"),
    "server": (ServerFile, "The server file of Thera: repos.yaml"),
}


def render(which: str) -> str:
    """Write the schema of `repo` or `server` as text.

    It is a little stricter than Thera: numbers and truth values in the place of text have to be quoted.
    """
    kind, title = FILES[which]
    found = _tidy(kind.model_json_schema(by_alias=True))
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return json.dumps(head | found, indent=2, ensure_ascii=False) + "\n"


def _tidy(node: Any) -> Any:
    """Leave out titles that only repeat a name, and let every key that may be left out be empty as well."""
    if isinstance(node, list):
        return [_tidy(one) for one in node]
    if not isinstance(node, dict):
        return node
    found = {key: _tidy(value) for key, value in node.items() if key not in {"title", "properties", "default"}}
    if "default" in node and node["default"] is not None:
        found["default"] = node["default"]
    if isinstance(node.get("additionalProperties"), dict):
        found["additionalProperties"] = _or_nothing(_tidy(node["additionalProperties"]))
    if "properties" in node:
        required = node.get("required", ())
        found["properties"] = {
            name: _tidy(one) if name in required else _or_nothing(_tidy(one))
            for name, one in node["properties"].items()
        }
    return found


def _or_nothing(one: dict[str, Any]) -> dict[str, Any]:
    if {"type": "null"} in one.get("anyOf", ()):
        return one
    about = {key: one[key] for key in ("description", "default") if key in one}
    rest = {key: value for key, value in one.items() if key not in about}
    return {"anyOf": [rest, {"type": "null"}], **about}


if __name__ == "__main__":
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    if wanted not in FILES:
        sys.exit(f"usage: python -m server.config.schema {'|'.join(FILES)}")
    sys.stdout.write(render(wanted))
