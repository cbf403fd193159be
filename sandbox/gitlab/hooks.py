"""What happens, in the words of GitLab's webhooks, with their token.

Events, actions and headers: docs.gitlab.com/user/project/integrations/webhook_events and /webhooks ("Delivery
headers"); `oldrev` and `changes` as in `service_merge_request.json` and `merge_request.json` of go-gitlab 0.73.
"""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from sandbox.branches import NOTHING
from sandbox.gitlab.answers import Json, Refused
from sandbox.gitlab.hook_bodies import merge_request_body, note_body, pipeline_body, push_body
from sandbox.gitlab.hook_json import hook_label
from sandbox.gitlab.judge import approvals_left
from sandbox.gitlab.state import GitLab, Links
from sandbox.gitlab.times import spoken
from sandbox.hooks import Delivery, Told
from sandbox.model import Comment, Pull, Repo, Review

MERGE_REQUEST, NOTE, PUSH, PIPELINE = "Merge Request Hook", "Note Hook", "Push Hook", "Pipeline Hook"
TOPICS = {
    MERGE_REQUEST: "merge_requests_events",
    NOTE: "note_events",
    PUSH: "push_events",
    PIPELINE: "pipeline_events",
}
_NOTED = {"issue_comment.created": "create", "issue_comment.edited": "update"}


