"""`show`: the plan as JSON, for later steps that read `$SHOWFILE`."""

from pathlib import Path

from workers.protocol.jobs import Step
from workers.steps import remote
from workers.steps.context import StepContext


def run(context: StepContext, step: Step) -> str:  # noqa: ARG001  (every step takes its own entry)
    """Write the plan's JSON beside the plan; a plan that is kept elsewhere has none."""
    if remote.read(context.plan_file) is not None:
        context.sink("There is no JSON of a plan that Terraform Cloud or Enterprise keeps: skipped")
        return ""
    done = context.terraform(["show", "-json", str(context.plan_file)], capture_stdout=True, quiet=True)
    Path(context.environment["SHOWFILE"]).write_bytes(done.stdout)
    return ""
