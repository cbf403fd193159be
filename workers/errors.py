"""What can go wrong in a worker, grouped by what happens next.

WorkerError
├── JobFailed     reported to the server as this job's failure; the worker goes on
├── JobCancelled  reported as cancelled; nothing was applied that is not said
├── Fenced        the attempt is no longer ours: stop at once, report nothing
└── Unreachable   the server did not answer: tried again with back-off
"""

from typing import Self

from workers.protocol.results import Diagnostic, Facts, Failure, FailureKind


class WorkerError(Exception):
    """Base of everything a worker raises on purpose."""


class JobFailed(WorkerError):
    """The job cannot succeed; `failure` says why in words for the pull request, `facts` what was done before."""

    def __init__(
        self,
        kind: FailureKind,
        summary: str,
        detail: str = "",
        diagnostics: tuple[Diagnostic, ...] = (),
    ) -> None:
        super().__init__(summary)
        self.failure = Failure(kind=kind, summary=summary, detail=detail, diagnostics=diagnostics)
        self.facts: Facts | None = None

    def having_done(self, facts: Facts) -> Self:
        """Say what was done before it failed."""
        self.facts = facts
        return self


class JobCancelled(WorkerError):
    """Somebody asked for the job to stop, and it stopped; `facts` say what was done before."""

    facts: Facts | None = None

    def having_done(self, facts: Facts) -> Self:
        """Say what was done before it stopped."""
        self.facts = facts
        return self


class Fenced(WorkerError):
    """The server gave this attempt up; another one may be running."""


class Unreachable(WorkerError):
    """The server could not be reached or answered 5xx."""
