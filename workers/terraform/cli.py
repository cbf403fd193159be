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
    """Spell `init`; without a lock file the newest allowed providers are chosen.

    Terraform refuses `-upgrade` together with `-lockfile=readonly`: whoever writes that wants no new choice.
    """
    given = list(extra)
    fixed = any(argument.lstrip("-") == "lockfile=readonly" for argument in given)
    return ["init", *with_overrides(["-input=false", *(["-upgrade"] if upgrade and not fixed else [])], given)]


def plan_arguments(
    extra: Iterable[str], *, out: Path | None, var_file: Path | None, destroy: bool = False
) -> list[str]:
    """Spell `plan`; without `out` nothing is saved, and the text is all there is: so it has no colours."""
    defaults = ["-input=false", "-refresh=true", *(["-destroy"] if destroy else [])]
    given = [*extra, *_own(var_file)]
    return ["plan", *with_overrides(defaults, given), "-no-color" if out is None else f"-out={out}"]


def apply_arguments(extra: Iterable[str], *, plan: Path) -> list[str]:
    """Spell `apply` of a saved plan."""
    return ["apply", *with_overrides(["-input=false", "-auto-approve"], extra), str(plan)]


def remote_apply_arguments(extra: Iterable[str], *, var_file: Path | None, destroy: bool) -> list[str]:
    """Spell `apply` where Terraform Cloud or Enterprise keeps the plan: it plans again, and asks."""
    defaults = ["-input=false", *(["-destroy"] if destroy else [])]
    return ["apply", *with_overrides(defaults, [*extra, *_own(var_file)]), "-no-color"]


def import_arguments(extra: Iterable[str], *, var_file: Path | None, address: str, id_: str) -> list[str]:
    """Spell `import`; behind `--` nothing is an option (`import x --version` would print a version)."""
    return ["import", *with_overrides(["-input=false"], [*extra, *_own(var_file)]), "--", address, id_]


def state_rm_arguments(extra: Iterable[str], *, addresses: Iterable[str]) -> list[str]:
    """Spell `state rm`."""
    return ["state", "rm", *extra, "--", *addresses]


def _own(var_file: Path | None) -> list[str]:
    return [] if var_file is None else [f"-var-file={var_file}"]
