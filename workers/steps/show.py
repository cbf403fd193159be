"""`show`: the plan as JSON, for later steps that read `$SHOWFILE`."""

from pathlib import Path

from workers.protocol.jobs import Step
from workers.steps.context import StepContext


def run(context: StepContext, step: Step) -> str:  # noqa: ARG001  (every step takes its own entry)
    """Write the plan's JSON beside the plan."""
    done = context.terraform(["show", "-json", str(context.plan_file)], capture_stdout=True, quiet=True)
    Path(context.environment["SHOWFILE"]).write_bytes(done.stdout)
    return ""
