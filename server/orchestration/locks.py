"""Project locks: taken by a pull, handed on to whoever waited longest."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from server.domain.commands import Command, CommandKind
from server.domain.lock import Lock, LockKey, Waiter
from server.domain.run import Run, Trigger
from server.orchestration.launch import launch
from server.store.ids import new_id
from server.store.unit_of_work import UnitOfWork
from workers.protocol.jobs import ProjectKey


def take(uow: UnitOfWork, run: Run, key: LockKey, *, now: datetime) -> Lock:
    """Take a lock for a run's pull, or learn who holds it: compare `pull_id`."""
    wanted = Lock(id=new_id(), key=key, pull_id=run.pull_id, actor=run.actor, run_id=run.id, acquired_at=now)
    return uow.locks.acquire(wanted)


def wait(uow: UnitOfWork, run: Run, key: LockKey, project: ProjectKey, *, now: datetime) -> None:
    """Stand in line for a lock; standing there already is fine."""
    waiter = Waiter(id=new_id(), key=key, pull_id=run.pull_id, project=project, actor=run.actor, since=now)
    uow.locks.enqueue(waiter)


def release(uow: UnitOfWork, locks: Iterable[Lock], *, why: str, now: datetime) -> Sequence[Lock]:
    """Release locks and hand each to the pull that waited longest; that pull is planned by itself.

    `why` completes "… became free: " for the pull that gets it.
    """
    released = list(locks)
    uow.locks.release([lock.id for lock in released])
    hand_over(uow, [lock.key for lock in released], why=why, now=now)
    return released


def hand_over(uow: UnitOfWork, keys: Iterable[LockKey], *, why: str, now: datetime) -> None:
    """Give free locks to the first in line, one run for each pull that gets any."""
    granted: dict[str, list[Waiter]] = {}
    for key in keys:
        for waiter in _next_in_line(uow, key, now=now):
            granted.setdefault(waiter.pull_id, []).append(waiter)
    for pull_id, waiters in granted.items():
        projects = tuple(waiter.project for waiter in waiters)
        labels = ", ".join(f"`{waiter.key.label}`" for waiter in waiters)
        pull = uow.pulls.get(pull_id)
        run = launch(
            uow,
            pull,
            Command(kind=CommandKind.PLAN, only=projects),
            trigger=Trigger.QUEUE,
            actor=waiters[0].actor,
            now=now,
        )
        uow.runs.save(replace(run, note=f"{labels} became free: {why} It was this pull request's turn."))


def _next_in_line(uow: UnitOfWork, key: LockKey, *, now: datetime) -> Sequence[Waiter]:
    # A whole-repository lock frees every project of it and the other way round, so the queue is read
    # for all keys that the freed one overlaps.
    for first in uow.locks.queue_overlapping(key):
        pull = uow.pulls.get(first.pull_id)
        if not pull.is_open:
            uow.locks.drop_waiters(pull_id=first.pull_id)
            continue
        wanted = Lock(id=new_id(), key=first.key, pull_id=first.pull_id, actor=first.actor, run_id="", acquired_at=now)
        if uow.locks.acquire(wanted).pull_id != first.pull_id:
            continue
        mine = [waiter for waiter in uow.locks.queue(first.key) if waiter.pull_id == first.pull_id]
        uow.locks.drop_waiters(pull_id=first.pull_id, key=first.key)
        return mine
    return ()
