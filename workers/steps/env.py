"""`env` and `multienv`: variables for later steps."""

import shlex

from workers.errors import JobFailed
from workers.protocol.jobs import Step
from workers.protocol.results import FailureKind
from workers.steps.context import StepContext
from workers.steps.run import shell


def run(context: StepContext, step: Step) -> str:
    """Set one variable, to a value or to what a command prints."""
    value = step.value if step.value is not None else _printed(context, step).removesuffix("\n")
    context.environment[step.variable or ""] = value
    context.redactor.add_environment({step.variable or "": value})
    return ""


def run_many(context: StepContext, step: Step) -> str:
    """Set what a command prints as `NAME=value,NAME=value`; quotes keep commas together."""
    lexer = shlex.shlex(_printed(context, step).strip(), posix=True)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = ",", True, ""
    names = []
    for entry in lexer:
        name, equals, value = entry.partition("=")
        if not equals or not name.strip():
            raise JobFailed(FailureKind.STEP, f"`{step.command}` printed something other than NAME=value,NAME=value")
        context.environment[name.strip()] = value
        context.redactor.add_environment({name.strip(): value})
        names.append(name.strip())
    return "Set: " + ", ".join(names) if "show" in step.output else ""


def _printed(context: StepContext, step: Step) -> str:
    done = shell(context, step, quiet=True, capture_stdout=True)
    if not done.ok:
        raise context.failed(done, f"`{step.command}` ended with exit status {done.returncode}", FailureKind.STEP)
    return done.stdout.decode("utf-8", "replace")
