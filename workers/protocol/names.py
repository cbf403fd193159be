"""Names that both sides must spell alike: Celery tasks, queues, HTTP headers and artifact names."""

from typing import Final

RUN_JOB: Final = "thera.run_job"
JOB_TOKEN_HEADER: Final = "X-Thera-Job-Token"  # noqa: S105  (a header's name, not a token)
ATTEMPT_HEADER: Final = "X-Thera-Attempt"
WORKER_HEADER: Final = "X-Thera-Worker"
PROTOCOL_VERSION: Final = 2
DEFAULT_POOL: Final = "default"


def job_queue(pool: str) -> str:
    """Name the Celery queue of a worker pool."""
    return f"jobs.{pool}"
