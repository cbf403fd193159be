"""A gateway in memory: hands out assignments, remembers what workers say, and can misbehave on request."""

import contextlib
import hashlib
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from workers.errors import Fenced, JobFailed, Unreachable
from workers.protocol.jobs import ArtifactRef, Assignment, Orders, Ticket, WorkerInfo
from workers.protocol.results import FailureKind, Report


@dataclass(eq=False)
class MemoryGateway:
    """Implements `JobGateway`. `silent_for` calls go unanswered; `fenced` and `cancelled` jobs hear of it."""

    assignments: dict[str, Assignment] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    claims: dict[str, WorkerInfo] = field(default_factory=dict)
    beats: dict[str, int] = field(default_factory=dict)
    pieces: dict[str, dict[int, str]] = field(default_factory=dict)
    fenced: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    silent_for: dict[str, int] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, assignment: Assignment) -> Ticket:
        """Have a job to be claimed."""
        with self.changed:
            self.assignments[assignment.job_id] = assignment
        return Ticket(job_id=assignment.job_id, attempt=assignment.attempt, token=f"token-of-{assignment.job_id}")

    def log(self, job_id: str) -> str:
        """Put a job's output together."""
        with self.changed:
            return "".join(text for _, text in sorted(self.pieces.get(job_id, {}).items()))

    def wait_for_log(self, job_id: str, words: str, seconds: float = 20) -> None:
        """Wait until a job has printed something."""
        with self.changed:
            found = self.changed.wait_for(lambda: words in self.log(job_id), seconds)
        assert found, f"{words!r} never came; the log is:\n{self.log(job_id)}"

    def wait_for_reports(self, jobs: Iterable[str], seconds: float = 60) -> None:
        """Wait until all of these jobs have ended."""
        wanted = set(jobs)
        with self.changed:
            done = self.changed.wait_for(lambda: wanted <= self.reports.keys(), seconds)
        assert done, f"no report of {wanted - self.reports.keys()}"

    def claim(self, ticket: Ticket, worker: WorkerInfo) -> Assignment | None:
        with self._call("claim", ticket):
            assignment = self.assignments.get(ticket.job_id)
            if assignment is None or assignment.attempt != ticket.attempt or ticket.job_id in self.claims:
                return None
            self.claims[ticket.job_id] = worker
            return assignment

    def heartbeat(self, ticket: Ticket) -> Orders:
        with self._call("heartbeat", ticket):
            self.beats[ticket.job_id] = self.beats.get(ticket.job_id, 0) + 1
            return Orders(cancel=ticket.job_id in self.cancelled)

    def append_log(self, ticket: Ticket, sequence: int, text: str) -> None:
        with self._call("append_log", ticket):
            self.pieces.setdefault(ticket.job_id, {}).setdefault(sequence, text)

    def put_artifact(self, ticket: Ticket, content: bytes) -> ArtifactRef:
        with self._call("put_artifact", ticket):
            digest = hashlib.sha256(content).hexdigest()
            ref = ArtifactRef(id=f"artifact-{len(self.artifacts)}", sha256=digest, size=len(content))
            self.artifacts[ref.id] = content
            return ref

    def get_artifact(self, ticket: Ticket, artifact_id: str) -> bytes:
        with self._call("get_artifact", ticket):
            if artifact_id not in self.artifacts:
                raise JobFailed(FailureKind.INTERNAL, "This job has no such plan.")
            return self.artifacts[artifact_id]

    def report(self, ticket: Ticket, report: Report) -> None:
        with self._call("report", ticket):
            self.reports.setdefault(ticket.job_id, report)

    @contextlib.contextmanager
    def _call(self, name: str, ticket: Ticket) -> Iterator[None]:
        with self.changed:
            self._misbehave(name, ticket)
            yield
            self.changed.notify_all()

    def _misbehave(self, name: str, ticket: Ticket) -> None:
        if self.silent_for.get(name, 0) > 0:
            self.silent_for[name] -= 1
            raise Unreachable(f"{name} was not answered, as the test wanted")
        if ticket.job_id in self.fenced:
            raise Fenced("This attempt is over.")
