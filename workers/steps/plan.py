"""`plan`: into the saved plan that an apply will use."""

from pathlib import Path

from workers.errors import JobFailed
from workers.protocol.jobs import Plan, Step
from workers.steps import remote, workspace
from workers.steps.context import StepContext
from workers.terraform.cli import plan_arguments


def run(context: StepContext, step: Step) -> str:
    """Plan; the workspace's own tfvars file (`env/<workspace>.tfvars`) is used where there is one."""
    workspace.switch(context)
    destroy = isinstance(context.work, Plan) and context.work.destroy
    extra, own = (*context.expanded(step), *context.extra_args), own_variables(context)
    try:
        done = context.terraform(plan_arguments(extra, out=context.plan_file, var_file=own, destroy=destroy))
    except JobFailed as error:
        if not remote.cannot_save(error.failure.detail):
            raise
    else:
        return context.tail(done)
    return remote.plan(context, plan_arguments(extra, out=None, var_file=own, destroy=destroy))


def own_variables(context: StepContext) -> Path | None:
    """Find the tfvars file of the project's workspace."""
    file = context.folder / "env" / f"{context.project.workspace}.tfvars"
    return file if file.is_file() else None
