"""The page about the API and the API agree."""

import json
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator

from server.web.openapi import document
from tests.unit.web.conftest import API, json_of

PAGE = (Path(__file__).parents[3] / "docs/reference/api.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


def test_every_request_is_on_the_page_and_no_other() -> None:
    described = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, operations in document("1")["paths"].items()
        for method in operations
    }
    requests = PAGE.partition("## Requests")[2].partition("\n## ")[0]

    assert set(re.findall(r"^\| `((?:GET|DELETE|POST|PUT) [^`]+)`", requests, re.MULTILINE)) == described


@pytest.mark.parametrize(("name", "mark"), [("LogPage", "cursor"), ("Lock", "waiting"), ("Problem", "detail")])
def test_the_examples_are_what_the_api_answers(name: str, mark: str) -> None:
    schema = document("1")["components"]["schemas"][name]
    example = next(example for example in EXAMPLES if mark in example)

    assert list(OAS31Validator(schema).iter_errors(example)) == []
    assert set(example) == set(schema["properties"])


def test_a_wrong_method_is_told_the_right_ones(stranger: FlaskClient) -> None:
    answer = stranger.post("/api/v1/locks", headers=API)

    assert (answer.status_code, json_of(answer)["status"]) == (405, 405)
    assert "GET" in answer.headers["Allow"]
