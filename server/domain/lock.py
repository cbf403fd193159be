"""Locks that people see, and the queue in front of each."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from server.domain.refs import RepoRef
from workers.protocol.jobs import ProjectKey


class LockScope(StrEnum):
    """How much one lock covers."""

    PROJECT = "project"
    REPO = "repo"


class LockMode(StrEnum):
    """When a lock is taken."""

    ON_PLAN = "on_plan"
    ON_APPLY = "on_apply"
    DISABLED = "disabled"


WHOLE_REPO = "*"


@dataclass(frozen=True, order=True)
class LockKey:
    """What is locked: a directory in a workspace of a repository, or (`*`) the whole repository."""

    repo: RepoRef
    dir: str
    workspace: str

    @property
    def label(self) -> str:
        """Name it as people read it."""
        if self.dir == WHOLE_REPO:
            return "the whole repository"
        return self.dir if self.workspace == "default" else f"{self.dir}/{self.workspace}"


def lock_key(repo: RepoRef, project: ProjectKey, scope: LockScope) -> LockKey:
    """Say which lock guards a project."""
    if scope is LockScope.REPO:
        return LockKey(repo, WHOLE_REPO, WHOLE_REPO)
    return LockKey(repo, project.dir, project.workspace)


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Held by one pull until it is closed, unlocked, or (as configured) applied."""

    id: str
    key: LockKey
    pull_id: str
    actor: str
    run_id: str
    acquired_at: datetime


@dataclass(frozen=True, kw_only=True)
class Waiter:
    """A pull that waits for a lock, first come first served."""

    id: str
    key: LockKey
    pull_id: str
    project: ProjectKey
    actor: str
    since: datetime
