"""Between webhooks and the store: deliveries are kept, and read back as events."""

from collections.abc import Callable
from datetime import datetime

from server.domain.events import Event
from server.domain.refs import RepoRef
from server.forges.allowlist import Allowlist
from server.store.bells import Bell, BellKind
from server.store.deliveries import Delivery
from server.store.unit_of_work import Store
from server.webhooks.base import Accepted
from server.webhooks.body import payload_of
from server.webhooks.registry import KINDS


class Inbox:
    """Keeps verified webhooks of allowed repositories."""

    def __init__(self, store: Store, allowlist: Allowlist, clock: Callable[[], datetime]) -> None:
        self._store, self._allowlist, self._clock = store, allowlist, clock

    def accept(self, *, forge: str, delivery_id: str, kind: str, body: bytes, repo: RepoRef | None) -> Accepted:
        """See `WebhookIntake`."""
        if repo is not None and not self._allowlist.allows(repo):
            return "refused"
        headers = {"form": "yes"} if not body.lstrip().startswith(b"{") else {}
        with self._store.transaction() as uow:
            stored = uow.deliveries.store(
                forge=forge, delivery_id=delivery_id, kind=kind, headers=headers, body=body, now=self._clock()
            )
            if stored is None:
                return "duplicate"
            uow.ring(Bell(BellKind.DELIVERY, stored.id))
        return "stored"


def parse_delivery(delivery: Delivery) -> Event:
    """Read a stored delivery as the event it is."""
    content_type = "application/x-www-form-urlencoded" if delivery.headers.get("form") else "application/json"
    return KINDS[delivery.forge].parse(delivery.kind, payload_of(delivery.body, content_type))
