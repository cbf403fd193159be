"""Every kind of forge that can call us."""

from collections.abc import Mapping

from werkzeug.datastructures import Headers

from server.webhooks import github
from server.webhooks.base import WebhookKind
from server.webhooks.signature import is_signed


def _github_is_genuine(body: bytes, headers: Mapping[str, str], secret: str) -> bool:
    return is_signed(
        body, secret=secret, sha256=headers.get("X-Hub-Signature-256"), sha1=headers.get("X-Hub-Signature")
    )


KINDS: Mapping[str, WebhookKind] = {
    "github": WebhookKind(
        name="github",
        event_header="X-GitHub-Event",
        delivery_header="X-GitHub-Delivery",
        is_genuine=_github_is_genuine,
        repo_of=github.repo_of,
        parse=github.parse,
    ),
}


def kind_of(headers: Headers) -> WebhookKind | None:
    """Tell a forge by its headers."""
    return next((kind for kind in KINDS.values() if headers.get(kind.event_header)), None)
