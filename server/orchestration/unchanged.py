"""Plans that a push does not touch: kept, with proof that everything they were made of is the same."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from server.config.merge import ProjectConfig
from server.config.server_file import RepoPolicy
from server.domain.inputs import covered, named_by_content, reach_of_patterns, reach_of_steps
from server.domain.lock import LockMode, lock_key
from server.domain.project import ProjectStatus, PullProject
from server.domain.pull import Pull
from server.domain.run import Run, Trigger
from server.orchestration.context import Context
from server.store.unit_of_work import UnitOfWork
from workers.protocol.codec import encode
from workers.protocol.results import DiscoverFacts

_KEPT = frozenset({ProjectStatus.PLANNED, ProjectStatus.NO_CHANGES, ProjectStatus.POLICY_FAILED, ProjectStatus.APPLIED})
# What an earlier run found out about the plan itself; all else is configured anew.
_OF_THE_PLAN = ("plan_job_id", "policies_of", "policy_job_id")
_POLICY_STEPS = frozenset({"show", "policy_check"})


@dataclass(frozen=True)
class Inputs:
    """Everything a plan is made of, by one name (SHA-256); empty where it cannot be told, and why."""

    digest: str = ""
    unknown: str = ""


def inputs_of(ctx: Context, run: Run, pull: Pull, project: ProjectConfig, facts: DiscoverFacts) -> Inputs:
    """Name everything that a plan of a project would be made of at this commit."""
    code = facts.inputs
    if code is None:
        return Inputs(unknown="what it reads was not determined")
    steps = reach_of_steps(project.plan_steps, project.key.dir)
    if steps.unknown:
        return Inputs(unknown=steps.unknown)
    if project.policy_check and any(step.name not in _POLICY_STEPS for step in project.policy_steps):
        return Inputs(unknown="its workflow checks policies with commands of its own")
    policy = ctx.policy(pull.ref.repo)
    named = (*project.when_modified, *_policies_of_the_code(policy))
    more = {*steps.paths, *reach_of_patterns(named, project.key.dir)}
    besides = [
        encode(project.key),
        f"workflow {project.workflow_digest}",
        f"terraform {encode(project.terraform)}",
        f"base {pull.base_ref}",
        f"checkout {policy.checkout}",
        f"arguments {run.command.extra_args!r}",
        f"destroy {run.command.destroy}",
        *(f"policies {encode(rule.work)}" for rule in policy.policies.rules if project.policy_check),
    ]
    return Inputs(named_by_content(covered(project.key.dir, more, code), code, besides=besides))


def _policies_of_the_code(policy: RepoPolicy) -> list[str]:
    """Name policies that lie beside the code they judge, by their paths from the project."""
    return [rule.work.path for rule in policy.policies.rules if rule.work.from_checkout]


def is_kept(
    ctx: Context, uow: UnitOfWork, run: Run, pull: Pull, project: ProjectConfig, old: PullProject, inputs: Inputs
) -> bool:
    """Say whether a push leaves a project's plan as good as it was.

    Somebody who asks for a plan gets a new one. What is applied stays so only under the lock that it was applied
    under: without it, others may have applied something since.
    """
    if run.trigger is not Trigger.AUTO or not ctx.rules.carry_plans or not inputs.digest:
        return False
    if old.status not in _KEPT or old.config.get("inputs") != inputs.digest or old.is_judged is False:
        return False
    if old.artifact_id is None and old.status not in {ProjectStatus.NO_CHANGES, ProjectStatus.APPLIED}:
        return False
    key = lock_key(pull.ref.repo, project.key, project.lock_scope)
    if old.status is not ProjectStatus.APPLIED and old.config.get("lock_mode") != LockMode.ON_PLAN:
        return True
    held = uow.locks.holder(key)
    return held is not None and held.pull_id == pull.id


def kept(old: PullProject, fresh: PullProject, *, now: datetime) -> PullProject:
    """Make a project's row for a new commit from the one it had, with what is configured for it now."""
    config = {name: old.config[name] for name in _OF_THE_PLAN if name in old.config}
    config["carried_from"] = old.config.get("carried_from") or old.planned_head
    return replace(
        old,
        updated_at=now,
        run_id=fresh.run_id,
        planned_head=fresh.planned_head,
        planned_base=fresh.planned_base,
        wave=fresh.wave,
        why=fresh.why,
        config={**fresh.config, **config},
        note="",
    )


def told(rows: Sequence[PullProject], *, of: int, word: str) -> str:
    """Say in a comment which plans were kept, and how that is known."""
    if not rows:
        return ""
    which = (
        f"{len(rows)} of {of} projects keep their plans" if len(rows) > 1 else f"`{rows[0].key.label}` keeps its plan"
    )
    return (
        f"{which}: all that went in (code, modules, variables, lock file, workflow, versions, merged base) has the "
        f"same digest as then. `{word} plan` makes every plan anew."
    )
