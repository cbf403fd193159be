"""Where paths lead inside a commit: directories, symbolic links, and who calls whom."""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from workers.discovery.hcl import SUFFIXES
from workers.git.client import Entry

_MAX_HOPS = 40  # as the kernel has it
_INSTALLED = ".terraform"  # what `terraform init` writes; committed by mistake, it is nobody's code


@dataclass(frozen=True)
class Layout:
    """The files of a commit, and the targets of its symbolic links."""

    files: Mapping[str, Entry]
    links: Mapping[str, str]

    def follow(self, directory: str, relative: str) -> str | None:
        """Find what a relative path means from a directory; None when it leads out of the repository."""
        if relative.startswith("/"):
            return None
        place = [] if directory == "." else directory.split("/")
        pending = relative.split("/")[::-1]
        hops = 0
        while pending:
            part = pending.pop()
            if part == "..":
                if not place:
                    return None
                place.pop()
            elif part not in {"", "."}:
                target = self.links.get("/".join([*place, part]))
                if target is None:
                    place.append(part)
                    continue
                hops += 1
                if hops > _MAX_HOPS or target.startswith("/"):
                    return None
                pending += target.split("/")[::-1]
        return "/".join(place) or "."

    def file(self, path: str) -> Entry | None:
        """Find a file by its path, through symbolic links."""
        place = self.follow(".", path)
        return None if place is None else self.files.get(place)


def directory_of(path: str) -> str:
    """Name the directory of a file; the repository's own is `.`."""
    return posixpath.dirname(path) or "."


def module_files(paths: Iterable[str]) -> dict[str, list[str]]:
    """Group the files that Terraform or OpenTofu reads by directory; `x.tofu` stands in for `x.tf`."""
    code = {path for path in paths if _is_code(path)}
    found: dict[str, list[str]] = {}
    for path in sorted(code):
        if _in_tofu(path) == path or _in_tofu(path) not in code:
            found.setdefault(directory_of(path), []).append(path)
    return found


def var_files(directories: Iterable[str], paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Name the variable files of each root directory: those in it and those in its `env` directory."""
    found: dict[str, list[str]] = {}
    for path in sorted(paths):
        if not path.endswith((".tfvars", ".tfvars.json")):
            continue
        folder = directory_of(path)
        found.setdefault(folder, []).append(path)
        if posixpath.basename(folder) == "env":
            found.setdefault(directory_of(folder), []).append(path)
    return {directory: tuple(found[directory]) for directory in sorted(directories) if directory in found}


def _is_code(path: str) -> bool:
    name = posixpath.basename(path)
    return name.endswith(SUFFIXES) and not name.startswith((".", "#")) and _INSTALLED not in path.split("/")


def _in_tofu(path: str) -> str:
    """Name the file that OpenTofu would read instead."""
    for suffix in (".tf", ".tf.json"):
        if path.endswith(suffix):
            return path.removesuffix(suffix) + suffix.replace(".tf", ".tofu")
    return path
