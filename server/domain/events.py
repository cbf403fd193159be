"""What happened on the forge, in our words; webhooks are parsed into these and nothing else."""

from dataclasses import dataclass
from enum import StrEnum

from server.domain.pull import Pull
from server.domain.refs import PullRef, RepoRef


class Change(StrEnum):
    """Why we hear of a pull."""

    OPENED = "opened"
    REOPENED = "reopened"
    READY = "ready"  # no longer a draft
    PUSHED = "pushed"
    RETARGETED = "retargeted"  # its base branch was changed
    EDITED = "edited"  # title, labels and the like


@dataclass(frozen=True)
class PullChanged:
    """A pull was opened, pushed to, or otherwise changed."""

    pull: Pull
    change: Change
    actor: str


@dataclass(frozen=True)
class PullClosed:
    """A pull was merged or closed."""

    pull: Pull
    actor: str


@dataclass(frozen=True)
class CommentPosted:
    """Somebody wrote a comment on a pull."""

    pull: PullRef
    comment_id: str
    author: str
    body: str


@dataclass(frozen=True)
class ReviewChanged:
    """A review was given or withdrawn; nothing to do but look again."""

    pull: PullRef
    actor: str


@dataclass(frozen=True)
class RerunAsked:
    """Somebody pressed "re-run" beside a check of ours on a commit; `context` is empty for all of them."""

    repo: RepoRef
    sha: str
    context: str
    actor: str


@dataclass(frozen=True)
class BranchPushed:
    """A branch moved."""

    repo: RepoRef
    branch: str
    sha: str


@dataclass(frozen=True)
class Ignored:
    """Nothing for us; the reason is kept with the delivery."""

    reason: str
    repo: RepoRef | None = None


Event = PullChanged | PullClosed | CommentPosted | ReviewChanged | RerunAsked | BranchPushed | Ignored
