"""The gateway over HTTP: what a worker on another machine uses."""

import threading
from typing import Any, TypeVar

import requests

from workers.errors import Fenced, JobFailed, Unreachable
from workers.protocol.codec import Malformed, decode, encode
from workers.protocol.jobs import ArtifactRef, Assignment, Orders, Ticket, WorkerInfo
from workers.protocol.names import ATTEMPT_HEADER, JOB_TOKEN_HEADER, WORKER_HEADER
from workers.protocol.results import FailureKind, Report

T = TypeVar("T")

_TIMEOUT = (5, 60)
_GONE = frozenset({409, 410})
_NO_CONTENT, _REFUSED_FROM, _BROKEN_FROM = 204, 400, 500


class HttpGateway:
    """Speaks to one server. Safe to share between threads: each has its own connections."""

    def __init__(self, *, server_url: str, worker_token: str, worker_name: str) -> None:
        self._base = f"{server_url.rstrip('/')}/worker/v1/jobs"
        self._headers = {"Authorization": f"Bearer {worker_token}", WORKER_HEADER: worker_name}
        self._local = threading.local()

    def claim(self, ticket: Ticket, worker: WorkerInfo) -> Assignment | None:
        """See `JobGateway`."""
        answer = self._call("POST", ticket, "claim", data=encode(worker).encode())
        return None if answer.status_code == _NO_CONTENT else _read(Assignment, answer)

    def heartbeat(self, ticket: Ticket) -> Orders:
        """See `JobGateway`."""
        return _read(Orders, self._call("POST", ticket, "heartbeat"))

    def append_log(self, ticket: Ticket, sequence: int, text: str) -> None:
        """See `JobGateway`."""
        self._call("POST", ticket, "log", params={"sequence": sequence}, data=text.encode())

    def put_artifact(self, ticket: Ticket, content: bytes) -> ArtifactRef:
        """See `JobGateway`."""
        return _read(ArtifactRef, self._call("PUT", ticket, "artifact", data=content))

    def get_artifact(self, ticket: Ticket, artifact_id: str) -> bytes:
        """See `JobGateway`."""
        return self._call("GET", ticket, f"artifact/{artifact_id}").content

    def report(self, ticket: Ticket, report: Report) -> None:
        """See `JobGateway`."""
        self._call("POST", ticket, "report", data=encode(report).encode())

    def _call(self, method: str, ticket: Ticket, what: str, **options: Any) -> requests.Response:
        headers = {**self._headers, JOB_TOKEN_HEADER: ticket.token, ATTEMPT_HEADER: str(ticket.attempt)}
        try:
            answer = self._session().request(
                method, f"{self._base}/{ticket.job_id}/{what}", headers=headers, timeout=_TIMEOUT, **options
            )
        except requests.RequestException as error:
            raise Unreachable(f"the server did not answer {what}: {type(error).__name__}") from error
        if answer.status_code in _GONE:
            raise Fenced(_detail(answer))
        if answer.status_code >= _BROKEN_FROM or answer.status_code == requests.codes.too_many_requests:
            raise Unreachable(f"the server answered {what} with {answer.status_code}")
        if answer.status_code >= _REFUSED_FROM:
            raise JobFailed(FailureKind.INTERNAL, f"The server refused {what}: {_detail(answer)}")
        return answer

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            session = requests.Session()
            session.trust_env = False  # no proxy and no .netrc decides where a plan goes
            self._local.session = session
        session = self._local.session
        if not isinstance(session, requests.Session):
            raise TypeError("the thread's session was replaced")
        return session


def _read(kind: type[T], answer: requests.Response) -> T:
    try:
        return decode(kind, answer.content)
    except Malformed as error:
        raise JobFailed(FailureKind.INTERNAL, f"The server's answer cannot be understood: {error}") from error


def _detail(answer: requests.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"
