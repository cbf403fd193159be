"""The environment that Terraform and custom steps run in."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from workers.process import clean_environment

# Of the worker's own shell: they would silently choose a project's data folder and workspace.
_NOT_INHERITED = ("TF_DATA_DIR", "TF_WORKSPACE")


def command_environment(
    inherited: Mapping[str, str],
    facts: Mapping[str, str],
    *,
    plugin_cache: Path,
    commands: Iterable[Path],
    config_dir: Path,
) -> dict[str, str]:
    """Build the environment of a project's commands.

    What the worker was given for itself stays behind (`THERA_*`); cloud credentials that the operator put
    into the worker's environment are handed on, since they are what Terraform runs with. `commands` are
    folders that go to the end of the PATH.
    """
    own = {
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
        "TF_PLUGIN_CACHE_DIR": str(plugin_cache),
        # A provider that the lock file does not know yet is taken from the cache instead of downloaded again.
        "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1",
        "PATH": ":".join(filter(None, (inherited.get("PATH"), *map(str, commands)))),
        **facts,
    }
    base = {name: value for name, value in inherited.items() if name not in _NOT_INHERITED}
    environment = clean_environment(base, own)
    named = environment.get("TF_CLI_CONFIG_FILE")
    if named is not None and not Path(named).is_file():
        # Terraform would warn about it in the middle of every output.
        config_dir.mkdir(parents=True, exist_ok=True)
        empty = config_dir / "empty.tfrc"
        empty.touch()
        environment["TF_CLI_CONFIG_FILE"] = str(empty)
    return environment
