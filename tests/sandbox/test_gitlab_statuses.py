"""Commit statuses are jobs of pipelines, and move as GitLab lets them."""

import pytest

from sandbox.gitlab.pipelines import add_pipeline, pipeline_status
from sandbox.gitlab.state import Job, Pipeline
from sandbox.server import SandboxServer
from tests.sandbox.conftest import NAME
from tests.sandbox.gitlab_lab import Lab


@pytest.fixture
def lab(server: SandboxServer) -> Lab:
    return Lab(server)


def post(
    lab: Lab, sha: str, state: str, *, who: str = "ann", name: str = "thera/plan", **more: object
) -> dict[str, object]:
    answer = lab.ask("POST", f"/statuses/{sha}", {"state": state, "name": name, **more}, who=who)
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert isinstance(found, dict)
    return found


def refusal(lab: Lab, sha: str, **asked: object) -> tuple[int, object]:
    answer = lab.ask("POST", f"/statuses/{sha}", asked)
    return answer.status_code, answer.json()


@pytest.fixture
def sha(lab: Lab) -> str:
    lab.opened()
    return lab.server.forge.pull(NAME, 1).head_sha


def test_the_first_status_makes_an_external_pipeline(lab: Lab, sha: str) -> None:
    made = post(lab, sha, "running", ref="change", description="Planning", target_url="https://thera.example/1")
    head = lab.pull(1).head_pipeline
    assert (head["id"], head["source"], head["status"]) == (made["pipeline_id"], "external", "running")
    (status,) = lab.read(f"/repository/commits/{sha}/statuses")
    assert (status["name"], status["description"], status["target_url"]) == (
        "thera/plan",
        "Planning",
        "https://thera.example/1",
    )


def test_without_a_ref_the_branch_is_the_first_that_has_the_commit(lab: Lab, sha: str) -> None:
    assert post(lab, sha, "success")["ref"] == "change"


@pytest.mark.parametrize(
    ("first", "second", "event"),
    [("running", "running", "run"), ("pending", "pending", "enqueue"), ("running", "pending", "enqueue")],
)
def test_a_status_does_not_move_to_where_it_is(lab: Lab, sha: str, first: str, second: str, event: str) -> None:
    post(lab, sha, first)
    words = f'Cannot transition status via :{event} from :{first} (Reason(s): Status cannot transition via "{event}")'
    assert refusal(lab, sha, state=second, name="thera/plan") == (400, {"message": words})


def test_a_status_that_is_over_is_begun_anew(lab: Lab, sha: str) -> None:
    first = post(lab, sha, "running")
    assert post(lab, sha, "success")["id"] == first["id"]
    second = post(lab, sha, "running")
    assert second["id"] != first["id"]
    assert [one["id"] for one in lab.read(f"/repository/commits/{sha}/statuses")] == [second["id"]]
    assert [one["id"] for one in lab.read(f"/repository/commits/{sha}/statuses?all=true")] == [
        first["id"],
        second["id"],
    ]


def test_two_people_have_two_statuses_of_one_name(lab: Lab, sha: str) -> None:
    first = post(lab, sha, "running")
    assert post(lab, sha, "running", who="bob")["id"] != first["id"]


def test_a_status_goes_to_the_pipeline_that_is_named(lab: Lab, sha: str) -> None:
    forge, hub = lab.server.forge, lab.server.gitlab
    repo = forge.repo(NAME)
    branch = add_pipeline(hub, repo, sha, "change", "ann")
    merge = add_pipeline(hub, repo, sha, "refs/merge-requests/1/head", "ann", source="merge_request_event", pull=1)
    assert lab.pull(1).head_pipeline["id"] == merge.id
    assert post(lab, sha, "success", ref="change")["pipeline_id"] == branch.id
    assert post(lab, sha, "success", name="no ref")["pipeline_id"] == merge.id
    assert post(lab, sha, "success", name="named", pipeline_id=branch.id)["pipeline_id"] == branch.id
    words = {"message": "404 Pipeline for pipeline_id, sha and ref Not Found"}
    assert refusal(lab, sha, state="success", pipeline_id=branch.id, ref="main") == (404, words)


