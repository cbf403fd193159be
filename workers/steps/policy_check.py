"""`policy_check`: ask the policies what they say of the plan."""

import json
import shlex
from datetime import timedelta
from pathlib import Path

from workers import process
from workers.errors import JobCancelled, JobFailed
from workers.policy.engines import chosen
from workers.policy.findings import Engine, Unjudged, unjudged, verdict
from workers.process import Completed
from workers.protocol.codec import to_data
from workers.protocol.jobs import PolicyCheck, PolicySet, Step
from workers.protocol.results import FailureKind, PolicySetResult
from workers.steps.context import StepContext
from workers.steps.policy_sources import located
from workers.terraform import remote_plan

_PATIENCE = timedelta(minutes=10)  # for one set


def run(context: StepContext, step: Step) -> str:
    """Judge the plan by every policy set; the verdicts are for the job, and `$POLICYCHECKFILE` has them too."""
    work = context.work
    if not isinstance(work, PolicyCheck):
        raise JobFailed(FailureKind.STEP, "The step `policy_check` belongs to the `policy_check` stage")
    if work.custom:
        words = "With `custom_policy_check` the `run` steps give the verdicts: take `policy_check` out of the workflow"
        raise JobFailed(FailureKind.STEP, words)
    if remote_plan.read(context.plan_file) is not None:
        return ""
    if not context.show_file.is_file():
        raise JobFailed(
            FailureKind.STEP, "There is no plan to judge: the step `show` has to come before `policy_check`"
        )
    asking = _Asking(context)
    engine = chosen(
        work.engine,
        version=work.conftest_version,
        environment=context.environment,
        extra_args=[word for argument in context.expanded(step) for word in _words(argument)],
        run=asking,
    )
    context.sink(f"Judging with {engine.name}")
    context.engines.append(engine.name)
    for policies in work.policy_sets:
        result = _judged(policies, engine, context, asking)
        context.verdicts.append(result)
        context.sink(f"{policies.name}:\n{result.text}")
    Path(context.environment["POLICYCHECKFILE"]).write_text(
        json.dumps([to_data(one) for one in context.verdicts]), encoding="utf-8"
    )
    return ""


def _judged(policies: PolicySet, engine: Engine, context: StepContext, asking: "_Asking") -> PolicySetResult:
    redact = context.redactor.redact
    try:
        with located(policies, context) as found:
            return verdict(
                policies.name,
                lambda: engine.judge(found.path, context.show_file, asking),
                redact=redact,
                revision=found.revision,
            )
    except Unjudged as error:
        return unjudged(policies.name, redact(str(error)))


class _Asking:
    """Runs an engine's command in the project's folder, with the project's environment unless told otherwise."""

    def __init__(self, context: StepContext) -> None:
        self._context = context

    def __call__(
        self, argv: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None, stdin: bytes | None = None
    ) -> Completed:
        """See `policy.findings.Run`."""
        context = self._context
        try:
            done = process.run(
                argv,
                cwd=cwd or context.folder,
                env=context.environment if env is None else env,
                stdin=stdin,
                timeout=min(context.remaining(), _PATIENCE),
                cancel=context.cancel,
                capture_stdout=True,
            )
        except OSError as error:
            raise Unjudged(f"`{Path(argv[0]).name}` cannot be run: {error}") from error
        if done.cancelled:
            raise JobCancelled("cancelled during the policy check")
        if done.timed_out:
            raise Unjudged(f"`{Path(argv[0]).name}` took too long and was stopped")
        if done.stdout_truncated:
            raise Unjudged(f"`{Path(argv[0]).name}` printed more than fits into memory")
        return done


def _words(argument: str) -> list[str]:
    try:
        return shlex.split(argument)
    except ValueError as error:
        words = f"`{argument}` in the arguments of `policy_check` has a quote that does not end"
        raise JobFailed(FailureKind.STEP, words) from error
