"""`env` and `multienv`: variables for later steps."""

import re
import shlex

from workers.errors import JobFailed
from workers.protocol.jobs import Step
from workers.protocol.results import FailureKind
from workers.steps.context import StepContext
from workers.steps.run import shell

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def run(context: StepContext, step: Step) -> str:
    """Set one variable, to a value or to what a command prints."""
    value = step.value if step.value is not None else _printed(context, step).removesuffix("\n")
    _set(context, step.variable or "", value)
    return ""


def run_many(context: StepContext, step: Step) -> str:
    """Set what a command prints as `NAME=value,NAME=value`; quotes keep commas together."""
    lexer = shlex.shlex(_printed(context, step).strip(), posix=True)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = ",", True, ""
    try:
        entries = [entry.partition("=") for entry in lexer]
    except ValueError as error:
        raise JobFailed(FailureKind.STEP, f"`{step.command}` printed a quote that does not end") from error
    if any(not equals for _, equals, _ in entries):
        raise JobFailed(FailureKind.STEP, f"`{step.command}` printed something other than NAME=value,NAME=value")
    for name, _, value in entries:
        _set(context, name.strip(), value)
    return "Set: " + ", ".join(name.strip() for name, _, _ in entries) if "show" in step.output else ""


def _set(context: StepContext, name: str, value: str) -> None:
    if not _NAME.fullmatch(name) or "\0" in value:
        raise JobFailed(FailureKind.STEP, f"`{name}` cannot be set: that is no name or value of a variable")
    context.environment[name] = value
    context.redactor.add_environment({name: value})


def _printed(context: StepContext, step: Step) -> str:
    done = shell(context, step, quiet=True, capture_stdout=True)
    if not done.ok:
        words = f"`{step.command}` ended with exit status {done.returncode}"
        raise context.failed(words, context.tail(done), FailureKind.STEP)
    return done.stdout.decode("utf-8", "replace")
