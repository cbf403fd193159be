"""What only GitLab keeps beside the forge's own model: settings, groups, pipelines, discussions, merge checks.

Levels of access: docs.gitlab.com/api/access_requests, "Valid access levels".
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.forge import SandboxForge
from sandbox.model import Comment, Pull, Repo, now

LEVELS = {"none": 0, "guest": 10, "read": 20, "triage": 20, "write": 30, "maintain": 40, "admin": 40, "owner": 50}
GUEST, REPORTER, DEVELOPER, MAINTAINER = 10, 20, 30, 40


@dataclass(frozen=True)
class Links:
    """The address by which somebody knows us: `root` is the host, `prefix` the path that GitLab is under."""

    root: str
    prefix: str

    @property
    def web(self) -> str:
        """Where the pages are."""
        return f"{self.root}{self.prefix}"

    @property
    def api(self) -> str:
        """Where the API is."""
        return f"{self.web}/api/v4"


@dataclass
class Settings:
    """A project's settings, by their names in the API.

    `reset_approvals_on_push` is on in a new project of GitLab; here it is off, as in the forge's other face.
    """

    merge_method: str = "merge"
    only_allow_merge_if_pipeline_succeeds: bool = False
    allow_merge_on_skipped_pipeline: bool = False
    only_allow_merge_if_all_discussions_are_resolved: bool = False
    approvals_before_merge: int = 0
    remove_source_branch_after_merge: bool = False
    merge_requests_author_approval: bool = False
    reset_approvals_on_push: bool = False


@dataclass
class Job:
    """A job of a pipeline; `external` when it is a commit status that was posted."""

    id: int
    name: str
    user: str
    ref: str
    status: str = "created"
    external: bool = True
    description: str | None = None
    target_url: str | None = None
    coverage: float | None = None
    allow_failure: bool = False
    created_at: datetime = field(default_factory=now)
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass
class Pipeline:
    """A pipeline; `pull` is the merge request it was made for, if it was."""

    id: int
    iid: int
    sha: str
    ref: str
    source: str
    user: str
    pull: int | None = None
    jobs: list[Job] = field(default_factory=list)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)


@dataclass
class Discussion:
    """Notes that answer each other; `individual` is a lone note, which nobody can resolve."""

    id: str
    note_ids: list[int]
    individual: bool
    resolved_by: str | None = None
    resolved_at: datetime | None = None


@dataclass(frozen=True)
class Rule:
    """An approval rule of a project: so many of these people have to approve; of anybody if none is named."""

    id: int
    name: str
    required: int
    approvers: tuple[str, ...] = ()
    code_owner: bool = False

    def given(self, approvers: Sequence[str]) -> list[str]:
        """Keep the approvals that count for it."""
        return [login for login in approvers if not self.approvers or login in self.approvers]


@dataclass
class Talk:
    """What a merge request has that the forge's model does not.

    `unsettled` are the answers that the merge check still gives before it is done; `auto_merge` is who asked for a
    merge when the pipeline succeeds; `joining` is the thread that the note belongs to which is being written.
    """

    discussions: list[Discussion] = field(default_factory=list)
    system_notes: list[Comment] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    auto_merge: str | None = None
    joining: Discussion | None = None
    squash_sha: str | None = None

    def thread_of(self, note_id: int) -> Discussion | None:
        """Find the discussion that a note is in."""
        return next((one for one in self.discussions if note_id in one.note_ids), None)


def thread_id(of: object) -> str:
    """Name a discussion as GitLab does: forty hexadecimal digits."""
    return hashlib.sha1(str(of).encode(), usedforsecurity=False).hexdigest()


def _place(talk: Talk, note_id: int) -> None:
    thread = talk.joining or Discussion(thread_id(note_id), [], individual=True)
    thread.note_ids.append(note_id)
    if thread not in talk.discussions:
        talk.discussions.append(thread)


@dataclass
class Project:
    """What a repository has only as a GitLab project."""

    settings: Settings = field(default_factory=Settings)
    pipelines: list[Pipeline] = field(default_factory=list)
    talks: dict[int, Talk] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)


@dataclass
class Group:
    """A namespace with members of its own, who are members of everything below it."""

    id: int
    path: str
    members: dict[str, int] = field(default_factory=dict)


class GitLab:
    """The forge's GitLab side.

    `unsettled` is a knob for tests: the words (`unchecked`, `checking`, `preparing`) that a merge request whose
    head has just moved gives as its merge status, one for each time it is read, before it gives the real one.
    `scopes` holds what a person's token may do, where that is not everything.
    """

    def __init__(self, forge: SandboxForge) -> None:
        self.forge = forge
        self.unsettled: tuple[str, ...] = ()
        self.scopes: dict[str, tuple[str, ...]] = {}
        self.groups: dict[str, Group] = {}
        self._projects: dict[str, Project] = {}

    def project(self, repo: Repo) -> Project:
        """Give what a repository has as a GitLab project."""
        return self._projects.setdefault(repo.full_name, Project())

    def add_rule(
        self, full_name: str, name: str, required: int, *, approvers: Sequence[str] = (), code_owner: bool = False
    ) -> Rule:
        """Ask for approvals of merge requests: of anybody, or of some people."""
        rule = Rule(self.forge.ids.next(), name, required, tuple(approvers), code_owner)
        self.project(self.forge.repo(full_name)).rules.append(rule)
        return rule

    def settings(self, full_name: str) -> Settings:
        """Give a project's settings, to read or to change."""
        return self.project(self.forge.repo(full_name)).settings

    def talk(self, repo: Repo, pull: Pull) -> Talk:
        """Give a merge request's threads: every comment of the forge in one, and none without a comment."""
        with self.forge.lock:
            talk = self.project(repo).talks.setdefault(pull.number, Talk())
            there = [comment.id for comment in pull.comments]
            for thread in talk.discussions:
                thread.note_ids = [note_id for note_id in thread.note_ids if note_id in there]
            talk.discussions = [thread for thread in talk.discussions if thread.note_ids]
            for note_id in there:
                if talk.thread_of(note_id) is None:
                    _place(talk, note_id)
            return talk

    def moved(self, repo: Repo, pull: Pull) -> None:
        """Begin the merge check anew, and wait for no pipeline any more: the head has moved."""
        talk = self.talk(repo, pull)
        talk.unsettled, talk.auto_merge = list(self.unsettled), None

    def approve(self, repo: Repo, pull: Pull, login: str) -> None:
        """Approve a merge request."""
        own = self.project(repo).settings.merge_requests_author_approval
        self.forge.review(repo.full_name, pull.number, login, "APPROVED", own=own)

    def unapprove(self, repo: Repo, pull: Pull, login: str) -> None:
        """Take somebody's approval back."""
        given = [one for one in pull.reviews if one.author == login and one.state == "APPROVED"]
        for review in given:
            self.forge.dismiss_review(repo.full_name, pull.number, review.id, login)

    def forget_approvals(self, repo: Repo, pull: Pull) -> None:
        """Take every approval back, if the project wants that after a push; nobody is told."""
        if not self.project(repo).settings.reset_approvals_on_push:
            return
        for review in pull.reviews:
            if review.state == "APPROVED":
                review.state = "DISMISSED"

    def looked_at(self, repo: Repo, pull: Pull) -> None:
        """Move the merge check on: it was asked for, and will know more when it is asked again."""
        unsettled = self.talk(repo, pull).unsettled
        if unsettled:
            unsettled.pop(0)

    def pipeline_moved(self, repo: Repo, pipeline: Pipeline) -> None:
        """Tell that a pipeline's status has changed."""
        for listener in self.forge.listeners:
            listener("pipeline.moved", repo, None, {"actor": pipeline.user, "pipeline": pipeline})

    def group(self, path: str) -> Group:
        """Give a group; every part of a repository's path above its name is one, and so is one that has members."""
        if path not in self.groups:
            self.groups[path] = Group(self.forge.ids.next(), path)
        return self.groups[path]

    def sees_group(self, path: str, login: str) -> bool:
        """Say whether somebody is a member of a group, or of anything below it."""
        below = [repo for name, repo in self.forge.repos.items() if name.startswith(f"{path}/")]
        return login in self.inherited(path) or any(login in self.members(repo) for repo in below)

    def find_group(self, name: str) -> Group | None:
        """Find a group by its number or its path."""
        if name.isdecimal():
            return next((group for group in self.groups.values() if group.id == int(name)), None)
        above = any(repo.startswith(f"{name}/") for repo in self.forge.repos)
        return self.group(name) if above or name in self.groups else None

    def add_group_member(self, path: str, login: str, level: int = DEVELOPER) -> None:
        """Make somebody a member of a group, and so of everything below it."""
        self.group(path).members[login] = level

    def inherited(self, path: str) -> dict[str, int]:
        """List the members that a path has from the groups above and at it, at the highest level each."""
        found: dict[str, int] = {}
        parts = path.split("/")
        for length in range(1, len(parts) + 1):
            group = self.groups.get("/".join(parts[:length]))
            for login, level in (group.members if group else {}).items():
                found[login] = max(level, found.get(login, 0))
        return found

    def members(self, repo: Repo) -> dict[str, int]:
        """List a project's members and their levels, direct and inherited."""
        found = self.inherited(repo.full_name.rpartition("/")[0])
        for login, permission in repo.permissions.items():
            found[login] = max(LEVELS[permission], found.get(login, 0))
        return {login: level for login, level in found.items() if level}

    def level(self, repo: Repo, login: str | None) -> int:
        """Say how much somebody may do in a project; 0 is nothing, and a guest is who may read what is public."""
        given = self.members(repo).get(login, 0) if login else 0
        return max(given, 0 if repo.private else GUEST)
