"""`init`: providers, modules and backend."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from workers.git.credentials import Remote
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
    with (
        cache_for_init(context.settings.cache_dir / "plugins", view, context.folder, cancel=context.cancel) as cache,
        _access_to_modules(context) as access,
    ):
        environment = {**context.environment, "TF_PLUGIN_CACHE_DIR": str(cache), **access}
        replace(context, environment=environment).terraform(arguments)
    return ""


@contextlib.contextmanager
def _access_to_modules(context: StepContext) -> Iterator[Mapping[str, str]]:
    """Lend `init` the credential of the checkout, for modules from the same host; no other step gets to see it."""
    if not context.settings.module_credentials:
        yield {}
        return
    with Remote.of(context.work.checkout).settings_for_others() as settings:
        known = int(context.environment.get("GIT_CONFIG_COUNT") or 0)
        yield {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_COUNT": str(known + len(settings)),
            **{f"GIT_CONFIG_KEY_{known + at}": name for at, (name, _) in enumerate(settings)},
            **{f"GIT_CONFIG_VALUE_{known + at}": value for at, (_, value) in enumerate(settings)},
        }
