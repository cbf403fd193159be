"""What workers ask over HTTP; see `workers.gateway.http` for the other side."""

import re

from flask import Blueprint, Response, request

from server.domain.errors import Refused
from server.orchestration.claims import ServerGateway
from server.web.auth import presents, unauthorized
from server.web.problems import answer_to, problem
from workers.protocol.codec import decode, encode
from workers.protocol.jobs import Ticket, WorkerInfo
from workers.protocol.names import ATTEMPT_HEADER, JOB_TOKEN_HEADER
from workers.protocol.results import Report

_LARGEST_PLAN = 256 * 1024 * 1024
_LARGEST_REPORT = 64 * 1024 * 1024
_LARGEST_LOG = 8 * 1024 * 1024
_LARGEST_NUMBER = 2**31 - 1  # as wide as its column


def make_worker_api(gateway: ServerGateway, *, worker_token: str) -> Blueprint:
    """Make the routes. Both the worker's token and the job's are asked for, each time."""
    api = Blueprint("worker_api", __name__, url_prefix="/worker/v1/jobs/<job_id>")

    @api.before_request
    def _known_worker() -> Response | None:
        if presents([worker_token]):
            return None
        return unauthorized("The header `Authorization: Bearer <token>` with THERA_WORKER_TOKEN is wanted.")

    api.register_error_handler(Exception, answer_to)

    @api.post("/claim")
    def claim(job_id: str) -> Response:
        """Give the job, or 204 when it is not to be had."""
        worker = decode(WorkerInfo, _body(64 * 1024))
        assignment = gateway.claim(_ticket(job_id), worker)
        return Response(status=204) if assignment is None else _json(encode(assignment))

    @api.post("/heartbeat")
    def heartbeat(job_id: str) -> Response:
        """Note a sign of life."""
        return _json(encode(gateway.heartbeat(_ticket(job_id))))

    @api.post("/log")
    def append_log(job_id: str) -> Response:
        """Keep a piece of output."""
        sequence = request.args.get("sequence", type=int)
        if sequence is None or not 0 <= sequence <= _LARGEST_NUMBER:
            return problem(400, "Malformed", "?sequence=N is wanted")
        text = _body(_LARGEST_LOG).decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
        gateway.append_log(_ticket(job_id), sequence, text)
        return Response(status=204)

    @api.put("/artifact")
    def put_artifact(job_id: str) -> Response:
        """Keep a plan."""
        return _json(encode(gateway.put_artifact(_ticket(job_id), _body(_LARGEST_PLAN))), 201)

    @api.get("/artifact/<artifact_id>")
    def get_artifact(job_id: str, artifact_id: str) -> Response:
        """Give the plan that an apply was given."""
        return Response(gateway.get_artifact(_ticket(job_id), artifact_id), mimetype="application/octet-stream")

    @api.post("/report")
    def report(job_id: str) -> Response:
        """Take a job's last word."""
        gateway.report(_ticket(job_id), decode(Report, _body(_LARGEST_REPORT)))
        return Response(status=204)

    return api


def _body(largest: int) -> bytes:
    request.max_content_length = largest
    return request.get_data(cache=False)


def _ticket(job_id: str) -> Ticket:
    attempt, token = request.headers.get(ATTEMPT_HEADER, ""), request.headers.get(JOB_TOKEN_HEADER, "")
    number = int(attempt) if re.fullmatch(r"[0-9]{1,9}", attempt) else 0
    if not number or not token.isascii():
        raise Refused(f"The headers {ATTEMPT_HEADER} and {JOB_TOKEN_HEADER} are wanted, as the ticket has them.")
    return Ticket(job_id=job_id, attempt=number, token=token)


def _json(text: str, status: int = 200) -> Response:
    return Response(text, status, mimetype="application/json")
