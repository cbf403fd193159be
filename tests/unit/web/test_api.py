"""The JSON API, held against its own description."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from server.domain.pull import Pull
from tests.support.scripted_worker import BROKEN
from tests.support.story import Story
from tests.unit.web.conftest import API, csrf_of, json_of


@pytest.fixture
def pulls(story: Story) -> list[Pull]:
    """Three pulls: one applied, failed and locked in parts, one that waits, one of nothing."""
    story.worker.plans["dev"] = BROKEN
    first = story.open_pull("prod/main.tf", "dev/main.tf")
    story.settle()
    second = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(first, "thera apply -d prod")
    story.settle()
    return [first, second, story.open_pull("README.md")]


def get(client: FlaskClient, path: str) -> Any:
    answer = client.get(f"/api/v1{path}", headers=API)
    assert answer.status_code == 200, answer.text
    return json_of(answer)


def document(client: FlaskClient) -> Any:
    return json_of(client.get("/api/v1/openapi.json"))


def described(client: FlaskClient, path: str, method: str = "get") -> dict[str, Any]:
    """Take the schema of an answer, and close it: what is not described is a fault."""
    text = document(client)
    schema = text["paths"][f"/api/v1{path}"][method]["responses"]["200"]["content"]["application/json"]["schema"]
    closed: dict[str, Any] = _closed({**schema, "components": text["components"]})
    return closed


def _closed(value: Any) -> Any:
    if isinstance(value, list):
        return [_closed(item) for item in value]
    if not isinstance(value, dict):
        return value
    closed = {name: _closed(item) for name, item in value.items()}
    return closed | ({"additionalProperties": False} if "properties" in value else {})


def faults(schema: dict[str, Any], answer: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in OAS31Validator(schema).iter_errors(answer)]


def test_the_description_is_openapi(stranger: FlaskClient) -> None:
    validate(document(stranger))


def test_every_route_is_described_and_nothing_else(stranger: FlaskClient) -> None:
    routes = {
        (rule.rule, method.lower())
        for rule in stranger.application.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    known = {(path, method) for path, operations in document(stranger)["paths"].items() for method in operations}

    assert {(_as_described(rule), method) for rule, method in routes} == known


def _as_described(rule: str) -> str:
    for name in ("host", "repo", "run_id", "job_id", "lock_id"):
        rule = rule.replace(f"<{name}>", f"{{{name}}}")
    return rule.replace("<path:owner>", "{owner}").replace("<int(max=2147483647):number>", "{number}")


def test_every_answer_is_as_described(stranger: FlaskClient, story: Story, pulls: list[Pull]) -> None:
    found = []
    for pull in pulls:
        path = f"/pulls/{pull.ref.repo}/{pull.ref.number}"
        schema = described(stranger, "/pulls/{host}/{owner}/{repo}/{number}")
        found += faults(schema, get(stranger, path))
    listed = get(stranger, "/runs")
    found += faults(described(stranger, "/runs"), listed)
    for run in listed["runs"]:
        one = get(stranger, f"/runs/{run['id']}")
        found += faults(described(stranger, "/runs/{run_id}"), one)
        for job in one["jobs"]:
            page = get(stranger, f"/jobs/{job['id']}/log")
            found += faults(described(stranger, "/jobs/{job_id}/log"), page)
    locks = get(stranger, "/locks")
    found += faults(described(stranger, "/locks"), locks)
    story.settle()
    released = stranger.delete(f"/api/v1/locks/{locks['locks'][0]['id']}", headers=API)
    found += faults(described(stranger, "/locks/{lock_id}", "delete"), json_of(released))

    assert found == []
    assert [lock["waiting"] for lock in locks["locks"]] == [1]
    assert len(listed["runs"]) == 4


def test_a_fault_in_an_answer_is_seen(stranger: FlaskClient) -> None:
    schema = described(stranger, "/locks")

    assert faults(schema, {"locks": [], "surprise": 1}) != []
    assert faults(schema, {"locks": [{"id": 1}]}) != []


def test_a_pull_says_where_its_projects_stand_and_who_holds_their_locks(
    stranger: FlaskClient, pulls: list[Pull]
) -> None:
    shown = get(stranger, f"/pulls/{pulls[0].ref.repo}/{pulls[0].ref.number}")

    dev, prod = shown["projects"]
    assert (dev["status"], prod["status"]) == ("plan_errored", "applied")
    assert prod["outputs"] == {"url": '"https://example.test"'}
    assert prod["lock"]["holder"] == "ann"
    assert prod["job"] in prod["log"]
    assert [run["command"] for run in shown["runs"]] == ["apply", "plan"]


def test_a_failed_job_says_why(stranger: FlaskClient, pulls: list[Pull]) -> None:
    shown = get(stranger, f"/pulls/{pulls[0].ref.repo}/{pulls[0].ref.number}")

    jobs = get(stranger, f"/runs/{shown['runs'][-1]['id']}")["jobs"]

    assert [job["failure"] for job in jobs if job["failure"]] == [
        {"kind": "terraform", "summary": "Error: no such thing"}
    ]


def test_runs_are_listed_page_by_page_without_gaps(stranger: FlaskClient, story: Story) -> None:
    for _ in range(5):
        story.open_pull("prod/main.tf")
    everything = [run["id"] for run in get(stranger, "/runs")["runs"]]
    paged: list[str] = []
    following: str | None = ""
    while following is not None:
        page = get(stranger, f"/runs?limit=2&before={following}" if following else "/runs?limit=2")
        paged += [run["id"] for run in page["runs"]]
        following = page["next_before"]

    assert paged == everything
    assert len(paged) == 5


@pytest.mark.parametrize("query", ["limit=0", "limit=-5", "limit=x", "limit=99999999999999999999", "before=%00x"])
def test_nonsense_in_a_query_is_no_defect(stranger: FlaskClient, pulls: list[Pull], query: str) -> None:
    assert pulls

    assert stranger.get(f"/api/v1/runs?{query}", headers=API).status_code in {200, 404}


def test_a_runs_log_is_that_of_all_its_jobs_or_of_one(stranger: FlaskClient, pulls: list[Pull]) -> None:
    runs = get(stranger, f"/pulls/{pulls[0].ref.repo}/{pulls[0].ref.number}")["runs"]
    plan = get(stranger, f"/runs/{runs[-1]['id']}")
    prod = next(job["id"] for job in plan["jobs"] if (job["project"] or {}).get("dir") == "prod")
    address = f"/api/v1/runs/{plan['id']}/log"

    everything = stranger.get(address, headers=API)
    one = stranger.get(f"{address}?job={prod}", headers=API)

    assert everything.content_type.startswith("text/plain")
    assert sorted(everything.text.splitlines()) == ["planning dev", "planning prod"]
    assert one.text == "planning prod\n"
    assert stranger.get(f"{address}?job=another", headers=API).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/runs/x",
        "/runs/x/log",
        "/jobs/x/log",
        "/pulls/github.com/acme/infra/1",
        "/pulls/github.com/acme/infra/99999999999999999999",
        "/pulls/github.com/acme/infra/%00/1",
        "/nothing",
    ],
)
def test_what_is_not_there_is_a_problem_document(stranger: FlaskClient, path: str) -> None:
    answer = stranger.get(f"/api/v1{path}", headers=API)

    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
    assert set(json_of(answer)) == {"title", "detail", "status"}


def test_a_lock_in_use_is_not_released(stranger: FlaskClient, story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.worker.silent.add("prod")
    story.comment(pull, "thera apply")
    story.settle()
    lock = get(stranger, "/locks")["locks"][0]

    answer = stranger.delete(f"/api/v1/locks/{lock['id']}", headers=API)

    assert answer.status_code == 409
    assert "being applied" in json_of(answer)["detail"]
    assert story.locked() == ["prod"]


def test_a_released_lock_goes_to_the_next_in_line(stranger: FlaskClient, story: Story) -> None:
    first, second = story.open_pull("prod/main.tf"), story.open_pull("prod/main.tf")
    story.settle()
    lock = get(stranger, "/locks")["locks"][0]
    assert lock["waiting"] == 1

    stranger.delete(f"/api/v1/locks/{lock['id']}", headers=API)
    story.settle()

    assert story.standing(first) == {"prod": "plan_discarded"}
    assert story.standing(second) == {"prod": "planned"}
    assert stranger.delete(f"/api/v1/locks/{lock['id']}", headers=API).status_code == 404


def test_a_person_may_release_a_lock_from_its_page(person: FlaskClient, story: Story) -> None:
    story.open_pull("prod/main.tf")
    story.settle()
    lock = get(person, "/locks")["locks"][0]

    person.post(f"/locks/{lock['id']}/release", data={"csrf": csrf_of(person, "/locks")})

    assert story.locked() == []
    assert "Released the lock" in person.get("/locks").text
