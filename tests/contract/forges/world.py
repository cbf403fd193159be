"""Two forges to hold to one contract: GitHub's adapter over HTTP against the sandbox, and the forge in memory."""

from dataclasses import replace
from pathlib import Path
from typing import Protocol

from sandbox.server import API, SandboxServer
from server.domain.pull import Pull, PullState
from server.domain.refs import PullRef, RepoRef
from server.forges.base import Forge, Permission
from server.forges.config import AppIdentity, ForgeConfig
from server.forges.registry import Forges, host_of_config
from tests.support.fake_forge import Conversation, FakeForge
from tests.support.openapi import watch

NAME = "acme/infra"
BOT = "thera-bot"
PEOPLE = ("ann", "bob", "cat", BOT)
_RIGHTS = {Permission.NONE: "none", Permission.READ: "read", Permission.WRITE: "write", Permission.ADMIN: "admin"}


class World(Protocol):
    """A forge, and people who do things on it. A pull is ann's unless it says otherwise."""

    forge: Forge
    repo: RepoRef
    bot: str

    def open_pull(self, *, branch: str = "change", draft: bool = False) -> PullRef: ...
    def close(self, ref: PullRef) -> None: ...
    def merge(self, ref: PullRef) -> None: ...
    def approve(self, ref: PullRef, who: str) -> None: ...
    def conflict(self, ref: PullRef) -> None: ...
    def move_base(self, ref: PullRef) -> None: ...
    def label(self, ref: PullRef, *names: str) -> None: ...
    def permit(self, who: str, permission: Permission) -> None: ...
    def write(self, ref: PullRef, who: str, body: str) -> str: ...
    def lose_next_answer(self) -> None: ...
    def join(self, team: str, who: str) -> None: ...
    def push(self, ref: PullRef) -> None: ...
    def branches(self, ref: PullRef) -> set[str]: ...
    def comments(self, ref: PullRef) -> list[tuple[str, str]]: ...
    def hidden(self, ref: PullRef, comment_id: str) -> bool: ...
    def reactions(self, ref: PullRef, comment_id: str) -> list[str]: ...
    def statuses(self, ref: PullRef) -> dict[str, str]: ...


class SandboxWorld:
    """GitHub's adapter, over HTTP, with GitHub's own description listening."""

    bot = BOT

    def __init__(self, folder: Path) -> None:
        self.server = SandboxServer(folder)
        self.violations = watch(self.server.app, API)
        self.tokens = {login: self.server.forge.create_user(login) for login in PEOPLE}
        self.server.forge.create_repo(NAME, {"main.tf": "one\n", "other.tf": "one\n"})
        for reviewer in ("bob", "cat"):  # GitHub counts the reviews of those who may write
            self.server.forge.permit(NAME, reviewer, "write")
        self.server.start()
        self.url = self.server.api_url
        self.forge = self.as_token(self.tokens[BOT])
        self.repo = RepoRef(self.forge.host, NAME)

    def as_token(self, token: str, url: str | None = None) -> Forge:
        """Look at the same forge, or one elsewhere, with another token."""
        config = ForgeConfig(kind="github", url=url or self.url, token=token)
        return Forges([config]).of(RepoRef(host_of_config(config), NAME))

    def stop(self) -> None:
        self.server.stop()
        assert not self.violations.found, "\n".join(self.violations.found)

    def requests(self, verb: str, part: str = "") -> int:
        """Count the requests of a kind that came."""
        return sum(method == verb and part in path for method, path in self.server.faults.requests)

    def open_pull(self, *, branch: str = "change", draft: bool = False) -> PullRef:
        self.server.forge.commit(NAME, branch, {"main.tf": f"{branch}\n"})
        number = self.server.forge.open_pull(NAME, head=branch, title="A change", author="ann", draft=draft)
        return PullRef(self.repo, number)

    def close(self, ref: PullRef) -> None:
        self.server.forge.change_pull(NAME, ref.number, "ann", state="closed")

    def merge(self, ref: PullRef) -> None:
        self.server.forge.merge(NAME, ref.number, "ann")

    def approve(self, ref: PullRef, who: str) -> None:
        self.review(ref, who, "APPROVED")

    def review(self, ref: PullRef, who: str, state: str) -> int:
        """Submit a review; gives its id. GitHub has no approval of one's own pull, so neither has the sandbox."""
        return self.server.forge.review(NAME, ref.number, who, state).id

    def conflict(self, ref: PullRef) -> None:
        assert ref.repo == self.repo
        self.server.forge.commit(NAME, "main", {"main.tf": "otherwise\n"})

    def move_base(self, ref: PullRef) -> None:
        assert ref.repo == self.repo
        self.server.forge.commit(NAME, "main", {"other.tf": "two\n"})

    def label(self, ref: PullRef, *names: str) -> None:
        self.server.forge.change_pull(NAME, ref.number, "ann", labels=list(names))

    def permit(self, who: str, permission: Permission) -> None:
        self.server.forge.permit(NAME, who, _RIGHTS[permission])

    def write(self, ref: PullRef, who: str, body: str) -> str:
        return str(self.server.forge.comment(NAME, ref.number, who, body).id)

    def lose_next_answer(self) -> None:
        self.server.faults.add("^POST .*/comments$", after=True)

    def join(self, team: str, who: str) -> None:
        self.server.forge.teams.setdefault(team, set()).add(who)

    def push(self, ref: PullRef) -> None:
        branch = self.server.forge.pull(NAME, ref.number).head_ref
        self.server.forge.commit(NAME, branch, {"main.tf": "pushed\n"})

    def branches(self, ref: PullRef) -> set[str]:
        assert ref.repo == self.repo
        return branches_of(self.server)

    def hidden(self, ref: PullRef, comment_id: str) -> bool:
        assert ref.repo == self.repo
        return self.server.forge.find_comment(NAME, int(comment_id))[1].minimized

    def comments(self, ref: PullRef) -> list[tuple[str, str]]:
        return [(one.author, one.body) for one in self.server.forge.pull(NAME, ref.number).comments]

    def reactions(self, ref: PullRef, comment_id: str) -> list[str]:
        assert ref.repo == self.repo
        return [content for _, content in self.server.forge.find_comment(NAME, int(comment_id))[1].reactions]

    def statuses(self, ref: PullRef) -> dict[str, str]:
        repo, sha = self.server.forge.repo(NAME), self.server.forge.pull(NAME, ref.number).head_sha
        return {one.context: one.state for one in repo.latest_statuses(sha)}


