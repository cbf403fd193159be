"""`init`: providers, modules and backend."""

from dataclasses import replace
from pathlib import Path

from workers.protocol.jobs import Step
from workers.steps.context import StepContext
from workers.terraform.bundle import LOCK_FILE
from workers.terraform.cli import init_arguments
from workers.terraform.plugin_cache import cache_for_init


def run(context: StepContext, step: Step) -> str:
    """Initialise; without a lock file in the code, the newest allowed providers are chosen (Atlantis's rule)."""
    lock_file = context.folder / LOCK_FILE
    if not context.own_lock_file:
        lock_file.unlink(missing_ok=True)  # an earlier init left it
    arguments = init_arguments(context.expanded(step), upgrade=not lock_file.is_file())
    view = Path(context.environment["TF_PLUGIN_CACHE_DIR"])
    with cache_for_init(context.settings.cache_dir / "plugins", view, context.folder, cancel=context.cancel) as cache:
        environment = {**context.environment, "TF_PLUGIN_CACHE_DIR": str(cache)}
        replace(context, environment=environment).terraform(arguments)
    return ""
