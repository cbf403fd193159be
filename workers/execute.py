"""One job from its ticket to its report."""

import contextlib
import threading
import time
import traceback
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

import structlog
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from workers.discovery.report import discover, discover_checkout
from workers.errors import Fenced, JobCancelled, JobFailed, Unreachable
from workers.gateway.base import JobGateway
from workers.git.checkout import checked_out
from workers.git.paths import checkout_path
from workers.protocol.codec import from_data, to_data
from workers.protocol.jobs import (
    Apply,
    Assignment,
    Discover,
    Hooks,
    Import,
    Plan,
    PolicyCheck,
    StateRm,
    Ticket,
    Version,
    Work,
    WorkerInfo,
)
from workers.protocol.names import PROTOCOL_VERSION
from workers.protocol.results import DiscoverFacts, Facts, Failure, FailureKind, Outcome, Report, VersionFacts
from workers.redact import Redactor
from workers.settings import WorkerSettings
from workers.steps import generated, hooks, policies, project
from workers.steps.context import Tools
from workers.steps.workplace import binary_of, mirror_of, timed

log = structlog.get_logger()
T = TypeVar("T")

# Seconds that the server is tried for. A report is worth the most patience: the work is done already.
_CLAIM_PATIENCE, _ARTIFACT_PATIENCE, _LOG_PATIENCE, _REPORT_PATIENCE = 60.0, 300.0, 120.0, 900.0
_TICK = 0.1
_FLUSH_EVERY = 0.2
_FLUSH_AT = 32 * 1024
_LARGEST_LOG = 20 * 1024 * 1024
_TAIL_LINES = 500


def execute(
    ticket: Ticket, gateway: JobGateway, settings: WorkerSettings, *, stopping: threading.Event | None = None
) -> None:
    """Claim a job, do it, report it. A job that is not to be had is left alone.

    `stopping` interrupts the job as a cancel would: the worker itself has to go.
    """
    info = WorkerInfo(name=settings.name, pool=settings.pool, version=settings.version, protocol=PROTOCOL_VERSION)
    with structlog.contextvars.bound_contextvars(job_id=ticket.job_id, attempt=ticket.attempt):
        try:
            assignment = _patiently(lambda: gateway.claim(ticket, info), seconds=_CLAIM_PATIENCE)
        except (Unreachable, JobFailed, Fenced) as error:
            log.warning("job.not_claimed", error=str(error))
            return
        if assignment is None:
            log.info("job.not_to_be_had")
            return
        _do_and_report(assignment, ticket, gateway, settings, stopping or threading.Event())


def _do_and_report(
    assignment: Assignment, ticket: Ticket, gateway: JobGateway, settings: WorkerSettings, stopping: threading.Event
) -> None:
    log.info("job.started", phase=assignment.work.phase.value, run_id=assignment.run_id)
    # The heart beats until the report is taken: while it is being tried, nobody may think that we died.
    with _beating(Heart(ticket, gateway, settings, stopping)) as heart:
        report = _attempt(assignment, ticket, gateway, settings, heart)
        if heart.fenced:
            log.warning("job.fenced")
            return
        try:
            _patiently(lambda: gateway.report(ticket, report), seconds=_REPORT_PATIENCE)
        except Fenced:
            log.warning("job.fenced")
        except (Unreachable, JobFailed) as error:
            log.error("job.not_reported", error=str(error), outcome=report.outcome.value)  # noqa: TRY400  (said all)
        else:
            log.info("job.reported", outcome=report.outcome.value)


def _attempt(
    assignment: Assignment, ticket: Ticket, gateway: JobGateway, settings: WorkerSettings, heart: "Heart"
) -> Report:
    redactor = Redactor([settings.worker_token, ticket.token])
    redactor.add_environment(settings.environment)  # Terraform's programs can read their parents' environment
    with LogShipper(gateway, ticket, redactor) as shipper:
        tools = Tools(
            settings=settings,
            redactor=redactor,
            sink=shipper.write,
            cancel=heart.cancel,
            deadline=time.monotonic() + assignment.timeout_seconds,
            put=lambda content: _stored(lambda: gateway.put_artifact(ticket, content)),
            get=lambda artifact_id: _stored(lambda: gateway.get_artifact(ticket, artifact_id)),
        )
        report = Report(job_id=ticket.job_id, attempt=ticket.attempt, outcome=Outcome.SUCCEEDED)
        try:
            report = replace(report, facts=_do(assignment.work, tools))
        except JobFailed as error:
            report = replace(report, outcome=Outcome.FAILED, failure=error.failure, facts=error.facts)
        except JobCancelled as error:
            failure = heart.why_cancelled(str(error))
            report = replace(report, outcome=Outcome.CANCELLED, failure=failure, facts=error.facts)
        except Fenced:
            heart.fence()
        except Exception:  # noqa: BLE001  (one of the three homes: whatever it is, the pull request hears of it)
            report = replace(report, outcome=Outcome.FAILED, failure=_defect(redactor))
        if report.failure is not None:
            shipper.write(redactor.redact(report.failure.summary))
    return _redacted(replace(report, seconds=tuple(tools.seconds)), redactor)