class AppWorld(SandboxWorld):
    """The same, as a GitHub App that is installed on the owner."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.app = self.server.apps.create("thera")
        self.installation = self.server.apps.install(self.app, "acme")
        self.bot = self.app.login
        self.forge = self.as_app()

    def as_app(self) -> Forge:
        """Begin anew as the App, with no token kept from before."""
        config = ForgeConfig(kind="github", url=self.url, app=AppIdentity(id=self.app.id, key=self.app.key))
        return Forges([config]).of(self.repo)

    def statuses(self, ref: PullRef) -> dict[str, str]:
        repo, sha = self.server.forge.repo(NAME), self.server.forge.pull(NAME, ref.number).head_sha
        return {run.name: run.conclusion or "pending" for run in repo.latest_checks(sha).values()}


class MemoryWorld:
    """The forge in memory that stories use."""

    bot = BOT

    def __init__(self) -> None:
        self.fake = FakeForge()
        self.forge: Forge = self.fake
        self.repo = RepoRef(self.fake.host, NAME)

    def _of(self, ref: PullRef) -> Conversation:
        return self.fake.conversations[ref]

    def open_pull(self, *, branch: str = "change", draft: bool = False) -> PullRef:
        ref = PullRef(self.repo, len(self.fake.conversations) + 1)
        pull = Pull(
            ref=ref,
            title="A change",
            author="ann",
            url=f"https://{self.repo}/pull/{ref.number}",
            state=PullState.OPEN,
            draft=draft,
            head_sha=f"{ref.number:040x}",
            head_ref=branch,
            head_repo=NAME,
            head_fetch_ref=f"refs/pull/{ref.number}/head",
            base_sha="f" * 40,
            base_ref="main",
            clone_url=f"https://{self.repo}.git",
        )
        self.fake.conversations[ref] = Conversation(pull)
        return ref

    def close(self, ref: PullRef) -> None:
        self.fake.close(ref, PullState.CLOSED)

    def merge(self, ref: PullRef) -> None:
        self.fake.close(ref, PullState.MERGED)

    def approve(self, ref: PullRef, who: str) -> None:
        self._of(ref).approved_by.add(who)

    def conflict(self, ref: PullRef) -> None:
        self._of(ref).mergeable = False
        self._of(ref).diverged = True

    def move_base(self, ref: PullRef) -> None:
        self._of(ref).diverged = True

    def label(self, ref: PullRef, *names: str) -> None:
        self._of(ref).pull = replace(self._of(ref).pull, labels=names)

    def permit(self, who: str, permission: Permission) -> None:
        self.fake.permissions[who] = permission

    def write(self, ref: PullRef, who: str, body: str) -> str:
        return self.fake.write(ref, who, body).id

    def lose_next_answer(self) -> None:
        self.fake.lose_next_answer()

    def join(self, team: str, who: str) -> None:
        self.fake.teams.setdefault(team, set()).add(who)

    def push(self, ref: PullRef) -> None:
        self._of(ref).pull = replace(self._of(ref).pull, head_sha="e" * 40)

    def branches(self, ref: PullRef) -> set[str]:
        one = self._of(ref)
        return set() if one.branch_deleted else {one.pull.head_ref}

    def hidden(self, ref: PullRef, comment_id: str) -> bool:
        return comment_id in self._of(ref).hidden

    def comments(self, ref: PullRef) -> list[tuple[str, str]]:
        return [(one.author, one.body) for one in self._of(ref).comments.values()]

    def reactions(self, ref: PullRef, comment_id: str) -> list[str]:
        return sorted(self._of(ref).reactions.get(comment_id, ()))

    def statuses(self, ref: PullRef) -> dict[str, str]:
        return {context: status.state.value for (_, context), status in self._of(ref).statuses.items()}


def branches_of(server: SandboxServer, name: str = NAME) -> set[str]:
    """List a sandbox repository's branches."""
    listing = server.forge.repo(name).git.git("for-each-ref", "--format=%(refname:short)", "refs/heads")
    return set(listing.split())
