"""The operator's policy file (`repos.yaml`): what each repository may do and what it must satisfy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr
from ruamel.yaml.nodes import Node

from server.config.elsewhere import ExternalStores, Metrics, TeamAuthz
from server.config.expressions import compiled, found_in
from server.config.hooks import HookEntry, HookRule
from server.config.loading import ConfigMistake, ConfigMistaken, Flag, Section, Text, line_of, load, spell
from server.config.matching import AUTOPLAN_FILES
from server.config.notices import WebhookEntry
from server.config.origins import Origin
from server.config.policies import Policies, PoliciesEntry, policies_of
from server.config.repo_file import (
    ApplyRequirements,
    Autodiscover,
    Branch,
    RepoLocks,
    Requirements,
    Silenced,
)
from server.config.workflows import Workflow
from server.domain.lock import LockMode, LockScope
from server.domain.refs import RepoRef
from server.domain.requirements import Requirement
from workers.protocol.jobs import Hook

Override = Literal[
    "plan_requirements",
    "apply_requirements",
    "import_requirements",
    "workflow",
    "delete_source_branch_on_merge",
    "repo_locking",
    "repo_locks",
    "policy_check",
    "custom_policy_check",
    "silence_pr_comments",
]


def _id(value: str) -> str:
    if value.startswith("/") and value.endswith("/") and len(value) > 2:  # noqa: PLR2004  (two slashes)
        compiled(value[1:-1])
    elif "*" in value:
        raise ValueError("`*` stands for nothing here; write an expression between slashes, such as /example.com/acme/")
    return value


def _file_name(value: str) -> str:
    if value.startswith("/") or "../" in value or value == "..":
        raise ValueError("has to be a path in the repository, without a leading '/' and without '../'")
    return value


def _from_the_root(value: Autodiscover) -> Autodiscover:
    for path in value.ignore_paths or ():
        if path.startswith("/"):
            raise ValueError(f"`ignore_paths` are relative to the repository's root: {path!r} begins with '/'")
    return value


class RepoEntry(Section):
    """Settings for the repositories that `id` names or (between slashes) matches."""

    id: Annotated[Text, AfterValidator(_id)] = Field(description="host/owner/name, or `/expression/` over that.")
    branch: Branch | None = Field(default=None, description="`/expression/` that the base branch has to match.")
    repo_config_file: Annotated[Text, AfterValidator(_file_name)] | None = Field(
        default=None, description="Another name for the repository file."
    )
    plan_requirements: Requirements | None = Field(default=None, description="Needed for a plan.")
    apply_requirements: ApplyRequirements | None = Field(default=None, description="Needed for an apply.")
    import_requirements: Requirements | None = Field(default=None, description="Needed for an import.")
    workflow: Text | None = Field(default=None, description="Workflow of projects that name none.")
    allowed_workflows: list[Text] | None = Field(default=None, description="Workflows that may be chosen.")
    allowed_overrides: list[Override] | None = Field(default=None, description="Keys that repositories may set.")
    allow_custom_workflows: Flag | None = Field(default=None, description="Repositories may bring workflows.")
    delete_source_branch_on_merge: Flag | None = Field(default=None, description="After merging by itself.")
    repo_locking: Flag | None = Field(default=None, description="Old form; false means no locks.")
    repo_locks: RepoLocks | None = Field(default=None, description="When locks are taken.")
    policy_check: Flag | None = Field(default=None, description="Check plans by policies.")
    custom_policy_check: Flag | None = Field(default=None, description="The steps' own outputs are the verdicts.")
    autodiscover: Annotated[Autodiscover, AfterValidator(_from_the_root)] | None = Field(
        default=None, description="Whether unlisted root modules are found."
    )
    silence_pr_comments: Silenced | None = Field(default=None, description="Results that are not commented.")
    pre_workflow_hooks: list[HookEntry] = Field(default=[], description="Run before a command.")
    post_workflow_hooks: list[HookEntry] = Field(default=[], description="Run after a command.")
    lock_scope: Annotated[LockScope | None, Field(strict=False)] = Field(
        default=None, description="Thera's own: what one lock covers."
    )
    release_locks: Literal["close", "apply"] | None = Field(default=None, description="Thera's own: when locks end.")
    commenters: Literal["write", "read", "anyone"] | None = Field(
        default=None, description="Thera's own: who may give commands."
    )
    checkout: Literal["branch", "merge"] | None = Field(default=None, description="Thera's own: what is planned.")
    worker_pool: Text | None = Field(default=None, description="Thera's own: which workers run the jobs.")

    def matches(self, repo: RepoRef) -> bool:
        """Say whether this entry is about the repository."""
        if self.id.startswith("/") and self.id.endswith("/"):
            return found_in(self.id, str(repo))
        return self.id.lower() == str(repo).lower()


class ServerFile(Section):
    """A whole server file."""

    repos: list[RepoEntry] = Field(default=[], description="What holds for which repositories; the last one wins.")
    workflows: dict[str, Workflow] = Field(default={}, description="Named workflows; `default` is everybody's.")
    policies: PoliciesEntry | None = Field(default=None, description="What plans are checked by.")
    webhooks: list[WebhookEntry] = Field(default=[], description="Who else is told when an apply has ended.")
    metrics: Metrics | None = Field(default=None, description="Accepted and without effect.")
    team_authz: TeamAuthz | None = Field(default=None, description="Refused: the server runs no commands.")
    external_stores: ExternalStores | None = Field(default=None, description="Accepted and without effect.")
    _place: tuple[str, Node | None] = PrivateAttr(default=("", None))

    def remember_place(self, file: str, document: Node | None) -> None:
        """Keep the document that this was read from, for messages."""
        self._place = (file, document)

    def origin(self, *path: str | int) -> Origin:
        """Say where a key of this file is written."""
        file, document = self._place
        return Origin(file, path, document)


@dataclass(frozen=True, kw_only=True)
class RepoPolicy:
    """What holds for one repository, after all matching entries. Later entries win, key by key.

    `policies_passed` is among the `apply_requirements` exactly where `policy_check` holds. `silence_comments` names
    the commands whose results are not commented. `custom_policy_check` takes the steps' own outputs as verdicts.
    `autoplan_files` and `only_touched` (a command may name only projects that the pull touches) are process settings.
    `origins` says of each key that the operator's file sets, by the names here, where it does; `workflow_origins` where
    each workflow is defined.
    """

    branch: str | None = None
    repo_config_file: str | None = None
    plan_requirements: tuple[Requirement, ...] = ()
    apply_requirements: tuple[Requirement, ...] = ()
    import_requirements: tuple[Requirement, ...] = ()
    workflow: str = "default"
    allowed_workflows: tuple[str, ...] = ()
    allowed_overrides: frozenset[str] = frozenset()
    allow_custom_workflows: bool = False
    delete_source_branch: bool = False
    lock_mode: LockMode = LockMode.ON_PLAN
    lock_scope: LockScope = LockScope.PROJECT
    release_locks: Literal["close", "apply"] = "close"
    policy_check: bool = False
    custom_policy_check: bool = False
    policies: Policies = field(default_factory=Policies)
    autodiscover: Autodiscover = field(default_factory=Autodiscover)
    autodiscover_is_set: bool = False
    silence_comments: frozenset[str] = frozenset()
    pre_hooks: tuple[HookRule, ...] = ()
    post_hooks: tuple[HookRule, ...] = ()
    commenters: Literal["write", "read", "anyone"] = "write"
    checkout: Literal["branch", "merge"] = "branch"
    worker_pool: str = "default"
    workflows: dict[str, Workflow] = field(default_factory=dict)
    autoplan_files: tuple[str, ...] = AUTOPLAN_FILES
    only_touched: bool = False
    origins: Mapping[str, Origin] = field(default_factory=dict, repr=False, compare=False)
    workflow_origins: Mapping[str, Origin] = field(default_factory=dict, repr=False, compare=False)

    def wants_branch(self, base_ref: str) -> bool:
        """Say whether pulls onto this branch are any of our business."""
        return found_in(self.branch, base_ref)

    def hooks_before(self, command: str) -> tuple[Hook, ...]:
        """List the hooks that run before a command; Atlantis does not look at their entries' branch."""
        return tuple(rule.hook for rule in self.pre_hooks if rule.runs_for(command))

    def hooks_after(self, command: str, *, base_ref: str) -> tuple[Hook, ...]:
        """List the hooks that run after a command on a pull onto this branch."""
        return tuple(rule.hook for rule in self.post_hooks if rule.runs_for(command, base_ref=base_ref))


