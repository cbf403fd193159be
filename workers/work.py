"""The four kinds of work, each from its description to its facts."""

import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from workers.discovery.report import discover
from workers.errors import JobFailed
from workers.git.checkout import checked_out
from workers.git.mirror import Mirror
from workers.git.paths import checkout_path, resolve_inside
from workers.protocol.jobs import Apply, ArtifactRef, Checkout, Discover, Plan, ProjectKey, Step, Version, Work
from workers.protocol.results import ApplyFacts, DiscoverFacts, Facts, FailureKind, PlanFacts, VersionFacts
from workers.redact import Redactor
from workers.settings import WorkerSettings
from workers.steps.context import StepContext
from workers.steps.registry import STEPS
from workers.terraform.binary import Binary, find
from workers.terraform.bundle import pack, unpack
from workers.terraform.diagnostics import diagnostics
from workers.terraform.environment import command_environment
from workers.terraform.plan_json import plan_digest, sensitive_values, summarise
from workers.terraform.version import wanted

_SUMMARY = re.compile(r"^Apply complete! Resources: (.*)\.$", re.MULTILINE)
_DONE = re.compile(r"^(\S+): (?:Creation|Modifications|Destruction|Import) complete", re.MULTILINE)
_REFRESH = re.compile(r": (?:Refreshing state|Reading|Read complete)")
_LARGEST_TEXT = 200_000


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What work needs besides its description."""

    settings: WorkerSettings
    redactor: Redactor
    sink: Callable[[str], None]
    cancel: threading.Event
    deadline: float
    put: Callable[[bytes], ArtifactRef]
    get: Callable[[str], bytes]
    seconds: list[tuple[str, float]] = field(default_factory=list)

    def remaining(self) -> timedelta:
        """Say how much of the job's time is left."""
        return timedelta(seconds=max(self.deadline - time.monotonic(), 0.001))


def do(work: Work, tools: Tools) -> Facts:
    """Do a job's work.

    Raises:
        JobFailed: it cannot succeed.
        JobCancelled: it was told to stop.
    """
    match work:
        case Discover():
            return _discover(work, tools)
        case Plan():
            return _plan(work, tools)
        case Apply():
            return _apply(work, tools)
        case Version():
            binary = _binary(tools, work.terraform.distribution, work.terraform.version)
            return VersionFacts(terraform_version=binary.version, distribution=binary.distribution)


def _discover(work: Discover, tools: Tools) -> DiscoverFacts:
    began = time.monotonic()
    facts = discover(work, _mirror(work.checkout, tools))
    tools.seconds.append(("discover", time.monotonic() - began))
    tools.sink(f"{len(facts.changed_files)} files changed; {len(facts.module_dirs)} directories with Terraform code")
    return facts


def _mirror(checkout: Checkout, tools: Tools) -> Mirror:
    tools.redactor.add_credential(checkout.username, checkout.password)
    return Mirror.of(
        checkout,
        cache_dir=tools.settings.cache_dir,
        environment=tools.settings.environment,
        cancel=tools.cancel,
    )


def _plan(work: Plan, tools: Tools) -> PlanFacts:
    place = checkout_path(tools.settings.checkouts, work.checkout, work.project)
    began = time.monotonic()
    with checked_out(work.checkout, path=place, mirror=_mirror(work.checkout, tools)) as root:
        tools.seconds.append(("checkout", time.monotonic() - began))
        context = _context(work, root, place, tools)
        text = _steps(work, context, tools)
        if not context.plan_file.is_file():
            raise JobFailed(FailureKind.STEP, "The workflow's plan steps saved no plan to $PLANFILE")
        plan = _show(context, tools)
        tools.redactor.add(sensitive_values(plan))
        artifact = tools.put(pack(context.plan_file, context.folder))
        text = tools.redactor.redact(_without_refresh(text))[-_LARGEST_TEXT:]
        return PlanFacts(
            changes=summarise(plan),
            digest=plan_digest(plan),
            artifact=artifact,
            terraform_version=context.binary.version,
            distribution=context.binary.distribution,
            text=text,
            warnings=tuple(one for one in diagnostics(text) if one.severity == "warning"),
        )


def _without_refresh(text: str) -> str:
    """Leave out what Terraform says while it reads the world."""
    lines = text.splitlines()
    last = max((place for place, line in enumerate(lines) if _REFRESH.search(line)), default=-1)
    return "\n".join(lines[last + 1 :]).strip()