def test_what_makes_no_sense_is_refused(lab: Lab, sha: str) -> None:
    assert refusal(lab, sha) == (400, {"error": "state is missing"})
    assert refusal(lab, sha, state="great") == (400, {"error": "state does not have a valid value"})
    assert refusal(lab, "0" * 40, state="success") == (404, {"message": "404 Commit Not Found"})


def test_a_status_is_held_to_the_rules_of_its_fields(lab: Lab, sha: str) -> None:
    pipeline = add_pipeline(lab.server.gitlab, lab.server.forge.repo(NAME), sha, "change", "ann")
    pipeline.jobs.append(Job(7, "unit", "ann", "change", status="success", external=False))
    for asked, problem in (
        ({"target_url": "https://x/" + "x" * 250}, {"target_url": ["is too long (maximum is 255 characters)"]}),
        ({"target_url": "thera"}, {"target_url": ["is blocked: Only allowed schemes are http, https"]}),
        ({"name": "unit"}, {"name": ["has already been taken"]}),
    ):
        assert refusal(lab, sha, state="success", **asked) == (400, {"message": problem})
    assert refusal(lab, sha, state="success", pipeline_id="x") == (400, {"error": "pipeline_id is invalid"})


def test_a_reader_sets_no_status(lab: Lab, sha: str) -> None:
    lab.server.forge.permit(NAME, "acme", "read")
    answer = lab.ask("POST", f"/statuses/{sha}", {"state": "success"}, who="acme")
    assert (answer.status_code, answer.json()) == (403, {"message": "403 Forbidden"})


def test_the_forge_knows_a_status_in_its_own_words(lab: Lab, sha: str) -> None:
    for state in ("pending", "running", "failed"):
        post(lab, sha, state, description=state)
    (found,) = lab.server.forge.repo(NAME).latest_statuses(sha)
    assert (found.context, found.state, found.description, found.author) == ("thera/plan", "failure", "failed", "ann")


@pytest.mark.parametrize(
    ("jobs", "status"),
    [
        ([], "created"),
        (["success", "skipped"], "success"),
        (["skipped"], "skipped"),
        (["success", "failed"], "failed"),
        (["failed", "running"], "running"),
        (["success", "pending"], "running"),
        (["pending", "created"], "pending"),
        (["success", "canceled"], "canceled"),
    ],
)
def test_a_pipelines_status_is_composed_of_its_jobs(jobs: list[str], status: str) -> None:
    made = [Job(n, f"job {n}", "ann", "change", status=one) for n, one in enumerate(jobs)]
    assert pipeline_status(Pipeline(1, 1, "0" * 40, "change", "push", "ann", jobs=made)) == status


def test_pipelines_and_their_jobs_are_listed(lab: Lab, sha: str) -> None:
    pipeline = add_pipeline(lab.server.gitlab, lab.server.forge.repo(NAME), sha, "change", "ann")
    pipeline.jobs.append(Job(7, "unit", "ann", "change", status="failed", external=False))
    post(lab, sha, "success", ref="change")
    found = lab.project().pipelines.get(pipeline.id)
    assert found.status == "failed"
    assert [job.name for job in found.jobs.list(iterator=True)] == ["unit"]
    assert list(found.bridges.list(iterator=True)) == []
    assert [one.id for one in lab.project().pipelines.list(ref="change", iterator=True)] == [pipeline.id]
    assert [one["id"] for one in lab.read("/merge_requests/1/pipelines")] == [pipeline.id]
    assert {one["name"] for one in lab.read(f"/repository/commits/{sha}/statuses")} == {"unit", "thera/plan"}


def test_the_pipelines_of_a_fork_are_of_its_own(lab: Lab) -> None:
    forge = lab.server.forge
    forge.create_repo("ann/infra", {"main.tf": "one\n"})
    fork = forge.repo("ann/infra")
    fork.git.copy_from(forge.repo(NAME).git, "refs/heads/main", "refs/heads/main")
    sha = forge.commit("ann/infra", "change", {"main.tf": "two\n"})
    number = forge.open_pull(NAME, head="change", title="x", author="ann", head_repo="ann/infra")
    assert refusal(lab, sha, state="success") == (404, {"message": "404 References for commit Not Found"})
    post(lab, sha, "success", ref="change")
    assert lab.pull(number).head_pipeline is None
