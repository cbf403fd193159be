"""One job from its ticket to its report."""

import contextlib
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from typing import Self, TypeVar

import structlog
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from workers.errors import Fenced, JobCancelled, JobFailed, Unreachable
from workers.gateway.base import JobGateway
from workers.protocol.jobs import ArtifactRef, Assignment, Ticket, WorkerInfo
from workers.protocol.results import Failure, FailureKind, Outcome, Report
from workers.redact import Redactor
from workers.settings import WorkerSettings
from workers.work import Tools, do

log = structlog.get_logger()
T = TypeVar("T")

_PATIENCE = 600.0  # seconds that a report is tried for
_FLUSH_EVERY = 0.2
_FLUSH_AT = 32 * 1024
_LARGEST_LOG = 20 * 1024 * 1024


def execute(
    ticket: Ticket, gateway: JobGateway, settings: WorkerSettings, *, stopping: threading.Event | None = None
) -> None:
    """Claim a job, do it, report it. A job that is not to be had is left alone without a word.

    `stopping` interrupts the job as a cancel would: the worker itself has to go.
    """
    info = WorkerInfo(name=settings.name, pool=settings.pool, version=settings.version)
    try:
        assignment = _patiently(lambda: gateway.claim(ticket, info), seconds=60)
    except (Unreachable, JobFailed, Fenced) as error:
        log.warning("job.not_claimed", job_id=ticket.job_id, error=str(error))
        return
    if assignment is None:
        return
    structlog.contextvars.bind_contextvars(job_id=ticket.job_id, attempt=ticket.attempt, run_id=assignment.run_id)
    log.info("job.started", phase=assignment.work.phase.value)
    try:
        report = _attempt(assignment, ticket, gateway, settings, stopping)
        if report is not None:
            _patiently(lambda: gateway.report(ticket, report), seconds=_PATIENCE)
            log.info("job.reported", outcome=report.outcome.value)
    except Fenced:
        log.warning("job.fenced")
    except (Unreachable, JobFailed) as error:
        log.exception("job.not_reported", error=str(error))
    finally:
        structlog.contextvars.unbind_contextvars("job_id", "attempt", "run_id")


def _attempt(
    assignment: Assignment,
    ticket: Ticket,
    gateway: JobGateway,
    settings: WorkerSettings,
    stopping: threading.Event | None,
) -> Report | None:
    """Do the work; None when the attempt was given up meanwhile and must not be reported."""
    cancel = threading.Event()
    redactor = Redactor([settings.worker_token])
    shipper = LogShipper(gateway, ticket, redactor)
    tools = Tools(
        settings=settings,
        redactor=redactor,
        sink=shipper.write,
        cancel=cancel,
        deadline=time.monotonic() + assignment.timeout_seconds,
        put=lambda content: _put(gateway, ticket, content),
        get=lambda artifact_id: _patiently(lambda: gateway.get_artifact(ticket, artifact_id), seconds=120),
    )
    with _heart(ticket, gateway, settings, cancel, stopping) as heart, shipper:
        outcome, facts, failure = Outcome.SUCCEEDED, None, None
        try:
            facts = do(assignment.work, tools)
        except JobFailed as error:
            outcome, failure = Outcome.FAILED, error.failure
        except JobCancelled as error:
            words = "The worker was stopped." if stopping is not None and stopping.is_set() else "Cancelled."
            outcome, failure = Outcome.CANCELLED, Failure(kind=FailureKind.STEP, summary=words, detail=str(error))
        except Fenced:
            return None
        except Exception:  # noqa: BLE001  (one of the three homes: whatever it is, the pull request hears of it)
            outcome, failure = Outcome.FAILED, _defect()
    if heart.fenced:
        return None
    return Report(
        job_id=ticket.job_id,
        attempt=ticket.attempt,
        outcome=outcome,
        facts=facts,
        failure=_clean(failure, redactor),
        seconds=tuple(tools.seconds),
    )


def _put(gateway: JobGateway, ticket: Ticket, content: bytes) -> ArtifactRef:
    return _patiently(lambda: gateway.put_artifact(ticket, content), seconds=120)


