"""A project's plan and its apply: a checkout, the steps of its workflow, and what they amount to."""

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from workers.errors import JobCancelled, JobFailed
from workers.git.checkout import checked_out
from workers.git.mirror import Mirror
from workers.git.paths import checkout_path, resolve_inside
from workers.protocol.jobs import Apply, Plan, Step, TerraformChoice
from workers.protocol.results import ApplyFacts, FailureKind, PlanFacts
from workers.steps import workspace
from workers.steps.context import StepContext, Tools
from workers.steps.registry import STEPS
from workers.terraform import output
from workers.terraform.binary import COMMANDS, Binary, find, installed
from workers.terraform.bundle import LOCK_FILE, pack, unpack
from workers.terraform.diagnostics import diagnostics
from workers.terraform.environment import command_environment
from workers.terraform.plan_json import plan_digest, sensitive_values, summarise
from workers.terraform.version import wanted

_LONGEST_TEXT = 200_000
_LONGEST_OUTPUT = 2000
_AFTERWARDS = timedelta(minutes=2)


def plan(work: Plan, tools: Tools) -> PlanFacts:
    """Run the plan steps and save what they planned."""
    with _at_work(work, tools) as context:
        texts = [_step(step, context, tools) for step in work.steps]
        if not context.plan_file.is_file():
            raise JobFailed(FailureKind.STEP, "The workflow's plan steps saved no plan to $PLANFILE")
        document = _shown(context, tools)
        text = output.without_refresh("\n".join(filter(None, texts)))[-_LONGEST_TEXT:]
        return PlanFacts(
            changes=summarise(document),
            digest=plan_digest(document),
            artifact=tools.put(pack(context.plan_file, context.folder)),
            terraform_version=context.binary.version,
            distribution=context.binary.distribution,
            text=text,
            warnings=tuple(one for one in diagnostics(text) if one.severity == "warning"),
        )


def apply(work: Apply, tools: Tools) -> ApplyFacts:
    """Run the apply steps on the very plan that was reviewed."""
    content = tools.get(work.plan.id)
    if hashlib.sha256(content).hexdigest() != work.plan.sha256:
        raise JobFailed(FailureKind.STALE, "The saved plan was altered after it was reviewed. Plan again.")
    with _at_work(work, tools) as bare:
        unpack(content, plan=bare.plan_file, folder=bare.folder)
        context = replace(bare, own_lock_file=True)
        texts = []
        for step in work.steps:
            if step.name == "apply":
                _prepare(work, context, tools)
            texts.append(_step(step, context, tools))
        text = "\n".join(filter(None, texts))
        found = output.applied(text)
        return ApplyFacts(
            text=text[-_LONGEST_TEXT:],
            summary=found.summary,
            outputs=_outputs(context),
            completed=found.completed,
        )


def mirror_of(work: Any, tools: Tools) -> Mirror:
    """Name the mirror of a job's repository."""
    tools.redactor.add_credential(work.checkout.username, work.checkout.password)
    return Mirror.of(
        work.checkout,
        cache_dir=tools.settings.cache_dir,
        environment=tools.settings.environment,
        cancel=tools.cancel,
    )


def binary_of(choice: TerraformChoice, folder: Path | None, tools: Tools) -> Binary:
    """Find the binary that a choice means, for the code in a folder."""
    settings = tools.settings
    distribution = choice.distribution or settings.terraform_distribution
    version = choice.version or settings.terraform_version
    if folder is not None:
        available = installed(distribution, environment=settings.environment, data_dir=settings.data_dir)
        default = settings.terraform_version
        version = wanted(choice, folder, distribution=distribution, default=default, available=available)
    return find(
        distribution,
        version.removeprefix("v") if version else None,
        environment=settings.environment,
        data_dir=settings.data_dir,
        download_url=settings.terraform_download_url,
    )


def _prepare(work: Apply, context: StepContext, tools: Tools) -> None:
    """Make sure that what is about to be applied can be, and is what was reviewed."""
    if not context.data_dir.is_dir():  # a workflow that counts on the plan's init; that was in another checkout
        _step(Step(name="init"), context, tools)
    workspace.switch(context)
    if plan_digest(_shown(context, tools)) != work.plan_digest:
        raise JobFailed(FailureKind.STALE, "The saved plan is not the one that was reviewed. Plan again.")


