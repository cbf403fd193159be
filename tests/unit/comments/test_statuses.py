"""Commit statuses are a function of a pull's projects."""
# ruff: noqa: E501, RUF001  (the words of comments, as they are)

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from server.comments.statuses import StatusLine, statuses, stopped, under_way
from server.comments.view import ProjectView
from server.domain.project import SETTLED, ProjectStatus
from tests.unit.comments.examples import PLANNED
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import Counts

S = ProjectStatus


def in_states(*states: ProjectStatus) -> list[ProjectView]:
    return [
        ProjectView(key=ProjectKey(f"p{number}"), status=status, counts=Counts(add=number))
        for number, status in enumerate(states)
    ]


def aggregates(*states: ProjectStatus) -> list[tuple[str, str]]:
    return [(line.state, line.description) for line in statuses(in_states(*states), prefix="thera", each=False)]


@pytest.mark.parametrize(
    ("states", "plan", "apply"),
    [
        ((), ("success", "0/0 projects planned successfully."), ("success", "0/0 projects applied successfully.")),
        ((S.PENDING, S.PLANNED), ("pending", "Plan in progress: 1/2 projects planned."), ("pending", "0/2 projects applied.")),
        ((S.PLANNED, S.NO_CHANGES), ("success", "2/2 projects planned successfully."), ("pending", "0/2 projects applied (1 up to date).")),
        ((S.PLAN_FAILED, S.LOCKED), ("failure", "1/2 projects failed to plan."), ("pending", "0/2 projects applied.")),
        ((S.LOCKED, S.STALE, S.DISCARDED), ("pending", "0/3 projects planned, 1 waiting for a lock, 1 out of date, 1 discarded."), ("pending", "0/3 projects applied.")),
        ((S.NO_CHANGES,), ("success", "1/1 projects planned successfully."), ("success", "1/1 projects up to date.")),
        ((S.APPLYING, S.APPLIED), ("success", "2/2 projects planned successfully."), ("pending", "Apply in progress: 1/2 projects applied.")),
        ((S.APPLIED, S.APPLIED, S.PLANNED), ("success", "3/3 projects planned successfully."), ("pending", "2/3 projects applied.")),
        ((S.APPLIED, S.APPLY_FAILED), ("success", "2/2 projects planned successfully."), ("failure", "1/2 projects failed to apply.")),
        ((S.LOST, S.APPLY_FAILED), ("success", "2/2 projects planned successfully."), ("failure", "1/2 projects lost while applying, 1/2 projects failed to apply.")),
        ((S.APPLIED, S.NO_CHANGES), ("success", "2/2 projects planned successfully."), ("success", "1/2 projects applied successfully (1 up to date).")),
    ],
)  # fmt: skip
def test_the_aggregates_follow_from_the_projects(
    states: tuple[ProjectStatus, ...], plan: tuple[str, str], apply: tuple[str, str]
) -> None:
    assert aggregates(*states) == [plan, apply]


def test_each_project_has_statuses_of_its_own() -> None:
    lines = statuses([PLANNED, *in_states(*S)], prefix="thera")

    assert [(line.context, line.state, line.description) for line in lines] == snapshot(
        [
            ("thera/plan", "pending", "Plan in progress: 8/13 projects planned."),
            ("thera/apply", "pending", "Apply in progress: 1/13 projects applied (1 up to date)."),
            (
                "thera/plan: network",
                "success",
                "Plan: + 1 to add, ~ 1 to change, ± 1 to replace, − 1 to destroy, ← 1 to import, → 1 to move, 2 outputs to change.",
            ),
            ("thera/plan: p0/default", "pending", "Plan in progress..."),
            ("thera/plan: p1/default", "pending", "Waiting for another pull request's lock."),
            ("thera/plan: p2/default", "success", "Plan: + 2 to add."),
            ("thera/plan: p3/default", "success", "Plan: + 3 to add."),
            ("thera/plan: p4/default", "failure", "Plan failed."),
            ("thera/plan: p5/default", "success", "Plan: + 5 to add."),
            ("thera/plan: p6/default", "success", "Plan: + 6 to add."),
            ("thera/apply: p6/default", "pending", "Apply in progress..."),
            ("thera/plan: p7/default", "success", "Plan: + 7 to add."),
            ("thera/apply: p7/default", "success", "Apply succeeded."),
            ("thera/plan: p8/default", "success", "Plan: + 8 to add."),
            ("thera/apply: p8/default", "failure", "Apply failed."),
            ("thera/plan: p9/default", "success", "Plan: + 9 to add."),
            ("thera/apply: p9/default", "failure", "Contact lost while applying; the state may be ahead."),
            ("thera/plan: p10/default", "pending", "The plan was discarded."),
            ("thera/plan: p11/default", "pending", "The plan is out of date."),
        ]
    )


def test_a_run_without_projects_yet_is_pending() -> None:
    assert under_way("thera", "plan") == StatusLine("thera/plan", "pending", "Plan in progress...")
    assert stopped("thera", "apply") == StatusLine("thera/apply", "failure", "Apply failed.")
    assert stopped("thera", "plan", "x" * 200).description == "x" * 139 + "…"


def test_a_long_context_keeps_its_identity() -> None:
    one, other = (replace(PLANNED, key=ProjectKey("a" * 300, name)) for name in ("one", "other"))

    contexts = {line.context for line in statuses([one, other], prefix="thera")}

    assert len(contexts) == 4
    assert max(map(len, contexts)) == 255


@given(st.lists(st.sampled_from(S)))
def test_apply_is_a_success_only_when_nothing_is_left_to_apply(states: list[ProjectStatus]) -> None:
    apply = aggregates(*states)[1]

    assert (apply[0] == "success") == all(status in SETTLED for status in states)


@given(st.lists(st.sampled_from(S)))
def test_no_description_is_too_long(states: list[ProjectStatus]) -> None:
    for line in statuses(in_states(*states), prefix="thera"):
        assert 0 < len(line.description) <= 140