def load_server_file(path: Path | None, *, has_slack: bool = True) -> ServerFile:
    """Read the server file; none at all is an empty one. `has_slack` says whether there is a token for Slack.

    Raises:
        ConfigMistaken: with every mistake.
    """
    if path is None:
        return ServerFile()
    file = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigMistaken([ConfigMistake(file, None, "", f"cannot be read: {error}")]) from error
    parsed, document = load(ServerFile, text, file=file, secret=("url",))
    parsed.remember_place(file, document)
    mistakes = [
        *_undefined_workflows(parsed, document, file),
        *_policies_without_policies(parsed, document, file),
        *_unheeded_authority(parsed, document, file),
        *(() if has_slack else _slack_without_token(parsed, document, file)),
    ]
    if mistakes:
        raise ConfigMistaken(mistakes)
    return parsed


def _unheeded_authority(parsed: ServerFile, document: Node | None, file: str) -> Iterator[ConfigMistake]:
    """Refuse what decides who may do what in Atlantis and would decide nothing here: everybody could then do it."""
    if parsed.team_authz is not None:
        message = (
            "Thera's server runs no commands, so it cannot ask this one who may do what. Take it out, and say who may "
            "with `commenters`"
        )
        yield ConfigMistake(file, line_of(document, ("team_authz",)), "team_authz", message)


