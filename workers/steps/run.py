"""`run`: a command of the operator's."""

import re

from workers.errors import JobFailed
from workers.process import Completed
from workers.protocol.jobs import Step
from workers.protocol.results import FailureKind
from workers.steps.context import StepContext

_FILTER = "filter_regex:"


def run(context: StepContext, step: Step) -> str:
    """Run it through its shell and give what its `output` lets people see.

    What its filters take out stays out when it fails, too; `hide` hides success only.
    """
    patterns = _patterns(step)
    done = shell(context, step)
    text = context.tail(done)
    for rule in step.output:
        if rule == "strip_refreshing":
            _, found, rest = text.rpartition("Refreshing state...")
            text = rest.partition("\n")[2] if found else text
        elif rule in patterns:
            text = patterns[rule].sub(_masked, text)
    if not done.ok:
        raise context.failed(f"`{step.command}` ended with exit status {done.returncode}", text, FailureKind.STEP)
    return "" if "hide" in step.output else text


def shell(context: StepContext, step: Step, *, quiet: bool = False, capture_stdout: bool = False) -> Completed:
    """Run a step's command with its shell (default: `sh -c`)."""
    arguments = list(step.shell_args) or ["-c"]
    argv = [step.shell or "sh", *arguments, step.command or ""]
    if not quiet:
        context.sink(f"\x1b[1m$ {step.command}\x1b[0m")
    return context.command(argv, what=f"`{step.command}`", quiet=quiet, capture_stdout=capture_stdout)


def _patterns(step: Step) -> dict[str, re.Pattern[str]]:
    """Read the filters before the command runs: one that cannot be read must not let anything through."""
    found: dict[str, re.Pattern[str]] = {}
    for rule in step.output:
        if rule.startswith(_FILTER):
            try:
                found[rule] = re.compile(rule.removeprefix(_FILTER))
            except re.error as error:
                words = f"`{rule.removeprefix(_FILTER)}` is not a regular expression: {error}"
                raise JobFailed(FailureKind.STEP, words) from error
    return found


def _masked(match: re.Match[str]) -> str:
    """Keep the first two groups, as Atlantis does, and mask what lies between them."""
    groups = match.groups(default="")
    return "".join(("".join(groups[:1]), "<redacted>", "".join(groups[1:2])))
