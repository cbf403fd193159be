"""The calls a worker may make to the server."""

from typing import Protocol

from workers.protocol.jobs import ArtifactRef, Assignment, Orders, Ticket, WorkerInfo
from workers.protocol.results import Report


class JobGateway(Protocol):
    """The worker's only door to the server.

    Every method may raise `Fenced` (this attempt is over for us) and `Unreachable` (try again).
    """

    def claim(self, ticket: Ticket, worker: WorkerInfo) -> Assignment | None:
        """Take the job if it is still to be had; None when another has it or nobody wants it done."""

    def heartbeat(self, ticket: Ticket) -> Orders:
        """Say that the job is alive; learn whether it should stop."""

    def append_log(self, ticket: Ticket, sequence: int, text: str) -> None:
        """Add a piece of output, ANSI kept. A repeated sequence number replaces nothing."""

    def put_artifact(self, ticket: Ticket, content: bytes) -> ArtifactRef:
        """Store the plan of this job; the server encrypts and binds it."""

    def get_artifact(self, ticket: Ticket, artifact_id: str) -> bytes:
        """Fetch the plan that this apply job was given, already decrypted."""

    def report(self, ticket: Ticket, report: Report) -> None:
        """Give the job's last word. Repeating it is harmless."""
