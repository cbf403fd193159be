"""A policy check: the saved plan, judged by every policy set. No verdict is no pass."""

import re

from workers.errors import JobFailed
from workers.policy.findings import unjudged, written
from workers.protocol.jobs import PolicyCheck, Step
from workers.protocol.results import FailureKind, PolicyFacts, PolicySetResult
from workers.steps.context import StepContext, Tools
from workers.steps.project import initialised, insist_on_reviewed, saved_plan, written_json
from workers.steps.workplace import at_work, do
from workers.terraform import remote_plan
from workers.terraform.bundle import unpack

# Atlantis's rule for the outputs of custom checks.
_FAILED = re.compile(r"[1-9]\d* failures?|failures\": \[\s*[^\s\]]")
_REMOTE = "Terraform Cloud or Enterprise keeps this plan: there is no JSON of it for policies to look at"


def check(work: PolicyCheck, tools: Tools) -> PolicyFacts:
    """Run the policy stage on the very plan that will be reviewed."""
    content = saved_plan(work, tools)
    with at_work(work, tools) as context:
        unpack(content, plan=context.plan_file, folder=context.folder)
        if remote_plan.read(context.plan_file) is not None:
            return PolicyFacts(skipped=_REMOTE)
        return _by_outputs(work, context, tools) if work.custom else _by_engine(work, context, tools)


def _by_engine(work: PolicyCheck, context: StepContext, tools: Tools) -> PolicyFacts:
    before: list[str] = []
    after: list[str] = []
    for step in work.steps:
        text = _done(work, step, context, tools)
        (after if context.verdicts else before).append(text)
    known = {one.name for one in context.verdicts}
    silent = [unjudged(one.name, _NOT_ASKED) for one in work.policy_sets if one.name not in known]
    return PolicyFacts(
        sets=(*context.verdicts, *silent),
        engine=", ".join(dict.fromkeys(context.engines)),
        before="\n".join(filter(None, before)),
        after="\n".join(filter(None, after)),
    )


def _done(work: PolicyCheck, step: Step, context: StepContext, tools: Tools) -> str:
    """Take a step. As soon as the plan's JSON is there, it has to be that of the plan that people see."""
    if step.name == "show":
        initialised(context, tools)  # it needs the providers
    known = context.show_file.is_file()
    text = do(step, context, tools)
    if context.show_file.is_file() and not known:
        insist_on_reviewed(work, written_json(context, tools))
    return text


_NOT_ASKED = "no step of the workflow's `policy_check` stage asked this set; the step is called `policy_check`"
_NO_OUTPUT = "no step of the workflow's `policy_check` stage printed a verdict for this set"


def _by_outputs(work: PolicyCheck, context: StepContext, tools: Tools) -> PolicyFacts:
    """Take what the steps print as verdicts, one for each set in order (`custom_policy_check`)."""
    verdicts: list[tuple[str, bool]] = []
    for step in work.steps:
        text, passed = _said(work, step, context, tools)
        if text:
            verdicts.append((text, passed))
    names = [one.name for one in work.policy_sets]
    names += ["Custom"] * (len(verdicts) - len(names))
    sets = [_written(name, text, passed=passed) for name, (text, passed) in zip(names, verdicts, strict=False)]
    missing = [unjudged(name, _NO_OUTPUT) for name in names[len(verdicts) :]]
    return PolicyFacts(sets=(*sets, *missing), engine="custom")


def _said(work: PolicyCheck, step: Step, context: StepContext, tools: Tools) -> tuple[str, bool]:
    """Take a step: what it prints, and whether that passes. A tool that finds something ends with an error."""
    try:
        text = _done(work, step, context, tools)
    except JobFailed as error:
        if step.name != "run" or error.failure.kind is not FailureKind.STEP:
            raise
        return error.failure.detail or error.failure.summary, False
    return text, not (_FAILED.search(text) or text.startswith("FAIL"))


def _written(name: str, text: str, *, passed: bool) -> PolicySetResult:
    return written(name, text, passed=passed, failures=0 if passed else 1)
