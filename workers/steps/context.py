"""What a step may know and do."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from workers import process
from workers.errors import JobCancelled, JobFailed
from workers.process import Completed
from workers.protocol.jobs import ArtifactRef, ProjectKey, Step
from workers.protocol.results import FailureKind
from workers.redact import Redactor, strip_ansi
from workers.settings import WorkerSettings
from workers.terraform.binary import Binary
from workers.terraform.diagnostics import diagnostics

_SHOWN = 60_000
_GRACE = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What a job's work needs besides its description."""

    settings: WorkerSettings
    redactor: Redactor
    sink: Callable[[str], None]
    cancel: threading.Event
    deadline: float
    put: Callable[[bytes], ArtifactRef]
    get: Callable[[str], bytes]
    seconds: list[tuple[str, float]] = field(default_factory=list)

    def remaining(self) -> timedelta:
        """Say how much of the job's time is left."""
        return timedelta(seconds=max(self.deadline - time.monotonic(), 0.001))


@dataclass(frozen=True, kw_only=True)
class StepContext:
    """One project's surroundings. `environment` grows by `env` steps; `remaining` says how much time is left.

    `own_lock_file` says whether the folder's lock file belongs to it: committed, or saved with the plan.
    """

    folder: Path
    project: ProjectKey
    binary: Binary
    plan_file: Path
    cache: Path
    own_lock_file: bool
    extra_args: tuple[str, ...]
    sink: Callable[[str], None]
    cancel: threading.Event
    remaining: Callable[[], timedelta]
    redactor: Redactor
    environment: dict[str, str] = field(repr=False)

    @property
    def data_dir(self) -> Path:
        """Say where Terraform keeps what `init` found."""
        return self.folder / self.environment.get("TF_DATA_DIR", ".terraform")

    def command(
        self,
        argv: list[str],
        *,
        what: str,
        kind: FailureKind = FailureKind.STEP,
        grace: timedelta = _GRACE,
        capture_stdout: bool = False,
        quiet: bool = False,
    ) -> Completed:
        """Run a command in the project's folder; give how it ended, unless it was stopped.

        Raises:
            JobCancelled: somebody asked for the job to stop.
            JobFailed: its time was up, or it could not be started.
        """
        try:
            done = process.run(
                argv,
                cwd=self.folder,
                env=self.environment,
                sink=None if quiet else self.sink,
                timeout=self.remaining(),
                cancel=self.cancel,
                grace=grace,
                capture_stdout=capture_stdout,
            )
        except FileNotFoundError as error:
            raise JobFailed(kind, f"{what} cannot be run: there is no `{argv[0]}` on this worker") from error
        except (OSError, ValueError) as error:  # too long a list of arguments, a NUL in one
            raise JobFailed(kind, f"{what} cannot be run: {error}") from error
        if done.cancelled:
            raise JobCancelled(self.tail(done))
        if done.timed_out:
            raise JobFailed(FailureKind.TIMEOUT, f"{what} took too long and was stopped", self.tail(done))
        return done

    def terraform(
        self,
        arguments: list[str],
        *,
        grace: timedelta = _GRACE,
        capture_stdout: bool = False,
        quiet: bool = False,
    ) -> Completed:
        """Run Terraform; what it says no to fails the job with its own diagnostics.

        Raises:
            JobFailed: it ended with an error.
        """
        what = f"{self.binary.path.name} {arguments[0]}"
        if not quiet:
            self.sink(f"\x1b[1m$ {what} {' '.join(arguments[1:])}\x1b[0m")
        argv = [str(self.binary.path), *arguments]
        done = self.command(
            argv,
            what=what,
            kind=FailureKind.TERRAFORM,
            grace=grace,
            capture_stdout=capture_stdout,
            quiet=quiet,
        )
        if not done.ok:
            raise self.failed(f"{what} failed", self.tail(done), FailureKind.TERRAFORM)
        return done

    def failed(self, otherwise: str, text: str, kind: FailureKind) -> JobFailed:
        """Make a failure of a command's own words."""
        found = diagnostics(text)
        first = next((one for one in found if one.severity == "error"), None)
        return JobFailed(kind, first.summary if first else otherwise, text, found)

    def tail(self, done: Completed) -> str:
        """Give a command's output for people: no colours, no secrets, not endless."""
        text = self.redactor.redact(strip_ansi(done.output)).strip()
        return text if len(text) <= _SHOWN else f"…\n{text[-_SHOWN:]}"


Run = Callable[[StepContext, Step], str]
