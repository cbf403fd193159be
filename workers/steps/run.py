"""`run`: a command of the operator's."""

import re

from workers.process import Completed
from workers.protocol.jobs import Step
from workers.protocol.results import FailureKind
from workers.steps.context import StepContext


def run(context: StepContext, step: Step) -> str:
    """Run it through its shell and give what its `output` lets people see."""
    done = shell(context, step)
    text = _filtered(context.tail(done), step.output)
    if not done.ok:
        failure = context.failed(done, f"`{step.command}` ended with exit status {done.returncode}", FailureKind.STEP)
        raise failure
    return "" if "hide" in step.output else text


def shell(context: StepContext, step: Step, *, quiet: bool = False, capture_stdout: bool = False) -> Completed:
    """Run a step's command with its shell (default: `sh -c`)."""
    arguments = list(step.shell_args) or ["-c"]
    argv = [step.shell or "sh", *arguments, step.command or ""]
    if not quiet:
        context.sink(f"\x1b[1m$ {step.command}\x1b[0m")
    return context.command(argv, what=f"`{step.command}`", quiet=quiet, capture_stdout=capture_stdout)


def _filtered(text: str, output: tuple[str, ...]) -> str:
    for rule in output:
        if rule == "strip_refreshing":
            _, found, rest = text.rpartition("Refreshing state...")
            text = rest.partition("\n")[2] if found else text
        elif rule.startswith("filter_regex:"):
            pattern = re.compile(rule.removeprefix("filter_regex:"))
            groups = pattern.groups
            left, right = (r"\1" if groups else ""), (r"\2" if groups > 1 else "")
            text = pattern.sub(f"{left}<redacted>{right}", text)
    return text
