"""The questions that are asked every few seconds are answered from an index, however long the history is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from server.domain.refs import RepoRef
from server.store.unit_of_work import UnitOfWork
from tests.contract.store.world import NOW, World
from workers.protocol.jobs import ProjectKey

_QUESTIONS: dict[str, Callable[[UnitOfWork], Any]] = {
    "ix_deliveries_waiting": lambda uow: uow.deliveries.due(NOW, limit=9),
    "ix_pulls_open": lambda uow: uow.pulls.list_open(RepoRef("h", "a/b")),
    "ix_runs_unfinished": lambda uow: uow.runs.open_of("p"),
    "ix_runs_pull_id_id": lambda uow: uow.runs.of_pull("p", limit=9),
    "ix_jobs_run_id_wave_id": lambda uow: uow.jobs.of_run("r"),
    "ix_jobs_queued": lambda uow: uow.jobs.queued(limit=9, rung_before=NOW),
    "ix_jobs_running": lambda uow: uow.jobs.silent(before=NOW),
    "ix_outbox_unsent": lambda uow: uow.outbox.pulls_due(now=NOW, limit=9),
    "ix_projects_dir_workspace": lambda uow: uow.projects.with_plan_elsewhere(
        repo=RepoRef("h", "a/b"), key=ProjectKey("prod"), except_pull="p"
    ),
}


@contextmanager
def _statements_of(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _u: Any, statement: str, parameters: Any, _x: Any, _m: Any) -> None:
        seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("index", _QUESTIONS)
def test_a_frequent_question_uses_its_index(world: World, index: str) -> None:
    with _statements_of(world.engine) as seen, world.store.reading() as uow:
        _QUESTIONS[index](uow)
    statement, parameters = seen[-1]
    explain = "EXPLAIN QUERY PLAN " if world.engine.dialect.name == "sqlite" else "EXPLAIN "
    with world.engine.connect() as connection:
        if world.engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET enable_seqscan = off")  # the tables are empty
        plan = connection.exec_driver_sql(explain + statement, parameters).fetchall()

    assert index in str(plan)
