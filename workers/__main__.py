"""`python -m workers`: a worker process; `python -m workers once FILE`: one assignment, here and now."""

import hashlib
import os
import signal
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

from workers.bootstrap import make_worker
from workers.execute import execute
from workers.process.private import keep_private
from workers.protocol.codec import Malformed, decode, encode
from workers.protocol.jobs import (
    Apply,
    ArtifactRef,
    Assignment,
    Hooks,
    Orders,
    PolicyCheck,
    ProjectWork,
    Ticket,
    WorkerInfo,
)
from workers.protocol.results import Outcome, Report
from workers.settings import SettingsMistaken, WorkerSettings, default_name, from_environment

_TICK = 1.0


def main(arguments: list[str]) -> int:
    """Do what the command line says."""
    match arguments:
        case []:
            return _serve()
        case ["once", file]:
            return _once(Path(file))
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2


def _serve() -> int:
    keep_private()
    try:
        settings = from_environment(os.environ)
    except SettingsMistaken as error:
        sys.stderr.write(f"{error}\n")
        return 2
    worker = make_worker(settings)
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    worker.start()
    while not worker.died and not told.wait(_TICK):
        pass
    # A worker that died by itself ends the process with an error: whoever started it starts it again.
    return 0 if worker.stop() and told.is_set() else 1


def _once(file: Path) -> int:
    """Do one assignment without a server: its log goes to stderr, its report to stdout, its plan beside the file."""
    try:
        gateway = Desk(decode(Assignment, file.read_bytes()), file.with_suffix(".plan"))
    except (OSError, Malformed) as error:
        sys.stderr.write(f"{file}: {error}\n")
        return 2
    settings = WorkerSettings(
        data_dir=Path(tempfile.gettempdir()) / "thera-once", name=default_name(), environment=dict(os.environ)
    )
    execute(Ticket(job_id=gateway.assignment.job_id, attempt=gateway.assignment.attempt, token=""), gateway, settings)
    if gateway.told is None:
        return 1
    sys.stdout.write(f"{encode(gateway.told)}\n")
    return 0 if gateway.told.outcome is Outcome.SUCCEEDED else 1


@dataclass(eq=False)
class Desk:
    """A gateway without a server: one assignment, and a file for its plan."""

    assignment: Assignment
    plan: Path
    told: Report | None = field(default=None)

    def claim(self, ticket: Ticket, worker: WorkerInfo) -> Assignment | None:  # noqa: ARG002  (as `JobGateway`)
        """Give the one assignment."""
        return self.assignment

    def heartbeat(self, ticket: Ticket) -> Orders:  # noqa: ARG002  (as `JobGateway`)
        """Never ask it to stop."""
        return Orders()

    def append_log(self, ticket: Ticket, sequence: int, text: str) -> None:  # noqa: ARG002  (as `JobGateway`)
        """Show it."""
        sys.stderr.write(text)

    def put_artifact(self, ticket: Ticket, content: bytes) -> ArtifactRef:  # noqa: ARG002  (as `JobGateway`)
        """Keep the plan beside the assignment."""
        self.plan.touch(mode=0o600)
        self.plan.write_bytes(content)
        return ArtifactRef(id=self.plan.name, sha256=hashlib.sha256(content).hexdigest(), size=len(content))

    def get_artifact(self, ticket: Ticket, artifact_id: str) -> bytes:  # noqa: ARG002  (as `JobGateway`)
        """Hand out what lies beside the assignment, if the assignment names it."""
        work = self.assignment.work
        given = (
            work.plan if isinstance(work, Apply | PolicyCheck) else None,
            work.generated if isinstance(work, ProjectWork | Hooks) else None,
        )
        if artifact_id not in {ref.id for ref in given if ref is not None}:
            return b""
        return (self.plan.parent / artifact_id).read_bytes()

    def report(self, ticket: Ticket, report: Report) -> None:  # noqa: ARG002  (as `JobGateway`)
        """Remember the last word."""
        self.told = report


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
