from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from server.domain.errors import Defect
from server.domain.lock import WHOLE_REPO, Lock, LockKey, Waiter
from server.domain.project import ProjectStatus, PullProject
from server.domain.pull import Pull, PullState
from server.store.artifacts import ArtifactRow
from server.store.ids import new_id
from tests.contract.store.world import NOW, REPO, World
from workers.protocol.jobs import ProjectKey, TerraformChoice
from workers.protocol.results import Counts

PROD, STAGE = LockKey(REPO, "prod", "default"), LockKey(REPO, "stage", "default")
WHOLE = LockKey(REPO, WHOLE_REPO, WHOLE_REPO)


def _lock(pull: Pull, key: LockKey = PROD) -> Lock:
    return Lock(id=new_id(), key=key, pull_id=pull.id, actor="ann", run_id="", acquired_at=NOW)


def _waiter(pull: Pull, key: LockKey = PROD, *, seconds: int = 0) -> Waiter:
    since = NOW + timedelta(seconds=seconds)
    return Waiter(id=new_id(), key=key, pull_id=pull.id, project=ProjectKey(key.dir), actor="ann", since=since)


def _project(pull: Pull, **changes: Any) -> PullProject:
    project = PullProject(
        pull_id=pull.id,
        key=ProjectKey("prod", "default", "big"),
        status=ProjectStatus.PLANNED,
        updated_at=NOW,
        counts=Counts(add=1),
        artifact_id="x",
        terraform=TerraformChoice(distribution="opentofu"),
        outputs={"a": "1"},
        config={"lock_mode": "on_plan"},
    )
    return replace(project, **changes)


def _artifact(pull: Pull, **changes: Any) -> ArtifactRow:
    row = ArtifactRow.new(id=new_id(), pull_id=pull.id, run_id="r", job_id="j", binding={"repo": "x"}, now=NOW)
    return replace(row.holding(sha256="0" * 64, size=3), **changes)


def test_a_second_pull_is_given_the_lock_of_the_first(world: World) -> None:
    first, second = world.pull(1), world.pull(2)
    with world.store.transaction() as uow:
        held = uow.locks.acquire(_lock(first))
        assert uow.locks.acquire(_lock(second)) == held
        assert uow.locks.acquire(_lock(first)) == held
        assert uow.locks.acquire(_lock(second, STAGE)).pull_id == second.id
        assert uow.locks.get(held.id) == held == uow.locks.holder(PROD)
        assert uow.locks.holder(PROD, except_pull=first.id) is None
        assert [lock.key for lock in uow.locks.all()] == [PROD, STAGE]


@pytest.mark.parametrize(("mine", "theirs"), [(WHOLE, PROD), (PROD, WHOLE), (WHOLE, WHOLE)])
def test_a_whole_repository_lock_and_any_part_of_it_exclude_each_other(
    world: World, mine: LockKey, theirs: LockKey
) -> None:
    first, second = world.pull(1), world.pull(2)
    with world.store.transaction() as uow:
        held = uow.locks.acquire(_lock(first, mine))
        assert uow.locks.acquire(_lock(second, theirs)) == held
        assert uow.locks.holder(theirs) == held
        assert uow.locks.acquire(_lock(first, theirs)).pull_id == first.id
        uow.locks.release([lock.id for lock in uow.locks.of_pull(first.id)])
        assert uow.locks.acquire(_lock(second, theirs)).pull_id == second.id


@pytest.mark.parametrize("keys", [[PROD], [WHOLE, PROD, STAGE]])
def test_eight_pulls_that_want_overlapping_locks_never_hold_them_together(world: World, keys: list[LockKey]) -> None:
    pulls = [world.pull(number) for number in range(1, 9)]

    def take(index: int) -> None:
        with world.store.transaction() as uow:
            uow.locks.acquire(_lock(pulls[index], keys[index % len(keys)]))

    world.at_once([partial(take, index) for index in range(8)])

    with world.store.reading() as uow:
        held = uow.locks.all()
    assert len({lock.key for lock in held}) == len(held) >= 1
    if any(lock.key == WHOLE for lock in held):
        assert len(held) == 1