def _slack_without_token(parsed: ServerFile, document: Node | None, file: str) -> Iterator[ConfigMistake]:
    for index, entry in enumerate(parsed.webhooks):
        if entry.kind == "slack":
            path = ("webhooks", index, "kind")
            yield ConfigMistake(file, line_of(document, path), spell(path), "needs a token: set THERA_SLACK_TOKEN")


def _undefined_workflows(parsed: ServerFile, document: Node | None, file: str) -> Iterator[ConfigMistake]:
    known = {"default", *parsed.workflows}
    for index, entry in enumerate(parsed.repos):
        for key, names in (
            ("workflow", [entry.workflow]),
            ("allowed_workflows", entry.allowed_workflows or []),
        ):
            for name in names:
                if name is not None and name not in known:
                    path = ("repos", index, key)
                    message = f"workflow {name!r} is not defined in this file"
                    yield ConfigMistake(file, line_of(document, path), spell(path), message)


def _policies_without_policies(parsed: ServerFile, document: Node | None, file: str) -> Iterator[ConfigMistake]:
    """Find entries that count on policies where there are none: their plans could never be applied."""
    sets = parsed.policies is not None and bool(parsed.policies.policy_sets)
    custom = any(
        one.custom_policy_check or "custom_policy_check" in (one.allowed_overrides or ()) for one in parsed.repos
    )
    for index, entry in enumerate(parsed.repos):
        required = Requirement.POLICIES_PASSED in (entry.apply_requirements or ())
        if required and entry.policy_check is False:
            path: tuple[str | int, ...] = ("repos", index, "policy_check")
            message = "the same entry requires `policies_passed`, which cannot hold unless plans are checked"
        elif (required or entry.policy_check) and not sets and not custom:
            path = ("repos", index, "policy_check" if entry.policy_check else "apply_requirements")
            message = "there is nothing to check plans by: this file has no `policies` with `policy_sets`"
        else:
            continue
        yield ConfigMistake(file, line_of(document, path), spell(path), message)


# Keys that set something of the same name, or of another one.
_PLAIN = {
    "workflow": "workflow",
    "allow_custom_workflows": "allow_custom_workflows",
    "policy_check": "policy_check",
    "custom_policy_check": "custom_policy_check",
    "lock_scope": "lock_scope",
    "release_locks": "release_locks",
    "commenters": "commenters",
    "checkout": "checkout",
    "worker_pool": "worker_pool",
    "delete_source_branch_on_merge": "delete_source_branch",
}
_REQUIREMENTS = ("plan_requirements", "apply_requirements", "import_requirements")


