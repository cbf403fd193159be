"""`state_rm`: resources out of the state, and otherwise left alone."""

from workers.errors import JobFailed
from workers.protocol.jobs import StateRm, Step
from workers.protocol.results import FailureKind
from workers.steps import workspace
from workers.steps.context import StepContext
from workers.terraform.address import insist_on_address
from workers.terraform.cli import state_rm_arguments


def run(context: StepContext, step: Step) -> str:
    """Forget what the comment named."""
    work = context.work
    if not isinstance(work, StateRm) or not work.addresses:
        raise JobFailed(
            FailureKind.STEP, "The step `state_rm` belongs to the `state_rm` stage: only there are addresses"
        )
    for address in work.addresses:
        insist_on_address(address)
    workspace.switch(context)
    arguments = state_rm_arguments((*context.expanded(step), *work.extra_args), addresses=work.addresses)
    return context.tail(context.terraform(arguments))
