"""The two gateways: the double keeps its promises, and HTTP turns every answer into the right reaction."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from tests.support.gateway import MemoryGateway
from workers.errors import Fenced, JobFailed, Unreachable
from workers.gateway.base import JobGateway
from workers.gateway.http import HttpGateway
from workers.protocol.codec import encode
from workers.protocol.jobs import ArtifactRef, Assignment, Orders, Ticket, Version, WorkerInfo
from workers.protocol.results import Outcome, Report

StartResponse = Callable[..., Any]
TICKET = Ticket(job_id="job/1", attempt=2, token="job-token")
INFO = WorkerInfo(name="w", pool="default", version="1")
ASSIGNMENT = Assignment(job_id="job/1", attempt=2, run_id="r", work=Version())
REPORT = Report(job_id="job/1", attempt=2, outcome=Outcome.CANCELLED)
REF = ArtifactRef(id="a", sha256="b", size=3)


@dataclass
class Server:
    """Answers everything with the next response, and remembers the requests."""

    answers: list[Response] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def answer(self, content: str | bytes = b"", status: int = 200, **headers: str) -> None:
        self.answers.append(Response(content, status=status, headers=headers))

    def problem(self, status: int) -> None:
        self.answer(json.dumps({"title": "Problem", "detail": "because of this"}), status)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        self.seen.append((request.method, environ["REQUEST_URI"], dict(request.headers), request.get_data()))
        return self.answers.pop(0)(environ, start_response)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    http = make_server("127.0.0.1", 0, server, threaded=True)
    server.url = f"http://127.0.0.1:{http.server_port}"
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield server
    http.shutdown()


@pytest.fixture
def gateway(server: Server) -> HttpGateway:
    return HttpGateway(server_url=server.url + "/", worker_token="worker-token", worker_name="w")


def test_a_call_proves_who_it_is_and_for_which_attempt(gateway: HttpGateway, server: Server) -> None:
    server.answer(encode(Orders(cancel=True)))

    assert gateway.heartbeat(TICKET) == Orders(cancel=True)
    method, path, headers, _ = server.seen[0]
    assert (method, path) == ("POST", "/worker/v1/jobs/job%2F1/heartbeat")
    assert headers["Authorization"] == "Bearer worker-token"
    assert headers["X-Thera-Job-Token"] == "job-token"
    assert headers["X-Thera-Attempt"] == "2"
    assert headers["X-Thera-Worker"] == "w"


def test_a_claim_gives_an_assignment_or_nothing(gateway: HttpGateway, server: Server) -> None:
    server.answer(encode(ASSIGNMENT))
    server.answer(status=204)

    assert gateway.claim(TICKET, INFO) == ASSIGNMENT
    assert gateway.claim(TICKET, INFO) is None
    assert json.loads(server.seen[0][3]) == {"name": "w", "pool": "default", "version": "1", "protocol": 1}


def test_logs_artifacts_and_reports_travel_as_agreed(gateway: HttpGateway, server: Server) -> None:
    server.answer(status=204)
    server.answer(encode(REF), 201)
    server.answer(b"\x00plan")
    server.answer(status=204)

    gateway.append_log(TICKET, 3, "grüße\n")
    assert gateway.put_artifact(TICKET, b"\x00plan") == REF
    assert gateway.get_artifact(TICKET, "../a") == b"\x00plan"
    gateway.report(TICKET, REPORT)

    assert [(method, path.rpartition("jobs/job%2F1/")[2]) for method, path, _, _ in server.seen] == [
        ("POST", "log?sequence=3"),
        ("PUT", "artifact"),
        ("GET", "artifact/..%2Fa"),
        ("POST", "report"),
    ]
    assert server.seen[0][3] == "grüße\n".encode()
    assert server.seen[3][3].decode() == encode(REPORT)


@pytest.mark.parametrize(
    ("status", "reaction", "words"),
    [
        (409, Fenced, "because of this"),
        (410, Fenced, "because of this"),
        (401, JobFailed, "THERA_WORKER_TOKEN"),
        (403, JobFailed, "because of this"),
        (400, JobFailed, "because of this"),
        (302, JobFailed, "redirects"),
        (429, Unreachable, "429"),
        (500, Unreachable, "500"),
        (503, Unreachable, "503"),
    ],
)
def test_every_refusal_is_the_right_reaction(
    gateway: HttpGateway, server: Server, status: int, reaction: type[Exception], words: str
) -> None:
    server.problem(status)

    with pytest.raises(reaction, match=words):
        gateway.heartbeat(TICKET)


def test_a_redirect_does_not_get_the_job_s_token(gateway: HttpGateway, server: Server) -> None:
    server.answer(status=307, Location=f"{server.url}/elsewhere")

    with pytest.raises(JobFailed, match="THERA_SERVER_URL"):
        gateway.heartbeat(TICKET)

    assert len(server.seen) == 1


@pytest.mark.parametrize("content", ["", "<html>", "{}", '{"job_id": 1}'])
def test_an_answer_that_is_none_is_said_to_be_none(gateway: HttpGateway, server: Server, content: str) -> None:
    server.answer(content)

    with pytest.raises(JobFailed, match="cannot be understood"):
        gateway.claim(TICKET, INFO)


def test_a_server_that_is_not_there_is_unreachable() -> None:
    gateway = HttpGateway(server_url="http://127.0.0.1:1", worker_token="t", worker_name="w")

    with pytest.raises(Unreachable):
        gateway.heartbeat(TICKET)


def test_no_token_shows_when_a_gateway_is_printed(gateway: HttpGateway) -> None:
    assert "worker-token" not in repr(gateway)


def double() -> tuple[MemoryGateway, JobGateway, Ticket]:
    memory = MemoryGateway()
    return memory, memory, memory.add(ASSIGNMENT)


def test_the_double_gives_a_job_once() -> None:
    _, gateway, ticket = double()

    assert gateway.claim(ticket, INFO) == ASSIGNMENT
    assert gateway.claim(ticket, INFO) is None


def test_the_double_keeps_the_first_of_two_pieces_and_of_two_reports() -> None:
    memory, gateway, ticket = double()
    for text in ("one", "two"):
        gateway.append_log(ticket, 1, text)
    gateway.report(ticket, REPORT)
    gateway.report(ticket, Report(job_id="job/1", attempt=2, outcome=Outcome.FAILED))

    assert memory.log("job/1") == "one"
    assert memory.reports["job/1"] == REPORT


def test_the_double_gives_artifacts_back() -> None:
    _, gateway, ticket = double()
    ref = gateway.put_artifact(ticket, b"plan")

    assert gateway.get_artifact(ticket, ref.id) == b"plan"
    with pytest.raises(JobFailed):
        gateway.get_artifact(ticket, "other")


def test_the_double_misbehaves_on_request() -> None:
    memory, gateway, ticket = double()
    memory.silent_for["heartbeat"] = 1

    with pytest.raises(Unreachable):
        gateway.heartbeat(ticket)
    assert gateway.heartbeat(ticket) == Orders()
    memory.cancelled.add(ticket.job_id)
    assert gateway.heartbeat(ticket) == Orders(cancel=True)
    memory.fenced.add(ticket.job_id)
    with pytest.raises(Fenced):
        gateway.heartbeat(ticket)


def test_waiting_for_what_never_comes_fails_with_what_there_was() -> None:
    memory: Any = MemoryGateway()

    with pytest.raises(AssertionError, match="never came"):
        memory.wait_for_log("job", "x", seconds=0.01)
    with pytest.raises(AssertionError, match="no report"):
        memory.wait_for_reports(["job"], seconds=0.01)
