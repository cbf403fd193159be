"""GitLab with "Pipelines must succeed": every status settles, and Thera is kept from nothing by its own."""

import random
from collections.abc import Callable

import pytest

from sandbox.faces import GITLAB
from sandbox.gitlab.judge import detailed_merge_status
from sandbox.gitlab.pipelines import add_pipeline
from sandbox.gitlab.state import Job
from sandbox.model import Pull
from tests.support.installation import REPO, Installation

Install = Callable[..., Installation]
pytestmark = [pytest.mark.terraform, pytest.mark.slow]

GATED = """\
repos:
  - id: /.*/
    apply_requirements: [mergeable]
"""
PARTS = ("a", "b", "c")
MERGE_REQUESTS = 6


def merge_status(thera: Installation, pull: Pull) -> str:
    return detailed_merge_status(thera.forge.gitlab, thera.forge.forge.repo(REPO), pull)


def run_lint(thera: Installation, pull: Pull, status: str) -> None:
    """Have GitLab run a pipeline of the project's own for a merge request: one that Thera has nothing to do with."""
    hub, repo = thera.forge.gitlab, thera.forge.forge.repo(REPO)
    pipeline = add_pipeline(hub, repo, pull.head_sha, pull.head_ref, "ann", pull=pull.number)
    job = Job(hub.forge.ids.next(), "lint", "ann", pull.head_ref, status=status, external=False)
    pipeline.jobs.append(job)


def unsettled(thera: Installation, pull: Pull) -> list[str]:
    """List the statuses, over all pipelines of the head, that never came to an end."""
    pipelines = thera.forge.gitlab.project(thera.forge.forge.repo(REPO)).pipelines
    jobs = [job for one in pipelines if one.sha == pull.head_sha for job in one.jobs if job.external]
    return [f"{job.name} is {job.status}" for job in jobs if job.status in {"created", "pending", "running"}]


@pytest.mark.parametrize("own_pipeline", [False, True], ids=["no pipeline of its own", "beside a pipeline"])
def test_statuses_settle_and_the_gate_opens_when_everything_is_applied(one_box: Install, *, own_pipeline: bool) -> None:
    thera = one_box(policy=GATED, face=GITLAB)
    thera.create_repo({"README.md": "# Infrastructure\n"})
    thera.forge.gitlab.settings(REPO).only_allow_merge_if_pipeline_succeeds = True
    chance = random.Random(7)  # noqa: S311  (an order to try, repeatable)

    for number in range(MERGE_REQUESTS):
        names = [f"mr{number}-{part}" for part in PARTS]
        code = {f"{name}/main.tf": thera.backend(name) + 'resource "terraform_data" "it" {}\n' for name in names}
        pull = thera.open_pull(code, branch=f"change-{number}")
        if own_pipeline:
            run_lint(thera, pull, "success")
        thera.wait_for_statuses(pull, plan="success", apply="pending")
        assert merge_status(thera, pull) in {"ci_must_pass", "ci_still_running"}

        for name in chance.sample(names, len(names)):
            asked = thera.comment(pull, f"thera apply -d {name}")
            thera.wait_for_comment(pull, "### Applied", after=asked)
        thera.wait_for_statuses(pull, apply="success")

        thera.wait_until(lambda: not unsettled(thera, pull), "every status to settle", pull=pull)  # noqa: B023  (at once)
        assert merge_status(thera, pull) == "mergeable"
    assert "Cannot transition" not in thera.front.log


def test_a_red_job_of_somebody_else_keeps_an_apply_back(one_box: Install) -> None:
    thera = one_box(policy=GATED, face=GITLAB)
    thera.create_repo({"README.md": "# Infrastructure\n"})
    thera.forge.gitlab.settings(REPO).only_allow_merge_if_pipeline_succeeds = True
    pull = thera.open_pull({"prod/main.tf": thera.lab("prod", content="one")})
    run_lint(thera, pull, "failed")
    thera.wait_for_statuses(pull, plan="success")

    asked = thera.comment(pull, "thera apply")
    refused = thera.wait_for_comment(pull, "refused", after=asked)
    assert "lint" in refused.body
    assert thera.operations("prod") == []
