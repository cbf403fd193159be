"""A project's plan, its apply and its changes of state: the steps of its workflow, and what they amount to."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from workers.errors import JobCancelled, JobFailed
from workers.protocol.jobs import Apply, Import, Plan, PolicyCheck, StateRm, Step
from workers.protocol.results import (
    Action,
    ApplyFacts,
    ChangeSummary,
    FailureKind,
    ImportFacts,
    PlanFacts,
    StateRmFacts,
)
from workers.steps import workspace
from workers.steps.context import StepContext, Tools
from workers.steps.workplace import at_work, do, timed
from workers.terraform import output, remote_plan
from workers.terraform.bundle import pack, unpack
from workers.terraform.diagnostics import diagnostics
from workers.terraform.plan_json import plan_digest, sensitive_values, summarise

_LONGEST_TEXT = 200_000
_LONGEST_OUTPUT = 2000
_AFTERWARDS = timedelta(minutes=2)


def plan(work: Plan, tools: Tools) -> PlanFacts:
    """Run the plan steps and save what they planned."""
    with at_work(work, tools) as context:
        text = output.without_refresh(_all(work.steps, context, tools))[-_LONGEST_TEXT:]
        if not context.plan_file.is_file():
            raise JobFailed(FailureKind.STEP, "The workflow's plan steps saved no plan to $PLANFILE")
        there = remote_plan.read(context.plan_file)
        if there is None:
            document = _document(work.steps, context, tools)
            changes, digest = summarise(document), plan_digest(document)
        else:
            changes, digest = remote_plan.summary(there.text), there.digest
        if work.destroy:
            _insist_on_destruction(changes)
        return PlanFacts(
            changes=changes,
            digest=digest,
            artifact=tools.put(pack(context.plan_file, context.folder)),
            terraform_version=context.binary.version,
            distribution=context.binary.distribution,
            text=text,
            warnings=tuple(one for one in diagnostics(text) if one.severity == "warning"),
            remote=there is not None,
            run_url="" if there is None else there.run_url,
        )


def apply(work: Apply, tools: Tools) -> ApplyFacts:
    """Run the apply steps on the very plan that was reviewed.

    Raises:
        JobFailed, JobCancelled: it ended early; the facts name what was done by then.
    """
    content = saved_plan(work, tools)
    with at_work(work, tools) as bare:
        unpack(content, plan=bare.plan_file, folder=bare.folder)
        progress = output.Progress(bare.sink)
        context = replace(bare, own_lock_file=True, sink=progress.hear)
        texts = []
        for step in work.steps:
            if step.name == "apply":
                _prepare(work, context, tools)
            try:
                texts.append(do(step, context, tools))
            except (JobFailed, JobCancelled) as error:
                raise error.having_done(ApplyFacts(completed=tuple(progress.completed))) from error
        text = "\n".join(filter(None, texts))
        there = remote_plan.read(context.plan_file)
        return ApplyFacts(
            text=text[-_LONGEST_TEXT:],
            summary=output.applied(text).summary,
            outputs=_outputs(context),
            completed=tuple(progress.completed),
            run_url="" if there is None else there.run_url,
        )


def import_(work: Import, tools: Tools) -> ImportFacts:
    """Run the import steps; the plan that was made before does not fit the state any more."""
    with at_work(work, tools) as context:
        text = _all(work.steps, context, tools)
        return ImportFacts(
            address=work.address, id=work.id, text=text[-_LONGEST_TEXT:], terraform_version=context.binary.version
        )


def state_rm(work: StateRm, tools: Tools) -> StateRmFacts:
    """Run the steps that take resources out of the state."""
    with at_work(work, tools) as context:
        text = _all(work.steps, context, tools)
        return StateRmFacts(
            addresses=work.addresses, text=text[-_LONGEST_TEXT:], terraform_version=context.binary.version
        )


def saved_plan(work: Apply | PolicyCheck, tools: Tools) -> bytes:
    """Fetch the plan that a job was given.

    Raises:
        JobFailed: it is not the one that was stored.
    """
    content = tools.get(work.plan.id)
    if hashlib.sha256(content).hexdigest() != work.plan.sha256:
        raise JobFailed(FailureKind.STALE, "The saved plan was altered after it was reviewed. Plan again.")
    return content


def insist_on_reviewed(work: Apply | PolicyCheck, document: Mapping[str, Any]) -> None:
    """Make sure that a plan, given as its JSON, is the one that people saw.

    Raises:
        JobFailed: it is another.
    """
    _insist_on_digest(work, plan_digest(document))


def written_json(context: StepContext, tools: Tools) -> Mapping[str, Any]:
    """Read the JSON that a step wrote to `$SHOWFILE`, and learn from it what must not be printed."""
    return _learned(context.show_file.read_bytes(), tools, by="What the workflow wrote to $SHOWFILE")


def initialised(context: StepContext, tools: Tools) -> None:
    """Run `init` for a workflow that counts on the plan's: that was in another checkout."""
    if not context.data_dir.is_dir():
        do(Step(name="init"), context, tools)


