"""Commit statuses of a pull, as a pure function of its projects."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from server.comments.amounts import would
from server.domain.project import SETTLED, ProjectStatus
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import Counts

State = Literal["pending", "success", "failure"]
DESCRIPTION_LIMIT = 140  # GitHub's
CONTEXT_LIMIT = 255
_LARGE = 20
_S = ProjectStatus
_APPLY_BEGAN = frozenset({_S.APPLYING, _S.APPLIED, _S.APPLY_FAILED, _S.LOST})


@dataclass(frozen=True)
class StatusLine:
    """One commit status, in no forge's words; `project` is whose it is, None for the pull's own."""

    context: str
    state: State
    description: str
    project: ProjectKey | None = None


class HasStatus(Protocol):
    """A project of a pull: its row (`PullProject`) and its view (`ProjectView`) both will do."""

    @property
    def key(self) -> ProjectKey:
        """Which project."""

    @property
    def status(self) -> ProjectStatus:
        """Where it stands."""

    @property
    def counts(self) -> Counts:
        """What its plan would do."""

    @property
    def is_judged(self) -> bool | None:
        """Whether policies have been asked about its plan; None where they need not be."""


def statuses(projects: Sequence[HasStatus], *, prefix: str, each: bool = True) -> list[StatusLine]:
    """Write the statuses of a pull: `prefix/plan`, `prefix/apply` and, with `each`, those of every project.

    `projects` are all of the pull's, not only those of one run. No project at all is success, so that a
    required status does not block a pull that changes no infrastructure. In a large pull a project is first heard of
    when it is planned: forges limit how much is written to them, and a required status blocks while it is missing, too.
    """
    lines = [_plan(projects, prefix), *_policy_check(projects, prefix), _apply(projects, prefix)]
    if each:
        told = [one for one in projects if one.status is not _S.PENDING] if len(projects) > _LARGE else projects
        for project in told:
            lines += [replace(line, project=project.key) for line in _of_project(project, prefix)]
    return lines


def under_way(prefix: str, verb: Literal["plan", "apply"]) -> StatusLine:
    """Write the status of a run whose projects are not known yet."""
    return _line(f"{prefix}/{verb}", "pending", f"{verb.capitalize()} in progress...")


def stopped(prefix: str, verb: Literal["plan", "apply"], reason: str = "") -> StatusLine:
    """Write the status of a run that ended before it had projects."""
    return _line(f"{prefix}/{verb}", "failure", reason or f"{verb.capitalize()} failed.")


def hook_status(prefix: str, when: str, label: str, *, passed: bool, words: str = "") -> StatusLine:
    """Write the status of a workflow hook that has ended; `words` are its own."""
    said = " ".join(words.split()) or ("succeeded." if passed else "failed.")
    return _line(f"{prefix}/{when}: {label}", "success" if passed else "failure", said)


def _plan(projects: Sequence[HasStatus], prefix: str) -> StatusLine:
    count, total = Counter(project.status for project in projects), len(projects)
    planned = sum(count[status] for status in (_S.PLANNED, _S.POLICY_FAILED, _S.NO_CHANGES, *_APPLY_BEGAN))
    context, done = f"{prefix}/plan", f"{planned}/{total} projects planned"
    if count[_S.PENDING]:
        return _line(context, "pending", f"Plan in progress: {done}.")
    if count[_S.PLAN_FAILED]:
        return _line(context, "failure", f"{count[_S.PLAN_FAILED]}/{total} projects failed to plan.")
    waiting = [
        f"{count[status]} {words}"
        for status, words in (
            (_S.LOCKED, "waiting for a lock"),
            (_S.STALE, "out of date"),
            (_S.DISCARDED, "discarded"),
        )
        if count[status]
    ]
    if waiting:
        return _line(context, "pending", f"{done}, {', '.join(waiting)}.")
    return _line(context, "success", f"{done} successfully.")


def _policy_check(projects: Sequence[HasStatus], prefix: str) -> Iterable[StatusLine]:
    asked = [project for project in projects if project.is_judged is not None]
    if not asked:
        return
    context, total = f"{prefix}/policy_check", len(asked)
    failed = sum(project.status is _S.POLICY_FAILED for project in asked)
    done = sum(bool(project.is_judged) for project in asked)
    if failed:
        yield _line(context, "failure", f"{failed}/{total} projects failed policy checks.")
    elif done < total:
        yield _line(context, "pending", f"Policy check in progress: {done}/{total} projects checked.")
    else:
        yield _line(context, "success", f"{total}/{total} projects had policies checked successfully.")


def _apply(projects: Sequence[HasStatus], prefix: str) -> StatusLine:
    count, total = Counter(project.status for project in projects), len(projects)
    context, settled = f"{prefix}/apply", sum(count[status] for status in SETTLED)
    idle = f" ({count[_S.NO_CHANGES]} up to date)" if count[_S.NO_CHANGES] else ""
    done = f"{count[_S.APPLIED]}/{total} projects applied"
    if count[_S.APPLYING]:
        return _line(context, "pending", f"Apply in progress: {done}{idle}.")
    broken = [
        f"{count[status]}/{total} projects {words}"
        for status, words in ((_S.LOST, "lost while applying"), (_S.APPLY_FAILED, "failed to apply"))
        if count[status]
    ]
    if broken:
        return _line(context, "failure", f"{', '.join(broken)}.")
    if settled < total:
        return _line(context, "pending", f"{done}{idle}.")
    if total and count[_S.NO_CHANGES] == total:
        return _line(context, "success", f"{total}/{total} projects up to date.")
    return _line(context, "success", f"{done} successfully{idle}.")


def _of_project(project: HasStatus, prefix: str) -> Iterable[StatusLine]:
    name = project.key.name or project.key.path
    status = project.status
    changes = f"Plan: {would(project.counts)}." if would(project.counts) else "No changes."
    plan: dict[ProjectStatus, tuple[State, str]] = {
        _S.PENDING: ("pending", "Plan in progress..."),
        _S.LOCKED: ("pending", "Waiting for another pull request's lock."),
        _S.PLAN_FAILED: ("failure", "Plan failed."),
        _S.DISCARDED: ("pending", "The plan was discarded."),
        _S.STALE: ("pending", "The plan is out of date."),
    }
    yield _line(f"{prefix}/plan: {name}", *plan.get(status, ("success", changes)))
    if project.is_judged is not None:
        policies: tuple[State, str] = ("success", "Policy check succeeded.")
        if status is _S.POLICY_FAILED:
            policies = ("failure", "Policy check failed.")
        elif not project.is_judged:
            policies = ("pending", "Policy check in progress...")
        yield _line(f"{prefix}/policy_check: {name}", *policies)
    apply: dict[ProjectStatus, tuple[State, str]] = {
        _S.APPLYING: ("pending", "Apply in progress..."),
        _S.APPLIED: ("success", "Apply succeeded."),
        _S.APPLY_FAILED: ("failure", "Apply failed."),
        _S.LOST: ("failure", "Contact lost while applying; the state may be ahead."),
    }
    if status in apply:
        yield _line(f"{prefix}/apply: {name}", *apply[status])


def _line(context: str, state: State, description: str) -> StatusLine:
    if len(description) > DESCRIPTION_LIMIT:
        description = description[: DESCRIPTION_LIMIT - 1].rstrip() + "…"
    if len(context) > CONTEXT_LIMIT:
        digest = hashlib.sha256(context.encode(errors="surrogatepass")).hexdigest()[:12]
        context = f"{context[: CONTEXT_LIMIT - 13]}-{digest}"
    return StatusLine(context, state, description)
