"""`apply`: exactly the saved plan."""

from datetime import timedelta

from workers.errors import JobFailed
from workers.protocol.jobs import Step
from workers.protocol.results import FailureKind
from workers.steps import remote
from workers.steps.context import StepContext
from workers.steps.plan import own_variables
from workers.terraform.cli import apply_arguments, remote_apply_arguments

# An interrupted apply waits for the resource in hand and then saves its state; killing it earlier loses both.
_GRACE = timedelta(seconds=80)  # less than a worker that is being stopped waits


def run(context: StepContext, step: Step) -> str:
    """Apply. The saved plan knows its workspace; targets belong to the plan."""
    extra = (*context.expanded(step), *context.extra_args)
    if any(argument.lstrip("-").startswith("target") for argument in extra):
        raise JobFailed(FailureKind.STEP, "`-target` cannot be used with apply; use it with plan")
    agreed = remote.read(context.plan_file)
    if agreed is None:
        return context.tail(context.terraform(apply_arguments(extra, plan=context.plan_file), grace=_GRACE))
    arguments = remote_apply_arguments(extra, var_file=own_variables(context), destroy=agreed.destroy)
    return remote.apply(context, arguments, agreed=agreed, grace=_GRACE)