def _all(steps: Iterable[Step], context: StepContext, tools: Tools) -> str:
    return "\n".join(filter(None, [do(step, context, tools) for step in steps]))


def _prepare(work: Apply, context: StepContext, tools: Tools) -> None:
    """Make sure that what is about to be applied can be, and is what was reviewed."""
    initialised(context, tools)
    workspace.switch(context)
    there = remote_plan.read(context.plan_file)
    _insist_on_digest(work, plan_digest(_shown(context, tools)) if there is None else there.digest)


def _insist_on_digest(work: Apply | PolicyCheck, digest: str) -> None:
    if digest != work.plan_digest:
        raise JobFailed(FailureKind.STALE, "The saved plan is not the one that was reviewed. Plan again.")


def _document(steps: Iterable[Step], context: StepContext, tools: Tools) -> Mapping[str, Any]:
    """Give the plan's JSON.

    A workflow that plans by itself may have to show by itself as well: Terragrunt runs Terraform in a folder of
    its own, and nowhere else are the providers that `show` needs. Where the built-in step has planned, what
    lies at `$SHOWFILE` is not looked at: code of the branch may have written it.
    """
    if context.show_file.is_file() and not any(step.name == "plan" for step in steps):
        return written_json(context, tools)
    return _shown(context, tools)


def _insist_on_destruction(changes: ChangeSummary) -> None:
    kept = {Action.DELETE, Action.FORGET, Action.READ, Action.NO_OP}
    other = next((one for one in changes.resources if one.action not in kept), None)
    if other is not None:
        raise JobFailed(
            FailureKind.STEP,
            f"The workflow's plan steps were to plan destruction, and planned to {other.action.value} {other.address}",
            "Custom plan steps have to add `-destroy` themselves when $DESTROY is `true`.",
        )


def _shown(context: StepContext, tools: Tools) -> Mapping[str, Any]:
    """Read the saved plan, and learn from it what must not be printed."""
    with timed("show", tools):
        done = context.terraform(["show", "-json", str(context.plan_file)], capture_stdout=True, quiet=True)
    return _learned(done.stdout, tools, by="`show -json`")


def _learned(content: bytes, tools: Tools, *, by: str) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise JobFailed(FailureKind.TERRAFORM, f"{by} is not JSON") from error
    if not isinstance(document, dict) or "format_version" not in document:
        raise JobFailed(FailureKind.TERRAFORM, f"{by} is not the JSON of a plan")
    tools.redactor.add(sensitive_values(document))
    return document


def _outputs(context: StepContext) -> dict[str, str]:
    """Read root outputs after an apply. That they cannot be read does not undo the apply."""
    calm = replace(context, remaining=lambda: _AFTERWARDS, cancel=type(context.cancel)())
    try:
        done = calm.terraform(["output", "-json"], capture_stdout=True, quiet=True)
        found = output.public_outputs(json.loads(done.stdout))
    except (JobFailed, ValueError):
        return {}
    return {name: json.dumps(value, ensure_ascii=False)[:_LONGEST_OUTPUT] for name, value in found.items()}
