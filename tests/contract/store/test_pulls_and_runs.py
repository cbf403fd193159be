from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from server.domain.commands import CommandKind
from server.domain.job import JobState
from server.domain.pull import PullState
from server.domain.refs import PullRef, RepoRef
from server.domain.run import RunOutcome, RunState
from server.store.errors import NotStored
from server.store.runs import RunFilters
from tests.contract.store.world import NOW, REPO, World, a_pull, a_run

_LEASE = timedelta(seconds=60)


def test_a_pull_keeps_its_id_when_the_forge_says_something_new(world: World) -> None:
    first = world.pull()
    with world.store.transaction() as uow:
        second = uow.pulls.upsert(replace(a_pull(), title="Smaller \x00 \ud800", head_sha="c" * 40))

    assert second == replace(first, title="Smaller \ufffd ?", head_sha="c" * 40)
    with world.store.reading() as uow:
        assert uow.pulls.get(first.id) == uow.pulls.by_ref(PullRef(REPO, 7)) == second


def test_eight_that_hear_of_a_pull_at_once_store_one(world: World) -> None:
    def hear() -> str:
        with world.store.transaction() as uow:
            return uow.pulls.upsert(a_pull()).id

    assert len(set(world.at_once([hear] * 8))) == 1


def test_a_pull_that_is_not_there_is_said_so(world: World) -> None:
    with world.store.transaction() as uow:
        with pytest.raises(NotStored):
            uow.pulls.get("nothing")
        with pytest.raises(NotStored):
            uow.pulls.get_for_update("nothing")
        assert uow.pulls.by_ref(PullRef(REPO, 1)) is None


def test_open_pulls_are_listed_for_one_repository_or_all(world: World) -> None:
    other = RepoRef("gitlab.com", "acme/web")
    one, two = world.pull(1), world.pull(2, repo=other)
    closed = world.pull(3)
    with world.store.transaction() as uow:
        uow.pulls.close(closed.id, state=PullState.MERGED)

        assert [pull.id for pull in uow.pulls.list_open()] == [one.id, two.id]
        assert [pull.id for pull in uow.pulls.list_open(other)] == [two.id]
        assert uow.pulls.repos() == [REPO, other]
        assert uow.pulls.get(closed.id).state is PullState.MERGED


def test_of_eight_publishers_one_gets_the_lease(world: World) -> None:
    pull = world.pull()

    def lease(owner: str) -> bool:
        with world.store.transaction() as uow:
            return uow.pulls.lease_publisher(pull.id, owner=owner, now=NOW, for_=_LEASE)

    assert sum(world.at_once([partial(lease, str(one)) for one in range(8)])) == 1


def test_a_lease_ends_by_release_or_by_time_and_a_late_release_harms_nobody(world: World) -> None:
    pull = world.pull()
    with world.store.transaction() as uow:
        assert uow.pulls.lease_publisher(pull.id, owner="a", now=NOW, for_=_LEASE)
        assert uow.pulls.lease_publisher(pull.id, owner="a", now=NOW, for_=_LEASE)
        assert not uow.pulls.lease_publisher(pull.id, owner="b", now=NOW, for_=_LEASE)
        assert uow.pulls.lease_publisher(pull.id, owner="b", now=NOW + _LEASE, for_=_LEASE)
        uow.pulls.release_publisher(pull.id, owner="a")
        assert not uow.pulls.lease_publisher(pull.id, owner="c", now=NOW + _LEASE, for_=_LEASE)
        uow.pulls.release_publisher(pull.id, owner="b")
        assert uow.pulls.lease_publisher(pull.id, owner="c", now=NOW + _LEASE, for_=_LEASE)


def test_a_run_reads_back_as_it_was_saved(world: World) -> None:
    run = world.run(world.pull())
    changed = replace(
        run, state=RunState.DONE, outcome=RunOutcome.LOST, note="é\x00", finished_at=NOW, forge_facts=None
    )
    with world.store.transaction() as uow:
        assert uow.runs.get_for_update(run.id) == run
        uow.runs.save(changed)
        with pytest.raises(NotStored):
            uow.runs.get_for_update("nothing")

    with world.store.reading() as uow:
        assert uow.runs.get(run.id) == replace(changed, note="é\ufffd")
        assert uow.runs.get("nothing") is None


def test_the_run_under_way_comes_first_even_if_a_clock_was_late(world: World) -> None:
    pull = world.pull()
    early = replace(a_run(pull, state=RunState.PENDING), id="0" * 26)
    under_way, pending, done = (
        world.run(pull, state=state) for state in (RunState.OPEN, RunState.PENDING, RunState.DONE)
    )
    with world.store.transaction() as uow:
        uow.runs.add(early)

        assert [run.id for run in uow.runs.open_of(pull.id)] == [under_way.id, early.id, pending.id]
        assert [run.id for run in uow.runs.unfinished(limit=9)] == [early.id, under_way.id, pending.id]
        assert [run.id for run in uow.runs.of_pull(pull.id, limit=1)] == [done.id]


def test_open_runs_without_work_are_found(world: World) -> None:
    pull = world.pull()
    busy, stuck, _pending = world.run(pull), world.run(pull), world.run(pull, state=RunState.PENDING)
    world.job(busy, state=JobState.RUNNING)
    world.job(stuck, state=JobState.SUCCEEDED)
    world.job(stuck, state=JobState.WAITING)

    with world.store.reading() as uow:
        assert [run.id for run in uow.runs.open_without_open_jobs(limit=9)] == [stuck.id]


def test_pages_of_runs_follow_each_other_and_obey_filters(world: World) -> None:
    pull, other = world.pull(1), world.pull(2, repo=RepoRef("gitlab.com", "acme/web"))
    runs = [world.run(pull) for _ in range(3)] + [world.run(other, kind=CommandKind.APPLY, state=RunState.DONE)]
    with world.store.reading() as uow:
        first = uow.runs.recent(limit=2)
        second = uow.runs.recent(limit=2, before_id=first[-1].run.id)

        assert [row.run for row in first + second] == runs[::-1]
        assert [row.pull for row in first + second] == [other, pull, pull, pull]
        assert [row.run for row in uow.runs.recent(limit=9, filters=RunFilters(repo=other.ref.repo))] == [runs[3]]
        assert [row.run for row in uow.runs.recent(limit=9, filters=RunFilters(kind=CommandKind.APPLY))] == [runs[3]]
        assert len(uow.runs.recent(limit=9, filters=RunFilters(pull_id=pull.id, state=RunState.OPEN))) == 3
