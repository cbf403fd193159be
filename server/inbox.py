"""Between webhooks and the store: deliveries are kept, and read back as events."""

from collections.abc import Callable, Mapping
from datetime import datetime

from server.domain.events import Change, Event, PullChanged
from server.domain.refs import RepoRef
from server.forges.allowlist import Allowlist
from server.orchestration.messages import say
from server.store.bells import Bell, BellKind
from server.store.deliveries import Delivery
from server.store.unit_of_work import Store
from server.webhooks.base import Accepted
from server.webhooks.body import payload_of
from server.webhooks.registry import KINDS


class Inbox:
    """Keeps verified webhooks of allowed repositories."""

    def __init__(
        self, store: Store, allowlist: Allowlist, clock: Callable[[], datetime], *, answer_unknown: bool
    ) -> None:
        self._store, self._allowlist, self._clock = store, allowlist, clock
        self._answer_unknown = answer_unknown

    def accept(self, *, forge: str, delivery_id: str, kind: str, body: bytes, repo: RepoRef | None) -> Accepted:
        """See `WebhookIntake`."""
        headers = {"form": "yes"} if not body.lstrip().startswith(b"{") else {}
        if repo is not None and not self._allowlist.allows(repo):
            if self._answer_unknown:
                self._tell(repo, KINDS[forge].parse(kind, payload_of(body, _content_type(headers))))
            return "refused"
        with self._store.transaction() as uow:
            stored = uow.deliveries.store(
                forge=forge, delivery_id=delivery_id, kind=kind, headers=headers, body=body, now=self._clock()
            )
            if stored is None:
                return "duplicate"
            uow.ring(Bell(BellKind.DELIVERY, stored.id))
        return "stored"

    def _tell(self, repo: RepoRef, event: Event) -> None:
        """Say once on a new pull that its repository may not use this server; whoever sent this had the secret."""
        if not isinstance(event, PullChanged) or event.change is not Change.OPENED:
            return
        words = f"`{repo}` is not on this server's allowlist. Its operator can add it to `THERA_REPO_ALLOWLIST`."
        with self._store.transaction() as uow:
            pull = uow.pulls.upsert(event.pull)
            say(uow, pull.id, "not-on-the-allowlist", words, now=self._clock())


def _content_type(headers: Mapping[str, str]) -> str:
    return "application/x-www-form-urlencoded" if headers.get("form") else "application/json"


def parse_delivery(delivery: Delivery) -> Event:
    """Read a stored delivery as the event it is."""
    return KINDS[delivery.forge].parse(delivery.kind, payload_of(delivery.body, _content_type(delivery.headers)))
