"""What happens, in the words of GitHub's webhooks, signed."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from sandbox.github.payloads import Payloads
from sandbox.hooks import Delivery, Told
from sandbox.model import Comment, Pull, Repo, Review

_NOT_OURS = {"pull", "branch", "pipeline"}  # told in no forge's words, for faces that tell of a whole change at once


class GitHubHooks:
    """Tells as GitHub does."""

    face = "github"

    def __init__(self, payloads: Payloads) -> None:
        self.payloads = payloads

    def told(self, what: str, repo: Repo, pull: Pull | None, facts: Mapping[str, object]) -> Told | None:
        """Put what happened in GitHub's words."""
        event, _, action = what.partition(".")
        if event in _NOT_OURS:
            return None
        return Told(event, event, self._payload(event, action, repo, pull, facts))

    def headers(self, delivery: Delivery) -> Mapping[str, str]:
        """Name the event and sign the body."""
        digest = hmac.new(delivery.hook.secret.encode(), delivery.body, hashlib.sha256).hexdigest()
        return {
            "User-Agent": "GitHub-Hookshot/sandbox",
            "X-GitHub-Event": delivery.event,
            "X-GitHub-Delivery": delivery.id,
            "X-GitHub-Hook-ID": str(delivery.hook.id),
            "X-Hub-Signature-256": f"sha256={digest}",
        }

    def _payload(
        self, event: str, action: str, repo: Repo, pull: Pull | None, facts: Mapping[str, object]
    ) -> dict[str, Any]:
        made: dict[str, Any] = {
            "action": action,
            "repository": self.payloads.repo(repo),
            "sender": self.payloads.user(str(facts["actor"])),
        }
        if "check_run" in facts:
            made["check_run"] = facts["check_run"]
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
