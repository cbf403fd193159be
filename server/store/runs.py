"""Runs: one command on one pull each."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, exists, insert, select, update

from server.domain.commands import Command, CommandKind
from server.domain.job import JobState
from server.domain.pull import Pull
from server.domain.refs import RepoRef
from server.domain.run import Run, RunOutcome, RunState
from server.store.errors import NotStored
from server.store.pulls import pull_of
from server.store.statements import all_rows, is_one_of, one_row
from server.store.tables import jobs, pulls, runs
from workers.protocol.codec import from_data, to_data


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A run and the pull it belongs to, for pages."""

    run: Run
    pull: Pull


@dataclass(frozen=True, kw_only=True)
class RunFilters:
    """Which runs a page shows; what is None does not narrow."""

    repo: RepoRef | None = None
    pull_id: str | None = None
    kind: CommandKind | None = None
    state: RunState | None = None
    outcome: RunOutcome | None = None
    actor: str | None = None


_ALL = RunFilters()


class Runs:
    """The runs of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, run: Run) -> None:
        """Keep a new run."""
        self._connection.execute(insert(runs).values(id=run.id, pull_id=run.pull_id, **_values(run)))

    def get(self, run_id: str) -> Run | None:
        """Read a run."""
        row = one_row(self._connection, select(runs).where(runs.c.id == run_id))
        return None if row is None else _run(row)

    def get_for_update(self, run_id: str) -> Run:
        """Read a run and keep others from changing it until the commit.

        Raises:
            NotStored: there is none with this id.
        """
        statement = select(runs).where(runs.c.id == run_id).with_for_update(key_share=True)
        row = one_row(self._connection, statement)
        if row is None:
            raise NotStored(f"There is no run {run_id}.")
        return _run(row)

    def save(self, run: Run) -> None:
        """Write a run as it is now."""
        self._connection.execute(update(runs).where(runs.c.id == run.id).values(**_values(run)))

    def open_of(self, pull_id: str) -> list[Run]:
        """List a pull's unfinished runs: the one under way first, then the others as they were asked for."""
        # Servers' clocks differ a little, and ids with them: a pending run never comes before an open one.
        statement = (
            select(runs)
            .where(runs.c.pull_id == pull_id, is_one_of(runs.c.state, RunState.PENDING, RunState.OPEN))
            .order_by(runs.c.state == RunState.PENDING, runs.c.id)
        )
        return [_run(row) for row in all_rows(self._connection, statement)]

    def of_pull(self, pull_id: str, *, limit: int) -> list[Run]:
        """List a pull's runs, newest first."""
        statement = select(runs).where(runs.c.pull_id == pull_id).order_by(runs.c.id.desc()).limit(limit)
        return [_run(row) for row in all_rows(self._connection, statement)]

    def unfinished(self, *, limit: int) -> list[Run]:
        """List unfinished runs of all pulls, oldest first."""
        statement = (
            select(runs)
            .where(is_one_of(runs.c.state, RunState.PENDING, RunState.OPEN))
            .order_by(runs.c.id)
            .limit(limit)
        )
        return [_run(row) for row in all_rows(self._connection, statement)]

    def open_without_open_jobs(self, *, limit: int) -> list[Run]:
        """List open runs that nobody works on and nobody will: they have to be advanced."""
        under_way = exists().where(
            jobs.c.run_id == runs.c.id, is_one_of(jobs.c.state, JobState.QUEUED, JobState.RUNNING)
        )
        statement = (
            select(runs)
            .where(
                is_one_of(runs.c.state, RunState.PENDING, RunState.OPEN),  # as the index says it
                runs.c.state == RunState.OPEN,
                ~under_way,
            )
            .order_by(runs.c.id)
            .limit(limit)
        )
        return [_run(row) for row in all_rows(self._connection, statement)]

    def recent(self, *, limit: int, before_id: str | None = None, filters: RunFilters = _ALL) -> list[RunRow]:
        """List runs with their pulls, newest first; the next page begins before the last id of this one."""
        statement = (
            select(*runs.c, *(column.label(f"pull_{column.name}_") for column in pulls.c))
            .join_from(runs, pulls, runs.c.pull_id == pulls.c.id)
            .order_by(runs.c.id.desc())
            .limit(limit)
        )
        if before_id is not None:
            statement = statement.where(runs.c.id < before_id)
        if filters.repo is not None:
            repo = filters.repo
            statement = statement.where(and_(pulls.c.repo_host == repo.host, pulls.c.repo_name == repo.full_name))
        for name in ("pull_id", "kind", "state", "outcome", "actor"):
            wanted = getattr(filters, name)
            if wanted is not None:
                statement = statement.where(runs.c[name] == wanted)
        return [_row(row) for row in all_rows(self._connection, statement)]


def _row(fields: dict[str, Any]) -> RunRow:
    ours = {column.name for column in runs.c}
    pull = {name[5:-1]: value for name, value in fields.items() if name not in ours}
    return RunRow(run=_run({name: fields[name] for name in ours}), pull=pull_of(pull))


def _run(fields: dict[str, Any]) -> Run:
    del fields["kind"]
    return Run(command=from_data(Command, fields.pop("command")), **fields)


def _values(run: Run) -> dict[str, Any]:
    return {
        "kind": run.command.kind,
        "command": to_data(run.command),
        "trigger": run.trigger,
        "actor": run.actor,
        "state": run.state,
        "outcome": run.outcome,
        "head_sha": run.head_sha,
        "base_sha": run.base_sha,
        "note": run.note,
        "comment_key": run.comment_key,
        "cancelled_by": run.cancelled_by,
        "forge_facts": None if run.forge_facts is None else dict(run.forge_facts),
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }
