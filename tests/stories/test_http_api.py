"""Programs ask for plans and applies as Atlantis's clients do, and pass the gates that comments pass."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator
from werkzeug.test import TestResponse

from server.config.server_file import RepoEntry, ServerFile
from server.domain.errors import TryLater
from server.domain.pull import Pull
from server.forges.allowlist import Allowlist
from server.orchestration.claims import ServerGateway
from server.orchestration.context import TeamRule
from server.web.app import make_app
from server.web.openapi import document
from server.web.settings import WebSettings
from tests.support.scripted_worker import BROKEN
from tests.support.story import Story

TOKEN = "a-token-of-the-api-0123456789"
SENT = {"X-Atlantis-Token": TOKEN}
NAMED = "version: 3\nprojects:\n- {name: one, dir: prod}\n- {name: two, dir: dev}\n"


def policy(**entry: object) -> ServerFile:
    return ServerFile(repos=[RepoEntry.model_validate({"id": "/.*/", **entry})])


def client_of(story: Story, **changes: object) -> FlaskClient:
    """Make a client whose every wait lets Thera and its worker go on."""

    def pause(_: float) -> None:
        story.settle()

    settings = WebSettings(
        secret_key="a key for tests only",
        worker_token="worker-token-0123456789",
        username="thera",
        password="correct horse battery",
        api_tokens=("another-token-0123456789", TOKEN),
        secure_cookies=False,
        version="1.2.3",
        ready=lambda: {"database": True},
        pause=pause,
    )
    changed = replace(settings, **changes)  # type: ignore[arg-type]  # a test's shorthand
    return make_app(story.ctx, ServerGateway(story.ctx), changed).test_client()


def post(
    story: Story, command: str, pull: Pull | None, headers: dict[str, str] = SENT, /, **body: object
) -> TestResponse:
    """Ask for a plan or an apply."""
    about = {} if pull is None else {"Repository": pull.ref.repo.full_name, "PR": pull.ref.number, "Type": "Fake"}
    return client_of(story).post(f"/api/{command}", data=json.dumps({**about, **body}), headers=headers)


def results(answer: TestResponse) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body_of(answer)["ProjectResults"]
    return found


def body_of(answer: TestResponse) -> dict[str, Any]:
    body = answer.json
    assert isinstance(body, dict), answer.text
    return body


def faults(answer: TestResponse, path: str, method: str = "post") -> list[str]:
    """Hold an answer against its own description; what is not described is a fault."""
    text = document("1")
    schema = text["paths"][path][method]["responses"][str(answer.status_code)]["content"]["application/json"]["schema"]
    closed = _closed({**schema, "components": text["components"]})
    return [f"{error.json_path}: {error.message}" for error in OAS31Validator(closed).iter_errors(answer.json)]


def _closed(value: Any) -> Any:
    if isinstance(value, list):
        return [_closed(item) for item in value]
    if not isinstance(value, dict):
        return value
    closed = {name: _closed(item) for name, item in value.items()}
    return closed | ({"additionalProperties": False} if "properties" in value else {})


@pytest.fixture
def pull(story: Story) -> Pull:
    """A pull of two projects, planned when it was opened."""
    opened = story.open_pull("prod/main.tf", "dev/main.tf")
    story.settle()
    return opened


def test_a_plan_is_answered_in_atlantis_form_and_told_on_the_pull(story: Story, pull: Pull) -> None:
    answer = post(story, "plan", pull, Ref=pull.head_ref)

    assert answer.status_code == 200, answer.text
    assert faults(answer, "/api/plan") == []
    body = body_of(answer)
    assert (body["Error"], body["Failure"]) == (None, "")
    assert [(one["RepoRelDir"], one["Workspace"], one["Command"]) for one in results(answer)] == [
        ("dev", "default", 1),
        ("prod", "default", 1),
    ]
    assert results(answer)[1]["PlanSuccess"]["ApplyCmd"] == "thera apply -d prod"
    assert results(answer)[1]["PlanSuccess"]["TerraformOutput"] == "Plan: …"
    assert "asked for by api" in story.last(pull)
    assert body["run"] in body["url"]


def test_only_what_is_named_is_planned(story: Story, pull: Pull) -> None:
    story.tree.files["atlantis.yaml"] = NAMED
    before = len(story.worker.planned)

    answer = post(story, "plan", pull, projects=["one"], PATHS=[{"directory": "dev/"}])

    assert answer.status_code == 200, answer.text
    assert [one["ProjectName"] for one in results(answer)] == ["two", "one"]
    assert len(story.worker.planned) == before + 2
    assert len(story.says(pull)) == 2

    answer = post(story, "apply", pull, Projects=["two"])

    assert [key.name for key in story.worker.applied] == ["two"]
    assert faults(answer, "/api/apply") == []


def test_a_project_in_another_directory_than_was_named_is_not_meant(story: Story, pull: Pull) -> None:
    story.tree.files["atlantis.yaml"] = NAMED

    answer = post(story, "plan", pull, Paths=[{"Directory": "dev", "project_name": "one"}])

    assert answer.status_code == 500
    assert body_of(answer)["Error"] == "The project `one` is in `prod`, not in `dev`."


def test_what_the_plan_failed_of_is_said(story: Story, pull: Pull) -> None:
    story.worker.plans["prod"] = BROKEN

    answer = post(story, "plan", pull)

    assert answer.status_code == 500
    assert faults(answer, "/api/plan") == []
    assert [one["Error"] for one in results(answer)] == [None, "Error: no such thing"]
    assert results(answer)[1]["PlanSuccess"] is None


def test_whoever_holds_the_lock_is_named(story: Story, pull: Pull) -> None:
    second = story.open_pull("prod/main.tf")
    story.settle()

    answer = post(story, "plan", second)

    assert answer.status_code == 500
    assert pull.url in results(answer)[0]["Failure"]


def test_an_apply_is_refused_like_a_comment_until_the_pull_is_approved(database_url: str) -> None:
    story = Story(database_url, server_file=policy(apply_requirements=["approved"]))
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.comment(pull, "thera apply")
    story.settle()
    said = story.last(pull)

    refused = post(story, "apply", pull)

    assert refused.status_code == 500
    assert faults(refused, "/api/apply") == []
    assert "`approved` is required" in body_of(refused)["Failure"]
    assert body_of(refused)["Failure"].splitlines()[-1] in said
    assert story.worker.applied == []

    story.approve(pull)
    done = post(story, "apply", pull, Ref=pull.head_sha)

    assert done.status_code == 200, done.text
    assert [(one["Command"], one["ApplySuccess"]) for one in results(done)] == [(0, "1 added")]
    assert story.standing(pull) == {"prod": "applied"}
    assert "Applied" in story.last(pull)


def test_a_plan_that_is_left_out_of_an_apply_is_a_failure(story: Story, pull: Pull) -> None:
    story.tree.files["atlantis.yaml"] = NAMED.replace("dir: dev", "dir: dev, depends_on: [three]") + (
        "- {name: three, dir: prod, workspace: other, autoplan: {enabled: false}}\n"
    )
    post(story, "plan", pull, Projects=["one", "two", "three"])

    answer = post(story, "apply", pull, Projects=["one", "two"])

    assert answer.status_code == 500
    assert {one["ProjectName"]: bool(one["Failure"]) for one in results(answer)} == {"one": False, "two": True}
    assert "depends on `three`" in results(answer)[1]["Failure"]


def test_an_apply_plans_nothing_anew(story: Story, pull: Pull) -> None:
    planned = len(story.worker.planned)

    post(story, "apply", pull)

    assert len(story.worker.planned) == planned


def test_policies_are_a_result_of_their_own(database_url: str, policies: ServerFile) -> None:
    story = Story(database_url, server_file=policies)
    pull = story.open_pull("prod/main.tf")
    story.settle()

    answer = post(story, "plan", pull)

    assert faults(answer, "/api/plan") == []
    plan, judged = results(answer)
    assert (plan["Command"], judged["Command"]) == (1, 3)
    assert judged["PolicyCheckResults"]["PolicySetResults"][0]["Passed"]


@pytest.fixture
def policies() -> ServerFile:
    sets = {"policy_sets": [{"name": "buckets", "path": "/policies"}]}
    return ServerFile.model_validate({"repos": [{"id": "/.*/"}], "policies": sets})


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_wrong_token_opens_nothing(story: Story, pull: Pull, command: str) -> None:
    for headers in ({}, {"X-Atlantis-Token": TOKEN + "x"}, {"X-Atlantis-Token": ""}, {"Authorization": TOKEN}):
        answer = post(story, command, pull, headers)

        assert answer.status_code == 401
        assert "X-Atlantis-Token" in body_of(answer)["error"]
    assert client_of(story).get("/api/locks").status_code == 401
    assert post(story, command, pull, {"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_without_any_token_everything_is_closed_with_words(story: Story, pull: Pull) -> None:
    client = client_of(story, api_tokens=())

    for answer in (client.post("/api/plan", headers=SENT), client.get("/api/locks", headers={"X-Atlantis-Token": ""})):
        assert answer.status_code == 503
        assert "THERA_API_TOKENS" in body_of(answer)["error"]
    assert story.locked() == ["dev", "prod"]
    assert len(story.says(pull)) == 1


def test_every_mistake_in_a_body_is_said_at_once(story: Story) -> None:
    answer = post(
        story,
        "plan",
        None,
        Repository="infra",
        pr="7",
        Project=["prod"],
        Projects=[],
        Paths=[{"Directory": "../x"}, {"Workspace": "a b"}, {"directory": "x", "Directory": "y", "Directry": "z"}, 3],
        Ref=["main"],
        base_branch="a\u0000",
    )

    assert answer.status_code == 400
    assert body_of(answer)["mistakes"] == [
        "`Project`: there is no such key; did you mean `Projects`?",
        "`Type`: required",
        "`Ref`: expected text; found a list",
        "`base_branch`: it contains characters that cannot be seen",
        "`Repository`: expected a full name, such as acme/infra",
        "`PR`: expected the number of a pull request; found the text 7",
        "`Projects`: is empty; leave it out to mean everything that the pull request changes",
        "`Paths[0].Directory`: it is relative to the repository's root, and `..` is not allowed",
        "`Paths[1].Directory`: required",
        "`Paths[2].Directory`: is there a second time",
        "`Paths[2].Directry`: there is no such key; did you mean `Directory`?",
        "`Paths[3]`: expected an object with a `Directory`; found 3",
    ]


@pytest.mark.parametrize("body", ["", "[]", "{", '{"PR": 1' + "0" * 5000 + "}", "[" * 100_000, "\udc80", "null", '"x"'])
def test_a_body_that_is_no_object_is_a_mistake(story: Story, body: str) -> None:
    sent = body.encode("utf-8", "surrogateescape")

    assert client_of(story).post("/api/plan", data=sent, headers=SENT).status_code == 400


@pytest.mark.parametrize("field", ["Repository", "Ref", "Projects", "Directory"])
def test_half_a_character_is_a_mistake_and_no_defect(story: Story, pull: Pull, field: str) -> None:
    broken = "acme/\ud800"
    values: dict[str, object] = {"Projects": [broken], "Directory": [{"Directory": broken}]}
    key = {"Directory": "Paths"}.get(field, field)

    assert post(story, "plan", pull, **{key: values.get(field, broken)}).status_code == 400


def test_a_plan_without_a_pull_is_refused_with_the_way_forward(story: Story) -> None:
    answer = post(story, "plan", None, Repository="acme/infra", Type="Fake", Ref="main", PR=0)

    assert answer.status_code == 400
    assert "Open one, and give its number" in body_of(answer)["error"]


def test_what_does_not_exist_is_not_planned(story: Story, pull: Pull) -> None:
    assert post(story, "plan", pull, PR=999).status_code == 404
    assert post(story, "plan", pull, Type="Subversion").status_code == 400
    for changes in ({"Ref": "main"}, {"Ref": "a" * 40}, {"base_branch": "release"}):
        answer = post(story, "plan", pull, **changes)
        assert answer.status_code == 409
        assert str(pull.ref) in body_of(answer)["error"]
    assert len(story.says(pull)) == 1


def test_a_repository_is_named_as_the_forge_spells_it(story: Story, pull: Pull) -> None:
    other = replace(pull, ref=replace(pull.ref, repo=replace(pull.ref.repo, full_name="Acme/infra")))
    story.forge.conversations[other.ref] = story.forge.conversations[pull.ref]

    answer = post(story, "plan", other)

    assert answer.status_code == 400
    assert "as in https://forge.test/acme/infra.git" in body_of(answer)["error"]


def test_an_unlisted_repository_is_refused_before_the_forge_is_asked(story: Story, pull: Pull) -> None:
    story.ctx = replace(story.ctx, allowlist=Allowlist.parse("forge.test/other/*"))
    story.forge.down = TryLater("down")

    answer = post(story, "plan", pull)

    assert answer.status_code == 403
    assert "THERA_REPO_ALLOWLIST" in body_of(answer)["error"]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"allowed": ("plan",)}, "THERA_ALLOW_COMMANDS"),
        ({"api_commands": ("plan",)}, "THERA_API_COMMANDS"),
        ({"team_rules": (TeamRule.parse("ops:apply"), TeamRule.parse("*:plan"))}, "THERA_TEAM_ALLOWLIST"),
        ({"disable_apply_all": True}, "apply -d DIR"),
    ],
)
def test_a_program_may_what_the_operator_grants(database_url: str, rules: dict[str, Any], words: str) -> None:
    story = Story(database_url, **rules)
    pull = story.open_pull("prod/main.tf")
    story.settle()

    assert post(story, "plan", pull).status_code == 200
    refused = post(story, "apply", pull)
    assert refused.status_code == 403
    assert words in body_of(refused)["error"]
    assert story.worker.applied == []


def test_the_operators_word_lets_programs_past_teams(database_url: str) -> None:
    story = Story(database_url, team_rules=(TeamRule.parse("ops:apply"),), api_commands=("apply",))
    pull = story.open_pull("prod/main.tf")
    story.settle()

    assert post(story, "apply", pull, Paths=[{"Directory": "prod"}]).status_code == 200
    assert post(story, "plan", pull).status_code == 403


Change = Callable[[Story, Pull], object]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda story, pull: story.close_pull(pull), "closed"),
        (lambda story, _: story.open_pull("dev/main.tf", head_repo="eve/infra"), "fork"),
    ],
)
def test_a_pull_that_is_none_of_our_business_stays_so(story: Story, pull: Pull, change: Change, words: str) -> None:
    other = change(story, pull)

    answer = post(story, "plan", other if isinstance(other, Pull) else pull)

    assert answer.status_code == 403
    assert words in body_of(answer)["error"]


def test_who_does_not_wait_is_told_where_to_look(story: Story, pull: Pull) -> None:
    body = json.dumps({"Repository": "acme/infra", "PR": pull.ref.number, "Type": "Fake"})

    answer = client_of(story, api_wait=timedelta()).post("/api/plan", data=body, headers=SENT)

    assert answer.status_code == 202
    assert faults(answer, "/api/plan") == []
    assert answer.headers["Location"] == body_of(answer)["url"]
    story.settle()
    assert f"/runs/{body_of(answer)['run']}" in story.last(pull)


def test_a_wait_ends_when_its_time_is_over(story: Story, pull: Pull) -> None:
    body = json.dumps({"Repository": "acme/infra", "PR": pull.ref.number, "Type": "Fake"})
    slow = client_of(story, api_wait=timedelta(milliseconds=50), pause=lambda _: None)

    assert slow.post("/api/plan", data=body, headers=SENT).status_code == 202


def test_only_some_may_wait_at_once(story: Story, pull: Pull) -> None:
    """Threads that wait for runs are threads that answer nobody else."""
    body = json.dumps({"Repository": "acme/infra", "PR": pull.ref.number, "Type": "Fake"})
    answered: list[int] = []

    def one_more(_: float) -> None:
        if 202 not in answered:
            answered.append(client.post("/api/plan", data=body, headers=SENT).status_code)
        story.settle()

    client = client_of(story, pause=one_more)
    answered.append(client.post("/api/plan", data=body, headers=SENT).status_code)

    assert answered == [202, 200, 200, 200, 200, 200, 200]


def test_locks_are_listed_in_atlantis_form(story: Story) -> None:
    client = client_of(story)
    none = client.get("/api/locks", headers=SENT)
    assert none.json == {"Locks": []}
    story.tree.files["atlantis.yaml"] = NAMED
    pull = story.open_pull("prod/main.tf")
    story.settle()

    answer = client.get("/api/locks", headers=SENT)

    assert faults(answer, "/api/locks", "get") == []
    (lock,) = body_of(answer)["Locks"]
    assert lock["Name"] == "acme/infra/prod/default/one"
    assert (lock["PullID"], lock["PullURL"], lock["ProjectName"]) == (str(pull.ref.number), pull.url, "one")


def test_the_status_is_told_to_everybody(story: Story) -> None:
    story.worker.silent.add("prod")
    story.open_pull("prod/main.tf")
    story.settle()

    answer = client_of(story, stopping=lambda: True).get("/status")

    assert answer.json == {"shutting_down": True, "in_progress_operations": 1, "version": "1.2.3"}


def test_a_program_that_asks_twice_is_answered_twice(story: Story, pull: Pull) -> None:
    answers = [post(story, "plan", pull), post(story, "plan", pull)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert len({body_of(answer)["run"] for answer in answers}) == 2
