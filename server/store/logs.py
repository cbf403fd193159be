"""Jobs' output, in the pieces that workers send."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from server.store.statements import all_rows, insert_into
from server.store.tables import jobs, log_chunks


@dataclass(frozen=True, kw_only=True)
class LogChunk:
    """A piece of output. `position` counts a job's pieces from 1, over all its attempts, without gaps."""

    position: int
    attempt: int
    sequence: int
    text: str


class Logs:
    """The logs of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, *, job_id: str, attempt: int, sequence: int, text: str, now: datetime) -> bool:
        """Keep a piece of output; False when this very piece is kept already."""
        # One at a time for each job: a viewer who has seen position 7 must never miss a 6 that comes later.
        self._connection.execute(select(jobs.c.id).where(jobs.c.id == job_id).with_for_update(key_share=True))
        last = select(func.coalesce(func.max(log_chunks.c.position), 0)).where(log_chunks.c.job_id == job_id)
        added = self._connection.execute(
            insert_into(self._connection, log_chunks)
            .values(
                job_id=job_id,
                position=last.scalar_subquery() + 1,
                attempt=attempt,
                sequence=sequence,
                text=text,
                size=len(text.encode("utf-8", "replace")),
                created_at=now,
            )
            .on_conflict_do_nothing(index_elements=["job_id", "attempt", "sequence"])
            .returning(log_chunks.c.position)
        )
        return added.one_or_none() is not None

    def read(self, job_id: str, *, after: int = 0, limit: int) -> list[LogChunk]:
        """Read on after a position, in the order the pieces arrived."""
        statement = (
            select(log_chunks.c.position, log_chunks.c.attempt, log_chunks.c.sequence, log_chunks.c.text)
            .where(log_chunks.c.job_id == job_id, log_chunks.c.position > after)
            .order_by(log_chunks.c.position)
            .limit(limit)
        )
        return [LogChunk(**row) for row in all_rows(self._connection, statement)]

    def size(self, job_id: str) -> int:
        """Say how many bytes of output a job has."""
        total = select(func.coalesce(func.sum(log_chunks.c.size), 0)).where(log_chunks.c.job_id == job_id)
        return int(self._connection.execute(total).scalar_one())

    def purge(self, before: datetime) -> int:
        """Forget output that is older; says how many pieces."""
        return self._connection.execute(delete(log_chunks).where(log_chunks.c.created_at < before)).rowcount
