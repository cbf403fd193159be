"""`import`: one existing resource into the state."""

from workers.errors import JobFailed
from workers.protocol.jobs import Import, Step
from workers.protocol.results import FailureKind
from workers.steps import workspace
from workers.steps.context import StepContext
from workers.steps.plan import own_variables
from workers.terraform.address import insist_on_address, insist_on_id
from workers.terraform.cli import import_arguments


def run(context: StepContext, step: Step) -> str:
    """Import what the comment named, with the variables that a plan would have."""
    work = context.work
    if not isinstance(work, Import):
        raise JobFailed(FailureKind.STEP, "The step `import` belongs to the `import` stage: only there is an address")
    insist_on_address(work.address)
    insist_on_id(work.id)
    workspace.switch(context)
    extra = (*context.expanded(step), *work.extra_args)
    arguments = import_arguments(extra, var_file=own_variables(context), address=work.address, id_=work.id)
    return context.tail(context.terraform(arguments))
