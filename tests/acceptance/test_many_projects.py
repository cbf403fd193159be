"""Many projects at once: the provider cache is cold, and everything runs side by side."""

import json
from collections.abc import Callable

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


@pytest.mark.parametrize("shape", ["one_box", pytest.param("many", marks=[pytest.mark.postgres, pytest.mark.redis])])
def test_projects_are_planned_side_by_side(request: pytest.FixtureRequest, shape: str) -> None:
    install: Install = request.getfixturevalue(shape)
    request.getfixturevalue("tmp_path").joinpath("meeting").mkdir()
    meeting = request.getfixturevalue("tmp_path") / "meeting"
    options = {"concurrency": 4} if shape == "one_box" else {"concurrency": 2, "workers": 2}
    thera = install(policy=MEETING.format(place=meeting), **options)
    names = [f"part{number}" for number in range(4)]
    listed = "".join(f"  - dir: {name}\n    name: {name}\n" for name in names)

    pull = thera.open_pull(
        {
            "thera.yaml": f"version: 3\nprojects:\n{listed}",
            **{f"{name}/main.tf": thera.lab(name, plan_sleep=2) for name in names},
        }
    )

    thera.wait_for_comment(pull, "### Plan:", '"outcome":"succeeded"')
    jobs = thera.jobs("plan")
    reports = [json.loads(job["report"]) if isinstance(job["report"], str) else job["report"] for job in jobs]
    planning = [seconds for report in reports for name, seconds in report["seconds"] if name.endswith(".plan")]
    spans = [job["finished_at"] for job in jobs], [job["claimed_at"] for job in jobs]
    assert len(planning) == 4
    assert max(spans[1]) < min(spans[0]), "every plan began before the first had ended"