def _do(work: Work, tools: Tools) -> Facts:  # noqa: PLR0911  (one line for each kind of work)
    match work:
        case Discover():
            return _discover(work, tools)
        case Plan():
            return project.plan(work, tools)
        case PolicyCheck():
            return policies.check(work, tools)
        case Apply():
            return project.apply(work, tools)
        case Import():
            return project.import_(work, tools)
        case StateRm():
            return project.state_rm(work, tools)
        case Hooks():
            return hooks.around(work, tools)
        case Version():
            binary = binary_of(work.terraform, None, tools)
            return VersionFacts(terraform_version=binary.version, distribution=binary.distribution)


def _discover(work: Discover, tools: Tools) -> DiscoverFacts:
    facts = _after_hooks(work, tools) if work.hooks else _from_mirror(work, tools)
    tools.sink(f"{len(facts.changed_files)} files changed; {len(facts.module_dirs)} directories with Terraform code")
    return facts


def _from_mirror(work: Discover, tools: Tools) -> DiscoverFacts:
    with timed("discover", tools):
        return discover(work, mirror_of(work.checkout, tools))


def _after_hooks(work: Discover, tools: Tools) -> DiscoverFacts:
    """Let the hooks do their work first: they may write the configuration that decides what there is to do."""
    mirror = mirror_of(work.checkout, tools)
    place = checkout_path(tools.settings.checkouts, work.checkout)
    with checked_out(work.checkout, path=place, mirror=mirror) as root:
        results = hooks.run_all(work, root, tools)
        with timed("discover", tools):
            tree, made = generated.take(root, tools)
            repository = generated.checkout_repository(root, tools)
            facts = discover_checkout(work, repository, tree=tree, mirror=mirror)
    return replace(facts, hooks=results, generated=made)


def _stored(act: Callable[[], T]) -> T:
    try:
        return _patiently(act, seconds=_ARTIFACT_PATIENCE)
    except Unreachable as error:
        words = "The saved plan could not be moved: the server did not answer"
        raise JobFailed(FailureKind.INTERNAL, words, str(error)) from error


def _defect(redactor: Redactor) -> Failure:
    incident = uuid.uuid4().hex[:12]
    log.error("job.defect", incident=incident, traceback=redactor.redact(traceback.format_exc()))
    return Failure(
        kind=FailureKind.INTERNAL,
        summary=f"Thera itself failed (incident {incident})",
        detail="The worker's log has the details under this incident number.",
    )


def _redacted(report: Report, redactor: Redactor) -> Report:
    """Take known secrets out of everything that people read; what discovery found is the code itself.

    What hooks said is clean already.
    """
    failure = None if report.failure is None else _cleaned(report.failure, redactor)
    if report.facts is None or isinstance(report.facts, DiscoverFacts):
        return replace(report, failure=failure)
    return replace(report, failure=failure, facts=_cleaned(report.facts, redactor))


def _cleaned(value: T, redactor: Redactor) -> T:
    return from_data(type(value), _without_secrets(to_data(value), redactor))


def _without_secrets(data: Any, redactor: Redactor) -> Any:
    if isinstance(data, str):
        return redactor.redact(data)
    if isinstance(data, list):
        return [_without_secrets(one, redactor) for one in data]
    if isinstance(data, dict):
        # These are compared or looked up; an accidental match must not change them.
        exact = {"kind", "action", "severity", "artifact", "digest", "text_digest", "terraform_version", "distribution"}
        return {key: one if key in exact else _without_secrets(one, redactor) for key, one in data.items()}
    return data