def _apply(work: Apply, tools: Tools) -> ApplyFacts:
    place = checkout_path(tools.settings.checkouts, work.checkout, work.project)
    content = tools.get(work.plan.id)
    with checked_out(work.checkout, path=place, mirror=_mirror(work.checkout, tools)) as root:
        context = _context(work, root, place, tools)
        unpack(content, plan=context.plan_file, folder=context.folder)
        text = ""
        for number, step in enumerate(work.steps):
            if step.name == "apply":
                _insist_on_reviewed_plan(work, context, tools)
            text += _step(number, step, context, tools)
        text = tools.redactor.redact(text)
        found = _SUMMARY.search(text)
        return ApplyFacts(
            text=text[-_LARGEST_TEXT:],
            summary=found.group(1) if found else "",
            outputs=_outputs(context),
            completed=tuple(_DONE.findall(text)),
        )


def _insist_on_reviewed_plan(work: Apply, context: StepContext, tools: Tools) -> None:
    plan = _show(context, tools)
    tools.redactor.add(sensitive_values(plan))
    if plan_digest(plan) != work.plan_digest:
        raise JobFailed(FailureKind.STALE, "The saved plan is not the one that was reviewed. Plan again.")


def _steps(work: Plan, context: StepContext, tools: Tools) -> str:
    texts = [_step(number, step, context, tools) for number, step in enumerate(work.steps)]
    return "\n".join(text for text in texts if text)


def _step(number: int, step: Step, context: StepContext, tools: Tools) -> str:
    began = time.monotonic()
    try:
        return STEPS[step.name](context, step)
    finally:
        tools.seconds.append((f"{number}.{step.name}", time.monotonic() - began))


def _show(context: StepContext, tools: Tools) -> Mapping[str, Any]:
    began = time.monotonic()
    done = context.terraform(["show", "-json", str(context.plan_file)], capture_stdout=True, quiet=True)
    tools.seconds.append(("show", time.monotonic() - began))
    try:
        plan: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise JobFailed(FailureKind.TERRAFORM, "`show -json` did not print JSON", done.output[:2000]) from error
    return plan


def _outputs(context: StepContext) -> Mapping[str, str]:
    """Read root outputs after an apply; one that fails to be read does not undo the apply."""
    argv = [str(context.binary.path), "output", "-json"]
    done = context.command(argv, what="output", capture_stdout=True, quiet=True)
    try:
        found = json.loads(done.stdout) if done.ok else {}
    except ValueError:
        return {}
    return {
        name: json.dumps(one.get("value"), ensure_ascii=False)[:2000]
        for name, one in found.items()
        if not one.get("sensitive")
    }


def _binary(tools: Tools, distribution: Any, version: str | None) -> Binary:
    settings = tools.settings
    return find(
        distribution or settings.terraform_distribution,
        version or settings.terraform_version,
        environment=settings.environment,
        data_dir=settings.data_dir,
        download_url=settings.terraform_download_url,
    )


def _context(work: Plan | Apply, root: Path, place: Path, tools: Tools) -> StepContext:
    settings = tools.settings
    folder = resolve_inside(root, work.project.dir)
    files = place.with_name(place.name + ".plan")
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir(parents=True, mode=0o700)
    data = place.with_name(place.name + ".data")
    data.mkdir(exist_ok=True)
    distribution = work.terraform.distribution or settings.terraform_distribution
    version = wanted(work.terraform, folder, distribution=distribution, default=settings.terraform_version)
    binary = _binary(tools, distribution, version)
    cache = settings.cache_dir / "plugins"
    cache.mkdir(parents=True, exist_ok=True)
    environment = command_environment(
        settings.environment,
        {
            **work.environment,
            **_facts(work.project, work.extra_args, binary),
            "DIR": str(folder),
            "PLANFILE": str(files / "plan.tfplan"),
            "SHOWFILE": str(files / "plan.json"),
            # Outside of the checkout: what init found stays for the next plan of this project.
            "TF_DATA_DIR": str(data),
        },
        plugin_cache=cache,
        config_dir=settings.data_dir,
    )
    tools.redactor.add_environment(environment)
    return StepContext(
        folder=folder,
        root=root,
        project=work.project,
        binary=binary,
        plan_file=files / "plan.tfplan",
        cache=cache,
        extra_args=work.extra_args,
        sink=tools.sink,
        cancel=tools.cancel,
        remaining=tools.remaining,
        redactor=tools.redactor,
        environment=environment,
    )


def _facts(project: ProjectKey, extra_args: tuple[str, ...], binary: Binary) -> dict[str, str]:
    """Name a project's facts for custom steps: Atlantis's names, which scripts know."""
    return {
        "WORKSPACE": project.workspace,
        "PROJECT_NAME": project.name or "",
        "REPO_REL_DIR": project.dir,
        "COMMENT_ARGS": ",".join("".join(f"\\{character}" for character in argument) for argument in extra_args),
        "ATLANTIS_TERRAFORM_VERSION": binary.version,
        "ATLANTIS_TERRAFORM_DISTRIBUTION": binary.path.name.rstrip("0123456789."),
    }
