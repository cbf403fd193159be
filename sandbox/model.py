"""What a forge keeps, in no forge's words."""

import itertools
import secrets
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sandbox.gitrepo import GitRepo


def now() -> datetime:
    """The time, to the second, as forges tell it."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class User:
    """A person or a bot."""

    id: int
    login: str
    token: str


@dataclass
class Comment:
    """A comment on a pull."""

    id: int
    author: str
    body: str
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    reactions: list[tuple[str, str]] = field(default_factory=list)
    minimized: bool = False


@dataclass
class Review:
    """A submitted review."""

    id: int
    author: str
    state: str
    commit: str
    body: str = ""
    submitted_at: datetime = field(default_factory=now)


@dataclass
class Status:
    """A commit status."""

    id: int
    context: str
    state: str
    description: str
    target_url: str
    author: str
    created_at: datetime = field(default_factory=now)


@dataclass
class Grant:
    """A token that acts as an account on one owner's repositories, for a while."""

    login: str
    owner: str
    until: datetime


@dataclass
class CheckRun:
    """What an App says of a commit."""

    id: int
    name: str
    sha: str
    app_id: int
    status: str = "queued"
    conclusion: str | None = None
    details_url: str = ""
    title: str | None = None
    summary: str | None = None
    annotations: list[dict[str, object]] = field(default_factory=list)
    started_at: datetime = field(default_factory=now)
    completed_at: datetime | None = None


@dataclass
class Protection:
    """Rules of a branch, told of as classic protection or as a ruleset."""

    approvals: int = 0
    contexts: tuple[str, ...] = ()
    strict: bool = False
    in_ruleset: bool = False


@dataclass
class Pull:
    """A pull request."""

    id: int
    number: int
    title: str
    body: str
    author: str
    head_repo: str
    head_ref: str
    base_ref: str
    head_sha: str
    draft: bool = False
    state: str = "open"
    merged_by: str | None = None
    merged_at: datetime | None = None
    merge_sha: str | None = None
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    comments: list[Comment] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


@dataclass
class Hook:
    """A webhook subscription; `face` is the forge in whose words it is told."""

    id: int
    url: str
    secret: str
    events: tuple[str, ...]
    face: str = "github"
    active: bool = True
    content_type: str = "json"


@dataclass
class Repo:
    """A repository with its pulls; `face` is the forge whose pages lead to them (its API serves every face)."""

    id: int
    full_name: str
    git: GitRepo
    private: bool = True
    face: str = "github"
    default_branch: str = "main"
    pulls: dict[int, Pull] = field(default_factory=dict)
    statuses: dict[str, list[Status]] = field(default_factory=dict)
    checks: list[CheckRun] = field(default_factory=list)
    hooks: list[Hook] = field(default_factory=list)
    protections: dict[str, Protection] = field(default_factory=dict)
    permissions: dict[str, str] = field(default_factory=dict)
    created_at: datetime = field(default_factory=now)

    def latest_checks(self, sha: str) -> dict[tuple[int, str], CheckRun]:
        """Keep the newest check run of each name and App on a commit."""
        return {(run.app_id, run.name): run for run in self.checks if run.sha == sha}

    def states(self, sha: str) -> dict[str, str]:
        """Say where everything stands that was said of a commit, by status or by check."""
        said = {status.context: status.state for status in self.latest_statuses(sha)}
        runs = self.latest_checks(sha).values()
        return said | {run.name: (run.conclusion or "pending") for run in runs}

    def latest_statuses(self, sha: str) -> list[Status]:
        """Keep the newest status of each context."""
        latest = {status.context: status for status in self.statuses.get(sha, [])}
        return list(latest.values())


class Ids:
    """Numbers that no two things share."""

    def __init__(self) -> None:
        self._counter = itertools.count(1001)
        self._lock = threading.Lock()

    def next(self) -> int:
        """Give the next one."""
        with self._lock:
            return next(self._counter)


def new_token() -> str:
    """Make a personal access token."""
    return f"ghp_{secrets.token_hex(18)}"
