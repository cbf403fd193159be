"""Plans and applies that run at Terraform Cloud or Enterprise: nothing is saved here, so the texts are compared.

As Atlantis does it (its documentation, "Terraform Cloud/Enterprise"): the plan's text is kept; the apply plans
again and asks, and is told `yes` only if it is about to do the same.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from workers.errors import JobFailed
from workers.protocol.jobs import Plan
from workers.protocol.results import FailureKind
from workers.redact import strip_ansi
from workers.steps.context import StepContext
from workers.terraform.remote_plan import RemotePlan, cannot_save, planned, read, run_url

__all__ = ["apply", "cannot_save", "plan", "read"]

_QUESTION = "Do you want to perform these actions"
_PROMPT = "Enter a value:"


def plan(context: StepContext, arguments: list[str]) -> str:
    """Plan there, and keep what it says in the place of a saved plan."""
    context.sink("This backend keeps its plans: planning once more, without saving")
    done = context.terraform(arguments)
    said = strip_ansi(done.output)
    text = planned(said)
    if not text:
        words = "Terraform planned remotely, but what it would do cannot be found in its output"
        raise JobFailed(FailureKind.TERRAFORM, words, context.tail(done))
    destroy = isinstance(context.work, Plan) and context.work.destroy
    RemotePlan(text=text, destroy=destroy, run_url=run_url(said)).write(context.plan_file)
    return context.redactor.redact(text)


def apply(context: StepContext, arguments: list[str], *, agreed: RemotePlan, grace: timedelta) -> str:
    """Apply there, if what is about to be done is what was agreed to.

    Raises:
        JobFailed: it is something else now, or Terraform failed.
    """
    if any(argument.lstrip("-").startswith("auto-approve") for argument in arguments):
        raise JobFailed(FailureKind.STEP, "`-auto-approve` cannot be used here: nobody would compare the plans")
    with contextlib.ExitStack() as stack:
        reading, writing = os.pipe()
        stack.callback(os.close, reading)
        answer = _Answer(context.sink, agreed.text, writing)
        stack.callback(answer.close)
        argv = [str(context.binary.path), *arguments]
        what = f"{context.binary.path.name} apply"
        context.sink(f"\x1b[1m$ {what} {' '.join(arguments[1:])}\x1b[0m")
        done = context.command(
            argv, what=what, kind=FailureKind.TERRAFORM, grace=grace, sink=answer.hear, stdin=reading
        )
    if answer.found is not None and answer.found != agreed.text:
        raise JobFailed(
            FailureKind.STALE,
            "What would be applied is not what was planned. Plan again.",
            f"Planned:\n{agreed.text}\n\nNow:\n{answer.found}",
        )
    text = context.tail(done)
    if not done.ok:
        raise context.failed(f"{what} failed", text, FailureKind.TERRAFORM)
    return text.partition(_PROMPT)[2].strip() or text


@dataclass(eq=False)
class _Answer:
    """Listens to an apply, and answers its one question."""

    sink: Callable[[str], None]
    agreed: str
    writing: int
    lines: list[str] = field(default_factory=list)
    found: str | None = None

    def hear(self, line: str) -> None:
        """Pass a line on; at the question, compare and answer."""
        self.sink(line)
        if self.found is not None:
            return
        plain = strip_ansi(line)
        if _QUESTION not in plain:
            self.lines.append(plain)
            return
        self.found = planned("\n".join(self.lines))
        self.lines.clear()
        os.write(self.writing, b"yes\n" if self.found == self.agreed else b"no\n")
        self.close()

    def close(self) -> None:
        """Let the command read its end of file: there is no second answer."""
        if self.writing >= 0:
            os.close(self.writing)
            self.writing = -1