def _patiently(act: Callable[[], T], *, seconds: float) -> T:
    turns = Retrying(
        retry=retry_if_exception_type(Unreachable),
        stop=stop_after_delay(seconds),
        wait=wait_random_exponential(multiplier=0.2, max=10),
        reraise=True,
    )
    return turns(act)


@dataclass(eq=False)
class Heart:
    """Says every few seconds that the job is alive, and hears whether it should stop."""

    ticket: Ticket
    gateway: JobGateway
    settings: WorkerSettings
    stopping: threading.Event
    cancel: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    fenced: bool = False

    def fence(self) -> None:
        """Give the attempt up: stop the work and say no more."""
        self.fenced = True
        self.cancel.set()

    def why_cancelled(self, detail: str) -> Failure:
        """Word a cancellation by who asked for it."""
        words = "The worker was stopped" if self.stopping.is_set() else "Cancelled"
        return Failure(kind=FailureKind.STEP, summary=words, detail=detail)

    def beat(self) -> None:
        """Beat until the job has ended or is no longer ours."""
        while not self.ended.wait(self.settings.heartbeat.total_seconds()):
            try:
                if self.gateway.heartbeat(self.ticket).cancel:
                    self.cancel.set()
            except Fenced:
                self.fence()
                return
            except Exception as error:  # noqa: BLE001  (a heart goes on beating; the server judges silence)
                log.warning("heartbeat.failed", error=str(error))

    def watch(self) -> None:
        """Cancel the job when the worker is to stop; apart from the beat, which may wait for the server."""
        while not self.ended.is_set():
            if self.stopping.wait(_TICK):
                self.cancel.set()
                return


@contextlib.contextmanager
def _beating(heart: Heart) -> Iterator[Heart]:
    context = structlog.contextvars.get_contextvars()

    def beat() -> None:
        with structlog.contextvars.bound_contextvars(**context):
            heart.beat()

    # Not waited for at the end: a beat may still be waiting for the server, which does no harm.
    for name, act in (("heart", beat), ("watch", heart.watch)):
        threading.Thread(target=act, name=f"{name}-{heart.ticket.job_id[-6:]}", daemon=True).start()
    try:
        yield heart
    finally:
        heart.ended.set()


class LogShipper:
    """Sends output on in pieces, redacted, soon and in order; the log itself never fails a job.

    Of an endless output the beginning is sent as it comes, and the last lines when it ends.
    """

    def __init__(self, gateway: JobGateway, ticket: Ticket, redactor: Redactor) -> None:
        self._gateway, self._ticket, self._redactor = gateway, ticket, redactor
        self._lines: list[str] = []
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._size = self._total = self._sequence = self._left_out = 0
        self._dead = False
        self._lock = threading.Lock()
        self._due, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._ship, name=f"log-{ticket.job_id[-6:]}", daemon=True)

    def write(self, line: str) -> None:
        """Add a line of output."""
        clean = self._redactor.redact(line) + "\n"
        with self._lock:
            self._total += len(clean)
            if self._total > _LARGEST_LOG:
                self._left_out += 1
                self._tail.append(clean)
                return
            self._lines.append(clean)
            self._size += len(clean)
            if self._size >= _FLUSH_AT:
                self._due.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._due.set()
        self._thread.join()

    def _ship(self) -> None:
        while not self._ended.is_set():
            self._due.wait(_FLUSH_EVERY)
            self._send(self._taken())
        self._send(self._taken())
        if self._left_out:
            missing = self._left_out - len(self._tail)
            self._send(f"[... the log is too long: {missing} lines left out ...]\n{''.join(self._tail)}")

    def _taken(self) -> str:
        with self._lock:
            text = "".join(self._lines)
            self._lines, self._size = [], 0
            self._due.clear()
        return text

    def _send(self, text: str) -> None:
        if not text or self._dead:
            return
        self._sequence += 1
        number = self._sequence
        while not self._dead:
            try:
                _patiently(lambda: self._gateway.append_log(self._ticket, number, text), seconds=_LOG_PATIENCE)
            except Exception as error:  # noqa: BLE001  (nobody to raise it to; the job's report says how it went)
                # As long as the job runs there is time to wait for the server.
                self._dead = self._ended.is_set() or not isinstance(error, Unreachable)
                log.warning("log.not_shipped", job_id=self._ticket.job_id, error=str(error))
            else:
                return
