"""The `policies` of the server file: what plans are checked by, and who may let one pass that failed."""

import posixpath
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from server.config.expressions import compiled
from server.config.loading import Flag, Section, Text
from workers.protocol.jobs import GitSource, PolicySet

Engine = Literal["auto", "conftest", "opa", "embedded"]
WHOLE_OUTPUT = "(?s).+"


def _expression(value: str) -> str:
    return compiled(value).pattern


def _repository(value: str) -> str:
    if value.count("/") < 2 or "://" in value or value.endswith((".git", "/")):  # noqa: PLR2004  (host/owner/name)
        raise ValueError("write it as host/owner/name, such as git.example/acme/policies")
    return value


Expression = Annotated[Text, AfterValidator(_expression)]


class Owners(Section):
    """People who may approve what policies refused."""

    users: list[Text] = Field(default=[], description="Names of accounts.")
    teams: list[Text] = Field(default=[], description="Teams or groups, as the forge spells them.")


class PolicySetEntry(Section):
    """Policies that are judged under one name."""

    name: Text = Field(min_length=1, description="What comments call it.")
    path: Text = Field(min_length=1, description="Folder or file; on the workers' disks, or in `repository`.")
    source: Annotated[Text, Field(pattern="^[a-z]+$")] = Field(
        default="local", description="`local`: the workers' disks. `git`, or a forge's name: the `repository`."
    )
    repository: Annotated[Text, AfterValidator(_repository)] | None = Field(
        default=None, description="Repository of the policies: host/owner/name."
    )
    ref: Text | None = Field(default=None, description="Branch, tag or commit of the `repository`. Default: main.")
    from_checkout: Flag = Field(
        default=False, description="A relative `path` is in the code that is judged, and branches may change it."
    )
    owners: Owners | None = Field(default=None, description="May approve this set, beside the owners of all sets.")
    approve_count: int | None = Field(default=None, description="Approvals this set needs; 0 or less: as for all.")
    sticky_policy_approvals: Flag | None = Field(default=None, description="As for all sets, if left out.")
    policy_item_regex: Expression | None = Field(default=None, description="As for all sets, if left out.")
    prevent_self_approve: Flag = Field(default=False, description="The pull request's author may not approve.")

    @model_validator(mode="after")
    def _source_is_whole(self) -> "PolicySetEntry":
        if self.source == "local":
            if self.repository is not None or self.ref is not None:
                raise ValueError("`repository` and `ref` need `source: git`")
            if not posixpath.isabs(self.path) and not self.from_checkout:
                raise ValueError(
                    f"`path` {self.path!r} is relative, that is: in the code that is judged, and a branch could change "
                    "what it is judged by. Give an absolute path on the workers, or set `from_checkout: true`"
                )
        elif self.repository is None:
            raise ValueError(
                f"`source: {self.source}` needs `repository`, such as git.example/acme/policies; for a folder on the "
                "workers it is `source: local`"
            )
        elif self.from_checkout:
            raise ValueError("`from_checkout` is for `source: local`")
        return self

    @property
    def work(self) -> PolicySet:
        """Say what a worker has to judge by; whoever hands it out adds the credential for the repository."""
        source = None
        if self.repository is not None:
            host, _, repo = self.repository.partition("/")
            source = GitSource(host=host, repo=repo, clone_url=f"https://{host}/{repo}.git", ref=self.ref or "main")
        return PolicySet(name=self.name, path=self.path, source=source, from_checkout=self.from_checkout)


class PoliciesEntry(Section):
    """Everything about policies."""

    conftest_version: Text | None = Field(
        default=None, description="Version of conftest that has to be on the workers. Default: the one that is there."
    )
    engine: Engine = Field(default="auto", description="What judges; `auto` takes the first that a worker has.")
    owners: Owners = Field(default=Owners(), description="May approve every set.")
    approve_count: int = Field(default=1, description="Approvals that a set needs; 0 or less: 1.")
    sticky_policy_approvals: Flag = Field(
        default=False, description="An approval outlives a new check that finds the same."
    )
    policy_item_regex: Expression = Field(
        default=WHOLE_OUTPUT, description="Splits what a set prints into the items that are approved."
    )
    policy_sets: list[PolicySetEntry] = Field(default=[], description="What every plan is checked by.")

    @model_validator(mode="after")
    def _names_are_unique(self) -> "PoliciesEntry":
        names = [one.name for one in self.policy_sets]
        for name in sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two or more policy sets are named {name!r}; names must be unique")
        return self


@dataclass(frozen=True, kw_only=True)
class PolicyRule:
    """One policy set: what is judged, and what it takes to let a plan pass that it refused.

    `users` and `teams` are who may approve: the owners of all sets and those of this one. An approval of a `sticky`
    set counts as long as it covers every item of what the set prints, found by `item_regex`.
    """

    work: PolicySet
    approve_count: int = 1
    users: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    prevent_self_approve: bool = False
    sticky: bool = False
    item_regex: str = WHOLE_OUTPUT

    @property
    def name(self) -> str:
        """What comments call it."""
        return self.work.name


@dataclass(frozen=True, kw_only=True)
class Policies:
    """What plans are checked by. `custom` holds for verdicts of custom steps that no set is there for."""

    rules: tuple[PolicyRule, ...] = ()
    engine: Engine = "auto"
    conftest_version: str | None = None
    custom: PolicyRule = PolicyRule(work=PolicySet(name="Custom", path=""))

    def of(self, name: str) -> PolicyRule:
        """Find what holds for a set that a worker reported."""
        return next((rule for rule in self.rules if rule.name == name), self.custom)


def policies_of(entry: PoliciesEntry | None) -> Policies:
    """Say what holds for each set: its own word, else that for all."""
    if entry is None:
        return Policies()
    return Policies(
        rules=tuple(_rule(entry, one, one.work) for one in entry.policy_sets),
        engine=entry.engine,
        conftest_version=entry.conftest_version,
        custom=_rule(entry, None, PolicySet(name="Custom", path="")),
    )


def _rule(every: PoliciesEntry, one: PolicySetEntry | None, work: PolicySet) -> PolicyRule:
    count = one.approve_count if one is not None and (one.approve_count or 0) > 0 else every.approve_count
    sticky = one.sticky_policy_approvals if one is not None else None
    item_regex = one.policy_item_regex if one is not None else None
    own = one.owners if one is not None and one.owners is not None else Owners()
    return PolicyRule(
        work=work,
        approve_count=max(count or 1, 1),
        users=frozenset({*every.owners.users, *own.users}),
        teams=frozenset({*every.owners.teams, *own.teams}),
        prevent_self_approve=one is not None and one.prevent_self_approve,
        sticky=every.sticky_policy_approvals if sticky is None else sticky,
        item_regex=every.policy_item_regex if item_regex is None else item_regex,
    )
