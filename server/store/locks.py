"""Locks that people see, and who waits for them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, insert, or_, select, true

from server.domain.errors import Defect
from server.domain.lock import WHOLE_REPO, Lock, LockKey, Waiter
from server.domain.refs import RepoRef
from server.store.statements import all_rows, insert_into, is_postgres, one_row
from server.store.tables import lock_waiters, locks
from workers.protocol.jobs import ProjectKey


class Locks:
    """The locks of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def acquire(self, lock: Lock) -> Lock:
        """Take a lock, or learn who is in the way: the lock that comes back is ours or another pull's.

        The whole repository cannot be locked while another pull holds any part of it, nor a part while
        another pull holds the whole. What the pull holds already is no hindrance.
        """
        self._one_at_a_time(lock.key.repo)
        found = self._overlapping(lock.key)
        hindrance = next((held for held in found if held.pull_id != lock.pull_id), None)
        if hindrance is not None:
            return hindrance
        mine = next((held for held in found if held.key == lock.key), None)
        if mine is not None:
            return mine
        self._connection.execute(
            insert(locks).values(
                id=lock.id,
                **_columns(lock.key),
                pull_id=lock.pull_id,
                actor=lock.actor,
                run_id=lock.run_id,
                acquired_at=lock.acquired_at,
            )
        )
        return lock

    def _one_at_a_time(self, repo: RepoRef) -> None:
        # A unique constraint cannot say "no project lock beside a whole-repository lock".
        if is_postgres(self._connection):
            name = func.hashtextextended(f"lock {repo}", 0)
            self._connection.execute(select(func.pg_advisory_xact_lock(name)))

    def holder(self, key: LockKey, *, except_pull: str | None = None) -> Lock | None:
        """Find who holds a lock, or one that overlaps it; the very same key counts first."""
        return next((held for held in self._overlapping(key) if held.pull_id != except_pull), None)

    def _overlapping(self, key: LockKey) -> list[Lock]:
        statement = select(locks).where(_overlaps(locks, key)).order_by(locks.c.acquired_at, locks.c.id)
        found = [_lock(row) for row in all_rows(self._connection, statement)]
        return sorted(found, key=lambda lock: lock.key != key)

    def of_pull(self, pull_id: str) -> list[Lock]:
        """List what a pull holds, oldest first."""
        statement = select(locks).where(locks.c.pull_id == pull_id).order_by(locks.c.acquired_at, locks.c.id)
        return [_lock(row) for row in all_rows(self._connection, statement)]

    def all(self, *, limit: int = 1000) -> list[Lock]:
        """List all locks, oldest first."""
        statement = select(locks).order_by(locks.c.acquired_at, locks.c.id).limit(limit)
        return [_lock(row) for row in all_rows(self._connection, statement)]

    def get(self, lock_id: str) -> Lock | None:
        """Read a lock."""
        row = one_row(self._connection, select(locks).where(locks.c.id == lock_id))
        return None if row is None else _lock(row)

    def release(self, ids: Sequence[str]) -> None:
        """Give locks up; handing them on is the caller's business."""
        if ids:
            self._connection.execute(delete(locks).where(locks.c.id.in_(ids)))

    def enqueue(self, waiter: Waiter) -> None:
        """Stand in line; who stands there already for the same project keeps their place."""
        self._connection.execute(
            insert_into(self._connection, lock_waiters)
            .values(
                id=waiter.id,
                **_columns(waiter.key),
                pull_id=waiter.pull_id,
                project_dir=waiter.project.dir,
                project_workspace=waiter.project.workspace,
                project_name=waiter.project.name or "",
                actor=waiter.actor,
                since=waiter.since,
            )
            .on_conflict_do_nothing(
                index_elements=[
                    *("pull_id", "repo_host", "repo_name", "dir", "workspace"),
                    *("project_dir", "project_workspace", "project_name"),
                ]
            )
        )

    def queue(self, key: LockKey) -> list[Waiter]:
        """List who waits for exactly this key, oldest first."""
        return self._waiters(_is(lock_waiters, key))

    def queue_overlapping(self, key: LockKey) -> list[Waiter]:
        """List who waits for this key, for the whole repository, or (if the key is that) for any part of it."""
        return self._waiters(_overlaps(lock_waiters, key))

    def waiting_for(self, pull_id: str) -> list[Waiter]:
        """List what a pull waits for, oldest first."""
        return self._waiters(lock_waiters.c.pull_id == pull_id)

    def next_waiter(self, key: LockKey) -> Waiter | None:
        """Say who waits longest for exactly this key."""
        return next(iter(self.queue(key)), None)

    def drop_waiters(self, *, pull_id: str | None = None, key: LockKey | None = None) -> None:
        """Take a pull out of all lines, empty a key's line, or take a pull out of one line.

        Raises:
            Defect: neither was given; that would empty every line.
        """
        if pull_id is None and key is None:
            raise Defect("drop_waiters needs a pull or a key")
        of_pull = true() if pull_id is None else lock_waiters.c.pull_id == pull_id
        of_key = true() if key is None else _is(lock_waiters, key)
        self._connection.execute(delete(lock_waiters).where(of_pull, of_key))

    def _waiters(self, which: ColumnElement[bool]) -> list[Waiter]:
        statement = select(lock_waiters).where(which).order_by(lock_waiters.c.since, lock_waiters.c.id)
        return [_waiter(row) for row in all_rows(self._connection, statement)]


def _columns(key: LockKey) -> dict[str, str]:
    return {
        "repo_host": key.repo.host,
        "repo_name": key.repo.full_name,
        "dir": key.dir,
        "workspace": key.workspace,
    }


def _is(table: Table, key: LockKey) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in _columns(key).items()))


def _overlaps(table: Table, key: LockKey) -> ColumnElement[bool]:
    in_repo = and_(table.c.repo_host == key.repo.host, table.c.repo_name == key.repo.full_name)
    if key.dir == WHOLE_REPO:
        return in_repo
    return and_(in_repo, or_(table.c.dir == WHOLE_REPO, _is(table, key)))


def _key(columns: Mapping[str, Any]) -> LockKey:
    repo = RepoRef(columns["repo_host"], columns["repo_name"])
    return LockKey(repo, columns["dir"], columns["workspace"])


def _lock(columns: Mapping[str, Any]) -> Lock:
    return Lock(
        id=columns["id"],
        key=_key(columns),
        pull_id=columns["pull_id"],
        actor=columns["actor"],
        run_id=columns["run_id"],
        acquired_at=columns["acquired_at"],
    )


def _waiter(columns: Mapping[str, Any]) -> Waiter:
    return Waiter(
        id=columns["id"],
        key=_key(columns),
        pull_id=columns["pull_id"],
        project=ProjectKey(columns["project_dir"], columns["project_workspace"], columns["project_name"] or None),
        actor=columns["actor"],
        since=columns["since"],
    )
