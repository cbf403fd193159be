"""`init`: providers, modules and backend."""

from workers.protocol.jobs import Step
from workers.steps.context import StepContext
from workers.terraform.bundle import LOCK_FILE
from workers.terraform.cli import init_arguments
from workers.terraform.plugin_cache import cache_for_init


def run(context: StepContext, step: Step) -> str:
    """Initialise; without a lock file in the code, the newest allowed providers are chosen (Atlantis's rule)."""
    upgrade = not (context.folder / LOCK_FILE).is_file()
    with cache_for_init(context.cache, context.folder):
        context.terraform(init_arguments(step.extra_args, upgrade=upgrade))
    return ""
