"""Many projects at once: the provider cache is cold, and everything runs side by side."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from server.comments.marker import parse_marker
from tests.support.installation import Installation

Install = Callable[..., Installation]
pytestmark = [pytest.mark.terraform, pytest.mark.slow]

# Each plan waits until all four have come this far: together or never.
MEETING = """\
repos:
  - id: /.*/
    workflow: meet
workflows:
  meet:
    plan:
      steps:
        - init
        - run: touch {place}/$PROJECT_NAME; until [ "$(ls {place} | wc -l)" -ge 4 ]; do sleep 0.05; done
        - plan
"""


def test_twelve_projects_share_a_cold_provider_cache_without_an_error(one_box: Install) -> None:
    thera = one_box(concurrency=4)
    names = [f"part{number}" for number in range(12)]

    pull = thera.open_pull({f"{name}/main.tf": thera.lab(name, content=name) for name in names})

    planned = thera.wait_for_comment(pull, "### Plan:", '"outcome":"succeeded"')
    marker = parse_marker(planned.body)
    assert marker is not None
    assert {project["dir"]: project["status"] for project in marker["projects"]} == dict.fromkeys(names, "planned")
    assert len(thera.says(pull)) == 1
    thera.wait_for_statuses(pull, plan="success")


def test_projects_are_planned_side_by_side(either: Install, tmp_path: Path) -> None:
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    thera = either(policy=MEETING.format(place=meeting), concurrency=4, workers=2)
    names = [f"part{number}" for number in range(4)]
    listed = "".join(f"  - dir: {name}\n    name: {name}\n" for name in names)

    pull = thera.open_pull(
        {
            "thera.yaml": f"version: 3\nprojects:\n{listed}",
            **{f"{name}/main.tf": thera.lab(name, plan_sleep=3) for name in names},
        }
    )

    thera.wait_for_comment(pull, "### Plan:", '"outcome":"succeeded"')
    jobs = thera.jobs("plan")
    assert len(list(meeting.iterdir())) == len(jobs) == 4
    took = max(moment(job["finished_at"]) for job in jobs) - min(moment(job["claimed_at"]) for job in jobs)
    planning = [seconds for job in jobs for name, seconds in document(job["report"])["seconds"] if name == "plan"]
    assert took.total_seconds() < sum(planning), planning


def test_a_large_repository_is_fetched_once_for_each_commit_however_many_projects_it_touches(one_box: Install) -> None:
    thera = one_box(concurrency=2)
    names = [f"team{number % 20}/app{number}" for number in range(400)]
    thera.create_repo({f"{name}/main.tf": "" for name in names})
    pull = thera.open_pull({f"{name}/main.tf": 'resource "terraform_data" "it" {}\n' for name in names[:6]})
    thera.wait_for_comment(pull, "### Plan:", '"outcome":"succeeded"')

    fetched = fetches(thera)
    thera.comment(pull, "thera plan")
    thera.wait_for_comment(pull, '"command":"plan"', '"outcome":"succeeded"', after=pull.comments[-1].id)

    # One conversation of git's protocol asks for the refs and one for the objects: for all six checkouts together.
    assert fetched <= 2
    assert fetches(thera) == fetched, "a commit that is here is not fetched again"


def fetches(thera: Installation) -> int:
    """Count what the forge was asked for by git."""
    return sum(path.endswith("git-upload-pack") for verb, path in thera.forge.faults.requests if verb == "POST")


def moment(value: Any) -> datetime:
    """Read a time as either database gives it."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def document(value: Any) -> dict[str, Any]:
    """Read a document as either database gives it."""
    found: dict[str, Any] = json.loads(value) if isinstance(value, str) else value
    return found
