"""Conversations with Thera, told step by step: a forge in memory, a real store, a scripted worker.

Bells are rung by hand (`settle`), so that a story can also be about what happens between two of them.
"""

import hashlib
import hmac
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from server.artifacts.crypto import Keyring
from server.artifacts.store import open_store
from server.artifacts.vault import PlanVault
from server.config.server_file import ServerFile
from server.domain.errors import TryLater, UserMistake
from server.domain.events import Change, CommentPosted, Event, PullChanged, PullClosed
from server.domain.pull import Pull, PullState
from server.domain.refs import PullRef, RepoRef
from server.forges.allowlist import Allowlist
from server.orchestration.begin import begin
from server.orchestration.claims import ServerGateway
from server.orchestration.context import Context, Rules
from server.orchestration.intake import handle_event
from server.orchestration.publish import publish
from server.orchestration.reconcile import reconcile
from server.orchestration.relay import relay
from server.store.bells import Bell, BellKind
from server.store.session import make_engine, migrate
from server.store.unit_of_work import Store
from tests.support.fake_forge import Conversation, FakeForge
from tests.support.scripted_worker import ScriptedWorker, Tree
from workers.protocol.jobs import Ticket

REPO = RepoRef(FakeForge.host, "acme/infra")


class OneForge:
    """A registry with a single forge in it."""

    def __init__(self, forge: FakeForge) -> None:
        self._forge = forge

    def of(self, repo: RepoRef) -> FakeForge:  # noqa: ARG002  (there is only one)
        return self._forge

    def repo_named(self, kind: str, name: str) -> RepoRef:
        """Find a repository; the one forge is of the type Fake."""
        if kind != "Fake":
            raise UserMistake(f"no forge of the type {kind!r} is configured here; there are: fake")
        return RepoRef(self._forge.host, name)


