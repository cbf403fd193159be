"""`apply`: exactly the saved plan."""

from datetime import timedelta

from workers.errors import JobFailed
from workers.protocol.jobs import Step
from workers.protocol.results import FailureKind
from workers.steps.context import StepContext
from workers.terraform.cli import apply_arguments

# An interrupted apply waits for the resource in hand and then saves its state; killing it earlier loses both.
_GRACE = timedelta(seconds=80)  # less than a worker that is being stopped waits


def run(context: StepContext, step: Step) -> str:
    """Apply. The saved plan knows its workspace; targets belong to the plan."""
    extra = (*step.extra_args, *context.extra_args)
    if any(argument.lstrip("-").startswith("target") for argument in extra):
        raise JobFailed(FailureKind.STEP, "`-target` cannot be used with apply; use it with plan")
    arguments = apply_arguments(extra, plan=context.plan_file)
    return context.tail(context.terraform(arguments, grace=_GRACE))