def test_a_line_is_kept_in_order_and_nobody_stands_in_it_twice(world: World) -> None:
    first, second = world.pull(1), world.pull(2)
    with world.store.transaction() as uow:
        uow.locks.enqueue(_waiter(second, seconds=1))
        uow.locks.enqueue(_waiter(first))
        uow.locks.enqueue(_waiter(second, seconds=9))
        uow.locks.enqueue(_waiter(second, WHOLE, seconds=5))

        assert [one.pull_id for one in uow.locks.queue(PROD)] == [first.id, second.id]
        assert [one.key for one in uow.locks.queue_overlapping(STAGE)] == [WHOLE]
        assert [one.key for one in uow.locks.queue_overlapping(WHOLE)] == [PROD, PROD, WHOLE]
        assert [one.key for one in uow.locks.waiting_for(second.id)] == [PROD, WHOLE]
        uow.locks.drop_waiters(pull_id=first.id, key=PROD)
        following = uow.locks.next_waiter(PROD)
        assert following is not None
        assert following.pull_id == second.id
        uow.locks.drop_waiters(pull_id=second.id)
        assert uow.locks.queue_overlapping(WHOLE) == []
        with pytest.raises(Defect):
            uow.locks.drop_waiters()


def test_a_project_is_saved_over_itself_and_read_back(world: World) -> None:
    pull = world.pull()
    saved = _project(pull, status=ProjectStatus.APPLIED, artifact_id=None, note="done")
    nameless = _project(pull, key=ProjectKey("prod"))
    with world.store.transaction() as uow:
        for project in (_project(pull), saved, nameless):
            uow.projects.save(project)

        assert uow.projects.of_pull(pull.id) == [nameless, saved]
        assert uow.projects.get(pull.id, nameless.key) == nameless
        uow.projects.delete(pull.id, nameless.key)
        assert uow.projects.get(pull.id, nameless.key) is None


def test_plans_of_other_open_pulls_for_the_same_place_are_found(world: World) -> None:
    mine, other, closed = world.pull(1), world.pull(2), world.pull(3, state=PullState.CLOSED)
    wanted = _project(other, key=ProjectKey("prod"))
    with world.store.transaction() as uow:
        for project in (
            _project(mine),
            wanted,
            _project(closed),
            _project(other, key=ProjectKey("prod", "blue")),
            _project(other, key=ProjectKey("prod", "default", "spent"), artifact_id=None),
            _project(other, key=ProjectKey("prod", "default", "done"), status=ProjectStatus.APPLIED),
        ):
            uow.projects.save(project)

        found = uow.projects.with_plan_elsewhere(repo=REPO, key=ProjectKey("prod", "default", "z"), except_pull=mine.id)
    assert found == [wanted]


def test_an_artifact_may_go_once_it_is_marked_or_nobody_refers_to_it(world: World) -> None:
    pull = world.pull()
    used, orphan, marked = _artifact(pull), _artifact(pull), _artifact(pull)
    later = NOW + timedelta(days=1)
    with world.store.transaction() as uow:
        for artifact in (used, orphan, marked):
            uow.artifacts.add(artifact)
        uow.projects.save(_project(pull, artifact_id=used.id))
        uow.artifacts.mark_deleted([marked.id], now=NOW)
        uow.artifacts.mark_deleted([marked.id], now=later)

        assert uow.artifacts.get(marked.id) == replace(marked, deleted_at=NOW)
        assert [one.id for one in uow.artifacts.of_pull(pull.id)] == [used.id, orphan.id]
        assert [one.id for one in uow.artifacts.deletable(limit=9)] == [marked.id]
        assert [one.id for one in uow.artifacts.deletable(limit=9, orphaned_before=later)] == [orphan.id, marked.id]
        uow.artifacts.forget(marked.id)
        assert uow.artifacts.get(marked.id) is None
