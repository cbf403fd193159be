"""A store to try things on, and rows to begin with."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Engine

from server.domain.commands import Command, CommandKind
from server.domain.job import Job, JobState
from server.domain.pull import Pull, PullState
from server.domain.refs import PullRef, RepoRef
from server.domain.run import Run, RunState, Trigger
from server.store.bells import Bell
from server.store.ids import new_id
from server.store.unit_of_work import Store
from workers.protocol.jobs import Phase, ProjectKey

T = TypeVar("T")

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
REPO = RepoRef("github.com", "acme/infra")


@dataclass
class World:
    """A store, what it rang, and makers of rows."""

    engine: Engine
    rung: list[Bell] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = Store(self.engine, self.rung.append)

    def pull(self, number: int = 7, *, repo: RepoRef = REPO, state: PullState = PullState.OPEN) -> Pull:
        with self.store.transaction() as uow:
            return uow.pulls.upsert(a_pull(number, repo=repo, state=state))

    def run(self, pull: Pull, *, state: RunState = RunState.OPEN, kind: CommandKind = CommandKind.PLAN) -> Run:
        run = a_run(pull, state=state, kind=kind)
        with self.store.transaction() as uow:
            uow.runs.add(run)
        return run

    def job(self, run: Run, *, state: JobState = JobState.QUEUED, wave: int = 0, pool: str = "default") -> Job:
        job = a_job(run, state=state, wave=wave, pool=pool)
        with self.store.transaction() as uow:
            uow.jobs.add_all([job])
        return job

    def at_once(self, acts: list[Callable[[], T]]) -> list[T]:
        """Do things in as many threads, and give what each gave."""
        with ThreadPoolExecutor(len(acts)) as pool:
            return [future.result() for future in [pool.submit(act) for act in acts]]


def a_pull(number: int = 7, *, repo: RepoRef = REPO, state: PullState = PullState.OPEN) -> Pull:
    return Pull(
        ref=PullRef(repo, number),
        title="Make it bigger",
        author="ann",
        url=f"https://forge.example/{number}",
        state=state,
        draft=False,
        head_sha="a" * 40,
        head_ref="bigger",
        head_repo=repo.full_name,
        head_fetch_ref=f"refs/pull/{number}/head",
        base_sha="b" * 40,
        base_ref="main",
        clone_url="https://forge.example/acme/infra.git",
    )


def a_run(pull: Pull, *, state: RunState = RunState.OPEN, kind: CommandKind = CommandKind.PLAN) -> Run:
    return Run(
        id=new_id(),
        pull_id=pull.id,
        command=Command(kind=kind, only=(ProjectKey("prod"),), extra_args=("-target=x",)),
        trigger=Trigger.COMMENT,
        actor="ann",
        state=state,
        head_sha=pull.head_sha,
        base_sha=pull.base_sha,
        created_at=NOW,
        forge_facts={"approved": True},
    )


def a_job(run: Run, *, state: JobState = JobState.QUEUED, wave: int = 0, pool: str = "default") -> Job:
    return Job(
        id=new_id(),
        run_id=run.id,
        phase=Phase.PLAN,
        project=ProjectKey("prod", "blue", "big"),
        wave=wave,
        state=state,
        attempt=1,
        pool=pool,
        spec={"steps": [{"name": "init"}]},
        created_at=NOW,
    )
