"""The server's gateway for workers in the same process: errors become those that a worker knows."""

from collections.abc import Iterator
from contextlib import contextmanager

from server.domain.errors import ServiceError, TryLater
from server.orchestration.claims import AttemptOver, ServerGateway
from workers.errors import Fenced, JobFailed, Unreachable
from workers.protocol.jobs import ArtifactRef, Assignment, Orders, Ticket, WorkerInfo
from workers.protocol.results import FailureKind, Report


class OneBoxGateway:
    """The server's gateway for workers in the same process: errors become those a worker knows."""

    def __init__(self, gateway: ServerGateway) -> None:
        self._gateway = gateway

    def claim(self, ticket: Ticket, worker: WorkerInfo) -> Assignment | None:
        """See `JobGateway`."""
        with _as_a_worker_knows_it():
            return self._gateway.claim(ticket, worker)

    def heartbeat(self, ticket: Ticket) -> Orders:
        """See `JobGateway`."""
        with _as_a_worker_knows_it():
            return self._gateway.heartbeat(ticket)

    def append_log(self, ticket: Ticket, sequence: int, text: str) -> None:
        """See `JobGateway`."""
        with _as_a_worker_knows_it():
            self._gateway.append_log(ticket, sequence, text)

    def put_artifact(self, ticket: Ticket, content: bytes) -> ArtifactRef:
        """See `JobGateway`."""
        with _as_a_worker_knows_it():
            return self._gateway.put_artifact(ticket, content)

    def get_artifact(self, ticket: Ticket, artifact_id: str) -> bytes:
        """See `JobGateway`."""
        with _as_a_worker_knows_it():
            return self._gateway.get_artifact(ticket, artifact_id)

    def report(self, ticket: Ticket, report: Report) -> None:
        """See `JobGateway`."""
        with _as_a_worker_knows_it():
            self._gateway.report(ticket, report)


@contextmanager
def _as_a_worker_knows_it() -> Iterator[None]:
    try:
        yield
    except AttemptOver as error:
        raise Fenced(str(error)) from error
    except TryLater as error:
        raise Unreachable(str(error)) from error
    except ServiceError as error:
        raise JobFailed(FailureKind.INTERNAL, str(error)) from error
