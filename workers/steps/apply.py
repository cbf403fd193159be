"""`apply`: exactly the saved plan."""

from workers.errors import JobFailed
from workers.protocol.jobs import Step
from workers.protocol.results import FailureKind
from workers.steps.context import StepContext
from workers.terraform.cli import apply_arguments


def run(context: StepContext, step: Step) -> str:
    """Apply. The saved plan knows its workspace; targets belong to the plan."""
    extra = (*step.extra_args, *context.extra_args)
    if any(argument.lstrip("-").startswith("target") for argument in extra):
        raise JobFailed(FailureKind.STEP, "`-target` cannot be used with apply; use it with plan")
    return context.tail(context.terraform(apply_arguments(extra, plan=context.plan_file)))
