"""`POST /webhooks/<forge>` and `POST /events`: checked, stored, answered; the work comes later."""

from collections.abc import Collection, Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, request
from prometheus_client import Counter

from server.domain.errors import TryLater, UserMistake
from server.domain.refs import RepoRef
from server.webhooks.base import Accepted, WebhookConfig, WebhookIntake, WebhookKind
from server.webhooks.body import payload_of
from server.webhooks.registry import KINDS, kind_of

RECEIVED = Counter("thera_webhooks_total", "Webhook requests by forge and what became of them.", ["forge", "answer"])
_ANSWERS = {"stored": 202, "duplicate": 202, "refused": 403}
_LONGEST_ID = 200


def make_webhooks(intake: WebhookIntake, config: WebhookConfig) -> Blueprint:
    """Make the routes."""
    blueprint = Blueprint("webhooks", __name__)

    @blueprint.post("/webhooks/<forge>")
    def webhook(forge: str) -> Response:
        """Take a webhook of a named forge."""
        return _take(KINDS.get(forge), intake, config)

    @blueprint.post("/events")
    def events() -> Response:
        """Take a webhook of whichever forge its headers name (Atlantis's path)."""
        return _take(kind_of(request.headers), intake, config)

    return blueprint


def _take(kind: WebhookKind | None, intake: WebhookIntake, config: WebhookConfig) -> Response:
    if kind is None or kind.name not in config.secrets:
        return _answer("unknown", 400, "this server is not configured for the forge that sent this")
    body = _body(config.max_bytes)
    if body is None:
        return _answer(kind.name, 413, f"the body is larger than {config.max_bytes} bytes")
    headers = dict(request.headers)
    fitting = {secret for secret in config.secrets[kind.name] if secret and kind.is_genuine(body, headers, secret)}
    if not fitting:
        return _answer(kind.name, 401, "the signature does not fit the body and the configured secret")
    try:
        return _kept(kind, intake, config, body, secrets=fitting)
    except UserMistake as mistake:
        return _answer(kind.name, 400, str(mistake))
    except TryLater as error:
        return _answer(kind.name, 503, str(error))


def _kept(
    kind: WebhookKind, intake: WebhookIntake, config: WebhookConfig, body: bytes, *, secrets: Collection[str]
) -> Response:
    payload = payload_of(body, request.content_type or "")
    repo = kind.repo_of(payload)
    if repo is not None and not _is_its_own(repo, secrets, config):
        return _answer(kind.name, 403, f"the secret that this was signed with is not the one configured for {repo}")
    accepted = _keep(kind, intake, body, payload=payload, repo=repo)
    words = {
        "stored": "accepted",
        "duplicate": "this delivery is here already",
        "refused": f"{repo} is not on the allowlist (THERA_REPO_ALLOWLIST)",
    }
    return _answer(kind.name, _ANSWERS[accepted], words[accepted])


def _body(limit: int) -> bytes | None:
    """Read the body, or nothing where it is larger than the limit, whatever length it says it has."""
    if (request.content_length or 0) > limit:
        return None
    request.max_content_length = limit + 1  # where no length is given, werkzeug cuts off without a word
    body = request.get_data(cache=False)
    return body if len(body) <= limit else None


def _is_its_own(repo: RepoRef, secrets: Collection[str], config: WebhookConfig) -> bool:
    """Say whether a request was signed with its repository's own secret: an owner cannot speak for another one."""
    try:
        return config.secret_of(repo) in secrets
    except UserMistake:
        return False


def _keep(
    kind: WebhookKind, intake: WebhookIntake, body: bytes, *, payload: Mapping[str, Any], repo: RepoRef | None
) -> Accepted:
    """Store a genuine request, once it is known to be what it claims."""
    event, delivery_id = request.headers.get(kind.event_header, ""), kind.delivery_id(body, request.headers)
    if not event or not delivery_id or max(len(delivery_id), len(event)) > _LONGEST_ID:
        raise UserMistake(f"the headers {kind.event_header} and {kind.delivery_header} are required")
    kind.parse(event, payload)
    return intake.accept(forge=kind.name, delivery_id=delivery_id, kind=event, body=body, repo=repo)


def _answer(forge: str, status: int, words: str) -> Response:
    RECEIVED.labels(forge=forge, answer=str(status)).inc()
    answer = jsonify({"message": words})
    answer.status_code = status
    return answer
