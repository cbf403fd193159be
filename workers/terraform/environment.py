"""The environment that Terraform and custom steps run in."""

from collections.abc import Mapping
from pathlib import Path

from workers.process import clean_environment


def command_environment(
    inherited: Mapping[str, str], facts: Mapping[str, str], *, plugin_cache: Path | None, config_dir: Path
) -> dict[str, str]:
    """Build the environment of a project's commands.

    What the worker was given for itself stays behind (`THERA_*`); cloud credentials that the operator put
    into the worker's environment are handed on, since they are what Terraform runs with.
    """
    own = {
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
        **facts,
    }
    if plugin_cache is not None:
        own["TF_PLUGIN_CACHE_DIR"] = str(plugin_cache)
        # An incomplete lock file is filled in from the cache instead of being downloaded for again.
        own["TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE"] = "1"
    environment = clean_environment(inherited, own)
    named = environment.get("TF_CLI_CONFIG_FILE")
    if named is not None and not Path(named).is_file():
        # Terraform would warn about it in the middle of every output.
        config_dir.mkdir(parents=True, exist_ok=True)
        empty = config_dir / "empty.tfrc"
        empty.touch()
        environment["TF_CLI_CONFIG_FILE"] = str(empty)
    return environment
