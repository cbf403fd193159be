"""Command lines of Terraform and OpenTofu."""

from collections.abc import Iterable, Sequence
from pathlib import Path


def with_overrides(defaults: Sequence[str], extra: Iterable[str]) -> list[str]:
    """Append arguments; one with the name of a default replaces it (`-input=true`)."""
    given = list(extra)
    names = {argument.partition("=")[0].lstrip("-") for argument in given if argument.startswith("-")}
    kept = [argument for argument in defaults if argument.partition("=")[0].lstrip("-") not in names]
    return [*kept, *given]


def init_arguments(extra: Iterable[str], *, upgrade: bool) -> list[str]:
    """Spell `init`; without a lock file the newest allowed providers are chosen."""
    return ["init", *with_overrides(["-input=false", *(["-upgrade"] if upgrade else [])], extra)]


def plan_arguments(extra: Iterable[str], *, out: Path, var_file: Path | None) -> list[str]:
    """Spell `plan`."""
    given = [*extra, *([f"-var-file={var_file}"] if var_file is not None else [])]
    return ["plan", *with_overrides(["-input=false", "-refresh=true"], given), f"-out={out}"]


def apply_arguments(extra: Iterable[str], *, plan: Path) -> list[str]:
    """Spell `apply` of a saved plan."""
    return ["apply", *with_overrides(["-input=false", "-auto-approve"], extra), str(plan)]
