"""Plans are judged by policies after they are made; owners of the policies may let pass what was refused."""

import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from server.config.policies import Policies, PolicyRule
from server.domain.job import Job, JobState
from server.domain.policy import PolicyStanding, are_cleared, carried_over
from server.domain.project import ProjectStatus, PullProject
from server.domain.pull import Pull
from server.domain.run import Run, RunOutcome
from server.orchestration.context import Context
from server.orchestration.hooks import generated_of
from server.orchestration.select import checkout_of, environment_of
from server.store.ids import new_id
from server.store.unit_of_work import UnitOfWork
from workers.protocol.codec import from_data, to_data
from workers.protocol.jobs import ArtifactRef, Phase, PolicyCheck, Step
from workers.protocol.results import PolicyFacts, PolicySetResult, Report

_MOST_ITEMS = 2_000


def judge_plans(
    ctx: Context, uow: UnitOfWork, run: Run, pull: Pull, jobs: Sequence[Job], *, now: datetime
) -> list[Job]:
    """Make the policy job of each plan of a run that was made and is to be judged, once."""
    asked = {job.project for job in jobs if job.phase is Phase.POLICY}
    made = []
    for job in jobs:
        if job.phase is not Phase.PLAN or job.state is not JobState.SUCCEEDED or job.project in asked:
            continue
        row = None if job.project is None else uow.projects.get(run.pull_id, job.project)
        if row is None or row.job_id != job.id or row.status is not ProjectStatus.PLANNED or row.is_judged is not False:
            continue
        made.append(_policy_job(ctx, run, pull, row, now=now))
    if made:
        uow.jobs.add_all(made)
    return made


def _policy_job(ctx: Context, run: Run, pull: Pull, row: PullProject, *, now: datetime) -> Job:
    policy = ctx.policy(pull.ref.repo)
    work = PolicyCheck(
        checkout=checkout_of(pull, run, strategy=policy.checkout, base_sha=row.planned_base or pull.base_sha),
        project=row.key,
        steps=tuple(from_data(Step, step) for step in row.config.get("policy_steps", ())),
        terraform=row.terraform,
        environment=environment_of(pull, run),
        generated=generated_of(row),
        at_commit=str(row.config.get("at_commit", "")),
        plan=ArtifactRef(id=row.artifact_id or "", sha256=row.artifact_sha256 or "", size=row.artifact_size),
        plan_digest=row.plan_digest or "",
        policy_sets=tuple(rule.work for rule in policy.policies.rules),
        engine=policy.policies.engine,
        conftest_version=policy.policies.conftest_version,
        custom=bool(row.config.get("custom_policy_check")),
    )
    return Job(
        id=new_id(),
        run_id=run.id,
        phase=Phase.POLICY,
        project=row.key,
        wave=row.wave,
        state=JobState.QUEUED,
        attempt=1,
        pool=str(row.config.get("pool", policy.worker_pool)),
        spec=to_data(work),
        created_at=now,
    )


def policies_judged(ctx: Context, uow: UnitOfWork, run: Run, job: Job, report: Report | None, *, now: datetime) -> None:
    """Write down what policies said. Nothing said, for whatever reason, lets nothing pass."""
    row = None if job.project is None else uow.projects.get(run.pull_id, job.project)
    if row is None or row.status is not ProjectStatus.PLANNED or job.state is JobState.CANCELLED:
        return
    if from_data(PolicyCheck, dict(job.spec)).plan.id != row.artifact_id:
        return  # the plan that was judged is gone
    policies = ctx.policy(uow.pulls.get(run.pull_id).ref.repo).policies
    fresh = tuple(_standings(policies, job, report))
    sticky = {one.name for one in fresh if policies.of(one.name).sticky}
    standing = carried_over(fresh, row.policies, sticky=sticky)
    uow.projects.save(
        replace(
            row,
            policies=standing,
            status=ProjectStatus.PLANNED if are_cleared(standing) else ProjectStatus.POLICY_FAILED,
            config={**row.config, "policies_of": row.artifact_id, "policy_job_id": job.id},
            updated_at=now,
        )
    )


def _standings(policies: Policies, job: Job, report: Report | None) -> Iterable[PolicyStanding]:
    facts = report.facts if report is not None else None
    if job.state is JobState.SUCCEEDED and isinstance(facts, PolicyFacts) and facts.sets:
        for result in facts.sets:
            yield _standing(policies.of(result.name), result)
        told = {result.name for result in facts.sets}
        why = "the worker said nothing of this set"
    else:
        told = set()
        why = facts.skipped if isinstance(facts, PolicyFacts) else ""
        why = why or (report.failure.summary if report is not None and report.failure is not None else "")
        why = why or "the policies could not be asked"
    rules = policies.rules or (() if told else (policies.custom,))
    for rule in rules:
        if rule.name not in told:
            yield PolicyStanding(
                name=rule.name, passed=False, needed=rule.approve_count, error=why, items=(_digest(why),)
            )


