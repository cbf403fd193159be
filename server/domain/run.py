"""A run's row: one command on one pull request."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from server.domain.commands import Command


class RunState(StrEnum):
    """Where a run is. Runs of one pull go one after the other, in the order they were asked for."""

    PENDING = "pending"  # accepted, not begun
    OPEN = "open"  # its jobs are made
    DONE = "done"


class RunOutcome(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"  # a rule forbade it; nothing was run
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"  # a newer commit made it pointless
    LOST = "lost"  # an apply whose worker fell silent


class Trigger(StrEnum):
    """Why a run exists."""

    AUTO = "auto"  # the pull was opened or pushed to
    COMMENT = "comment"
    API = "api"
    QUEUE = "queue"  # a lock it waited for became free
    STALE = "stale"  # another pull's apply made its plan stale

    @property
    def is_automatic(self) -> bool:
        """Say whether nobody asked for it in words."""
        return self not in (Trigger.COMMENT, Trigger.API)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One command on one pull.

    `note` is what the answer says beside the table of projects; `forge_facts` what the forge said when the
    run began (`PullFacts` as JSON), where a rule needs it.
    """

    id: str
    pull_id: str
    command: Command
    trigger: Trigger
    actor: str
    state: RunState
    head_sha: str
    base_sha: str
    created_at: datetime
    outcome: RunOutcome | None = None
    note: str = ""
    comment_key: str = ""
    cancelled_by: str | None = None
    forge_facts: Mapping[str, Any] | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def is_closed(self) -> bool:
        """Say whether the answer is final."""
        return self.state is RunState.DONE
