"""The gateway over HTTP: what a worker on another machine uses."""

import threading
from typing import Any, TypeVar
from urllib.parse import quote

import requests
import structlog

from workers.errors import Fenced, JobFailed, Unreachable
from workers.protocol.codec import Malformed, decode, encode
from workers.protocol.jobs import ArtifactRef, Assignment, Orders, Ticket, WorkerInfo
from workers.protocol.names import ATTEMPT_HEADER, JOB_TOKEN_HEADER, WORKER_HEADER
from workers.protocol.results import FailureKind, Report

log = structlog.get_logger()
T = TypeVar("T")

_TIMEOUT = (5.0, 60.0)  # to connect, and between two bytes of the answer
_SOON = (5.0, 10.0)
_NO_CONTENT = 204
_GONE = frozenset({409, 410})
_UNAUTHORIZED = frozenset({401, 403})
_TRY_AGAIN = frozenset({408, 425, 429})
_MOVED_FROM, _BROKEN_FROM = 300, 500
_LONGEST_DETAIL = 500


class HttpGateway:
    """Speaks to one server. Safe to share between threads: each has its own connections."""

    def __init__(self, *, server_url: str, worker_token: str, worker_name: str) -> None:
        self._base = f"{server_url.rstrip('/')}/worker/v1/jobs"
        self._token = worker_token
        self._name = worker_name
        self._threads = threading.local()

    def claim(self, ticket: Ticket, worker: WorkerInfo) -> Assignment | None:
        """See `JobGateway`."""
        answer = self._call("POST", ticket, "claim", data=encode(worker).encode())
        return None if answer.status_code == _NO_CONTENT else _read(Assignment, answer)

    def heartbeat(self, ticket: Ticket) -> Orders:
        """See `JobGateway`."""
        return _read(Orders, self._call("POST", ticket, "heartbeat", timeout=_SOON))

    def append_log(self, ticket: Ticket, sequence: int, text: str) -> None:
        """See `JobGateway`."""
        content = text.encode("utf-8", "replace")
        self._call("POST", ticket, "log", params={"sequence": sequence}, data=content, kind="text/plain; charset=utf-8")

    def put_artifact(self, ticket: Ticket, content: bytes) -> ArtifactRef:
        """See `JobGateway`."""
        return _read(ArtifactRef, self._call("PUT", ticket, "artifact", data=content, kind="application/octet-stream"))

    def get_artifact(self, ticket: Ticket, artifact_id: str) -> bytes:
        """See `JobGateway`."""
        return self._call("GET", ticket, f"artifact/{quote(artifact_id, safe='')}").content

    def report(self, ticket: Ticket, report: Report) -> None:
        """See `JobGateway`."""
        self._call("POST", ticket, "report", data=encode(report).encode())

    def _call(
        self, method: str, ticket: Ticket, what: str, *, kind: str = "application/json", **options: Any
    ) -> requests.Response:
        headers = {JOB_TOKEN_HEADER: ticket.token, ATTEMPT_HEADER: str(ticket.attempt), "Content-Type": kind}
        url = f"{self._base}/{quote(ticket.job_id, safe='')}/{what}"
        options = {"timeout": _TIMEOUT, **options}
        try:
            # Redirects are not followed: they would carry the job's token to wherever they lead.
            answer = self._session().request(method, url, headers=headers, allow_redirects=False, **options)
        except requests.RequestException as error:
            raise Unreachable(f"The server did not answer {what}: {type(error).__name__}") from error
        _insist_on_success(answer, what)
        return answer

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._threads, "session", None)
        if session is None:
            session = requests.Session()
            session.auth = self._authorize  # a .netrc would otherwise replace the header
            session.headers[WORKER_HEADER] = self._name
            self._threads.session = session
        return session

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _insist_on_success(answer: requests.Response, what: str) -> None:
    """Turn a refusal into the reaction that it calls for.

    Raises:
        Fenced: the attempt is over.
        Unreachable: it may work later.
        JobFailed: it will not work, however often it is tried.
    """
    status = answer.status_code
    if status < _MOVED_FROM:
        return
    if status in _GONE:
        raise Fenced(_detail(answer))
    if status >= _BROKEN_FROM or status in _TRY_AGAIN:
        raise Unreachable(f"The server answered {what} with {status}")
    if status in _UNAUTHORIZED:
        log.error("worker.refused", what=what, status=status, detail=_detail(answer))
        words = f"The server refused this worker: {_detail(answer)}. Compare THERA_WORKER_TOKEN on both sides."
        raise JobFailed(FailureKind.INTERNAL, words)
    if status < requests.codes.bad_request:
        words = f"The server's address redirects to {answer.headers.get('Location')}. Set THERA_SERVER_URL to that."
        raise JobFailed(FailureKind.INTERNAL, words)
    raise JobFailed(FailureKind.INTERNAL, f"The server refused {what}: {_detail(answer)}")


def _read(kind: type[T], answer: requests.Response) -> T:
    try:
        return decode(kind, answer.content)
    except Malformed as error:
        raise JobFailed(FailureKind.INTERNAL, f"The server's answer cannot be understood: {error}") from error


def _detail(answer: requests.Response) -> str:
    """Read what went wrong from a problem document."""
    try:
        problem = answer.json()
        return str(problem.get("detail") or problem["title"])[:_LONGEST_DETAIL]
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"HTTP {answer.status_code}"
