"""Which version a project wants: its configuration, its code, its version file, the worker's default."""

import re
from collections.abc import Iterable
from pathlib import Path

from workers.protocol.jobs import TerraformChoice
from workers.terraform.binary import Distribution

_REQUIRED = re.compile(r'^\s*required_version\s*=\s*"([^"]+)"', re.MULTILINE)
_EXACT = re.compile(r"\s*=?\s*v?(\d+\.\d+\.\d+(?:-[\w.]+)?)\s*")
_VERSION_FILES = {"terraform": ".terraform-version", "opentofu": ".opentofu-version"}
_SUFFIXES = (".tf", ".tofu")


def wanted(choice: TerraformChoice, folder: Path, *, distribution: Distribution, default: str | None) -> str | None:
    """Choose a version; None means whatever is on the PATH.

    An exact `required_version` decides; a range does not: Terraform itself says so if the default is
    outside of it.
    """
    if choice.version:
        return choice.version
    constraints = set(_constraints(folder))
    if len(constraints) == 1 and (exact := _EXACT.fullmatch(next(iter(constraints)))):
        return exact.group(1)
    pinned = folder / _VERSION_FILES[distribution]
    if pinned.is_file() and (found := _EXACT.fullmatch(pinned.read_text(errors="replace"))):
        return found.group(1)
    return default


def _constraints(folder: Path) -> Iterable[str]:
    for file in sorted(folder.iterdir()):
        if file.suffix in _SUFFIXES and file.is_file():
            yield from _REQUIRED.findall(file.read_text(errors="replace"))
