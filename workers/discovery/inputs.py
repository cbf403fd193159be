"""Everything that a plan of a commit can read, named by content: what has the same names plans the same."""

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping

from workers.discovery.graph import Layout, directory_of
from workers.discovery.hcl import Reading
from workers.discovery.outside import ANYTHING
from workers.protocol.results import CodeInputs

_MOST_DIRECTORIES = 3000
_VERSION_FILES = (".terraform-version", ".opentofu-version")


def code_inputs(
    layout: Layout,
    directories: Mapping[str, str],
    *,
    modules: Collection[str],
    calls: Mapping[str, tuple[str, ...]],
    readings: Mapping[str, Reading],
) -> CodeInputs:
    """Put together what code can read. `directories` names all of them by content; `readings` are by path."""
    reads: dict[str, set[str]] = {}
    for directory, path in _outward(layout, modules, readings):
        reads.setdefault(_home(directory, modules), set()).add(path)
    named = {path for paths in reads.values() for path in paths}
    wanted = {".", *modules, *(called for targets in calls.values() for called in targets), *named, *reads}
    kept = directories if len(directories) <= _MOST_DIRECTORIES else directories.keys() & wanted
    files = {path for path in layout.files if "/" not in path} | (named & layout.files.keys())
    return CodeInputs(
        objects={path: directories[path] for path in sorted(kept)}
        | {path: layout.files[path].sha for path in sorted(files)},
        calls=calls,
        reads={directory: tuple(sorted(paths)) for directory, paths in sorted(reads.items())},
    )


def _outward(layout: Layout, modules: Collection[str], readings: Mapping[str, Reading]) -> Iterator[tuple[str, str]]:
    """Find what leads out of a directory: text that says so, links, and version files further up."""
    for path, reading in readings.items():
        for one in reading.reads:
            yield directory_of(path), _followed(layout, directory_of(path), one)
    for link, target in layout.links.items():
        place = layout.follow(directory_of(link), target)
        if place is None or not _is_below(place, directory_of(link)):
            yield directory_of(link), place or ANYTHING
    versions = [path for path in layout.files if posixpath.basename(path) in _VERSION_FILES]
    for path in versions:
        for directory in modules:
            if directory != directory_of(path) and _is_below(directory, directory_of(path)):
                yield directory, path


def _followed(layout: Layout, directory: str, relative: str) -> str:
    return ANYTHING if relative == ANYTHING else layout.follow(directory, relative) or ANYTHING


def _home(directory: str, modules: Collection[str]) -> str:
    """Name the module that a directory is part of: itself, or the nearest above it; else itself."""
    return next((one for one in _upwards(directory) if one in modules), directory)


def _upwards(directory: str) -> Iterable[str]:
    yield directory
    while directory != ".":
        directory = directory_of(directory)
        yield directory


def _is_below(path: str, directory: str) -> bool:
    return directory in {".", path} or path.startswith(f"{directory}/")
