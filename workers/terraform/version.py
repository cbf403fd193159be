"""Which version a project wants: its configuration, its code, its version file, the worker's default."""

import json
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion
from packaging.version import Version as Parsed

from workers.protocol.jobs import TerraformChoice
from workers.terraform.binary import Distribution

_REQUIRED = re.compile(r'^\s*required_version\s*=\s*"([^"]+)"', re.MULTILINE)
_EXACT = re.compile(r"\s*=?\s*v?(\d+\.\d+\.\d+(?:-[\w.]+)?)\s*")
_VERSION_FILES = {"terraform": ".terraform-version", "opentofu": ".opentofu-version"}
_SUFFIXES = {"terraform": (".tf", ".tf.json"), "opentofu": (".tf", ".tf.json", ".tofu", ".tofu.json")}
_LARGEST = 4 * 1024 * 1024


def wanted(
    choice: TerraformChoice,
    folder: Path,
    *,
    distribution: Distribution,
    default: str | None,
    available: Collection[str] = (),
    offered: Callable[[], Collection[str]] = tuple,
    root: Path | None = None,
) -> str | None:
    """Choose a version; None means whatever is on the PATH.

    Of a range the pinned or default version is taken if it fits, else the newest that is at hand, else the
    newest that is `offered` for download. If none fits, the default stands and Terraform itself says what it
    misses. A version file counts for the folders below its own, up to `root`.
    """
    if choice.version:
        return choice.version.removeprefix("v")
    constraints = sorted(set(_constraints(folder, distribution)))
    if len(constraints) == 1 and (exact := _EXACT.fullmatch(constraints[0])):
        return exact.group(1)
    usual = _pinned(folder, distribution, root or folder) or (default.removeprefix("v") if default else None)
    if not constraints or (usual is not None and _fits(usual, constraints)):
        return usual
    return _newest(available, constraints) or _newest(offered(), constraints) or usual


def _pinned(folder: Path, distribution: Distribution, root: Path) -> str | None:
    above = [place for place in (folder, *folder.parents) if place.is_relative_to(root)]
    for place in above:
        file = place / _VERSION_FILES[distribution]
        if file.is_file() and (found := _EXACT.fullmatch(_text(file))):
            return found.group(1)
    return None


def _constraints(folder: Path, distribution: Distribution) -> Iterator[str]:
    suffixes = _SUFFIXES[distribution]
    for file in sorted(folder.iterdir()):
        if not file.name.endswith(suffixes) or not file.is_file() or _is_shadowed(file, distribution):
            continue
        if file.name.endswith(".json"):
            yield from _in_json(_text(file))
        else:
            yield from _REQUIRED.findall(_text(file))


def _is_shadowed(file: Path, distribution: Distribution) -> bool:
    """Say whether OpenTofu reads another file in its place: `x.tofu` stands in for `x.tf`."""
    if distribution != "opentofu":
        return False
    for suffix, other in ((".tf", ".tofu"), (".tf.json", ".tofu.json")):
        if file.name.endswith(suffix):
            return file.with_name(file.name.removesuffix(suffix) + other).is_file()
    return False


def _in_json(text: str) -> Iterator[str]:
    try:
        blocks = _listed(json.loads(text).get("terraform"))
    except (ValueError, AttributeError, RecursionError):  # Terraform says what is wrong with it
        return
    for block in blocks:
        found = block.get("required_version") if isinstance(block, dict) else None
        if isinstance(found, str):
            yield found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(_LARGEST).decode("utf-8-sig", "replace")


def _fits(version: str, constraints: Collection[str]) -> bool:
    return all(satisfies(version, constraint) for constraint in constraints)


def _newest(versions: Collection[str], constraints: Collection[str]) -> str | None:
    fitting = [one for one in versions if _fits(one, constraints) and _is_usual(one, constraints)]
    return max(fitting, key=Parsed, default=None)


def _is_usual(version: str, constraints: Collection[str]) -> bool:
    """Leave pre-releases to those who name one."""
    return "-" not in version or any("-" in constraint for constraint in constraints)


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
