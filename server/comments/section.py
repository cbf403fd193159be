"""One project's part of a comment, in as much detail as there is room for."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from server.comments.amounts import GROUPS, did, would
from server.comments.diff import outputs_diff, plan_diff
from server.comments.facts import project_facts, run_facts
from server.comments.format import Markdown, amount, code, enumeration, fence, join, md, paragraphs, prose
from server.comments.templating import codes, fill, fold
from server.comments.view import PolicyView, ProjectView, RunView
from server.comments.words import BUILT_IN, Words
from server.domain.project import ProjectStatus
from workers.protocol.results import Action, Diagnostic, Failure, FailureKind, ResourceChange

MANY = 15
NAMES_SHOWN = 60
VERY_MANY = 200
SOME = 8_000
ALL = 30_000
LAST_LINES = 20
OUTPUT_LIMIT = 200


class Detail(IntEnum):
    """How much of a project is shown; each level contains the one below."""

    ROW = 0  # its row in the table
    LIST = 1  # and the addresses of what changes
    REASONS = 2  # and why, with diagnostics in full
    SOME_DIFFS = 3  # and the first attributes before and after
    DIFFS = 4  # and the others
    FULL = 5  # and Terraform's own text


REASONS: Mapping[str, str] = {
    "replace_because_tainted": "it is tainted",
    "replace_because_cannot_update": "it cannot be changed in place",
    "replace_by_request": "asked for with `-replace`",
    "replace_by_triggers": "something in its `replace_triggered_by` changes",
    "delete_because_no_resource_config": "it is no longer in the code",
    "delete_because_wrong_repetition": "`count` or `for_each` was added or removed",
    "delete_because_count_index": "it is beyond the present `count`",
    "delete_because_each_key": "its key is no longer in `for_each`",
    "delete_because_no_module": "its module is no longer in the code",
    "delete_because_no_move_target": "it was moved to an address that is not in the code",
}

ADVICE: Mapping[FailureKind, str] = {
    FailureKind.TERRAFORM: "",
    FailureKind.SOURCE: "Correct the file and push.",
    FailureKind.GIT: "",
    FailureKind.BINARY: "Whoever runs the workers has to provide that Terraform.",
    FailureKind.STALE: "Plan again, and look at the new plan before applying it.",
    FailureKind.TIMEOUT: "It was stopped because it took longer than a job may take.",
    FailureKind.STEP: "",
    FailureKind.POLICY: "Nothing is applied until the policies have been asked: plan again when that is put right.",
    FailureKind.HOOK: "",
    FailureKind.INTERNAL: "This is a fault of ours, not of your code. Try again; if it stays, tell whoever runs Thera.",
}


@dataclass(frozen=True)
class Group:
    """Resources to which the same happens."""

    heading: Markdown
    lines: Markdown
    is_long: bool


def render_section(
    project: ProjectView,
    view: RunView,
    detail: Detail,
    *,
    can_fold: bool,
    alike: Sequence[str] = (),
    words: Words = BUILT_IN,
) -> Markdown:
    """Tell one project; empty if its row in the table says it all. `alike` are others whose plans change the same."""
    if detail is Detail.ROW or not _has_more_to_tell(project):
        return Markdown("")
    parts: dict[str, Any] = {
        "heading": _heading_of_many(project, alike) if alike else heading(project),
        "groups": groups(project, detail),
        "folds": tuple(_folds(project, view, detail, can_fold=can_fold)),
        "failure": _failure(project, detail, can_fold=can_fold),
        "policies": tuple(policy_line(policy) for policy in project.policies),
    }
    built_in = fill(
        "section",
        **parts,
        project=project,
        names=codes((project.key.label, *alike), NAMES_SHOWN) if alike else "",
        checks=tuple(diagnostic_line(check) for check in project.changes.checks) if project.changes else (),
        last_lines=_last_lines(project, detail),
        pull=f"{view.pull_mark}{project.holder.pull_number}" if project.holder else "",
        is_lost=project.status is ProjectStatus.LOST,
        can_fold=can_fold,
        fold=fold,
    )
    return words.say(
        "project",
        built_in,
        lambda: {
            **run_facts(view),
            **{name: value for name, value in parts.items() if name != "groups"},
            "can_fold": can_fold,
            "project": project_facts(project),
            "alike": alike,
            "changes": [Markdown(f"**{group.heading}**\n\n{group.lines}") for group in parts["groups"]],
            "note": paragraphs(project.note),
            "body": Markdown(built_in.partition("\n\n")[2]),
        },
    )


def _has_more_to_tell(project: ProjectView) -> bool:
    if project.changes and (project.changes.resources or project.changes.outputs or project.changes.checks):
        return True
    return bool(
        project.failure
        or project.unmet
        or project.holder
        or project.note
        or project.warnings
        or project.outputs
        or project.policies
        or project.status is ProjectStatus.LOST
        or (project.text and (project.status is ProjectStatus.APPLIED or project.summary))
    )


def heading(project: ProjectView) -> Markdown:
    """Name the project and what it comes to, in half a line."""
    result = {
        ProjectStatus.PLANNED: would(project.counts),
        ProjectStatus.POLICY_FAILED: f"{would(project.counts)}; policies say no",
        ProjectStatus.NO_CHANGES: "no changes",
        ProjectStatus.APPLIED: did(project.counts) or "applied",
        ProjectStatus.PLAN_FAILED: "plan failed",
        ProjectStatus.APPLY_FAILED: "apply failed",
        ProjectStatus.LOST: "nobody knows how its apply ended",
        ProjectStatus.LOCKED: "waits for a lock",
    }.get(project.status, "")
    if project.unmet:
        result = "not applied" if project.status is not ProjectStatus.PENDING else "not planned"
    return Markdown(f"{code(project.key.label)}: {result}" if result else code(project.key.label))


def _heading_of_many(project: ProjectView, alike: Sequence[str]) -> Markdown:
    result = would(project.counts)
    return Markdown(
        f"{1 + len(alike)} projects alike: {result} in each" if result else f"{1 + len(alike)} projects alike"
    )


def groups(project: ProjectView, detail: Detail) -> tuple[Group, ...]:
    """Sort a plan's resources by what would happen to them."""
    if project.changes is None or project.status is ProjectStatus.APPLIED:
        return ()
    by_action: dict[Action, list[ResourceChange]] = {action: [] for action in GROUPS}
    for resource in project.changes.resources:
        by_action.get(resource.action, []).append(resource)
    found = [
        _group(action, sorted(resources, key=lambda resource: resource.address), detail)
        for action, resources in by_action.items()
        if resources
    ]
    if project.changes.omitted:
        left_out = amount(project.changes.omitted, "more change is", "more changes are")
        found.append(Group(Markdown(f"{left_out} not listed here"), Markdown(""), is_long=False))
    return tuple(found)