def _defect() -> Failure:
    incident = uuid.uuid4().hex[:12]
    log.error("job.defect", incident=incident, traceback=traceback.format_exc())
    return Failure(
        kind=FailureKind.INTERNAL,
        summary=f"Thera itself failed (incident {incident})",
        detail="The worker's log has the details under this incident number.",
    )


def _clean(failure: Failure | None, redactor: Redactor) -> Failure | None:
    if failure is None:
        return None
    return Failure(
        kind=failure.kind,
        summary=redactor.redact(failure.summary),
        detail=redactor.redact(failure.detail),
        diagnostics=tuple(
            type(one)(
                severity=one.severity,
                summary=redactor.redact(one.summary),
                detail=redactor.redact(one.detail),
                address=one.address,
                file=one.file,
                line=one.line,
            )
            for one in failure.diagnostics
        ),
    )


def _patiently(act: Callable[[], T], *, seconds: float) -> T:
    turns = Retrying(
        retry=retry_if_exception_type(Unreachable),
        stop=stop_after_delay(seconds),
        wait=wait_random_exponential(multiplier=0.2, max=10),
        reraise=True,
    )
    return turns(act)


class _Heart:
    """Says every few seconds that the job is alive, and hears whether it should stop."""

    def __init__(self) -> None:
        self.fenced = False
        self.stopped = threading.Event()


@contextlib.contextmanager
def _heart(
    ticket: Ticket,
    gateway: JobGateway,
    settings: WorkerSettings,
    cancel: threading.Event,
    stopping: threading.Event | None,
) -> Iterator[_Heart]:
    heart = _Heart()

    def beat() -> None:
        next_beat = time.monotonic() + settings.heartbeat.total_seconds()
        while not heart.stopped.wait(0.2):
            if stopping is not None and stopping.is_set():
                cancel.set()
            if time.monotonic() < next_beat:
                continue
            next_beat = time.monotonic() + settings.heartbeat.total_seconds()
            try:
                if gateway.heartbeat(ticket).cancel:
                    cancel.set()
            except Fenced:
                heart.fenced = True
                cancel.set()
                return
            except Exception as error:  # noqa: BLE001  (a heart goes on beating; the server judges silence)
                log.warning("heartbeat.failed", error=str(error))

    thread = threading.Thread(target=beat, name=f"heart-{ticket.job_id[-6:]}", daemon=True)
    thread.start()
    try:
        yield heart
    finally:
        heart.stopped.set()
        thread.join()


class LogShipper:
    """Sends output on in pieces, redacted, soon and in order; the log itself never fails a job."""

    def __init__(self, gateway: JobGateway, ticket: Ticket, redactor: Redactor) -> None:
        self._gateway, self._ticket, self._redactor = gateway, ticket, redactor
        self._lines: list[str] = []
        self._size = self._total = self._sequence = 0
        self._lock = threading.Lock()
        self._full, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._ship, name=f"log-{ticket.job_id[-6:]}", daemon=True)

    def write(self, line: str) -> None:
        """Add a line of output."""
        clean = self._redactor.redact(line)
        with self._lock:
            self._total += len(clean) + 1
            if self._total > _LARGEST_LOG:
                clean = "" if self._total - len(clean) > _LARGEST_LOG else "[the log is cut here: it is too long]"
                if not clean:
                    return
            self._lines.append(clean)
            self._size += len(clean) + 1
            if self._size >= _FLUSH_AT:
                self._full.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._full.set()
        self._thread.join()

    def _ship(self) -> None:
        while True:
            self._full.wait(_FLUSH_EVERY)
            ended = self._ended.is_set()
            with self._lock:
                text = "".join(f"{line}\n" for line in self._lines)
                self._lines, self._size = [], 0
                self._full.clear()
            if text and not self._send(text):
                return
            if ended and not text:
                return
            if ended:
                self._full.set()

    def _send(self, text: str) -> bool:
        self._sequence += 1
        number = self._sequence
        try:
            _patiently(lambda: self._gateway.append_log(self._ticket, number, text), seconds=120)
        except Fenced:
            return False
        except (Unreachable, JobFailed, RetryError) as error:
            log.warning("log.not_shipped", error=str(error))
        return True
