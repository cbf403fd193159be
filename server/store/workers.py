"""Workers that claimed something, for people who ask whether there are any."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from server.store.statements import all_rows, insert_into
from server.store.tables import workers
from workers.protocol.jobs import WorkerInfo


@dataclass(frozen=True, kw_only=True)
class WorkerRow:
    """A worker and when it was heard of."""

    name: str
    pool: str
    version: str
    first_seen_at: datetime
    seen_at: datetime


class Workers:
    """The workers of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def seen(self, worker: WorkerInfo, *, now: datetime) -> None:
        """Note that a worker is there."""
        statement = insert_into(self._connection, workers).values(
            name=worker.name, pool=worker.pool, version=worker.version, first_seen_at=now, seen_at=now
        )
        changes = {name: statement.excluded[name] for name in ("pool", "version", "seen_at")}
        self._connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changes))

    def all(self) -> list[WorkerRow]:
        """List every worker, the one heard of last first."""
        statement = select(workers).order_by(workers.c.seen_at.desc(), workers.c.name)
        return [WorkerRow(**row) for row in all_rows(self._connection, statement)]

    def purge(self, before: datetime) -> int:
        """Forget workers that were not heard of since; says how many."""
        return self._connection.execute(delete(workers).where(workers.c.seen_at < before)).rowcount
