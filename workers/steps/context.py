"""What a step may know and do."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from workers import process
from workers.errors import JobCancelled, JobFailed
from workers.process import Completed
from workers.protocol.jobs import ArtifactRef, ProjectKey, ProjectWork, Step
from workers.protocol.results import FailureKind, PolicySetResult
from workers.redact import Redactor, strip_ansi
from workers.settings import WorkerSettings
from workers.terraform.binary import Binary
from workers.terraform.diagnostics import diagnostics

_SHOWN = 60_000
_GRACE = timedelta(seconds=30)
_VERSION = frozenset(["-v", "-version", "--version"])
_HELP = frozenset(["-h", "-help", "--help"])
_DETAILED = frozenset(["-detailed-exitcode", "--detailed-exitcode"])
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))", re.ASCII)


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
    """One project's surroundings. `environment` grows by `env` steps, `verdicts` and `engines` by `policy_check`.

    `folder` is the project's, in the checkout `root`. `own_lock_file` says whether the folder's lock file belongs
    to it: committed, or saved with the plan. `scratch` is a folder for whatever has to lie on the disk meanwhile.
    """

    work: ProjectWork
    root: Path
    folder: Path
    scratch: Path
    binary: Binary
    settings: WorkerSettings
    own_lock_file: bool
    sink: Callable[[str], None]
    cancel: threading.Event
    remaining: Callable[[], timedelta]
    redactor: Redactor
    environment: dict[str, str] = field(repr=False)
    verdicts: list[PolicySetResult] = field(default_factory=list)
    engines: list[str] = field(default_factory=list)

    @property
    def project(self) -> ProjectKey:
        """Name the project."""
        return self.work.project

    @property
    def extra_args(self) -> tuple[str, ...]:
        """Give the arguments of the comment."""
        return self.work.extra_args

    @property
    def plan_file(self) -> Path:
        """Say where the saved plan lies."""
        return self.scratch / "plan.tfplan"

    @property
    def show_file(self) -> Path:
        """Say where the plan's JSON lies, once the step `show` has written it."""
        return self.scratch / "plan.json"

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
        sink: Callable[[str], None] | None = None,
        stdin: int | None = None,
    ) -> Completed:
        """Run a command in the project's folder; give how it ended, unless it was stopped.

        `sink` hears its lines instead of the log. `stdin` is a pipe that answers it.

        Raises:
            JobCancelled: somebody asked for the job to stop.
            JobFailed: its time was up, or it could not be started.
        """
        try:
            done = process.run(
                argv,
                cwd=self.folder,
                env=self.environment,
                sink=None if quiet else sink or self.sink,
                timeout=self.remaining(),
                cancel=self.cancel,
                grace=grace,
                stdin=stdin,
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
        _insist_on_a_deed(arguments, what)
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

    def expanded(self, step: Step) -> tuple[str, ...]:
        """Give a step's configured arguments, `$NAME` and `${NAME}` filled in as Atlantis does; unset is empty."""
        return tuple(_VARIABLE.sub(self._value, word) for word in step.extra_args)

    def _value(self, found: re.Match[str]) -> str:
        return self.environment.get(found.group(1) or found.group(2), "")

    def failed(self, otherwise: str, text: str, kind: FailureKind) -> JobFailed:
        """Make a failure of a command's own words."""
        found = diagnostics(text)
        first = next((one for one in found if one.severity == "error"), None)
        return JobFailed(kind, first.summary if first else otherwise, text, found)

    def tail(self, done: Completed) -> str:
        """Give a command's output for people: no colours, no secrets, not endless."""
        text = self.redactor.redact(strip_ansi(done.output)).strip()
        return text if len(text) <= _SHOWN else f"…\n{text[-_SHOWN:]}"


def _insist_on_a_deed(arguments: list[str], what: str) -> None:
    """Refuse arguments that make Terraform talk about itself: it would do nothing, and call that a success.

    It looks for `-version` among all words, also behind `--`.
    """
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    idle = next((one for one in arguments if one in _VERSION), next((one for one in options if one in _HELP), None))
    if any(one.partition("=")[0] in _DETAILED for one in options):
        words = f"`-detailed-exitcode` makes a good `{what}` look like a failure, and has no use here: leave it out"
        raise JobFailed(FailureKind.STEP, words)
    if idle is not None:
        raise JobFailed(FailureKind.STEP, f"With `{idle}`, `{what}` would print something about itself and do nothing")


Run = Callable[[StepContext, Step], str]
