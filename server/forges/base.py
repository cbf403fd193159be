"""What Thera asks of a forge, whichever it is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Protocol

from server.domain.findings import Finding
from server.domain.pull import Pull
from server.domain.refs import PullRef, RepoRef
from server.domain.requirements import PullFacts


class StatusState(StrEnum):
    """A commit status; an adapter maps it to its forge's words."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """A remark on one line of a file of the head commit: where a diagnostic points."""

    path: str
    line: int
    message: str


@dataclass(frozen=True, kw_only=True)
class CommitStatus:
    """One named status on a commit. `context` is `thera/plan` or `thera/plan: dir/workspace`.

    `summary` (Markdown) and `annotations` are shown where the forge has checks, and left out elsewhere.
    """

    context: str
    state: StatusState
    description: str
    url: str
    summary: str = ""
    annotations: tuple[Annotation, ...] = ()


class MergeMethod(StrEnum):
    """How a pull is merged; `DEFAULT` is what the repository allows first."""

    DEFAULT = ""
    MERGE = "merge"
    SQUASH = "squash"
    REBASE = "rebase"


class Permission(IntEnum):
    """What a person may do with a repository; ordered."""

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3


@dataclass(frozen=True, kw_only=True)
class Credential:
    """How git gets at a repository over HTTP; `ca_certificate` (PEM) is the forge's own authority, if it has one."""

    username: str = ""
    password: str = field(default="", repr=False)
    ca_certificate: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class WantedHook:
    """A webhook as it should be: where to, and signed with what. Which events it sends is the adapter's business."""

    url: str
    secret: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Comment:
    """A comment as the forge holds it."""

    id: str
    author: str
    body: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a forge can do, as data: features are asked for here, never by the forge's name.

    `comment_limit` is in characters of Markdown source. `pull_mark` is what stands before a number.
    """

    comment_limit: int
    can_edit_comments: bool = True
    can_react: bool = True
    can_fold: bool = True
    can_hide_comments: bool = False
    has_checks: bool = False
    has_drafts: bool = True
    pull_mark: str = "#"


class Forge(Protocol):
    """One forge with one set of credentials.

    Every method raises `TryLater` when the forge does not answer or wants us to slow down, `Refused` when
    it forbids, and `UserMistake` when a named thing does not exist; never an SDK's own error.
    """

    @property
    def host(self) -> str:
        """The host name that repositories are spelled with (`github.com`)."""

    @property
    def login(self) -> str:
        """The account that Thera writes as; its own comments are never commands."""

    @property
    def capabilities(self) -> Capabilities:
        """What this forge can do."""

    def get_pull(self, ref: PullRef) -> Pull:
        """Read a pull request as it is now."""

    def open_pulls(self, repo: RepoRef) -> Iterable[Pull]:
        """Read every open pull of a repository."""

    def pull_facts(self, pull: Pull, *, own_statuses: str | tuple[str, ...]) -> PullFacts:
        """Judge approval, mergeability and divergence now.

        Mergeable means mergeable but for statuses whose context starts with `own_statuses`; unknown is
        looked at again for a few seconds and then is not "yes".
        """

    def permission(self, repo: RepoRef, user: str) -> Permission:
        """Say what a person may do there."""

    def post_comment(self, pull: PullRef, body: str) -> str:
        """Write a comment and give its id. Never repeated by the adapter: the publisher looks first."""

    def edit_comment(self, pull: PullRef, comment_id: str, body: str) -> None:
        """Replace a comment's text."""

    def find_comment(self, pull: PullRef, marker: str) -> str | None:
        """Find our own comment that contains the marker, newest first."""

    def comments_since(self, repo: RepoRef, since: datetime) -> Iterable[tuple[PullRef, Comment]]:
        """Read comments on pulls of a repository that were written after a moment."""

    def hide_comment(self, pull: PullRef, comment_id: str) -> None:
        """Fold one of our own comments away as outdated; harmless where `can_hide_comments` is false."""

    def react(self, pull: PullRef, comment_id: str, emoji: str) -> None:
        """Put a reaction (`eyes`) on a comment; repeating it is harmless."""

    def set_status(self, pull: Pull, sha: str, status: CommitStatus) -> None:
        """Set one commit status on a commit of a pull, as a check where `has_checks`."""

    def in_team(self, repo: RepoRef, team: str, user: str) -> bool:
        """Say whether a person is in a team of the repository's owner; a team that nobody can see has no members."""

    def merge(self, pull: Pull, *, method: MergeMethod = MergeMethod.DEFAULT, delete_branch: bool = False) -> None:
        """Merge a pull if its head still is `pull.head_sha`; harmless when it is merged already.

        Raises:
            Refused: a rule is in the way, or the head has moved; the message says which.
        """

    def inspect(self, repo: RepoRef, *, hook: WantedHook | None, own_statuses: str) -> Sequence[Finding]:
        """Look at a repository's set-up: rights, clock, webhook, and what its default branch requires.

        `own_statuses` is what ours begin with (`thera/`). What could not be looked at is said, and is never `GOOD`.
        """

    def set_webhook(self, repo: RepoRef, hook: WantedHook) -> str:
        """Make a repository's webhook, or put the one that goes to the same address right; says what was done.

        Raises:
            Refused: the credential may not.
        """

    def clone_url(self, repo: RepoRef) -> str:
        """Say where git fetches a repository over HTTP; the forge may live under a path of its host."""

    def credential(self, repo: RepoRef) -> Credential:
        """Give a credential that can fetch the repository, valid for at least some minutes."""
