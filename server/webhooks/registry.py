"""Every kind of forge that can call us."""

from collections.abc import Mapping

from werkzeug.datastructures import Headers

from server.webhooks import github, gitlab
from server.webhooks.base import WebhookKind
from server.webhooks.signature import is_signed


def _github_is_genuine(body: bytes, headers: Mapping[str, str], secret: str) -> bool:
    return is_signed(
        body, secret=secret, sha256=headers.get("X-Hub-Signature-256"), sha1=headers.get("X-Hub-Signature")
    )


def _github_delivery(_body: bytes, headers: Headers) -> str:
    return headers.get("X-GitHub-Delivery", "")


KINDS: Mapping[str, WebhookKind] = {
    "github": WebhookKind(
        name="github",
        event_header="X-GitHub-Event",
        delivery_header="X-GitHub-Delivery",
        delivery_id=_github_delivery,
        is_genuine=_github_is_genuine,
        repo_of=github.repo_of,
        parse=github.parse,
    ),
    "gitlab": WebhookKind(
        name="gitlab",
        event_header=gitlab.EVENT_HEADER,
        delivery_header=gitlab.DELIVERY_HEADER,
        delivery_id=gitlab.delivery_id,
        is_genuine=gitlab.is_genuine,
        repo_of=gitlab.repo_of,
        parse=gitlab.parse,
    ),
}


def kind_of(headers: Headers) -> WebhookKind | None:
    """Tell a forge by its headers."""
    return next((kind for kind in KINDS.values() if headers.get(kind.event_header)), None)
