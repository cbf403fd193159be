"""Webhooks of every face: sent in the background, in order, and remembered."""

import json
import queue
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import requests

from sandbox.model import Hook, Pull, Repo


@dataclass
class Delivery:
    """One request to a hook; `answer` is the status code, 0 when nobody answered."""

    id: str
    hook: Hook
    event: str
    body: bytes
    answer: int | None = None

    @property
    def json(self) -> Mapping[str, Any]:
        """The payload."""
        found: Mapping[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True)
class Told:
    """Something to tell: by its name in the header, and by the topic that hooks subscribe to."""

    event: str
    topic: str
    payload: Mapping[str, Any]


class Teller(Protocol):
    """One face's way to tell of what happened."""

    @property
    def face(self) -> str:
        """Its name, as hooks have it."""

    def told(self, what: str, repo: Repo, pull: Pull | None, facts: Mapping[str, object]) -> Told | None:
        """Put what happened in this face's words; None if it says nothing of it."""

    def headers(self, delivery: Delivery) -> Mapping[str, str]:
        """Give a request's headers beside its type."""


class HookSender:
    """Sends webhooks in order, one thread for all; can be held back for tests."""

    def __init__(self, tellers: Sequence[Teller]) -> None:
        self.deliveries: list[Delivery] = []
        self.dropping = False
        self._tellers = {teller.face: teller for teller in tellers}
        self._queue: queue.Queue[Delivery | None] = queue.Queue()
        self._flowing = threading.Event()
        self._flowing.set()
        self._session = requests.Session()
        self._session.trust_env = False
        self._thread = threading.Thread(target=self._send_all, name="hooks", daemon=True)
        self._thread.start()

    def hold(self) -> None:
        """Keep webhooks back until `flow`."""
        self._flowing.clear()

    def flow(self) -> None:
        """Send what was kept back."""
        self._flowing.set()

    def stop(self) -> None:
        """End after what is queued."""
        self.flow()
        self._queue.put(None)
        self._thread.join(5)

    def hear(self, what: str, repo: Repo, pull: Pull | None, facts: Mapping[str, object]) -> None:
        """Turn what happened into a webhook for each hook that wants it."""
        for face, teller in self._tellers.items():
            hooks = [hook for hook in repo.hooks if hook.face == face]
            told = teller.told(what, repo, pull, facts) if hooks else None
            if told is None:
                continue
            body = json.dumps(told.payload).encode()
            for hook in hooks:
                if "*" in hook.events or told.topic in hook.events:
                    self.enqueue(hook, told.event, body)

    def enqueue(self, hook: Hook, event: str, body: bytes, *, delivery_id: str | None = None) -> Delivery:
        """Queue one request."""
        delivery = Delivery(delivery_id or str(uuid.uuid4()), hook, event, body)
        self.deliveries.append(delivery)
        if not self.dropping:
            self._queue.put(delivery)
        return delivery

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Send a request once more under its old id, as forges do."""
        return self.enqueue(delivery.hook, delivery.event, delivery.body, delivery_id=delivery.id)

    def _send_all(self) -> None:
        while (delivery := self._queue.get()) is not None:
            self._flowing.wait()
            delivery.answer = self._send(delivery)

    def _send(self, delivery: Delivery) -> int:
        own = self._tellers[delivery.hook.face].headers(delivery)
        headers = {"Content-Type": "application/json", **own}
        try:
            return self._session.post(delivery.hook.url, data=delivery.body, headers=headers, timeout=10).status_code
        except requests.RequestException:
            return 0
