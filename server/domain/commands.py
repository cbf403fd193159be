"""What people ask for."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache

from workers.protocol.jobs import ProjectKey

DESTROY = "destroy"  # how the right to plan with `--destroy` is spelled beside the commands

# What would change where or with what Terraform runs; Atlantis's default of --blocked-extra-args.
BLOCKED_EXTRA_ARGS = ("-chdir", "--chdir", "-plugin-dir", "--plugin-dir")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Which projects a command means; empty means all that it can mean."""

    dir: str | None = None
    workspace: str | None = None
    project: str | None = None

    @property
    def is_empty(self) -> bool:
        """Say whether nobody narrowed the command down."""
        return self.dir is None and self.workspace is None and self.project is None

    def covers(self, key: ProjectKey) -> bool:
        """Say whether the project is meant. A given directory without workspace means `default`.

        A project that is named is meant only where it lies in the directory that is given beside its name.
        """
        if self.project is not None:
            return key.name == self.project and (self.dir is None or self.covers_dir(key.dir))
        if self.is_empty:
            return True
        return self.covers_dir(key.dir) and key.workspace == (self.workspace or "default")

    @property
    def is_pattern(self) -> bool:
        """Say whether the directory is a pattern for several."""
        return self.dir is not None and any(mark in self.dir for mark in "*?[")

    def covers_dir(self, directory: str) -> bool:
        """Say whether a directory is meant: `*` stays between two slashes, `**` crosses them."""
        if self.dir is None or not self.is_pattern:
            return directory == (self.dir or ".")
        return _fits(tuple(directory.split("/")), tuple(self.dir.split("/")))

    @property
    def flags(self) -> str:
        """Spell the target as it is typed."""
        parts = []
        if self.project is not None:
            parts.append(f"-p {self.project}")
        if self.dir is not None:
            parts.append(f'-d "{self.dir}"' if " " in self.dir else f"-d {self.dir}")
        if self.workspace is not None:
            parts.append(f"-w {self.workspace}")
        return " ".join(parts)


@lru_cache(maxsize=4096)  # it also keeps a pattern of many `**` from being tried over and over
def _fits(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return _fits(parts, pattern[1:]) or (bool(parts) and _fits(parts[1:], pattern))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


class CommandKind(StrEnum):
    """The word that people type."""

    PLAN = "plan"
    APPLY = "apply"
    APPROVE_POLICIES = "approve_policies"
    IMPORT = "import"
    STATE_RM = "state rm"
    UNLOCK = "unlock"
    CANCEL = "cancel"
    VERSION = "version"
    EXPLAIN = "explain"
    HELP = "help"

    @property
    def verb(self) -> str:
        """The first word of it."""
        return self.value.partition(" ")[0]

    @property
    def right(self) -> str:
        """The command that one has to be allowed to give: whoever may plan may ask why."""
        return CommandKind.PLAN.value if self is CommandKind.EXPLAIN else self.verb


ALWAYS_ALLOWED = frozenset({CommandKind.HELP.verb, CommandKind.EXPLAIN.verb})  # they change nothing


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command. `topic` is only for help: the command somebody asked about.

    `arguments` are what it is about beside projects: an address and an id to import, addresses to forget.
    `policy_set` and `clear_approval` belong to `approve_policies`; `automerge` and `merge_method` to `apply`.
    `destroy` plans the removal of everything in a project. `only` narrows a command that Thera gives itself to
    certain projects, and `more` are what a program names beside `target`; nobody can type either.
    """

    kind: CommandKind
    target: Target = field(default_factory=Target)
    extra_args: tuple[str, ...] = ()
    verbose: bool = False
    topic: str | None = None
    arguments: tuple[str, ...] = ()
    policy_set: str | None = None
    clear_approval: bool = False
    automerge: bool = True
    merge_method: str = ""
    destroy: bool = False
    only: tuple[ProjectKey, ...] = ()
    more: tuple[Target, ...] = ()

    def covers(self, key: ProjectKey) -> bool:
        """Say whether the project is meant by any of the targets."""
        return any(target.covers(key) for target in self.targets)

    @property
    def targets(self) -> tuple[Target, ...]:
        """Everything that was named; one empty target means all."""
        return (self.target, *self.more)

    @property
    def flags(self) -> str:
        """Spell what was named as it is typed; several targets cannot be typed in one command."""
        return "" if self.more else self.target.flags

    @property
    def project_name(self) -> str:
        """The project that was named, if that is all that was."""
        return "" if self.more else self.target.project or ""

    def aimed_at(self, key: ProjectKey) -> "Command":
        """Narrow the command to one project."""
        return replace(self, target=target_of(key), more=())


@dataclass(frozen=True)
class Mistake:
    """Something addressed to us that we cannot understand; `answer` is Markdown for its author."""

    answer: str


@dataclass(frozen=True)
class NotForUs:
    """A comment that is nobody's command."""


Utterance = Command | Mistake | NotForUs


def target_of(key: ProjectKey) -> Target:
    """Say how one types this project, in the shortest clear form."""
    if key.name:
        return Target(project=key.name)
    if key.dir == "." and key.workspace != "default":
        return Target(workspace=key.workspace)
    if key.workspace == "default":
        return Target(dir=key.dir)
    return Target(dir=key.dir, workspace=key.workspace)
