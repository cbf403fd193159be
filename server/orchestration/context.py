"""What use cases work with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from server.artifacts.vault import PlanVault
from server.comments.words import BUILT_IN, Words
from server.config.matching import AUTOPLAN_FILES
from server.config.server_file import RepoPolicy, ServerFile, policy_for
from server.domain.commands import BLOCKED_EXTRA_ARGS, DESTROY, CommandKind
from server.domain.events import Event
from server.domain.refs import RepoRef
from server.forges.allowlist import Allowlist
from server.forges.registry import Forges
from server.notifiers.announcement import OutgoingHook
from server.store.deliveries import Delivery
from server.store.unit_of_work import Store


@dataclass(frozen=True, kw_only=True)
class TeamRule:
    """A team whose members may give a command; `*` stands for everybody, and for every command."""

    team: str
    command: str

    @classmethod
    def parse(cls, text: str) -> "TeamRule":
        """Read `team:command`; a team's name may contain colons."""
        team, _, command = text.rpartition(":")
        return cls(team=team, command=command)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Process settings that use cases go by."""

    words: tuple[str, ...]
    allowed: tuple[str, ...] = (*(kind.verb for kind in CommandKind), DESTROY)
    status_prefix: str
    public_url: str
    allow_forks: bool
    allow_drafts: bool
    carry_plans: bool = True
    disable_autoplan: bool = False
    disable_autoplan_label: str | None = None
    automerge: bool = False
    automerge_method: str = ""
    disable_automerge_label: str | None = None
    blocked_extra_args: tuple[str, ...] = BLOCKED_EXTRA_ARGS
    team_rules: tuple[TeamRule, ...] = ()
    api_commands: tuple[str, ...] | None = None
    disable_apply_all: bool = False
    disable_unlock_label: str | None = None
    restrict_file_list: bool = False
    autoplan_files: tuple[str, ...] = AUTOPLAN_FILES
    include_untracked: bool = False
    ignore_status_names: tuple[str, ...] = ()
    silence_no_projects: bool = False
    silence_status_no_projects: bool = False
    hide_prev_plan_comments: bool = False
    disable_markdown_folding: bool = False
    emoji_reaction: str = "eyes"
    job_timeout: timedelta
    lost_after: timedelta
    poll_every: timedelta
    max_attempts: int = 5

    @property
    def word(self) -> str:
        """The trigger word used in answers."""
        return self.words[0]

    @property
    def own_statuses(self) -> tuple[str, ...]:
        """What the statuses begin with that `mergeable` leaves aside: our own, and those of named neighbours."""
        return tuple(f"{name}/" for name in (self.status_prefix, *self.ignore_status_names))

    def run_url(self, run_id: str) -> str:
        """Link to a run's page."""
        return f"{self.public_url}/runs/{run_id}"

    def job_url(self, job_id: str) -> str:
        """Link to a job's log."""
        return f"{self.public_url}/jobs/{job_id}"


@dataclass(frozen=True, kw_only=True)
class Context:
    """The collaborators of every use case."""

    store: Store
    forges: Forges
    vault: PlanVault
    server_file: ServerFile
    allowlist: Allowlist
    rules: Rules
    parse: Callable[[Delivery], Event]
    job_token: Callable[[str, int], str]
    clock: Callable[[], datetime]
    hooks: tuple[OutgoingHook, ...] = ()
    words: Words = BUILT_IN

    def policy(self, repo: RepoRef) -> RepoPolicy:
        """Say what the operator decided for a repository."""
        return replace(
            policy_for(self.server_file, repo),
            autoplan_files=self.rules.autoplan_files,
            only_touched=self.rules.restrict_file_list,
        )
