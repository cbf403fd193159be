"""On a forge that has checks, a status says more than one line: a summary, and remarks on the lines that fail."""

from server.domain.events import RerunAsked
from server.forges.base import Annotation, Capabilities, Permission, StatusState
from tests.support.story import Story
from workers.protocol.results import Diagnostic, Failure, FailureKind

CHECKS = Capabilities(comment_limit=65_000, has_checks=True)
BROKEN = Failure(
    kind=FailureKind.TERRAFORM,
    summary="Unsupported argument",
    diagnostics=(
        Diagnostic(severity="error", summary="Unsupported argument", detail="No `nam` here.", file="main.tf", line=3),
        Diagnostic(severity="error", summary="In a module", file="../../etc/passwd", line=1),
        Diagnostic(severity="warning", summary="Deprecated", file="main.tf", line=9),
    ),
)


def test_a_failed_plan_is_remarked_on_the_line_that_fails(story: Story) -> None:
    story.forge.capabilities = CHECKS
    story.worker.plans["prod"] = BROKEN
    pull = story.open_pull("prod/main.tf")
    story.settle()
    statuses = story.forge.conversations[pull.ref].statuses
    expected = (Annotation(path="prod/main.tf", line=3, message="Unsupported argument\n\nNo `nam` here."),)
    for context in ("thera/plan", "thera/plan: prod/default"):
        status = statuses[pull.head_sha, context]
        assert (status.state, status.annotations) == (StatusState.FAILURE, expected)
        assert "Unsupported argument" in status.summary


def test_a_status_of_one_project_tells_of_that_project_only(story: Story) -> None:
    story.forge.capabilities = CHECKS
    pull = story.open_pull("prod/main.tf", "dev/main.tf")
    story.settle()
    statuses = story.forge.conversations[pull.ref].statuses
    assert "dev" in statuses[pull.head_sha, "thera/plan"].summary
    assert "prod" in statuses[pull.head_sha, "thera/plan: prod/default"].summary
    assert "dev" not in statuses[pull.head_sha, "thera/plan: prod/default"].summary


def test_without_checks_a_status_is_one_line(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    status = story.forge.conversations[pull.ref].statuses[pull.head_sha, "thera/plan"]
    assert (status.summary, status.annotations) == ("", ())


def test_a_check_that_is_run_again_plans_its_project_again(story: Story) -> None:
    pull = story.open_pull("prod/main.tf", "dev/main.tf")
    story.settle()
    story.worker.planned.clear()
    story.hear(RerunAsked(pull.ref.repo, pull.head_sha, "thera/plan: prod/default", "bob"))
    story.settle()
    assert [key.dir for key in story.worker.planned] == ["prod"]
    assert story.standing(pull) == {"prod": "planned", "dev": "planned"}


def test_a_whole_suite_that_is_run_again_plans_everything_again(story: Story) -> None:
    pull = story.open_pull("prod/main.tf", "dev/main.tf")
    story.settle()
    story.worker.planned.clear()
    story.hear(RerunAsked(pull.ref.repo, pull.head_sha, "", "bob"))
    story.settle()
    assert sorted(key.dir for key in story.worker.planned) == ["dev", "prod"]


def test_no_button_applies_and_no_stranger_plans(story: Story) -> None:
    pull = story.open_pull("prod/main.tf")
    story.settle()
    story.worker.planned.clear()
    story.forge.permissions["eve"] = Permission.READ
    story.hear(RerunAsked(pull.ref.repo, pull.head_sha, "thera/apply: prod/default", "bob"))
    story.hear(RerunAsked(pull.ref.repo, pull.head_sha, "thera/plan", "eve"))
    story.hear(RerunAsked(pull.ref.repo, "f" * 40, "thera/plan", "bob"))
    story.settle()
    assert (story.worker.planned, story.worker.applied) == ([], [])
