"""A job's output: a page of it after a cursor, or all of it as a stream."""

from collections.abc import Iterator
from dataclasses import dataclass

from server.domain.job import Job
from server.orchestration.context import Context
from server.web.problems import Absent

_AT_ONCE = 20
_LARGEST_PAGE = 256 * 1024
_LARGEST_CURSOR = 2**31 - 1  # as wide as its column


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """What was printed after a cursor. `more` says that there is more already, `ended` that there never will be."""

    job: Job
    text: str
    cursor: int
    more: bool

    @property
    def ended(self) -> bool:
        """Say whether all was read of a job that prints no more."""
        return self.job.is_closed and not self.more


def read_page(ctx: Context, job_id: str, *, after: int) -> LogPage:
    """Read on, a bounded amount.

    Raises:
        Absent: there is no such job.
    """
    cursor, texts, size, more = min(max(after, 0), _LARGEST_CURSOR), [], 0, True
    with ctx.store.reading() as uow:
        job = uow.jobs.get(job_id)
        if job is None:
            raise Absent(f"There is no job {job_id}.")
        while more and size < _LARGEST_PAGE:
            chunks = uow.logs.read(job_id, after=cursor, limit=_AT_ONCE)
            more = len(chunks) == _AT_ONCE
            cursor = chunks[-1].position if chunks else cursor
            texts += [chunk.text for chunk in chunks]
            size += sum(len(chunk.text) for chunk in chunks)
    return LogPage(job=job, text="".join(texts), cursor=cursor, more=more)


def whole_log(ctx: Context, job_id: str) -> Iterator[str]:
    """Read everything, some at a time."""
    cursor = 0
    while True:
        page = read_page(ctx, job_id, after=cursor)
        yield page.text
        if not page.more:
            return
        cursor = page.cursor