def _standing(rule: PolicyRule, result: PolicySetResult) -> PolicyStanding:
    return PolicyStanding(
        name=result.name,
        passed=result.passed and not result.error,
        needed=rule.approve_count,
        failures=result.failures,
        warnings=result.warnings,
        error=result.error,
        items=_items(rule, result),
    )


def _items(rule: PolicyRule, result: PolicySetResult) -> tuple[str, ...]:
    """Name what a set complains of, so that an approval is of that and of nothing that comes later."""
    if result.truncated or result.error:
        return (result.text_digest or _digest(result.error),)
    found = [match.group(0) for match in re.finditer(rule.item_regex, result.text)]
    if not found or len(found) > _MOST_ITEMS:
        found = [result.text]
    return tuple(dict.fromkeys(_digest(item) for item in found))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def policies_stand_in_the_way(row: PullProject, *, word: str) -> str | None:
    """Say why policies keep a plan from being applied, if they do."""
    if row.is_judged is not True:
        return f"its plan has not been judged by the policies. Comment `{word} plan` for a fresh one"
    open_sets = [f"`{one.name}`" for one in row.policies if not one.is_cleared]
    if open_sets:
        return f"the policies {', '.join(open_sets)} say no; their owners may let it pass: `{word} approve_policies`"
    return None if row.policies else "no policy set is configured; the operator has to"


@dataclass(frozen=True)
class Approved:
    """What an approval came to, for the comment."""

    outcome: RunOutcome
    note: str


def teams_to_ask_about(policies: Policies) -> frozenset[str]:
    """Name the teams whose members may approve something."""
    return frozenset().union(*(rule.teams for rule in (*policies.rules, policies.custom)))


def approve_policies(
    ctx: Context, uow: UnitOfWork, run: Run, pull: Pull, *, teams: Collection[str], now: datetime
) -> Approved:
    """Take somebody's approval, or take approvals back; `teams` are those of the asked ones that they are in."""
    rows = [row for row in uow.projects.of_pull(pull.id) if run.command.covers(row.key)]
    rows = [row for row in rows if row.has_plan and row.is_judged and row.policies]
    if not rows:
        return Approved(RunOutcome.REFUSED, "There is no plan here that policies have judged, so nothing to approve.")
    policies, lines = ctx.policy(pull.ref.repo).policies, []
    for row in rows:
        standing = []
        for one in row.policies:
            if run.command.policy_set not in {None, one.name} or (one.is_cleared and not run.command.clear_approval):
                standing.append(one)
                continue
            after, said = _decided(run, pull, policies.of(one.name), one, teams)
            standing.append(after)
            lines.append(f"- `{row.key.label}`, `{one.name}`: {said}")
        cleared = are_cleared(standing)
        waits = row.status in {ProjectStatus.PLANNED, ProjectStatus.POLICY_FAILED}
        status = (ProjectStatus.PLANNED if cleared else ProjectStatus.POLICY_FAILED) if waits else row.status
        uow.projects.save(replace(row, policies=tuple(standing), status=status, run_id=run.id, updated_at=now))
    after_all = [row for row in uow.projects.of_pull(pull.id) if row.key in {known.key for known in rows}]
    passed = all(are_cleared(row.policies) for row in after_all)
    outcome = RunOutcome.SUCCEEDED if passed or run.command.clear_approval else RunOutcome.FAILED
    return Approved(outcome, "\n".join(lines) or "Nothing is missing: every policy set passed or is approved.")


def _decided(
    run: Run, pull: Pull, rule: PolicyRule, one: PolicyStanding, teams: Collection[str]
) -> tuple[PolicyStanding, str]:
    if not _is_owner(rule, run.actor, teams):
        return one, f"not approved: @{run.actor} is not among its owners ({_owners(rule)})"
    if run.command.clear_approval:
        return one.cleared_of_approvals(), f"@{run.actor} took its approvals back"
    if rule.prevent_self_approve and run.actor.lower() == pull.author.lower():
        return one, f"not approved: @{run.actor} opened this pull request and may not approve it"
    if one.is_approved_by(run.actor):
        return one, f"@{run.actor} approved it before; {one.missing} more needed, by others"
    after = one.approved_by(run.actor)
    missing = f"; {after.missing} more needed" if after.missing else ""
    return after, f"approved by @{run.actor}{missing}"


def _is_owner(rule: PolicyRule, user: str, teams: Collection[str]) -> bool:
    return user.lower() in {name.lower() for name in rule.users} or not rule.teams.isdisjoint(teams)


def _owners(rule: PolicyRule) -> str:
    named = [*(f"@{user}" for user in sorted(rule.users)), *(f"team {team}" for team in sorted(rule.teams))]
    return ", ".join(named) or "nobody is named in the operator's file"
