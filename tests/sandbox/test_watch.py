"""The judge of the sandbox does judge."""

import pytest
from flask import Flask, Response, jsonify, request

from tests.support.openapi import Violations, watch

REPO = "/api/repos/acme/infra"


@pytest.fixture
def app() -> Flask:
    app = Flask("liar")

    @app.post("/api/repos/<owner>/<name>/statuses/<sha>")
    def _status(owner: str, name: str, sha: str) -> tuple[Response, int]:
        assert all((owner, name, sha))
        return jsonify({"message": "no"}), int(request.headers.get("Answer", "201"))

    @app.get("/api/repos/<owner>/<name>/rules/branches/<path:branch>")
    def _rules(owner: str, name: str, branch: str) -> Response:
        assert all((owner, name, branch))
        return jsonify([])

    @app.get("/api/elsewhere")
    def _elsewhere() -> Response:
        return jsonify({})

    @app.get("/outside")
    def _outside() -> Response:
        return jsonify({})

    return app


@pytest.fixture
def violations(app: Flask) -> Violations:
    return watch(app, "/api")


def test_an_answer_without_what_is_required_is_found(app: Flask, violations: Violations) -> None:
    app.test_client().post(f"{REPO}/statuses/abc", json={"state": "success"})
    (words,) = violations.found
    assert words.startswith("POST /repos/acme/infra/statuses/abc: the answer 201")
    assert "'context' is a required property" in words


def test_a_request_that_github_would_not_take_is_found(app: Flask, violations: Violations) -> None:
    app.test_client().post(f"{REPO}/statuses/abc", json={"state": "bogus"})
    assert "the request" in violations.found[0]
    assert "'bogus' is not one of" in violations.found[0]


@pytest.mark.parametrize("path", ["/api/elsewhere", "/api/nowhere"])
def test_a_route_that_github_does_not_have_is_found(app: Flask, violations: Violations, path: str) -> None:
    app.test_client().get(path)
    assert violations.found


@pytest.mark.parametrize("status", ["401", "403", "422", "502"])
def test_trouble_with_a_message_is_githubs_everywhere(app: Flask, violations: Violations, status: str) -> None:
    app.test_client().post(f"{REPO}/statuses/abc", json={"state": "success"}, headers={"Answer": status})
    assert not violations.found


def test_an_answer_that_github_never_gives_is_found(app: Flask, violations: Violations) -> None:
    app.test_client().post(f"{REPO}/statuses/abc", json={"state": "success"}, headers={"Answer": "204"})
    assert violations.found


def test_a_branch_with_slashes_is_one_name(app: Flask, violations: Violations) -> None:
    app.test_client().get(f"{REPO}/rules/branches/feature/x")
    assert not violations.found
    assert violations.walked == {("GET", "/repos/<owner>/<name>/rules/branches/<path:branch>")}


def test_what_is_not_githubs_is_not_judged(app: Flask, violations: Violations) -> None:
    app.test_client().get("/outside")
    assert violations.found == []
