"""Which version a project wants: its configuration, its code, its version file, the worker's default."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion
from packaging.version import Version as Parsed

from workers.protocol.jobs import TerraformChoice
from workers.terraform.binary import Distribution

_REQUIRED = re.compile(r'^\s*required_version\s*=\s*"([^"]+)"', re.MULTILINE)
_EXACT = re.compile(r"\s*=?\s*v?(\d+\.\d+\.\d+(?:-[\w.]+)?)\s*")
_VERSION_FILES = {"terraform": (".terraform-version",), "opentofu": (".opentofu-version", ".terraform-version")}
_SUFFIXES = {"terraform": (".tf",), "opentofu": (".tf", ".tofu")}


def wanted(
    choice: TerraformChoice,
    folder: Path,
    *,
    distribution: Distribution,
    default: str | None,
    available: Collection[str] = (),
) -> str | None:
    """Choose a version; None means whatever is on the PATH.

    Of a range the pinned or default version is taken if it fits, else the newest that is at hand. If none
    fits, the default stands and Terraform itself says what it misses.
    """
    if choice.version:
        return choice.version.removeprefix("v")
    constraints = sorted(set(_constraints(folder, _SUFFIXES[distribution])))
    if len(constraints) == 1 and (exact := _EXACT.fullmatch(constraints[0])):
        return exact.group(1)
    usual = _pinned(folder, distribution) or (default.removeprefix("v") if default else None)
    if not constraints or usual is None or _fits(usual, constraints):
        return usual
    fitting = [version for version in available if _fits(version, constraints)]
    return max(fitting, key=Parsed, default=usual)


def _pinned(folder: Path, distribution: Distribution) -> str | None:
    for name in _VERSION_FILES[distribution]:
        file = folder / name
        if file.is_file() and (found := _EXACT.fullmatch(file.read_text(encoding="utf-8", errors="replace"))):
            return found.group(1)
    return None


def _constraints(folder: Path, suffixes: Collection[str]) -> Iterator[str]:
    for file in folder.iterdir():
        if file.suffix in suffixes and file.is_file():
            yield from _REQUIRED.findall(file.read_text(encoding="utf-8", errors="replace"))


def _fits(version: str, constraints: Collection[str]) -> bool:
    return all(satisfies(version, constraint) for constraint in constraints)


def satisfies(version: str, constraint: str) -> bool:
    """Say whether a version is within a Terraform constraint (`~> 1.5, < 2`)."""
    try:
        spec = SpecifierSet(",".join(_specifier(part.strip()) for part in constraint.split(",")))
        return spec.contains(Parsed(version), prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return False


def _specifier(part: str) -> str:
    """Write one part of Terraform's constraint as Python's."""
    if part.startswith("~>"):
        base = part.removeprefix("~>").strip()
        return f"~={base}" if "." in base else f">={base}"
    return re.sub(r"^(=\s*)?(?=v?\d)", "==", part)
