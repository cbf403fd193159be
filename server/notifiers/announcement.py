"""What is told to others, and to whom."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from server.domain.pull import Pull
from workers.protocol.jobs import ProjectKey


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """A project's apply has ended. `pull` is as it is known now, `head_sha` the commit that was applied.

    `id` names the message: whoever is told twice, because an answer was lost, can tell by it.
    """

    id: str
    pull: Pull
    head_sha: str
    project: ProjectKey
    actor: str
    succeeded: bool


@dataclass(frozen=True, kw_only=True)
class OutgoingHook:
    """Somebody who is told of applies. `label` is for logs: neither it nor `id` shows an address.

    `send` raises `TryLater` when the message was not taken.
    """

    id: str
    label: str
    workspace: re.Pattern[str]
    branch: re.Pattern[str]
    send: Callable[[Announcement], None] = field(repr=False)

    def wants(self, *, workspace: str, base_ref: str) -> bool:
        """Say whether an apply is of interest there."""
        return self.workspace.search(workspace) is not None and self.branch.search(base_ref) is not None
