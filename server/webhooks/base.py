"""What a webhook needs of the rest of the server, and one kind of forge as data."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from werkzeug.datastructures import Headers

from server.domain.events import Event
from server.domain.refs import RepoRef

Accepted = Literal["stored", "duplicate", "refused"]


class WebhookIntake(Protocol):
    """Where verified webhooks go."""

    def accept(self, *, forge: str, delivery_id: str, kind: str, body: bytes, repo: RepoRef | None) -> Accepted:
        """Keep a delivery, unless it is here already or its repository may not use this server."""


@dataclass(frozen=True, kw_only=True)
class WebhookKind:
    """One kind of forge: how its requests are told, checked and read.

    `delivery_id` names a delivery from its headers (`delivery_header` above all), and is empty where they are missing.
    """

    name: str
    event_header: str
    delivery_header: str
    delivery_id: Callable[[bytes, Headers], str]
    is_genuine: Callable[[bytes, Mapping[str, str], str], bool]
    repo_of: Callable[[Mapping[str, Any]], RepoRef | None]
    parse: Callable[[str, Mapping[str, Any]], Event]


@dataclass(frozen=True, kw_only=True)
class WebhookConfig:
    """Which kinds are configured, each with its secrets, and which secret a repository's forge signs with.

    `secret_of` raises `UserMistake` for a repository that nothing configured serves.
    """

    secrets: Mapping[str, Collection[str]] = field(repr=False)
    secret_of: Callable[[RepoRef], str]
    max_bytes: int = 25 * 1024 * 1024
