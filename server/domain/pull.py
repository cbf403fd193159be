"""A pull request as the forge last told us."""

from dataclasses import dataclass
from enum import StrEnum

from server.domain.refs import PullRef


class PullState(StrEnum):
    """Where a pull is in its life."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


@dataclass(frozen=True, kw_only=True)
class Pull:
    """A pull request. `id` is empty until stored.

    `head_fetch_ref` is where the forge publishes the head commit in the base repository.
    """

    ref: PullRef
    title: str
    author: str
    url: str
    state: PullState
    draft: bool
    head_sha: str
    head_ref: str
    head_repo: str
    head_fetch_ref: str
    base_sha: str
    base_ref: str
    clone_url: str
    labels: tuple[str, ...] = ()
    id: str = ""

    @property
    def is_fork(self) -> bool:
        """Say whether the head lives in another repository (a vanished one counts)."""
        return self.head_repo.lower() != self.ref.repo.full_name.lower()

    @property
    def is_open(self) -> bool:
        """Say whether commands make sense here."""
        return self.state is PullState.OPEN