class Story:
    """One installation of Thera and the people around it."""

    def __init__(self, database_url: str, *, server_file: ServerFile | None = None, **rules: object) -> None:
        engine = make_engine(database_url)
        migrate(engine)
        self.forge = FakeForge()
        self.bells: deque[Bell] = deque()
        self.tickets: deque[Ticket] = deque()
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)
        self.store = Store(engine, self.bells.append)
        self.ctx = Context(
            store=self.store,
            forges=OneForge(self.forge),  # type: ignore[arg-type]  # the one method that use cases call
            vault=PlanVault(open_store("memory://"), Keyring("a key for stories only")),
            server_file=server_file or ServerFile(),
            allowlist=Allowlist.parse("*"),
            rules=replace(
                Rules(
                    words=("thera",),
                    status_prefix="thera",
                    public_url="https://thera.test",
                    allow_forks=False,
                    allow_drafts=False,
                    job_timeout=timedelta(hours=1),
                    lost_after=timedelta(seconds=30),
                    poll_every=timedelta(minutes=10),
                ),
                **rules,  # type: ignore[arg-type]  # a test's shorthand
            ),
            parse=lambda _: _never(),
            job_token=lambda job_id, attempt: hmac.digest(b"key", f"{job_id}:{attempt}".encode(), "sha256").hex(),
            clock=self._tick,
        )
        self._changed: dict[str, tuple[str, ...]] = {}
        self.tree = Tree(dirs={"prod", "dev"})
        self.worker = ScriptedWorker(ServerGateway(self.ctx), self.tree, lambda sha: self._changed.get(sha, ()))
        self._numbers = iter(range(1, 10_000))
        self._commits = iter(range(1, 10_000))

    def _tick(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def restart(self, server_file: ServerFile) -> None:
        """Start the server again with another file of the operator's."""
        self.ctx = replace(self.ctx, server_file=server_file)
        self.worker.gateway = ServerGateway(self.ctx)

    def close(self) -> None:
        """Let go of the database."""
        self.store.dispose()

    # what people do

    def open_pull(self, *changed: str, author: str = "ann", **facts: object) -> Pull:
        """Open a pull request that changes some files."""
        number = next(self._numbers)
        pull = Pull(
            ref=PullRef(REPO, number),
            title=f"Change {number}",
            author=author,
            url=f"https://forge.test/acme/infra/pull/{number}",
            state=PullState.OPEN,
            draft=False,
            head_sha=self._commit(changed),
            head_ref=f"change-{number}",
            head_repo="acme/infra",
            head_fetch_ref=f"refs/pull/{number}/head",
            base_sha="b" * 40,
            base_ref="main",
            clone_url="https://forge.test/acme/infra.git",
        )
        pull = replace(pull, **facts)  # type: ignore[arg-type]  # a test's shorthand
        self.forge.conversations[pull.ref] = Conversation(pull)
        self.hear(PullChanged(pull, Change.OPENED, author))
        return pull

    def push(self, pull: Pull, *changed: str, announce: bool = True) -> Pull:
        """Push a new commit to a pull request."""
        one = self.forge.conversations[pull.ref]
        one.pull = replace(one.pull, head_sha=self._commit(changed))
        if announce:
            self.hear(PullChanged(one.pull, Change.PUSHED, one.pull.author))
        return one.pull

    def comment(self, pull: Pull, body: str, *, by: str = "bob") -> str:
        """Write a comment."""
        comment = self.forge.write(pull.ref, by, body)
        self.hear(CommentPosted(pull.ref, comment.id, by, body))
        return comment.id

    def approve(self, pull: Pull, *, by: str = "bob") -> None:
        """Approve a pull request."""
        self.forge.conversations[pull.ref].approved_by.add(by)

    def merge(self, pull: Pull) -> None:
        """Merge a pull request."""
        self.forge.close(pull.ref, PullState.MERGED)
        self.hear(PullClosed(self.forge.conversations[pull.ref].pull, pull.author))

    def close_pull(self, pull: Pull) -> None:
        """Close a pull request without merging it."""
        self.forge.close(pull.ref, PullState.CLOSED)
        self.hear(PullClosed(self.forge.conversations[pull.ref].pull, pull.author))

    def hear(self, event: Event) -> None:
        """Let Thera hear of an event."""
        handle_event(self.ctx, event, delivery=None)

    def _commit(self, changed: tuple[str, ...]) -> str:
        sha = hashlib.sha1(str(next(self._commits)).encode(), usedforsecurity=False).hexdigest()
        self._changed[sha] = changed
        return sha

    # what Thera does

    def settle(self, *, working: bool = True) -> "Story":
        """Ring every bell and let the worker do every job, until nothing is left to do."""
        for _ in range(10_000):
            if self.bells:
                self._ring(self.bells.popleft())
            elif working and self.tickets:
                self.worker.do(self.tickets.popleft())
            else:
                return self
        raise AssertionError("Thera never came to rest")

    def step(self) -> Ticket | None:
        """Ring one bell, or else let the worker do one job; gives the job's ticket."""
        if self.bells:
            self._ring(self.bells.popleft())
        elif self.tickets:
            ticket = self.tickets.popleft()
            self.worker.do(ticket)
            return ticket
        return None

    def settle_calmly(self) -> None:
        """Settle as the reactor does: what cannot be done now is left to the reconcile loop."""
        for _ in range(1_000):
            try:
                self.settle()
            except TryLater:
                continue
            return

    def forged(self, ticket: Ticket) -> Ticket:
        """Make a ticket that nobody signed."""
        return replace(ticket, token="0" * 64)

    def _ring(self, bell: Bell) -> None:
        match bell.kind:
            case BellKind.BEGIN:
                begin(self.ctx, bell.subject)
            case BellKind.RELAY:
                relay(self.ctx, lambda _, ticket: self.tickets.append(ticket))
            case BellKind.PUBLISH:
                publish(self.ctx, bell.subject)
            case BellKind.DELIVERY:
                _never()

    def lose_bells(self) -> None:
        """Flush the broker."""
        self.bells.clear()
        self.tickets.clear()

    def pass_time(self, span: timedelta) -> "Story":
        """Let time go by and reconcile once."""
        self.now += span
        reconcile(self.ctx, self.bells.append)
        return self

    # what people see

    def says(self, pull: Pull) -> list[str]:
        """Read what Thera wrote on a pull, in order."""
        one = self.forge.conversations[pull.ref]
        return [comment.body for comment in one.comments.values() if comment.author == self.forge.login]

    def last(self, pull: Pull) -> str:
        """Read the last thing that Thera wrote."""
        return self.says(pull)[-1]

    def statuses(self, pull: Pull) -> dict[str, str]:
        """Read the statuses of a pull's head."""
        one = self.forge.conversations[pull.ref]
        return {
            context: status.state.value for (sha, context), status in one.statuses.items() if sha == one.pull.head_sha
        }

    def locked(self) -> list[str]:
        """List what is locked."""
        with self.store.reading() as uow:
            return [lock.key.label for lock in uow.locks.all()]

    def standing(self, pull: Pull) -> dict[str, str]:
        """Read where each project of a pull stands."""
        with self.store.reading() as uow:
            stored = uow.pulls.by_ref(pull.ref)
            assert stored is not None
            return {row.key.label: row.status.value for row in uow.projects.of_pull(stored.id)}


def _never() -> Event:
    raise AssertionError("stories have no deliveries")