class GitLabHooks:
    """Tells as GitLab does."""

    face = "gitlab"

    def __init__(self, hub: GitLab, links: Links) -> None:
        self.hub, self.links = hub, links

    def headers(self, delivery: Delivery) -> Mapping[str, str]:
        """Name the event, and show the hook's token."""
        hook = delivery.hook
        own = {
            "User-Agent": "GitLab/17.11.0",
            "X-Gitlab-Instance": self.links.root,
            "X-Gitlab-Webhook-UUID": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.links.web}/hooks/{hook.id}")),
            "X-Gitlab-Event": delivery.event,
            "X-Gitlab-Event-UUID": str(uuid.UUID(hashlib.sha256(delivery.body).hexdigest()[:32], version=4)),
            "Idempotency-Key": delivery.id,
        }
        return own | ({"X-Gitlab-Token": hook.secret} if hook.secret else {})

    def told(self, what: str, repo: Repo, pull: Pull | None, facts: Mapping[str, Any]) -> Told | None:
        """Put what happened in GitLab's words."""
        if what == "branch.moved":
            return _told(PUSH, push_body(self.hub, self.links, repo, facts))
        if what == "pipeline.moved":
            return _told(PIPELINE, pipeline_body(self.hub, self.links, repo, facts["pipeline"]))
        comment = facts.get("comment")
        if pull is None:
            return None
        if isinstance(comment, Comment):
            return self._note(what, repo, pull, comment, str(facts["actor"]))
        return self._merge_request(what, repo, pull, facts)

    def sample(self, repo: Repo, topic: str) -> Told:
        """Make up something to tell, as GitLab does when a hook is tested: of what the project has.

        Raises:
            Refused: it has no such thing.
        """
        pull = next(iter(repo.pulls.values()), None)
        if topic == TOPICS[PUSH]:
            tip = repo.git.sha(f"refs/heads/{repo.default_branch}") or NOTHING
            ends = {"ref": f"refs/heads/{repo.default_branch}", "before": tip, "after": tip}
            return _told(PUSH, push_body(self.hub, self.links, repo, ends | {"actor": next(iter(repo.permissions))}))
        if topic == TOPICS[MERGE_REQUEST] and pull:
            return _told(MERGE_REQUEST, merge_request_body(self.hub, self.links, repo, pull, pull.author))
        noted = next(((pull, one) for pull in repo.pulls.values() for one in pull.comments), None)
        if topic == TOPICS[NOTE] and noted:
            return _told(NOTE, note_body(self.hub, self.links, repo, *noted, noted[1].author))
        pipeline = next(iter(self.hub.project(repo).pipelines), None)
        if topic == TOPICS[PIPELINE] and pipeline:
            return _told(PIPELINE, pipeline_body(self.hub, self.links, repo, pipeline))
        missing = {TOPICS[MERGE_REQUEST]: "merge requests", TOPICS[NOTE]: "notes", TOPICS[PIPELINE]: "CI/CD pipelines"}
        raise Refused(422, f"Ensure the project has {missing[topic]}.")

    def _note(self, what: str, repo: Repo, pull: Pull, comment: Comment, actor: str) -> Told | None:
        if what not in _NOTED:
            return None
        body = note_body(self.hub, self.links, repo, pull, comment, actor)
        body["object_attributes"]["action"] = _NOTED[what]
        return _told(NOTE, body)

    def _merge_request(self, what: str, repo: Repo, pull: Pull, facts: Mapping[str, Any]) -> Told | None:
        attributes, changes = self._act(what, repo, pull, facts), self._changes(what, repo, pull, facts)
        if not attributes:
            return None
        body = merge_request_body(self.hub, self.links, repo, pull, str(facts["actor"]))
        body["object_attributes"] |= attributes
        return _told(MERGE_REQUEST, body | {"changes": changes})

    def _act(self, what: str, repo: Repo, pull: Pull, facts: Mapping[str, Any]) -> Json:
        """Give the action and what comes with it; nothing for what GitLab does not tell."""
        match what:
            case "pull_request.opened":
                return {"action": "open"}
            case "pull_request.synchronize":
                return {"action": "update", "oldrev": facts["before"]}
            case "pull_request.closed" if pull.merged_at:
                return {"action": "merge"}
            case "pull.changed":
                states = {"closed": "close", "open": "reopen"}
                return {"action": states[facts["moves"]["state"][1]] if "state" in facts["moves"] else "update"}
            case "pull_request_review.submitted" | "pull_request_review.dismissed":
                return self._approval(repo, pull, facts["review"])
            case _:
                return {}

    def _approval(self, repo: Repo, pull: Pull, review: Review) -> Json:
        """Tell `approval` of one of several that are needed, and `approved` when none is left to give."""
        left = approvals_left(self.hub, repo, pull)
        if review.state == "APPROVED":
            return {"action": "approval" if left else "approved"}
        if review.state == "DISMISSED":
            return {"action": "unapproval" if left > 1 else "unapproved"}
        return {}

    def _changes(self, what: str, repo: Repo, pull: Pull, facts: Mapping[str, Any]) -> Json:
        if what == "pull_request.opened":
            return {"merge_status": _moved("preparing", "unchecked")}
        if what == "pull_request.closed":
            return {"state_id": _moved(4, 3)}
        moves: Mapping[str, tuple[Any, Any]] = facts.get("moves", {})
        changes: Json = {}
        if "updated_at" in moves:
            changes["updated_at"] = _moved(*map(spoken, moves["updated_at"]))
        if {"title", "draft"} & moves.keys():
            titles, drafts = moves.get("title", [pull.title] * 2), moves.get("draft", [pull.draft] * 2)
            shown = [f"Draft: {title}" if draft else title for title, draft in zip(titles, drafts, strict=True)]
            changes["title"] = _moved(*shown)
        for ours, theirs in (("draft", "draft"), ("base_ref", "target_branch"), ("body", "description")):
            if ours in moves:
                changes[theirs] = _moved(*moves[ours])
        if "labels" in moves:
            before, after = ([hook_label(self.hub, repo, one) for one in ends] for ends in moves["labels"])
            changes["labels"] = _moved(before, after)
        if "state" in moves:
            changes["state_id"] = _moved(*(1 if state == "open" else 2 for state in moves["state"]))
        return changes


def _told(event: str, body: Json) -> Told:
    return Told(event, TOPICS[event], body)


def _moved(before: object, after: object) -> Json:
    return {"previous": before, "current": after}