def _step(step: Step, context: StepContext, tools: Tools) -> str:
    run = STEPS.get(step.name)
    if run is None:
        raise JobFailed(FailureKind.STEP, f"This worker does not know the step `{step.name}`; it may be too old")
    if tools.cancel.is_set():
        raise JobCancelled(f"cancelled before {step.name}")
    with _timed(step.name, tools):
        return run(context, step)


@contextlib.contextmanager
def _timed(name: str, tools: Tools) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        tools.seconds.append((name, time.monotonic() - began))


def _shown(context: StepContext, tools: Tools) -> Mapping[str, Any]:
    """Read the saved plan, and learn from it what must not be printed."""
    with _timed("show", tools):
        done = context.terraform(["show", "-json", str(context.plan_file)], capture_stdout=True, quiet=True)
    try:
        document: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise JobFailed(FailureKind.TERRAFORM, "`show -json` did not print JSON", context.tail(done)) from error
    tools.redactor.add(sensitive_values(document))
    return document


def _outputs(context: StepContext) -> dict[str, str]:
    """Read root outputs after an apply. That they cannot be read does not undo the apply."""
    calm = replace(context, remaining=lambda: _AFTERWARDS, cancel=type(context.cancel)())
    try:
        done = calm.terraform(["output", "-json"], capture_stdout=True, quiet=True)
        found = output.public_outputs(json.loads(done.stdout))
    except (JobFailed, ValueError):
        return {}
    return {name: json.dumps(value, ensure_ascii=False)[:_LONGEST_OUTPUT] for name, value in found.items()}


@contextlib.contextmanager
def _at_work(work: Plan | Apply, tools: Tools) -> Iterator[StepContext]:
    """Have the project checked out inside; afterwards nothing of the plan is left on this disk."""
    place = checkout_path(tools.settings.checkouts, work.checkout, work.project)
    began = time.monotonic()
    with checked_out(work.checkout, path=place, mirror=mirror_of(work, tools)) as root:
        tools.seconds.append(("checkout", time.monotonic() - began))
        files = place.with_name(f"{place.name}.plan")
        shutil.rmtree(files, ignore_errors=True)  # of a worker that was killed
        files.mkdir(mode=0o700)
        try:
            yield _context(work, resolve_inside(root, work.project.dir), files, tools)
        finally:
            shutil.rmtree(files, ignore_errors=True)


def _context(work: Plan | Apply, folder: Path, files: Path, tools: Tools) -> StepContext:
    settings = tools.settings
    binary = binary_of(work.terraform, folder, tools)
    commands = files / "bin"
    commands.mkdir()
    # Custom steps call `terraform$ATLANTIS_TERRAFORM_VERSION`, as Atlantis's documentation tells them to.
    (commands / f"{COMMANDS[binary.distribution]}{binary.version}").symlink_to(binary.path.absolute())
    view = files / "plugins"
    view.mkdir()
    environment = command_environment(
        settings.environment,
        {**work.environment, **_facts(work, folder, binary), **_places(files)},
        plugin_cache=view,
        commands=commands,
        config_dir=settings.data_dir,
    )
    tools.redactor.add_environment(environment)
    return StepContext(
        folder=folder,
        project=work.project,
        binary=binary,
        plan_file=files / "plan.tfplan",
        cache=settings.cache_dir / "plugins",
        own_lock_file=(folder / LOCK_FILE).is_file(),
        extra_args=work.extra_args,
        sink=tools.sink,
        cancel=tools.cancel,
        remaining=tools.remaining,
        redactor=tools.redactor,
        environment=environment,
    )


def _places(files: Path) -> dict[str, str]:
    return {
        "PLANFILE": str(files / "plan.tfplan"),
        "SHOWFILE": str(files / "plan.json"),
        "POLICYCHECKFILE": str(files / "policy.json"),
    }


def _facts(work: Plan | Apply, folder: Path, binary: Binary) -> dict[str, str]:
    """Name a project's facts for custom steps: Atlantis's names, which scripts know, and ours."""
    command = COMMANDS[binary.distribution]
    return {
        "DIR": str(folder),
        "WORKSPACE": work.project.workspace,
        "PROJECT_NAME": work.project.name or "",
        "REPO_REL_DIR": work.project.dir,
        "COMMENT_ARGS": output.escaped(work.extra_args),
        "ATLANTIS_TERRAFORM_VERSION": binary.version,
        "ATLANTIS_TERRAFORM_DISTRIBUTION": command,
        "THERA_TERRAFORM_VERSION": binary.version,
        "THERA_TERRAFORM_DISTRIBUTION": command,
    }