def _group(action: Action, resources: Sequence[ResourceChange], detail: Detail) -> Group:
    sign, words = GROUPS[action]
    shown = resources[: {Detail.LIST: MANY, Detail.REASONS: VERY_MANY}.get(detail)]
    lines = [f"- {_resource(resource, detail)}" for resource in shown]
    if len(shown) < len(resources):
        lines.append(f"- … {len(resources) - len(shown)} more")
    is_dangerous = action in (Action.DELETE, Action.REPLACE)
    is_long = len(lines) > MANY and not is_dangerous
    return Group(Markdown(f"{sign} {len(resources)} {words}"), join(lines, "\n"), is_long)


def _resource(resource: ResourceChange, detail: Detail) -> str:
    said = code(resource.address)
    if detail is Detail.LIST:
        return said
    facts = [fact for fact in (_origin(resource), why(resource), _order(resource)) if fact]
    return f"{said}: {'; '.join(facts)}" if facts else said


def _origin(resource: ResourceChange) -> str:
    moved = f"moved from {code(resource.previous_address)}" if resource.previous_address else ""
    imported = f"imported from {code(resource.import_id)}" if resource.import_id else ""
    deferred = "deferred to a later plan" if resource.deferred else ""
    return ", ".join(fact for fact in (moved, imported, deferred) if fact)


def why(resource: ResourceChange) -> str:
    """Say why a resource is replaced or destroyed, or which attributes change."""
    if resource.action is Action.REPLACE and resource.replace_paths:
        paths = enumeration(code(path) for path in resource.replace_paths)
        return f"{paths} cannot be changed in place"
    if resource.reason:
        return prose(REASONS.get(resource.reason, resource.reason))
    if resource.action is Action.UPDATE:
        return codes(tuple(attribute.path for attribute in resource.attributes), at_most=6)
    return ""


def _order(resource: ResourceChange) -> str:
    if resource.action is Action.REPLACE and resource.create_before_destroy:
        return "the new one is created before the old one is destroyed"
    return ""


def _folds(project: ProjectView, view: RunView, detail: Detail, *, can_fold: bool) -> Iterator[Markdown]:
    if project.changes and detail >= Detail.SOME_DIFFS:
        diff = plan_diff(project.changes, at_most=SOME if detail is Detail.SOME_DIFFS else ALL)
        if diff:
            yield fold(Markdown("Attributes, before and after"), fence(diff, "diff"), can_fold=can_fold)
    if project.changes and detail >= Detail.REASONS:
        outputs = outputs_diff(project.changes)
        if outputs:
            yield fold(Markdown("Outputs"), fence(outputs, "diff"), can_fold=can_fold)
    yield from _policy_folds(project, detail, can_fold=can_fold)
    if project.warnings and detail >= Detail.REASONS:
        text = "\n\n".join(_in_full(warning) for warning in project.warnings)
        yield fold(Markdown(f"⚠️ {amount(len(project.warnings), 'warning')}"), fence(text), can_fold=can_fold)
    if project.outputs and detail >= Detail.REASONS:
        yield fold(Markdown("Outputs"), fence(_outputs(project.outputs)), can_fold=can_fold)
    if project.text and detail is Detail.FULL:
        text = fence(project.text)
        yield fold(Markdown("Terraform's own text"), text, can_fold=can_fold, is_open=view.command.verbose)


