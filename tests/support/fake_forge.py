"""A forge in memory: a whole `Forge`, so that stories need no HTTP. It is itself held to the contract suite."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from server.domain.errors import Refused, TryLater, UserMistake
from server.domain.findings import Finding, Verdict
from server.domain.pull import Pull, PullState
from server.domain.refs import PullRef, RepoRef
from server.domain.requirements import PullFacts
from server.forges.base import Capabilities, Comment, CommitStatus, Credential, MergeMethod, Permission, WantedHook
from server.forges.inspection import about_hook, about_protection


@dataclass
class Conversation:
    """What one pull looks like to people."""

    pull: Pull
    comments: dict[str, Comment] = field(default_factory=dict)
    reactions: dict[str, set[str]] = field(default_factory=dict)
    statuses: dict[tuple[str, str], CommitStatus] = field(default_factory=dict)
    approved_by: set[str] = field(default_factory=set)
    branch_deleted: bool = False
    hidden: set[str] = field(default_factory=set)
    mergeable: bool = True
    diverged: bool = False
    edits: int = 0
    posts: int = 0


class FakeForge:
    """Pulls, comments, statuses and permissions, without a network."""

    host = "forge.test"
    login = "thera-bot"
    capabilities = Capabilities(comment_limit=65_000, can_hide_comments=True)

    def __init__(self) -> None:
        self.conversations: dict[PullRef, Conversation] = {}
        self.permissions: dict[str, Permission] = {}
        self.teams: dict[str, set[str]] = {}
        self.outages: list[Exception] = []
        self.hook: WantedHook | None = None
        self.requires_ours = False
        self.merge_refusals: list[Refused] = []
        self.down: Exception | None = None  # what every call gets while it is set
        self.status_writes = 0
        self.answers_lost = 0
        self._ids = iter(range(1, 1_000_000))

    def fail_next(self, *errors: Exception) -> None:
        """Have the next calls fail, one error each."""
        self.outages.extend(errors)

    def lose_next_answer(self) -> None:
        """Have the next comment be posted although its answer never arrives."""
        self.answers_lost += 1

    def _answer(self) -> None:
        if self.down is not None:
            raise self.down
        if self.outages:
            raise self.outages.pop(0)

    def _of(self, ref: PullRef) -> Conversation:
        self._answer()
        if ref not in self.conversations:
            raise UserMistake(f"there is no {ref}")
        return self.conversations[ref]

    def get_pull(self, ref: PullRef) -> Pull:
        return self._of(ref).pull

    def open_pulls(self, repo: RepoRef) -> Iterable[Pull]:
        self._answer()
        return [one.pull for ref, one in self.conversations.items() if ref.repo == repo and one.pull.is_open]

    def pull_facts(self, pull: Pull, *, own_statuses: str | tuple[str, ...]) -> PullFacts:  # noqa: ARG002  (nothing here requires ours)
        one = self._of(pull.ref)
        return PullFacts(
            approved=bool(one.approved_by - {pull.author}), mergeable=one.mergeable, undiverged=not one.diverged
        )

    def permission(self, repo: RepoRef, user: str) -> Permission:  # noqa: ARG002  (one repository is enough)
        self._answer()
        return self.permissions.get(user, Permission.WRITE)

    def post_comment(self, pull: PullRef, body: str) -> str:
        one = self._of(pull)
        comment = self.write(pull, self.login, body)
        one.posts += 1
        if self.answers_lost:
            self.answers_lost -= 1
            raise TryLater("the connection broke while the answer was on its way")
        return comment.id

    def write(self, pull: PullRef, author: str, body: str) -> Comment:
        """Put a comment on a pull, as anybody."""
        comment = Comment(id=str(next(self._ids)), author=author, body=body, created_at=datetime.now(UTC))
        self.conversations[pull].comments[comment.id] = comment
        return comment

    def edit_comment(self, pull: PullRef, comment_id: str, body: str) -> None:
        one = self._of(pull)
        if comment_id not in one.comments:
            raise UserMistake("that comment was deleted")
        one.comments[comment_id] = replace(one.comments[comment_id], body=body)
        one.edits += 1

    def find_comment(self, pull: PullRef, marker: str) -> str | None:
        ours = [one for one in self._of(pull).comments.values() if one.author == self.login and marker in one.body]
        return ours[-1].id if ours else None

    def comments_since(self, repo: RepoRef, since: datetime) -> Iterator[tuple[PullRef, Comment]]:
        self._answer()
        for ref, one in self.conversations.items():
            for comment in one.comments.values():
                if ref.repo == repo and comment.created_at >= since:
                    yield ref, comment

    def react(self, pull: PullRef, comment_id: str, emoji: str) -> None:
        self._of(pull).reactions.setdefault(comment_id, set()).add(emoji)

    def set_status(self, pull: Pull, sha: str, status: CommitStatus) -> None:
        one = self._of(pull.ref)
        self.status_writes += 1
        one.statuses[sha, status.context] = status

    def hide_comment(self, pull: PullRef, comment_id: str) -> None:
        self._of(pull).hidden.add(comment_id)

    def in_team(self, repo: RepoRef, team: str, user: str) -> bool:  # noqa: ARG002  (one owner is enough)
        self._answer()
        return user in self.teams.get(team, ())

    def merge(self, pull: Pull, *, method: MergeMethod = MergeMethod.DEFAULT, delete_branch: bool = False) -> None:  # noqa: ARG002  (there is one method)
        one = self._of(pull.ref)
        if self.merge_refusals:
            raise self.merge_refusals.pop(0)
        if one.pull.state is PullState.MERGED:
            return
        if one.pull.head_sha != pull.head_sha:
            raise Refused("its head has moved")
        if not one.mergeable:
            raise Refused("a rule is in the way")
        self.close(pull.ref, PullState.MERGED)
        one.branch_deleted = delete_branch

    def inspect(self, repo: RepoRef, *, hook: WantedHook | None, own_statuses: str) -> Sequence[Finding]:  # noqa: ARG002  (one repository is enough)
        self._answer()
        if hook is None:
            return []
        wrong = [] if self.hook == hook else [f"there is none to {hook.url}"]
        required = {f"{own_statuses}apply"} if self.requires_ours else set()
        return [
            Finding(subject="credential", verdict=Verdict.GOOD, found=f"may write as {self.login}"),
            about_hook(wrong, remedy="Run `thera doctor --repair`."),
            about_protection(required, own=own_statuses, branch="main"),
        ]

    def set_webhook(self, repo: RepoRef, hook: WantedHook) -> str:  # noqa: ARG002
        self._answer()
        self.hook = hook
        return f"Made a webhook to {hook.url}."

    def clone_url(self, repo: RepoRef) -> str:
        self._answer()
        if repo.full_name.endswith("/nothing"):
            raise UserMistake(f"there is no {repo}")
        return f"https://{repo}.git"

    def credential(self, repo: RepoRef) -> Credential:  # noqa: ARG002  (one credential is enough)
        if self.outages:  # a forge that is down for its API only still has its git, and a token needs no asking
            raise self.outages.pop(0)
        return Credential(username="x-access-token", password="clone-secret")

    def close(self, ref: PullRef, state: PullState) -> None:
        """Merge or close a pull."""
        one = self.conversations[ref]
        one.pull = replace(one.pull, state=state)
