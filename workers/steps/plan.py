"""`plan`: into the saved plan that an apply will use."""

from workers.protocol.jobs import Step
from workers.steps import workspace
from workers.steps.context import StepContext
from workers.terraform.cli import plan_arguments


def run(context: StepContext, step: Step) -> str:
    """Plan; the workspace's own tfvars file (`env/<workspace>.tfvars`) is used where there is one."""
    workspace.switch(context)
    own = context.folder / "env" / f"{context.project.workspace}.tfvars"
    arguments = plan_arguments(
        (*step.extra_args, *context.extra_args), out=context.plan_file, var_file=own if own.is_file() else None
    )
    return context.tail(context.terraform(arguments))