def policy_for(server_file: ServerFile, repo: RepoRef) -> RepoPolicy:
    """Merge every entry that matches the repository, the last one that sets a key winning.

    `branch` and `repo_config_file` come from the last matching entry alone, hooks from all of them, and an empty list
    of requirements sets nothing, as in Atlantis.
    """
    matching = {index: entry for index, entry in enumerate(server_file.repos) if entry.matches(repo)}
    policies = policies_of(server_file.policies)
    values: dict[str, Any] = {"workflows": dict(server_file.workflows), "policies": policies}
    origins: dict[str, Origin] = {}
    for index, entry in matching.items():
        for name, (key, value) in _said(entry).items():
            values[name] = value
            origins[name] = server_file.origin("repos", index, key)
    if matching:
        values["lock_mode"], origin = _lock_mode(matching)
        if origin is not None:
            origins["lock_mode"] = server_file.origin(*origin)
        values |= _of_the_last(matching) | _hooks(list(matching.values()))
    values["autodiscover_is_set"] = "autodiscover" in origins
    # Atlantis has a flag for this; whoever names policies, or tools of their own, wants them asked.
    if "policy_check" not in values:
        values["policy_check"] = bool(policies.rules) or values.get("custom_policy_check", False)
        if values["policy_check"]:
            origins["policy_check"] = (
                server_file.origin("policies") if policies.rules else origins["custom_policy_check"]
            )
    values["apply_requirements"] = with_policies(values.get("apply_requirements", ()), checked=values["policy_check"])
    workflows = {name: server_file.origin("workflows", name) for name in server_file.workflows}
    return RepoPolicy(**values, origins=origins, workflow_origins=workflows)


def _said(entry: RepoEntry) -> Mapping[str, tuple[str, Any]]:
    """Say what an entry sets by itself: the policy's name for it, the key, and the value."""
    found: dict[str, tuple[str, Any]] = {
        name: (key, value) for key, name in _PLAIN.items() if (value := getattr(entry, key)) is not None
    }
    found |= {key: (key, tuple(given)) for key in _REQUIREMENTS if (given := getattr(entry, key))}
    if entry.autodiscover is not None:
        found["autodiscover"] = ("autodiscover", entry.autodiscover)
    if entry.allowed_workflows is not None:
        found["allowed_workflows"] = ("allowed_workflows", tuple(entry.allowed_workflows))
    if entry.allowed_overrides is not None:
        found["allowed_overrides"] = ("allowed_overrides", frozenset(entry.allowed_overrides))
    if entry.silence_pr_comments is not None:
        found["silence_comments"] = ("silence_pr_comments", frozenset(entry.silence_pr_comments))
    return found


def _of_the_last(matching: Mapping[int, RepoEntry]) -> dict[str, Any]:
    last = matching[max(matching)]
    return {"branch": last.branch, "repo_config_file": last.repo_config_file}


def _hooks(entries: Sequence[RepoEntry]) -> dict[str, Any]:
    return {
        "pre_hooks": tuple(one.rule(branch=None) for entry in entries for one in entry.pre_workflow_hooks),
        "post_hooks": tuple(one.rule(branch=entry.branch) for entry in entries for one in entry.post_workflow_hooks),
    }


def _lock_mode(entries: Mapping[int, RepoEntry]) -> tuple[LockMode, tuple[str | int, ...] | None]:
    """Say when locks are taken, and which key says so."""
    locking = {index: entry.repo_locking for index, entry in entries.items() if entry.repo_locking is not None}
    if locking and not locking[max(locking)]:
        return LockMode.DISABLED, ("repos", max(locking), "repo_locking")
    modes = {index: entry.repo_locks.mode for index, entry in entries.items() if entry.repo_locks is not None}
    if not modes:
        return LockMode.ON_PLAN, None
    return modes[max(modes)], ("repos", max(modes), "repo_locks")


def with_policies(requirements: Sequence[Requirement], *, checked: bool) -> tuple[Requirement, ...]:
    """Require that policies pass where plans are checked by them, and only there, however it was listed."""
    others = tuple(one for one in requirements if one is not Requirement.POLICIES_PASSED)
    return (*others, Requirement.POLICIES_PASSED) if checked else others


def known_pools(server_file: ServerFile) -> Sequence[str]:
    """List the worker pools that the file routes jobs to."""
    return sorted({entry.worker_pool or "default" for entry in server_file.repos} | {"default"})
