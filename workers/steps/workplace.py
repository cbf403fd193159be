"""Where a project's steps run: a checkout, a folder for the plan, a binary, and an environment."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from workers.errors import JobCancelled, JobFailed
from workers.git import mirror as git_mirror
from workers.git.checkout import checked_out
from workers.git.paths import checkout_path, resolve_inside
from workers.protocol.jobs import Checkout, ProjectWork, Step, TerraformChoice
from workers.protocol.results import FailureKind
from workers.steps import generated, var_files
from workers.steps.context import StepContext, Tools
from workers.steps.registry import STEPS
from workers.steps.variables import project_variables
from workers.terraform.binary import COMMANDS, Binary, Mirror, find, installed, on_path
from workers.terraform.bundle import LOCK_FILE
from workers.terraform.environment import command_environment
from workers.terraform.version import wanted


@contextlib.contextmanager
def at_work(work: ProjectWork, tools: Tools) -> Iterator[StepContext]:
    """Have the project checked out inside; afterwards nothing of the plan is left on this disk."""
    checkout = _commit_of(work)
    place = checkout_path(tools.settings.checkouts, work.checkout, work.project)
    with timed("checkout", tools), contextlib.ExitStack() as stack:
        root = stack.enter_context(checked_out(checkout, path=place, mirror=mirror_of(checkout, tools)))
        if work.generated is not None:
            generated.put(work.generated, root, tools)
        later = stack.pop_all()
    with later:
        scratch = place.with_name(f"{place.name}.plan")
        shutil.rmtree(scratch, ignore_errors=True)  # of a worker that was killed
        scratch.mkdir(mode=0o700)
        try:
            allowed = tools.settings.var_file_allowlist
            var_files.insist_on_known(work.extra_args, folder=root / work.project.dir, root=root, allowed=allowed)
            yield _context(work, root, scratch, tools)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _commit_of(work: ProjectWork) -> Checkout:
    if not work.at_commit:
        return work.checkout
    # A commit of the past is reached by the base branch, which it is part of, and nothing is merged onto it.
    return replace(work.checkout, head_sha=work.at_commit, head_ref=work.checkout.base_ref, strategy="branch")


def do(step: Step, context: StepContext, tools: Tools) -> str:
    """Take one step, and note how long it took; gives what people should read of it."""
    run = STEPS.get(step.name)
    if run is None:
        raise JobFailed(FailureKind.STEP, f"This worker does not know the step `{step.name}`; it may be too old")
    if tools.cancel.is_set():
        raise JobCancelled(f"cancelled before {step.name}")
    with timed(step.name, tools):
        return run(context, step)


@contextlib.contextmanager
def timed(name: str, tools: Tools) -> Iterator[None]:
    """Note how long what is done inside takes."""
    began = time.monotonic()
    try:
        yield
    finally:
        tools.seconds.append((name, time.monotonic() - began))


def mirror_of(checkout: Checkout, tools: Tools) -> git_mirror.Mirror:
    """Name the mirror of a repository."""
    tools.redactor.add_credential(checkout.username, checkout.password)
    return git_mirror.Mirror.of(
        checkout,
        cache_dir=tools.settings.cache_dir,
        environment=tools.settings.environment,
        cancel=tools.cancel,
    )


def binary_of(choice: TerraformChoice, folder: Path | None, tools: Tools, *, root: Path | None = None) -> Binary:
    """Find the binary that a choice means, for the code in a folder of a checkout."""
    settings = tools.settings
    distribution = choice.distribution or settings.terraform_distribution
    # A default version is one of the default distribution: Terraform 1.9.5 says nothing about OpenTofu 1.9.5.
    default = settings.terraform_version if distribution == settings.terraform_distribution else None
    url = settings.terraform_download_url
    mirror = Mirror(url=url, keys=settings.terraform_signing_keys) if url else None
    version = choice.version or default
    if folder is not None:
        version = wanted(
            choice,
            folder,
            root=root,
            distribution=distribution,
            default=default or on_path(distribution, environment=settings.environment),
            available=installed(distribution, environment=settings.environment, data_dir=settings.data_dir),
            offered=lambda: mirror.versions(COMMANDS[distribution]) if mirror else (),
        )
    return find(
        distribution,
        version.removeprefix("v") if version else None,
        environment=settings.environment,
        data_dir=settings.data_dir,
        mirror=mirror,
    )


def _context(work: ProjectWork, root: Path, scratch: Path, tools: Tools) -> StepContext:
    settings = tools.settings
    folder = resolve_inside(root, work.project.dir)
    binary = binary_of(work.terraform, folder, tools, root=root)
    commands = scratch / "bin"
    commands.mkdir()
    # Custom steps call `terraform$ATLANTIS_TERRAFORM_VERSION`, as Atlantis's documentation tells them to.
    (commands / f"{COMMANDS[binary.distribution]}{binary.version}").symlink_to(binary.path.absolute())
    view = scratch / "plugins"
    view.mkdir()
    environment = command_environment(
        settings.environment,
        project_variables(work, folder, scratch, binary),
        plugin_cache=view,
        commands=(commands, settings.data_dir / "bin"),
        config_dir=settings.data_dir,
    )
    tools.redactor.add_environment(environment)
    return StepContext(
        work=work,
        root=root,
        folder=folder,
        scratch=scratch,
        binary=binary,
        settings=settings,
        own_lock_file=(folder / LOCK_FILE).is_file(),
        sink=tools.sink,
        cancel=tools.cancel,
        remaining=tools.remaining,
        redactor=tools.redactor,
        environment=environment,
    )
