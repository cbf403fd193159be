"""GitLab to hold to the contract: its adapter over HTTP against the sandbox's GitLab face, under a path."""

from pathlib import Path

from sandbox.gitlab.state import DEVELOPER, MAINTAINER, Pipeline
from sandbox.model import Pull, Repo
from sandbox.server import SandboxServer
from server.domain.refs import PullRef, RepoRef
from server.forges.base import Forge, Permission
from server.forges.config import ForgeConfig
from server.forges.registry import Forges, host_of_config
from tests.contract.forges.world import branches_of

GROUP = "acme/platform"
NAME = f"{GROUP}/infra"
BOT = "thera-bot"
PEOPLE = ("ann", "bob", "cat", BOT)
_RIGHTS = {Permission.NONE: "none", Permission.READ: "read", Permission.WRITE: "write", Permission.ADMIN: "maintain"}
_STATES = {"pending": "pending", "running": "pending", "success": "success", "failed": "failure"}


class GitLabWorld:
    """GitLab's adapter, over HTTP, with a token of a member of a group."""

    bot = BOT

    def __init__(self, folder: Path) -> None:
        self.server = SandboxServer(folder, gitlab_prefix="/gitlab")
        self.tokens = {login: self.server.forge.create_user(login) for login in PEOPLE}
        self.server.forge.create_repo(NAME, {"main.tf": "one\n", "other.tf": "one\n"})
        self.server.gitlab.add_group_member("acme", BOT, MAINTAINER)
        for person in ("ann", "bob", "cat"):
            self.server.forge.permit(NAME, person, "write")
        self.server.start()
        self.url = self.server.gitlab_url
        self.forge = self.as_token(self.tokens[BOT])
        self.repo = RepoRef(self.forge.host, NAME)

    def as_token(self, token: str, url: str | None = None) -> Forge:
        """Look at the same forge, or one elsewhere, with another token."""
        config = ForgeConfig(kind="gitlab", url=url or self.url, token=token)
        return Forges([config]).of(RepoRef(host_of_config(config), NAME))

    def stop(self) -> None:
        self.server.stop()

    def requests(self, verb: str, part: str = "") -> int:
        """Count the requests of a kind that came."""
        return sum(method == verb and part in path for method, path in self.server.faults.requests)

    @property
    def project(self) -> Repo:
        """What the sandbox keeps as the repository."""
        return self.server.forge.repo(NAME)

    def kept(self, ref: PullRef) -> Pull:
        """Give what the sandbox keeps as a merge request."""
        return self.server.forge.pull(NAME, ref.number)

    @property
    def pipelines(self) -> list[Pipeline]:
        return self.server.gitlab.project(self.project).pipelines

    def open_pull(self, *, branch: str = "change", draft: bool = False) -> PullRef:
        self.server.forge.commit(NAME, branch, {"main.tf": f"{branch}\n"})
        number = self.server.forge.open_pull(NAME, head=branch, title="A change", author="ann", draft=draft)
        return PullRef(self.repo, number)

    def open_fork_pull(self, fork: str) -> PullRef:
        """Open one from a fork that everybody may see."""
        forge = self.server.forge
        forge.create_repo(fork, {"main.tf": "one\n"}, private=False)
        forge.repo(fork).git.copy_from(self.project.git, "refs/heads/main", "refs/heads/main")
        forge.commit(fork, "change", {"main.tf": "two\n"})
        return PullRef(self.repo, forge.open_pull(NAME, head="change", title="x", author="ann", head_repo=fork))

    def close(self, ref: PullRef) -> None:
        self.server.forge.change_pull(NAME, ref.number, "ann", state="closed")

    def merge(self, ref: PullRef) -> None:
        self.server.forge.merge(NAME, ref.number, "ann")

    def approve(self, ref: PullRef, who: str) -> None:
        self.server.gitlab.approve(self.project, self.kept(ref), who)

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
        self.server.faults.add("^POST .*/notes$", after=True)

    def join(self, team: str, who: str) -> None:
        self.server.gitlab.add_group_member(team, who, DEVELOPER)

    def push(self, ref: PullRef) -> None:
        self.server.forge.commit(NAME, self.kept(ref).head_ref, {"main.tf": "pushed\n"})

    def branches(self, ref: PullRef) -> set[str]:
        assert ref.repo == self.repo
        return branches_of(self.server, NAME)

    def hidden(self, ref: PullRef, comment_id: str) -> bool:
        found = self.server.forge.find_comment(NAME, int(comment_id))[1]
        return "<details>" in found.body and ref.repo == self.repo

    def comments(self, ref: PullRef) -> list[tuple[str, str]]:
        return [(one.author, one.body) for one in self.kept(ref).comments]

    def reactions(self, ref: PullRef, comment_id: str) -> list[str]:
        assert ref.repo == self.repo
        return [content for _, content in self.server.forge.find_comment(NAME, int(comment_id))[1].reactions]

    def statuses(self, ref: PullRef) -> dict[str, str]:
        """List the last word of each status on a merge request's head, over all pipelines of it."""
        sha = self.kept(ref).head_sha
        jobs = [job for pipeline in self.pipelines if pipeline.sha == sha for job in pipeline.jobs if job.external]
        return {job.name: _STATES[job.status] for job in sorted(jobs, key=lambda job: job.id)}
