"""A webhook intake in memory, and a client that speaks to it as GitHub does."""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.domain.refs import RepoRef
from server.forges.allowlist import Allowlist
from server.webhooks.base import Accepted, WebhookConfig, WebhookIntake
from server.webhooks.routes import make_webhooks

SECRET = "it's a secret to everybody"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One delivery as it was handed over."""

    forge: str
    delivery_id: str
    kind: str
    body: bytes
    repo: RepoRef | None


@dataclass
class MemoryIntake:
    """A whole `WebhookIntake`, without a database."""

    allowlist: Allowlist = field(default_factory=lambda: Allowlist.parse("*"))
    kept: dict[tuple[str, str], Kept] = field(default_factory=dict)
    outage: Exception | None = None

    def accept(self, *, forge: str, delivery_id: str, kind: str, body: bytes, repo: RepoRef | None) -> Accepted:
        if self.outage is not None:
            raise self.outage
        if repo is not None and not self.allowlist.allows(repo):
            return "refused"
        if (forge, delivery_id) in self.kept:
            return "duplicate"
        self.kept[forge, delivery_id] = Kept(forge=forge, delivery_id=delivery_id, kind=kind, body=body, repo=repo)
        return "stored"


def sign(body: bytes, secret: str = SECRET, algorithm: str = "sha256") -> str:
    """Sign a body as GitHub does."""
    return f"{algorithm}={hmac.new(secret.encode(), body, algorithm).hexdigest()}"


def app_with(intake: WebhookIntake, *, max_bytes: int = 1_000_000, secrets: Mapping[str, str] | None = None) -> Flask:
    """Make an application with nothing but the webhook routes."""
    app = Flask("webhooks")
    own = {"github": SECRET} if secrets is None else secrets
    config = WebhookConfig(
        secrets={kind: [secret] for kind, secret in own.items()},
        secret_of=lambda _: own["github"],
        max_bytes=max_bytes,
    )
    app.register_blueprint(make_webhooks(intake, config))
    return app


@dataclass
class GitHubHooks:
    """Sends webhooks to an application; each argument spoils one thing."""

    client: FlaskClient

    def send(
        self,
        body: bytes | Mapping[str, Any],
        *,
        event: str | None = "push",
        delivery: str | None = "d-1",
        path: str = "/webhooks/github",
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> TestResponse:
        """Send a body; signed, unless `headers` says otherwise."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"X-GitHub-Event": event, "X-GitHub-Delivery": delivery}
        signature = {"X-Hub-Signature-256": sign(raw)} if headers is None else dict(headers)
        sent = {key: value for key, value in named.items() if value is not None} | signature
        return self.client.post(path, data=raw, headers=sent, content_type=content_type)