def _policy_folds(project: ProjectView, detail: Detail, *, can_fold: bool) -> Iterator[Markdown]:
    for policy in project.policies if detail >= Detail.REASONS else ():
        if policy.text.strip() and not policy.standing.passed:
            yield fold(Markdown(f"What {code(policy.standing.name)} says"), fence(policy.text), can_fold=can_fold)


def policy_line(policy: PolicyView) -> Markdown:
    """Say in one line how a policy set judged, and what it takes to let the plan pass all the same."""
    one = policy.standing
    name, warned = code(one.name), f", {amount(one.warnings, 'warning')}" if one.warnings else ""
    if one.passed:
        return Markdown(f"✅ {name}: passed{warned}")
    said = prose(one.error) if one.error else amount(one.failures, "failure")
    approved = enumeration(md(f"@{approval.user}") for approval in one.approvals) if one.approvals else ""
    if one.is_cleared:
        return Markdown(f"☑️ {name}: {said}{warned}; approved by {approved}")
    wanted = f"{amount(one.missing, 'approval')} of its owners {'is' if one.missing == 1 else 'are'} missing"
    return Markdown(f"❌ {name}: {said}{warned}; {wanted}")


def _outputs(outputs: Mapping[str, str]) -> str:
    lines = [f"{name} = {value}" for name, value in sorted(outputs.items())]
    return "\n".join(line if len(line) <= OUTPUT_LIMIT else line[:OUTPUT_LIMIT] + "…" for line in lines)


def diagnostic_line(diagnostic: Diagnostic) -> Markdown:
    """Say a diagnostic in one line, its address or place first."""
    place = code(f"{diagnostic.file}:{diagnostic.line}" if diagnostic.line else diagnostic.file or "")
    said = prose(diagnostic.summary)
    if diagnostic.address:
        return Markdown(f"{code(diagnostic.address)}: {said}" + (f" ({place})" if diagnostic.file else ""))
    return Markdown(f"{place}: {said}" if diagnostic.file else said)


def _failure(project: ProjectView, detail: Detail, *, can_fold: bool) -> Markdown:
    """Tell a project's failure, its places as the repository names them: Terraform leaves the folder out."""
    if project.failure is None:
        return Markdown("")
    found = tuple(replace(one, file=_in_repository(one.file, project.key.dir)) for one in project.failure.diagnostics)
    return render_failure(replace(project.failure, diagnostics=found), detail, can_fold=can_fold)


def _in_repository(file: str | None, directory: str) -> str | None:
    if not file or file.startswith(("/", "<", ".terraform/")):
        return file
    place = posixpath.normpath(posixpath.join(directory, file))
    return file if place.startswith("../") else place


def render_failure(failure: Failure, detail: Detail = Detail.REASONS, *, can_fold: bool) -> Markdown:
    """Say what failed in a line, where, what to do, and the rest in a fold."""
    lines, in_full = _diagnostics(failure, detail)
    return fill(
        "failure",
        failure=failure,
        advice=ADVICE[failure.kind],
        lines=lines,
        in_full=in_full,
        fold=fold,
        can_fold=can_fold,
    )


def _diagnostics(failure: Failure, detail: Detail) -> tuple[tuple[Markdown, ...], str]:
    errors = sorted(failure.diagnostics, key=lambda found: found.severity != "error")
    lines = [diagnostic_line(found) for found in errors[:MANY]]
    if len(errors) > MANY:
        lines.append(Markdown(f"… {len(errors) - MANY} more"))
    if detail < Detail.REASONS:
        return tuple(lines), ""
    in_full = [_in_full(found) for found in errors if found.detail]
    return tuple(lines), "\n\n".join(in_full) or failure.detail


def _in_full(diagnostic: Diagnostic) -> str:
    where = " ".join(
        part
        for part in (
            f"on {diagnostic.file}" if diagnostic.file else "",
            f"line {diagnostic.line}" if diagnostic.file and diagnostic.line else "",
            f"with {diagnostic.address}" if diagnostic.address else "",
        )
        if part
    )
    title = f"{diagnostic.severity.capitalize()}: {diagnostic.summary}"
    lines = [title, f"  {where}" if where else "", diagnostic.detail]
    return "\n".join(line for line in lines if line)


def _last_lines(project: ProjectView, detail: Detail) -> str:
    if project.status is not ProjectStatus.LOST or detail < Detail.REASONS:
        return ""
    heard = project.text or (project.failure.detail if project.failure else "")
    return "\n".join(heard.rstrip().splitlines()[-LAST_LINES:])
