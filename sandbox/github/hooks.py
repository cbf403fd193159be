"""GitHub's webhooks: signed, sent in the background, remembered."""

import hashlib
import hmac
import json
import queue
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from sandbox.github.payloads import Payloads
from sandbox.model import Comment, Hook, Pull, Repo, Review


@dataclass
class Delivery:
    """One request to a hook; `answer` is the status code, 0 when nobody answered."""

    id: str
    hook: Hook
    event: str
    body: bytes
    answer: int | None = None


class HookSender:
    """Sends webhooks in order, one thread for all; can be held back for tests."""

    def __init__(self, payloads: Payloads) -> None:
        self.payloads = payloads
        self.deliveries: list[Delivery] = []
        self.dropping = False
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
        event, _, action = what.partition(".")
        body = json.dumps(self._payload(event, action, repo, pull, facts)).encode()
        for hook in repo.hooks:
            if "*" in hook.events or event in hook.events:
                self.enqueue(hook, event, body)

    def enqueue(self, hook: Hook, event: str, body: bytes, *, delivery_id: str | None = None) -> Delivery:
        """Queue one request."""
        delivery = Delivery(delivery_id or str(uuid.uuid4()), hook, event, body)
        self.deliveries.append(delivery)
        if not self.dropping:
            self._queue.put(delivery)
        return delivery

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Send a request once more under its old id, as GitHub does."""
        return self.enqueue(delivery.hook, delivery.event, delivery.body, delivery_id=delivery.id)

    def _send_all(self) -> None:
        while (delivery := self._queue.get()) is not None:
            self._flowing.wait()
            delivery.answer = self._send(delivery)

    def _send(self, delivery: Delivery) -> int:
        digest = hmac.new(delivery.hook.secret.encode(), delivery.body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/sandbox",
            "X-GitHub-Event": delivery.event,
            "X-GitHub-Delivery": delivery.id,
            "X-GitHub-Hook-ID": str(delivery.hook.id),
            "X-Hub-Signature-256": f"sha256={digest}",
        }
        try:
            return self._session.post(delivery.hook.url, data=delivery.body, headers=headers, timeout=10).status_code
        except requests.RequestException:
            return 0

    def _payload(
        self, event: str, action: str, repo: Repo, pull: Pull | None, facts: Mapping[str, object]
    ) -> dict[str, Any]:
        made: dict[str, Any] = {
            "action": action,
            "repository": self.payloads.repo(repo),
            "sender": self.payloads.user(str(facts["actor"])),
        }
        if "changes" in facts:
            made["changes"] = facts["changes"]
        if pull is not None and event == "issue_comment" and isinstance(facts["comment"], Comment):
            made["issue"] = self.payloads.issue(repo, pull)
            made["comment"] = self.payloads.comment(repo, pull, facts["comment"])
        elif pull is not None:
            made["pull_request"] = self.payloads.pull(repo, pull)
            made["number"] = pull.number
            if action == "synchronize":
                made |= {"before": facts["before"], "after": pull.head_sha}
            review = facts.get("review")
            if isinstance(review, Review):
                made["review"] = self.payloads.review(repo, pull, review) | {"state": review.state.lower()}
        return made
